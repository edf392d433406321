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
    too_much = store.event_of_link(LINKS_MAX, size, stop)
    return stop if too_much is None else max(too_much, size + 1)


def grow(store: Store, base: Roots, size: int) -> Grown:
    """Log and item map at `size`, from the caches as of `base`. Raises CachesDiffer when they are not."""
    log = _grow_log(store, base, size)
    links = _links_by_item(store, base.size, log.leaves)
    try:
        found = item_map.find(links, base.map_root, store.read_tiles)
        frontiers = _read_frontiers(store, found.values)
    except Invalid as error:
        raise CachesDiffer(str(error)) from error
    items = {key: frontiers.get(key, Frontier()).extended(leaves) for key, leaves in links.items()}
    changes = {key: map_value(mini_log.size, mini_log.root) for key, mini_log in items.items()}
    update = item_map.update(changes, lambda _: found.tiles)
    caches = TreeGrowth(log.nodes, update.tiles, items)
    return Grown(Roots(size, log.root, update.root), tuple(log.proof), caches)


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


@dataclass(frozen=True, slots=True)
class _GrownLog:
    leaves: Sequence[bytes]  # that are new
    root: bytes
    nodes: Mapping[tuple[int, int], bytes]  # that are new
    proof: Sequence[bytes]


def _grow_log(store: Store, base: Roots, size: int) -> _GrownLog:
    try:
        old = merkle.frontier_at(base.size, merkle.reader(store.read_hashes))
        if old.root != base.log_root:
            raise CachesDiffer(f"log root at {base.size}")
        leaves = store.read_hashes(0, base.size, size - base.size)
        if len(leaves) != size - base.size:
            raise CachesDiffer(f"{size - base.size - len(leaves)} leaves are missing below {size}")

        def read_stored(level: int, start: int, count: int) -> list[bytes]:
            if level == 0 and start >= base.size:
                return leaves[start - base.size : start - base.size + count]
            return store.read_hashes(level, start, count)

        nodes = merkle.new_nodes(base.size, size, read_stored)

        def read_row(level: int, start: int, count: int) -> list[bytes]:
            row = read_stored(level, start, count)
            added = range(start + len(row), start + count)
            return [*row, *(nodes[level, index] for index in added if (level, index) in nodes)]

        proof = merkle.consistency_path(base.size, size, merkle.reader(read_row))
    except Invalid as error:
        raise CachesDiffer(str(error)) from error
    return _GrownLog(leaves, old.extended(leaves).root, nodes, proof)


def _links_by_item(store: Store, start: int, leaves: Sequence[bytes]) -> dict[bytes, list[bytes]]:
    """The leaves of mini-logs that the events from `start` on add, by item; `leaves` are the events' own."""
    entries = [link_leaf(log_index, leaf) for log_index, leaf in enumerate(leaves, start)]
    links: dict[bytes, list[bytes]] = defaultdict(list)
    for key, log_index in store.links_between(start, start + len(leaves)):
        links[key].append(entries[log_index - start])
    return links


def _read_frontiers(store: Store, values: Mapping[bytes, bytes]) -> Mapping[bytes, Frontier]:
    """The mini-logs that the map has as `values`; an item that is not in the map has none."""
    frontiers = store.item_frontiers(list(values))
    for key, value in values.items():
        frontier = frontiers.get(key, Frontier())
        if map_value(frontier.size, frontier.root) != value:
            raise CachesDiffer(f"mini-log of item {key.hex()}")
    return frontiers
