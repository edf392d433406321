"""What the notices of the `PrefixRegistry` contract say."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from eth_abi.abi import encode

from ledger.chain.abi import Notice
from ledger.chain.contract import Contract
from ledger.chain.rpc import Refused
from ledger.chain.signer import Signer
from ledger.chain.trace_log import block_at, final_block_number
from ledger.domain.errors import ChainUnavailable, Invalid
from ledger.domain.keccak import keccak256
from ledger.domain.registry import CAPTURE, Change, ChangeKind
from ledger.ports import Block

_WINDOW_BLOCKS_MAX: Final = 100_000
_SCOPE_BYTES: Final = 32
_EXPIRY_MAX_S: Final = 2**63 - 1  # as much as SQL holds; the contract takes 2**64 - 1 as well


def node_id(scheme: str, text: str) -> bytes:
    """The id of a prefix in the registry: keccak256(abi.encode(scheme, text))."""
    return keccak256(encode(["string", "string"], [scheme, text]))


def scope_bytes(scope: str) -> bytes:
    """A scope as the registry has it, left-aligned ASCII. Raises Invalid for what does not fit."""
    if not 1 <= len(scope) <= _SCOPE_BYTES or not scope.isascii() or not scope.isprintable():
        raise Invalid(
            f"scope {scope[:40]!r}: write a word of 1 to {_SCOPE_BYTES} ASCII characters: {CAPTURE}"
        )
    return scope.encode().ljust(_SCOPE_BYTES, b"\0")


def _scope_text(raw: bytes) -> str:
    """A scope as people read it; what is no ASCII word in hex."""
    word = raw.rstrip(b"\0").decode("latin-1")
    return word if word.isascii() and word.isprintable() else f"0x{raw.hex()}"


@dataclass(frozen=True, slots=True)
class _Log:
    """A notice, and where it stands."""

    notice: Notice
    block: Block
    index: int
    tx_hash: bytes
    time_s: int | None  # where the node tells it


class EthereumRegistry:
    """`ports.Registry` over JSON-RPC. `first_block` is one before which the contract was not there."""

    def __init__(self, signer: Signer, contract: bytes, first_block: int) -> None:
        self.first_block = first_block
        self._signer = signer
        self._contract = Contract("PrefixRegistry", contract, signer.rpc)
        self._window_blocks = _WINDOW_BLOCKS_MAX

    def final_block_number(self) -> int:
        return final_block_number(self._signer)

    def block(self, number: int) -> Block | None:
        return block_at(self._signer.rpc, number)

    def read_changes(self, first: int, final: int) -> tuple[list[Change], Block]:
        last = min(final, first + self._window_blocks - 1)
        block = self.block(last)
        logs = list(self._logs(first, last))
        # The same last block before and after: everything below it is of one chain.
        if block is None or self.block(last) != block:
            raise ChainUnavailable(f"block {last} was replaced while it was read: look again")
        self._window_blocks = min(2 * self._window_blocks, _WINDOW_BLOCKS_MAX)
        time_of = cache(self._time_s)
        changes = (
            _change(log, log.time_s if log.time_s is not None else time_of(log.block.number))
            for log in logs
            if log.notice.name in _KINDS
        )
        return list(changes), block

    def _time_s(self, number: int) -> int:
        rpc = self._contract.rpc
        block = rpc.as_object("block", rpc.call("eth_getBlockByNumber", hex(number), False))
        return rpc.as_int("timestamp", block.get("timestamp"))

    def _logs(self, first: int, last: int) -> Iterator[_Log]:
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
            yield from self._logs(first, middle)
            yield from self._logs(middle + 1, last)
            return
        if not isinstance(logs, list):
            raise ChainUnavailable(f"chain node {rpc.name} gave something else than a list of notices")
        yield from (log for fields in logs if (log := self._read(fields)) is not None)

    def _read(self, log: Any) -> _Log | None:
        rpc = self._contract.rpc
        fields = rpc.as_object("notice", log)
        topics = [rpc.as_bytes("topic", topic) for topic in fields.get("topics", [])]
        notice = self._contract.abi.notice(topics, rpc.as_bytes("data", fields.get("data")))
        if notice is None:
            return None
        number = rpc.as_int("blockNumber", fields.get("blockNumber"))
        time = fields.get("blockTimestamp")
        return _Log(
            notice,
            Block(number, rpc.as_bytes("blockHash", fields.get("blockHash"))),
            rpc.as_int("logIndex", fields.get("logIndex")),
            rpc.as_bytes("transactionHash", fields.get("transactionHash")),
            None if time is None else rpc.as_int("blockTimestamp", time),
        )


_KINDS: Final[dict[str, ChangeKind]] = {
    "Allocated": "allocated",
    "Reallocated": "reallocated",
    "Transferred": "transferred",
    "TransferOffered": "transfer_offered",
    "TransferCancelled": "transfer_cancelled",
    "Suspended": "suspended",
    "Resumed": "resumed",
    "Revoked": "revoked",
    "EndpointSet": "endpoint_set",
    "Delegated": "delegated",
    "DelegateRevoked": "delegate_revoked",
    "EquivalenceDeclared": "equivalence_declared",
    "EquivalenceWithdrawn": "equivalence_withdrawn",
}
"""Notices about prefixes. Others are about roles and pausing; SchemeOpened repeats its Allocated."""

_ACCOUNT_FIELDS: Final = {
    "Allocated": "owner",
    "Reallocated": "owner",
    "Transferred": "to",
    "TransferOffered": "to",
    "Suspended": "by",
    "Resumed": "by",
    "Revoked": "by",
    "Delegated": "account",
    "DelegateRevoked": "account",
}
_OTHER_FIELDS: Final = {
    "Allocated": "parent",
    "EndpointSet": "logId",
    "EquivalenceDeclared": "other",
    "EquivalenceWithdrawn": "other",
}


def _change(log: _Log, time_s: int) -> Change:
    name, said = log.notice.name, log.notice.fields
    account, other = _ACCOUNT_FIELDS.get(name), _OTHER_FIELDS.get(name)
    return Change(
        log.block.number,
        log.index,
        log.block.hash,
        log.tx_hash,
        time_s,
        _KINDS[name],
        said["node"],
        account=_account(said[account]) if account else b"",
        other=said[other] if other else b"",
        scheme=said.get("scheme", ""),
        text=said.get("text", said.get("endpoint", "")),
        scope=_scope_text(said["scope"]) if "scope" in said else "",
        expires_s=min(said.get("expiresAt", 0), _EXPIRY_MAX_S),
    )


def _account(text: str) -> bytes:
    return bytes.fromhex(text[2:])
