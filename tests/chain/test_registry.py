"""`PrefixRegistry` through our client: the state from notices says what the contract's views say."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from ledger.chain import ChainOptions, EthereumRegistry, RegistryWriter, account_of, connect_signer, node_id
from ledger.chain.abi import abi_of
from ledger.chain.contract import Contract
from ledger.chain.registry import scope_bytes
from ledger.chain.registry_writer import REFUSALS
from ledger.chain.rpc import Refused, Rpc
from ledger.domain.errors import ChainUnavailable, Conflict, Invalid, LedgerError, NotAllowed, NotFound
from ledger.domain.registry import CAPTURE, Change, Registered, RegistryState
from tests.chain.nodes import ADMIN, STRANGER, WRITER, Anvil, run_anvil

FAR = 2**40
_schemes = count(1)
_STATUS = {2: "allocated", 3: "suspended", 4: "revoked"}


def read_all(registry: EthereumRegistry) -> list[Change]:
    """All changes up to the newest final block."""
    found: list[Change] = []
    first, final = registry.first_block, registry.final_block_number()
    while first <= final:
        changes, block = registry.read_changes(first, final)
        found += changes
        first = block.number + 1
    return found


def check_against_views(contract: Contract, state: RegistryState, now_s: int) -> None:
    """That the state says of every node what the contract says of it at the newest block."""
    for known in state.by_node.values():
        ((owner, offered, status, active, parent, term, log_id, endpoint),) = contract.read(
            "holder", known.node
        )
        assert known.node == node_id(known.scheme, known.text)
        assert (known.owner.hex(), _STATUS[status], active) == (
            owner[2:],
            known.status,
            state.is_active(known.node),
        )
        assert (known.offered_to or bytes(20)).hex() == offered[2:]
        assert (known.parent, known.term, known.log_id, known.endpoint) == (parent, term, log_id, endpoint)
        for delegation in known.delegations:
            acts = delegation.account in known.delegates(delegation.scope, now_s) and active
            asked = (known.node, delegation.account, scope_bytes(delegation.scope))
            assert contract.read("isDelegate", *asked) == (acts,)
        for other in state.by_node.values():
            equivalent = other in state.equivalents(known.node)
            assert contract.read("areEquivalent", known.node, other.node) == (equivalent,)


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
        self.first_block = anvil.rpc.quantity("eth_blockNumber") + 1
        self.admin.open_scheme(self.scheme, ".", self.admin.signer.account)
        self.registry = self.read_again()

    def read_again(self) -> EthereumRegistry:
        signer = connect_signer(self.anvil.url, ADMIN, options=ChainOptions(finality="instant"))
        return EthereumRegistry(signer, self.contract.account, self.first_block)

    def node(self, text: str) -> bytes:
        return node_id(self.scheme, text)

    @property
    def now_s(self) -> int:
        newest = self.anvil.call("eth_getBlockByNumber", "latest", False)
        return int(newest["timestamp"], 16)

    def state(self) -> RegistryState:
        """Our scheme's prefixes; checked against the views."""
        state = RegistryState().after(read_all(self.registry))
        check_against_views(self.contract, state, self.now_s)
        return state

    def prefixes(self) -> dict[str, Registered]:
        state = self.state()
        return {known.text: known for known in state.by_node.values() if known.scheme == self.scheme}

    def active(self) -> dict[str, bool]:
        state = self.state()
        return {text: state.is_active(known.node) for text, known in self.prefixes().items()}


@pytest.fixture
def world(anvil: Anvil) -> World:
    return World(anvil)


def test_what_its_owner_has_already_is_not_given_again(world: World) -> None:
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    blocks = world.anvil.rpc.quantity("eth_blockNumber")
    world.admin.open_scheme(world.scheme, ".", world.admin.signer.account)
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    assert world.anvil.rpc.quantity("eth_blockNumber") == blocks
    with pytest.raises(Conflict, match=f"{world.scheme} 88 is not free, it is allocated"):
        world.admin.allocate(world.scheme, "88", world.stranger.signer.account)


def test_whoever_owns_a_prefix_allocates_below_it(world: World) -> None:
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    world.writer.allocate(world.scheme, "88.118", world.stranger.signer.account)
    with pytest.raises(NotAllowed, match=f"{world.scheme} 88 does not belong to 0x"):
        world.admin.allocate(world.scheme, "88.119", world.admin.signer.account)

    assert {text: known.owner for text, known in world.prefixes().items()} == {
        "": account_of(ADMIN),
        "88": account_of(WRITER),
        "88.118": account_of(STRANGER),
    }


def test_a_revoked_prefix_is_not_taken_for_allocated(world: World) -> None:
    ours = world.writer.signer.account
    world.admin.allocate(world.scheme, "88", ours)
    world.admin.revoke(world.node("88"))
    with pytest.raises(Conflict, match=r"is revoked: .* reallocated"):
        world.admin.allocate(world.scheme, "88", ours)
    world.admin.reallocate(world.node("88"), ours)
    world.admin.allocate(world.scheme, "88", ours)


