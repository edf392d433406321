"""GS1 Application Identifiers: the form of each value, and which qualifiers refine which key.

Checked are length, character set, check digit and check pair, company prefix, dates, pieces of a total and
leading zeros. Not checked are code lists (countries, currencies, media types), times of day, IBAN, coupons,
and which AIs require or exclude each other outside a key and its qualifiers.

Source: GS1 Barcode Syntax Dictionary, release 2026-01-27, here grouped by form.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Final

from ledger.domain.ai_forms import Form, parse_form
from ledger.domain.errors import Invalid


@dataclass(frozen=True, slots=True)
class ApplicationIdentifier:
    """One row of the table."""

    code: str
    name: str
    form: Form
    is_attribute: bool  # may stand in the query of a Digital Link


@lru_cache(maxsize=1024)  # the same GTINs, lots and dates come again and again; a fault is not remembered
def check_value(code: str, value: str) -> None:
    """Raise Invalid, naming the fault, unless `value` is right for the AI `code`."""
    ai = AIS.get(code)
    if ai is None:
        raise Invalid(f"AI {code!r}: GS1 has none of this number")
    fault = ai.form.fault(value)
    if fault:
        # A value that has a wrong form may hold anything, so it is quoted.
        raise Invalid(f"{ai.name} {value if ai.form.matches(value) else repr(value)}: {fault}")


# "3100-3105" is a range, "310x" stands for 3100 to 3105, a measure with its number of decimals.
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
    "N8,day": "7250",
    "N8,day N4": "7251",
    # Digits
    "N1": "4321-4323 7252",
    "N2": "20 7241",
    "N3": "422 424 426",
    "N3 [N3] [N3] [N3] [N3]": "423 425",
    "N4": "3940-3943 8111",
    "N6": "310x-316x 320x-329x 330x-337x 340x-349x 350x-357x 360x-369x 395x 8005",
    "N6 [X1]": "4330-4333",
    "N13": "7001",
    "N15": "8040 8041",
    "N18 [N..2]": "8043",
    "N10 N10": "4309",
    "N32": "8042",
    "N4 N5 N3 N1 N1": "8001",
    "N..4": "7004",
    "N..6": "242",
    "N..8": "30 37",
    "N..10": "8019",
    "N..15": "3900-3909 3920-3929",
    "N3 N..15": "3910-3919 3930-3939",
    # Text
    "N1 X1 X1 X1": "7040",
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
_NOT_ATTRIBUTES: Final = "03 21 22 235 254 7040 7041 8011 8014 8019 8020 8040-8043 8200"
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


def _codes(text: str) -> Iterator[str]:
    for word in text.split():
        first, _, last = word.replace("x", "").partition("-")
        for number in range(int(first), int(last or first) + 1):
            stem = str(number).zfill(len(first))
            yield from (stem + decimals for decimals in "012345") if "x" in word else (stem,)


def _rows() -> Iterator[ApplicationIdentifier]:
    not_attributes = set(_codes(_NOT_ATTRIBUTES))
    for form, codes in _FORMS.items():
        parsed = parse_form(form)
        for code in _codes(codes):
            yield ApplicationIdentifier(
                code, _NAMES.get(code, f"AI ({code})"), parsed, code not in not_attributes
            )


def _paths(sequences: tuple[tuple[str, ...], ...]) -> frozenset[tuple[str, ...]]:
    """All the ways to follow a key: any choice from one sequence, in its order."""
    return frozenset(
        path
        for sequence in (*sequences, ())
        for length in range(len(sequence) + 1)
        for path in combinations(sequence, length)
    )


AIS: Final = {ai.code: ai for ai in _rows()}
QUALIFIERS: Final = {
    key: tuple(tuple(sequence.split()) for sequence in sequences) for key, sequences in _QUALIFIERS.items()
}
"""Key -> its alternative sequences of qualifiers, each in the order they must stand."""

QUALIFIER_PATHS: Final = {key: _paths(sequences) for key, sequences in QUALIFIERS.items()} | {
    # A payment slip is named by both, the GLN that is paid and the reference.
    "415": frozenset({("8020",)})
}
"""Key -> all the tuples of qualifiers that may follow it."""
