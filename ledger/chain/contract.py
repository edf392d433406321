"""One deployed contract: reading it, writing to it, and putting it on a chain."""

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode

from contracts import ContractName, load_artifact
from ledger.chain.abi import Abi, Notice, abi_of
from ledger.chain.rpc import Refused, Rpc
from ledger.chain.signer import NonceTaken, Signer
from ledger.domain.errors import ChainUnavailable, ForkDetected, Invalid
from ledger.ports import Inclusion, SignedTx

_SIGNED_ANEW_MAX = 5


class ContractRefused(Invalid):
    """The contract would revert. `error` is its own word for why, when it has one."""

    def __init__(self, message: str, error: Notice | None) -> None:
        self.error = error
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Contract:
    """Contract `name` at `account` on the chain behind `rpc`."""

    name: ContractName
    account: bytes
    rpc: Rpc

    @property
    def abi(self) -> Abi:
        return abi_of(self.name)

    def __str__(self) -> str:
        return f"{self.name} 0x{self.account.hex()}"

    def read(self, function: str, *arguments: Any) -> tuple[Any, ...]:
        """What view `function` returns as of the newest block."""
        call = {"to": f"0x{self.account.hex()}", "data": f"0x{self.abi.call(function, *arguments).hex()}"}
        try:
            raw = self.rpc.as_bytes(function, self.rpc.call("eth_call", call, "latest"))
        except Refused as refused:
            raise self._in_its_words(function, refused) from refused
        if not raw:
            self.check_deployed()
        return self.abi.answer(function, raw)

    def sign(self, signer: Signer, function: str, *arguments: Any) -> SignedTx:
        """A tx that calls `function`. Raises Invalid with the contract's reason when it would refuse."""
        try:
            return signer.sign(self.account, self.abi.call(function, *arguments))
        except Refused as refused:
            raise self._in_its_words(function, refused) from refused

    def write(self, signer: Signer, function: str, *arguments: Any) -> Inclusion:
        """Call `function` in a tx of its own, and return when a block holds it."""
        for _ in range(_SIGNED_ANEW_MAX):
            try:
                inclusion = signer.send_and_wait(self.sign(signer, function, *arguments))
            except NonceTaken:
                continue  # the anchor worker may write with the same account
            if inclusion.succeeded:
                return inclusion
            raise Invalid(
                f"{self} refused {function} in block {inclusion.block.number}: try again to see why"
            )
        raise ChainUnavailable(f"other txs of account 0x{signer.account.hex()} overtake every {function}")

    def check_deployed(self) -> None:
        """Raises ForkDetected when the chain has no contract here, ChainUnavailable while it is syncing."""
        if self.rpc.call("eth_getCode", f"0x{self.account.hex()}", "latest") not in ("0x", None):
            return
        check_synced(self.rpc)
        raise ForkDetected(
            f"the chain behind {self.rpc.name} holds no {self}. Either this is another chain: use a node of "
            "the right one. Or it was wiped or restored: restore the chain, or begin a new ledger"
        )

    def _in_its_words(self, function: str, refused: Refused) -> Exception:
        if not refused.reverted:
            return refused
        error = self.abi.error(refused.revert_data) if refused.revert_data else None
        return ContractRefused(f"{self} refuses {function}: {self.abi.reason(refused.revert_data)}", error)


def check_synced(rpc: Rpc) -> None:
    """Raises ChainUnavailable while the node is still catching up, when what it lacks proves nothing."""
    if rpc.call("eth_syncing") not in (False, None):
        raise ChainUnavailable(f"chain node {rpc.name} is still catching up with its chain: wait")


def deploy_contract(signer: Signer, name: ContractName, types: list[str], *arguments: Any) -> Contract:
    """Put a new contract on the chain, with constructor arguments of the given Solidity types."""
    tx = signer.sign(None, load_artifact(name).bytecode + encode(types, arguments))
    inclusion = signer.send_and_wait(tx)
    receipt = signer.rpc.as_object(
        "receipt", signer.rpc.call("eth_getTransactionReceipt", f"0x{tx.tx_hash.hex()}")
    )
    if not inclusion.succeeded:
        raise Invalid(f"the deployment of {name} failed in block {inclusion.block.number}")
    account = signer.rpc.as_bytes("contractAddress", receipt.get("contractAddress"))
    return Contract(name, account, signer.rpc)
