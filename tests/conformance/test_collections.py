"""The collections of known values, what lies below each value, and the events there."""

import pytest

from tests.conformance.samples import Event, observed, place, sgtin, sgtin_urn
from tests.conformance.server import Server, assert_problem, ids_of, item_path

STEP, DISPOSITION = "void_shipping", "needs_replacement"
STORE, GATE, ITEM = place("shelf"), place("portal"), "collected"
VALUES = {
    "eventTypes": "ObjectEvent",
    "epcs": sgtin(ITEM),
    "bizSteps": STEP,
    "bizLocations": STORE,
    "readPoints": GATE,
    "dispositions": DISPOSITION,
}


@pytest.fixture(scope="module")
def event(server: Server) -> Event:
    """An event that stands in every collection."""
    event = observed(
        sgtin(ITEM),
        bizStep=STEP,
        disposition=DISPOSITION,
        bizLocation={"id": STORE},
        readPoint={"id": GATE},
    )
    server.capture(event)
    server.event(event["eventID"])
    return event


@pytest.mark.parametrize(("collection", "value"), VALUES.items())
def test_rest_a_collection_lists_the_known_values(
    server: Server, event: Event, collection: str, value: str
) -> None:
    answer = server.get(f"/{collection}")
    assert answer.json()["type"] == "Collection"
    assert "@context" in answer.json()
    assert value in server.members(f"/{collection}")


@pytest.mark.parametrize(("collection", "value"), VALUES.items())
def test_rest_each_value_names_its_sub_resources(
    server: Server, event: Event, collection: str, value: str
) -> None:
    answer = server.get(item_path(collection, value))
    assert answer.status_code == 200
    assert "events" in answer.json()["member"]


@pytest.mark.parametrize(("collection", "value"), VALUES.items())
def test_rest_the_events_of_a_value_are_found(
    server: Server, event: Event, collection: str, value: str
) -> None:
    params = {"EQ_eventID": event["eventID"]}
    found = server.query(params, item_path(collection, value, "events"))
    assert ids_of(found) == [event["eventID"]]


@pytest.mark.parametrize(
    ("collection", "value"),
    [("eventTypes", "AggregationEvent"), ("bizSteps", "shipping"), ("dispositions", "in_transit")],
)
def test_rest_the_events_of_other_values_are_not_there(
    server: Server, event: Event, collection: str, value: str
) -> None:
    params = {"EQ_eventID": event["eventID"]}
    answer = server.get(item_path(collection, value, "events"), params)
    if answer.status_code != 404:  # a value that the server never saw may be unknown
        assert server.query(params, item_path(collection, value, "events")) == []


@pytest.mark.parametrize("spelling", [sgtin(ITEM), sgtin_urn(ITEM)], ids=["digital_link", "urn"])
def test_rest_an_epc_is_found_in_either_spelling(server: Server, event: Event, spelling: str) -> None:
    found = server.query({}, item_path("epcs", spelling, "events"))
    assert ids_of(found) == [event["eventID"]]


def test_rest_events_of_a_value_can_be_filtered_further(server: Server, event: Event) -> None:
    path = item_path("epcs", sgtin(ITEM), "events")
    assert server.query({"EQ_bizStep": "shipping"}, path) == []
    assert len(server.query({"EQ_bizStep": STEP}, path)) == 1


def test_rest_the_five_event_types_are_listed(server: Server) -> None:
    types = {"ObjectEvent", "AggregationEvent", "AssociationEvent", "TransactionEvent", "TransformationEvent"}
    assert set(server.members("/eventTypes")) >= types


def test_rest_the_standard_business_steps_and_dispositions_are_listed(server: Server) -> None:
    assert set(server.members("/bizSteps")) >= {"accepting", "sampling", "void_shipping"}
    assert set(server.members("/dispositions")) >= {"active", "mismatch_class", "unknown"}


def test_rest_a_collection_has_pages(server: Server, event: Event) -> None:
    pages = [page.json()["member"] for page in server.pages("/bizSteps", {"perPage": "25"})]
    members = [member for page in pages for member in page]

    assert len(pages) >= 2
    assert all(len(page) <= 25 for page in pages)
    assert len(members) == len(set(members))


def test_rest_a_wrong_parameter_is_refused_below_a_collection_too(server: Server, event: Event) -> None:
    answer = server.get(item_path("bizSteps", STEP, "events"), {"GE_eventTime": "noon"})
    assert_problem(answer, 400, "QueryParameterException", "QueryValidationException", "ValidationException")
