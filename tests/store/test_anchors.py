"""An anchor's way to the chain, and every step that it must not take."""

from collections.abc import Callable

import pytest

from ledger.domain.errors import Conflict, NotFound
from ledger.domain.item_map import Tile
from ledger.domain.merkle import Frontier
from ledger.ports import AnchorRecord, AnchorState, Block, TreeGrowth
from ledger.store import SqlStore
from tests.store.samples import anchor, digest, tx

BLOCK = Block(7, digest("block"))
GROWTH = TreeGrowth({(8, 0): digest("node")}, {"": Tile()}, {digest("item"): Frontier()})
NO_GROWTH = TreeGrowth({}, {}, {})

WAY: list[Callable[[SqlStore, int], None]] = [
    lambda store, number: store.prepare_anchor(anchor(number, 10 * number), f"note {number}", 1_000 + number),
    lambda store, number: store.add_anchor_tx(number, tx(number)),
    lambda store, number: store.mark_mined(number, tx(number).tx_hash, BLOCK),
    lambda store, number: store.finish_anchor(number, NO_GROWTH),
]
STATES = list(AnchorState)


def bring(store: SqlStore, number: int, state: AnchorState) -> None:
    """Take the anchor, which does not exist yet, as far as `state`."""
    for step in WAY[: STATES.index(state) + 1]:
        step(store, number)


def newest(store: SqlStore) -> AnchorRecord:
    record = store.newest_anchor()
    assert record is not None
    return record


def test_a_log_starts_without_anchors(store: SqlStore) -> None:
    assert store.newest_anchor() is None
    assert store.anchor(1) is None
    assert store.anchors(limit=10) == []
    assert store.first_final_anchor_over(0) is None


def test_an_anchor_records_each_step_of_its_way(store: SqlStore) -> None:
    prepared = AnchorRecord(anchor(1, 10), "note 1", AnchorState.PREPARED, (), None, None, 1_001)
    WAY[0](store, 1)
    assert newest(store) == prepared

    store.add_anchor_tx(1, tx(1))
    store.add_anchor_tx(1, tx(1, bump=1))
    assert (newest(store).state, newest(store).txs) == (AnchorState.SIGNED, (tx(1), tx(1, bump=1)))

    store.mark_mined(1, tx(1, bump=1).tx_hash, BLOCK)
    mined = newest(store)
    assert (mined.state, mined.tx_hash, mined.block) == (AnchorState.MINED, tx(1, bump=1).tx_hash, BLOCK)

    store.finish_anchor(1, GROWTH)
    final = newest(store)
    assert (final.state, final.tx_hash, final.block, len(final.txs)) == (
        AnchorState.FINAL,
        tx(1, bump=1).tx_hash,
        BLOCK,
        2,
    )
    assert final.anchor == anchor(1, 10)


def test_an_anchor_whose_block_was_replaced_is_signed_again(store: SqlStore) -> None:
    bring(store, 1, AnchorState.MINED)
    store.mark_unmined(1)

    signed = newest(store)
    assert (signed.state, signed.tx_hash, signed.block) == (AnchorState.SIGNED, None, None)
    assert signed.txs == (tx(1),)
    store.mark_mined(1, tx(1).tx_hash, Block(8, digest("other block")))
    assert newest(store).block == Block(8, digest("other block"))


def test_caches_grow_in_the_step_that_makes_the_anchor_final(store: SqlStore) -> None:
    bring(store, 1, AnchorState.SIGNED)
    with pytest.raises(Conflict):
        store.finish_anchor(1, GROWTH)
    assert store.read_tiles([""]) == {}

    WAY[2](store, 1)
    store.finish_anchor(1, GROWTH)
    assert store.read_tiles([""]) == {"": Tile()}
    assert store.read_hashes(8, 0, 1) == [digest("node")]
    assert store.item_frontiers([digest("item")]) == {digest("item"): Frontier()}


