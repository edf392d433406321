"""Bodies by month: partitions on PostgreSQL, one table on SQLite, the same answers from both."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ledger.domain.errors import Conflict, Invalid, NotFound
from ledger.domain.month import Month
from ledger.domain.query import parse_query
from ledger.ports import RecordedMonth, StoredEvent
from ledger.store import SqlStore, open_store
from ledger.store.database import connect
from ledger.store.sql_store import migrate
from tests.querying import GTIN, PREFIXES, keep, read_event, trade
from tests.store.samples import event, link
from tests.store.test_database import statements
from tests.store.test_queries import FACTS, explain, fill_older, rows_of

JANUARY, FEBRUARY, MARCH = (Month(2026, number) for number in (1, 2, 3))
TABLE = "event_body_2026_01"


def add(store: SqlStore, *recorded_ms: int) -> None:
    """One event for each time, all of one item, in one append."""
    with store.append() as append:
        first = append.size
        events = [event(first + n, recorded_at_ms=ms) for n, ms in enumerate(recorded_ms)]
        append.add([(each, [link("a")]) for each in events])


def all_events(store: SqlStore) -> list[StoredEvent]:
    return store.events_between(0, store.log_size())


def partitions(store: SqlStore) -> list[str]:
    listed = "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE relkind = 'r'"
    with store.reading() as connection:
        return sorted(connection.scalars(text(f"{listed} AND inhparent = 'event_body'::regclass")))


@pytest.fixture
def quarter(store: SqlStore) -> SqlStore:
    """Two events in each of three months."""
    for month in (JANUARY, FEBRUARY, MARCH):
        add(store, month.start_ms, month.next.start_ms - 1)
    return store


@pytest.fixture
def postgres_quarter(postgres_database: str) -> Iterator[SqlStore]:
    with fresh_postgres(postgres_database) as store:
        for month in (JANUARY, FEBRUARY, MARCH):
            add(store, month.start_ms, month.next.start_ms - 1)
        yield store


@contextmanager
def fresh_postgres(url: str) -> Iterator[SqlStore]:
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    store = open_store(url)
    yield store
    store.close()


def test_an_empty_log_has_no_months(store: SqlStore) -> None:
    assert store.months() == []


def test_each_month_has_the_events_that_were_recorded_in_it(quarter: SqlStore) -> None:
    assert quarter.months() == [
        RecordedMonth(JANUARY, 0, 2, False),
        RecordedMonth(FEBRUARY, 2, 4, False),
        RecordedMonth(MARCH, 4, 6, False),
    ]
    assert all_events(quarter) == [
        event(n, recorded_at_ms=ms)
        for n, ms in enumerate(
            ms for month in (JANUARY, FEBRUARY, MARCH) for ms in (month.start_ms, month.next.start_ms - 1)
        )
    ]


def test_a_month_without_events_is_none(store: SqlStore) -> None:
    add(store, JANUARY.start_ms)
    add(store, MARCH.start_ms)
    assert [month.month for month in store.months()] == [JANUARY, MARCH]


def test_one_append_may_go_across_the_end_of_a_month(store: SqlStore) -> None:
    add(store, FEBRUARY.start_ms - 1, FEBRUARY.start_ms, MARCH.start_ms)
    assert [month.start for month in store.months()] == [0, 1, 2]
    assert None not in [each.body for each in all_events(store)]


def test_a_log_that_begins_in_the_first_month_of_all_has_room(store: SqlStore) -> None:
    add(store, 5)
    assert store.event(0).body is not None


def test_a_refused_append_leaves_no_month_behind(store: SqlStore) -> None:
    add(store, JANUARY.start_ms)
    again = replace(event(1, recorded_at_ms=FEBRUARY.start_ms), identity=event(0).identity)
    with pytest.raises(Conflict), store.append() as append:
        append.add([(again, [])])
    add(store, FEBRUARY.start_ms)
    assert [month.month for month in store.months()] == [JANUARY, FEBRUARY]


def test_appends_at_once_at_a_months_first_event_take_turns(store: SqlStore) -> None:
    add(store, FEBRUARY.start_ms - 1)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: add(store, FEBRUARY.start_ms), range(24)))
    assert [(month.month, month.stop) for month in store.months()] == [(JANUARY, 1), (FEBRUARY, 25)]
    assert None not in [each.body for each in all_events(store)]


def test_readers_do_not_wait_while_a_month_is_begun(quarter: SqlStore) -> None:
    with quarter.append() as append:
        append.add([(event(6, recorded_at_ms=MARCH.next.start_ms), [])])
        assert len(all_events(quarter)) == 6
        assert quarter.event(0).body is not None
    assert quarter.event(6).body is not None


def test_postgres_keeps_each_month_in_a_partition(postgres_quarter: SqlStore) -> None:
    assert partitions(postgres_quarter) == [f"event_body_2026_0{n}" for n in (1, 2, 3)]


# --------------------------------------------------------------------------- archive


def test_an_archived_month_takes_bodies_along_and_nothing_else(postgres_quarter: SqlStore) -> None:
    store, before = postgres_quarter, all_events(postgres_quarter)
    assert store.detach_month(JANUARY) == TABLE

    after = all_events(store)
    assert [each.archived for each in after] == [True, True, False, False, False, False]
    assert after == [replace(each, body=None) for each in before[:2]] + before[2:]
    assert [month.archived for month in store.months()] == [True, False, False]
    assert store.item_links(link("a").key, 6) == [(each.log_index, each.leaf_hash) for each in before]
    assert store.captured_events([before[0].identity])[before[0].identity].archived


def test_an_archived_month_comes_back_as_it_was(postgres_quarter: SqlStore) -> None:
    store, before = postgres_quarter, all_events(postgres_quarter)
    store.detach_month(JANUARY)
    with store.writing() as connection:  # as if dumped, dropped and restored, without its index
        connection.execute(text("CREATE TABLE restored (LIKE event_body INCLUDING CONSTRAINTS)"))
        connection.execute(text(f"INSERT INTO restored SELECT * FROM {TABLE}"))
        connection.execute(text(f"DROP TABLE {TABLE}"))
    with pytest.raises(NotFound, match="restore it first"):
        store.attach_month(JANUARY)
    with store.writing() as connection:
        connection.execute(text(f"ALTER TABLE restored RENAME TO {TABLE}"))
    store.attach_month(JANUARY)

    assert all_events(store) == before
    assert not any(month.archived for month in store.months())


def test_captures_go_on_while_months_are_archived(postgres_quarter: SqlStore) -> None:
    postgres_quarter.detach_month(JANUARY)
    postgres_quarter.detach_month(FEBRUARY)
    add(postgres_quarter, MARCH.next.start_ms - 1, MARCH.next.start_ms)
    assert [each.archived for each in all_events(postgres_quarter)] == [True] * 4 + [False] * 4


def test_the_month_that_is_recorded_in_stays(postgres_quarter: SqlStore) -> None:
    for month in (MARCH, MARCH.next):
        with pytest.raises(Invalid, match="may still be recorded"):
            postgres_quarter.detach_month(month)


def test_a_month_is_archived_once_and_attached_once(postgres_quarter: SqlStore) -> None:
    postgres_quarter.detach_month(JANUARY)
    with pytest.raises(NotFound, match="2026-01"):
        postgres_quarter.detach_month(JANUARY)
    with pytest.raises(NotFound, match="2025-12"):
        postgres_quarter.detach_month(Month(2025, 12))
    postgres_quarter.attach_month(JANUARY)
    with pytest.raises(Conflict, match="here already"):
        postgres_quarter.attach_month(JANUARY)


def test_a_table_with_bodies_of_another_month_is_refused(postgres_quarter: SqlStore) -> None:
    postgres_quarter.detach_month(JANUARY)
    with postgres_quarter.writing() as connection:
        connection.execute(text(f"UPDATE {TABLE} SET recorded_at_ms = {FEBRUARY.start_ms}"))
    with pytest.raises(Conflict):
        postgres_quarter.attach_month(JANUARY)
    assert postgres_quarter.months()[0].archived


def test_a_table_that_has_no_bodies_is_refused(postgres_quarter: SqlStore) -> None:
    with postgres_quarter.writing() as connection:
        connection.execute(text("CREATE TABLE event_body_2025_12 (something TEXT)"))
    with pytest.raises(Conflict, match="not a table of bodies"):
        postgres_quarter.attach_month(Month(2025, 12))


def test_sqlite_has_nothing_to_take_out(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'suyuan.db'}")
    add(store, JANUARY.start_ms, FEBRUARY.start_ms)
    with pytest.raises(Invalid, match="PostgreSQL"):
        store.detach_month(JANUARY)
    with pytest.raises(Invalid, match="PostgreSQL"):
        store.attach_month(JANUARY)
    store.close()


# --------------------------------------------------------------------------- migration and plans


def test_a_filled_database_of_before_answers_the_same_after(bare_store_url: str, tmp_path: Path) -> None:
    newer_url = f"sqlite:///{tmp_path / 'newer.db'}"
    newer = open_store(newer_url)
    keep(newer, trade())
    add(newer, *(month.start_ms + 10**11 for month in (JANUARY, FEBRUARY, MARCH)))
    erased = replace(event(newer.log_size(), recorded_at_ms=MARCH.start_ms + 10**11), body=None, salt=None)
    with newer.append() as append:
        append.add([(erased, [link("a")])])

    older = SqlStore(connect(bare_store_url))
    with older.writing() as connection:
        migrate(connection, "0005")
        fill_older(connection, rows_of(newer_url, FACTS))
        head = "UPDATE log_head SET size = :size, recorded_at_ms = :ms"
        connection.execute(text(head), {"size": newer.log_size(), "ms": erased.recorded_at_ms})
    older.close()
    migrated = open_store(bare_store_url)
    add(migrated, erased.recorded_at_ms, Month.of(erased.recorded_at_ms).next.start_ms)

    size = newer.log_size()
    assert migrated.events_between(0, size) == all_events(newer)
    assert [m.start for m in migrated.months()][:-1] == [m.start for m in newer.months()]
    assert migrated.months()[-1] == RecordedMonth(
        Month.of(erased.recorded_at_ms).next, size + 1, size + 2, False
    )
    assert None not in [each.body for each in migrated.events_between(size, size + 2)]
    newer.close()
    migrated.close()


QUERIES: dict[str, dict[str, str]] = {
    "all": {},
    "a step": {"EQ_bizStep": "shipping"},
    "a thing": {"MATCH_anyEPC": f"{GTIN}/21/S1"},
    "by time": {"orderBy": "eventTime"},
}


@pytest.mark.parametrize("name", QUERIES)
def test_bodies_of_many_months_are_found_by_index(
    postgres_database: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_postgres(postgres_database) as store:
        for n in range(12):
            monkeypatch.setattr("tests.querying.RECORDED_MS", Month(2030, n + 1).start_ms)
            shipped = read_event(bizStep="shipping", epcList=[f"{GTIN}/21/S{n % 2}"])
            keep(store, [replace(shipped, event_id=f"urn:ex:{n}:{k}") for k in range(20)])
        query = parse_query(QUERIES[name], PREFIXES)
        with statements() as sent:
            found = store.find_events(query, size=240, limit=240)
        with store.writing() as connection:  # not `reading`: what `explain` sets holds for a transaction
            plan = [step for statement, given in sent for step in explain(connection, statement, given)]
    assert len(partitions_in(plan)) == 12
    assert not any("Seq Scan" in step for step in plan), plan
    assert len(found) == (120 if name == "a thing" else 240)
    assert all(entry.event.body for entry in found)


def partitions_in(plan: list[str]) -> set[Any]:
    """The partitions of which the plan reads an index."""
    return {step.split(" on ")[1].split()[0] for step in plan if "on event_body_" in step and "Index" in step}
