"""The anchor worker: brings the log's newest checkpoint onto the chain, exactly once.

    PREPARED   size and roots are fixed and the checkpoint is signed
    SIGNED     the raw tx is saved; only now is it sent, and sent again while no block holds it
    MINED      a block holds it; back to SIGNED when that block is replaced
    FINAL      the block is final, the chain was asked for the anchor hash, the caches have grown

Each step asks what the step before it left behind, in SQL and on the chain, so the worker may
stop at any line and go on later. One anchor is in flight at a time, and the contract takes an
anchor only on top of the one it names: whatever is sent twice, or by two workers, counts once.

Capturing never waits for any of this.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event as Flag
from typing import Literal

from ledger.domain.anchor import NO_ANCHOR, Anchor
from ledger.domain.checkpoint import Checkpoint, LogSigner
from ledger.domain.errors import (
    ChainUnavailable,
    Conflict,
    ForkDetected,
    Invalid,
    StoreUnavailable,
)
from ledger.growth import EMPTY, Grown, Roots, grow_or_rebuild, next_size
from ledger.own_log import OwnLog
from ledger.ports import AnchorRecord, AnchorState, Chain, Registry, SignedTx, Store
from ledger.registry import RegistryCopy, refresh_prefixes

logger = logging.getLogger(__name__)

SEND_AGAIN_MS = 5_000
"""A node may lose a tx that it took (Ganache does): the same bytes bring it back."""

DEARER_AFTER_MS = 60_000
"""A tx that no block took for so long offers more."""

_LOOK_AGAIN_SECONDS = 0.25
_REST_SECONDS_MAX = 30.0

Step = Literal["idle", "prepared", "signed", "sent", "waiting", "mined", "unmined", "final"]
"""What a step did. `idle`: everything captured is anchored; `waiting`: for the chain."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the worker is. `problem` says what it is trying to get over, "" for nothing."""

    anchored_size: int
    problem: str = ""
    halted: bool = False  # it found a fork and writes nothing more


