"""Retention: messages of carriers that were sealed long enough ago are removed, and their seals say so.

A seal is due once it was made `SUYUAN_TELEMETRY_DAYS` ago, its event is anchored for good, and its messages
still make its root: what was deleted or altered before stays to be seen as that. Then the seal is *withheld*
since now, in one transaction with what must outlive its messages: their numbers, which stay used, and how the
watched binding of then stood behind them, from where it is folded again when later readings come late.
SQLite deletes the messages in that transaction, PostgreSQL by months (`remove_withheld`): a month that ended
before the policy's time is dropped whole when nothing else is in it, else some are deleted at a time.

Messages that are in no seal, or in one that is not anchored, are never removed, nor imported readings.
"""

import logging
import threading
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from ledger.alone import repeat, run_alone
from ledger.domain.cold_chain.calm import fold_all
from ledger.domain.cold_chain.seal import seal_root
from ledger.domain.cold_chain.watch import Watch
from ledger.node import Node
from ledger.ports import Seal, WatchedBinding
from ledger.seals import raws_of, span_of
from ledger.telemetry import readings_between

_DAY_MS: Final = 86_400_000
_PAUSE_MS: Final = 3_600_000
"""Between having looked at all seals and looking again."""
_TURN: Final = 50
_ROWS: Final = 5_000
_POLL_SECONDS: Final = 60.0
_REST_SECONDS: Final = 60.0

logger = logging.getLogger(__name__)


class Retention:
    """Removes what is due, some at a turn."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._after = (0, "")
        self._resting_until_ms = 0

    def run(self, stop: threading.Event) -> None:
        """Remove until `stop` is set; waits while another process does on this database."""
        hold = self._node.store.hold_retention_lock
        work = repeat(self.turn, poll_seconds=_POLL_SECONDS)
        run_alone(hold, work, stop, rest_seconds=_REST_SECONDS, logger=logger)

    def turn(self) -> bool:
        """Withhold some seals or remove some messages; whether to go on at once."""
        node, days = self._node, self._node.settings.telemetry_days
        now = node.clock()
        if not days or now < self._resting_until_ms:
            return False
        before_ms = now - days * _DAY_MS
        due = node.store.seals_to_withhold(before_ms, after=self._after, limit=_TURN)
        if due:
            self._after = due[-1].sealed_ms, due[-1].seal_id
            for carrier_id, seals in groupby(sorted(due, key=_carrier), key=_carrier):
                self._withhold(carrier_id, list(seals))
            return True
        if node.store.remove_withheld(before_ms, limit=_ROWS):
            return True
        self._after, self._resting_until_ms = (0, ""), now + _PAUSE_MS
        return False

    def _withhold(self, carrier_id: str, seals: Sequence[Seal]) -> None:
        node = self._node
        numbers: dict[str, list[int]] = {}
        for seal in seals:
            if not self._is_anchored(seal):
                continue
            raws = raws_of(node, carrier_id, seal.seal_id)
            if seal_root(raws.values()) == seal.root:
                numbers[seal.seal_id] = list(raws)
            else:
                logger.error("messages of seal %s of %s were deleted or altered", seal.seal_id, carrier_id)
        if not numbers:
            return
        until_ms = max(span_of(seal)[1] for seal in seals if seal.seal_id in numbers)
        watched = node.store.watch_at(carrier_id, until_ms)
        base = None if watched is None else (watched, self._base(watched, until_ms))
        used = [number for each in numbers.values() for number in each]
        if not node.store.withhold(carrier_id, list(numbers), used, until_ms, base, node.clock()):
            logger.info("readings of %s wait to be folded: what is due stays until then", carrier_id)

    def _is_anchored(self, seal: Seal) -> bool:
        store = self._node.store
        return any(
            store.first_final_anchor_over(event.log_index) is not None
            for event in store.events_by_id(seal.event_id)
        )

    def _base(self, watched: WatchedBinding, until_ms: int) -> Watch:
        """How the watched binding stood at a time; or later, where it has a base of then."""
        binding = watched.binding
        start_ms = binding.from_ms if watched.base_ms is None else watched.base_ms + 1
        readings = readings_between(self._node, binding.carrier_id, start_ms, until_ms + 1)
        base, _ = fold_all(watched.profile, readings, watched.base)
        return base


def _carrier(seal: Seal) -> str:
    return seal.carrier_id
