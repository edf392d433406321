"""Queries that have a name: made, listed, run, removed."""

from collections.abc import Iterator

import pytest

from tests.conformance.samples import EXTENSIONS, PREFIXES, RUN, new_id, observed, place
from tests.conformance.server import Server, assert_problem, ids_of, item_path

QUERY_FAULTS = ("QueryParameterException", "QueryValidationException", "ValidationException")
MISSING = ("NoSuchNameException", "NoSuchResourceException")


@pytest.fixture(autouse=True)
def offered(server: Server) -> None:
    server.needs("/queries")


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """A name that is free, and will be again."""
    name = f"q{RUN}{new_id()[-6:]}"
    yield name
    server.request("DELETE", item_path("queries", name))


@pytest.fixture
def dock(server: Server, name: str) -> str:
    """A read point that the query of this name asks about."""
    dock = place(name)
    answer = server.post("/queries", {"name": name, "query": {"EQ_readPoint": [dock]}})
    assert answer.status_code == 201, answer.text
    return dock


def test_rest_a_named_query_is_made(server: Server, name: str) -> None:
    answer = server.post("/queries", {"name": name, "query": {"EQ_bizStep": ["shipping"]}})

    assert answer.status_code == 201
    assert name in answer.headers["location"]


def test_rest_its_definition_can_be_read(server: Server, name: str, dock: str) -> None:
    definition = server.get(item_path("queries", name)).json()
    assert definition["name"] == name
    assert definition["query"]["EQ_readPoint"] == [dock]


def test_rest_named_queries_are_listed(server: Server, name: str, dock: str) -> None:
    listed = [entry for page in server.pages("/queries") for entry in page.json()]
    assert name in [entry["name"] for entry in listed]


def test_rest_its_events_are_what_the_query_matches(server: Server, name: str, dock: str) -> None:
    event = observed(readPoint={"id": dock})
    server.capture(event, observed())
    server.event(event["eventID"])
    path = item_path("queries", name, "events")
    found = [
        e
        for page in server.pages(path)
        for e in page.json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    ]

    assert ids_of(found) == [event["eventID"]]
    assert server.get(path).json()["epcisBody"]["queryResults"]["queryName"] == name


def test_rest_its_events_come_in_pages(server: Server, name: str, dock: str) -> None:
    events = [observed(readPoint={"id": dock}) for _ in range(5)]
    server.capture(*events)
    server.wait_for_events({"EQ_readPoint": dock}, 5)
    found = server.query({"perPage": "2"}, item_path("queries", name, "events"))
    assert sorted(ids_of(found)) == sorted(event["eventID"] for event in events)


def test_rest_a_query_may_use_extension_fields(server: Server, name: str) -> None:
    dock = place(name)
    query = {"@context": PREFIXES, "EQ_ex:colour": ["red"], "EQ_readPoint": [dock]}
    answer = server.post("/queries", {"name": name, "query": query}, GS1_Extensions=EXTENSIONS)
    assert answer.status_code == 201, answer.text
    red = observed(readPoint={"id": dock}, **{"ex:colour": "red"})
    server.capture(red, observed(readPoint={"id": dock}))
    server.event(red["eventID"])
    assert ids_of(server.query({}, item_path("queries", name, "events"))) == [red["eventID"]]


def test_rest_a_name_that_is_taken_is_409(server: Server, name: str, dock: str) -> None:
    answer = server.post("/queries", {"name": name, "query": {"EQ_bizStep": ["packing"]}})
    assert_problem(answer, 409, "ResourceAlreadyExistsException")


@pytest.mark.parametrize(
    "query",
    [{"EQ_colour": ["red"]}, {"GE_eventTime": "noon"}, {"EQ_action": ["MAYBE"]}],
    ids=lambda q: next(iter(q)),
)
def test_rest_a_wrong_query_is_400(server: Server, name: str, query: dict[str, object]) -> None:
    assert_problem(server.post("/queries", {"name": name, "query": query}), 400, *QUERY_FAULTS)
    assert server.get(item_path("queries", name)).status_code == 404


@pytest.mark.parametrize("missing", ["name", "query"])
def test_rest_a_definition_without_what_it_needs_is_400(server: Server, name: str, missing: str) -> None:
    definition: dict[str, object] = {"name": name, "query": {"EQ_bizStep": ["packing"]}}
    del definition[missing]
    assert_problem(server.post("/queries", definition), 400, *QUERY_FAULTS)


@pytest.mark.parametrize(
    "steps", [(), ("events",), ("subscriptions",)], ids=["query", "events", "subscriptions"]
)
def test_rest_a_query_that_nobody_named_is_404(server: Server, steps: tuple[str, ...]) -> None:
    assert_problem(server.get(item_path("queries", f"no{RUN}", *steps)), 404, *MISSING)


def test_rest_a_removed_query_is_gone(server: Server, name: str, dock: str) -> None:
    path = item_path("queries", name)
    assert server.request("DELETE", path).status_code == 204
    assert_problem(server.get(path), 404, *MISSING)
    assert_problem(server.request("DELETE", path), 404, *MISSING)


def test_rest_options_tell_that_a_query_can_be_removed(server: Server, name: str, dock: str) -> None:
    assert "DELETE" in server.options(item_path("queries", name)).headers["allow"]
