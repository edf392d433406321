"""Identifiers of items, parties and places: GS1 keys in all their spellings, and any other URI as it stands.

One thing has one identifier: an EPC URN, a Digital Link on any host and an element string of the same key
give the same canonical URI, a Digital Link on id.gs1.org at the finest level that EPCIS has a name for. So a
serial makes lot and consumer product variant redundant, and attributes never count.

Not here: who owns a company prefix, and identifiers of other schemes beyond their URI syntax. A canonical URI
does not say where the company prefix ends, so writing a URN needs its length.

Source: GS1 EPC Tag Data Standard 2.0, section 6 (URNs); GS1 Digital Link, URI syntax 1.4; CBV 2.0, section 8.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote, unquote

from ledger.domain.ai_table import AIS, QUALIFIER_PATHS, check_value
from ledger.domain.check_digits import check_digit
from ledger.domain.digital_link import (
    CANONICAL_STEM,
    URI_LENGTH_MAX,
    DigitalLink,
    Element,
    check_path,
    escape,
    link_elements,
    parse_element_string,
    split_web_address,
    write_element_string,
)
from ledger.domain.errors import Invalid

__all__ = ["Identifier", "Kind", "check_digit", "identifier_of", "normalise_uri", "parse_identifier"]

Kind = Literal[
    "sgtin", "lgtin", "upui", "gtin",
    "itip", "itip-lot", "itip-class",
    "sscc", "sgln", "gln", "pgln", "payment",
    "grai", "grai-class", "gdti", "gdti-class", "gcn", "gcn-class",
    "cpi", "cpi-class", "giai", "gsrn", "gsrnp", "ginc", "gsin", "gmn",
    "uri",
]  # fmt: skip
"""What an identifier names. "-class": a type without a serial; "payment": a payment slip; "uri": no GS1 key."""

PREFIX_LENGTH_MIN: Final = 6
PREFIX_LENGTH_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class Identifier:
    """One thing's name. Equal identifiers name the same thing; `uri` is what to store, hash and compare."""

    uri: str
    kind: Kind

    @property
    def elements(self) -> tuple[Element, ...]:
        """The key and, where the kind has one, its qualifier; empty for kind "uri"."""
        if self.kind == "uri":
            return ()
        segments = [unquote(segment) for segment in self.uri[len(CANONICAL_STEM) + 1 :].split("/")]
        return tuple(Element(*pair) for pair in zip(segments[::2], segments[1::2], strict=True))

    @property
    def element_string(self) -> str:
        """As in (01)09506000134352(21)S1. Raises Invalid for kind "uri"."""
        if self.kind == "uri":
            raise Invalid(f"{self.uri}: not a GS1 key, so it has no element string")
        return write_element_string(self.elements)

    @property
    def company_digits(self) -> str | None:
        """Up to 12 digits that begin with the GS1 company prefix; None for kind "uri".

        How long the prefix is, a registry must say: take the longest that it knows.
        """
        if self.kind == "uri":
            return None
        code, value = self.elements[0]
        start = 1 if code in _KEYS_WITH_LEADING_DIGIT else 0
        return _LEADING_DIGITS.match(value[start : start + PREFIX_LENGTH_MAX])[0]  # type: ignore[index]

    def urn(self, company_prefix_length: int) -> str:
        """The EPC URN: `urn:epc:id:...`, or `urn:epc:class:...` and `urn:epc:idpat:...` for lots and classes.

        Raises Invalid when the kind has no URN, or its key cannot have a prefix of that many digits.
        """
        scheme = _SCHEME_OF_KIND.get(self.kind)
        if scheme is None:
            raise Invalid(f"{self.uri}: kind {self.kind} has no EPC URN")
        (_, key), *qualifiers = self.elements
        company, reference, tail = _take_apart(scheme, key, company_prefix_length)
        serial = qualifiers[0].value if qualifiers else tail
        return f"urn:epc:{scheme.urn}:{company}.{reference}{_write_serial(scheme, serial)}"


