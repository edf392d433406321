"""What the log commits to for one event, and what the item map holds for one item.

Formats: ledger/FORMATS.md. H is SHA-256, integers are big-endian, the first byte is the domain.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from ledger.domain import merkle
from ledger.domain.errors import Invalid

SALT_BYTES = 32
LEAF_VERSION = 1
LEAF_BYTES = 1 + 32 + 8 + 32 + 4 + 32


def commit(salt: bytes, body: bytes) -> bytes:
    """C = H(0x10 || salt || body), where body is the JCS form of the stored event.

    The salt hides the event: a serial's plain hash is guessed in a second. Without salt
    and body (erased) C still stands in the log and says nothing.
    """
    assert len(salt) == SALT_BYTES
    return sha256(b"\x10" + salt + body).digest()


def item_key(uri: str) -> bytes:
    """K = H(0x06 || u16 length || canonical identifier URI). Not salted: one item, one key."""
    raw = uri.encode()
    if len(raw) > 0xFFFF:
        raise Invalid(f"identifier of {len(raw)} bytes: at most 65535 fit")
    return sha256(b"\x06" + len(raw).to_bytes(2) + raw).digest()


def ids_root(keys: Iterable[bytes]) -> bytes:
    """RFC 9162 tree head over the sorted distinct item keys of one event."""
    return merkle.tree_root(merkle.leaf_hash(key) for key in sorted(set(keys)))


@dataclass(frozen=True, slots=True)
class LeafEntry:
    """E, the log's leaf: who committed to what, when, about how many items."""

    commitment: bytes
    recorded_at_ms: int
    submitter_key_id: bytes
    ids_count: int
    ids_root: bytes

    def to_bytes(self) -> bytes:
        """u8 version || C || u64 recorded_at_ms || submitter_key_id || u32 ids_count || ids_root."""
        return b"".join(
            (
                LEAF_VERSION.to_bytes(1),
                self.commitment,
                self.recorded_at_ms.to_bytes(8),
                self.submitter_key_id,
                self.ids_count.to_bytes(4),
                self.ids_root,
            )
        )

    @property
    def hash(self) -> bytes:
        return merkle.leaf_hash(self.to_bytes())


def link_leaf(log_index: int, leaf_hash: bytes) -> bytes:
    """Leaf hash of one link in an item's mini-log; the link is u64 log_index || leaf_hash."""
    return merkle.leaf_hash(log_index.to_bytes(8) + leaf_hash)


def map_value(size: int, mini_root: bytes) -> bytes:
    """V = H(0x05 || u64 size || mini_root): how many events an item has, and which."""
    return sha256(b"\x05" + size.to_bytes(8) + mini_root).digest()
