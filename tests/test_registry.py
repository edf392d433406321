"""The SQL copy of the registry: it follows the chain through replaced blocks, restarts and lost steps."""

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from ledger.chain import RegistryWriter, node_id
from ledger.chain.contract import Contract
from ledger.domain.errors import ChainUnavailable, Conflict, LedgerError, StoreUnavailable
from ledger.domain.registry import Change, RegistryState
from ledger.ports import Block, Store
from ledger.registry import RegistryCopy, rebuild_registry, refresh_prefixes
from ledger.store import open_store
from tests.anchoring import Fault, Faults
from tests.anchoring import World as AnchorWorld
from tests.chain.nodes import Anvil, run_anvil
from tests.chain.test_registry import World as ChainWorld
from tests.chain.test_registry import check_against_views, read_all

NOW_MS = 1_700_000_000_000


class World:
    """A registry on a chain of its own, and its copy in a database."""

    def __init__(self, anvil: Anvil, url: str) -> None:
        self.anvil, self.url = anvil, url
        self.chain = ChainWorld(anvil)
        self.store: Store = open_store(url)
        self.copy = RegistryCopy(self.store)

    @property
    def admin(self) -> RegistryWriter:
        return self.chain.admin

    def allocate(self, prefix: str) -> None:
        self.admin.allocate(self.chain.scheme, prefix, self.admin.signer.account)

    def follow(self, store: Any = None, registry: Any = None) -> None:
        refresh_prefixes(store or self.store, registry or self.chain.registry, NOW_MS)

    def restart(self) -> None:
        self.store.close()
        self.store = open_store(self.url)
        self.copy = RegistryCopy(self.store)

    def snapshot(self) -> str:
        found: str = self.anvil.call("evm_snapshot")
        return found

    def go_back_to(self, snapshot: str) -> None:
        """The chain as it was then, with another block on top: those that followed are replaced."""
        self.anvil.call("evm_revert", snapshot)
        self.anvil.call("evm_increaseTime", hex(7))

    def check(self) -> RegistryState:
        """What must hold once the copy has followed: it says what the contract's views say."""
        state, head = self.copy.read()
        assert (
            state
            == RegistryCopy(self.store).read()[0]
            == RegistryState().after(read_all(self.chain.registry))
        )
        contract = Contract("PrefixRegistry", self.admin.contract, self.anvil.rpc)
        check_against_views(contract, state, self.chain.now_s)
        assert set(self.store.prefixes()) == set(state.entries(NOW_MS // 1000))
        assert head.block == self.chain.registry.block(self.anvil.rpc.quantity("eth_blockNumber"))
        return state

    @property
    def texts(self) -> list[str]:
        state, _ = self.copy.read()
        return sorted(known.text for known in state.by_node.values() if known.text)


@pytest.fixture
def chain() -> Iterator[Anvil]:
    """A chain that the test may reorganise as deeply as it wants."""
    with run_anvil() as anvil:
        yield anvil


@pytest.fixture
def world(chain: Anvil, store_url: str) -> Iterator[World]:
    opened = World(chain, store_url)
    yield opened
    opened.store.close()


@pytest.fixture
def lite(chain: Anvil, tmp_path: Path) -> Iterator[World]:
    opened = World(chain, f"sqlite:///{tmp_path / 'suyuan.db'}")
    yield opened
    opened.store.close()


def test_the_copy_follows_the_registry(world: World) -> None:
    world.allocate("88")
    world.follow()
    assert world.check().find(world.chain.scheme, "88")
    world.admin.suspend(world.chain.node("88"))
    world.anvil.mine(3)
    world.follow()
    world.check()
    assert [c.kind for c in world.store.prefix_changes(world.chain.node("88"), limit=9)] == [
        "allocated",
        "suspended",
    ]


class Watched:
    """A registry that tells which blocks were asked for."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.asked: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def read_changes(self, first: int, final: int) -> tuple[list[Change], Block]:
        self.asked.append(first)
        found: tuple[list[Change], Block] = self._inner.read_changes(first, final)
        return found


def test_a_restarted_copy_goes_on_where_it_was(world: World) -> None:
    world.allocate("88")
    world.follow()
    followed = world.anvil.rpc.quantity("eth_blockNumber")
    world.restart()
    world.allocate("89")
    registry = Watched(world.chain.registry)
    world.follow(registry=registry)
    assert registry.asked == [followed + 1]
    world.check()
    world.follow(registry=registry)
    assert registry.asked == [followed + 1]  # nothing is new


def test_what_stood_in_a_replaced_block_is_undone(world: World) -> None:
    world.allocate("88")
    snapshot = world.snapshot()
    world.allocate("88.118")
    world.admin.set_endpoint(world.chain.node("88"), "https://lost.example", bytes(32))
    world.follow()
    assert world.texts == ["88", "88.118"]

    world.go_back_to(snapshot)
    world.allocate("88.119")
    world.anvil.mine(5)
    world.restart()
    world.follow()
    state = world.check()
    assert world.texts == ["88", "88.119"]
    assert state.by_node[world.chain.node("88")].endpoint == ""
    assert [c.kind for c in world.store.prefix_changes(world.chain.node("88"), limit=9)] == ["allocated"]
    assert world.store.prefix_changes(world.chain.node("88.118"), limit=9) == []


def test_a_copy_in_another_process_takes_part_in_the_undoing(world: World) -> None:
    snapshot = world.snapshot()
    world.allocate("88")
    world.follow()
    reader = RegistryCopy(world.store)
    assert reader.read()[0].find(world.chain.scheme, "88")
    world.go_back_to(snapshot)
    world.allocate("89")
    world.follow()
    state, _ = reader.read()
    assert state.find(world.chain.scheme, "88") is None
    assert state.find(world.chain.scheme, "89") is not None


def test_a_replaced_block_that_changed_nothing_costs_nothing(lite: World) -> None:
    lite.allocate("88")
    lite.anvil.mine(2)
    lite.follow()
    lite.anvil.call("anvil_reorg", 1, [])
    registry = Watched(lite.chain.registry)
    lite.follow(registry=registry)
    lite.check()
    assert lite.texts == ["88"]
    assert len(registry.asked) == 1


@pytest.mark.slow
def test_a_chain_that_has_another_beginning_is_read_from_zero(lite: World) -> None:
    snapshot = lite.snapshot()
    for number in range(70):  # more blocks than are looked at one by one
        lite.allocate(str(number))
    lite.follow()
    lite.go_back_to(snapshot)
    lite.allocate("new")
    lite.anvil.mine(80)
    registry = Watched(lite.chain.registry)
    lite.follow(registry=registry)
    lite.check()
    assert lite.texts == ["new"]


def test_a_node_that_lags_behind_proves_nothing_against_the_copy(lite: World) -> None:
    snapshot = lite.snapshot()
    lite.allocate("88")
    lite.follow()
    before = lite.store.registry_head()
    lite.anvil.call("evm_revert", snapshot)  # this node does not know the block, and no other in its place
    lite.follow()
    assert lite.store.registry_head() == before
    assert lite.texts == ["88"]


@pytest.mark.parametrize("took_effect", [True, False])
@pytest.mark.parametrize("method", ["extend_registry", "cut_registry", "replace_prefixes", "registry_head"])
def test_a_step_that_is_lost_is_taken_again(lite: World, method: str, took_effect: bool) -> None:
    snapshot = lite.snapshot()
    lite.allocate("88")
    lite.follow()
    lite.go_back_to(snapshot)
    lite.allocate("89")
    lite.admin.suspend(lite.chain.node("89"))
    faults = Faults([Fault(method, took_effect)])
    with pytest.raises(StoreUnavailable):
        lite.follow(store=faults.around(lite.store, StoreUnavailable))
    lite.restart()
    lite.follow()
    lite.check()
    assert lite.texts == ["89"]


def test_a_chain_that_fails_midway_loses_nothing(lite: World) -> None:
    lite.chain.registry._window_blocks = 2
    for number in range(6):
        lite.allocate(str(number))
    faults = Faults([Fault("read_changes", took_effect=False)])
    registry = faults.around(lite.chain.registry, ChainUnavailable)
    with pytest.raises(ChainUnavailable):
        lite.follow(registry=registry)
    lite.follow(registry=registry)
    lite.check()


def test_the_copy_can_be_dropped_and_read_from_zero(world: World) -> None:
    world.allocate("88")
    world.allocate("88.118")
    world.follow()
    before = world.check()
    engine = create_engine(world.url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE registry_change SET text = 'mine' WHERE text = '88'"))
        connection.execute(text("DELETE FROM prefix"))
    engine.dispose()
    world.restart()
    assert world.texts == ["88.118", "mine"]
    rebuild_registry(world.store, world.chain.registry, NOW_MS)
    assert world.check() == before


def test_a_delegation_that_ended_no_longer_counts_when_capturing(lite: World) -> None:
    node, delegate = lite.chain.node("88"), b"\x07" * 20
    lite.allocate("88")
    ends = lite.chain.now_s + 1000
    lite.admin.delegate(node, delegate, ends)
    copy = RegistryCopy(lite.store)
    refresh_prefixes(lite.store, lite.chain.registry, (ends - 1) * 1000, copy)
    assert [e.delegates for e in lite.store.prefixes() if e.node == node] == [(delegate,)]
    refresh_prefixes(lite.store, lite.chain.registry, ends * 1000, copy)
    assert [e.delegates for e in lite.store.prefixes() if e.node == node] == [()]


def test_two_processes_that_follow_at_once_disturb_nothing(lite: World) -> None:
    lite.chain.registry._window_blocks = 1
    for number in range(12):
        lite.allocate(str(number))
    errors: list[LedgerError] = []

    def follow() -> None:
        other, registry = open_store(lite.url), lite.chain.read_again()
        registry._window_blocks = 1
        try:
            refresh_prefixes(other, registry, NOW_MS)
        except LedgerError as error:
            errors.append(error)
        finally:
            other.close()

    threads = [threading.Thread(target=follow) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lite.follow()
    lite.check()
    assert errors == []


def test_decisions_never_go_by_half_a_copy(lite: World) -> None:
    lite.chain.registry._window_blocks = 2
    for number in range(6):
        lite.allocate(str(number))
    lite.follow()
    before = lite.store.prefixes()
    lite.store.cut_registry(lite.store.registry_head(), None)
    faults = Faults([Fault("read_changes", took_effect=True, times=99)])
    lite.follow(registry=faults.around(lite.chain.registry, Conflict))  # others are always faster
    assert lite.store.prefixes() == before
    lite.follow()
    lite.check()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_on_the_chain_the_copy_says_what_the_contract_says(lite: World, seed: int) -> None:
    chance = random.Random(seed)
    lite.admin.open_scheme(f"{lite.chain.scheme}b", "", lite.admin.signer.account)
    snapshots = [lite.snapshot()]
    refused = 0
    for _ in range(100):
        try:
            act(lite.chain, chance)
        except LedgerError:
            refused += 1
        match chance.randrange(8):
            case 0:
                snapshots.append(lite.snapshot())
            case 1:
                lite.go_back_to(snapshots.pop())
                lite.anvil.mine(chance.randrange(1, 9))
                snapshots = snapshots or [lite.snapshot()]
            case 2 | 3:
                lite.anvil.mine()
                lite.follow()
            case 4:
                lite.restart()
            case _:
                pass
    lite.anvil.mine(70)
    lite.follow()
    lite.check()
    assert refused < 90


def act(chain: ChainWorld, chance: random.Random) -> None:
    """Somebody does something, which may be refused."""
    writers = {w.signer.account: w for w in (chain.admin, chain.writer, chain.stranger)}
    name = chance.choice(["8", "8.1", "8.1.2"])
    node, twin = chain.node(name), node_id(f"{chain.scheme}b", "")
    ((owner, *_),) = chain.contract.read("holder", node)
    owners = [writers.get(bytes.fromhex(owner[2:]), chain.admin)] * 5
    writer = chance.choice([*owners, *writers.values()])
    receiver = chance.choice([*writers])
    actions: dict[Callable[[], None], int] = {
        lambda: writer.allocate(chain.scheme, name, receiver): 6,
        lambda: writer.delegate(node, receiver, 2**40, chance.choice(["capture", "records"])): 2,
        lambda: writer.revoke_delegate(node, receiver): 1,
        lambda: writer.set_endpoint(node, "https://n.example", bytes(32)): 1,
        lambda: writer.offer_transfer(node, receiver): 2,
        lambda: writer.cancel_transfer(node): 1,
        lambda: writer.accept_transfer(node): 2,
        lambda: writer.suspend(node): 1,
        lambda: writer.resume(node): 2,
        lambda: writer.revoke(node): 1,
        lambda: writer.reallocate(node, receiver): 2,
        lambda: writer.declare_equivalence(*chance.sample([node, twin], 2)): 3,
        lambda: writer.withdraw_equivalence(*chance.sample([node, twin], 2)): 1,
    }
    (action,) = chance.choices([*actions], weights=[*actions.values()])
    action()


def test_the_anchor_worker_keeps_the_copy_fresh(anvil: Anvil, tmp_path: Path) -> None:
    world, registry = AnchorWorld(anvil, tmp_path), ChainWorld(anvil)
    stop = threading.Event()
    world.faults.watch = lambda method, moment: stop.set() if (method, moment) == _REPLACED else None
    world.worker.run(stop, 0.001, registry.registry)
    assert registry.scheme in {entry.scheme for entry in world.store.prefixes()}
    world.store.close()


_REPLACED = ("replace_prefixes", "after")
