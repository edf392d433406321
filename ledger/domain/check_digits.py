"""Check digits and check character pairs of GS1 keys.

GS1 General Specifications, section 7.9 (digits) and 7.9.5 (pairs for alphanumeric keys).
"""

from functools import lru_cache

from ledger.domain.errors import Invalid

_CSET_82 = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_CSET_32 = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)
_ORD_0 = ord("0")


@lru_cache(maxsize=1024)  # thousands of serials share one GTIN
def check_digit(digits: str) -> int:
    """The digit that completes `digits`: weights 3, 1, 3, 1 ... from the right, modulo 10.

    Raises Invalid when `digits` holds anything but ASCII digits.
    """
    if not (digits.isascii() and digits.isdigit()):
        raise Invalid(f"{digits!r}: a check digit needs digits only")
    codes = digits.encode()
    heavy, light = codes[::-2], codes[-2::-2]
    return -(3 * sum(heavy) + sum(light) - _ORD_0 * (3 * len(heavy) + len(light))) % 10


def check_pair(text: str) -> str:
    """The two characters that complete `text` (1 to 23 characters of the 82-character set), as in a GMN.

    Raises Invalid for any other text.
    """
    if not 1 <= len(text) <= len(_PRIMES) or any(character not in _CSET_82 for character in text):
        raise Invalid(
            f"{text!r}: a check pair needs 1 to {len(_PRIMES)} characters of the GS1 82-character set"
        )
    weighted = zip(reversed(text), _PRIMES, strict=False)
    total = sum(_CSET_82.index(character) * prime for character, prime in weighted) % 1021
    return _CSET_32[total >> 5] + _CSET_32[total & 31]
