"""Any other absolute URI, as it stands. The last of the schemes: it takes what no other claims.

Source: RFC 3986.
"""

import re
from typing import Final

from ledger.domain.digital_link import URI_LENGTH_MAX
from ledger.domain.errors import Invalid
from ledger.domain.schemes.scheme import Identifier, Scheme


def parse(text: str) -> Identifier | None:
    if not _has_scheme(text):
        return None
    if len(text) > URI_LENGTH_MAX:
        raise Invalid(f"{text[:80]!r}...: {len(text)} characters, an identifier has at most {URI_LENGTH_MAX}")
    if not _is_uri(text):
        raise Invalid(f"{text[:80]!r}: not an identifier; a URI has no spaces, and what is not ASCII escaped")
    # RFC 8141, section 3.1: "urn" and the namespace are the same in capitals.
    return Identifier(f"urn:epc:{text[8:]}" if text[:8].lower() == "urn:epc:" else text, "uri")


_CHARACTER: Final = r"(?:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=]|%[0-9A-Fa-f]{2})"
_has_scheme: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*+:").match
_is_uri: Final = re.compile(rf"[A-Za-z][A-Za-z0-9+.\-]*+:{_CHARACTER}++").fullmatch


def _write(uri: str) -> str:
    return uri


def _registered_as(uri: str) -> tuple[str, str]:
    return URI.name, uri


URI: Final = Scheme("uri", "", "", parse, _write, _registered_as)
"""A prefix is the beginning of the URI."""
