"""How txs are paid for and when blocks are final, on chains of several kinds."""

from typing import Any

import pytest

from ledger.chain.capabilities import CONFIRMATIONS, ChainOptions, Finality, probe
from ledger.chain.rpc import Rpc
from ledger.domain.errors import Invalid
from tests.chain.canned import node, serve
from tests.chain.nodes import Anvil

BLOCK = {"number": "0x5", "hash": f"0x{'11' * 32}", "mixHash": f"0x{'00' * 32}"}

BESU_QBFT = {
    "web3_clientVersion": "besu/v25.1.0",
    "eth_gasPrice": "0x0",
    "eth_getBlockByNumber": {
        **BLOCK,
        "baseFeePerGas": "0x0",
        "mixHash": "0x63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365",
        "extraData": f"0x{'22' * 120}",  # far more than the 32 bytes that Ethereum allows
    },
}
CLIQUE = {"eth_gasPrice": "0x3b9aca00", "eth_getBlockByNumber": {**BLOCK, "extraData": f"0x{'22' * 97}"}}
NO_TIPS = {"eth_gasPrice": "0x1", "eth_getBlockByNumber": {**BLOCK, "baseFeePerGas": "0x7"}}
MAINNET_LIKE = {**NO_TIPS, "eth_maxPriorityFeePerGas": "0x1"}


@pytest.mark.parametrize(
    ("results", "fee_mode", "finality"),
    [
        (BESU_QBFT, "zero", Finality("instant")),
        (CLIQUE, "legacy", Finality("tag")),
        (NO_TIPS, "legacy", Finality("tag")),
        (MAINNET_LIKE, "1559", Finality("tag")),
    ],
    ids=["Besu QBFT without fees", "proof of authority", "base fee but no tips", "EIP-1559"],
)
def test_a_chain_tells_what_it_can_do(results: dict[str, Any], fee_mode: str, finality: Finality) -> None:
    with serve(node(results)) as url:
        found = probe(Rpc(url), ChainOptions())
    assert (found.fee_mode, found.finality) == (fee_mode, finality)
    assert found.client == results.get("web3_clientVersion", "unknown")


def test_anvil_pays_tips_and_names_its_final_block(anvil: Anvil) -> None:
    found = probe(anvil.rpc, ChainOptions())
    assert (found.fee_mode, found.finality) == ("1559", Finality("tag"))
    assert found.client.startswith("anvil")


def test_a_chain_without_a_final_tag_needs_confirmations() -> None:
    def answer(method: str) -> tuple[int, bytes]:
        asked.append(method)
        known = CLIQUE if asked.count("eth_getBlockByNumber") < 2 else {}
        return node(known)(method)

    asked: list[str] = []
    with serve(answer) as url:
        assert probe(Rpc(url), ChainOptions()).finality == Finality("confirmations", CONFIRMATIONS)


def test_the_operator_knows_better(anvil: Anvil) -> None:
    found = probe(anvil.rpc, ChainOptions(fee_mode="legacy", finality="7"))
    assert (found.fee_mode, found.finality) == ("legacy", Finality("confirmations", 7))


@pytest.mark.parametrize("options", [ChainOptions(fee_mode="eip"), ChainOptions(finality="soon")])
def test_a_wrong_option_is_invalid(anvil: Anvil, options: ChainOptions) -> None:
    with pytest.raises(Invalid, match="should be"):
        probe(anvil.rpc, options)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "²", "latest", "1" * 30])
def test_what_is_no_finality_is_invalid(text: str) -> None:
    with pytest.raises(Invalid, match="instant, tag or a number"):
        Finality.parse(text)
