"""The forms of GS1 element values: a small notation, and the checks it can ask for.

A form is a row of components: N digits, X the 82-character set, Y the 39-character set, Z base64url. N6 has
six characters, N..6 one to six, and [N6] may be missing; only the last component may vary in length. After
the comma stand the checks of the component, as in "N1,zero N13,digit [X..16]" for a GRAI.

Source: GS1 Barcode Syntax Dictionary, release 2026-01-27, whose notation this follows.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from ledger.domain.check_digits import check_digit, check_pair

Check = Callable[[str], str]
"""The text of a component -> what is wrong with it, "" when nothing is."""


@dataclass(frozen=True, slots=True)
class Form:
    """How the values of an AI are made."""

    description: str
    matches: Callable[[str], re.Match[str] | None]  # length and characters are right
    checks: tuple[tuple[int, int, Check], ...]  # start, end, check
    components: tuple["Component", ...]

    def fault(self, value: str) -> str:
        """What is wrong with `value`, "" when nothing is."""
        if not self.matches(value):
            return f"should be {self.description}"
        for start, end, check in self.checks:
            fault = check(value[start:end])
            if fault:
                return fault
        return ""


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a value."""

    kind: str  # N, X, Y or Z
    shortest: int
    longest: int
    is_optional: bool
    checks: tuple[str, ...]

    @property
    def pattern(self) -> str:
        characters = f"(?:{_PATTERNS[self.kind]}{{{self.shortest},{self.longest}}})"
        return f"{characters}?" if self.is_optional else characters

    @property
    def description(self) -> str:
        length = self.longest if self.shortest == self.longest else f"{self.shortest} to {self.longest}"
        return f"{'optionally ' if self.is_optional else ''}{length} {_WORDS[self.kind]}"


def parse_form(text: str) -> Form:
    """The form that `text` writes in the notation above."""
    components = [_parse_component(word) for word in text.split()]
    description = " then ".join(component.description for component in components)
    pattern = "".join(component.pattern for component in components)
    matches = re.compile(pattern).fullmatch
    return Form(description, matches, tuple(_place_checks(components)), tuple(components))


def _parse_component(word: str) -> Component:
    body, *checks = word.split(",")
    kind, length = body.strip("[]")[0], body.strip("[]")[1:]
    longest = int(length.removeprefix(".."))
    shortest = 1 if length.startswith("..") else longest
    return Component(kind, shortest, longest, body.startswith("["), tuple(checks))


def _place_checks(components: list[Component]) -> Iterator[tuple[int, int, Check]]:
    start = 0
    for component in components:
        end = start + component.longest
        for name in component.checks:
            yield start, end, _CHECKS[name]
        start = end


def _check_digit(text: str) -> str:
    expected = check_digit(text[:-1])
    return "" if int(text[-1]) == expected else f"check digit is {text[-1]}, should be {expected}"


def _check_pair(text: str) -> str:
    if len(text) < 3:
        return "is too short to end in a check pair"
    expected = check_pair(text[:-2])
    return "" if text[-2:] == expected else f"check pair is {text[-2:]}, should be {expected}"


def _check_prefix(text: str) -> str:
    begins_well = len(text) >= 4 and text[:4].isdigit()
    return "" if begins_well else "should begin with a company prefix, which has at least 4 digits"


def _check_nondigit(text: str) -> str:
    return "should hold a character that is not a digit" if text.isdigit() else ""


def _check_zero(text: str) -> str:
    return "" if text == "0" else f"begins with {text}, should begin with 0"


def _check_pieces(text: str) -> str:
    piece, total = text[:2], text[2:]
    return "" if "00" < piece <= total else f"piece is {piece} of {total}, should be from 01 to the total"


def _check_number(text: str) -> str:
    return "has a leading zero, should have none" if text.startswith("0") and text != "0" else ""


def _check_date(text: str) -> str:
    # YYMMDD or YYYYMMDD; a year of two digits is a leap year when 20YY is one.
    year, month, day = int(text[:-4]), int(text[-4:-2]), int(text[-2:])
    if not 1 <= month <= 12:
        return f"month is {text[-4:-2]}, should be 01 to 12"
    days = monthrange(year, month)[1]
    return "" if 1 <= day <= days else f"day is {text[-2:]}, should be 01 to {days}"


def _check_date_or_month(text: str) -> str:
    return _check_date(f"{text[:-2]}01" if text.endswith("00") else text)


_PATTERNS: Final = {
    "N": "[0-9]",
    "X": r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]""",
    "Y": r"[#\-/0-9A-Z]",
    "Z": r"[\-0-9A-Z_a-z]",
}
_WORDS: Final = {
    "N": "digits",
    "X": "characters of the GS1 82-character set",
    "Y": "capitals, digits or #-/",
    "Z": "base64url characters",
}
_CHECKS: Final[dict[str, Check]] = {
    "digit": _check_digit,
    "pair": _check_pair,
    "prefix": _check_prefix,
    "nondigit": _check_nondigit,
    "zero": _check_zero,
    "pieces": _check_pieces,
    "number": _check_number,
    "day": _check_date,
    "day0": _check_date_or_month,
}
