"""An account that pays, signs and sends on one chain."""

import math
import time
from dataclasses import dataclass, field

from ledger.chain.capabilities import ASK_THE_CHAIN, PRICE_WEI_MAX, Capabilities, ChainOptions, probe
from ledger.chain.rpc import Refused, Rpc
from ledger.chain.tx import (
    Tx,
    account_of,
    capped,
    estimate_gas,
    market_price,
    next_nonce,
    replaced,
)
from ledger.domain.errors import ChainUnavailable, Invalid
from ledger.ports import Block, Inclusion, SignedTx

WAIT_SECONDS = 120.0
_SEND_AGAIN_SECONDS = 5.0  # a node may lose a tx that it took, Ganache does: the same bytes bring it back
_LOOK_AGAIN_SECONDS = 0.05
_RECEIPT_SECONDS = 2.0  # a node may count a mined tx before it shows its receipt, anvil does

# What nodes say about bytes that they hold, or about a nonce that is used up. Whether our tx is
# the one that used it is for `inclusion` to say.
_HELD_ALREADY = (
    "already known",
    "known transaction",
    "already imported",
    "already in mempool",
    "nonce too low",
    "correct nonce",  # Ganache: the tx doesn't have the correct nonce
    "mining has already started",  # Ganache: it takes the tx into a block this very moment
)


class NonceTaken(ChainUnavailable):
    """Another tx of the account was mined under the tx's nonce: sign it anew."""


@dataclass(frozen=True, slots=True)
class Signer:
    """One account on one chain. `price_wei_max` is the most that it pays per gas."""

    rpc: Rpc
    chain_id: int
    capabilities: Capabilities
    key: bytes = field(repr=False)
    price_wei_max: int = PRICE_WEI_MAX

    @property
    def account(self) -> bytes:
        return account_of(self.key)

    def next_nonce(self) -> int:
        """The nonce of the account's next tx: the number of those that are mined."""
        return next_nonce(self.rpc, self.account)

    def sign(self, to: bytes | None, data: bytes) -> SignedTx:
        """A tx with the account's next nonce at the market's price. Raises Refused when it would revert."""
        mode = self.capabilities.fee_mode
        gas_limit = estimate_gas(self.rpc, self.account, to, data)
        price = capped(market_price(self.rpc, mode), self.price_wei_max)
        return Tx(self.chain_id, self.next_nonce(), to, data, gas_limit, price, mode).signed(self.key)

    def pay(self, to: bytes, value_wei: int) -> Inclusion:
        """Give coins to another account, and return when a block holds the tx. Raises NonceTaken."""
        mode = self.capabilities.fee_mode
        gas_limit = estimate_gas(self.rpc, self.account, to, b"")
        price = capped(market_price(self.rpc, mode), self.price_wei_max)
        tx = Tx(self.chain_id, self.next_nonce(), to, b"", gas_limit, price, mode, value_wei)
        return self.send_and_wait(tx.signed(self.key))

    def replace(self, tx: SignedTx) -> SignedTx:
        """The same tx at least 12.5 % dearer; `tx` itself when we pay no more, or the chain has no fees."""
        market = market_price(self.rpc, self.capabilities.fee_mode)
        dearer = replaced(Tx.read(tx.raw, self.chain_id), market, self.price_wei_max)
        return dearer.signed(self.key) if dearer else tx

    def send(self, tx: SignedTx) -> None:
        """Hand over the raw bytes; a node that has them already is no error."""
        try:
            self.rpc.call("eth_sendRawTransaction", f"0x{tx.raw.hex()}")
        except Refused as refused:
            said = refused.reason.lower()
            if not any(words in said for words in _HELD_ALREADY):
                raise

    def inclusion(self, tx_hash: bytes) -> Inclusion | None:
        """Where the tx was mined; None while it is not."""
        receipt = self.rpc.call("eth_getTransactionReceipt", f"0x{tx_hash.hex()}")
        if receipt is None or self.rpc.as_object("receipt", receipt).get("blockHash") is None:
            return None
        block = Block(
            self.rpc.as_int("blockNumber", receipt.get("blockNumber")),
            self.rpc.as_bytes("blockHash", receipt.get("blockHash")),
        )
        return Inclusion(block, self.rpc.as_int("status", receipt.get("status")) == 1)

    def send_and_wait(self, tx: SignedTx, wait_seconds: float = WAIT_SECONDS) -> Inclusion:
        """Send, and return when a block holds the tx.

        Raises NonceTaken when that cannot happen any more, ChainUnavailable after `wait_seconds`.
        """
        deadline = time.monotonic() + wait_seconds
        send_again, taken_at = 0.0, math.inf
        while time.monotonic() < deadline:
            if time.monotonic() >= send_again:
                self.send(tx)
                send_again = time.monotonic() + _SEND_AGAIN_SECONDS
            next_nonce = self.next_nonce()  # before we look for the tx: see NonceTaken
            inclusion = self.inclusion(tx.tx_hash)
            if inclusion is not None:
                return inclusion
            if next_nonce > tx.nonce:
                taken_at = min(taken_at, time.monotonic())
            if time.monotonic() >= taken_at + _RECEIPT_SECONDS:
                raise NonceTaken(
                    f"another tx of account 0x{self.account.hex()} has nonce {tx.nonce}: try again"
                )
            time.sleep(_LOOK_AGAIN_SECONDS)
        raise ChainUnavailable(
            f"tx 0x{tx.tx_hash.hex()} is sent but was not mined within {wait_seconds:.0f} s: look again later"
        )


def connect_signer(
    rpc_url: str, key: bytes, chain_id: int | None = None, options: ChainOptions = ASK_THE_CHAIN
) -> Signer:
    """An account on the chain behind `rpc_url`, which must be chain `chain_id` when that is given."""
    rpc = Rpc(rpc_url, options.answer_seconds)
    found = rpc.quantity("eth_chainId")
    if chain_id is not None and found != chain_id:
        raise Invalid(
            f"{rpc.name} serves chain {found}, but this ledger is on chain {chain_id}: "
            f"give SUYUAN_RPC_URL a node of chain {chain_id}"
        )
    return Signer(rpc, found, probe(rpc, options), key, options.price_wei_max)