class AnchorWorker:
    """Anchors one log. `clock` gives milliseconds since 1970."""

    def __init__(self, store: Store, chain: Chain, signer: LogSigner, clock: Callable[[], int]) -> None:
        self._store = store
        self._chain = chain
        self._signer = signer
        self._clock = clock
        self._log = OwnLog(chain, signer.origin)
        self._grown: Grown | None = None  # of the anchor in flight
        self._signed_ms: dict[bytes, int] = {}  # when we first met each tx in flight
        self._sent_ms: dict[bytes, int] = {}  # when we last sent it
        self.health = Health(0)

    def step(self) -> Step:
        """Take the next step, if there is one.

        Raises ChainUnavailable or StoreUnavailable (call again later), Conflict (another worker
        took the step: call again), Invalid (the contract or the settings refuse: see to it) and
        ForkDetected (write nothing more).
        """
        record = self._store.newest_anchor()
        try:
            return self._step_from(record)
        except (ForkDetected, Invalid) as error:
            if self._store.newest_anchor() != record:
                raise Conflict("another worker anchors this log at the same time: let one of them") from error
            raise

    def reconcile(self) -> None:
        """Compare the newest anchor on chain with the store's. Raises ForkDetected when the chain is
        ahead or different, and Invalid when the log is not ours to write."""
        newest = self._store.newest_anchor()
        head = self._chain.head(self._log.log_id)
        if newest and newest.state is not AnchorState.FINAL and head.anchor_hash == newest.anchor.hash:
            return  # the anchor in flight has arrived
        self._log.check_head(self._store.newest_anchor(AnchorState.FINAL), head)

    def run(self, stop: Flag, interval_seconds: float, registry: Registry | None = None) -> None:
        """Anchor until `stop` is set or a fork is found; `interval_seconds` lie between two anchors.

        Stands by while another process anchors for this database. Also keeps the copy of
        `registry` fresh.
        """
        while not stop.is_set() and not self.health.halted:
            try:
                with self._store.hold_anchor_lock() as alone:
                    if alone:
                        self._work(stop, interval_seconds, registry)
            except StoreUnavailable as error:
                self._note(str(error))
            stop.wait(interval_seconds)

    def _work(self, stop: Flag, interval_seconds: float, registry: Registry | None) -> None:
        rest_seconds = interval_seconds
        reconciled = False
        copy = RegistryCopy(self._store)
        while not stop.is_set():
            try:
                if not reconciled:  # before the first event waits to be anchored
                    self.reconcile()
                    reconciled = True
                done = self.step()
                if registry is not None and done in ("idle", "final"):
                    refresh_prefixes(self._store, registry, self._clock(), copy)
            except ForkDetected as error:
                self._note(str(error), halted=True)
                return
            except (ChainUnavailable, StoreUnavailable, Conflict, Invalid) as error:
                self._note(str(error))
                stop.wait(rest_seconds)
                rest_seconds = min(2 * rest_seconds, max(_REST_SECONDS_MAX, interval_seconds))
            else:
                self._note("")
                rest_seconds = interval_seconds
                stop.wait(_rest_after(done, interval_seconds))

    def _note(self, problem: str, halted: bool = False) -> None:
        if problem and problem != self.health.problem:
            logger.log(logging.ERROR if halted else logging.WARNING, "anchoring: %s", problem)
        self.health = replace(self.health, problem=problem, halted=halted)

    # ------------------------------------------------------------------ the four states

    def _step_from(self, record: AnchorRecord | None) -> Step:
        if record is None:
            return self._prepare(None)
        self._log.check_ours(record.anchor)
        match record.state:
            case AnchorState.FINAL:
                return self._prepare(record)
            case AnchorState.PREPARED:
                return self._sign(record)
            case AnchorState.SIGNED:
                return self._send(record)
            case AnchorState.MINED:
                return self._finish(record)

    def _prepare(self, final: AnchorRecord | None) -> Step:
        base = Roots.of(final.anchor) if final else EMPTY
        self.health = replace(self.health, anchored_size=base.size)
        if self._store.log_size() <= base.size:
            return "idle"
        self._log.check_head(final, self._chain.head(self._log.log_id))
        grown = grow_or_rebuild(self._store, base, next_size(self._store, base.size))
        anchor = Anchor(
            self._chain.chain_id,
            self._chain.contract,
            self._log.log_id,
            final.anchor.number + 1 if final else 1,
            final.anchor.hash if final else NO_ANCHOR,
            grown.roots.size,
            grown.roots.log_root,
            grown.roots.map_root,
        )
        checkpoint = Checkpoint(self._signer.origin, anchor.size, anchor.log_root)
        # Saved before anyone sees it. Whoever goes on after us anchors this same one, so that
        # there are never two roots for one size.
        self._store.prepare_anchor(anchor, self._signer.sign(str(checkpoint)), self._clock())
        self._grown = grown
        return "prepared"

    def _sign(self, record: AnchorRecord) -> Step:
        head = self._chain.head(self._log.log_id)
        if record.txs and head.anchor_hash == record.anchor.hash:
            raise ChainUnavailable(
                f"the chain holds anchor {record.anchor.number}, but shows none of the txs saved for it: its "
                "node is behind, or this database was restored from a copy"
            )
        self._log.check_head(self._store.newest_anchor(AnchorState.FINAL), head)
        tx = self._chain.sign_anchor(record.anchor, self._grown_for(record).proof)
        # Saved before it is sent. Should we stop here, the next run finds it and sends it.
        self._store.add_anchor_tx(record.anchor.number, tx)
        return "signed"

    def _send(self, record: AnchorRecord) -> Step:
        # The nonce is read first: when it is used up and none of our txs is found after that,
        # none of them will ever be mined.
        next_nonce = self._chain.next_nonce()
        inclusions = {tx.tx_hash: self._chain.inclusion(tx.tx_hash) for tx in record.txs}
        for tx_hash, inclusion in inclusions.items():
            if inclusion and inclusion.succeeded:
                self._store.mark_mined(record.anchor.number, tx_hash, inclusion.block)
                return "mined"
        newest = record.txs[-1]
        if next_nonce > newest.nonce or inclusions[newest.tx_hash]:
            return self._sign(record)  # the contract refused it, or another tx took its nonce
        return self._send_again(record, newest)

    def _send_again(self, record: AnchorRecord, tx: SignedTx) -> Step:
        now = self._clock()
        if now - self._signed_ms.setdefault(tx.tx_hash, now) >= DEARER_AFTER_MS:
            self._signed_ms[tx.tx_hash] = now
            dearer = self._chain.sign_anchor(record.anchor, (), replaces=tx)
            if dearer.tx_hash != tx.tx_hash:
                self._store.add_anchor_tx(record.anchor.number, dearer)
                return "signed"
            logger.warning(
                "anchor %d: no block takes tx 0x%s, which offers all that we pay: %d wei per gas",
                record.anchor.number,
                tx.tx_hash.hex(),
                tx.gas_price_wei,
            )
        if tx.tx_hash in self._sent_ms and now - self._sent_ms[tx.tx_hash] < SEND_AGAIN_MS:
            return "waiting"
        self._chain.send(tx)
        self._sent_ms[tx.tx_hash] = now
        return "sent"

    def _finish(self, record: AnchorRecord) -> Step:
        anchor, block = record.anchor, record.block
        assert block is not None, "a mined anchor has a block"
        if not self._chain.has_block(block):
            self._store.mark_unmined(anchor.number)
            self._sent_ms.clear()
            return "unmined"
        if not self._chain.is_final(block):
            return "waiting"
        held = self._chain.anchor_hash(anchor.log_id, anchor.number)
        if held != anchor.hash:
            raise ForkDetected(
                f"anchor {anchor.number}: the chain holds {held.hex() if held else 'nothing'}, "
                f"we sent {anchor.hash.hex()}"
            )
        self._store.finish_anchor(anchor.number, self._grown_for(record).caches)
        self._forget_flight()
        self.health = replace(self.health, anchored_size=anchor.size)
        logger.info("anchored %d events, anchor %d, block %d", anchor.size, anchor.number, block.number)
        return "final"

    # ------------------------------------------------------------------ what they rest on

    def _grown_for(self, record: AnchorRecord) -> Grown:
        """The growth of the anchor in flight, computed again when another process prepared it."""
        roots = Roots.of(record.anchor)
        if self._grown is None or self._grown.roots != roots:
            final = self._store.newest_anchor(AnchorState.FINAL)
            self._grown = grow_or_rebuild(self._store, Roots.of(final.anchor) if final else EMPTY, roots.size)
        if self._grown.roots != roots:
            raise ForkDetected(
                f"anchor {record.anchor.number}: was prepared with {roots}, but the events now give "
                f"{self._grown.roots}: they were changed. Restore the database"
            )
        return self._grown

    def _forget_flight(self) -> None:
        self._grown = None
        self._signed_ms.clear()
        self._sent_ms.clear()


def _rest_after(done: Step, interval_seconds: float) -> float:
    match done:
        case "idle" | "final":
            return interval_seconds
        case "waiting":
            return min(_LOOK_AGAIN_SECONDS, interval_seconds)
        case _:
            return 0.0
