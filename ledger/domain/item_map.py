"""The item map: a binary prefix tree from item key to the (size, root) of the item's mini-log.

    leaf  H(0x02 || K || V)      node  H(0x03 || left || right)      absent child  32 zero bytes

A leaf sits at the shallowest depth where it is alone, so the root is a pure function of
the set of (K, V): order of insertion and split into batches leave no trace. Walking down
along the bits of K ends at exactly one place, which is why a root can open to one value
only: that makes "these are all the events of this item" provable, and "no such item" too.

The tree is kept as tiles of four levels: a tile is named by the hex digits (nibbles) above
it and has 16 children, each empty, a leaf, or the tile below. Where tiles live is one
callback. Cost: one tile for each nibble of depth, about log16(items) for each key.
Source of the placement rule: IETF keytrans, prefix tree.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from ledger.domain.errors import Invalid

ABSENT = bytes(32)
KEY_BITS = 256

_LEAF = sha256(b"\x02")
_NODE = sha256(b"\x03")


def leaf_hash(key: bytes, value: bytes) -> bytes:
    """H(0x02 || K || V)."""
    hasher = _LEAF.copy()
    hasher.update(key + value)
    return hasher.digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """H(0x03 || left || right)."""
    hasher = _NODE.copy()
    hasher.update(left + right)
    return hasher.digest()


@dataclass(frozen=True, slots=True)
class Leaf:
    key: bytes
    value: bytes

    @property
    def hash(self) -> bytes:
        return leaf_hash(self.key, self.value)


Child = Leaf | bytes | None
"""A leaf, the hash of the tile below, or nothing."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Four levels of the tree: the 16 children by their nibble."""

    children: tuple[Child, ...] = (None,) * 16

    def to_bytes(self) -> bytes:
        """u16 mask of leaves || u16 mask of tiles || per child in order: K || V, or hash."""
        leaves = tiles = 0
        parts: list[bytes] = []
        for i, child in enumerate(self.children):
            if isinstance(child, bytes):
                tiles |= 1 << i
                parts.append(child)
            elif child is not None:
                leaves |= 1 << i
                parts += (child.key, child.value)
        return b"".join((leaves.to_bytes(2), tiles.to_bytes(2), *parts))

    @staticmethod
    def from_bytes(raw: bytes) -> "Tile":
        leaves, tiles = int.from_bytes(raw[:2]), int.from_bytes(raw[2:4])
        if leaves & tiles or len(raw) != 4 + 64 * leaves.bit_count() + 32 * tiles.bit_count():
            raise Invalid(f"map tile of {len(raw)} bytes is malformed")
        children: list[Child] = []
        at = 4
        for i in range(16):
            if leaves >> i & 1:
                children.append(Leaf(raw[at : at + 32], raw[at + 32 : at + 64]))
                at += 64
            elif tiles >> i & 1:
                children.append(raw[at : at + 32])
                at += 32
            else:
                children.append(None)
        return Tile(tuple(children))


ReadTiles = Callable[[Sequence[str]], Mapping[str, Tile]]
"""Nibble prefixes -> the tiles that exist; the root tile is named ""."""


def _join(left: Child, right: Child) -> Child:
    """The node over two children; a leaf that is alone rises."""
    if left is None and not isinstance(right, bytes):
        return right
    if right is None and not isinstance(left, bytes):
        return left
    hasher = _NODE.copy()  # as `node_hash` does, but this is called most of all
    hasher.update(_hash(left) + _hash(right))
    return hasher.digest()


def _hash(child: Child) -> bytes:
    if child is None:
        return ABSENT
    return child if isinstance(child, bytes) else child.hash


def _levels(tile: Tile) -> list[Sequence[Child]]:
    """The tile's nodes from its 16 children up to its top: 16, 8, 4, 2, 1."""
    levels: list[Sequence[Child]] = [tile.children]
    while len(levels[-1]) > 1:
        row = levels[-1]
        levels.append([_join(row[i], row[i + 1]) for i in range(0, len(row), 2)])
    return levels


def _top(children: Sequence[Child]) -> Child:
    """The top of a tile by its 16 children."""
    row = children
    while len(row) > 1:
        row = [
            _join(left, right) if left or right else None
            for left, right in zip(row[::2], row[1::2], strict=True)
        ]
    return row[0]


def root_of(root_tile: Tile | None) -> bytes:
    """The map root; 32 zero bytes for an empty map."""
    return _hash(_top(root_tile.children)) if root_tile else ABSENT


@dataclass(frozen=True, slots=True)
class Found:
    """What a map holds for some keys (those that are absent left out), and all tiles on their way."""

    values: Mapping[bytes, bytes]
    tiles: Mapping[str, Tile]


