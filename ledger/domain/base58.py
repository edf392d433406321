"""Base58: bytes as letters and digits that are not mistaken for each other. Two alphabets are in use.

The alphabets have the same characters in another order, so a text is right in both and says different bytes:
always say which one is meant.
"""

from typing import Final

from ledger.domain.errors import Invalid

BITCOIN: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BID: Final = "123456789AbCDEFGHJKLMNPQRSTuVWXYZaBcdefghijkmnopqrstUvwxyz"
"""Of did:bid: B and b, U and u have changed places."""


def encode(raw: bytes, alphabet: str = BITCOIN) -> str:
    number, digits = int.from_bytes(raw), ""
    while number:
        number, digit = divmod(number, 58)
        digits = alphabet[digit] + digits
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return alphabet[0] * zeros + digits


def decode(text: str, alphabet: str = BITCOIN) -> bytes:
    """The bytes that `text` says. The cost grows with the square of its length: limit that before.

    Raises Invalid naming the first character that is not of the alphabet.
    """
    number = 0
    for character in text:
        digit = alphabet.find(character)
        if digit < 0:
            raise Invalid(
                f"{text[:80]!r}: {character!r} is no character of base58, which has no 0, O, I and l"
            )
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip(alphabet[0]))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)
