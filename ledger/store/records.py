"""Records of identifiers, as they are after their newest change. What they were before stands in the log."""

from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, select

from ledger.ports import StoredBatch, StoredRecord
from ledger.store import tables
from ledger.store.answer_revision import count_change
from ledger.store.bulk import chunks, insert_rows
from ledger.store.database import Database

_RECORD = tables.identifier_record.c
_BATCH = tables.record_batch.c
# Made once, because making a statement takes longer than running it.
_READ_AT = select(tables.identifier_record).where(_RECORD.uri.in_(bindparam("uris", expanding=True)))
_CHUNK = 500
_NOTHING = "[]"


def read_records(connection: Connection, uris: Sequence[str]) -> Mapping[str, StoredRecord]:
    found: dict[str, StoredRecord] = {}
    for chunk in chunks(sorted(set(uris)), _CHUNK):
        rows = connection.execute(_READ_AT, {"uris": chunk})
        found.update((row[0], StoredRecord(*row)) for row in rows)
    return found


def write_records(connection: Connection, records: Sequence[StoredRecord]) -> None:
    rows = [(r.uri, r.version, r.log_index, r.party_id, r.kept) for r in records]
    insert_rows(connection, tables.identifier_record, sorted(rows), "replace")
    if rows:
        count_change(connection)


def read_batch(connection: Connection, party_id: str, name: str) -> StoredBatch | None:
    query = select(tables.record_batch).where(_BATCH.party_id == party_id, _BATCH.name == name)
    row = connection.execute(query).one_or_none()
    return StoredBatch(*row) if row else None


def write_batch(connection: Connection, batch: StoredBatch, kept_from_ms: int) -> None:
    connection.execute(delete(tables.record_batch).where(_BATCH.made_ms < kept_from_ms))
    row = (batch.party_id, batch.name, batch.digest, batch.made_ms, batch.outcomes, batch.receipt)
    insert_rows(connection, tables.record_batch, [row])


class Records(Database):
    """The part of `Store` about records of identifiers."""

    def records(self, uris: Sequence[str]) -> Mapping[str, StoredRecord]:
        with self.reading() as connection:
            return read_records(connection, uris)

    def records_after(self, uri: str, *, limit: int) -> list[StoredRecord]:
        page = select(tables.identifier_record).where(_RECORD.uri > uri).order_by(_RECORD.uri).limit(limit)
        with self.reading() as connection:
            return [StoredRecord(*row) for row in connection.execute(page)]

    def records_below(self, stem: str, *, after: str = "", offset: int = 0, limit: int) -> list[StoredRecord]:
        found = select(tables.identifier_record).where(_below(stem), _RECORD.uri > after)
        page = found.order_by(_RECORD.uri).offset(offset).limit(limit)
        with self.reading() as connection:
            return [StoredRecord(*row) for row in connection.execute(page)]

    def count_records_below(self, stem: str) -> int:
        count = select(func.count()).select_from(tables.identifier_record).where(_below(stem))
        with self.reading() as connection:
            return connection.scalar(count) or 0


def _below(stem: str) -> ColumnElement[bool]:
    beyond = stem[:-1] + chr(ord(stem[-1]) + 1)
    return and_(_RECORD.uri >= stem, _RECORD.uri < beyond, _RECORD.kept != _NOTHING)
