"""How often identifiers were resolved: sums by the hour, and since ever, to which every process adds."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, delete, func, literal, select

from ledger.domain.resolution_counts import Counted, Tally
from ledger.store import tables
from ledger.store.bulk import insert_rows, rows_where_in
from ledger.store.database import Database

_EVER: Final = 0
"""The hour whose row is the sum since ever."""

_COUNT = tables.resolution_count.c
_NAMED: Final = (_COUNT.scheme, _COUNT.prefix, _COUNT.interface, _COUNT.source, _COUNT.outcome)
_NUMBERS: Final = tuple(_COUNT)[1 + len(_NAMED) :]


class ResolutionCounts(Database):
    """The part of `Store` about how often identifiers were resolved."""

    def add_resolutions(self, counts: Mapping[Counted, Tally], hour_s: int, *, kept_from_s: int) -> None:
        # In one order for all: two processes that add would else wait for each other.
        rows = [
            (hour, *counted, tally.count, tally.total_us, *tally.classes)
            for hour in (_EVER, hour_s)
            for counted, tally in sorted(counts.items())
        ]
        with self.writing() as connection:
            insert_rows(connection, tables.resolution_count, rows, "add")
            over = (_COUNT.hour_s > _EVER) & (_COUNT.hour_s < kept_from_s)
            connection.execute(delete(tables.resolution_count).where(over))

    def resolutions(
        self, start_s: int, stop_s: int, *, prefixes: Mapping[str, Collection[str]] | None = None
    ) -> dict[Counted, Tally]:
        sums = select(*_NAMED, *map(func.sum, _NUMBERS)).where(_between(start_s, stop_s)).group_by(*_NAMED)
        with self.reading() as connection:
            return {_to_counted(row): _to_tally(row) for row in _rows_of(connection, sums, prefixes)}

    def resolutions_by_hour(
        self, start_s: int, stop_s: int, *, prefixes: Mapping[str, Collection[str]] | None = None
    ) -> dict[int, int]:
        sums = select(_COUNT.hour_s, func.sum(_COUNT["count"])).where(_between(start_s, stop_s))
        found: dict[int, int] = {}
        with self.reading() as connection:
            for hour_s, count in _rows_of(connection, sums.group_by(_COUNT.hour_s), prefixes):
                found[hour_s] = found.get(hour_s, 0) + int(count)
        return dict(sorted(found.items()))

    def resolutions_ever(self) -> dict[Counted, Tally]:
        named = tuple(literal("") if column is _COUNT.prefix else column for column in _NAMED)
        sums = select(*named, *map(func.sum, _NUMBERS)).where(_COUNT.hour_s == _EVER)
        parted = sums.group_by(*(column for column in _NAMED if column is not _COUNT.prefix))
        with self.reading() as connection:
            return {_to_counted(row): _to_tally(row) for row in connection.execute(parted)}

    def most_resolved(self, *, limit: int) -> dict[Counted, Tally]:
        largest = select(*_NAMED, *_NUMBERS).where(_COUNT.hour_s == _EVER)
        with self.reading() as connection:
            rows = connection.execute(largest.order_by(_COUNT["count"].desc(), *_NAMED).limit(limit))
            return {_to_counted(row): _to_tally(row) for row in rows}


def _between(start_s: int, stop_s: int) -> Any:
    return (_COUNT.hour_s > _EVER) & (_COUNT.hour_s >= start_s) & (_COUNT.hour_s < stop_s)


def _rows_of(
    connection: Connection,
    statement: Select[*tuple[Any, ...]],
    prefixes: Mapping[str, Collection[str]] | None,
) -> Iterator[Row[*tuple[Any, ...]]]:
    if prefixes is None:
        yield from connection.execute(statement)
        return
    for scheme, texts in prefixes.items():
        yield from rows_where_in(
            connection, statement.where(_COUNT.scheme == scheme), _COUNT.prefix, sorted(texts)
        )


def _to_counted(row: Sequence[Any]) -> Counted:
    return Counted(*row[: len(_NAMED)])


def _to_tally(row: Sequence[Any]) -> Tally:
    # PostgreSQL sums into decimals.
    count, total_us, *classes = map(int, row[len(_NAMED) :])
    return Tally(count, total_us, tuple(classes))
