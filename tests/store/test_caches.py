"""Log nodes, map tiles and mini-log frontiers: kept, replaced, forgotten, rebuilt."""

from ledger.domain.item_map import Leaf, Tile, update
from ledger.domain.merkle import Frontier, frontier_at, leaf_hash, new_nodes, reader, tree_root
from ledger.ports import TreeGrowth
from ledger.store import SqlStore
from tests.store.samples import capture, digest, event

NOTHING = TreeGrowth({}, {}, {})


def test_leaves_are_the_events_own_hashes(store: SqlStore) -> None:
    capture(store, *"abcde")

    assert store.read_hashes(0, 1, 3) == [event(i).leaf_hash for i in (1, 2, 3)]
    assert store.read_hashes(0, 3, 9) == [event(3).leaf_hash, event(4).leaf_hash]
    assert store.read_hashes(8, 0, 1) == []


def test_each_level_of_nodes_stands_for_itself(store: SqlStore) -> None:
    nodes = {(level, index): digest(level, index) for level in (8, 16) for index in range(4)}
    store.save_caches(TreeGrowth(nodes, {}, {}))

    assert store.read_hashes(8, 1, 2) == [digest(8, 1), digest(8, 2)]
    assert store.read_hashes(16, 3, 5) == [digest(16, 3)]


def test_the_log_root_can_be_computed_from_stored_nodes(store: SqlStore) -> None:
    capture(store, *["a"] * 600)
    store.save_caches(TreeGrowth(new_nodes(0, 600, store.read_hashes), {}, {}))

    expected = tree_root(event(i).leaf_hash for i in range(600))
    assert frontier_at(600, reader(store.read_hashes)).root == expected


def test_tiles_and_frontiers_are_added_and_replaced(store: SqlStore) -> None:
    old, new = Frontier().extended([leaf_hash(b"0")]), Frontier().extended([leaf_hash(b"0"), leaf_hash(b"1")])
    tile = Tile((None, None, None, Leaf(digest("k"), digest("v")), *[None] * 12))
    store.save_caches(TreeGrowth({}, {"": Tile(), "a": tile}, {digest("x"): old, digest("y"): old}))
    store.save_caches(TreeGrowth({}, {"": tile}, {digest("x"): new}))

    assert store.read_tiles(["", "a", "b"]) == {"": tile, "a": tile}
    assert store.item_frontiers([digest("x"), digest("y"), digest("z")]) == {
        digest("x"): new,
        digest("y"): old,
    }


def test_the_item_map_grows_out_of_stored_tiles(store: SqlStore) -> None:
    first = {digest("item", i): digest("value", i) for i in range(900)}
    second = {digest("item", i): digest("new value", i) for i in range(600, 1_500)}
    for changes in (first, second):
        grown = update(changes, store.read_tiles)
        store.save_caches(TreeGrowth({}, grown.tiles, {}))

    assert grown.root == update(first | second, lambda _: {}).root


def test_forgetting_the_caches_leaves_the_facts(store: SqlStore) -> None:
    capture(store, "a", "b")
    store.save_caches(TreeGrowth({(8, 0): digest()}, {"": Tile()}, {digest("x"): Frontier()}))
    store.reset_caches()

    assert store.read_hashes(8, 0, 1) == []
    assert store.read_tiles([""]) == {}
    assert store.item_frontiers([digest("x")]) == {}
    assert len(list(store.links_between(0, 2))) == 2


def test_nothing_to_save_or_to_read_is_no_error(store: SqlStore) -> None:
    store.save_caches(NOTHING)

    assert store.read_tiles([]) == {}
    assert store.item_frontiers([]) == {}
