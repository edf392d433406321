"""Lists come in pages: perPage, nextPageToken and Link rel="next"."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.conformance.samples import observed, place, sgtin
from tests.conformance.server import Server, assert_problem, events_in, ids_of, item_path, next_link

COUNT = 35


@pytest.fixture(scope="module")
def dock(server: Server) -> str:
    """A read point at which more events were seen than a page holds by default."""
    dock = place("paging")
    events = [observed(sgtin(f"p{n}"), readPoint={"id": dock}) for n in range(COUNT)]
    for start in range(0, COUNT, 10):
        server.capture(*events[start : start + 10])
    server.wait_for_events({"EQ_readPoint": dock, "perPage": "100"}, COUNT)
    return dock


def test_rest_a_page_holds_30_events_unless_asked_otherwise(server: Server, dock: str) -> None:
    first, second = server.pages("/events", {"EQ_readPoint": dock})
    assert (len(events_in(first)), len(events_in(second))) == (30, COUNT - 30)


@pytest.mark.parametrize("per_page", [1, 7, COUNT, 100])
def test_rest_the_pages_hold_every_event_once(server: Server, dock: str, per_page: int) -> None:
    params = {"EQ_readPoint": dock, "perPage": str(per_page)}
    pages = [events_in(page) for page in server.pages("/events", params)]
    ids = ids_of([event for page in pages for event in page])

    assert all(len(page) <= per_page for page in pages)
    assert len(ids) == len(set(ids)) == COUNT


def test_rest_pages_keep_the_order_that_was_asked_for(server: Server, dock: str) -> None:
    params = {"EQ_readPoint": dock, "perPage": "8", "orderBy": "recordTime", "orderDirection": "ASC"}
    times = [event["recordTime"] for event in server.query(params)]
    assert len(times) == COUNT
    assert times == sorted(times)


def test_rest_the_last_page_has_no_next(server: Server, dock: str) -> None:
    *_, last = server.pages("/events", {"EQ_readPoint": dock})
    assert next_link(last) is None


def test_rest_a_capture_between_two_pages_neither_repeats_nor_hides_an_event(server: Server) -> None:
    dock = place("busy")
    events = [observed(sgtin(f"b{n}"), readPoint={"id": dock}) for n in range(6)]
    server.capture(*events)
    server.wait_for_events({"EQ_readPoint": dock}, 6)
    seen = []
    for page in server.pages("/events", {"EQ_readPoint": dock, "perPage": "2"}):
        seen += ids_of(events_in(page))
        server.capture(observed(readPoint={"id": dock}))
        assert len(seen) < 20

    assert len(seen) == len(set(seen))
    assert set(seen) >= {event["eventID"] for event in events}


def test_rest_event_count_limit_spans_the_pages(server: Server, dock: str) -> None:
    params = {"EQ_readPoint": dock, "perPage": "4", "orderBy": "eventTime", "eventCountLimit": "10"}
    assert len(server.query(params)) == 10


@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_rest_a_page_of_no_size_is_refused(server: Server, value: str) -> None:
    answer = server.get("/events", {"perPage": value})
    assert_problem(answer, 400, "QueryParameterException", "QueryValidationException", "ValidationException")


def test_rest_a_token_that_nobody_gave_is_refused(server: Server) -> None:
    answer = server.get("/events", {"nextPageToken": "x"})
    assert_problem(answer, 400, "QueryParameterException", "QueryValidationException", "ValidationException")


def test_rest_the_expiry_of_a_token_is_a_time(server: Server, dock: str) -> None:
    expires = server.get("/events", {"EQ_readPoint": dock}).headers.get("GS1-Next-Page-Token-Expires")
    if expires is None:
        pytest.skip("the server does not tell when its tokens expire")
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", expires)


def test_rest_a_token_can_be_released(server: Server, dock: str) -> None:
    link = next_link(server.get("/events", {"EQ_readPoint": dock}))
    assert link
    (token,) = parse_qs(urlsplit(link).query)["nextPageToken"]
    assert server.request("DELETE", item_path("nextPageToken", token)).status_code in (204, 501)


def test_rest_the_list_of_capture_jobs_has_pages(server: Server) -> None:
    server.capture(observed())
    server.capture(observed())
    answer = server.get("/capture", {"perPage": "1"})

    assert answer.status_code == 200
    assert len(answer.json()) == 1
    link = next_link(answer)
    assert link
    assert server.client.get(server.url(link)).json() != answer.json()
