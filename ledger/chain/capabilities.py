"""What a chain can do, asked at connect: how txs are paid for, and when a block is final.

Consortium chains run without fees, others with one price or with EIP-1559; some finish a
block at once, some name the newest final block, some only pile blocks on top. An operator
who knows better overrides either answer.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from ledger.chain.rpc import ANSWER_SECONDS, Refused, Rpc
from ledger.domain.errors import Invalid

FeeMode = Literal["zero", "legacy", "1559"]

PRICE_WEI_MAX = 500 * 10**9
CONFIRMATIONS = 12
"""Blocks to wait where the chain neither finishes at once nor says what is final."""

# EIP-650: IBFT and QBFT blocks, which are final at once, carry this mix hash.
_BFT_MIX_HASH = "0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365"


@dataclass(frozen=True, slots=True)
class Finality:
    """When a block can no longer be replaced. `confirmations` counts the block itself."""

    mode: Literal["instant", "tag", "confirmations"]
    confirmations: int = 1

    @staticmethod
    def parse(text: str) -> "Finality":
        """From a setting: `instant`, `tag`, or a number of confirmations."""
        if text == "instant":
            return Finality("instant")
        if text == "tag":
            return Finality("tag")
        if text.isascii() and text.isdigit() and 1 <= int(text[:7]) <= 1_000_000:
            return Finality("confirmations", int(text))
        raise Invalid(
            f"finality is {text[:40]!r}, should be instant, tag or a number of blocks from 1 to 1000000"
        )


def parse_fee_mode(text: str) -> FeeMode:
    """From a setting: `zero`, `legacy` or `1559`."""
    for mode in get_args(FeeMode):
        if text == mode:
            return mode  # type: ignore[no-any-return]
    raise Invalid(f"fee mode is {text[:40]!r}, should be one of {', '.join(get_args(FeeMode))}")


@dataclass(frozen=True, slots=True)
class ChainOptions:
    """What the operator says about the chain. An empty text means: ask the chain."""

    fee_mode: str = ""  # zero, legacy or 1559
    finality: str = ""  # instant, tag, or a number of confirmations
    price_wei_max: int = PRICE_WEI_MAX  # the most that a tx pays per gas
    answer_seconds: float = ANSWER_SECONDS  # longest wait for one answer


ASK_THE_CHAIN = ChainOptions()


@dataclass(frozen=True, slots=True)
class Capabilities:
    client: str  # what the node calls itself
    fee_mode: FeeMode
    finality: Finality


def probe(rpc: Rpc, options: ChainOptions) -> Capabilities:
    """Ask the node what it can do, except for what the options say. Raises Invalid for a wrong option."""
    newest = rpc.as_object("the newest block", rpc.call("eth_getBlockByNumber", "latest", False))
    return Capabilities(
        client=_client(rpc),
        fee_mode=parse_fee_mode(options.fee_mode) if options.fee_mode else _fee_mode(rpc, newest),
        finality=Finality.parse(options.finality) if options.finality else _finality(rpc, newest),
    )


def _client(rpc: Rpc) -> str:
    try:
        return str(rpc.call("web3_clientVersion"))[:200]
    except Refused:
        return "unknown"


def _fee_mode(rpc: Rpc, newest: dict[str, Any]) -> FeeMode:
    if rpc.quantity("eth_gasPrice") == 0:
        return "zero"
    if newest.get("baseFeePerGas") is None:
        return "legacy"
    try:
        rpc.quantity("eth_maxPriorityFeePerGas")
    except Refused:
        return "legacy"
    return "1559"


def _finality(rpc: Rpc, newest: dict[str, Any]) -> Finality:
    if newest.get("mixHash") == _BFT_MIX_HASH:
        return Finality("instant")
    try:
        tagged = rpc.call("eth_getBlockByNumber", "finalized", False)
    except Refused:
        tagged = None
    return Finality("tag") if tagged is not None else Finality("confirmations", CONFIRMATIONS)