def refusals(world: World) -> dict[str, tuple[type[LedgerError], str, Callable[[], None]]]:
    """Name -> the error, what it says, and what is refused so."""
    admin, writer, stranger = world.admin, world.writer, world.stranger
    node, free = world.node("88"), world.node("9")
    named = replace(writer, names={node: "handle 88"})
    return {
        "empty level": (
            Invalid,
            "prefix '8..8': should be",
            lambda: admin.allocate(world.scheme, "8..8", ANYBODY),
        ),
        "no scheme": (NotFound, "nowhere is not open", lambda: admin.allocate("nowhere", "8", ANYBODY)),
        "open": (Conflict, "is open already", lambda: admin.open_scheme(world.scheme, ".", ANYBODY)),
        "scheme name": (Invalid, "scheme '': a scheme is", lambda: admin.open_scheme("", ".", ANYBODY)),
        "no registrar": (NotAllowed, "not the registrar", lambda: writer.open_scheme("a", ".", ANYBODY)),
        "nobody": (Invalid, "all zeros", lambda: writer.offer_transfer(node, bytes(20))),
        "passage": (
            Conflict,
            "9 is not free, it is a passage",
            lambda: admin.allocate(world.scheme, "9", ANYBODY),
        ),
        "not ours": (
            NotAllowed,
            "handle 88 does not",
            lambda: replace(admin, names=named.names).cancel_transfer(node),
        ),
        "not above": (NotAllowed, "does not stand above 0x", lambda: stranger.suspend(node)),
        "not active": (Conflict, "is not active", lambda: admin.declare_equivalence(world.node(""), free)),
        "status": (Conflict, "is allocated, should be suspended", lambda: admin.resume(node)),
        "not revoked": (Conflict, "should be revoked: revoke", lambda: admin.reallocate(node, ANYBODY)),
        "not offered": (NotAllowed, "is not offered to 0x", lambda: stranger.accept_transfer(node)),
        "endpoint": (Invalid, "endpoint 'h ttp'", lambda: writer.set_endpoint(node, "h ttp", bytes(32))),
        "expired": (Invalid, "ended already, at 7", lambda: writer.delegate(node, ANYBODY, 7)),
        "same scheme": (
            Invalid,
            "are of one scheme",
            lambda: named.declare_equivalence(node, world.node("")),
        ),
    }


ANYBODY = b"\x09" * 20


def test_what_the_registry_refuses_is_said_in_plain_words_with_the_remedy(world: World) -> None:
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    world.admin.allocate(world.scheme, "9.1", ANYBODY)
    before = read_all(world.registry)
    for kind, says, refused in refusals(world).values():
        with pytest.raises(kind, match=re.escape(says)) as raised:
            refused()
        assert type(raised.value) is kind
    assert read_all(world.registry) == before


def test_every_error_of_the_contract_itself_has_plain_words() -> None:
    own = {error["name"] for error in abi_of("PrefixRegistry").errors.values()}
    of_roles = {name for name in own if name.startswith("AccessControl")} | {"SafeCastOverflowedUintDowncast"}
    assert own - of_roles - {"ExpectedPause"} == REFUSALS.keys() - {"AccessControlUnauthorizedAccount"}


def test_a_paused_registry_gives_nothing_and_takes_all_the_same() -> None:
    with run_anvil() as anvil:
        world = World(anvil)
        world.admin.allocate(world.scheme, "88", world.writer.signer.account)
        world.contract.write(world.admin.signer, "pause")
        with pytest.raises(Conflict, match="the registry is paused"):
            world.admin.allocate(world.scheme, "89", ANYBODY)
        world.admin.suspend(world.node("88"))
        assert world.active()["88"] is False


def test_suspending_a_prefix_stops_all_below_it(world: World) -> None:
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    world.writer.allocate(world.scheme, "88.118", world.stranger.signer.account)
    world.admin.suspend(world.node("88"))
    assert world.active() == {"": True, "88": False, "88.118": False}
    world.admin.resume(world.node("88"))
    assert world.active()["88.118"]


def test_a_revoked_prefix_goes_to_a_new_owner(world: World) -> None:
    node = world.node("88")
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    world.writer.delegate(node, b"\x07" * 20, FAR)
    world.writer.set_endpoint(node, "https://node.example", b"\x05" * 32)
    world.writer.offer_transfer(node, b"\x08" * 20)
    world.admin.revoke(node)
    assert not world.active()["88"]

    world.admin.reallocate(node, world.stranger.signer.account)
    known = world.prefixes()["88"]
    assert (known.owner, known.status, known.delegations) == (account_of(STRANGER), "allocated", ())
    assert (known.endpoint, known.log_id, known.offered_to) == ("", bytes(32), b"")


def test_a_prefix_is_handed_over_in_two_steps(world: World) -> None:
    node = world.node("88")
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    world.writer.delegate(node, b"\x07" * 20, FAR)
    world.writer.set_endpoint(node, "https://node.example", b"\x05" * 32)
    world.writer.offer_transfer(node, world.stranger.signer.account)
    known = world.prefixes()["88"]
    assert (known.owner, known.offered_to) == (account_of(WRITER), account_of(STRANGER))

    world.stranger.accept_transfer(node)
    known = world.prefixes()["88"]
    assert (known.owner, known.offered_to, known.delegations) == (account_of(STRANGER), b"", ())
    assert (known.endpoint, known.log_id) == ("https://node.example", b"\x05" * 32)


