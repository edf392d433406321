"""Notices of the registry in SQL: in order, up to a block, taken back when it is replaced."""

import pytest

from ledger.domain.access import PrefixEntry
from ledger.domain.errors import Conflict
from ledger.domain.registry import Change
from ledger.ports import NO_PLACE, Block, RegistryHead
from ledger.store import SqlStore
from tests.store.samples import digest


def block(number: int) -> Block:
    return Block(number, digest("block", str(number)))


def change(number: int, index: int = 0, node: str = "88") -> Change:
    return Change(
        number,
        index,
        block(number).hash,
        digest("tx"),
        1_700_000_000,
        "delegated",
        digest(node),
        account=digest("account")[:20],
        scope='a "word", \\ {}',
        expires_s=2**63 - 1,
    )


def read(store: SqlStore, head: RegistryHead) -> list[Change]:
    return store.registry_changes(head, limit=100)


def test_nothing_was_read_at_first(store: SqlStore) -> None:
    head = store.registry_head()
    assert head == RegistryHead(None, 0)
    assert read(store, head) == []
    assert store.registry_block_before(2**62) is None


def test_changes_are_kept_whole_and_in_the_order_of_the_chain(store: SqlStore) -> None:
    first = store.extend_registry(store.registry_head(), [change(5, 1), change(5, 0)], block(7))
    second = store.extend_registry(first, [change(8, 0, "gs1")], block(8))
    assert store.registry_head() == second == RegistryHead(block(8), 0)
    assert read(store, second) == [change(5, 0), change(5, 1), change(8, 0, "gs1")]
    assert read(store, first) == [change(5, 0), change(5, 1)]
    assert store.registry_changes(second, after=(5, 0), limit=1) == [change(5, 1)]
    assert store.prefix_changes(digest("88"), limit=9) == [change(5, 0), change(5, 1)]
    assert store.prefix_changes(digest("88"), after=(5, 0), limit=9) == [change(5, 1)]
    assert store.prefix_changes(digest("88"), kinds=["delegated", "revoked"], limit=1) == [change(5, 0)]
    assert store.prefix_changes(digest("88"), kinds=["revoked"], limit=9) == []
    assert store.registry_block_before(8) == block(5)
    assert store.registry_block_before(5) is None


def test_a_step_counts_once_whoever_takes_it(store: SqlStore) -> None:
    start = store.registry_head()
    store.extend_registry(start, [change(5)], block(6))
    with pytest.raises(Conflict):
        store.extend_registry(start, [change(5)], block(6))
    with pytest.raises(Conflict):
        store.cut_registry(start, None)
    assert len(read(store, store.registry_head())) == 1


def test_a_notice_is_never_kept_twice_and_then_the_head_stays(store: SqlStore) -> None:
    head = store.extend_registry(store.registry_head(), [change(5)], block(6))
    with pytest.raises(Conflict):
        store.extend_registry(head, [change(7), change(5)], block(7))
    assert store.registry_head() == head
    assert read(store, head) == [change(5)]


def test_what_a_cut_takes_back_is_gone_and_readers_of_before_begin_again(store: SqlStore) -> None:
    long = store.extend_registry(store.registry_head(), [change(5), change(6), change(9)], block(9))
    cut = store.cut_registry(long, block(6))
    assert cut == store.registry_head() == RegistryHead(block(6), 1)
    assert read(store, cut) == [change(5), change(6)]
    with pytest.raises(Conflict, match="read them again"):
        store.registry_changes(long, after=NO_PLACE, limit=9)
    assert read(store, store.cut_registry(cut, None)) == []
    assert store.registry_head() == RegistryHead(None, 2)


def test_after_a_cut_entries_of_an_earlier_block_are_taken(store: SqlStore) -> None:
    entry = PrefixEntry(digest("n"), "gs1", "06", digest("owner")[:20], True, ())
    head = store.extend_registry(store.registry_head(), [change(5)], block(9))
    store.replace_prefixes([entry], 9)
    store.cut_registry(head, block(5))
    store.replace_prefixes([], 6)
    assert store.prefixes() == []
