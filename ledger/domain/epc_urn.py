"""EPC URNs of GS1 keys: urn:epc:id of things, urn:epc:class:lgtin of lots, urn:epc:idpat of classes.

A URN parts the company prefix from the reference and has no check digit; the key joins them and has one. So a
key comes from its URN alone, but writing the URN needs the length of the prefix, which only a registry knows.

Source: GS1 EPC Tag Data Standard (TDS) 2.0, section 6 and appendix A.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from ledger.domain.ai_table import AIS, check_value
from ledger.domain.check_digits import check_digit
from ledger.domain.digital_link import URI_LENGTH_MAX, Element
from ledger.domain.errors import Invalid

PREFIX_LENGTH_MIN: Final = 6  # digits
PREFIX_LENGTH_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class _Scheme:
    """How URNs of one kind spell the key: {company prefix}.{reference}[.{piece}.{total}][.{serial}]."""

    name: str
    key: str  # its AI
    digits: int  # of company prefix and reference together; 0 when the reference is text
    serial: str  # the qualifier that holds it, "+" the end of the key, "*" a class, "" none
    leads: bool = (
        False  # the reference's first digit leads the key: indicator of a GTIN, extension of an SSCC
    )


_SCHEMES: Final = {
    "sgtin": _Scheme("id:sgtin", "01", 13, "21", leads=True),
    "lgtin": _Scheme("class:lgtin", "01", 13, "10", leads=True),
    "upui": _Scheme("id:upui", "01", 13, "235", leads=True),
    "gtin": _Scheme("idpat:sgtin", "01", 13, "*", leads=True),
    "itip": _Scheme("id:itip", "8006", 13, "21", leads=True),
    "itip-class": _Scheme("idpat:itip", "8006", 13, "*", leads=True),
    "sscc": _Scheme("id:sscc", "00", 17, "", leads=True),
    "sgln": _Scheme("id:sgln", "414", 12, "254"),
    "gln": _Scheme("id:sgln", "414", 12, "254"),
    "pgln": _Scheme("id:pgln", "417", 12, ""),
    "grai": _Scheme("id:grai", "8003", 12, "+"),
    "grai-class": _Scheme("idpat:grai", "8003", 12, "*"),
    "gdti": _Scheme("id:gdti", "253", 12, "+"),
    "gdti-class": _Scheme("idpat:gdti", "253", 12, "*"),
    "gcn": _Scheme("id:sgcn", "255", 12, "+"),
    "gcn-class": _Scheme("idpat:sgcn", "255", 12, "*"),
    "gsrn": _Scheme("id:gsrn", "8018", 17, ""),
    "gsrnp": _Scheme("id:gsrnp", "8017", 17, ""),
    "gsin": _Scheme("id:gsin", "402", 16, ""),
    "giai": _Scheme("id:giai", "8004", 0, ""),
    "ginc": _Scheme("id:ginc", "401", 0, ""),
    "cpi": _Scheme("id:cpi", "8010", 0, "8011"),
    "cpi-class": _Scheme("idpat:cpi", "8010", 0, "*"),
}
# A pattern of UPUIs names the same class as a pattern of SGTINs, which is the one we write.
_READ_ONLY_SCHEMES: Final = (_Scheme("idpat:upui", "01", 13, "*", leads=True),)
# TDS 2.0, section 6.3: the EPC schemes that are not GS1 keys.
_OTHER_SCHEMES: Final = frozenset({"id:gid", "id:usdod", "id:adi", "id:bic", "id:imovn"})

_CHARACTER: Final = r"(?:[!&'()*+,\-./0-9:;=A-Z_a-z]|%[0-9A-Fa-f]{2})"
_PART_CHARACTER: Final = r"(?:[\-/0-9A-Z]|%[0-9A-Fa-f]{2})"  # of a CPI, which has no full stop


def _body(scheme: _Scheme) -> re.Pattern[str]:
    """Groups: company prefix, reference, pieces, serial."""
    company = rf"([0-9]{{{PREFIX_LENGTH_MIN},{PREFIX_LENGTH_MAX}}})\."
    text = f"({_PART_CHARACTER}*)" if scheme.key == "8010" else f"({_CHARACTER}+)"
    reference = "([0-9]*)" if scheme.digits else text
    pieces = r"\.([0-9]{2}\.[0-9]{2})" if scheme.key == "8006" else "()"
    serial = {"": "()", "*": r"\.(\*)"}.get(scheme.serial, rf"\.({_CHARACTER}+)")
    return re.compile(company + reference + pieces + serial)


_BY_NAME: Final = {
    scheme.name: (scheme, _body(scheme).fullmatch) for scheme in (*_SCHEMES.values(), *_READ_ONLY_SCHEMES)
}


def parse_urn(urn: str) -> list[Element] | None:
    """The checked key and qualifier that `urn`, which begins with urn:epc:, spells.

    None for an EPC that is not a GS1 key. Raises Invalid for a wrong URN, and for tags, raw bits and wider
    patterns, which name no one thing or class.
    """
    name = ":".join(urn.split(":", 4)[2:4])
    if name in _OTHER_SCHEMES:
        return None
    if name not in _BY_NAME:
        raise Invalid(
            f"{urn[:80]!r}: {name!r} names no thing, lot or class; write one like urn:epc:id:sgtin:"
        )
    scheme, match_body = _BY_NAME[name]
    match = match_body(urn[len("urn:epc:") + len(name) + 1 :]) if len(urn) <= URI_LENGTH_MAX else None
    if match is None:
        raise Invalid(f"{urn[:80]!r}: should be {_describe(scheme)}")
    company, reference, pieces, serial = match.groups()
    if scheme.serial == "+":
        key = _join_key(scheme, company, reference) + unquote(serial)
        check_value(scheme.key, key)
        return [Element(scheme.key, key)]
    path = [_read_key(name, company, reference, pieces)]
    if scheme.serial not in ("", "*"):
        path.append(Element(scheme.serial, unquote(serial)))
        check_value(*path[1])
    return path


@lru_cache(maxsize=1024)  # thousands of serials share one GTIN
def _read_key(name: str, company: str, reference: str, pieces: str) -> Element:
    """The checked key that the parts of a URN of this scheme spell."""
    scheme, _ = _BY_NAME[name]
    key = Element(scheme.key, _join_key(scheme, company, reference) + pieces.replace(".", ""))
    check_value(*key)
    return key


def company_prefix(urn: str) -> str:
    """The GS1 company prefix in `urn`, of which `parse_urn` gave a key."""
    return urn.split(":", 4)[4].partition(".")[0]


def write_urn(kind: str, key: str, qualifier: str, company_prefix_length: int) -> str:
    """The URN of a checked key of this `kind` and the value of its qualifier ("" when it has none).

    Raises Invalid when the kind has no URN, or its key cannot have a prefix of that many digits.
    """
    scheme = _SCHEMES.get(kind)
    if scheme is None:
        raise Invalid(f"{key}: kind {kind} has no EPC URN")
    company, reference, tail = _part_key(scheme, key, company_prefix_length)
    urn = f"urn:epc:{scheme.name}:{company}.{reference}"
    if scheme.serial == "*":
        return f"{urn}.*"
    # TDS 2.0, section 6.3.3: extension 0 says that the GLN has none.
    return f"{urn}.{_escape(tail or qualifier or '0')}" if scheme.serial else urn


def _join_key(scheme: _Scheme, company: str, reference: str) -> str:
    """The key up to its check digit."""
    if not scheme.digits:
        return company + unquote(reference)
    number = reference[:1] + company + reference[1:] if scheme.leads else company + reference
    if len(number) != scheme.digits:
        raise Invalid(
            f"urn:epc:{scheme.name}:{company}.{reference}: company prefix and reference together have "
            f"{len(number)} digits, should have {scheme.digits}"
        )
    zero = "0" if scheme.key == "8003" else ""
    return f"{zero}{number}{check_digit(number)}"


def _part_key(scheme: _Scheme, key: str, prefix_length: int) -> tuple[str, str, str]:
    """Company prefix and reference (with pieces) as the URN writes them, and what follows the check digit."""
    start = 1 if scheme.key == "8003" else 0
    number, tail = key[start:], ""
    if scheme.digits:
        number, tail = number[: scheme.digits], number[scheme.digits + 1 :]
    leading, number = (number[0], number[1:]) if scheme.leads else ("", number)
    company, reference = number[:prefix_length], number[prefix_length:]
    is_whole = company.isdigit() and len(company) == prefix_length
    is_followed = bool(reference) or scheme.key not in ("401", "8004")
    if not (PREFIX_LENGTH_MIN <= prefix_length <= PREFIX_LENGTH_MAX and is_whole and is_followed):
        raise Invalid(f"{AIS[scheme.key].name} {key}: cannot have a company prefix of {prefix_length} digits")
    if scheme.key == "8006":
        return company, f"{leading}{reference}.{tail[:2]}.{tail[2:]}", ""
    return company, leading + _escape(reference), tail


def _escape(text: str) -> str:
    # TDS 2.0, appendix A: a URN writes these as they are and escapes " # % & / < > ?
    return quote(text, safe="!'()*+,-.:;=_")


def _describe(scheme: _Scheme) -> str:
    pieces = ".{piece}.{total}" if scheme.key == "8006" else ""
    serial = {"": "", "*": ".*"}.get(scheme.serial, ".{serial}")
    company = f"{{company prefix of {PREFIX_LENGTH_MIN} to {PREFIX_LENGTH_MAX} digits}}"
    return f"urn:epc:{scheme.name}:{company}.{{reference}}{pieces}{serial}"
