"""Seals: which messages of carriers are committed to, and by what."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Select, exists, insert, select, update

from ledger.domain.errors import Conflict
from ledger.ports import Seal, SealState
from ledger.store import tables
from ledger.store.bulk import chunks
from ledger.store.carrier_lock import lock_carriers
from ledger.store.database import Database
from ledger.store.telemetry import find_unsealed

_MESSAGE, _SEAL, _HEARD = tables.telemetry.c, tables.telemetry_seal.c, tables.carrier_heard.c
_IN_LIST_MAX = 500
# It may have been deleted since.
_is_there = exists().where(_MESSAGE.carrier_id == _HEARD.carrier_id, _MESSAGE.seal_id == "")


class Seals(Database):
    """The part of `Store` about seals."""

    def due_seals(self, received_ms: int, *, limit: int) -> list[str]:
        query = select(_HEARD.carrier_id).where(_HEARD.unsealed_ms <= received_ms, _is_there)
        with self.reading() as connection:
            oldest = query.order_by(_HEARD.unsealed_ms, _HEARD.carrier_id).limit(limit)
            return list(connection.execute(oldest).scalars())

    def sealed_messages(self, carrier_id: str, seal_id: str, *, limit: int) -> list[tuple[int, bytes]]:
        query = select(_MESSAGE.sequence, _MESSAGE.raw).where(
            _MESSAGE.carrier_id == carrier_id, _MESSAGE.seal_id == seal_id
        )
        with self.reading() as connection:
            oldest = query.order_by(_MESSAGE.received_ms, _MESSAGE.sequence).limit(limit)
            return sorted((sequence, raw) for sequence, raw in connection.execute(oldest))

    def add_seal(self, seal: Seal, sequences: Sequence[int]) -> None:
        own = (_MESSAGE.carrier_id == seal.carrier_id, _MESSAGE.seal_id == "")
        with self.writing() as connection:
            lock_carriers(connection, [seal.carrier_id])
            connection.execute(insert(tables.telemetry_seal).values(_row(seal)))
            marked = 0
            for chunk in chunks(sequences, _IN_LIST_MAX):
                mark = update(tables.telemetry).where(*own, _MESSAGE.sequence.in_(chunk))
                marked += connection.execute(mark.values(seal_id=seal.seal_id)).rowcount
            if marked != len(sequences):
                raise Conflict(f"{seal.carrier_id}: some of the messages were sealed meanwhile")
            find_unsealed(connection, seal.carrier_id)

    def seals(self, carrier_id: str, *, limit: int) -> list[Seal]:
        query = select(tables.telemetry_seal).where(_SEAL.carrier_id == carrier_id)
        return self._seals(query.order_by(_SEAL.sealed_ms.desc(), _SEAL.seal_id).limit(limit))

    def seal_of(self, carrier_id: str, sequence: int) -> Seal | None:
        own = (_MESSAGE.carrier_id == carrier_id, _MESSAGE.sequence == sequence)
        sealed_by = select(_MESSAGE.seal_id).where(*own).scalar_subquery()
        query = select(tables.telemetry_seal).where(_SEAL.seal_id == sealed_by)
        return next(iter(self._seals(query)), None)

    def seal(self, seal_id: str) -> Seal | None:
        return next(iter(self._seals(select(tables.telemetry_seal).where(_SEAL.seal_id == seal_id))), None)

    def seal_of_root(self, carrier_id: str, root: bytes) -> Seal | None:
        own = (_SEAL.carrier_id == carrier_id, _SEAL.root == root)
        query = select(tables.telemetry_seal).where(*own).order_by(_SEAL.sealed_ms).limit(1)
        return next(iter(self._seals(query)), None)

    def uncaptured_seals(self, *, limit: int) -> list[Seal]:
        query = select(tables.telemetry_seal).where(_SEAL.state == "due")
        return self._seals(query.order_by(_SEAL.sealed_ms, _SEAL.seal_id).limit(limit))

    def finish_seal(self, seal_id: str, state: SealState) -> None:
        with self.writing() as connection:
            change = update(tables.telemetry_seal).where(_SEAL.seal_id == seal_id)
            connection.execute(change.values(state=state))

    def hold_seal_lock(self) -> AbstractContextManager[bool]:
        return self.locked("seal")

    def _seals(self, query: Select[Any]) -> list[Seal]:
        with self.reading() as connection:
            return [Seal(*row) for row in connection.execute(query)]


def _row(seal: Seal) -> dict[str, Any]:
    return {column.name: getattr(seal, column.name) for column in tables.telemetry_seal.columns}
