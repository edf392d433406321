"""Log and item map are a function of the events, however they were split into anchors."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import growth
from ledger.domain import item_map, merkle
from ledger.growth import EMPTY, CachesDiffer, Roots, grow, next_size, rebuild_caches
from ledger.ports import Store
from ledger.store import SqlStore, open_store
from tests.anchoring import slow_roots
from tests.store.samples import capture, digest

events = st.lists(st.sets(st.sampled_from("abcdefgh"), max_size=4).map("".join), min_size=1, max_size=12)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "growth.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    opened = open_store(f"sqlite:///{path}")
    yield opened
    opened.close()


def grow_to(store: Store, *sizes: int) -> Roots:
    """Grow from empty through `sizes`, saving each step."""
    roots = EMPTY
    for size in sizes:
        grown = grow(store, roots, size)
        store.save_caches(grown.caches)
        assert roots.size == 0 or merkle.verify_consistency(
            roots.size, roots.log_root, size, grown.roots.log_root, grown.proof
        )
        roots = grown.roots
    return roots


@given(events=events, data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_split_into_anchors_and_a_full_rebuild_give_the_same_roots(
    tmp_path_factory: pytest.TempPathFactory, events: list[str], data: st.DataObject
) -> None:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('split') / 'any.db'}")
    capture(store, *events)
    size = len(events)
    splits = sorted(data.draw(st.sets(st.integers(1, size))) | {size})
    expected = Roots(size, *slow_roots(store, size))

    assert grow_to(store, *splits) == expected
    store.reset_caches()
    assert grow_to(store, size) == expected
    assert rebuild_caches(store, size) == expected
    store.close()


@given(
    words=st.lists(st.text("abcdefgh", min_size=1, max_size=3), min_size=2, max_size=8, unique=True),
    data=st.data(),
)
@settings(max_examples=40, deadline=None)
def test_the_map_root_does_not_depend_on_the_order_in_which_items_come(
    words: list[str], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(words))
    assert _map_in_order(words) == _map_in_order(shuffled)


def _map_in_order(words: list[str]) -> bytes:
    tiles: dict[str, item_map.Tile] = {}
    root = item_map.ABSENT
    for word in words:
        changed = item_map.update(
            {digest("item", word): digest("value", word)},
            lambda wanted: {p: tiles[p] for p in wanted if p in tiles},
        )
        tiles.update(changed.tiles)
        root = changed.root
    return root


def test_a_log_over_several_rows_of_nodes_grows_and_rebuilds(store: SqlStore) -> None:
    for start in range(0, 700, 100):
        capture(store, *("abcdefgh"[i % 8] for i in range(start, start + 100)))
    expected = Roots(700, *slow_roots(store, 700))
    assert grow_to(store, 1, 255, 256, 257, 511, 513, 700) == expected
    assert rebuild_caches(store, 700) == expected


def test_an_anchor_takes_no_more_events_than_its_limit(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "EVENTS_MAX", 3)
    capture(store, *"abcde")
    assert [next_size(store, size) for size in (0, 3, 5)] == [3, 5, 5]


def test_an_anchor_takes_no_more_links_than_its_limit_but_at_least_one_event(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "LINKS_MAX", 3)
    capture(store, "abcdefgh", "ab", "ab", "ab", "")
    assert [next_size(store, size) for size in (0, 1, 3)] == [1, 2, 5]


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM map_tile",
        "DELETE FROM map_tile WHERE prefix <> ''",
        "DELETE FROM item_frontier",
        "DELETE FROM log_node",
        "UPDATE item_frontier SET frontier = (SELECT min(frontier) FROM item_frontier)",
        "UPDATE map_tile SET tile = (SELECT max(tile) FROM map_tile) WHERE prefix <> ''",
        "UPDATE event SET leaf_hash = zeroblob(32) WHERE log_index = 299",
        "UPDATE log_node SET hash = zeroblob(32)",
    ],
)
def test_damaged_caches_are_noticed_before_anything_is_computed_from_them(
    store: SqlStore, path: Path, damage: str
) -> None:
    items = [chr(ord("一") + i) for i in range(100)]
    for _ in range(3):
        capture(store, *items)
    roots = grow_to(store, 300)
    capture(store, *items)
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(damage).rowcount
    with pytest.raises(CachesDiffer):
        grow(store, roots, 400)


def test_a_leaf_that_is_missing_is_noticed(store: SqlStore, path: Path) -> None:
    capture(store, *"abcde")
    roots = grow_to(store, 2)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM event_item WHERE log_index = 3")
        connection.execute("DELETE FROM event WHERE log_index = 3")
    with pytest.raises(CachesDiffer, match="1 leaves are missing below 5"):
        grow(store, roots, 5)
