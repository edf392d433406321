"""How log and item map grow from one anchor to the next, computed from the facts in SQL.

The caches in SQL (log nodes, map tiles, mini-log frontiers) are as of the newest final anchor.
They are used, not believed: every cached value that the new roots are computed from is checked
against the roots of that anchor. `rebuild_caches` makes them anew from the events alone.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ledger.domain import item_map, merkle
from ledger.domain.anchor import Anchor
from ledger.domain.commitment import link_leaf, map_value
from ledger.domain.errors import ForkDetected, Invalid
from ledger.domain.item_map import Child, Leaf, Tile
from ledger.domain.merkle import Frontier
from ledger.ports import Store, TreeGrowth

logger = logging.getLogger(__name__)

EVENTS_MAX = 50_000
LINKS_MAX = 200_000
"""About as much as one anchor takes up: it bounds the worker's memory and the time of a step."""


class CachesDiffer(Exception):
    """The caches do not have the roots that they should have: rebuild them."""


@dataclass(frozen=True, slots=True)
class Roots:
    """Log and item map at one size."""

    size: int
    log_root: bytes
    map_root: bytes

    @staticmethod
    def of(anchor: Anchor) -> "Roots":
        return Roots(anchor.size, anchor.log_root, anchor.map_root)

    def __str__(self) -> str:
        return f"log root {self.log_root.hex()} and map root {self.map_root.hex()} at {self.size} events"


EMPTY = Roots(0, merkle.EMPTY_ROOT, item_map.ABSENT)


@dataclass(frozen=True, slots=True)
class Grown:
    """Log and item map at a new size, the proof that the log continues the old one, and new cache entries."""

    roots: Roots
    proof: tuple[bytes, ...]
    caches: TreeGrowth


def next_size(store: Store, size: int) -> int:
    """Where the anchor after `size` ends: at the end of the log, unless that is too much for one."""
    stop = min(store.log_size(), size + EVENTS_MAX)
    for links_before, (_, log_index, _) in enumerate(store.links_between(size, stop)):
        if links_before >= LINKS_MAX and log_index > size:
            return log_index
    return stop


def grow(store: Store, base: Roots, size: int) -> Grown:
    """Log and item map at `size`, from the caches as of `base`. Raises CachesDiffer when they are not."""
    log, log_nodes, proof = _grow_log(store, base, size)
    items = _grow_items(store, base.size, size)
    changes = {key: map_value(new.size, new.root) for key, (_, new) in items.items()}
    tiles = _CheckedTiles(store)
    update = item_map.update(changes, tiles.read)
    tiles.check(base.map_root, {key: old for key, (old, _) in items.items()})
    caches = TreeGrowth(log_nodes, update.tiles, {key: new for key, (_, new) in items.items()})
    return Grown(Roots(size, log.root, update.root), tuple(proof), caches)


def grow_or_rebuild(store: Store, base: Roots, size: int) -> Grown:
    """`grow`, with the caches made anew from the events when they differ.

    Raises ForkDetected when the events themselves do not give the roots of `base`, which are anchored.
    """
    try:
        return grow(store, base, size)
    except CachesDiffer as difference:
        logger.warning("rebuilding the caches, which differ in: %s", difference)
    try:
        rebuilt = rebuild_caches(store, base.size)
        if rebuilt == base:
            return grow(store, base, size)
    except CachesDiffer as difference:
        raise ForkDetected(f"the log in SQL is incomplete ({difference}): restore the database") from None
    raise ForkDetected(
        f"the events give {rebuilt}, but anchored are {base}: events were changed after they were anchored. "
        "`suyuan audit` names them; restore the database"
    )


def rebuild_caches(store: Store, size: int) -> Roots:
    """Make the caches anew from the first `size` events; the roots that these events give.

    Should we stop half-way, the caches do not have the anchored roots, and are rebuilt again.
    """
    store.reset_caches()
    roots = EMPTY
    while roots.size < size:
        grown = grow(store, roots, min(size, next_size(store, roots.size)))
        store.save_caches(grown.caches)
        roots = grown.roots
    return roots


def _grow_log(
    store: Store, base: Roots, size: int
) -> tuple[Frontier, dict[tuple[int, int], bytes], list[bytes]]:
    try:
        old = merkle.frontier_at(base.size, merkle.reader(store.read_hashes))
        if old.root != base.log_root:
            raise CachesDiffer(f"log root at {base.size}")
        leaves = store.read_hashes(0, base.size, size - base.size)
        if len(leaves) != size - base.size:
            raise CachesDiffer(f"{size - base.size - len(leaves)} leaves are missing below {size}")
        nodes = merkle.new_nodes(base.size, size, store.read_hashes)

        def read_row(level: int, start: int, count: int) -> list[bytes]:
            row = store.read_hashes(level, start, count)
            added = range(start + len(row), start + count)
            return [*row, *(nodes[level, index] for index in added if (level, index) in nodes)]

        proof = merkle.consistency_path(base.size, size, merkle.reader(read_row))
    except Invalid as error:
        raise CachesDiffer(str(error)) from error
    return old.extended(leaves), nodes, proof


def _grow_items(store: Store, start: int, stop: int) -> dict[bytes, tuple[Frontier, Frontier]]:
    """The mini-logs of all items with events in [start, stop): before and after."""
    leaves: dict[bytes, list[bytes]] = defaultdict(list)
    for key, log_index, leaf_hash in store.links_between(start, stop):
        leaves[key].append(link_leaf(log_index, leaf_hash))
    known = store.item_frontiers(list(leaves))
    before = {key: known.get(key, Frontier()) for key in leaves}
    return {key: (before[key], before[key].extended(leaves[key])) for key in leaves}


class _CheckedTiles:
    """The map tiles in SQL, remembering what was read so that it can be checked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tiles: dict[str, Tile] = {}

    def read(self, prefixes: Sequence[str]) -> Mapping[str, Tile]:
        found = self._store.read_tiles(prefixes)
        self._tiles.update(found)
        return found

    def check(self, map_root: bytes, frontiers: Mapping[bytes, Frontier]) -> None:
        """Raises CachesDiffer unless the tiles belong to the map of `map_root`, and that map holds
        each item's frontier, or nothing for an empty one."""
        if not frontiers:
            self.read([""])
        if item_map.root_of(self._tiles.get("")) != map_root:
            raise CachesDiffer("map root")
        for prefix, tile in self._tiles.items():
            if prefix and self._child(prefix) != item_map.root_of(tile):
                raise CachesDiffer(f"map tile {prefix}")
        for key, frontier in frontiers.items():
            expected = map_value(frontier.size, frontier.root) if frontier.size else None
            if self._value(key) != expected:
                raise CachesDiffer(f"mini-log of item {key.hex()}")

    def _child(self, prefix: str) -> Child:
        """What the tile above `prefix` holds in its place."""
        return self._tiles.get(prefix[:-1], Tile()).children[int(prefix[-1], 16)]

    def _value(self, key: bytes) -> bytes | None:
        path = key.hex()
        for depth in range(1, len(path) + 1):
            child = self._child(path[:depth])
            if isinstance(child, Leaf):
                return child.value if child.key == key else None
            if child is None:
                return None
            if path[:depth] not in self._tiles:
                break
        raise CachesDiffer(f"map tile {path[:depth]} is missing")
