"""GS1 Application Identifiers: the form of each value, and which qualifiers refine which key.

Written from the GS1 Barcode Syntax Dictionary, release 2026-01-27, and grouped here by form. Checked are
length, character set, check digit and check pair, company prefix, dates, pieces of a total and leading zeros.
Not checked are code lists (countries, currencies, media types), times of day, IBAN, coupons and which AIs
require or exclude each other outside a key and its qualifiers.

A form is a row of components. N: digits, X: the 82-character set, Y: the 39-character set, Z: base64url; N6
has six characters, N..6 one to six, and [N6] may be missing. After the comma stand the checks of that
component.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from ledger.domain.check_digits import check_digit, check_pair
from ledger.domain.errors import Invalid

_FORMS: Final = {
    # Keys and what is built from them
    "N18,digit": "00 8017 8018",
    "N14,digit": "01 02 03",
    "N13,digit": "410-417",
    "N17,digit": "402",
    "N13,digit [X..17]": "253",
    "N13,digit [N..12]": "255",
    "N1,zero N13,digit [X..16]": "8003",
    "N14,digit N4,pieces": "8006 8026",
    "X..30,prefix": "401 7023 8004",
    "Y..30,prefix": "8010",
    "X..25,pair,prefix": "8013",
    "X..25,pair,prefix,nondigit": "8014",
    "N..12,number": "8011",
    # Dates and times
    "N6,day0": "11-13 15-17",
    "N6,day": "4326 7006",
    "N6,day [N6],day": "7007",
    "N6,day N4": "7003",
    "N6,day [N4]": "7011",
    "N6,day N2 [N2] [N2]": "8008",
    "N6,day0 N4": "4324 4325",
    "N8,fullday": "7250",
    "N8,fullday N4": "7251",
    # Digits
    "N1": "4321-4323 7252",
    "N2": "20 7241",
    "N3": "422 424 426",
    "N3 [N3] [N3] [N3] [N3]": "423 425",
    "N4": "3940-3943 8111",
    "N6": "3100-3105 3110-3115 3120-3125 3130-3135 3140-3145 3150-3155 3160-3165 3200-3205 3210-3215 3220-3225"
    " 3230-3235 3240-3245 3250-3255 3260-3265 3270-3275 3280-3285 3290-3295 3300-3305 3310-3315 3320-3325"
    " 3330-3335 3340-3345 3350-3355 3360-3365 3370-3375 3400-3405 3410-3415 3420-3425 3430-3435 3440-3445"
    " 3450-3455 3460-3465 3470-3475 3480-3485 3490-3495 3500-3505 3510-3515 3520-3525 3530-3535 3540-3545"
    " 3550-3555 3560-3565 3570-3575 3600-3605 3610-3615 3620-3625 3630-3635 3640-3645 3650-3655 3660-3665"
    " 3670-3675 3680-3685 3690-3695 3950-3955 8005",
    "N6 [X1]": "4330-4333",
    "N13": "7001",
    "N15": "8040 8041",
    "N18 [N..2]": "8043",
    "N20": "4309",
    "N32": "8042",
    "N14": "8001",
    "N..4": "7004",
    "N..6": "242",
    "N..8": "30 37",
    "N..10": "8019",
    "N..15": "3900-3909 3920-3929",
    "N3 N..15": "3910-3919 3930-3939",
    # Text
    "N1 X3": "7040",
    "N3 X..9": "421",
    "N3 X..27": "7030-7039",
    "X2": "4307 4317",
    "X2 X..28": "7230-7239",
    "X3": "7258",
    "X..2": "7010",
    "X..3": "427 7008",
    "X..4": "7041",
    "X..10": "7009 7255",
    "X..12": "7005",
    "X..20": "10 21 22 243 254 420 4318 7020-7022 710-717 7240 8002 8012",
    "X..25": "7242 8020",
    "X..28": "235",
    "X..30": "240 241 250 251 400 403 4308 4319 7002 90",
    "X..34": "8007",
    "X..35": "4300 4301 4310 4311 4320",
    "X..40": "7253 7254 7259",
    "X..50": "8009",
    "X..70": "4302-4306 4312-4316 7257 8110 8112 8200",
    "X..90": "7256 91-99",
    "Z..90": "8030",
}
_NOT_ATTRIBUTES: Final = "03 21 22 235 254 7040 8011 8014 8019 8020 8040-8043 8200"
_QUALIFIERS: Final = {
    "00": (),
    "01": ("22 10 21", "235"),
    "253": (),
    "255": (),
    "401": (),
    "402": (),
    "414": ("254", "7040"),
    "415": ("8020",),
    "417": ("7040",),
    "8003": (),
    "8004": ("7040",),
    "8006": ("22 10 21",),
    "8010": ("8011",),
    "8013": (),
    "8017": ("8019",),
    "8018": ("8019",),
}
_NAMES: Final = {
    "00": "SSCC",
    "01": "GTIN",
    "10": "lot",
    "21": "serial",
    "22": "consumer product variant",
    "235": "third-party serial",
    "253": "GDTI",
    "254": "GLN extension",
    "255": "GCN",
    "401": "GINC",
    "402": "GSIN",
    "414": "GLN",
    "415": "pay-to GLN",
    "417": "party GLN",
    "8003": "GRAI",
    "8004": "GIAI",
    "8006": "ITIP",
    "8010": "CPI",
    "8011": "CPI serial",
    "8013": "GMN",
    "8017": "GSRN (provider)",
    "8018": "GSRN (recipient)",
    "8019": "service relation instance",
    "8020": "payment reference",
}

_CHARACTERS: Final = {
    "N": "[0-9]",
    "X": r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]""",
    "Y": "[#\\-/0-9A-Z]",
    "Z": "[\\-0-9A-Z_a-z]",
}

