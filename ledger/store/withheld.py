"""Messages removed by policy: their seals say so, and they are deleted, or dropped with their month."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

from sqlalchemy import delete, select, text, tuple_, update

from ledger.domain.cold_chain.watch import Watch
from ledger.domain.month import Month
from ledger.ports import Seal, WatchedBinding
from ledger.store import tables
from ledger.store.bulk import chunks
from ledger.store.carrier_lock import lock_carriers
from ledger.store.excursions import base_watches
from ledger.store.message_months import message_months, message_table
from ledger.store.seals import Seals
from ledger.store.withheld_numbers import add_numbers, withheld_among

_MESSAGE, _SEAL = tables.telemetry.c, tables.telemetry_seal.c
_IN_LIST_MAX = 500
_LOCK_SECONDS: Final = 5
"""For a drop; whoever reads or takes messages waits behind it for as long."""


class Withheld(Seals):
    """The part of `Store` about messages removed by policy."""

    def seals_to_withhold(self, sealed_ms: int, *, after: tuple[int, str], limit: int) -> list[Seal]:
        place = tuple_(_SEAL.sealed_ms, _SEAL.seal_id)
        due = (_SEAL.state == "captured", _SEAL.sealed_ms <= sealed_ms, place > after)
        query = select(tables.telemetry_seal).where(*due)
        return self._seals(query.order_by(_SEAL.sealed_ms, _SEAL.seal_id).limit(limit))

    def withhold(
        self,
        carrier_id: str,
        seals: Sequence[str],
        numbers: Sequence[int],
        until_ms: int,
        base: tuple[WatchedBinding, Watch] | None,
        now_ms: int,
    ) -> bool:
        with self.writing() as connection:
            lock_carriers(connection, [carrier_id])
            if not base_watches(connection, carrier_id, until_ms, base):
                return False
            add_numbers(connection, carrier_id, numbers)
            for chunk in chunks(seals, _IN_LIST_MAX):
                change = update(tables.telemetry_seal).where(_SEAL.seal_id.in_(chunk))
                connection.execute(change.values(state="withheld", withheld_ms=now_ms))
                if self._is_sqlite:
                    own = (_MESSAGE.carrier_id == carrier_id, _MESSAGE.seal_id.in_(chunk))
                    connection.execute(delete(tables.telemetry).where(*own))
        return True

    def is_withheld(self, carrier_id: str, sequence: int) -> bool:
        with self.reading() as connection:
            return bool(withheld_among(connection, carrier_id, [sequence]))

    def remove_withheld(self, before_ms: int, *, limit: int) -> bool:
        if self._is_sqlite:
            return False
        with self.reading() as connection:
            ended = [month for month in message_months(connection) if month.next.start_ms <= before_ms]
        return any(self._drop(month) or self._delete(month, limit) for month in ended)

    def _drop(self, month: Month) -> bool:
        """Whether all messages of a month that is over were withheld: then it is gone."""
        table = message_table(month)
        kept = text(
            f"SELECT 1 FROM {table} m WHERE NOT EXISTS (SELECT 1 FROM telemetry_seal s "  # noqa: S608
            "WHERE s.seal_id = m.seal_id AND s.state = 'withheld') LIMIT 1"
        )
        with self.reading() as connection:
            if connection.scalar(kept) is not None:
                return False
        with self.writing() as connection:  # nothing comes into a month that is over, or back from withheld
            connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
            # In the order in which messages are taken, lest two wait for each other.
            connection.execute(text("LOCK TABLE carrier, telemetry IN ACCESS EXCLUSIVE MODE"))
            connection.execute(text(f"DROP TABLE {table}"))
        return True

    def _delete(self, month: Month, limit: int) -> bool:
        table = message_table(month)
        some = text(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT m.ctid FROM {table} m "  # noqa: S608
            "JOIN telemetry_seal s ON s.seal_id = m.seal_id WHERE s.state = 'withheld' LIMIT :limit))"
        )
        with self.writing() as connection:
            return connection.execute(some, {"limit": limit}).rowcount > 0

    def hold_retention_lock(self) -> AbstractContextManager[bool]:
        return self.locked("retain")
