"""Whatever is lost, killed, replaced or restored: each anchor is on the chain once, and no leaf is lost."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.anchor import DEARER_AFTER_MS, SEND_AGAIN_MS, AnchorWorker, Health
from ledger.chain import ChainOptions, account_of, connect
from ledger.chain.contract import Contract
from ledger.domain import merkle
from ledger.domain.errors import (
    ChainUnavailable,
    Conflict,
    ForkDetected,
    Invalid,
    LedgerError,
    StoreUnavailable,
)
from ledger.growth import grow, rebuild_caches
from ledger.ports import AnchorState
from ledger.store import open_store
from tests.anchoring import Fault, Faults, World, signer_of, step
from tests.chain.nodes import STRANGER, WRITER, Anvil, run_anvil

CHAIN_CALLS = (
    "head",
    "anchor_hash",
    "next_nonce",
    "sign_anchor",
    "send",
    "inclusion",
    "is_final",
    "has_block",
)
STORE_CALLS = (
    "newest_anchor",
    "log_size",
    "event_of_link",
    "links_between",
    "item_frontiers",
    "read_tiles",
    "read_hashes",
    "prepare_anchor",
    "add_anchor_tx",
    "mark_mined",
    "finish_anchor",
)
WRITES = ("prepare_anchor", "add_anchor_tx", "send", "mark_mined", "finish_anchor")


@pytest.fixture
def world(anvil: Anvil, tmp_path: Path) -> World:
    return World(anvil, tmp_path)


def sql(world: World, statement: str) -> None:
    with closing(sqlite3.connect(world.path)) as connection, connection:
        assert connection.execute(statement).rowcount


# ------------------------------------------------------------------ the way of an anchor


def test_an_anchor_goes_through_its_four_states(world: World) -> None:
    world.capture("ab", "b", "c")
    done = []
    while (last := step(world.worker)) != "idle":
        done.append(last)
        world.check()
    assert done == ["prepared", "signed", "sent", "mined", "final"]
    assert world.anchored_size == world.worker.health.anchored_size == 3


def test_events_captured_meanwhile_go_into_the_next_anchor(world: World) -> None:
    world.capture("ab", "b")
    world.step_until("signed")
    world.capture("a", "c")
    world.step_until("final")
    assert world.anchored_size == 2
    world.settle()
    assert [record.anchor.size for record in world.store.anchors(limit=9)] == [2, 4]


def test_a_worker_that_was_restarted_between_any_two_steps_goes_on(world: World) -> None:
    for items in ("ab", "bc", "a"):
        world.capture(items)
        while step(world.worker) != "idle":
            world.check()
            world.worker = world.new_worker()
    assert world.anchored_size == 3


def test_a_log_is_anchored_alike_on_every_database(anvil: Anvil, tmp_path: Path, store_url: str) -> None:
    world = World(anvil, tmp_path, url=store_url)
    for items in ("ab", "bc", "a"):
        world.capture(items, items[:1])
        world.settle()
        world.store.reset_caches()
    world.store.close()


# ------------------------------------------------------------------ lost calls


@pytest.mark.parametrize("method", [*CHAIN_CALLS, *STORE_CALLS])
@pytest.mark.parametrize("took_effect", [False, True], ids=["lost", "done but reported lost"])
def test_a_failed_call_neither_loses_nor_repeats_an_anchor(
    world: World, method: str, took_effect: bool
) -> None:
    world.capture("ab", "b")
    world.settle()
    world.capture("a", "c", "ad")
    fault = Fault(method, took_effect, times=2)
    world.faults.waiting = [fault]

    world.settle()

    assert fault.hits
    assert len(world.store.anchors(limit=9)) == 2


@pytest.mark.parametrize("method", WRITES)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_at_a_write_neither_loses_nor_repeats_an_anchor(
    world: World, method: str, moment: str
) -> None:
    world.capture("ab", "b")
    world.settle()
    world.capture("a", "c", "ad")

    contract = world.real_chain.contract.hex()
    child = [sys.executable, "-m", "tests.anchor_child", world.anvil.url, contract, world.url, world.origin]
    killed = subprocess.run([*child, method, moment], timeout=60)

    assert killed.returncode == -signal.SIGKILL
    world.check()
    world.capture("e")
    world.worker = world.new_worker()
    world.settle()


# ------------------------------------------------------------------ txs that go astray


def test_a_tx_that_the_node_dropped_is_sent_again(world: World) -> None:
    world.capture("ab")
    with world.anvil.without_mining():
        world.step_until("sent")
        (tx,) = world.store.anchors(limit=1)[0].txs
        world.anvil.call("anvil_dropTransaction", f"0x{tx.tx_hash.hex()}")
        assert world.worker.step() == "waiting"
        world.now_ms += SEND_AGAIN_MS
        assert world.worker.step() == "sent"
    world.anvil.mine()
    world.settle()
    assert world.store.anchors(limit=1)[0].tx_hash == tx.tx_hash


def test_a_tx_that_no_block_takes_offers_more(world: World) -> None:
    world.capture("ab")
    with world.anvil.without_mining():
        world.step_until("sent")
        world.now_ms += DEARER_AFTER_MS
        assert world.worker.step() == "signed"
        assert world.worker.step() == "sent"
    world.anvil.mine()
    world.settle()
    record = world.store.anchors(limit=1)[0]
    first, second = record.txs
    assert second.nonce == first.nonce
    assert second.gas_price_wei * 8 >= first.gas_price_wei * 9
    assert record.tx_hash == second.tx_hash


def test_the_first_tx_may_be_mined_after_a_dearer_one_was_signed(world: World) -> None:
    world.capture("ab")
    with world.anvil.without_mining():
        world.step_until("sent")
        world.now_ms += DEARER_AFTER_MS
        assert world.worker.step() == "signed"
        world.anvil.mine()
    world.settle()
    record = world.store.anchors(limit=1)[0]
    assert record.tx_hash == record.txs[0].tx_hash


def test_nothing_dearer_is_sent_than_the_operator_pays(anvil: Anvil, tmp_path: Path) -> None:
    world = World(anvil, tmp_path, ChainOptions(finality="instant", price_wei_max=3 * 10**9))
    world.capture("ab")
    with anvil.without_mining():
        world.step_until("sent")
        for _ in range(20):
            world.now_ms += DEARER_AFTER_MS
            world.worker.step()
    anvil.mine()
    world.settle()
    prices = [tx.gas_price_wei for tx in world.store.anchors(limit=1)[0].txs]
    assert prices == sorted(prices)
    assert prices[-1] <= 3 * 10**9


def test_an_anchor_is_signed_anew_when_another_tx_took_its_nonce(world: World) -> None:
    world.capture("ab")
    world.step_until("signed")
    by_hand = world.real_chain.signer.sign(account_of(STRANGER), b"")
    assert world.real_chain.signer.send_and_wait(by_hand, 5).succeeded
    assert world.worker.step() == "signed"
    world.settle()
    first, second = world.store.anchors(limit=1)[0].txs
    assert second.nonce == first.nonce + 1


def test_an_anchor_that_the_contract_refused_is_signed_anew_once_it_accepts(world: World) -> None:
    world.capture("ab")
    world.step_until("signed")
    trace_log = Contract("TraceLog", world.real_chain.contract, world.anvil.rpc)
    trace_log.write(world.anvil.admin, "pause")
    try:
        assert world.worker.step() == "sent"
        world.anvil.mine()  # as a failure
        with pytest.raises(Invalid, match="EnforcedPause"):
            world.worker.step()
    finally:
        trace_log.write(world.anvil.admin, "unpause")
    world.settle()


# ------------------------------------------------------------------ blocks that are replaced


def test_an_anchor_whose_block_is_replaced_is_sent_again(anvil: Anvil, tmp_path: Path) -> None:
    world = World(anvil, tmp_path, ChainOptions(finality="3"))
    world.capture("ab")
    world.step_until("mined")
    assert world.worker.step() == "waiting"
    anvil.call("anvil_reorg", 1, [])  # anvil does not put the tx back into its pool
    assert world.worker.step() == "unmined"
    world.check()
    assert world.worker.step() == "sent"
    world.step_until("waiting")
    anvil.mine(2)
    world.settle()


def test_an_anchor_waits_until_its_block_is_final(anvil: Anvil, tmp_path: Path) -> None:
    world = World(anvil, tmp_path, ChainOptions(finality="2"))
    world.capture("ab")
    world.step_until("waiting")
    assert world.store.newest_anchor(AnchorState.FINAL) is None
    anvil.mine()
    assert world.worker.step() == "final"


# ------------------------------------------------------------------ two workers


def test_two_workers_at_once_anchor_everything_once(world: World) -> None:
    def work(worker: AnchorWorker) -> None:
        for _ in range(60):
            try:
                worker.step()
            except (Conflict, ChainUnavailable, StoreUnavailable):
                pass
            except LedgerError as error:
                unexpected.append(error)
                return

    unexpected: list[Exception] = []
    for number in range(3):
        world.capture("ab", "bc"[number % 2])
        threads = [threading.Thread(target=work, args=[world.new_worker()]) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not unexpected
        world.check()
    world.settle()


def test_a_worker_that_is_overtaken_in_its_step_does_not_take_that_for_a_fork(world: World) -> None:
    def overtake(method: str, moment: str) -> None:
        if method == "head" and world.anchored_size == 0:
            world.settle()

    world.capture("ab")
    world.step_until("prepared")
    overtaken = world.new_worker(Faults(watch=overtake))
    with pytest.raises(Conflict, match="another worker anchors this log"):
        overtaken.step()
    assert overtaken.step() == "idle"


def test_a_second_worker_stands_by(world: World) -> None:
    world.capture("ab")
    stop = threading.Event()
    with closing(open_store(world.url)) as store, world.store.hold_anchor_lock() as held:
        assert held
        other = AnchorWorker(store, world.real_chain, signer_of(world.origin), lambda: 0)
        thread = threading.Thread(target=other.run, args=[stop, 0.01])
        thread.start()
        thread.join(0.2)
        stop.set()
        thread.join()
    assert world.store.newest_anchor() is None


# ------------------------------------------------------------------ two histories


def anchor_two(world: World) -> None:
    world.capture("ab")
    world.settle()
    world.capture("b")
    world.settle()


def refusal(world: World) -> str:
    """What the worker says when it refuses to write; it must not have written."""
    with pytest.raises(ForkDetected) as caught:
        world.worker.step()
    with pytest.raises(ForkDetected):
        world.new_worker().step()
    return str(caught.value)


def test_a_database_restored_from_a_copy_is_refused(world: World, tmp_path: Path) -> None:
    world.capture("ab")
    world.settle()
    world.store.close()
    shutil.copy(world.path, tmp_path / "copy")
    world.store = open_store(world.url)
    world.worker = world.new_worker()
    world.capture("b")
    world.settle()

    world.store.close()
    world.path.unlink()
    shutil.copy(tmp_path / "copy", world.path)
    world.store = open_store(world.url)
    world.worker = world.new_worker()
    world.captured = 1
    world.capture("c")  # not what was captured before

    assert "the chain has 2 anchors over 2 events, the store only 1" in refusal(world)
    with pytest.raises(ForkDetected, match="restored from a copy"):
        world.worker.reconcile()


def test_a_chain_that_was_set_back_is_refused(anvil: Anvil, tmp_path: Path) -> None:
    world = World(anvil, tmp_path)
    world.capture("ab")
    world.settle()
    snapshot = anvil.call("evm_snapshot")
    world.capture("b")
    world.settle()
    anvil.call("evm_revert", snapshot)
    world.capture("c")
    assert "the chain has 1 anchors, the store 2 final ones" in refusal(world)


def test_a_chain_that_was_wiped_is_refused(tmp_path: Path) -> None:
    with run_anvil() as first:
        world = World(first, tmp_path)
        anchor_two(world)
    with run_anvil() as second:  # the same steps put the contract at the same account
        assert second.deployment.trace_log == world.real_chain.contract
        world.real_chain = second.connect(world.options)
        world.worker = world.new_worker()
        world.capture("c")
        assert "the chain has 0 anchors, the store 2 final ones" in refusal(world)
    with run_anvil() as third, pytest.raises(ForkDetected, match="holds no TraceLog"):
        connect(third.url, world.real_chain.contract, WRITER)


def test_a_chain_with_another_history_is_refused(anvil: Anvil, tmp_path: Path) -> None:
    world = World(anvil, tmp_path)
    snapshot = anvil.call("evm_snapshot")
    anchor_two(world)
    first, second = (record.anchor for record in world.store.anchors(limit=2))
    anvil.call("evm_revert", snapshot)
    other = replace(first, map_root=b"\7" * 32)
    proof = merkle.consistency_path(1, 2, merkle.reader(world.store.read_hashes))
    chain = world.real_chain
    chain.signer.send_and_wait(chain.sign_anchor(other, []), 5)
    chain.signer.send_and_wait(chain.sign_anchor(replace(second, previous=other.hash), proof), 5)
    world.capture("c")
    assert "anchor 2 is another one on chain than in the store" in refusal(world)


def test_the_chain_itself_refuses_a_rewritten_history(world: World) -> None:
    world.capture("ab", "b", "c")
    world.settle()
    anchored = world.store.anchors(limit=1)[0].anchor
    sql(world, "UPDATE event SET leaf_hash = zeroblob(32) WHERE log_index = 1")
    world.capture("d")
    rewritten = grow(world.store, rebuild_caches(world.store, 3), 4)
    forged = replace(
        anchored,
        number=2,
        previous=anchored.hash,
        size=4,
        log_root=rewritten.roots.log_root,
        map_root=rewritten.roots.map_root,
    )
    with pytest.raises(Invalid, match=r"refuses anchor: NotConsistent\(.*currentSize=3, givenSize=4\)"):
        world.real_chain.sign_anchor(forged, rewritten.proof)


@pytest.mark.parametrize(
    "rewrite",
    [
        "UPDATE event SET leaf_hash = zeroblob(32) WHERE log_index = 0",
        "UPDATE event SET leaf_hash = zeroblob(32) WHERE log_index = 299",
        "DELETE FROM event_item WHERE log_index = 1",
    ],
)
def test_a_history_that_was_rewritten_in_sql_is_not_anchored(world: World, rewrite: str) -> None:
    world.capture(*("abcdefgh"[number % 8] for number in range(300)))
    world.settle()
    sql(world, rewrite)
    world.store.reset_caches()  # whoever rewrites facts can remove caches
    world.capture("a")
    assert "events were changed after they were anchored" in refusal(world)
    assert world.real_chain.head(world.log_id).count == 1


def test_events_that_change_while_their_anchor_is_prepared_are_noticed(world: World) -> None:
    world.capture("ab", "b")
    world.step_until("prepared")
    sql(world, "UPDATE event SET leaf_hash = zeroblob(32) WHERE log_index = 1")
    world.worker = world.new_worker()
    assert "was prepared with log root" in refusal(world)


def test_lost_caches_are_rebuilt_and_the_work_goes_on(world: World) -> None:
    for items in ("ab", "bc", "d"):
        world.capture(items)
        world.settle()
        world.store.reset_caches()
    sizes = [record.anchor.size for record in world.store.anchors(limit=9)]
    assert sizes == [1, 2, 3]


# ------------------------------------------------------------------ settings that do not fit


def test_a_log_that_is_not_open_is_named(anvil: Anvil, world: World) -> None:
    world.capture("ab")
    worker = AnchorWorker(world.store, world.real_chain, signer_of("test.example/closed"), lambda: 0)
    with pytest.raises(Invalid, match=r"log test\.example/closed .* is not open in the contract"):
        worker.step()
    with pytest.raises(Invalid, match="is not open"):
        worker.reconcile()


def test_a_log_of_another_account_is_named(world: World) -> None:
    world.capture("ab")
    stranger = connect(world.anvil.url, world.real_chain.contract, STRANGER)
    worker = AnchorWorker(world.store, stranger, signer_of(world.origin), lambda: 0)
    with pytest.raises(Invalid, match=r"is written by account 0x.*use the key of that account"):
        worker.step()


def test_a_database_of_another_log_is_named(world: World) -> None:
    world.capture("ab")
    world.settle()
    worker = AnchorWorker(world.store, world.real_chain, signer_of("test.example/other"), lambda: 0)
    with pytest.raises(Invalid, match="this database belongs to log"):
        worker.step()


# ------------------------------------------------------------------ the loop


def test_the_loop_anchors_through_outages_and_stops_when_told(world: World) -> None:
    world.capture("ab", "b")
    world.faults.waiting = [
        Fault("send", took_effect=False, times=3),
        Fault("finish_anchor", took_effect=True),
    ]
    stop = threading.Event()
    world.faults.watch = lambda method, moment: stop.set() if world.anchored_size == 2 else None
    world.worker.run(stop, 0.001)  # returns when told
    assert world.worker.health == Health(anchored_size=2)


def test_the_loop_halts_at_a_fork_and_says_so(world: World) -> None:
    anchor_two(world)
    sql(world, "UPDATE event SET leaf_hash = zeroblob(32) WHERE log_index = 0")
    world.store.reset_caches()
    world.capture("c")
    world.worker.run(threading.Event(), 0.001)  # returns by itself
    assert world.worker.health.halted
    assert "events were changed" in world.worker.health.problem


def test_the_loop_halts_at_a_fork_before_there_is_anything_to_anchor(anvil: Anvil, tmp_path: Path) -> None:
    world = World(anvil, tmp_path)
    world.capture("ab")
    world.settle()
    snapshot = anvil.call("evm_snapshot")
    world.capture("b")
    world.settle()
    anvil.call("evm_revert", snapshot)
    world.worker.run(threading.Event(), 0.001)
    assert world.worker.health.halted
