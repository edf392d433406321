"""Capture: documents through /capture, single events through /events."""

from typing import Any

import pytest

from tests.conformance.samples import (
    Event,
    declared_wrong,
    document,
    lot,
    moment,
    named,
    new_id,
    observed,
    place,
    query_document,
    sgtin,
    sscc,
    with_context,
    without,
)
from tests.conformance.server import (
    JSON,
    JSON_LD,
    Server,
    assert_problem,
    events_in,
    ids_of,
    item_path,
)

COMMON: dict[str, Any] = {
    "action": "OBSERVE",
    "eventTime": moment(0),
    "eventTimeZoneOffset": "+02:00",
    "bizStep": "inspecting",
}
TYPES: dict[str, Event] = {
    "ObjectEvent": {"epcList": [sgtin("object")]},
    "AggregationEvent": {"parentID": sscc(), "childEPCs": [sgtin("child")]},
    "AssociationEvent": {"parentID": sscc(), "childEPCs": [sgtin("sensor")]},
    "TransactionEvent": {
        "epcList": [sgtin("sold")],
        "bizTransactionList": [{"type": "po", "bizTransaction": named("orders", "1")}],
    },
    "TransformationEvent": {
        "inputQuantityList": [{"epcClass": lot("in"), "quantity": 4, "uom": "KGM"}],
        "outputEPCList": [sgtin("made")],
        "transformationID": named("processes", "1"),
    },
}


def example(kind: str) -> Event:
    event: Event = {"type": kind, "eventID": new_id(), **COMMON, **TYPES[kind]}
    return without(event, "action") if kind == "TransformationEvent" else event


# ------------------------------------------------------------------------------ /capture


def test_12_6_capture_answers_202_with_a_location(server: Server) -> None:
    answer = server.post("/capture", document(observed()))

    assert answer.status_code == 202
    assert server.job_of(answer)["captureID"] in answer.headers["location"]


def test_12_6_the_job_tells_how_it_ended(server: Server) -> None:
    job = server.job_of(server.post("/capture", document(observed())))

    assert (job["running"], job["success"]) == (False, True)
    assert job["createdAt"] <= job["finishedAt"]
    assert not job.get("errors")


def test_12_6_rollback_is_the_default(server: Server) -> None:
    job = server.job_of(server.post("/capture", document(observed())))
    assert job["captureErrorBehaviour"] == "rollback"


def test_12_6_with_rollback_one_wrong_event_rejects_all(server: Server) -> None:
    good, wrong = observed(), observed(action="MAYBE")
    answer = server.post("/capture", document(good, wrong), GS1_Capture_Error_Behaviour="rollback")

    if answer.status_code == 202:
        assert server.job_of(answer)["success"] is False
    else:
        assert_problem(answer, 400, "ValidationException")
    server.capture(later := observed())
    assert server.event(later["eventID"])
    assert server.query({"EQ_eventID": good["eventID"]}) == []


def test_12_6_with_proceed_the_good_events_are_captured(server: Server) -> None:
    server.declares("GS1-Capture-Error-Behaviour", "proceed", "all")
    first = observed(sgtin("first"))
    server.capture(first)
    server.event(first["eventID"])
    good, clash = observed(), first | {"epcList": [sgtin("other")]}
    job = server.job_of(server.post("/capture", document(clash, good), GS1_Capture_Error_Behaviour="proceed"))

    assert job["captureErrorBehaviour"] == "proceed"
    assert job["success"] is False
    assert job.get("errors") or job.get("errorFile")
    assert server.event(good["eventID"])


def test_12_6_an_unknown_error_behaviour_is_refused(server: Server) -> None:
    answer = server.post("/capture", document(observed()), GS1_Capture_Error_Behaviour="maybe")
    assert_problem(answer, 400, "ValidationException")


def test_12_6_the_answer_of_another_server_can_be_captured(server: Server) -> None:
    event = observed()
    assert server.job_of(server.post("/capture", query_document(event)))["success"] is True
    assert server.event(event["eventID"])


def test_12_6_a_document_without_events_captures_nothing(server: Server) -> None:
    answer = server.post("/capture", document())
    assert answer.status_code in (202, 400)


@pytest.mark.parametrize("media_type", [JSON, JSON_LD])
def test_12_6_documents_come_as_json_and_json_ld(server: Server, media_type: str) -> None:
    event = observed()
    answer = server.post("/capture", document(event), Content_Type=media_type)
    assert server.job_of(answer)["success"] is True


def test_12_6_jobs_are_listed(server: Server) -> None:
    job = server.capture(observed())
    listed = [entry for page in server.pages("/capture", {"perPage": "100"}) for entry in page.json()]

    assert job["captureID"] in [entry["captureID"] for entry in listed]
    assert all({"captureID", "running", "success"} <= entry.keys() for entry in listed)


def test_14_8_a_document_with_too_many_events_is_413(server: Server) -> None:
    limit = int(server.options("/capture").headers["GS1-EPCIS-Capture-Limit"])
    if limit > 10_000:
        pytest.skip(f"the limit is {limit} events: too many to send in a test")
    events = [observed() for _ in range(limit + 1)]
    assert_problem(server.post("/capture", document(*events)), 413, "CaptureLimitExceededException")