def parse_identifier(text: str) -> Identifier:
    """The identifier that `text` spells: EPC URN, GS1 Digital Link, element string or another absolute URI.

    A Digital Link may be on any host, below any path, but not compressed. Raises Invalid for anything else, and
    for what claims to be a GS1 key and is wrong: it must not pass as a URI of its own.
    """
    if text.startswith("("):
        return identifier_of(link_elements(parse_element_string(text)))
    if text[:8].lower() == "urn:epc:":
        return _parse_urn(text)
    if text[:4].lower() == "http":
        try:
            _, path, _ = split_web_address(text)
            check_path(path)
            return _identify(path)
        except Invalid:
            if _claims_a_gs1_key(text):
                raise
    return _parse_other_uri(text)


def identifier_of(link: DigitalLink) -> Identifier:
    """The identifier of what `link` is about."""
    return _identify([link.key, *link.qualifiers])


def normalise_uri(text: str) -> str:
    """The canonical URI of an EPC URN or Digital Link, any other text unchanged, as the CBV event hash needs it.

    More lenient than `parse_identifier`: check digits may be wrong, GTINs short, AIs written as the words that
    GS1 withdrew. Never use it to find out what an identifier names.
    """
    try:
        if text[:8].lower() == "urn:epc:":
            return _parse_urn(text).uri
        _, path, _ = split_web_address(text, _WITHDRAWN_WORDS)
    except Invalid:
        return text
    key, *qualifiers = path
    if key.ai == "01" and len(key.value) in (8, 12, 13):
        path[0] = Element("01", key.value.zfill(14))
    fits = tuple(code for code, _ in qualifiers) in QUALIFIER_PATHS[key.ai]
    if not fits or not all(AIS[code].has_form(value) for code, value in path):
        return text
    return _identify(path).uri


# The levels of each key, finest first: qualifier that makes it, and what it then names.
_LEVELS: Final[dict[str, tuple[tuple[str, Kind], ...]]] = {
    "00": (("", "sscc"),),
    "01": (("235", "upui"), ("21", "sgtin"), ("10", "lgtin"), ("", "gtin")),
    "401": (("", "ginc"),),
    "402": (("", "gsin"),),
    "414": (("254", "sgln"), ("", "gln")),
    "415": (("8020", "payment"),),
    "417": (("", "pgln"),),
    "8004": (("", "giai"),),
    "8006": (("21", "itip"), ("10", "itip-lot"), ("", "itip-class")),
    "8010": (("8011", "cpi"), ("", "cpi-class")),
    "8013": (("", "gmn"),),
    "8017": (("", "gsrnp"),),
    "8018": (("", "gsrn"),),
}
# Keys that hold their serial: length without it, kind with it and without.
_LEVELS_BY_LENGTH: Final[dict[str, tuple[int, Kind, Kind]]] = {
    "253": (13, "gdti", "gdti-class"),
    "255": (13, "gcn", "gcn-class"),
    "8003": (14, "grai", "grai-class"),
}
_KEYS_WITH_LEADING_DIGIT: Final = frozenset({"00", "01", "8003", "8006"})
_LEADING_DIGITS: Final = re.compile("[0-9]*")

_SCHEME_SPECIFIC: Final = r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})"
_is_uri: Final = re.compile(rf"[A-Za-z][A-Za-z0-9+.\-]*+:{_SCHEME_SPECIFIC}++").fullmatch
_GS1_CLAIM: Final = re.compile(
    rf"https?://(?:id\.gs1\.org\b|.*/(?:{'|'.join(QUALIFIER_PATHS)})/[0-9]{{6}})", re.I
)
_WITHDRAWN_WORDS: Final = {
    "gtin": "01", "itip": "8006", "gmn": "8013", "cpid": "8010", "gln": "414", "payTo": "415", "party": "417",
    "gsrnp": "8017", "gsrn": "8018", "gcn": "255", "sscc": "00", "gdti": "253", "ginc": "401", "gsin": "402",
    "grai": "8003", "giai": "8004", "cpv": "22", "lot": "10", "ser": "21", "cpsn": "8011", "glnx": "254",
    "refno": "8020", "srin": "8019",
}  # fmt: skip


