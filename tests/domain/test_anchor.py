"""Keccak-256 and the anchor hash, against independent implementations."""

from eth_abi.abi import encode
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.anchor import Anchor
from ledger.domain.keccak import keccak256


@given(st.binary(max_size=600))
def test_keccak_is_ethereums(message: bytes) -> None:
    assert keccak256(message) == keccak(message)


def test_keccak_around_the_block_length() -> None:
    for length in (0, 1, 134, 135, 136, 137, 271, 272, 273):
        assert keccak256(b"x" * length) == keccak(b"x" * length)


@given(st.binary(min_size=32, max_size=32), st.integers(1, 2**32 - 1), st.integers(0, 2**63))
def test_the_anchor_hash_is_the_contracts_abi_encoding(word: bytes, number: int, size: int) -> None:
    anchor = Anchor(1337, word[:20], word, number, word[::-1], size, word, bytes(32))
    types = ["uint256", "address", "bytes32", "uint256", "bytes32", "uint256", "bytes32", "bytes32"]
    values = [1337, "0x" + word[:20].hex(), word, number, word[::-1], size, word, bytes(32)]
    assert anchor.hash == keccak(encode(types, values))
