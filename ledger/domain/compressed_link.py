"""Compressed Digital Links, read and never written: their writers are known to lose digits.

Elements stand as bits, 6 to a character of base64url: the digits of the AI in four bits each, then its value
by the form of the AI. A number takes the bits of the largest with as many digits; a text says in three bits
how its characters are packed. One byte that is no beginning of an AI stands for a sequence of AIs. Bits that
fill up the last character are zero.

Source: GS1 Digital Link, compression 1.0; which AIs a byte stands for as in GS1's toolkit.
"""

import math
import re
from collections.abc import Iterator
from itertools import groupby
from typing import Final
from urllib.parse import quote, unquote

from ledger.domain.ai_forms import Component
from ledger.domain.ai_table import AIS, QUALIFIER_PATHS, check_value
from ledger.domain.digital_link import DigitalLink, Element, build, link_elements
from ledger.domain.errors import Invalid

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_HEX: Final = "0123456789abcdef"
_is_base64url: Final = re.compile(r"[A-Za-z0-9_\-]{4,1000}").fullmatch
_LENGTHS: Final = {code[:2]: len(code) for code in AIS}
"""The first two digits of an AI -> how many it has."""
_SEQUENCES: Final = {
    "0a": "01 22", "0b": "01 10", "0c": "01 21", "0d": "01 17", "0e": "01 7003", "0f": "01 30",
    "1a": "01 10 21 17", "1b": "01 15", "1c": "01 11", "1d": "01 16", "1e": "01 91", "1f": "01 10 15",
    "9a": "8010 8011", "9b": "8017 8019", "9c": "8018 8019", "9d": "414 254",
    **{f"2{letter}": f"01 310{n}" for n, letter in enumerate("abcdef")},
    **{f"3{letter}": f"01 320{n}" for n, letter in enumerate("abcdef")},
    **{f"a{n}": f"01 392{n}" for n in range(10)},
    **{f"c{n}": f"255 390{n}" for n in range(10)},
    **{f"c{letter}": f"255 394{n}" for n, letter in enumerate("abcd")},
}  # fmt: skip
_TOOLKIT_SEQUENCES: Final = {**_SEQUENCES, "1a": "01 10 17 21", "9d": "254 414"}
"""GS1's toolkit sorts a sequence before it writes it, which changes two."""


class NotCompressed(Invalid):
    """The bits spell no elements at all: it is something else."""


def is_compressed(path: str) -> bool:
    """Whether a path could be a Digital Link whose last step is compressed."""
    steps = path.split("/")[1:]
    return (
        len(steps) in (1, 3)
        and bool(_is_base64url(steps[-1]))
        and (len(steps) == 1 or steps[0] in QUALIFIER_PATHS)
    )


def expand_link(path: str) -> tuple[str, str]:
    """The path of the uncompressed Digital Link, and its query: "" where it has none.

    Raises NotCompressed when the bits spell no elements, Invalid for elements that make no Digital Link.
    """
    *key, text = path.split("/")[1:]
    given = [Element(key[0], unquote(key[1]))] if key else []
    elements, parameters = expand(text)
    link = link_elements([*given, *elements])
    _, _, attributes = build(link).partition("?")
    others = [f"{name}={quote(value, safe='')}" for name, value in parameters]
    return build(DigitalLink("", link.key, link.qualifiers)), "&".join(filter(None, [attributes, *others]))


def expand(text: str) -> tuple[list[Element], list[tuple[str, str]]]:
    """The checked elements in a compressed text, and what is no element: names with values.

    Raises NotCompressed when it is none, Invalid when a value is wrong, or when it could be read in two ways.
    """
    if not _is_base64url(text):
        raise NotCompressed(
            f"{text[:40]!r}: not a compressed Digital Link, which has 4 to 1,000 characters of base64url"
        )
    bits = "".join([f"{_ALPHABET.index(character):06b}" for character in text])
    readings: list[list[tuple[str, str]]] = []
    faults: list[Invalid] = []
    for sequences in (_SEQUENCES, _TOOLKIT_SEQUENCES):
        try:
            pairs = list(_read_pairs(_Bits(bits, text), sequences))
        except Invalid as error:
            faults.append(error)
            continue
        if sorted(pairs) not in [sorted(reading) for reading in readings]:
            readings.append(pairs)
    if len(readings) > 1:
        raise Invalid(f"{text[:40]}: can be read as {readings[0]} and as {readings[1]}")
    if not readings:
        raise faults[0]
    pairs = readings[0]
    return [Element(*pair) for pair in pairs if pair[0] in AIS], [
        pair for pair in pairs if pair[0] not in AIS
    ]


