"""Records of identifiers, as they are after their newest change. What they were before stands in the log."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from ledger.ports import StoredRecord
from ledger.store import tables
from ledger.store.bulk import insert_rows, rows_where_in
from ledger.store.database import Database

_RECORD = tables.identifier_record.c
_NOTHING = "[]"


def read_records(connection: Connection, uris: Sequence[str]) -> Mapping[str, StoredRecord]:
    rows = rows_where_in(connection, select(tables.identifier_record), _RECORD.uri, sorted(set(uris)))
    return {row.uri: StoredRecord(*row) for row in rows}


def write_records(connection: Connection, records: Sequence[StoredRecord]) -> None:
    rows = [(r.uri, r.version, r.log_index, r.party_id, r.kept) for r in records]
    insert_rows(connection, tables.identifier_record, sorted(rows), "replace")


class Records(Database):
    """The part of `Store` about records of identifiers."""

    def records(self, uris: Sequence[str]) -> Mapping[str, StoredRecord]:
        with self.reading() as connection:
            return read_records(connection, uris)

    def records_below(self, stem: str, *, after: str, limit: int) -> list[StoredRecord]:
        beyond = stem[:-1] + chr(ord(stem[-1]) + 1)
        found = select(tables.identifier_record).where(
            _RECORD.uri >= stem, _RECORD.uri < beyond, _RECORD.uri > after, _RECORD.kept != _NOTHING
        )
        with self.reading() as connection:
            return [
                StoredRecord(*row) for row in connection.execute(found.order_by(_RECORD.uri).limit(limit))
            ]