Check = Callable[[str], str]
"""A component's text -> what is wrong with it, "" when nothing is."""


def _check_digit(text: str) -> str:
    expected = check_digit(text[:-1])
    return "" if expected == int(text[-1]) else f"check digit is {text[-1]}, should be {expected}"


def _check_pair(text: str) -> str:
    if len(text) < 3:
        return "is too short to end in a check pair"
    expected = check_pair(text[:-2])
    return "" if text.endswith(expected) else f"check pair is {text[-2:]}, should be {expected}"


def _check_prefix(text: str) -> str:
    return (
        ""
        if text[:4].isdigit() and len(text) >= 4
        else "must begin with a company prefix of at least 4 digits"
    )


def _check_nondigit(text: str) -> str:
    return "must hold a character that is not a digit" if text.isdigit() else ""


def _check_zero(text: str) -> str:
    return "" if text == "0" else f"begins with {text}, should begin with 0"


def _check_pieces(text: str) -> str:
    piece, total = text[:2], text[2:]
    return (
        ""
        if "00" < piece <= total
        else f"piece {piece} of {total} cannot be, count pieces from 01 to the total"
    )


def _check_number(text: str) -> str:
    return "has a leading zero, remove it" if text.startswith("0") and text != "0" else ""


def _check_date(text: str) -> str:
    # Two-digit years are within a century of 2000, which for leap years comes to the same thing.
    year, month, day = (
        int("20" + text[-6:-4]) if len(text) == 6 else int(text[:4]),
        int(text[-4:-2]),
        int(text[-2:]),
    )
    if not 1 <= month <= 12:
        return f"month is {text[-4:-2]}, should be 01 to 12"
    days = monthrange(max(year, 1), month)[1]
    return "" if 1 <= day <= days else f"day is {text[-2:]}, should be 01 to {days}"


def _check_date_or_month(text: str) -> str:
    return _check_date(text[:-2] + "01" if text.endswith("00") else text)


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
    "fullday": _check_date,
}


@dataclass(frozen=True, slots=True)
class ApplicationIdentifier:
    """One row of the table: how to read and judge the value of this AI."""

    code: str
    form: str
    has_form: Callable[[str], re.Match[str] | None]
    checks: tuple[tuple[int, int, Check], ...]
    is_attribute: bool  # may stand in the query of a Digital Link

    @property
    def name(self) -> str:
        return _NAMES.get(self.code, f"AI ({self.code})")


def check_value(code: str, value: str) -> None:
    """Raise Invalid, naming the fault, unless `value` is right for the AI `code`."""
    ai = AIS.get(code)
    if ai is None:
        raise Invalid(f"({code}){value}: there is no AI {code}")
    if not ai.has_form(value):
        raise Invalid(f"{ai.name} {value!r}: should have the form {_describe(ai.form)}")
    for start, end, check in ai.checks:
        fault = check(value[start:end])
        if fault:
            raise Invalid(f"{ai.name} {value}: {fault}")


def _components(form: str) -> Iterator[tuple[str, str, int, int, list[str]]]:
    """Per component: brackets or "", type, shortest and longest length, names of its checks."""
    for word in form.split():
        kind, *checks = word.split(",")
        bracket, letters = ("?", kind.strip("[]")) if kind.startswith("[") else ("", kind)
        length = letters[1:]
        longest = int(length.strip("."))
        yield bracket, letters[0], 1 if length.startswith("..") else longest, longest, checks


def _describe(form: str) -> str:
    words = {
        "N": "digits",
        "X": "GS1 characters",
        "Y": "capitals, digits or #-/",
        "Z": "base64url characters",
    }
    parts = [
        f"{'optionally ' if bracket else ''}{low if low == high else f'{low} to {high}'} {words[kind]}"
        for bracket, kind, low, high, _ in _components(form)
    ]
    return " then ".join(parts)


def _pattern(form: str) -> str:
    return "".join(
        f"(?:{_CHARACTERS[kind]}{{{low},{high}}}){bracket}"
        for bracket, kind, low, high, _ in _components(form)
    )


def _placed_checks(form: str) -> Iterator[tuple[int, int, Check]]:
    start = 0
    for _, _, _, longest, checks in _components(form):
        for name in checks:
            yield start, start + longest, _CHECKS[name]
        start += longest


def _codes(text: str) -> Iterator[str]:
    for word in text.split():
        first, _, last = word.partition("-")
        for number in range(int(first), int(last or first) + 1):
            yield str(number).zfill(len(first))


def _rows() -> Iterator[ApplicationIdentifier]:
    not_attributes = set(_codes(_NOT_ATTRIBUTES))
    for form, codes in _FORMS.items():
        has_form, checks = re.compile(_pattern(form)).fullmatch, tuple(_placed_checks(form))
        for code in _codes(codes):
            yield ApplicationIdentifier(code, form, has_form, checks, code not in not_attributes)


def _paths(sequences: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    """All the ways to follow a key: any choice from one sequence, in its order."""
    return frozenset(
        path
        for sequence in ((), *(tuple(codes.split()) for codes in sequences))
        for length in range(len(sequence) + 1)
        for path in combinations(sequence, length)
    )


AIS: Final = {ai.code: ai for ai in _rows()}
QUALIFIERS: Final = {
    key: tuple(tuple(codes.split()) for codes in sequences) for key, sequences in _QUALIFIERS.items()
}
"""Key -> its alternative sequences of qualifiers, each in the order they must stand."""

# A payment slip is named by both: the GLN that is paid and the reference.
QUALIFIER_PATHS: Final = {key: _paths(sequences) for key, sequences in _QUALIFIERS.items()} | {
    "415": frozenset({("8020",)})
}
"""Key -> all the tuples of qualifiers that may follow it."""