def find(keys: Iterable[bytes], root: bytes, read_tiles: ReadTiles) -> Found:
    """What the map of `root` holds for `keys`. Calls `read_tiles` once for each nibble of depth.

    Raises Invalid when a tile on the way is missing or does not belong to that map.
    """
    values: dict[bytes, bytes] = {}
    tiles: dict[str, Tile] = {}
    hashes, arriving = {"": root}, {"": [(key.hex(), key) for key in keys]}
    while arriving:
        known = read_tiles(list(arriving))
        below: dict[str, list[tuple[str, bytes]]] = {}
        for prefix, group in arriving.items():
            tile = known.get(prefix)
            if root_of(tile) != hashes[prefix]:
                raise Invalid(f"map tile {prefix!r} is {'not that of the root' if tile else 'missing'}")
            if tile is None:
                continue
            tiles[prefix] = tile
            for path, key in group:
                child = tile.children[int(path[len(prefix)], 16)]
                if isinstance(child, bytes):
                    below.setdefault(path[: len(prefix) + 1], []).append((path, key))
                    hashes[path[: len(prefix) + 1]] = child
                elif child is not None and child.key == key:
                    values[key] = child.value
        arriving = below
    return Found(values, tiles)


@dataclass(frozen=True, slots=True)
class Update:
    """The map after a change: its root, and the tiles that are new or different."""

    root: bytes
    tiles: Mapping[str, Tile]


def update(changes: Mapping[bytes, bytes], read_tiles: ReadTiles) -> Update:
    """The map with every (K, V) of `changes` set. Calls `read_tiles` once for each nibble of depth."""
    by_hex = {key.hex(): Leaf(key, value) for key, value in changes.items()}
    if not by_hex:
        return Update(root_of(read_tiles([""]).get("")), {})
    children = _descend(by_hex, read_tiles)
    for prefix in sorted(children, key=len, reverse=True):
        top = _hash(_top(children[prefix]))
        if prefix:
            children[prefix[:-1]][int(prefix[-1], 16)] = top
    return Update(top, {prefix: Tile(tuple(row)) for prefix, row in children.items()})


def _descend(leaves: Mapping[str, Leaf], read_tiles: ReadTiles) -> dict[str, list[Child]]:
    """The children of every tile on the way of `leaves`, each leaf put where it belongs; hashes above
    are stale."""
    tiles: dict[str, list[Child]] = {}
    arriving: dict[str, list[str]] = {"": list(leaves)}
    pushed: dict[str, Leaf] = {}  # leaves met on the way that have to move down, by hex of key
    while arriving:
        known = read_tiles(list(arriving))
        below: dict[str, list[str]] = {}
        for prefix, keys in arriving.items():
            children: list[Child] = list(known[prefix].children) if prefix in known else [None] * 16
            groups: dict[int, list[str]] = {}
            for key in keys:
                groups.setdefault(int(key[len(prefix)], 16), []).append(key)
            for nibble, group in groups.items():
                child = children[nibble]
                if isinstance(child, Leaf) and child.key.hex() not in group:
                    moved = child.key.hex()
                    pushed[moved] = child
                    group.append(moved)
                if isinstance(child, bytes) or len(group) > 1:
                    below[prefix + f"{nibble:x}"] = group
                else:
                    children[nibble] = leaves.get(group[0]) or pushed[group[0]]
            tiles[prefix] = children
        arriving = below
    return tiles


# ----------------------------------------------------------------------------- proofs


@dataclass(frozen=True, slots=True)
class MapProof:
    """The way from the map root to where K ends.

    `siblings` from the top down, one for each bit of depth, None for an absent child.
    `other` is the leaf found in K's place when K is absent and somebody else is alone there.
    """

    siblings: tuple[bytes | None, ...]
    other: Leaf | None = None


def prove(key: bytes, read_tiles: ReadTiles) -> tuple[bytes | None, MapProof]:
    """The value of `key` (None when it is absent) and the proof of that."""
    path = key.hex()
    siblings: list[bytes | None] = []
    for depth in range(len(path)):
        tile = read_tiles([path[:depth]]).get(path[:depth])
        if tile is None:
            break
        nibble = int(path[depth], 16)
        levels = _levels(tile)
        for bit in (3, 2, 1, 0):
            node = levels[bit + 1][nibble >> bit + 1]
            if node is None or isinstance(node, Leaf):
                return _end(key, node, siblings)
            sibling = levels[bit][(nibble >> bit) ^ 1]
            siblings.append(None if sibling is None else _hash(sibling))
        child = tile.children[nibble]
        if child is None or isinstance(child, Leaf):
            return _end(key, child, siblings)
    return _end(key, None, siblings)


def _end(key: bytes, found: Leaf | None, siblings: Iterable[bytes | None]) -> tuple[bytes | None, MapProof]:
    if found is not None and found.key == key:
        return found.value, MapProof(tuple(siblings))
    return None, MapProof(tuple(siblings), found)


def root_from_proof(key: bytes, value: bytes | None, proof: MapProof) -> bytes | None:
    """The map root that the proof leads to; None when it cannot be a proof about `key`."""
    depth = len(proof.siblings)
    if depth > KEY_BITS:
        return None
    if value is not None:
        if proof.other is not None:
            return None
        node = leaf_hash(key, value)
    elif proof.other is not None:
        if proof.other.key == key or _bits(proof.other.key, depth) != _bits(key, depth):
            return None
        node = proof.other.hash
    else:
        node = ABSENT
    for at in reversed(range(depth)):
        sibling = proof.siblings[at] or ABSENT
        node = node_hash(sibling, node) if _bit(key, at) else node_hash(node, sibling)
    return node


def _bit(key: bytes, at: int) -> int:
    return key[at >> 3] >> (7 - (at & 7)) & 1


def _bits(key: bytes, count: int) -> int:
    return int.from_bytes(key) >> (KEY_BITS - count)
