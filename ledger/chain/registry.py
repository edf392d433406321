"""The `PrefixRegistry` contract: who owns which prefix, read from its notices, and changed by txs."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from eth_abi.abi import encode

from ledger.chain.abi import Notice
from ledger.chain.contract import Contract
from ledger.chain.rpc import Refused
from ledger.chain.signer import Signer
from ledger.chain.trace_log import final_block_number
from ledger.domain.access import PrefixEntry
from ledger.domain.errors import ChainUnavailable
from ledger.domain.keccak import keccak256

CAPTURE = b"capture".ljust(32, b"\0")
"""The scope in which a delegate may capture events for the owner of a prefix."""

_WINDOW_BLOCKS_MAX = 100_000
_NO_NODE = bytes(32)


def node_id(scheme: str, text: str) -> bytes:
    """The id of a prefix in the registry: keccak256(abi.encode(scheme, text))."""
    return keccak256(encode(["string", "string"], [scheme, text]))


@dataclass(frozen=True, slots=True)
class _Node:
    scheme: str
    text: str
    parent: bytes
    owner: bytes
    allocated: bool = True  # False while suspended or revoked
    delegates: dict[bytes, int] = field(default_factory=dict)  # account -> seconds since 1970

    def owned_by(self, owner: bytes) -> "_Node":
        """With a new owner, for whom the grants of the one before do not hold."""
        return replace(self, owner=owner, delegates={})

    def granting(self, account: bytes, expires_at: int) -> "_Node":
        return replace(self, delegates={**self.delegates, account: expires_at})


class EthereumRegistry:
    """`ports.Registry` over JSON-RPC. Reads each final block once and remembers what it said."""

    def __init__(
        self, signer: Signer, contract: bytes, from_block: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._signer = signer
        self._contract = Contract("PrefixRegistry", contract, signer.rpc)
        self._clock = clock  # seconds since 1970: delegations expire by it
        self._next_block = from_block
        self._window_blocks = _WINDOW_BLOCKS_MAX
        self._nodes: dict[bytes, _Node] = {}

    def entries(self) -> tuple[list[PrefixEntry], int]:
        """All prefixes as of the newest final block, and that block's number."""
        final = final_block_number(self._signer)
        while self._next_block <= final:
            last = min(final, self._next_block + self._window_blocks - 1)
            for notice in list(self._notices(self._next_block, last)):  # all or none
                _apply(self._nodes, notice)
            self._next_block = last + 1
            self._window_blocks = min(2 * self._window_blocks, _WINDOW_BLOCKS_MAX)
        now = int(self._clock())
        return [self._entry(node, now) for node in self._nodes], self._next_block - 1

    def _entry(self, node: bytes, now: int) -> PrefixEntry:
        known = self._nodes[node]
        delegates = tuple(sorted(account for account, until in known.delegates.items() if now < until))
        return PrefixEntry(node, known.scheme, known.text, known.owner, self._is_active(node), delegates)

    def _is_active(self, node: bytes) -> bool:
        while node != _NO_NODE:
            if not self._nodes[node].allocated:
                return False
            node = self._nodes[node].parent
        return True

    def _notices(self, first: int, last: int) -> Iterator[Notice]:
        """The registry's notices in blocks `first` to `last`, in order.

        A node that finds the range too wide is asked for half of it, and so on.
        """
        rpc = self._contract.rpc
        wanted = {
            "address": f"0x{self._contract.account.hex()}",
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        try:
            logs = rpc.call("eth_getLogs", wanted)
        except Refused:
            if first == last:
                raise
            middle = (first + last) // 2
            self._window_blocks = middle - first + 1
            yield from self._notices(first, middle)
            yield from self._notices(middle + 1, last)
            return
        if not isinstance(logs, list):
            raise ChainUnavailable(f"chain node {rpc.name} gave something else than a list of notices")
        for log in logs:
            fields = rpc.as_object("notice", log)
            topics = [rpc.as_bytes("topic", topic) for topic in fields.get("topics", [])]
            notice = self._contract.abi.notice(topics, rpc.as_bytes("data", fields.get("data")))
            if notice is not None:
                yield notice


def _apply(nodes: dict[bytes, _Node], notice: Notice) -> None:
    """Change the copy of the registry as `notice` says. Notices about other facts change nothing."""
    said = notice.fields
    match notice.name:
        case "Allocated":
            nodes[said["node"]] = _Node(said["scheme"], said["text"], said["parent"], _account(said["owner"]))
        case "Reallocated":
            node = replace(nodes[said["node"]], allocated=True)
            nodes[said["node"]] = node.owned_by(_account(said["owner"]))
        case "Transferred":
            nodes[said["node"]] = nodes[said["node"]].owned_by(_account(said["to"]))
        case "Suspended" | "Revoked":
            nodes[said["node"]] = replace(nodes[said["node"]], allocated=False)
        case "Resumed":
            nodes[said["node"]] = replace(nodes[said["node"]], allocated=True)
        case "Delegated" | "DelegateRevoked" if said["scope"] == CAPTURE:
            until = said.get("expiresAt", 0)
            nodes[said["node"]] = nodes[said["node"]].granting(_account(said["account"]), until)
        case _:
            pass


def _account(text: str) -> bytes:
    return bytes.fromhex(text[2:])


@dataclass(frozen=True, slots=True)
class RegistryWriter:
    """The registry as one account may change it. Each call is one tx, and returns once it is mined.

    Raises Invalid with the registry's reason when it refuses.
    """

    signer: Signer
    contract: bytes

    def open_scheme(self, scheme: str, separator: str, owner: bytes) -> None:
        """As registrar: open a scheme whose levels end at `separator`, "" for every character.

        Nothing happens when it is open and its root is with `owner` already.
        """
        if self._owner(scheme, "") != owner:
            self._write("openScheme", scheme, separator.encode().ljust(1, b"\0"), owner)

    def allocate(self, scheme: str, text: str, owner: bytes) -> None:
        """Give the prefix `text` to `owner`; we own the nearest prefix above it.

        Nothing happens when it is with `owner` already.
        """
        if self._owner(scheme, text) != owner:
            self._write("allocate", scheme, text, owner)

    def delegate(self, node: bytes, account: bytes, expires_at: int) -> None:
        """Let `account` capture for our prefix until `expires_at`, in seconds since 1970."""
        self._write("delegate", node, account, CAPTURE, expires_at)

    def revoke_delegate(self, node: bytes, account: bytes) -> None:
        self._write("revokeDelegate", node, account, CAPTURE)

    def set_endpoint(self, node: bytes, endpoint: str, log_id: bytes) -> None:
        """Say which node (URL) serves our prefix, and which log holds its events."""
        self._write("setEndpoint", node, endpoint, log_id)

    def offer_transfer(self, node: bytes, to: bytes) -> None:
        """Offer our prefix to another account, which has to accept."""
        self._write("offerTransfer", node, to)

    def accept_transfer(self, node: bytes) -> None:
        self._write("acceptTransfer", node)

    def suspend(self, node: bytes) -> None:
        """As owner of the prefix above, or registrar: make a prefix and all below it inactive."""
        self._write("suspend", node)

    def resume(self, node: bytes) -> None:
        self._write("resume", node)

    def revoke(self, node: bytes) -> None:
        """As owner of the prefix above, or registrar: take a prefix from its owner."""
        self._write("revoke", node)

    def reallocate(self, node: bytes, owner: bytes) -> None:
        """Give a revoked prefix to a new owner."""
        self._write("reallocate", node, owner)

    def _owner(self, scheme: str, text: str) -> bytes:
        """Of a prefix as of the newest block, which need not be final; zeros for nobody."""
        ((owner, *_),) = self._registry.read("holder", node_id(scheme, text))
        return _account(owner)

    def _write(self, function: str, *arguments: object) -> None:
        self._registry.write(self.signer, function, *arguments)

    @property
    def _registry(self) -> Contract:
        return Contract("PrefixRegistry", self.contract, self.signer.rpc)
