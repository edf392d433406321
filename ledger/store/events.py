"""Events, their links to items, and capture jobs."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, bindparam, select, tuple_, update

from ledger.domain.errors import NotFound
from ledger.domain.event_facts import Facts
from ledger.domain.master_data import MasterData
from ledger.domain.month import Month
from ledger.domain.records import RECORD_ROLE
from ledger.domain.rules import Part
from ledger.ports import Append, CaptureJob, EventIdentity, ItemLink, StoredBatch, StoredEvent, StoredRecord
from ledger.store import tables
from ledger.store.bulk import insert_rows, rows_where_in
from ledger.store.database import Database, ledger_errors
from ledger.store.index import index_classes, index_facts
from ledger.store.months import add_month
from ledger.store.parties import read_master_data, write_master_data
from ledger.store.parts import read_parts
from ledger.store.records import read_batch, read_records, write_batch, write_records

_EVENT, _LINK, _JOB = tables.event.c, tables.event_item.c, tables.capture_job.c
# Statements of every capture: what is put together once costs little to run.
_LOCK_HEAD = select(tables.log_head.c.size, tables.log_head.c.recorded_at_ms).with_for_update()
_MOVE_HEAD = update(tables.log_head).values(
    size=bindparam("new_size"), recorded_at_ms=bindparam("new_recorded_at_ms")
)
_LINKS_WINDOW = 2_048  # events whose links are in memory at once


class _Append:
    """What `Store.append` hands out. It lives as long as its transaction."""

    def __init__(self, connection: Connection, size: int, recorded_at_ms: int) -> None:
        self._connection = connection
        self.size = size
        self.recorded_at_ms = recorded_at_ms

    @ledger_errors()
    def find(self, identities: Sequence[EventIdentity]) -> Mapping[EventIdentity, StoredEvent]:
        wanted = set(identities)
        event_ids = sorted({identity.event_id for identity in wanted})
        rows = rows_where_in(self._connection, _whole_events(), _EVENT.event_id, event_ids)
        found = {event.identity: event for event in map(to_event, rows)}
        return {identity: event for identity, event in found.items() if identity in wanted}

    @ledger_errors()
    def add(self, events: Sequence[tuple[StoredEvent, Sequence[ItemLink]]]) -> None:
        size, recorded_at_ms = self.size, self.recorded_at_ms
        for event, _ in events:
            assert event.log_index == size, f"event {event.log_index} cannot be leaf {size}"
            assert event.recorded_at_ms >= recorded_at_ms, f"event {size} is older than the one before"
            size, recorded_at_ms = size + 1, event.recorded_at_ms
        links = [(link, event.log_index) for event, event_links in events for link in event_links]
        items = {link.key: link.uri for link, _ in links}
        event_items = [(link.key, log_index, link.role) for link, log_index in links]
        # Should a row be refused, the savepoint takes back those before it.
        with self._connection.begin_nested():
            self._add_months([event.recorded_at_ms for event, _ in events])
            insert_rows(self._connection, tables.event, [_from_event(event) for event, _ in events])
            bodies = [(e.log_index, e.recorded_at_ms, e.body) for e, _ in events if e.body is not None]
            insert_rows(self._connection, tables.event_body, bodies)
            insert_rows(self._connection, tables.item, sorted(items.items()), "keep")
            insert_rows(self._connection, tables.event_item, sorted(event_items))
            of_events = [
                (log_index, link.uri, link.role) for link, log_index in links if link.role != RECORD_ROLE
            ]
            index_classes(self._connection, of_events)
        self.size, self.recorded_at_ms = size, recorded_at_ms

    def _add_months(self, recorded_ms: Sequence[int]) -> None:
        """Time in the log does not go back, so a month that the log has not reached has no partition yet."""
        here = Month.of(self.recorded_at_ms) if self.size else None
        for month in sorted({Month.of(ms) for ms in recorded_ms} - {here}):
            add_month(self._connection, month)

    @ledger_errors()
    def index(self, facts: Sequence[tuple[int, Facts]]) -> None:
        index_facts(self._connection, facts)

    @ledger_errors()
    def parts(self, uris: Sequence[str]) -> list[Part]:
        return read_parts(self._connection, uris)

    @ledger_errors()
    def master_data(self, uris: Sequence[str]) -> Mapping[str, MasterData]:
        return read_master_data(self._connection, uris)

    @ledger_errors()
    def put_master_data(self, entries: Sequence[MasterData]) -> None:
        write_master_data(self._connection, entries)

    @ledger_errors()
    def add_company_prefixes(self, prefixes: Collection[str]) -> None:
        rows = [(prefix,) for prefix in sorted(prefixes)]
        insert_rows(self._connection, tables.company_prefix, rows, "keep")

    @ledger_errors()
    def records(self, uris: Sequence[str]) -> Mapping[str, StoredRecord]:
        return read_records(self._connection, uris)

    @ledger_errors()
    def put_records(self, records: Sequence[StoredRecord]) -> None:
        write_records(self._connection, records)

    @ledger_errors()
    def record_batch(self, party_id: str, name: str) -> StoredBatch | None:
        return read_batch(self._connection, party_id, name)

    @ledger_errors()
    def add_record_batch(self, batch: StoredBatch, *, kept_from_ms: int) -> None:
        write_batch(self._connection, batch, kept_from_ms)

    @ledger_errors()
    def add_job(self, job: CaptureJob) -> None:
        row = (
            job.capture_id,
            job.party_id,
            job.created_ms,
            job.finished_ms,
            job.success,
            job.error_behaviour,
            job.errors,
            job.receipt,
        )
        insert_rows(self._connection, tables.capture_job, [row])


class Events(Database):
    """The part of `Store` about events."""

    @contextmanager
    def append(self) -> Iterator[Append]:
        with self.writing() as connection:
            # On PostgreSQL this lock makes leaf order and commit order the same, so that no
            # reader ever sees leaf n + 1 without leaf n. SQLite has one writer anyway.
            append = _Append(connection, *connection.execute(_LOCK_HEAD).one())
            yield append
            connection.execute(
                _MOVE_HEAD, {"new_size": append.size, "new_recorded_at_ms": append.recorded_at_ms}
            )

    def log_size(self) -> int:
        with self.reading() as connection:
            size: int = connection.execute(select(tables.log_head.c.size)).scalar_one()
        return size

    def event(self, log_index: int) -> StoredEvent:
        with self.reading() as connection:
            row = connection.execute(
                select(*event_columns()).where(_EVENT.log_index == log_index)
            ).one_or_none()
        if row is None:
            raise NotFound(f"event {log_index}: the log ends before it")
        return to_event(row)

    def events_by_id(self, event_id: str) -> list[StoredEvent]:
        query = select(*event_columns()).where(_EVENT.event_id == event_id).order_by(_EVENT.log_index)
        with self.reading() as connection:
            return [to_event(row) for row in connection.execute(query)]

    def events_between(self, start: int, stop: int) -> list[StoredEvent]:
        within = (_EVENT.log_index >= start, _EVENT.log_index < stop)
        query = select(*event_columns()).where(*within).order_by(_EVENT.log_index)
        with self.reading() as connection:
            return [to_event(row) for row in connection.execute(query)]

    def events_at(self, indices: Sequence[int]) -> list[StoredEvent]:
        with self.reading() as connection:
            rows = rows_where_in(connection, _whole_events(), _EVENT.log_index, sorted(indices))
            return sorted(map(to_event, rows), key=lambda event: event.log_index)

    def item_events(self, key: bytes, size: int, *, start: int = 0, limit: int) -> list[StoredEvent]:
        # An item can play several parts in one event, which is listed once.
        indices = (
            select(_LINK.log_index)
            .where(_LINK.item_key == key, _LINK.log_index >= start, _LINK.log_index < size)
            .distinct()
            .order_by(_LINK.log_index)
            .limit(limit)
            .subquery()
        )
        query = (
            select(*event_columns())
            .join(indices, indices.c.log_index == _EVENT.log_index)
            .order_by(_EVENT.log_index)
        )
        with self.reading() as connection:
            return [to_event(row) for row in connection.execute(query)]

    def item_links(self, key: bytes, size: int) -> list[tuple[int, bytes]]:
        query = (
            select(_LINK.log_index, _EVENT.leaf_hash)
            .join(tables.event, _EVENT.log_index == _LINK.log_index)
            .where(_LINK.item_key == key, _LINK.log_index < size)
            .distinct()
            .order_by(_LINK.log_index)
        )
        with self.reading() as connection:
            return [(row.log_index, row.leaf_hash) for row in connection.execute(query)]

    def event_links(self, log_index: int) -> list[ItemLink]:
        query = (
            select(_LINK.item_key, tables.item.c.uri, _LINK.role)
            .join(tables.item, tables.item.c.item_key == _LINK.item_key)
            .where(_LINK.log_index == log_index)
            .order_by(_LINK.item_key, _LINK.role)
        )
        with self.reading() as connection:
            return [ItemLink(*row) for row in connection.execute(query)]

    def links_between(self, start: int, stop: int) -> Iterator[tuple[bytes, int]]:
        # What is in the log never changes, so reading window by window sees one state.
        for window in range(start, stop, _LINKS_WINDOW):
            query = (
                select(_LINK.item_key, _LINK.log_index)
                .where(_LINK.log_index >= window, _LINK.log_index < min(window + _LINKS_WINDOW, stop))
                .distinct()
                .order_by(_LINK.log_index, _LINK.item_key)
            )
            with self.reading() as connection:
                links = connection.execute(query).all()
            yield from (tuple(link) for link in links)

    def loose_links(self, limit: int) -> list[tuple[bytes, int]]:
        query = (
            select(_LINK.item_key, _LINK.log_index)
            .outerjoin(tables.item, tables.item.c.item_key == _LINK.item_key)
            .outerjoin(tables.event, _EVENT.log_index == _LINK.log_index)
            .where(tables.item.c.uri.is_(None) | _EVENT.event_id.is_(None))
            .distinct()
            .order_by(_LINK.log_index, _LINK.item_key)
            .limit(limit)
        )
        with self.reading() as connection:
            return [(row.item_key, row.log_index) for row in connection.execute(query)]

    def event_of_link(self, number: int, start: int, stop: int) -> int | None:
        query = (
            select(_LINK.log_index)
            .where(_LINK.log_index >= start, _LINK.log_index < stop)
            .order_by(_LINK.log_index)
            .offset(number)
            .limit(1)
        )
        with self.reading() as connection:
            return connection.execute(query).scalar_one_or_none()

    def job(self, capture_id: str) -> CaptureJob | None:
        query = select(tables.capture_job).where(tables.capture_job.c.capture_id == capture_id)
        with self.reading() as connection:
            row = connection.execute(query).one_or_none()
        return CaptureJob(*row) if row else None

    def jobs(self, *, party_id: str | None, after: str, limit: int) -> list[CaptureJob]:
        place = tuple_(_JOB.created_ms, _JOB.capture_id)
        last = select(_JOB.created_ms).where(_JOB.capture_id == after).scalar_subquery()
        query = select(tables.capture_job).order_by(_JOB.created_ms.desc(), _JOB.capture_id.desc())
        if after:
            query = query.where(place < tuple_(last, after))
        if party_id is not None:
            query = query.where(_JOB.party_id == party_id)
        with self.reading() as connection:
            return [CaptureJob(*row) for row in connection.execute(query.limit(limit))]


def _from_event(event: StoredEvent) -> tuple[Any, ...]:
    declared_ms = event.identity.declared_ms
    return (
        event.log_index,
        event.identity.event_id,
        tables.NOT_DECLARED if declared_ms is None else declared_ms,
        event.event_type,
        event.event_time_ms,
        event.recorded_at_ms,
        event.action,
        event.biz_step,
        event.disposition,
        event.read_point,
        event.biz_location,
        event.party_id,
        event.submitter_key_id,
        event.ids_count,
        event.ids_root,
        event.commitment,
        event.leaf_hash,
        event.event_hash,
        event.event_hash_21,
        event.salt,
        event.capture_id,
        event.arrived_as_urn,
    )


def event_columns(event: FromClause = tables.event) -> list[ColumnElement[Any]]:
    """What `to_event` reads: the columns of `event`, and its body where that is here."""
    stored = tables.event_body.c
    # Not a join: where it guesses wrongly how many rows there are, PostgreSQL reads every month for it.
    body = (
        select(stored.body)
        .where(stored.log_index == event.c.log_index, stored.recorded_at_ms == event.c.recorded_at_ms)
        .correlate(event)
        .scalar_subquery()
    )
    return [*event.c, body]


@cache
def _whole_events() -> Select[*tuple[Any, ...]]:
    return select(*event_columns())


def to_event(row: Sequence[Any]) -> StoredEvent:
    log_index, event_id, declared_ms, *rest, salt, capture_id, arrived_as_urn, body = row
    declared = None if declared_ms == tables.NOT_DECLARED else declared_ms
    values = (*rest, body, salt, capture_id, arrived_as_urn)
    return StoredEvent(log_index, EventIdentity(event_id, declared), *values)
