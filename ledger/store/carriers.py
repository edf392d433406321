"""Active carriers, and what they were bound to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Select, insert, or_, select, update

from ledger.domain.carriers import Binding, Carrier, carrier_from_json, carrier_to_json
from ledger.domain.errors import Conflict
from ledger.store import tables
from ledger.store.bulk import rows_where_in
from ledger.store.database import Database
from ledger.store.excursions import begin_watch, end_watch
from ledger.store.telemetry import find_unsealed

_CARRIER, _BINDING = tables.carrier.c, tables.carrier_binding.c
_bodies = select(_CARRIER.body)
_bindings = select(
    _BINDING.carrier_id,
    _BINDING.uri,
    _BINDING.from_ms,
    _BINDING.until_ms,
    _BINDING.profile,
    _BINDING.key_id,
)


class Carriers(Database):
    """The part of `Store` about active carriers."""

    def add_carrier(self, carrier: Carrier) -> None:
        with self.writing() as connection:
            connection.execute(insert(tables.carrier).values(_row(carrier)))

    def carrier(self, carrier_id: str) -> Carrier | None:
        return next(iter(self._carriers(_bodies.where(_CARRIER.carrier_id == carrier_id))), None)

    def carriers_by_id(self, carrier_ids: Sequence[str]) -> Mapping[str, Carrier]:
        with self.reading() as connection:
            rows = rows_where_in(connection, _bodies, _CARRIER.carrier_id, carrier_ids)
            carriers = [carrier_from_json(row.body) for row in rows]
        return {carrier.carrier_id: carrier for carrier in carriers}

    def carriers(self, *, party_id: str | None, after: str, limit: int) -> list[Carrier]:
        query = _bodies.where(_CARRIER.carrier_id > after).order_by(_CARRIER.carrier_id).limit(limit)
        return self._carriers(query if party_id is None else query.where(_CARRIER.party_id == party_id))

    def save_carrier(
        self,
        carrier: Carrier,
        *,
        unbound_ms: int | None = None,
        binding: Binding | None = None,
        profile: str = "",
    ) -> None:
        is_as_read = (_CARRIER.carrier_id == carrier.carrier_id, _CARRIER.version == carrier.version)
        change = update(tables.carrier).where(*is_as_read)
        with self.writing() as connection:
            row = _row(replace(carrier, version=carrier.version + 1))
            if not connection.execute(change.values(row)).rowcount:
                raise Conflict(f"carrier {carrier.carrier_id} was changed meanwhile: try again")
            if unbound_ms is not None:
                _end_binding(connection, carrier.carrier_id, unbound_ms)
            if binding is not None:
                connection.execute(insert(tables.carrier_binding).values(_binding_row(binding)))
                find_unsealed(connection, carrier.carrier_id)
            if binding is not None and profile:
                silent_ms = binding.from_ms + 1000 * carrier.device.silent_after_seconds
                begin_watch(connection, binding, profile, silent_ms)

    def bindings(self, carrier_id: str, *, limit: int) -> list[Binding]:
        query = _bindings.where(_BINDING.carrier_id == carrier_id).order_by(_BINDING.from_ms.desc())
        with self.reading() as connection:
            return [Binding(*row) for row in connection.execute(query.limit(limit))]

    def open_bindings(self, carrier_ids: Sequence[str]) -> list[Binding]:
        with self.reading() as connection:
            still = _bindings.where(_BINDING.until_ms.is_(None))
            rows = rows_where_in(connection, still, _BINDING.carrier_id, carrier_ids)
            return [Binding(*row) for row in rows]

    def carriers_bound_to(self, uri: str, at_ms: int, *, limit: int) -> list[str]:
        lasts = or_(_BINDING.until_ms.is_(None), _BINDING.until_ms > at_ms)
        query = select(_BINDING.carrier_id).where(_BINDING.uri == uri, _BINDING.from_ms <= at_ms, lasts)
        with self.reading() as connection:
            return list(connection.execute(query.order_by(_BINDING.carrier_id).limit(limit)).scalars())

    def _carriers(self, query: Select[str]) -> list[Carrier]:
        with self.reading() as connection:
            return [carrier_from_json(body) for body in connection.execute(query).scalars()]


def _end_binding(connection: Connection, carrier_id: str, until_ms: int) -> None:
    is_open = (_BINDING.carrier_id == carrier_id, _BINDING.until_ms.is_(None))
    connection.execute(update(tables.carrier_binding).where(*is_open).values(until_ms=until_ms))
    end_watch(connection, carrier_id, until_ms)


def _row(carrier: Carrier) -> dict[str, Any]:
    return {
        "carrier_id": carrier.carrier_id,
        "party_id": carrier.party_id,
        "version": carrier.version,
        "body": carrier_to_json(carrier),
    }


def _binding_row(binding: Binding) -> dict[str, Any]:
    return {
        "carrier_id": binding.carrier_id,
        "from_ms": binding.from_ms,
        "uri": binding.uri,
        "until_ms": binding.until_ms,
        "profile": binding.profile,
        "key_id": binding.key_id,
    }
