"""Records of identifiers in SQL: each once, found by how their identifiers begin; never among events."""

from dataclasses import replace

from ledger.domain.event_query import EventQuery
from ledger.domain.records import RECORD_CHANGE, RECORD_ROLE
from ledger.ports import StoredRecord
from ledger.store import SqlStore
from tests.store.samples import capture, event, link

STEM = "hdl:88.118.1001/"


def record(name: str, version: int = 1, kept: str = '[{"苗":1}]') -> StoredRecord:
    return StoredRecord(f"{STEM}{name}", version, version - 1, "maker", kept)


def put(store: SqlStore, *records: StoredRecord) -> None:
    with store.append() as append:
        append.put_records(records)


def test_a_record_takes_the_place_of_the_one_before(store: SqlStore) -> None:
    put(store, record("a"), record("b"))
    put(store, record("a", 2, "[]"))
    assert store.records([f"{STEM}a", f"{STEM}c"]) == {f"{STEM}a": record("a", 2, "[]")}
    with store.append() as append:
        append.put_records([record("b", 2)])
        assert append.records([f"{STEM}b"]) == {f"{STEM}b": record("b", 2)}


def test_records_are_found_by_how_they_begin_in_pages_and_without_the_deleted(store: SqlStore) -> None:
    names = ["A", "a", "a/b", "b", "~"]
    put(store, *map(record, names), record("gone", 2, "[]"))
    put(store, replace(record("x"), uri="hdl:88.118.10010/x"), replace(record("x"), uri="hdl:88.118.1000/x"))
    found = store.records_below(STEM, after="", limit=3)
    found += store.records_below(STEM, after=found[-1].uri, limit=3)
    assert found == [record(name) for name in names]
    assert store.records_below(STEM, offset=2, limit=2) == found[2:4]
    assert store.count_records_below(STEM) == len(names)


def test_a_record_that_is_undone_was_never_there(store: SqlStore) -> None:
    try:
        with store.append() as append:
            append.put_records([record("a")])
            raise InterruptedError
    except InterruptedError:
        pass
    assert store.records([f"{STEM}a"]) == {}


def test_a_change_of_a_record_stands_in_the_log_and_is_found_by_no_query(store: SqlStore) -> None:
    capture(store, "a")
    change = replace(event(1), event_type=RECORD_CHANGE, action=None, biz_step=None, read_point=None)
    with store.append() as append:
        append.add([(change, [link("b", RECORD_ROLE)])])
    assert store.event(1) == change
    assert [key for key, _ in store.links_between(0, 2)] == [link("a").key, link("b").key]
    for by in ("eventTime", "recordTime"):
        found = store.find_events(EventQuery((), by, True), size=2, limit=10)
        assert [entry.event.log_index for entry in found] == [0]
    assert store.count_events(EventQuery((), "eventTime", True), size=2, limit=10) == 1
    assert store.known_epcs(after="", limit=10) == [link("a").uri]
