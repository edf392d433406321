"""Queries through the service: pages, tokens, limits, known values."""

import base64
import json

import pytest

from ledger.domain.errors import Invalid, QueryTooLarge
from ledger.domain.event_query import EventQuery
from ledger.domain.query import parse_query
from ledger.domain.vocabulary import BIZ_STEP
from ledger.query import PER_PAGE_MAX, Page, find_new, known_values, run_query
from tests.services.world import SGTIN, World, made, seen

ALL = parse_query({})


def minute(n: int) -> str:
    return f"2026-11-02T{8 + n // 60:02}:{n % 60:02}:00.000Z"


def see(world: World, start: int, stop: int) -> None:
    """Capture sightings, one a minute; every second one is a receipt."""
    steps = ("receiving", "storing")
    world.capture(*(seen(f"S{n}", eventTime=minute(n), bizStep=steps[n % 2]) for n in range(start, stop)))


def indices(page: Page) -> list[int]:
    return [event.log_index for event in page.events]


def all_pages(world: World, query: EventQuery, per_page: int) -> list[list[int]]:
    page = run_query(world.node, query, per_page=per_page)
    pages = [indices(page)]
    while page.next_token:
        page = run_query(world.node, query, per_page=per_page, page_token=page.next_token)
        pages.append(indices(page))
    return pages


def test_a_captured_event_is_found_by_what_it_says(world: World) -> None:
    lot = {"ilmd": {"ex:expires": "2027-01-01"}, "@context": [{"ex": "https://ex.org/"}]}
    world.capture(made("S1", **lot), seen("S2"), made("S3", bizTransactionList=[PURCHASE]))

    for parameters, found in [
        ({"MATCH_anyEPC": "urn:epc:id:sgtin:9506000.013435.S2"}, [1]),
        ({"EQ_action": "ADD"}, [0, 2]),
        ({"EQ_ILMD_https://ex.org/#expires": "2027-01-01"}, [0]),
        ({"EQ_bizTransaction_po": "urn:ex:order:7"}, [2]),
        ({"MATCH_epc": "urn:epc:idpat:sgtin:9506000.*.*", "EQ_bizStep": "receiving"}, [1]),
    ]:
        assert indices(run_query(world.node, parse_query(parameters))) == found


PURCHASE = {"type": "po", "bizTransaction": "urn:ex:order:7"}


def test_a_page_has_thirty_events_and_the_last_page_no_token(world: World) -> None:
    see(world, 0, 65)

    assert [len(page) for page in all_pages(world, ALL, 30)] == [30, 30, 5]
    assert len(run_query(world.node, ALL).events) == 30
    assert all_pages(world, ALL, 65) == [list(range(65))]


def test_a_query_without_answers_is_one_empty_page(world: World) -> None:
    assert run_query(world.node, ALL) == Page((), None)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"EQ_bizStep": "receiving"},
        {"orderBy": "eventTime"},
        {"orderBy": "eventTime", "orderDirection": "ASC"},
        {"orderBy": "recordTime"},
        {"MATCH_epc": SGTIN + "*"},
    ],
    ids=str,
)
def test_captures_between_two_pages_move_nothing(world: World, parameters: dict[str, str]) -> None:
    see(world, 100, 120)
    query = parse_query(parameters)
    (before,) = all_pages(world, query, 100)

    page = run_query(world.node, query, per_page=7)
    found = indices(page)
    fresh = 0
    while page.next_token:
        see(world, fresh, fresh + 2)  # earlier than all that was there
        see(world, 200 + fresh, 202 + fresh)  # and later
        fresh += 2
        page = run_query(world.node, query, per_page=7, page_token=page.next_token)
        found += indices(page)

    assert found == before


def test_a_count_limit_holds_over_all_pages(world: World) -> None:
    see(world, 0, 20)
    newest = {"orderBy": "eventTime", "eventCountLimit": "8"}

    assert all_pages(world, parse_query(newest), 3) == [[19, 18, 17], [16, 15, 14], [13, 12]]
    assert all_pages(world, parse_query(newest), 8) == [[19, 18, 17, 16, 15, 14, 13, 12]]
    assert all_pages(world, parse_query({**newest, "eventCountLimit": "99"}), 30) == [list(range(19, -1, -1))]


def test_more_events_than_the_maximum_are_refused_and_not_cut(world: World) -> None:
    see(world, 0, 10)

    assert all_pages(world, parse_query({"maxEventCount": "10"}), 4) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    with pytest.raises(QueryTooLarge, match="more than 9"):
        run_query(world.node, parse_query({"maxEventCount": "9"}))
    assert indices(run_query(world.node, parse_query({"maxEventCount": "5", "EQ_bizStep": "storing"}))) != []


