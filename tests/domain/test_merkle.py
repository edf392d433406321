"""The log against RFC 9162's own slow definitions, and against proofs made and corrupted by others."""

import base64
import json
from collections.abc import Sequence
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain import merkle
from ledger.domain.errors import Invalid
from tests.vectors import vectors

LEAVES = [merkle.leaf_hash(bytes([i])) for i in range(70)]


def slow_root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162 2.1.1, word by word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = slow_split(len(leaves))
    return sha256(b"\x01" + slow_root(leaves[:k]) + slow_root(leaves[k:])).digest()


def slow_path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = slow_split(len(leaves))
    if m < k:
        return [*slow_path(m, leaves[:k]), slow_root(leaves[k:])]
    return [*slow_path(m - k, leaves[k:]), slow_root(leaves[:k])]


def slow_subproof(m: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162 2.1.4.1."""
    if m == len(leaves):
        return [] if whole else [slow_root(leaves)]
    k = slow_split(len(leaves))
    if m <= k:
        return [*slow_subproof(m, leaves[:k], whole), slow_root(leaves[k:])]
    return [*slow_subproof(m - k, leaves[k:], False), slow_root(leaves[:k])]


def slow_split(count: int) -> int:
    k = 1
    while 2 * k < count:
        k *= 2
    return k


def read(level: int, index: int) -> bytes:
    return slow_root(LEAVES[index << level : (index + 1) << level])


@pytest.mark.parametrize("size", range(1, len(LEAVES) + 1))
def test_every_path_is_the_standards_and_leads_to_the_root(size: int) -> None:
    leaves = LEAVES[:size]
    root = slow_root(leaves)
    assert merkle.tree_root(leaves) == root
    assert merkle.frontier_at(size, read).root == root
    for index in range(size):
        path = merkle.inclusion_path(index, size, read)
        assert path == slow_path(index, leaves)
        assert merkle.root_from_inclusion(leaves[index], index, size, path) == root
    for old in range(1, size + 1):
        path = merkle.consistency_path(old, size, read)
        assert path == slow_subproof(old, leaves, True)
        assert merkle.verify_consistency(old, slow_root(LEAVES[:old]), size, root, path)


@pytest.mark.parametrize("size", [2, 3, 7, 8, 21])
def test_no_altered_path_leads_to_the_root(size: int) -> None:
    root = slow_root(LEAVES[:size])
    for index in range(size):
        path = merkle.inclusion_path(index, size, read)
        assert merkle.root_from_inclusion(LEAVES[index], index, size, [*path, root]) != root
        assert merkle.root_from_inclusion(LEAVES[index], index, size, path[:-1]) != root
        assert merkle.root_from_inclusion(LEAVES[index], size, size, path) is None
        for at in range(len(path)):
            changed = [*path[:at], bytes(32), *path[at + 1 :]]
            assert merkle.root_from_inclusion(LEAVES[index], index, size, changed) != root


def test_a_rewritten_history_is_not_consistent() -> None:
    rewritten = [merkle.leaf_hash(b"other"), *LEAVES[1:20]]
    path = slow_subproof(7, rewritten, True)
    assert not merkle.verify_consistency(7, slow_root(LEAVES[:7]), 20, slow_root(rewritten), path)


@given(st.lists(st.integers(1, 9), max_size=12))
def test_a_frontier_grows_to_the_same_root_however_the_leaves_are_split(steps: list[int]) -> None:
    frontier, size = merkle.Frontier(), 0
    for step in steps:
        added = [merkle.leaf_hash(i.to_bytes(2)) for i in range(size, size + step)]
        frontier, size = frontier.extended(added), size + step
        assert merkle.Frontier.from_bytes(frontier.to_bytes()) == frontier
    assert frontier.root == slow_root([merkle.leaf_hash(i.to_bytes(2)) for i in range(size)])


def test_a_store_that_keeps_every_eighth_level_serves_all_of_them() -> None:
    leaves = [merkle.leaf_hash(i.to_bytes(4)) for i in range(66_000)]
    kept: dict[tuple[int, int], bytes] = {}

    def read_row(level: int, start: int, count: int) -> list[bytes]:
        if level == 0:
            return leaves[start : start + count]
        return [kept[level, i] for i in range(start, start + count)]

    old = 0
    for size in (1, 255, 256, 300, 65_535, 65_537, 66_000):
        kept.update(merkle.new_nodes(old, size, read_row))
        old = size
        assert merkle.frontier_at(size, merkle.reader(read_row)).root == merkle.tree_root(leaves[:size])
    path = merkle.inclusion_path(12_345, 66_000, merkle.reader(read_row))
    assert merkle.root_from_inclusion(leaves[12_345], 12_345, 66_000, path) == merkle.tree_root(leaves)


def test_a_store_with_a_gap_is_named_not_guessed() -> None:
    with pytest.raises(Invalid, match="lacks 1 of 2 nodes"):
        merkle.reader(lambda level, start, count: [bytes(32)])(1, 0)


def test_a_frontier_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(Invalid, match="3 leaves"):
        merkle.Frontier.from_bytes((3).to_bytes(8) + bytes(32))


def test_others_inclusion_proofs_good_and_corrupted_are_judged_as_they_say() -> None:
    judged = 0
    for path in sorted(vectors("merkle", "inclusion").rglob("*.json")):
        case = json.loads(path.read_text())
        root = merkle.root_from_inclusion(
            _raw(case["leafHash"]), case["leafIdx"], case["treeSize"], [_raw(p) for p in case["proof"] or []]
        )
        # Hashes of another length never reach these functions: bundles are read with exact lengths.
        exact = all(len(_raw(p)) == 32 for p in [case["root"], case["leafHash"], *(case["proof"] or [])])
        assert (exact and root == _raw(case["root"])) is not case["wantErr"], path
        judged += 1
    assert judged > 90


def test_others_consistency_proofs_good_and_corrupted_are_judged_as_they_say() -> None:
    judged = 0
    for path in sorted(vectors("merkle", "consistency").rglob("*.json")):
        case = json.loads(path.read_text())
        good = merkle.verify_consistency(
            case["size1"],
            _raw(case["root1"]),
            case["size2"],
            _raw(case["root2"]),
            [_raw(p) for p in case["proof"] or []],
        )
        assert good is not case["wantErr"], path
        judged += 1
    assert judged > 90


def _raw(text: str | None) -> bytes:
    return base64.b64decode(text or "")