def test_a_delegate_acts_in_its_scope_until_the_grant_ends(world: World) -> None:
    node, soon = world.node("88"), world.now_s + 1000
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    world.writer.delegate(node, b"\x07" * 20, soon)
    world.writer.delegate(node, b"\x08" * 20, 2**64 - 1)
    world.writer.delegate(node, b"\x09" * 20, FAR, scope="records")
    known = world.prefixes()["88"]
    assert known.delegates(CAPTURE, world.now_s) == (b"\x07" * 20, b"\x08" * 20)
    assert known.delegates("records", world.now_s) == (b"\x09" * 20,)
    assert known.delegates(CAPTURE, soon) == (b"\x08" * 20,)

    world.writer.revoke_delegate(node, b"\x08" * 20)
    world.writer.revoke_delegate(node, b"\x09" * 20)  # not in this scope
    known = world.prefixes()["88"]
    assert known.delegates(CAPTURE, world.now_s) == (b"\x07" * 20,)
    assert known.delegates("records", world.now_s) == (b"\x09" * 20,)


def test_a_scope_that_is_no_ascii_word_is_shown_in_hex(world: World) -> None:
    node, raw = world.node("88"), b"\0capture".ljust(32, b"\xff")
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    world.contract.write(world.writer.signer, "delegate", node, b"\x07" * 20, raw, FAR)
    (delegation,) = RegistryState().after(read_all(world.registry)).by_node[node].delegations
    assert delegation.scope == f"0x{raw.hex()}"


@pytest.mark.parametrize("scope", ["", "x" * 33, "捕获", "a\nb"])
def test_a_scope_is_a_short_ascii_word(scope: str) -> None:
    with pytest.raises(Invalid, match="scope"):
        scope_bytes(scope)


def test_changes_tell_block_tx_and_time(world: World) -> None:
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    change = read_all(world.registry)[-1]
    block = world.anvil.call("eth_getBlockByNumber", hex(change.block_number), False)
    assert (change.kind, change.text, change.account) == ("allocated", "88", account_of(WRITER))
    assert f"0x{change.block_hash.hex()}" == block["hash"]
    assert f"0x{change.tx_hash.hex()}" in block["transactions"]
    assert change.time_s == int(block["timestamp"], 16)


class TimelessRpc(Rpc):
    """Gives notices without the time of their block, as Ganache does."""

    def call(self, method: str, *params: Any) -> Any:
        found = super().call(method, *params)
        if method == "eth_getLogs":
            return [{name: v for name, v in log.items() if name != "blockTimestamp"} for log in found]
        return found


def test_the_time_of_a_notice_is_asked_for_where_the_node_does_not_tell_it(world: World) -> None:
    timeless = world.read_again()
    timeless._contract = Contract("PrefixRegistry", world.contract.account, TimelessRpc(world.anvil.url))
    assert read_all(timeless) == read_all(world.registry)


def test_a_node_that_limits_its_answers_is_asked_for_less_at_once(world: World, anvil: Anvil) -> None:
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)
    anvil.mine(20)
    limited = world.read_again()
    limited._contract = Contract("PrefixRegistry", world.contract.account, LimitedRpc(anvil.url))
    assert read_all(limited) == read_all(world.read_again())


class LimitedRpc(Rpc):
    """Refuses notices of more than 7 blocks, as public nodes do with larger numbers."""

    def call(self, method: str, *params: Any) -> Any:
        if method == "eth_getLogs" and int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) >= 7:
            raise Refused("too wide", "query exceeds the range of 7 blocks", None)
        return super().call(method, *params)


class ReorganisingRpc(Rpc):
    """Loses the newest block whenever notices were read."""

    def call(self, method: str, *params: Any) -> Any:
        found = super().call(method, *params)
        if method == "eth_getLogs":
            super().call("anvil_reorg", 1, [])
        return found


def test_notices_of_a_chain_that_is_replaced_while_it_is_read_are_not_taken() -> None:
    with run_anvil() as anvil:
        world = World(anvil)
        world.admin.allocate(world.scheme, "88", world.writer.signer.account)
        hasty = world.read_again()
        hasty._contract = Contract("PrefixRegistry", world.contract.account, ReorganisingRpc(anvil.url))
        with pytest.raises(ChainUnavailable, match="replaced while it was read"):
            read_all(hasty)


def test_prefixes_are_read_from_final_blocks_only(world: World, anvil: Anvil) -> None:
    signer = connect_signer(anvil.url, ADMIN, options=ChainOptions(finality="3"))
    registry = EthereumRegistry(signer, world.contract.account, world.first_block)
    anvil.mine(2)
    world.admin.allocate(world.scheme, "88", world.writer.signer.account)

    assert "88" not in [change.text for change in read_all(registry)]
    anvil.mine(2)
    assert "88" in [change.text for change in read_all(registry)]
