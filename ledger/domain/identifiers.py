"""Identifiers of items, parties and places, whatever their scheme: one thing has one canonical URI.

The schemes are in `schemes`, a file each. Everything that reads an identifier reads it here.
"""

from functools import lru_cache
from typing import Final

from ledger.domain.check_digits import check_digit
from ledger.domain.digital_link import link_elements
from ledger.domain.errors import Invalid
from ledger.domain.schemes.gs1 import (
    company_digits,
    identifier_of,
    is_canonical_key,
    normalise_uri,
)
from ledger.domain.schemes.scheme import Identifier, Kind, Scheme
from ledger.domain.schemes.table import SCHEMES

__all__ = [
    "Identifier",
    "Kind",
    "check_digit",
    "class_uri",
    "company_digits",
    "find_identifier",
    "identifier_of",
    "is_canonical_key",
    "normalise_uri",
    "parse_identifier",
    "scheme_of",
]

_REMEMBERED: Final = 8192
"""Identifiers read lately: a document names the same places, lots and parties in one event after another."""


@lru_cache(maxsize=_REMEMBERED)
def parse_identifier(text: str) -> Identifier:
    """The identifier that `text` spells in any scheme.

    Raises Invalid for anything else, and for what claims to be of a scheme and is wrong.
    """
    found = find_identifier(text)
    if found is None:
        raise Invalid(
            f"{text[:80]!r}: not an identifier; write an EPC URN, a Digital Link, an element string like "
            "(01)..., a handle like 88.118.1001/abc, an OID, a DID or another absolute URI"
        )
    return found


def find_identifier(text: str) -> Identifier | None:
    """As `parse_identifier`, but None for what no scheme claims."""
    for scheme in SCHEMES:
        found = scheme.parse(text)
        if found is not None:
            return found
    return None


def class_uri(uri: str) -> str:
    """The URI of what `uri` is one of: a GS1 key without lot, serial or extension; else `uri` itself."""
    elements = parse_identifier(uri).elements
    return identifier_of(link_elements(elements[:1])).uri if elements else uri


def scheme_of(uri: str) -> Scheme:
    """The scheme of a canonical URI."""
    return next(scheme for scheme in SCHEMES if uri.startswith(scheme.stem))


def element_string(uri: str) -> str:
    """How people read an identifier: (01) 09506000134352 (21) S1; 88.118.1001/abc; another URI as it is."""
    elements = parse_identifier(uri).elements
    return " ".join(f"({ai}) {value}" for ai, value in elements) or scheme_of(uri).write(uri)