STEPS: dict[str, tuple[Callable[[SqlStore], None], set[AnchorState]]] = {
    "add_anchor_tx": (
        lambda store: store.add_anchor_tx(1, tx(1, bump=1)),
        {AnchorState.PREPARED, AnchorState.SIGNED},
    ),
    "mark_mined": (lambda store: store.mark_mined(1, tx(1).tx_hash, BLOCK), {AnchorState.SIGNED}),
    "mark_unmined": (lambda store: store.mark_unmined(1), {AnchorState.MINED}),
    "finish_anchor": (lambda store: store.finish_anchor(1, NO_GROWTH), {AnchorState.MINED}),
}


@pytest.mark.parametrize("state", AnchorState)
@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_taken_only_from_its_own_states(store: SqlStore, state: AnchorState, name: str) -> None:
    step, origins = STEPS[name]
    bring(store, 1, state)
    before = newest(store)
    if state in origins:
        step(store)
        assert newest(store) != before
        return
    with pytest.raises(Conflict, match="anchor 1"):
        step(store)
    assert newest(store) == before


@pytest.mark.parametrize("name", STEPS)
def test_no_step_makes_an_anchor_out_of_nothing(store: SqlStore, name: str) -> None:
    with pytest.raises((NotFound, Conflict), match="anchor 1"):
        STEPS[name][0](store)
    assert store.newest_anchor() is None


def test_only_a_saved_tx_can_have_mined_an_anchor(store: SqlStore) -> None:
    bring(store, 1, AnchorState.SIGNED)
    with pytest.raises(Conflict, match="none of those saved"):
        store.mark_mined(1, tx(2).tx_hash, BLOCK)


def test_a_tx_is_saved_once(store: SqlStore) -> None:
    bring(store, 1, AnchorState.SIGNED)
    with pytest.raises(Conflict):
        store.add_anchor_tx(1, tx(1))
    assert newest(store).txs == (tx(1),)


@pytest.mark.parametrize("state", [AnchorState.PREPARED, AnchorState.SIGNED, AnchorState.MINED])
def test_one_anchor_is_in_flight_at_a_time(store: SqlStore, state: AnchorState) -> None:
    bring(store, 1, state)
    with pytest.raises(Conflict, match=f"anchor 1 is {state.value}"):
        WAY[0](store, 2)
    assert store.anchor(2) is None


@pytest.mark.parametrize("number", [0, 1, 3])
def test_anchors_are_numbered_without_gaps(store: SqlStore, number: int) -> None:
    bring(store, 1, AnchorState.FINAL)
    with pytest.raises(Conflict, match="the next one is 2"):
        WAY[0](store, number)


def test_anchors_are_listed_from_any_number_on(store: SqlStore) -> None:
    for number in range(1, 5):
        bring(store, number, AnchorState.FINAL)
    bring(store, 5, AnchorState.SIGNED)
    store.add_anchor_tx(5, tx(5, bump=1))

    assert [record.anchor.number for record in store.anchors(limit=3)] == [1, 2, 3]
    assert [record.anchor.number for record in store.anchors(start=4, limit=3)] == [4, 5]
    assert store.anchors(start=4, limit=3) == [store.anchor(4), store.anchor(5)]
    assert [len(record.txs) for record in store.anchors(start=4, limit=3)] == [1, 2]


def test_the_newest_anchor_of_a_state_is_found(store: SqlStore) -> None:
    bring(store, 1, AnchorState.FINAL)
    bring(store, 2, AnchorState.FINAL)
    bring(store, 3, AnchorState.MINED)

    assert store.newest_anchor(AnchorState.FINAL) == store.anchor(2)
    assert store.newest_anchor(AnchorState.MINED) == store.anchor(3) == store.newest_anchor()
    assert store.newest_anchor(AnchorState.PREPARED) is None


def test_an_event_belongs_to_the_oldest_final_anchor_that_covers_it(store: SqlStore) -> None:
    bring(store, 1, AnchorState.FINAL)  # sizes are 10, 20, 30
    bring(store, 2, AnchorState.FINAL)
    bring(store, 3, AnchorState.MINED)

    covering = [store.first_final_anchor_over(index) for index in (0, 9, 10, 19, 20)]
    assert [record and record.anchor.number for record in covering] == [1, 1, 2, 2, None]
