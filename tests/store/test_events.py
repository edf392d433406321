"""The log, the events of an item, and capture jobs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ledger.domain.errors import Conflict, NotFound
from ledger.ports import EventIdentity
from ledger.store import SqlStore
from tests.store.samples import capture, event, job, link


def test_an_empty_log_has_size_zero(store: SqlStore) -> None:
    assert store.log_size() == 0
    with store.append() as append:
        assert (append.size, append.recorded_at_ms) == (0, 0)


def test_an_event_comes_back_as_it_was_added(store: SqlStore) -> None:
    plain, declared = event(0), event(1, "urn:uuid:0", declared_ms=0)
    erased = replace(event(2), body=None, salt=None, action=None, biz_step=None, read_point=None)
    with store.append() as append:
        append.add([(plain, [link("a")]), (declared, []), (erased, [link("a")])])

    assert [store.event(i) for i in range(3)] == [plain, declared, erased]
    assert store.log_size() == 3


def test_an_append_continues_where_the_one_before_it_ended(store: SqlStore) -> None:
    capture(store, "a", "b")
    with store.append() as append:
        assert (append.size, append.recorded_at_ms) == (2, event(1).recorded_at_ms)
        append.add([(event(2), [])])
        append.add([(event(3), []), (event(4), [])])
        assert (append.size, append.recorded_at_ms) == (5, event(4).recorded_at_ms)

    assert store.log_size() == 5


def test_an_event_beyond_the_log_is_not_found(store: SqlStore) -> None:
    capture(store, "a")
    with pytest.raises(NotFound, match="event 1"):
        store.event(1)


def test_events_at_many_places_come_in_log_order(store: SqlStore) -> None:
    capture(store, *"a" * 700)
    odd = range(699, 0, -2)
    assert [found.log_index for found in store.events_at(odd)] == list(reversed(odd))
    assert store.events_at([3, 700]) == [event(3)]
    assert store.events_at([]) == []


def test_an_append_that_raises_leaves_nothing(store: SqlStore) -> None:
    def fail() -> None:
        with store.append() as append:
            append.add([(event(0), [link("a")])])
            append.add_job(job("capture-1"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert store.log_size() == 0
    assert store.item_links(link("a").key, 1) == []
    assert store.job("capture-1") is None
    capture(store, "a")
    assert store.log_size() == 1


def test_readers_neither_wait_for_an_open_append_nor_see_it(store: SqlStore) -> None:
    capture(store, "a")
    with store.append() as append:
        append.add([(event(1), [link("a")])])
        assert store.log_size() == 1
        assert len(store.item_links(link("a").key, 2)) == 1

    assert len(store.item_links(link("a").key, 2)) == 2


def test_threads_that_append_at_once_take_turns(store: SqlStore) -> None:
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(capture, store, "a", "b") for _ in range(20)]:
            done.result()

    assert store.log_size() == 40
    assert [index for index, _ in store.item_links(link("a").key, 40)] == list(range(0, 40, 2))


@pytest.mark.parametrize("log_index", [0, 2])
def test_a_leaf_out_of_place_is_a_programming_mistake(store: SqlStore, log_index: int) -> None:
    capture(store, "a")
    with pytest.raises(AssertionError, match=f"event {log_index} cannot be leaf 1"), store.append() as append:
        append.add([(event(log_index), [])])


def test_time_in_the_log_does_not_go_back(store: SqlStore) -> None:
    capture(store, "a")
    before = event(0).recorded_at_ms - 1
    with pytest.raises(AssertionError, match="older"), store.append() as append:
        append.add([(event(1, recorded_at_ms=before), [])])
    with store.append() as append:
        append.add([(event(1, recorded_at_ms=before + 1), [])])

    assert store.log_size() == 2


def test_an_error_declaration_is_another_event_under_the_same_id(store: SqlStore) -> None:
    original, first, second = event(0, "urn:x"), event(1, "urn:x", 5), event(2, "urn:x", 6)
    with store.append() as append:
        append.add([(original, []), (first, []), (second, []), (event(3), [])])

    wanted = [original.identity, second.identity, EventIdentity("urn:x", 7), EventIdentity("urn:y", None)]
    assert store.captured_events(wanted) == {original.identity: original, second.identity: second}
    assert store.events_by_id("urn:x") == [original, first, second]
    assert store.events_by_id("urn:y") == []


@pytest.mark.parametrize("declared_ms", [None, 0, -1])
def test_an_identity_is_captured_once(store: SqlStore, declared_ms: int | None) -> None:
    with store.append() as append:
        append.add([(event(0, "urn:x", declared_ms), [])])
    with pytest.raises(Conflict, match="event_id"), store.append() as append:
        append.add([(event(1, "urn:x", declared_ms), [])])

    assert store.log_size() == 1


def test_of_an_append_that_is_refused_nothing_stays(store: SqlStore) -> None:
    def append_twice() -> None:
        with store.append() as append:
            append.add([(event(1), [link("a")]), (event(2, "urn:uuid:0"), [])])
            append.add_job(job("capture-2"))

    capture(store, "a")
    with pytest.raises(Conflict):
        append_twice()

    assert store.log_size() == 1
    assert store.item_links(link("a").key, 2) == [(0, event(0).leaf_hash)]
    assert store.job("capture-2") is None


def test_thousands_of_identities_are_found_at_once(store: SqlStore) -> None:
    with store.append() as append:
        append.add([(event(i), []) for i in range(1_200)])

    found = store.captured_events([event(i).identity for i in range(600, 2_000)])
    assert set(found) == {event(i).identity for i in range(600, 1_200)}


def test_an_event_in_which_an_item_plays_two_parts_is_listed_once(store: SqlStore) -> None:
    links, key = [link("a", "input"), link("a", "output"), link("b")], link("a").key
    with store.append() as append:
        append.add([(event(0), links), (event(1), [link("a")])])

    assert store.item_events(key, 2, limit=10) == [event(0), event(1)]
    assert store.item_links(key, 2) == [(0, event(0).leaf_hash), (1, event(1).leaf_hash)]
    assert list(store.links_between(0, 1)) == sorted([(key, 0), (link("b").key, 0)])
    assert [store.event_of_link(number, 0, 2) for number in range(5)] == [0, 0, 0, 1, None]
    assert store.event_of_link(3, 0, 1) is None
    assert store.event_links(0) == sorted(links, key=lambda found: (found.key, found.role))


def test_an_items_history_can_be_read_as_of_any_size(store: SqlStore) -> None:
    capture(store, "a", "b", "ab", "", "a")
    key = link("a").key

    histories = [[index for index, _ in store.item_links(key, size)] for size in range(6)]
    assert histories == [[], [0], [0], [0, 2], [0, 2], [0, 2, 4]]
    assert [e.log_index for e in store.item_events(key, 4, limit=10)] == [0, 2]


def test_an_items_events_are_read_page_by_page(store: SqlStore) -> None:
    capture(store, *"abaabaa")
    key = link("a").key

    assert [e.log_index for e in store.item_events(key, 7, limit=2)] == [0, 2]
    assert [e.log_index for e in store.item_events(key, 7, start=3, limit=2)] == [3, 5]
    assert [e.log_index for e in store.item_events(key, 7, start=6, limit=2)] == [6]


def test_an_unknown_item_has_no_events(store: SqlStore) -> None:
    capture(store, "a")
    unknown = link("b").key

    assert store.item_events(unknown, 1, limit=10) == []
    assert store.item_links(unknown, 1) == []
    assert store.event_links(9) == []


def test_links_come_in_log_order_whatever_the_number_of_events(store: SqlStore) -> None:
    capture(store, *["ab"] * 2_100)
    keys = sorted([link("a").key, link("b").key])

    expected = [(key, index) for index in range(3, 2_090) for key in keys]
    assert list(store.links_between(3, 2_090)) == expected
    assert list(store.links_between(7, 7)) == []


def test_a_capture_job_is_kept_with_or_without_events(store: SqlStore) -> None:
    failed = replace(job("capture-2", success=False), errors='[{"pointer":"/","message":"空"}]', receipt="")
    with store.append() as append:
        append.add([(event(0), [])])
        append.add_job(job("capture-1"))
    with store.append() as append:
        append.add_job(failed)

    assert store.job("capture-1") == job("capture-1")
    assert store.job("capture-2") == failed
    assert store.job("capture-3") is None


def test_capture_jobs_are_listed_newest_first_and_of_one_party_or_all(store: SqlStore) -> None:
    made = [("b", "factory", 1), ("a", "factory", 2), ("d", "carrier", 2), ("c", "factory", 3)]
    for capture_id, party_id, created_ms in made:
        with store.append() as append:
            append.add_job(replace(job(capture_id), party_id=party_id, created_ms=created_ms))

    def ids(party_id: str | None = None, after: str = "", limit: int = 9) -> str:
        return "".join(job.capture_id for job in store.jobs(party_id=party_id, after=after, limit=limit))

    assert ids() == "cdab"
    assert ids("factory") == "cab"
    assert ids(limit=2) == "cd"
    assert ids(after="d", limit=1) == "a"
    assert ids("factory", after="d") == "ab"
    assert ids(after="b") == ids(after="unknown") == ""