def test_a_maximum_counts_what_was_there_at_the_first_page(world: World) -> None:
    see(world, 0, 4)
    query = parse_query({"maxEventCount": "4"})
    page = run_query(world.node, query, per_page=3)
    see(world, 4, 6)

    assert indices(run_query(world.node, query, per_page=3, page_token=page.next_token)) == [3]


# --------------------------------------------------------------------------- tokens


def token_of(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def test_a_token_of_another_query_is_refused(world: World) -> None:
    see(world, 0, 10)
    token = run_query(world.node, ALL, per_page=3).next_token
    for other in ({"EQ_bizStep": "storing"}, {"orderBy": "recordTime"}, {"maxEventCount": "99"}):
        with pytest.raises(Invalid, match="not of this query") as refusal:
            run_query(world.node, parse_query(other), page_token=token)
        assert [problem.pointer for problem in refusal.value.problems] == ["/nextPageToken"]


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "ÿ",
        "A" * 9_999,
        token_of(),
        token_of(ALL.fingerprint),
        token_of(ALL.fingerprint, 5, None),
        token_of(ALL.fingerprint, 5, None, "1"),
        token_of(ALL.fingerprint, 5, None, 1, 2),
        token_of(ALL.fingerprint, 2**80, None, 1),
        token_of(ALL.fingerprint, 5, None, 2**80),
        token_of(ALL.fingerprint, -5, None, 1),
        token_of(ALL.fingerprint, 5, -1, 1),
        token_of(ALL.fingerprint, True, None, 1),
        base64.urlsafe_b64encode(b"[" * 5_000).decode(),
    ],
)
def test_what_is_no_token_of_ours_is_refused(world: World, token: str) -> None:
    with pytest.raises(Invalid, match="nextPageToken"):
        run_query(world.node, ALL, page_token=token)


def test_a_token_outlives_the_process_that_gave_it(world: World) -> None:
    see(world, 0, 5)
    token = run_query(world.node, ALL, per_page=3).next_token
    again = parse_query(ALL.to_json())

    assert indices(run_query(world.node, again, per_page=3, page_token=token)) == [3, 4]


def test_a_page_size_is_at_least_one_and_no_more_than_the_node_gives(world: World) -> None:
    see(world, 0, 3)

    assert len(run_query(world.node, ALL, per_page=PER_PAGE_MAX * 10).events) == 3
    with pytest.raises(Invalid, match="perPage"):
        run_query(world.node, ALL, per_page=0)


# --------------------------------------------------------------------------- what is new


def test_new_events_are_found_once_each_however_they_are_asked_for(world: World) -> None:
    query = parse_query({"EQ_bizStep": "receiving", "orderBy": "eventTime", "eventCountLimit": "1"})
    found: list[int] = []
    start = 0
    for batch in range(4):
        see(world, batch * 10, batch * 10 + batch * 3)
        while True:
            events, reached = find_new(world.node, query, start, limit=2)
            found += [event.log_index for event in events]
            if reached == start:
                break
            start = reached

    (expected,) = all_pages(world, parse_query({"EQ_bizStep": "receiving", "orderBy": "recordTime"}), 99)
    assert found == sorted(expected)
    assert start == world.node.store.log_size()


# --------------------------------------------------------------------------- known values


def test_collections_hold_the_words_of_the_standard_and_what_was_captured(world: World) -> None:
    dancing = "https://ex.org/steps/dancing"
    world.capture(
        seen("S1", bizStep=dancing, readPoint={"id": "urn:epc:id:sgln:9506000.13435.1"}), made("S2")
    )

    steps = known_values(world.node, "bizSteps", per_page=100)
    assert set(steps.values) == BIZ_STEP.words | {dancing}
    assert known_values(world.node, "readPoints").values == ("https://id.gs1.org/414/9506000134352/254/1",)
    assert set(known_values(world.node, "epcs").values) == {SGTIN + "S1", SGTIN + "S2"}
    assert known_values(world.node, "bizLocations").values == ()
    assert "ObjectEvent" in known_values(world.node, "eventTypes").values


@pytest.mark.parametrize("collection", ["bizSteps", "epcs", "eventTypes"])
def test_collections_come_page_by_page(world: World, collection: str) -> None:
    see(world, 0, 20)
    whole = known_values(world.node, collection, per_page=1_000)  # type: ignore[arg-type]
    assert whole.next_token is None

    found: list[str] = []
    token = None
    while token is not None or not found:
        page = known_values(world.node, collection, per_page=3, page_token=token)  # type: ignore[arg-type]
        found += page.values
        token = page.next_token
        if token is None:
            break

    assert tuple(found) == whole.values


def test_a_token_of_another_collection_is_refused(world: World) -> None:
    token = known_values(world.node, "bizSteps", per_page=3).next_token
    with pytest.raises(Invalid, match="not of dispositions"):
        known_values(world.node, "dispositions", page_token=token)
