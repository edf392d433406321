"""An anchor: the checkpoint and item-map root that `TraceLog` holds, chained to the one before."""

from dataclasses import dataclass
from hashlib import sha256

from ledger.domain.keccak import keccak256

NO_ANCHOR = bytes(32)
"""Stands as `previous` in the first anchor of a log."""


def log_id_of(origin: str) -> bytes:
    """The id of a log on chain: SHA-256 of the origin that its checkpoints carry."""
    return sha256(origin.encode()).digest()


@dataclass(frozen=True, slots=True)
class Anchor:
    """Anchor `number` (from 1) of a log. `size` leaves have `log_root`; their items have `map_root`."""

    chain_id: int
    contract: bytes  # 20 bytes
    log_id: bytes  # 32 bytes
    number: int
    previous: bytes  # hash of anchor number - 1, NO_ANCHOR for the first
    size: int
    log_root: bytes
    map_root: bytes

    @property
    def hash(self) -> bytes:
        """keccak256(abi.encode(...)), each field one 32-byte word: what the contract stores."""
        words = (
            self.chain_id.to_bytes(32),
            self.contract.rjust(32, b"\0"),
            self.log_id,
            self.number.to_bytes(32),
            self.previous,
            self.size.to_bytes(32),
            self.log_root,
            self.map_root,
        )
        return keccak256(b"".join(words))