class _Bits:
    """Bits that are taken from the left."""

    def __init__(self, bits: str, text: str) -> None:
        self._bits = bits
        self._text = text
        self._position = 0

    def left(self) -> int:
        return len(self._bits) - self._position

    def rest(self) -> str:
        return self._bits[self._position :]

    def number(self, width: int) -> int:
        if self.left() < width:
            raise self.fault("ends in the midst of an element")
        self._position += width
        return int(self._bits[self._position - width : self._position] or "0", 2)

    def fault(self, reason: str) -> NotCompressed:
        return NotCompressed(f"{self._text[:40]}: no compressed Digital Link: {reason}")


def _read_pairs(bits: _Bits, sequences: dict[str, str]) -> Iterator[tuple[str, str]]:
    while bits.left() >= 8:
        start = f"{bits.number(8):02x}"
        if start[0] == "f":
            yield _read_parameter(bits, int(start[1], 16))
            continue
        for code in sequences[start].split() if start in sequences else [_read_code(bits, start)]:
            value = "".join([_read_part(bits, *part) for part in _PARTS[code]])
            check_value(code, value)
            yield code, value
    if "1" in bits.rest() or bits.left() > 5:
        raise bits.fault("bits are left over")


def _read_code(bits: _Bits, start: str) -> str:
    digits = start + "".join([f"{bits.number(4):x}" for _ in range(_LENGTHS.get(start, 2) - 2)])
    if digits not in AIS:
        raise bits.fault(f"{digits} is no AI")
    return digits


def _read_parameter(bits: _Bits, first: int) -> tuple[str, str]:
    """A parameter of the query that is no element."""
    length = first << 3 | bits.number(3)
    name = "".join([_ALPHABET[bits.number(6)] for _ in range(length)])
    if not name or name.isdecimal():
        raise bits.fault(f"{name!r} is no name of a parameter")
    packing = bits.number(3)
    return name, _unpack(bits, packing, bits.number(7))


def _read_part(bits: _Bits, is_number: bool, length: int, is_fixed: bool) -> str:
    if is_number:
        return _read_digits(bits, length if is_fixed else bits.number(length.bit_length()))
    packing = bits.number(3)
    return _unpack(bits, packing, length if is_fixed else bits.number(length.bit_length()))


def _unpack(bits: _Bits, packing: int, length: int) -> str:
    if packing == 0:
        return _read_digits(bits, length)
    if packing in (1, 2):
        text = "".join([_HEX[bits.number(4)] for _ in range(length)])
        return text if packing == 1 else text.upper()
    if packing == 3:
        return "".join([_ALPHABET[bits.number(6)] for _ in range(length)])
    if packing == 4:
        return "".join([chr(bits.number(7)) for _ in range(length)])
    raise bits.fault(f"text is packed in way {packing}, there are 0 to 4")


def _read_digits(bits: _Bits, length: int) -> str:
    # The toolkit's rounding is part of the format: 59 digits take a bit more than they need.
    number = bits.number(math.ceil(length * math.log2(10) + 0.01)) if length else 0
    digits = str(number).zfill(length) if length else ""
    if len(digits) > length:
        raise bits.fault(f"{digits} has more than {length} digits")
    return digits


def _parts(components: tuple[Component, ...]) -> Iterator[tuple[bool, int, bool]]:
    """The components as they are packed: neighbours are one number or one text."""
    for is_number, group in groupby(components, key=lambda component: component.kind == "N"):
        row = list(group)
        fixed = [c.longest for c in row if c.shortest == c.longest and not c.is_optional]
        varying = [c.longest for c in row if c.shortest < c.longest or c.is_optional]
        if is_number:
            yield from (
                (True, sum(lengths), is_fixed)
                for lengths, is_fixed in ((fixed, True), (varying, False))
                if lengths
            )
        else:
            yield False, sum(fixed) + sum(varying), not varying


_PARTS: Final = {code: tuple(_parts(ai.form.components)) for code, ai in AIS.items()}
