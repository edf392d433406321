"""Events, their links to items, and capture jobs."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Engine, FromClause, Select, bindparam, select, tuple_, update

from ledger.domain.errors import NotFound
from ledger.ports import Append, CaptureJob, EventIdentity, ItemLink, StoredEvent
from ledger.store import tables
from ledger.store.append import SqlAppend, key_of
from ledger.store.bulk import rows_where_in, rows_with_keys
from ledger.store.database import Database
from ledger.store.together import Together

T = TypeVar("T")
_EVENT, _LINK, _JOB = tables.event.c, tables.event_item.c, tables.capture_job.c
# Statements of every capture: what is put together once costs little to run.
_LOCK_HEAD = select(tables.log_head.c.size, tables.log_head.c.recorded_at_ms).with_for_update()
_MOVE_HEAD = update(tables.log_head).values(
    size=bindparam("new_size"), recorded_at_ms=bindparam("new_recorded_at_ms")
)
_LINKS_WINDOW = 2_048  # events whose links are in memory at once


class Events(Database):
    """The part of `Store` about events."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._together = Together(self.append)

    def append_together(self, do: Callable[[Append], T]) -> T:
        return self._together.do(do)

    @contextmanager
    def append(self) -> Iterator[SqlAppend]:
        with self.writing() as connection:
            # On PostgreSQL this lock makes leaf order and commit order the same, so that no
            # reader ever sees leaf n + 1 without leaf n. SQLite has one writer anyway.
            append = SqlAppend(connection, *connection.execute(_LOCK_HEAD).one())
            yield append
            append.write()
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

    def captured_events(self, identities: Sequence[EventIdentity]) -> Mapping[EventIdentity, StoredEvent]:
        keys = sorted(set(map(key_of, identities)))
        with self.reading() as connection:
            rows = rows_with_keys(connection, _whole_events(), (_EVENT.event_id, _EVENT.declared_ms), keys)
            return {event.identity: event for event in map(to_event, rows)}

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
