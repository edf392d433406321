"""`Append`: one transaction that extends the log, and the rows that a new event becomes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table

from ledger.domain.event_facts import Facts
from ledger.domain.master_data import MasterData
from ledger.domain.month import Month
from ledger.domain.records import RECORD_ROLE
from ledger.domain.rules import Part
from ledger.ports import CaptureJob, EventIdentity, ItemLink, StoredBatch, StoredEvent, StoredRecord
from ledger.store import tables
from ledger.store.bulk import insert_rows
from ledger.store.database import ledger_errors
from ledger.store.index import class_rows, fact_rows
from ledger.store.months import add_month
from ledger.store.parties import read_master_data, write_master_data
from ledger.store.parts import read_parts
from ledger.store.records import read_batch, read_records, write_batch, write_records


class SqlAppend:
    """What `Store.append` hands out. It lives as long as its transaction.

    New events and jobs wait in memory until the end of the transaction, or until somebody asks for what they
    say: one statement for each table then writes them all.
    """

    def __init__(self, connection: Connection, size: int, recorded_at_ms: int) -> None:
        self._connection = connection
        self.size = size
        self.recorded_at_ms = recorded_at_ms
        self.changes = 0
        """How often anything was changed."""
        self._items: dict[bytes, str] = {}
        self._rows: dict[Table, list[tuple[Any, ...]]] = {table: [] for table in _IN_ORDER}

    @ledger_errors()
    def add(self, events: Sequence[tuple[StoredEvent, Sequence[ItemLink]]]) -> None:
        size, recorded_at_ms = self.size, self.recorded_at_ms
        for event, _ in events:
            assert event.log_index == size, f"event {event.log_index} cannot be leaf {size}"
            assert event.recorded_at_ms >= recorded_at_ms, f"event {size} is older than the one before"
            size, recorded_at_ms = size + 1, event.recorded_at_ms
        self.changes += 1
        self._add_months([event.recorded_at_ms for event, _ in events])
        links = [(link, event.log_index) for event, event_links in events for link in event_links]
        self._items.update({link.key: link.uri for link, _ in links})
        rows = self._rows
        rows[tables.event] += [_from_event(event) for event, _ in events]
        rows[tables.event_body] += [
            (event.log_index, event.recorded_at_ms, event.body)
            for event, _ in events
            if event.body is not None
        ]
        rows[tables.event_item] += [(link.key, log_index, link.role) for link, log_index in links]
        rows[tables.event_class] += class_rows(
            [(log_index, link.uri, link.role) for link, log_index in links if link.role != RECORD_ROLE]
        )
        self.size, self.recorded_at_ms = size, recorded_at_ms

    def _add_months(self, recorded_ms: Sequence[int]) -> None:
        """Time in the log does not go back, so a month that the log has not reached has no partition yet."""
        here = Month.of(self.recorded_at_ms) if self.size else None
        for month in sorted({Month.of(ms) for ms in recorded_ms} - {here}):
            add_month(self._connection, month)

    def index(self, facts: Sequence[tuple[int, Facts]]) -> None:
        self.changes += 1
        texts, numbers = fact_rows(facts)
        self._rows[tables.event_text] += texts
        self._rows[tables.event_number] += numbers

    def add_job(self, job: CaptureJob) -> None:
        self.changes += 1
        self._rows[tables.capture_job].append(
            (
                job.capture_id,
                job.party_id,
                job.created_ms,
                job.finished_ms,
                job.success,
                job.error_behaviour,
                job.errors,
                job.receipt,
            )
        )

    @ledger_errors()
    def write(self) -> None:
        """Write what waits."""
        for table, rows in self._rows.items():
            insert_rows(self._connection, table, sorted(rows) if table in _BY_KEY else rows)
            rows.clear()
        insert_rows(self._connection, tables.item, sorted(self._items.items()), "keep")
        self._items.clear()

    @ledger_errors()
    def parts(self, uris: Sequence[str]) -> list[Part]:
        if uris:
            self.write()
        return read_parts(self._connection, uris)

    @ledger_errors()
    def master_data(self, uris: Sequence[str]) -> Mapping[str, MasterData]:
        return read_master_data(self._connection, uris)

    @ledger_errors()
    def put_master_data(self, entries: Sequence[MasterData]) -> None:
        self.changes += 1
        write_master_data(self._connection, entries)

    @ledger_errors()
    def add_company_prefixes(self, prefixes: Collection[str]) -> None:
        self.changes += 1
        rows = [(prefix,) for prefix in sorted(prefixes)]
        insert_rows(self._connection, tables.company_prefix, rows, "keep")

    @ledger_errors()
    def records(self, uris: Sequence[str]) -> Mapping[str, StoredRecord]:
        return read_records(self._connection, uris)

    @ledger_errors()
    def put_records(self, records: Sequence[StoredRecord]) -> None:
        self.changes += 1
        write_records(self._connection, records)

    @ledger_errors()
    def record_batch(self, party_id: str, name: str) -> StoredBatch | None:
        return read_batch(self._connection, party_id, name)

    @ledger_errors()
    def add_record_batch(self, batch: StoredBatch, *, kept_from_ms: int) -> None:
        self.changes += 1
        write_batch(self._connection, batch, kept_from_ms)


_BY_KEY: Final = (tables.event_item, tables.event_class, tables.event_text, tables.event_number)
"""Tables that SQLite keeps in the order of their keys, so that neighbours are written one after another."""

_IN_ORDER: Final = (tables.event, tables.event_body, *_BY_KEY, tables.capture_job)


def key_of(identity: EventIdentity) -> tuple[str, int]:
    """Its columns: eventID and declared_ms."""
    declared_ms = identity.declared_ms
    return identity.event_id, tables.NOT_DECLARED if declared_ms is None else declared_ms


def _from_event(event: StoredEvent) -> tuple[Any, ...]:
    return (
        event.log_index,
        *key_of(event.identity),
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
