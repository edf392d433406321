"""The Merkle log: tree head, inclusion path and consistency path over SHA-256 leaves.

Pure functions after RFC 9162 section 2.1. Where nodes come from is one callback,
`ReadHashes`; a log of n leaves needs about 2 * log2(n) of them for a path.
Verifying functions answer None or False for anything that does not fit, and never raise.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ledger.domain.errors import Invalid

Hash = bytes
ReadHashes = Callable[[int, int], Hash]
"""(level, index) -> hash of the perfect subtree over leaves [index * 2^level, (index + 1) * 2^level)."""

ReadRow = Callable[[int, int, int], Sequence[Hash]]
"""(level, start, count) -> neighbouring node hashes of level 0, 8, 16, ... as a store keeps them."""

EMPTY_ROOT: Hash = sha256(b"").digest()
STORED_LEVELS = 8
"""A store keeps the nodes of every 8th level; the seven between are computed from one row of 256."""

_LEAF = sha256(b"\x00")
_NODE = sha256(b"\x01")


def leaf_hash(entry: bytes) -> Hash:
    """H(0x00 || entry)."""
    hasher = _LEAF.copy()
    hasher.update(entry)
    return hasher.digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    """H(0x01 || left || right)."""
    hasher = _NODE.copy()
    hasher.update(left + right)
    return hasher.digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The roots of the perfect subtrees of a tree of `size` leaves, largest first.

    It is all that is needed to append and to compute the root. `peaks` has one hash for
    each 1-bit of `size`.
    """

    size: int = 0
    peaks: tuple[Hash, ...] = ()

    def extended(self, leaves: Iterable[Hash]) -> "Frontier":
        """This tree with more leaf hashes at its end."""
        size, peaks = self.size, list(self.peaks)
        for leaf in leaves:
            carry, trailing_ones = leaf, size
            while trailing_ones & 1:
                carry = node_hash(peaks.pop(), carry)
                trailing_ones >>= 1
            peaks.append(carry)
            size += 1
        return Frontier(size, tuple(peaks))

    @property
    def root(self) -> Hash:
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def to_bytes(self) -> bytes:
        """u64 size || peaks."""
        return self.size.to_bytes(8) + b"".join(self.peaks)

    @staticmethod
    def from_bytes(raw: bytes) -> "Frontier":
        size = int.from_bytes(raw[:8])
        if len(raw) != 8 + 32 * size.bit_count():
            raise Invalid(f"frontier of {size} leaves has {len(raw)} bytes, not {8 + 32 * size.bit_count()}")
        return Frontier(size, tuple(raw[i : i + 32] for i in range(8, len(raw), 32)))


def tree_root(leaves: Iterable[Hash]) -> Hash:
    """MTH(D[n]) of RFC 9162 2.1.1, over leaf hashes."""
    return Frontier().extended(leaves).root


def frontier_at(size: int, read: ReadHashes) -> Frontier:
    """The frontier of the first `size` leaves."""
    peaks, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            peaks.append(read(level, start >> level))
            start += 1 << level
    return Frontier(size, tuple(peaks))


def _range_root(start: int, stop: int, read: ReadHashes) -> Hash:
    """Root over leaves [start, stop), where `start` is a multiple of the largest subtree in it."""
    peaks = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        peaks.append(read(level, start >> level))
        start += 1 << level
    root = peaks.pop()
    while peaks:
        root = node_hash(peaks.pop(), root)
    return root


def _split(count: int) -> int:
    """The largest power of two below `count`, which is at least 2."""
    return 1 << (count - 1).bit_length() - 1


def inclusion_path(index: int, size: int, read: ReadHashes) -> list[Hash]:
    """PATH(index, D[size]) of RFC 9162 2.1.3.1, leaf side first."""
    if not 0 <= index < size:
        raise Invalid(f"leaf {index} is not in a log of {size} leaves")
    path, low, high = [], 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range_root(middle, high, read))
            high = middle
        else:
            path.append(_range_root(low, middle, read))
            low = middle
    return path[::-1]


def consistency_path(old_size: int, new_size: int, read: ReadHashes) -> list[Hash]:
    """PROOF(old_size, D[new_size]) of RFC 9162 2.1.4.1; empty when nothing needs proving."""
    if not 0 <= old_size <= new_size:
        raise Invalid(f"a log of {new_size} leaves has no earlier size {old_size}")
    if old_size in (0, new_size):
        return []
    path, low, high = [], 0, new_size
    old_is_whole_left = True  # b of SUBPROOF(m, D[n], b): the old root is this very subtree
    while old_size != high:
        middle = low + _split(high - low)
        if old_size <= middle:
            path.append(_range_root(middle, high, read))
            high = middle
        else:
            path.append(_range_root(low, middle, read))
            low = middle
            old_is_whole_left = False
    if not old_is_whole_left:
        path.append(_range_root(low, high, read))
    return path[::-1]


def root_from_inclusion(leaf: Hash, index: int, size: int, path: Sequence[Hash]) -> Hash | None:
    """The root that `path` leads to (RFC 9162 2.1.3.2); None when its length does not fit."""
    if not 0 <= index < size:
        return None
    position, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if position & 1 or position == last:
            root = node_hash(sibling, root)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            root = node_hash(root, sibling)
        position >>= 1
        last >>= 1
    return root if last == 0 else None


def verify_consistency(
    old_size: int, old_root: Hash, new_size: int, new_root: Hash, path: Sequence[Hash]
) -> bool:
    """Whether the log of `new_size` begins with the log of `old_size` (RFC 9162 2.1.4.2)."""
    if old_size == new_size > 0:
        return not path and old_root == new_root
    if not 0 < old_size < new_size or not path:
        return False
    nodes = list(path)
    if old_size & (old_size - 1) == 0:
        nodes.insert(0, old_root)
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position >>= 1
        last >>= 1
    from_old = from_new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            from_old = node_hash(node, from_old)
            from_new = node_hash(node, from_new)
            while not position & 1 and position:
                position >>= 1
                last >>= 1
        else:
            from_new = node_hash(from_new, node)
        position >>= 1
        last >>= 1
    return last == 0 and from_old == old_root and from_new == new_root


def reader(read_row: ReadRow) -> ReadHashes:
    """All levels from a store that keeps every 8th; rows read once are remembered."""
    nodes: dict[tuple[int, int], Hash] = {}

    def read(level: int, index: int) -> Hash:
        known = nodes.get((level, index))
        if known is not None:
            return known
        above = level % STORED_LEVELS
        stored, count = level - above, 1 << above
        row = read_row(stored, index << above, count)
        if len(row) != count:
            raise Invalid(
                f"log node (level {level}, index {index}) lacks {count - len(row)} of {count} nodes"
            )
        nodes[level, index] = _perfect_root(row)
        return nodes[level, index]

    return read


def new_nodes(old_size: int, new_size: int, read_row: ReadRow) -> dict[tuple[int, int], Hash]:
    """The nodes that a store must add when its log grows: level 8, 16, ... by (level, index)."""
    added: dict[tuple[int, int], Hash] = {}
    width = 1 << STORED_LEVELS
    below = 0
    while new_size >> below + STORED_LEVELS:
        level = below + STORED_LEVELS
        for index in range(old_size >> level, new_size >> level):
            first = index * width
            known = [added[below, i] for i in range(first, first + width) if (below, i) in added]
            row = [*read_row(below, first, width - len(known)), *known]
            added[level, index] = _perfect_root(row)
        below = level
    return added


def _perfect_root(row: Sequence[Hash]) -> Hash:
    """Root of a perfect tree over 1, 2, 4, ... nodes."""
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]
