"""Queries for events, and for the values that events are known to have."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, literal, select

from ledger.domain.commitment import item_key
from ledger.domain.event_query import EventQuery, Position
from ledger.ports import QUERY_SECONDS, FoundEvent, KnownColumn
from ledger.store import tables
from ledger.store.database import Database
from ledger.store.events import event_columns, to_event
from ledger.store.query_sql import count_of, page_of

_EVENT, _ITEM, _LINK = tables.event.c, tables.item.c, tables.event_item.c
_EVENT_WIDTH = len(event_columns())
_THING_ROLES = ("epc", "parent", "child", "input", "output")


class Queries(Database):
    """The part of `Store` about finding events."""

    def find_events(
        self,
        query: EventQuery,
        *,
        size: int,
        start: int = 0,
        after: Position | None = None,
        limit: int,
        seconds: float = QUERY_SECONDS,
    ) -> list[FoundEvent]:
        with self.reading_within(seconds) as connection:
            page = page_of(connection, query, start=start, size=size, after=after, limit=limit)
            return [_to_found(row) for row in connection.execute(page)]

    def count_events(
        self, query: EventQuery, *, size: int, limit: int, seconds: float = QUERY_SECONDS
    ) -> int:
        with self.reading_within(seconds) as connection:
            count: int = connection.scalars(count_of(connection, query, size=size, limit=limit)).one()
        return count

    def known_epcs(self, *, after: str, limit: int) -> list[str]:
        is_thing = (
            select(_LINK.item_key)
            .where(_LINK.item_key == _ITEM.item_key, _LINK.role.in_(_THING_ROLES))
            .correlate(tables.item)
            .exists()
        )
        known = select(_ITEM.uri).where(is_thing).order_by(_ITEM.item_key).limit(limit)
        if after:
            known = known.where(_ITEM.item_key > item_key(after))
        with self.reading() as connection:
            return list(connection.execute(known).scalars())

    def known_values(self, column: KnownColumn, *, after: str, limit: int) -> list[str]:
        # From each value to the next by index: most values stand in very many events.
        values = _EVENT[column]
        first = select(func.min(values).label("value")).where(values > literal(after))
        known = first.cte("known", recursive=True)
        following = select(func.min(values)).where(values > known.c.value).scalar_subquery()
        known = known.union_all(select(following).where(known.c.value.is_not(None)))
        found = select(known.c.value).where(known.c.value.is_not(None)).limit(limit)
        with self.reading() as connection:
            return list(connection.execute(found).scalars())


def _to_found(row: Sequence[Any]) -> FoundEvent:
    values, event = row[:-_EVENT_WIDTH], to_event(row[-_EVENT_WIDTH:])
    return FoundEvent(event, (*values, event.log_index))
