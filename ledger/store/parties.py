"""Parties and their API keys, the copy of the prefix registry, pinned facts, master data."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, or_, select, update

from ledger.domain.access import PrefixEntry
from ledger.domain.errors import Conflict, NotFound
from ledger.domain.master_data import MasterData
from ledger.ports import ApiKey, Party
from ledger.store import tables
from ledger.store.answer_revision import count_change
from ledger.store.bulk import insert_rows, rows_where_in
from ledger.store.database import Database
from ledger.store.index import index_master_data

_PARTY, _KEY, _PREFIX = tables.party.c, tables.api_key.c, tables.prefix.c
_PINNED, _MASTER = tables.pinned.c, tables.master_data.c
_SEARCHED = (_MASTER.name, _MASTER.name_zh, _MASTER.uri)
# Statements of every request: what is put together once costs little to run.
_ONE_PARTY = select(tables.party).where(_PARTY.party_id == bindparam("wanted"))
_ONE_KEY = select(tables.api_key).where(_KEY.key_id == bindparam("wanted"))
_ALL_MASTER_DATA = select(tables.master_data)
_ACCOUNT_BYTES = 20


class Parties(Database):
    """The part of `Store` about who takes part, and what their identifiers are called."""

    def put_party(self, party: Party) -> None:
        with self.writing() as connection:
            row = (party.party_id, party.name, party.name_zh, party.account)
            insert_rows(connection, tables.party, [row], "replace")

    def party(self, party_id: str) -> Party | None:
        with self.reading() as connection:
            row = connection.execute(_ONE_PARTY, {"wanted": party_id}).one_or_none()
        return Party(*row) if row else None

    def parties(self) -> list[Party]:
        with self.reading() as connection:
            return [Party(*row) for row in connection.execute(select(tables.party).order_by(_PARTY.party_id))]

    def put_api_key(self, key: ApiKey) -> None:
        row = (key.key_id, key.secret_hash, key.party_id, key.role, key.created_ms, key.revoked_ms)
        with self.writing() as connection:
            insert_rows(connection, tables.api_key, [row])

    def api_key(self, key_id: bytes) -> ApiKey | None:
        with self.reading() as connection:
            row = connection.execute(_ONE_KEY, {"wanted": key_id}).one_or_none()
        return ApiKey(*row) if row else None

    def revoke_api_key(self, key_id: bytes, revoked_ms: int) -> None:
        # Revoked twice, a key stays revoked from the first time on.
        revoke = (
            update(tables.api_key)
            .where(_KEY.key_id == key_id)
            .values(revoked_ms=func.coalesce(_KEY.revoked_ms, revoked_ms))
        )
        with self.writing() as connection:
            if not connection.execute(revoke).rowcount:
                raise NotFound(f"API key {key_id.hex()}: there is none with this id")

    def replace_prefixes(self, entries: Sequence[PrefixEntry], block_number: int) -> None:
        head = tables.prefix_head.c.block_number
        advance = update(tables.prefix_head).where(head <= block_number).values(block_number=block_number)
        with self.writing() as connection:
            # Another worker may have read the registry at a later block: what it saw stays.
            if connection.execute(advance).rowcount:
                connection.execute(delete(tables.prefix))
                insert_rows(connection, tables.prefix, [_from_prefix(entry) for entry in entries])

    def prefixes(self) -> list[PrefixEntry]:
        query = select(tables.prefix).order_by(_PREFIX.scheme, _PREFIX.text, _PREFIX.node)
        with self.reading() as connection:
            return [_to_prefix(row) for row in connection.execute(query)]

    def company_prefixes(self) -> frozenset[str]:
        with self.reading() as connection:
            return frozenset(connection.execute(select(tables.company_prefix.c.prefix)).scalars())

    def pinned(self, name: str) -> str | None:
        with self.reading() as connection:
            return connection.execute(select(_PINNED.value).where(_PINNED.name == name)).scalar_one_or_none()

    def pin(self, name: str, value: str) -> None:
        with self.writing() as connection:
            insert_rows(connection, tables.pinned, [(name, value)], "keep")
            stands = connection.execute(select(_PINNED.value).where(_PINNED.name == name)).scalar_one()
        if stands != value:
            raise Conflict(f"{name}: is pinned to {stands!r}, cannot become {value!r}")

    def put_master_data(self, entries: Sequence[MasterData]) -> None:
        with self.writing() as connection:
            write_master_data(connection, entries)

    def master_data(self, uris: Sequence[str]) -> Mapping[str, MasterData]:
        with self.reading() as connection:
            return read_master_data(connection, uris)

    def master_data_after(self, uri: str, *, limit: int) -> list[MasterData]:
        query = select(tables.master_data).where(_MASTER.uri > uri).order_by(_MASTER.uri).limit(limit)
        with self.reading() as connection:
            return [_to_master_data(row) for row in connection.execute(query)]

    def places(self, text: str, *, after: str, limit: int) -> list[MasterData]:
        has_text = (column.icontains(text, autoescape=True) for column in _SEARCHED)
        query = select(tables.master_data).where(_MASTER.kind == "place", _MASTER.uri > after, or_(*has_text))
        with self.reading() as connection:
            return [
                _to_master_data(row) for row in connection.execute(query.order_by(_MASTER.uri).limit(limit))
            ]


def write_master_data(connection: Connection, entries: Sequence[MasterData]) -> None:
    if not entries:
        return
    rows = {entry.uri: _from_master_data(entry) for entry in entries}
    insert_rows(connection, tables.master_data, sorted(rows.values()), "replace")
    index_master_data(connection, entries)
    count_change(connection)


def read_master_data(connection: Connection, uris: Sequence[str]) -> dict[str, MasterData]:
    rows = rows_where_in(connection, _ALL_MASTER_DATA, _MASTER.uri, uris)
    return {entry.uri: entry for entry in map(_to_master_data, rows)}


def _from_prefix(entry: PrefixEntry) -> tuple[Any, ...]:
    return (entry.node, entry.scheme, entry.text, entry.owner, entry.active, b"".join(entry.delegates))


def _to_prefix(row: Sequence[Any]) -> PrefixEntry:
    node, scheme, text, owner, active, accounts = row
    starts = range(0, len(accounts), _ACCOUNT_BYTES)
    delegates = tuple(accounts[start : start + _ACCOUNT_BYTES] for start in starts)
    return PrefixEntry(node, scheme, text, owner, active, delegates)


def _from_master_data(entry: MasterData) -> tuple[Any, ...]:
    details = json.dumps(dict(entry.details), ensure_ascii=False, sort_keys=True)
    return (entry.uri, entry.kind, entry.name, entry.name_zh, details)


def _to_master_data(row: Sequence[Any]) -> MasterData:
    uri, kind, name, name_zh, details = row
    return MasterData(uri, kind, name, name_zh, json.loads(details))