def test_14_8_a_document_with_too_many_bytes_is_413(server: Server) -> None:
    limit = int(server.options("/capture").headers["GS1-EPCIS-Capture-File-Size-Limit"])
    if limit > 64 * 1024 * 1024:
        pytest.skip(f"the limit is {limit} bytes: too many to send in a test")
    assert_problem(server.post("/capture", b" " * (limit + 1)), 413, "CaptureLimitExceededException")


@pytest.mark.parametrize("path", ["/capture", "/events"])
@pytest.mark.parametrize("media_type", ["text/plain", "application/pdf"])
def test_rest_a_body_in_an_unknown_format_is_415(server: Server, path: str, media_type: str) -> None:
    answer = server.post(path, b"hello", Content_Type=media_type)
    assert_problem(answer, 415, "UnsupportedMediaTypeException")


@pytest.mark.parametrize("path", ["/capture", "/events"])
@pytest.mark.parametrize(
    "body", [b"{]", b'"text"', b"{}", b""], ids=["cut", "text", "empty_object", "nothing"]
)
def test_rest_a_body_that_is_no_epcis_is_400(server: Server, path: str, body: bytes) -> None:
    assert_problem(server.post(path, body), 400, "ValidationException")


# ------------------------------------------------------------------------------ events


@pytest.mark.parametrize("kind", TYPES)
def test_7_4_events_of_each_type_come_back_as_they_were_sent(server: Server, kind: str) -> None:
    event = example(kind)
    server.capture(event)
    found = server.event(event["eventID"])

    assert found["type"] == kind
    for name in event.keys() - {"eventTime"}:
        assert found[name] == event[name], name


def test_7_4_1_an_event_without_an_event_id_gets_one(server: Server) -> None:
    seen_at = place("minting")
    server.capture(without(observed(readPoint={"id": seen_at}), "eventID"))
    (found,) = server.wait_for_events({"EQ_readPoint": seen_at}, 1)

    assert found["eventID"]
    assert ids_of(events_in(server.get(item_path("events", found["eventID"])))) == [found["eventID"]]


def test_7_4_1_2_an_error_declaration_stands_beside_the_event(server: Server) -> None:
    event = observed()
    server.capture(event)
    server.capture(declared_wrong(event, correctiveEventIDs=[new_id()]))
    server.wait_for_events({"EQ_eventID": event["eventID"]}, 2)
    found = events_in(server.get(item_path("events", event["eventID"])))

    assert ids_of(found) == [event["eventID"]] * 2
    assert sorted("errorDeclaration" in entry for entry in found) == [False, True]


def test_14_3_a_record_time_that_is_sent_is_ignored(server: Server) -> None:
    event = observed(recordTime="2001-01-01T00:00:00.000Z")
    server.capture(event)
    assert not server.event(event["eventID"])["recordTime"].startswith("2001")


def test_14_5_answers_tell_when_each_event_was_recorded(server: Server) -> None:
    event = observed()
    server.capture(event)
    assert server.event(event["eventID"])["recordTime"] > event["eventTime"]


def test_rest_extension_fields_come_back(server: Server) -> None:
    event = observed(**{"ex:colour": "red", "ex:layers": {"ex:count": 3}})
    server.capture(event)
    answer = server.get(item_path("events", event["eventID"]))
    (found,) = events_in(answer)
    values = {name.rpartition(":")[2].rpartition("/")[2]: value for name, value in found.items()}

    assert values["colour"] == "red"
    assert list(values["layers"].values()) == [3]


# ------------------------------------------------------------------------------ POST /events


def test_rest_one_event_is_captured_at_once(server: Server) -> None:
    event = observed()
    answer = server.post("/events", with_context(event))

    assert answer.status_code == 201
    found = server.client.get(server.url(answer.headers["location"]))
    assert ids_of(events_in(found)) == [event["eventID"]]


def test_rest_one_event_without_an_event_id_gets_one(server: Server) -> None:
    answer = server.post("/events", with_context(without(observed(sgtin("unnamed")), "eventID")))

    assert answer.status_code == 201
    assert len(events_in(server.client.get(server.url(answer.headers["location"])))) == 1


def test_rest_another_event_under_a_known_event_id_is_409(server: Server) -> None:
    event = observed()
    assert server.post("/events", with_context(event)).status_code == 201
    answer = server.post("/events", with_context(event | {"epcList": [sgtin("another")]}))
    assert_problem(answer, 409, "ResourceAlreadyExistsException")


def test_rest_the_same_event_again_is_409(server: Server) -> None:
    event = observed()
    assert server.post("/events", with_context(event)).status_code == 201
    assert_problem(server.post("/events", with_context(event)), 409, "ResourceAlreadyExistsException")


@pytest.mark.parametrize(
    "fault",
    [{"action": "MAYBE"}, {"eventTime": "noon"}, {"eventTimeZoneOffset": "UTC"}, {"type": "PartyEvent"}],
    ids=lambda fault: next(iter(fault)),
)
def test_rest_a_wrong_event_is_400(server: Server, fault: dict[str, str]) -> None:
    answer = server.post("/events", with_context(observed() | fault))
    assert_problem(answer, 400, "ValidationException")


@pytest.mark.parametrize("missing", ["type", "action", "eventTime", "eventTimeZoneOffset"])
def test_rest_an_event_without_what_it_needs_is_400(server: Server, missing: str) -> None:
    answer = server.post("/events", with_context(without(observed(), missing)))
    assert_problem(answer, 400, "ValidationException")


def test_rest_several_events_are_not_one_event(server: Server) -> None:
    assert_problem(server.post("/events", document(observed(), observed())), 400, "ValidationException")
