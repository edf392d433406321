"""What a scanner sent, whichever symbol it read and however it is set up.

Understood are GS1 element strings (with FNC1 or in brackets), Digital Links, EPC URNs, bare GTINs and SSCCs,
and what `identifiers` reads of every other scheme, each with or without the symbology identifier (`]C1`,
`]d2`, `]Q3`) that a scanner can put in front.

Source: ISO/IEC 15424 (symbology identifiers); GS1 General Specifications, 5.1.3 and 7.8.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ledger.domain.ai_table import QUALIFIER_PATHS, QUALIFIERS, check_value
from ledger.domain.digital_link import Element, link_elements, parse_digital_link, parse_element_string
from ledger.domain.errors import Invalid
from ledger.domain.fnc1 import GS, show_controls, split_elements
from ledger.domain.identifiers import Identifier, find_identifier, identifier_of, scheme_of

SCAN_LENGTH_MAX: Final = 4096  # the most that any of these symbols holds is 7,089 digits; nobody prints that


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan that was understood."""

    carrier: str
    """The symbol it came from, e.g. "GS1-128"; "" when the scanner did not say."""
    syntax: str
    """How it was written, e.g. "GS1 element string", "GTIN-13"."""
    text: str
    """What the symbol held, without what the scanner put around it."""
    elements: tuple[Element, ...] = ()
    """The GS1 elements, checked, in the order they were read; none for other schemes."""
    identifier: Identifier | None = None
    """What the scan names; None when it holds no key, as the second barcode of a case, (10)(17)."""


def normalise_scan(text: str) -> Scan:
    """What `text`, as a scanner or a person entered it, says.

    Raises Invalid naming what was seen when it is not understood, and what is wrong when it claims to be a
    GS1 identifier: a wrong check digit, a 13th month.
    """
    body = text.strip(" \t\r\n")  # not GS, which str.strip() counts as a space
    if len(body) > SCAN_LENGTH_MAX:
        raise Invalid(f"a scan of {len(body)} characters: at most {SCAN_LENGTH_MAX} are read")
    carrier, body, is_gs1 = _split_symbology(body)
    if not body.strip(GS):
        raise Invalid(f"an empty scan{f' of a {carrier}' if carrier else ''}: scan again")
    if is_gs1 or GS in body:
        return _from_elements(carrier, "GS1 element string", body, split_elements(body))
    return _read(carrier, body)


_Symbology = tuple[str, bool]  # name, and whether its content is GS1 elements
_SYMBOLOGIES: Final[dict[str, _Symbology]] = {
    "C0": ("Code 128", False),
    "C1": ("GS1-128", True),
    "C2": ("Code 128", False),
    "d1": ("DataMatrix", False),
    "d2": ("GS1 DataMatrix", True),
    "d4": ("DataMatrix", False),
    "d5": ("GS1 DataMatrix", True),
    "Q0": ("QR code", False),
    "Q1": ("QR code", False),
    "Q2": ("QR code", False),
    "Q3": ("GS1 QR code", True),
    "Q4": ("GS1 QR code", True),
    "e0": ("GS1 DataBar", True),
    "e1": ("GS1 Composite", True),
    "e2": ("GS1 Composite", True),
    "E0": ("EAN/UPC", False),
    "E3": ("EAN/UPC", False),
    "E4": ("EAN-8", False),
    "I0": ("ITF", False),
    "I1": ("ITF-14", False),
    "J0": ("DotCode", False),
    "J1": ("GS1 DotCode", True),
}
_symbology: Final = re.compile(r"\]([A-Za-z][0-9A-Za-z])").match
_GTIN_LENGTHS: Final = (8, 12, 13, 14)


def _split_symbology(text: str) -> tuple[str, str, bool]:
    match = _symbology(text)
    if match is None:
        return "", text, False
    if match[1] not in _SYMBOLOGIES:
        raise Invalid(
            f"{text[:40]!r}: the scanner says ]{match[1]}, a symbol that labels of goods do not use"
        )
    name, is_gs1 = _SYMBOLOGIES[match[1]]
    return name, text[3:], is_gs1


def _read(carrier: str, text: str) -> Scan:
    if text.startswith("("):
        elements = parse_element_string(text)
        _check(elements)
        return _from_elements(carrier, "GS1 element string in brackets", text, elements)
    if text.isascii() and text.isdigit():
        return _read_digits(carrier, text)
    identifier = find_identifier(text)
    return _read_without_fnc1(carrier, text) if identifier is None else _name(carrier, text, identifier)


def _name(carrier: str, text: str, identifier: Identifier) -> Scan:
    if identifier.kind == "uri":
        scheme = scheme_of(identifier.uri).name
        syntax = f"{text.partition(':')[0].lower()} URI" if scheme == "uri" else scheme
        return Scan(carrier, syntax, text, identifier=identifier)
    if text[:4].lower() == "http":
        return Scan(carrier, "GS1 Digital Link", text, parse_digital_link(text).elements, identifier)
    return Scan(carrier, "EPC URN", text, identifier.elements, identifier)


def _read_digits(carrier: str, text: str) -> Scan:
    if len(text) in _GTIN_LENGTHS:
        return _from_key(carrier, f"GTIN-{len(text)}", "01", text.zfill(14))
    if len(text) == 18:
        return _from_key(carrier, "SSCC", "00", text)
    return _read_without_fnc1(carrier, text)


def _read_without_fnc1(carrier: str, text: str) -> Scan:
    # Many a scanner drops the first FNC1 and names no symbology; then only the key at the front tells.
    if re.match("0[0-3][0-9]{14}|8[0-9]{3}", text):
        return _from_elements(carrier, "GS1 element string without FNC1", text, split_elements(text))
    seen = f"{carrier or 'text'} of {len(text)} characters"
    raise Invalid(
        f"{show_controls(text)[:60]!r}: {seen}, not understood; known are GS1 element strings and Digital "
        "Links, EPC URNs, GTINs of 8, 12, 13 or 14 digits, SSCCs of 18, handles like 88.118.1001/abc, OIDs, "
        "DIDs, URIs"
    )


def _from_key(carrier: str, syntax: str, code: str, value: str) -> Scan:
    check_value(code, value)
    return _from_elements(carrier, syntax, value, [Element(code, value)])


def _from_elements(carrier: str, syntax: str, text: str, elements: list[Element]) -> Scan:
    return Scan(carrier, syntax, text, tuple(elements), _identify(elements))


def _identify(elements: Iterable[Element]) -> Identifier | None:
    """The item that the first key and its qualifiers name; attributes say more, but of the same item."""
    values: dict[str, str] = {}
    for code, value in elements:
        if values.setdefault(code, value) != value:
            raise Invalid(
                f"({code}) has two values, {values[code]!r} and {value!r}; scan one label at a time"
            )
    key = next((code for code in values if code in QUALIFIER_PATHS), None)
    if key is None:
        return None
    wanted = {key, *(code for order in QUALIFIERS[key] for code in order)}
    return identifier_of(link_elements(Element(*pair) for pair in values.items() if pair[0] in wanted))


def _check(elements: Iterable[Element]) -> None:
    for code, value in elements:
        check_value(code, value)
