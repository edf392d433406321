"""Readings that parties imported from logger files: which, by whom, from what file."""

from collections.abc import Sequence

from sqlalchemy import insert, select, tuple_

from ledger.domain.cold_chain.reading import Reading, parse_quantity
from ledger.ports import LoggerImport, ToldReading
from ledger.store import tables
from ledger.store.bulk import insert_rows, rows_where_in
from ledger.store.carrier_lock import lock_carriers
from ledger.store.database import Database
from ledger.store.excursions import mark_watches

_IMPORT, _READING = tables.logger_import.c, tables.imported_reading.c


class Imports(Database):
    """The part of `Store` about imported readings."""

    def add_import(self, imported: LoggerImport, readings: Sequence[Reading]) -> None:
        row = {column.name: getattr(imported, column.name) for column in tables.logger_import.columns}
        carrier_id, import_id = imported.carrier_id, imported.import_id
        with self.writing() as connection:
            lock_carriers(connection, [carrier_id])
            connection.execute(insert(tables.logger_import).values(row))
            rows = [(carrier_id, r.at_ms, r.quantity, r.milli, import_id) for r in readings]
            insert_rows(connection, tables.imported_reading, rows)
            times = [reading.at_ms for reading in readings]
            mark_watches(connection, [(carrier_id, min(times), max(times))])

    def imported_between(
        self, carrier_id: str, start_ms: int, stop_ms: int, *, after: tuple[int, str] = (-1, ""), limit: int
    ) -> list[ToldReading]:
        place = tuple_(_READING.at_ms, _READING.quantity)
        within = (_READING.at_ms >= start_ms, _READING.at_ms < stop_ms)
        query = (
            select(_READING.at_ms, _READING.quantity, _READING.milli, _IMPORT.party_id)
            .join(tables.logger_import, _IMPORT.import_id == _READING.import_id)
            .where(_READING.carrier_id == carrier_id, *within, place > after)
            .order_by(_READING.at_ms, _READING.quantity)
        )
        with self.reading() as connection:
            return [
                ToldReading(Reading(at_ms, parse_quantity(quantity), milli), party_id)
                for at_ms, quantity, milli, party_id in connection.execute(query.limit(limit))
            ]

    def imports(self, carrier_id: str, *, limit: int) -> list[LoggerImport]:
        query = select(tables.logger_import).where(_IMPORT.carrier_id == carrier_id)
        newest = query.order_by(_IMPORT.imported_ms.desc(), _IMPORT.import_id).limit(limit)
        with self.reading() as connection:
            return [LoggerImport(*row) for row in connection.execute(newest)]

    def carriers_with_imports(self, carrier_ids: Sequence[str]) -> set[str]:
        query = select(_IMPORT.carrier_id).distinct()
        with self.reading() as connection:
            return {row[0] for row in rows_where_in(connection, query, _IMPORT.carrier_id, carrier_ids)}
