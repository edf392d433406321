"""GS1 keys in all their spellings.

An EPC URN, a Digital Link on any host and an element string of the same key give the same canonical URI, a
Digital Link on id.gs1.org at the finest level that EPCIS has a name for. So a serial makes lot and consumer
product variant redundant, and attributes never count.

Source: GS1 Digital Link, URI syntax 1.4; CBV 2.0, section 8.
"""

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import Final
from urllib.parse import unquote

from ledger.domain.ai_table import AIS, QUALIFIER_PATHS
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
from ledger.domain.epc_urn import PREFIX_LENGTH_MAX, parse_urn
from ledger.domain.errors import Invalid
from ledger.domain.schemes.scheme import Identifier, Kind, Scheme


def parse(text: str) -> Identifier | None:
    """The key that an EPC URN, a Digital Link (on any host, below any path, not compressed) or an element
    string spells.
    """
    if text.startswith("("):
        return identifier_of(link_elements(parse_element_string(text)))
    if _is_epc_urn(text):
        path = parse_urn(text)
        return None if path is None else _identify(path)
    return _parse_link(text) if text[:4].lower() == "http" else None


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
    """Whether `uri`, which `parse` gave, names a GS1 key. Nothing else stands on that host."""
    return uri.startswith(f"{CANONICAL_STEM}/")


def normalise_uri(text: str) -> str:
    """The canonical URI of an EPC URN or Digital Link, any other text unchanged, for the CBV event hash.

    More lenient than `parse`: check digits may be wrong, GTINs short, AIs written as the words
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
_claims_key: Final = re.compile(
    rf"https?://(?:id\.gs1\.org(?:[:/].*)?$|.*/(?:{'|'.join(QUALIFIER_PATHS)})/[0-9]{{6}})", re.IGNORECASE
).match
_WITHDRAWN_WORDS: Final = {
    "gtin": "01", "itip": "8006", "gmn": "8013", "cpid": "8010", "gln": "414", "payTo": "415", "party": "417",
    "gsrnp": "8017", "gsrn": "8018", "gcn": "255", "sscc": "00", "gdti": "253", "ginc": "401", "gsin": "402",
    "grai": "8003", "giai": "8004", "cpv": "22", "lot": "10", "ser": "21", "cpsn": "8011", "glnx": "254",
    "refno": "8020", "srin": "8019",
}  # fmt: skip


def _parse_link(text: str) -> Identifier | None:
    try:
        _, path, _ = split_web_address(text)
        check_path(path)
        return _identify(path)
    except Invalid:
        if _claims_a_gs1_key(text):
            raise
        return None


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
    for qualifier, kind in _LEVELS[code]:
        if qualifier in qualifiers:
            return Identifier(f"{key_uri}/{qualifier}/{escape(qualifiers[qualifier])}", kind)
    # The last level is the key itself (a 415 never comes without its qualifier).
    return Identifier(key_uri, kind)


def _is_epc_urn(text: str) -> bool:
    # RFC 8141, section 3.1: "urn" and the namespace are the same in capitals.
    return text[:8].lower() == "urn:epc:"


def _claims_a_gs1_key(text: str) -> bool:
    path, *_ = re.split("[?#]", text[:URI_LENGTH_MAX], maxsplit=1)
    return _claims_key(unquote(path)) is not None


def _split_leniently(text: str) -> list[Element] | None:
    _, path, _ = split_web_address(text, _WITHDRAWN_WORDS)
    key, *qualifiers = path
    if key.ai == "01" and len(key.value) in (8, 12, 13):
        path[0] = Element("01", key.value.zfill(14))
    belong_together = tuple(code for code, _ in qualifiers) in QUALIFIER_PATHS[key.ai]
    return path if belong_together and all(AIS[code].form.matches(value) for code, value in path) else None


def _write(uri: str) -> str:
    _, path, _ = split_web_address(uri)
    return write_element_string(path)


def _registered_as(uri: str) -> tuple[str, str]:
    return GS1.name, company_digits(uri) or ""


GS1: Final = Scheme("gs1", "", f"{CANONICAL_STEM}/", parse, _write, _registered_as)
"""A prefix is digits: a GS1 company prefix, or the beginning or a continuation of one."""
