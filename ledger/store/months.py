"""Bodies of events by the month in which they were recorded: on PostgreSQL each month is a partition.

Bodies are most of an event's bytes, and the only part of it that neither queries, nor proofs of other events,
nor the search for duplicates need. So a month can be taken out whole, and all else keeps its meaning. SQLite
has one table, and nothing to take out.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, func, select, text
from sqlalchemy.exc import ProgrammingError

from ledger.domain.errors import Conflict, Invalid, NotFound
from ledger.domain.month import Month
from ledger.ports import RecordedMonth
from ledger.store import tables
from ledger.store.database import Database

_EVENT, _HEAD = tables.event.c, tables.log_head.c
_ATTACHED = text(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
    "WHERE inhparent = 'event_body'::regclass"
)


def add_month(connection: Connection, month: Month) -> None:
    """Make room for the bodies of a month that has none yet.

    Readers do not wait: attaching a table takes a weaker lock than making it as a partition.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"CREATE TABLE {_table(month)} (LIKE event_body INCLUDING CONSTRAINTS)"))
        _attach(connection, month)


def _attach(connection: Connection, month: Month) -> None:
    bounds = f"FROM ({month.start_ms}) TO ({month.next.start_ms})"
    connection.execute(text(f"ALTER TABLE event_body ATTACH PARTITION {_table(month)} FOR VALUES {bounds}"))


def _table(month: Month) -> str:
    return f"event_body_{month.year:04}_{month.number:02}"


class Months(Database):
    """The part of `Store` about months of recording."""

    def months(self) -> list[RecordedMonth]:
        found = []
        with self.reading() as connection:
            size = connection.scalars(select(_HEAD.size)).one()
            attached = None if self._is_sqlite else set(connection.scalars(_ATTACHED))
            start = 0
            while start < size:
                month, stop = _month_from(connection, start, size)
                archived = attached is not None and _table(month) not in attached
                found.append(RecordedMonth(month, start, stop, archived))
                start = stop
        return found

    def detach_month(self, month: Month) -> str:
        with self._months_changing() as connection:
            if month >= Month.of(connection.scalars(select(_HEAD.recorded_at_ms).with_for_update()).one()):
                raise Invalid(f"month {month}: events may still be recorded in it; archive an earlier one")
            if _table(month) not in set(connection.scalars(_ATTACHED)):
                raise NotFound(
                    f"month {month}: no events of it are here; `suyuan archive list` tells which are"
                )
            connection.execute(text(f"ALTER TABLE event_body DETACH PARTITION {_table(month)}"))
        return _table(month)

    def attach_month(self, month: Month) -> None:
        with self._months_changing() as connection:
            if _table(month) in set(connection.scalars(_ATTACHED)):
                raise Conflict(f"month {month}: it is here already")
            if connection.scalar(select(func.to_regclass(_table(month)))) is None:
                raise NotFound(
                    f"month {month}: table {_table(month)} is not in this database; restore it first"
                )
            try:
                _attach(connection, month)
            except ProgrammingError as error:
                raise Conflict(
                    f"month {month}: {_table(month)} is not a table of bodies: {error.orig}"
                ) from error

    @contextmanager
    def _months_changing(self) -> Iterator[Connection]:
        if self._is_sqlite:
            raise Invalid("SQLite keeps all months in one file: move to PostgreSQL to archive some")
        with self.writing() as connection:
            yield connection


def _month_from(connection: Connection, start: int, size: int) -> tuple[Month, int]:
    """The month in which event `start` was recorded, and where the next one starts."""
    month = Month.of(
        connection.scalars(
            select(_EVENT.recorded_at_ms).where(_EVENT.log_index >= start).order_by(_EVENT.log_index).limit(1)
        ).one()
    )
    # The index on times finds it; were times altered, the log index still leads forward.
    later = (_EVENT.recorded_at_ms >= month.next.start_ms, _EVENT.log_index > start)
    first = select(_EVENT.log_index).where(*later).order_by(_EVENT.recorded_at_ms, _EVENT.log_index).limit(1)
    stop = connection.scalars(first).one_or_none()
    return month, size if stop is None else min(stop, size)