def _identify(path: list[Element]) -> Identifier:
    code, value = path[0]
    stem = f"{CANONICAL_STEM}/{code}/{escape(value)}"
    if code in _LEVELS_BY_LENGTH:
        length, with_serial, without = _LEVELS_BY_LENGTH[code]
        return Identifier(stem, with_serial if len(value) > length else without)
    qualifiers = dict(path[1:])
    if qualifiers.get("254") == "0":
        # TDS 2.0, section 6.3.3: extension 0 says that there is none.
        del qualifiers["254"]
    qualifier, kind = next(level for level in _LEVELS[code] if not level[0] or level[0] in qualifiers)
    return Identifier(f"{stem}/{qualifier}/{escape(qualifiers[qualifier])}" if qualifier else stem, kind)


def _claims_a_gs1_key(text: str) -> bool:
    return _GS1_CLAIM.match(unquote(text[:URI_LENGTH_MAX])) is not None


def _parse_other_uri(text: str) -> Identifier:
    if len(text) > URI_LENGTH_MAX:
        raise Invalid(f"{text[:80]}...: {len(text)} characters, an identifier has at most {URI_LENGTH_MAX}")
    if not _is_uri(text):
        raise Invalid(
            f"{text[:80]!r}: not an identifier; write an EPC URN, a Digital Link, an element string "
            "like (01)... or another absolute URI, percent-encoded where needed"
        )
    return Identifier(text, "uri")


@dataclass(frozen=True, slots=True)
class _Scheme:
    """How an EPC URN spells a key: {urn}:{company prefix}.{reference}[.{piece}.{total}][.{serial}]."""

    kind: Kind
    urn: str
    key: str
    digits: int  # of company prefix and reference together; 0 when the reference is text
    serial: str  # the qualifier that holds it, "+" the end of the key, "*" a class, "" none
    leads: bool = (
        False  # the first digit of the reference leads the key: indicator of a GTIN, extension of an SSCC
    )


_SCHEMES: Final = (
    _Scheme("sgtin", "id:sgtin", "01", 13, "21", leads=True),
    _Scheme("lgtin", "class:lgtin", "01", 13, "10", leads=True),
    _Scheme("upui", "id:upui", "01", 13, "235", leads=True),
    _Scheme("gtin", "idpat:upui", "01", 13, "*", leads=True),
    _Scheme("gtin", "idpat:sgtin", "01", 13, "*", leads=True),
    _Scheme("itip", "id:itip", "8006", 13, "21", leads=True),
    _Scheme("itip-class", "idpat:itip", "8006", 13, "*", leads=True),
    _Scheme("sscc", "id:sscc", "00", 17, "", leads=True),
    _Scheme("sgln", "id:sgln", "414", 12, "254"),
    _Scheme("pgln", "id:pgln", "417", 12, ""),
    _Scheme("grai", "id:grai", "8003", 12, "+"),
    _Scheme("grai-class", "idpat:grai", "8003", 12, "*"),
    _Scheme("gdti", "id:gdti", "253", 12, "+"),
    _Scheme("gdti-class", "idpat:gdti", "253", 12, "*"),
    _Scheme("gcn", "id:sgcn", "255", 12, "+"),
    _Scheme("gcn-class", "idpat:sgcn", "255", 12, "*"),
    _Scheme("gsrn", "id:gsrn", "8018", 17, ""),
    _Scheme("gsrnp", "id:gsrnp", "8017", 17, ""),
    _Scheme("gsin", "id:gsin", "402", 16, ""),
    _Scheme("giai", "id:giai", "8004", 0, ""),
    _Scheme("ginc", "id:ginc", "401", 0, ""),
    _Scheme("cpi", "id:cpi", "8010", 0, "8011"),
    _Scheme("cpi-class", "idpat:cpi", "8010", 0, "*"),
)
# "gtin" stands twice; the later row, idpat:sgtin, is the one to write.
_SCHEME_OF_KIND: Final = {scheme.kind: scheme for scheme in _SCHEMES} | {
    "gln": _Scheme("gln", "id:sgln", "414", 12, "254")
}
# EPC schemes that are not GS1 keys (TDS 2.0, section 6.3): kept as they are.
_OTHER_SCHEMES: Final = frozenset({"id:gid", "id:usdod", "id:adi", "id:bic", "id:imovn"})

_URN_CHARACTER: Final = r"(?:[!&'()*+,\-./0-9:;=A-Z_a-z]|%[0-9A-Fa-f]{2})"


