"""The copy of the prefix registry: it follows the contract's final notices, in order.

SQL keeps every notice, and the block up to which they were read with its hash. When the chain has another
block there, the notices of replaced blocks are taken back and read again; a copy that stops anywhere goes on
from the last step that was saved, and may be dropped and read from zero at any time. What is registered now
is folded from the notices in memory (`domain.registry`); decisions about access have their entries beside.
"""

import logging
import threading
from typing import Final

from ledger.domain.errors import Conflict
from ledger.domain.registry import RegistryState
from ledger.ports import NO_PLACE, Block, Registry, RegistryHead, Store

logger = logging.getLogger(__name__)

_PAGE: Final = 10_000
_ATTEMPTS: Final = 5
_STEPS_BACK_MAX: Final = 64
"""Changed blocks that are looked at, newest first, for one that still stands; then all is read again."""


class RegistryCopy:
    """What the database here holds of the registry. Each look reads what is new; threads may share it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._head = RegistryHead(None, -1)
        self._state = RegistryState()
        self._kept: RegistryState | None = None  # what the entries in SQL are of
        self._kept_until_s: float = 0

    def read(self) -> tuple[RegistryState, RegistryHead]:
        """What is registered, and as of which block."""
        with self._lock:
            for _ in range(_ATTEMPTS):
                head = self.store.registry_head()
                if head == self._head:
                    return self._state, head
                try:
                    self._state, self._head = self._read_on(head), head
                except Conflict:
                    continue  # changes were taken back while we read
            return self._state, self._head

    def keep_entries(self, now_ms: int) -> None:
        """Let decisions about access go by what is registered now."""
        (state, head), now_s = self.read(), now_ms // 1000
        if state is self._kept and now_s < self._kept_until_s:
            return
        entries = state.entries(now_s)
        if head.block is not None and set(entries) != set(self.store.prefixes()):
            self.store.replace_prefixes(entries, head.block.number)
        self._kept, self._kept_until_s = state, state.next_expiry_s(now_s)

    def _read_on(self, head: RegistryHead) -> RegistryState:
        goes_on = head.revision == self._head.revision
        state = self._state if goes_on else RegistryState()
        after = (self._head.block.number + 1, -1) if goes_on and self._head.block else NO_PLACE
        while changes := self.store.registry_changes(head, after=after, limit=_PAGE):
            state = state.after(changes)
            after = changes[-1].block_number, changes[-1].log_index
        return state


def refresh_prefixes(store: Store, registry: Registry, now_ms: int, copy: RegistryCopy | None = None) -> None:
    """Bring the SQL copy of the registry up to the newest final block.

    Several processes may do so at once: each step counts for one of them. Raises ChainUnavailable.
    """
    for _ in range(_ATTEMPTS):
        try:
            _follow(store, registry)
        except Conflict:
            continue  # another process took the step
        (copy or RegistryCopy(store)).keep_entries(now_ms)  # of a whole copy, never of half of one
        return


def _follow(store: Store, registry: Registry) -> None:
    final = registry.final_block_number()
    head = _undo_replaced(store, registry, store.registry_head())
    while (first := head.block.number + 1 if head.block else registry.first_block) <= final:
        changes, block = registry.read_changes(first, final)
        head = store.extend_registry(head, changes, block)


def _undo_replaced(store: Store, registry: Registry, head: RegistryHead) -> RegistryHead:
    """Take back what the chain does not say any more. A node that lags behind proves nothing."""
    if head.block is None or registry.block(head.block.number) in (None, head.block):
        return head
    standing = _newest_standing(store, registry, head.block)
    moved = store.cut_registry(head, standing)
    logger.warning(
        "registry: block %d was replaced; its copy goes back to block %s and reads on from there",
        head.block.number,
        standing.number if standing else "zero",
    )
    return moved


def _newest_standing(store: Store, registry: Registry, replaced: Block) -> Block | None:
    """The newest block that changed something and still stands; None when all is to be read again."""
    number = replaced.number
    for _ in range(_STEPS_BACK_MAX):
        block = store.registry_block_before(number)
        if block is None or registry.block(block.number) == block:
            return block
        number = block.number
    return None


def rebuild_registry(store: Store, registry: Registry, now_ms: int) -> None:
    """Drop the copy and read it again from the first block."""
    store.cut_registry(store.registry_head(), None)
    refresh_prefixes(store, registry, now_ms)
