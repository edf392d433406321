"""Txs of one account: priced by the chain's fee mode, signed here, and replaced by dearer ones.

Prices are wei per gas. Signing runs through coincurve, which eth-account picks up when it
is installed.
"""

from dataclasses import dataclass, replace
from typing import Any

import rlp  # type: ignore[import-untyped]
from eth_account import Account

from ledger.chain.capabilities import FeeMode
from ledger.chain.rpc import Rpc
from ledger.domain.errors import Invalid
from ledger.ports import SignedTx

GAS_LIMIT_MAX = 8_000_000
_GAS_MARGIN_PERCENT = 20
_DYNAMIC_FEE = b"\x02"  # type byte, EIP-2718 and EIP-1559


def account_of(key: bytes) -> bytes:
    """The chain account (20 bytes) of a private key."""
    return bytes.fromhex(_signer(key).address[2:])


def _signer(key: bytes) -> Any:
    try:
        return Account.from_key(key)
    except Exception as error:
        raise Invalid("private key of a chain account: not 32 bytes in the range of secp256k1") from error


@dataclass(frozen=True, slots=True)
class Price:
    """What a tx offers per gas. `tip` is 0 where the chain knows no tips."""

    highest: int
    tip: int

    def raised(self) -> "Price":
        """The least that replaces a tx of this price everywhere: 12.5 % more, rounded up."""
        return Price(-(-self.highest * 9 // 8), -(-self.tip * 9 // 8))


@dataclass(frozen=True, slots=True)
class Tx:
    """A tx before it is signed. `to` is None for the deployment of a contract."""

    chain_id: int
    nonce: int
    to: bytes | None
    input: bytes
    gas_limit: int
    price: Price
    fee_mode: FeeMode
    value_wei: int = 0

    def signed(self, key: bytes) -> SignedTx:
        fields: dict[str, Any] = {
            "chainId": self.chain_id,
            "nonce": self.nonce,
            "value": self.value_wei,
            "data": self.input,
            "gas": self.gas_limit,
        }
        if self.to is not None:
            fields["to"] = self.to
        if self.fee_mode == "1559":
            fields |= {"type": 2, "maxFeePerGas": self.price.highest, "maxPriorityFeePerGas": self.price.tip}
        else:
            fields["gasPrice"] = self.price.highest
        signed = _signer(key).sign_transaction(fields)
        return SignedTx(bytes(signed.hash), bytes(signed.raw_transaction), self.nonce, self.price.highest)

    @staticmethod
    def read(raw: bytes, chain_id: int) -> "Tx":
        """The tx that we signed as `raw`."""
        if raw.startswith(_DYNAMIC_FEE):
            _, nonce, tip, highest, gas, to, value, data, *_ = rlp.decode(raw[1:])
            price = Price(int.from_bytes(highest), int.from_bytes(tip))
            mode: FeeMode = "1559"
        else:
            nonce, highest, gas, to, value, data, *_ = rlp.decode(raw)
            price = Price(int.from_bytes(highest), 0)
            mode = "legacy"
        numbers = int.from_bytes(gas), price, mode, int.from_bytes(value)
        return Tx(chain_id, int.from_bytes(nonce), to or None, data, *numbers)


def next_nonce(rpc: Rpc, account: bytes) -> int:
    """The nonce after the account's mined txs. What a node holds as pending is never trusted."""
    return rpc.quantity("eth_getTransactionCount", f"0x{account.hex()}", "latest")


def market_price(rpc: Rpc, mode: FeeMode) -> Price:
    """What the chain asks now."""
    if mode == "zero":
        return Price(0, 0)
    if mode == "legacy":
        return Price(rpc.quantity("eth_gasPrice"), 0)
    tip = rpc.quantity("eth_maxPriorityFeePerGas")
    newest = rpc.as_object("the newest block", rpc.call("eth_getBlockByNumber", "latest", False))
    base_fee = rpc.as_int("baseFeePerGas", newest.get("baseFeePerGas"))
    # Twice the base fee lasts for five full blocks; what is not needed is not paid.
    return Price(2 * base_fee + tip, tip)


def capped(price: Price, price_wei_max: int) -> Price:
    """`price`, or what we pay at most."""
    return Price(min(price.highest, price_wei_max), min(price.tip, price_wei_max))


def replaced(tx: Tx, market: Price, price_wei_max: int) -> Tx | None:
    """`tx` again, dear enough to take its own place; None when that would cost more than we pay."""
    if tx.price.highest == 0:
        return None  # a chain without fees takes txs in the order they come
    least = tx.price.raised()
    highest = max(least.highest, min(market.highest, price_wei_max))
    tip = max(least.tip, min(market.tip, highest))
    return replace(tx, price=Price(highest, tip)) if highest <= price_wei_max else None


def estimate_gas(rpc: Rpc, account: bytes, to: bytes | None, data: bytes) -> int:
    """Gas limit for a tx: the node's estimate and a margin. Raises Refused when the tx would revert."""
    call = {"from": f"0x{account.hex()}", "data": f"0x{data.hex()}"}
    if to is not None:
        call["to"] = f"0x{to.hex()}"
    estimate = rpc.quantity("eth_estimateGas", call)
    limit = estimate * (100 + _GAS_MARGIN_PERCENT) // 100
    if limit > GAS_LIMIT_MAX:
        raise Invalid(f"tx would need {estimate} gas, we send none over {GAS_LIMIT_MAX}")
    return limit
