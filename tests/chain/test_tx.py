"""Prices, replacements and signatures of txs."""

from eth_account import Account
from eth_keys.backends import get_backend
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain.capabilities import PRICE_WEI_MAX
from ledger.chain.tx import Price, Tx, account_of, capped, replaced
from tests.chain.nodes import WRITER

prices = st.builds(
    lambda highest, tip: Price(highest, min(tip, highest)), st.integers(1, 10**12), st.integers(0, 10**12)
)


def tx(price: Price, fee_mode: str = "1559") -> Tx:
    return Tx(1337, 7, b"\x11" * 20, b"input", 100_000, price, fee_mode, 5)  # type: ignore[arg-type]


def test_signing_uses_coincurve() -> None:
    assert "CoinCurve" in type(get_backend()).__name__


@given(prices, st.sampled_from(["legacy", "1559"]))
def test_a_signed_tx_reads_back_and_is_by_our_account(price: Price, fee_mode: str) -> None:
    unsigned = tx(price if fee_mode == "1559" else Price(price.highest, 0), fee_mode)
    signed = unsigned.signed(WRITER)
    assert Tx.read(signed.raw, 1337) == unsigned
    assert bytes.fromhex(Account.recover_transaction(signed.raw)[2:]) == account_of(WRITER)
    assert (signed.nonce, signed.gas_price_wei) == (7, price.highest)


@given(prices, prices)
def test_a_replacement_is_an_eighth_dearer_in_every_way_and_within_our_limit(
    old: Price, market: Price
) -> None:
    new = replaced(tx(old), market, PRICE_WEI_MAX)
    if new is None:
        assert old.highest * 9 > PRICE_WEI_MAX * 8
        return
    assert new.price.highest * 8 >= old.highest * 9
    assert new.price.tip * 8 >= old.tip * 9
    assert new.price.tip <= new.price.highest <= PRICE_WEI_MAX
    assert new.price.highest >= min(market.highest, PRICE_WEI_MAX)
    assert (new.nonce, new.to, new.input, new.gas_limit) == (7, b"\x11" * 20, b"input", 100_000)


def test_nothing_replaces_a_tx_without_a_fee() -> None:
    assert replaced(tx(Price(0, 0), "zero"), Price(0, 0), PRICE_WEI_MAX) is None


@given(prices, st.integers(1, 10**12))
def test_we_never_offer_more_than_our_limit(market: Price, limit: int) -> None:
    price = capped(market, limit)
    assert price.tip <= price.highest <= limit
