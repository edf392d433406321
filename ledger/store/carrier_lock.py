"""The lock on a carrier, under which all that is counted of its messages changes."""

from collections.abc import Iterable

from sqlalchemy import Connection, select

from ledger.store import tables
from ledger.store.bulk import rows_where_in

_CARRIER_ID = tables.carrier.c.carrier_id
_locked = select(_CARRIER_ID).order_by(_CARRIER_ID).with_for_update(key_share=True)


def lock_carriers(connection: Connection, carrier_ids: Iterable[str]) -> None:
    """Let nobody else change these carriers until we are done; sorted, lest two wait in a ring."""
    for _ in rows_where_in(connection, _locked, _CARRIER_ID, sorted(set(carrier_ids))):
        pass