def _body(scheme: _Scheme) -> re.Pattern[str]:
    """Groups: company prefix, reference, pieces, serial."""
    company = rf"([0-9]{{{PREFIX_LENGTH_MIN},{PREFIX_LENGTH_MAX}}})\."
    part = r"((?:[\-/0-9A-Z]|%[0-9A-Fa-f]{2})*)" if scheme.key == "8010" else f"({_URN_CHARACTER}+)"
    reference = "([0-9]*)" if scheme.digits else part
    pieces = r"\.([0-9]{2}\.[0-9]{2})" if scheme.key == "8006" else "()"
    serial = {"": "()", "*": r"\.(\*)"}.get(scheme.serial, rf"\.({_URN_CHARACTER}+)")
    return re.compile(company + reference + pieces + serial)


_BY_URN: Final = {scheme.urn: (scheme, _body(scheme).fullmatch) for scheme in _SCHEMES}


def _parse_urn(urn: str) -> Identifier:
    form = ":".join(urn.split(":", 4)[2:4])
    if form in _OTHER_SCHEMES:
        return _parse_other_uri("urn:epc:" + urn[8:])
    if form not in _BY_URN:
        raise Invalid(f"{urn[:80]}: {form!r} names no EPC identifier, class or lot; write one like id:sgtin")
    scheme, match_body = _BY_URN[form]
    match = match_body(urn[len(form) + 9 :]) if len(urn) <= URI_LENGTH_MAX else None
    if match is None:
        raise Invalid(f"{urn[:80]}: should be {_describe(scheme)}")
    company, reference, pieces, serial = match.groups()
    path = [Element(scheme.key, _put_together(scheme, urn, company, reference, pieces))]
    if scheme.serial == "+":
        path[0] = Element(scheme.key, path[0].value + unquote(serial))
    elif scheme.serial.isdigit():
        path.append(Element(scheme.serial, unquote(serial)))
    for code, value in path:
        check_value(code, value)
    return _identify(path)


def _put_together(scheme: _Scheme, urn: str, company: str, reference: str, pieces: str) -> str:
    """The key without serial."""
    if not scheme.digits:
        return company + unquote(reference)
    number = reference[:1] + company + reference[1:] if scheme.leads else company + reference
    if len(number) != scheme.digits:
        raise Invalid(
            f"{urn}: company prefix {company} and reference {reference} have {len(number)} digits together, "
            f"should have {scheme.digits}"
        )
    zero = "0" if scheme.key == "8003" else ""
    return f"{zero}{number}{check_digit(number)}{pieces.replace('.', '')}"


def _take_apart(scheme: _Scheme, key: str, length: int) -> tuple[str, str, str]:
    """Company prefix, reference (with pieces) and serial of a key, as its URN writes them."""
    if scheme.key == "8003":
        key = key[1:]
    number, tail = (key[: scheme.digits], key[scheme.digits + 1 :]) if scheme.digits else (key, "")
    first, number = (number[0], number[1:]) if scheme.leads else ("", number)
    company, reference = number[:length], number[length:]
    possible = (
        PREFIX_LENGTH_MIN <= length <= PREFIX_LENGTH_MAX and company.isdigit() and len(company) == length
    )
    if not possible or (scheme.kind in ("giai", "ginc") and not reference):
        raise Invalid(f"{AIS[scheme.key].name} {key}: cannot begin with a company prefix of {length} digits")
    if scheme.key == "8006":
        return company, f"{first}{reference}.{tail[:2]}.{tail[2:]}", ""
    return company, first + _escape_urn(reference), tail


def _write_serial(scheme: _Scheme, serial: str) -> str:
    if scheme.serial == "*":
        return ".*"
    if not scheme.serial:
        return ""
    return "." + (_escape_urn(serial) or "0")


def _escape_urn(text: str) -> str:
    # TDS 2.0, table A-1: a URN writes these as they are and escapes " # % & / < > ?
    return quote(text, safe="!'()*+,-.:;=_")


def _describe(scheme: _Scheme) -> str:
    pieces = ".{piece}.{total}" if scheme.key == "8006" else ""
    serial = {"": "", "*": ".*"}.get(scheme.serial, ".{serial}")
    prefix = f"{{company prefix of {PREFIX_LENGTH_MIN} to {PREFIX_LENGTH_MAX} digits}}"
    return f"urn:epc:{scheme.urn}:{prefix}.{{reference}}{pieces}{serial}"
