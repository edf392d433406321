"""Whether the log that we write is, on chain, the one that we know.

The chain only ever has what we sent it, so it is behind by at most the anchor in flight. Any other
difference means that there are two histories: then nothing more is written, and the message says
which of the two was restored, wiped or replaced.
"""

from dataclasses import dataclass

from ledger.domain.anchor import NO_ANCHOR, Anchor, log_id_of
from ledger.domain.errors import ForkDetected, Invalid
from ledger.ports import AnchorRecord, Chain, ChainHead


@dataclass(frozen=True, slots=True)
class OwnLog:
    """The log named `origin` on `chain`, which we write."""

    chain: Chain
    origin: str

    @property
    def log_id(self) -> bytes:
        return log_id_of(self.origin)

    def check_ours(self, anchor: Anchor) -> None:
        """That the store's anchors are of the log that we were started for."""
        theirs = (anchor.chain_id, anchor.contract, anchor.log_id)
        if theirs != (self.chain.chain_id, self.chain.contract, self.log_id):
            raise Invalid(
                f"this database belongs to {_name(*theirs)}, but we were started for "
                f"{_name(self.chain.chain_id, self.chain.contract, self.log_id)}: use the settings "
                "that it began with"
            )

    def check_head(self, final: AnchorRecord | None, head: ChainHead) -> None:
        """That the chain's newest anchor is our newest final one."""
        log = f"log {self.origin} (0x{self.log_id.hex()})"
        number, ours = (final.anchor.number, final.anchor.hash) if final else (0, NO_ANCHOR)
        if (head.count, head.anchor_hash) != (number, ours):
            raise ForkDetected(f"{log}: {self._difference(number, ours, head)}")
        if not any(head.writer):
            raise Invalid(f"{log} is not open in the contract: let its registrar open it for our account")
        if head.writer != self.chain.account:
            raise Invalid(
                f"{log} is written by account 0x{head.writer.hex()}, we are 0x{self.chain.account.hex()}: "
                "use the key of that account, or let the registrar change the writer"
            )

    def _difference(self, number: int, ours: bytes, head: ChainHead) -> str:
        if head.count < number:
            return (
                f"the chain has {head.count} anchors, the store {number} final ones. The chain was wiped or "
                "restored from a copy, or it replaced blocks that it called final: restore the chain"
            )
        if number and self.chain.anchor_hash(self.log_id, number) != ours:
            return (
                f"anchor {number} is another one on chain than in the store. Both come from different "
                "histories: restore the database that belongs to this chain"
            )
        return (
            f"the chain has {head.count} anchors over {head.size} events, the store only {number}. Either "
            "the database was restored from a copy, or another one anchors the same log: restore the newest"
        )


def _name(chain_id: int, contract: bytes, log_id: bytes) -> str:
    return f"log 0x{log_id.hex()} of contract 0x{contract.hex()} on chain {chain_id}"
