"""The item map against the slow definition of its tree: a pure function of the set of (K, V)."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain import item_map
from ledger.domain.errors import Invalid
from ledger.domain.item_map import Leaf, MapProof, Tile


def slow_root(pairs: dict[bytes, bytes], depth: int = 0) -> bytes:
    """The definition: a leaf at the shallowest depth where it is alone."""
    if not pairs:
        return bytes(32)
    if len(pairs) == 1:
        ((key, value),) = pairs.items()
        return sha256(b"\x02" + key + value).digest()
    left = {k: v for k, v in pairs.items() if not bit(k, depth)}
    right = {k: v for k, v in pairs.items() if bit(k, depth)}
    return sha256(b"\x03" + slow_root(left, depth + 1) + slow_root(right, depth + 1)).digest()


def bit(key: bytes, at: int) -> int:
    return int.from_bytes(key) >> (255 - at) & 1


class TileShelf(dict[str, Tile]):
    """A map kept in memory."""

    def read(self, prefixes: list[str]) -> dict[str, Tile]:
        return {prefix: self[prefix] for prefix in prefixes if prefix in self}

    def set(self, changes: dict[bytes, bytes]) -> bytes:
        update = item_map.update(changes, self.read)
        self.update(update.tiles)
        return update.root


# Keys that share long beginnings, so that leaves meet deep in the tree.
near_keys = st.builds(
    lambda shared, tail: (b"\xaa" * shared + tail.to_bytes(2) + bytes(32))[:32],
    st.integers(0, 30),
    st.integers(0, 65_535),
)
maps = st.dictionaries(near_keys, st.binary(min_size=32, max_size=32), max_size=40)


@settings(max_examples=150, deadline=None)
@given(maps, st.randoms(), st.integers(1, 7))
def test_the_root_forgets_order_and_batches(pairs: dict[bytes, bytes], random: object, step: int) -> None:
    shelf, keys = TileShelf(), list(pairs)
    random.shuffle(keys)  # type: ignore[attr-defined]
    for start in range(0, len(keys), step):
        batch = keys[start : start + step]
        shelf.set({key: bytes(32) for key in batch})  # a first value, replaced by the next line
        shelf.set({key: pairs[key] for key in batch})
    assert item_map.root_of(shelf.get("")) == slow_root(pairs)
    rebuilt = TileShelf()
    assert rebuilt.set(pairs) == slow_root(pairs)
    assert rebuilt == shelf


@settings(max_examples=50, deadline=None)
@given(maps, near_keys)
def test_what_a_map_holds_is_found_and_no_tile_is_believed(
    pairs: dict[bytes, bytes], stranger: bytes
) -> None:
    shelf = TileShelf()
    root = shelf.set(pairs)
    found = item_map.find([*pairs, stranger], root, shelf.read)
    assert found.values == pairs
    assert found.tiles == shelf
    with pytest.raises(Invalid):
        item_map.find([], b"\xff" * 32, shelf.read)
    for prefix, tile in shelf.items():
        without = TileShelf({p: t for p, t in shelf.items() if p != prefix})
        changed = TileShelf(shelf | {prefix: Tile((*tile.children[:-1], Leaf(bytes(32), bytes(32))))})
        for damaged in (without, changed):
            with pytest.raises(Invalid, match="map tile"):
                item_map.find(pairs, root, damaged.read)


@settings(max_examples=100, deadline=None)
@given(maps, near_keys)
def test_every_key_present_or_absent_is_proved(pairs: dict[bytes, bytes], stranger: bytes) -> None:
    shelf = TileShelf()
    root = shelf.set(pairs)
    for key in [*pairs, stranger]:
        value, proof = item_map.prove(key, shelf.read)
        assert value == pairs.get(key)
        assert item_map.root_from_proof(key, value, proof) == root


@settings(max_examples=100, deadline=None)
@given(maps.filter(bool), st.data())
def test_no_other_value_and_no_absence_can_be_proved_for_a_key(
    pairs: dict[bytes, bytes], data: st.DataObject
) -> None:
    shelf = TileShelf()
    root = shelf.set(pairs)
    key = data.draw(st.sampled_from(sorted(pairs)))
    value, proof = item_map.prove(key, shelf.read)
    assert value is not None
    assert item_map.root_from_proof(key, None, proof) != root
    assert item_map.root_from_proof(key, bytes(32) if any(value) else b"\1" * 32, proof) != root
    assert item_map.root_from_proof(key, None, MapProof(proof.siblings, Leaf(key, value))) is None
    for at in range(len(proof.siblings)):
        changed = MapProof((*proof.siblings[:at], b"\7" * 32, *proof.siblings[at + 1 :]))
        assert item_map.root_from_proof(key, value, changed) != root
        assert item_map.root_from_proof(key, value, MapProof(proof.siblings[:at])) != root


def test_somebody_elses_leaf_counts_only_on_the_keys_own_way() -> None:
    shelf = TileShelf()
    root = shelf.set({b"\x00" * 32: b"a" * 32, b"\x80" + bytes(31): b"b" * 32})
    absent = b"\x40" + bytes(31)  # meets the leaf 00...
    value, proof = item_map.prove(absent, shelf.read)
    assert value is None
    assert item_map.root_from_proof(absent, None, proof) == root
    elsewhere = MapProof(proof.siblings, Leaf(b"\xc0" + bytes(31), b"c" * 32))
    assert item_map.root_from_proof(absent, None, elsewhere) is None


def test_the_empty_map_proves_every_absence() -> None:
    value, proof = item_map.prove(b"k" * 32, TileShelf().read)
    assert value is None
    assert item_map.root_from_proof(b"k" * 32, None, proof) == item_map.ABSENT


def test_a_proof_deeper_than_a_key_is_refused() -> None:
    assert item_map.root_from_proof(bytes(32), bytes(32), MapProof((None,) * 257)) is None


@given(st.lists(st.one_of(st.none(), st.binary(min_size=32, max_size=32)), min_size=16, max_size=16))
def test_a_tile_survives_its_bytes(hashes: list[bytes | None]) -> None:
    tile = Tile(tuple(Leaf(h, h) if h and h[0] & 1 else h for h in hashes))
    assert Tile.from_bytes(tile.to_bytes()) == tile


def test_a_malformed_tile_is_refused() -> None:
    with pytest.raises(Invalid, match="malformed"):
        Tile.from_bytes(b"\x00\x01\x00\x01" + bytes(64))
