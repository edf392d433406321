"""Identifiers of items, parties and places: GS1 keys in all their spellings, and any other URI as it stands.

One thing has one identifier: an EPC URN, a Digital Link on any host and an element string of the same key
give the same canonical URI, a Digital Link on id.gs1.org at the finest level that EPCIS has a name for. So a
serial makes lot and consumer product variant redundant, and attributes never count.

Not here: who owns a company prefix, and identifiers of other schemes beyond their URI syntax.

Source: GS1 Digital Link, URI syntax 1.4; CBV 2.0, section 8.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from typing import Final, Literal
from urllib.parse import unquote

from ledger.domain.ai_table import AIS, QUALIFIER_PATHS
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
from ledger.domain.epc_urn import PREFIX_LENGTH_MAX, parse_urn, write_urn
from ledger.domain.errors import Invalid

__all__ = [
    "Identifier",
    "Kind",
    "check_digit",
    "class_uri",
    "company_digits",
    "identifier_of",
    "is_canonical_key",
    "normalise_uri",
    "parse_identifier",
]

Kind = Literal[
    "sgtin", "lgtin", "upui", "gtin",
    "itip", "itip-lot", "itip-class",
    "sscc", "sgln", "gln", "pgln", "payment",
    "grai", "grai-class", "gdti", "gdti-class", "gcn", "gcn-class",
    "cpi", "cpi-class", "giai", "gsrn", "gsrnp", "ginc", "gsin", "gmn",
    "uri",
]  # fmt: skip
"""What it names. "-class": a type without a serial; "payment": a payment slip; "uri": not a GS1 key."""

_REMEMBERED: Final = 8192
"""Identifiers read lately: a document names the same places, lots and parties in one event after another."""


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
        return write_element_string(self._require_elements("element string"))

    def urn(self, company_prefix_length: int) -> str:
        """The EPC URN; for a lot urn:epc:class:lgtin, for a class urn:epc:idpat.

        Raises Invalid when the kind has no URN, or its key cannot have a prefix of that many digits.
        """
        key, *qualifiers = self._require_elements("EPC URN")
        return write_urn(
            self.kind, key.value, qualifiers[0].value if qualifiers else "", company_prefix_length
        )

    def _require_elements(self, spelling: str) -> tuple[Element, ...]:
        if self.kind == "uri":
            raise Invalid(f"{self.uri}: is not a GS1 key, so it has no {spelling}")
        return self.elements


@lru_cache(maxsize=_REMEMBERED)
def parse_identifier(text: str) -> Identifier:
    """The identifier that `text` spells: EPC URN, GS1 Digital Link, element string or another absolute URI.

    A Digital Link may be on any host, below any path, but not compressed. Raises Invalid for anything else,
    and for what claims to be a GS1 key and is wrong: that must not pass as a URI of its own.
    """
    if text.startswith("("):
        return identifier_of(link_elements(parse_element_string(text)))
    if _is_epc_urn(text):
        path = parse_urn(text)
        return _parse_other_uri("urn:epc:" + text[8:]) if path is None else _identify(path)
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


def company_digits(uri: str) -> str | None:
    """Up to 12 digits that begin with the GS1 company prefix of a canonical URI; None when it is no GS1 key.

    How long the prefix is, a registry must say: take the longest that it knows.
    """
    if not is_canonical_key(uri):
        return None
    code, value, *_ = uri[len(CANONICAL_STEM) + 1 :].split("/")
    start = 1 if code in _KEYS_WITH_LEADING_DIGIT else 0
    return "".join(takewhile(str.isdigit, value[start : start + PREFIX_LENGTH_MAX]))


def is_canonical_key(uri: str) -> bool:
    """Whether `uri`, which `parse_identifier` gave, names a GS1 key. Nothing else stands on that host."""
    return uri.startswith(f"{CANONICAL_STEM}/")


def class_uri(uri: str) -> str:
    """The URI of what `uri` is one of: the key without lot, serial or extension."""
    elements = parse_identifier(uri).elements
    return _identify(elements[:1]).uri if elements else uri


def normalise_uri(text: str) -> str:
    """The canonical URI of an EPC URN or Digital Link, any other text unchanged, for the CBV event hash.

    More lenient than `parse_identifier`: check digits may be wrong, GTINs short, AIs written as the words
    that GS1 withdrew. Never use it to find out what an identifier names.
    """
    try:
        path = parse_urn(text) if _is_epc_urn(text) else _split_leniently(text)
    except Invalid:
        return text
    return text if path is None else _identify(path).uri


# The levels of each key, finest first: the qualifier that makes it, and what it then names.
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

_URI_CHARACTER: Final = r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})"
_is_uri: Final = re.compile(rf"[A-Za-z][A-Za-z0-9+.\-]*+:{_URI_CHARACTER}++").fullmatch
_claims_key: Final = re.compile(
    rf"https?://(?:id\.gs1\.org(?:[:/].*)?$|.*/(?:{'|'.join(QUALIFIER_PATHS)})/[0-9]{{6}})", re.IGNORECASE
).match
_WITHDRAWN_WORDS: Final = {
    "gtin": "01", "itip": "8006", "gmn": "8013", "cpid": "8010", "gln": "414", "payTo": "415", "party": "417",
    "gsrnp": "8017", "gsrn": "8018", "gcn": "255", "sscc": "00", "gdti": "253", "ginc": "401", "gsin": "402",
    "grai": "8003", "giai": "8004", "cpv": "22", "lot": "10", "ser": "21", "cpsn": "8011", "glnx": "254",
    "refno": "8020", "srin": "8019",
}  # fmt: skip


def _identify(path: Sequence[Element]) -> Identifier:
    code, value = path[0]
    key_uri = f"{CANONICAL_STEM}/{code}/{escape(value)}"
    if code in _LEVELS_BY_LENGTH:
        length, with_serial, without = _LEVELS_BY_LENGTH[code]
        return Identifier(key_uri, with_serial if len(value) > length else without)
    qualifiers = dict(path[1:])
    if qualifiers.get("254") == "0":
        # TDS 2.0, section 6.3.3: extension 0 says that the GLN has none.
        del qualifiers["254"]
    qualifier, kind = next(level for level in _LEVELS[code] if not level[0] or level[0] in qualifiers)
    return Identifier(
        f"{key_uri}/{qualifier}/{escape(qualifiers[qualifier])}" if qualifier else key_uri, kind
    )


def _is_epc_urn(text: str) -> bool:
    # RFC 8141, section 3.1: "urn" and the namespace are the same in capitals.
    return text[:8].lower() == "urn:epc:"


def _claims_a_gs1_key(text: str) -> bool:
    path, *_ = re.split("[?#]", text[:URI_LENGTH_MAX], maxsplit=1)
    return _claims_key(unquote(path)) is not None


def _parse_other_uri(text: str) -> Identifier:
    if len(text) > URI_LENGTH_MAX:
        raise Invalid(f"{text[:80]!r}...: {len(text)} characters, an identifier has at most {URI_LENGTH_MAX}")
    if not _is_uri(text):
        raise Invalid(
            f"{text[:80]!r}: not an identifier; write an EPC URN, a Digital Link, an element string "
            "like (01)... or another absolute URI, percent-encoded where needed"
        )
    return Identifier(text, "uri")


def _split_leniently(text: str) -> list[Element] | None:
    _, path, _ = split_web_address(text, _WITHDRAWN_WORDS)
    key, *qualifiers = path
    if key.ai == "01" and len(key.value) in (8, 12, 13):
        path[0] = Element("01", key.value.zfill(14))
    belong_together = tuple(code for code, _ in qualifiers) in QUALIFIER_PATHS[key.ai]
    return path if belong_together and all(AIS[code].form.matches(value) for code, value in path) else None
