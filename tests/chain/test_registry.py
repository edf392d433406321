"""`PrefixRegistry` through our client: the copy from notices says what the contract's views say."""

from itertools import count
from typing import Any

import pytest

from ledger.chain import ChainOptions, EthereumRegistry, RegistryWriter, account_of, connect_signer, node_id
from ledger.chain.contract import Contract
from ledger.chain.registry import CAPTURE
from ledger.chain.rpc import Refused, Rpc
from ledger.domain.access import PrefixEntry
from ledger.domain.errors import Invalid
from tests.chain.nodes import ADMIN, STRANGER, WRITER, Anvil

FAR = 2**40
_schemes = count(1)


class World:
    """A scheme of its own in the registry on the shared chain."""

    def __init__(self, anvil: Anvil) -> None:
        self.anvil = anvil
        self.scheme = f"scheme{next(_schemes)}"
        self.contract = Contract("PrefixRegistry", anvil.deployment.prefix_registry, anvil.rpc)
        self.admin, self.writer, self.stranger = (
            RegistryWriter(connect_signer(anvil.url, key), self.contract.account)
            for key in (ADMIN, WRITER, STRANGER)
        )
        self.admin.open_scheme(self.scheme, ".", self.admin.signer.account)
        self.clock = 0.0
        self.registry = self.read_again()

    def read_again(self) -> EthereumRegistry:
        signer = connect_signer(self.anvil.url, ADMIN, options=ChainOptions(finality="instant"))
        return EthereumRegistry(
            signer, self.contract.account, self.anvil.deployment.block_number, lambda: self.clock
        )

    def node(self, text: str) -> bytes:
        return node_id(self.scheme, text)

    def entries(self) -> dict[str, PrefixEntry]:
        """Our scheme's entries; checked against the views, and against a copy read from the start."""
        entries, _ = self.registry.entries()
        assert set(entries) == set(self.read_again().entries()[0])
        ours = {entry.text: entry for entry in entries if entry.scheme == self.scheme}
        for entry in ours.values():
            ((owner, _, _, active, *_),) = self.contract.read("holder", entry.node)
            assert (entry.owner.hex(), entry.active) == (owner[2:], active)
            for delegate in entry.delegates:
                assert self.contract.read("isDelegate", entry.node, delegate, CAPTURE) == (entry.active,)
        return ours


@pytest.fixture
def world(anvil: Anvil) -> World:
    return World(anvil)


def test_what_its_owner_has_already_is_not_given_again(world: World) -> None:
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    blocks = world.anvil.rpc.quantity("eth_blockNumber")
    world.admin.open_scheme(world.scheme, ".", world.admin.signer.account)
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    assert world.anvil.rpc.quantity("eth_blockNumber") == blocks
    with pytest.raises(Invalid, match="NotFree"):
        world.admin.allocate(world.scheme, "88", world.stranger.signer.account)


def test_whoever_owns_a_prefix_allocates_below_it(world: World) -> None:
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    world.writer.allocate(world.scheme, "88.118", world.stranger.signer.account)
    with pytest.raises(Invalid, match="NotOwner"):
        world.admin.allocate(world.scheme, "88.119", world.admin.signer.account)

    assert {text: entry.owner for text, entry in world.entries().items()} == {
        "": account_of(ADMIN),
        "88": account_of(WRITER),
        "88.118": account_of(STRANGER),
    }


def test_suspending_a_prefix_stops_all_below_it(world: World) -> None:
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    world.writer.allocate(world.scheme, "88.118", world.stranger.signer.account)
    world.admin.suspend(world.node("88"))
    assert {text: entry.active for text, entry in world.entries().items()} == {
        "": True,
        "88": False,
        "88.118": False,
    }
    world.admin.resume(world.node("88"))
    assert world.entries()["88.118"].active


def test_a_revoked_prefix_goes_to_a_new_owner(world: World) -> None:
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    world.writer.delegate(world.node("88"), b"\x07" * 20, FAR)
    world.admin.revoke(world.node("88"))
    assert not world.entries()["88"].active

    world.admin.reallocate(world.node("88"), world.stranger.signer.account)
    entry = world.entries()["88"]
    assert (entry.owner, entry.active, entry.delegates) == (account_of(STRANGER), True, ())


def test_a_prefix_is_handed_over_in_two_steps(world: World) -> None:
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    world.writer.delegate(world.node("88"), b"\x07" * 20, FAR)
    world.writer.offer_transfer(world.node("88"), world.stranger.signer.account)
    assert world.entries()["88"].owner == account_of(WRITER)

    world.stranger.accept_transfer(world.node("88"))
    entry = world.entries()["88"]
    assert (entry.owner, entry.delegates) == (account_of(STRANGER), ())


def test_a_delegate_captures_until_the_grant_ends(world: World) -> None:
    node = world.node("88")
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    world.writer.set_endpoint(node, "https://node.example", bytes(32))
    world.writer.delegate(node, b"\x07" * 20, FAR)
    world.writer.delegate(node, b"\x08" * 20, FAR)
    assert world.entries()["88"].delegates == (b"\x07" * 20, b"\x08" * 20)

    world.writer.revoke_delegate(node, b"\x07" * 20)
    assert world.entries()["88"].delegates == (b"\x08" * 20,)

    world.clock = FAR
    (expired,) = [entry for entry in world.registry.entries()[0] if entry.node == node]
    assert expired.delegates == ()


def test_a_node_that_limits_its_answers_is_asked_for_less_at_once(world: World, anvil: Anvil) -> None:
    anvil.mine(20)
    limited = world.read_again()
    limited._contract = Contract("PrefixRegistry", world.contract.account, LimitedRpc(anvil.url))
    assert limited.entries() == world.read_again().entries()


class LimitedRpc(Rpc):
    """Refuses notices of more than 7 blocks, as public nodes do with larger numbers."""

    def call(self, method: str, *params: Any) -> Any:
        if method == "eth_getLogs" and int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) >= 7:
            raise Refused("too wide", "query exceeds the range of 7 blocks", None)
        return super().call(method, *params)


def test_prefixes_are_read_from_final_blocks_only(world: World, anvil: Anvil) -> None:
    signer = connect_signer(anvil.url, ADMIN, options=ChainOptions(finality="3"))
    registry = EthereumRegistry(signer, world.contract.account, anvil.deployment.block_number)
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)

    assert "88" not in {entry.text for entry in registry.entries()[0] if entry.scheme == world.scheme}
    anvil.mine(2)
    entries, block_number = registry.entries()
    assert "88" in {entry.text for entry in entries if entry.scheme == world.scheme}
    assert block_number == int(anvil.call("eth_blockNumber"), 16) - 2
