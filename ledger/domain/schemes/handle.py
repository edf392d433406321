"""Handles, among them the identifiers of China's industrial internet (VAA): 88.118.1001/abc.

A handle is a prefix, "/" and a suffix. Under 86 and 88 a prefix is country, industry node (3 to 5 digits) and
enterprise (digits; zeros in front count). Elsewhere it is any text in levels between dots.

Read are `88.118.1001/abc`, `hdl:`, `info:hdl/` and web addresses of hdl.handle.net. Canonical is `hdl:` with
what a URI cannot hold as percent-encoded UTF-8. The letters of a prefix have no case, those of a suffix do:
some owners take A and a for the same, but only they know.

Source: RFC 3651, section 2; RFC 3986; the form of 86 and 88 and the 255 characters are those of the national
top node. Not here: DOIs, which have a rule of their own about case.
"""

import re
from string import ascii_lowercase, ascii_uppercase
from typing import Final
from urllib.parse import quote, unquote

from ledger.domain.digital_link import URI_LENGTH_MAX
from ledger.domain.errors import Invalid
from ledger.domain.schemes.scheme import Identifier, Scheme

LENGTH_MAX: Final = 255  # characters


def parse(text: str) -> Identifier | None:
    """The handle in any of its spellings; without `hdl:`, its prefix begins with a number and has a dot."""
    escaped = _escaped(text)
    if escaped is not None:
        return handle_identifier(_unescape(escaped[1] or escaped[2] or ""))
    if _is_bare(text):
        return handle_identifier(text)
    if _is_bare_prefix(text):
        raise Invalid(
            f"{text[:80]!r}: is a prefix, not a whole identifier; add / and the suffix, as {text}/abc"
        )
    return None


def handle_identifier(handle: str) -> Identifier:
    """The identifier of a handle as it is, without `hdl:` and with nothing escaped. Raises Invalid."""
    prefix, slash, suffix = handle.partition("/")
    shown = repr(handle[:80])
    if len(handle) > LENGTH_MAX:
        raise Invalid(f"{shown}...: {len(handle)} characters, a handle has at most {LENGTH_MAX}")
    if not (slash and suffix):
        raise Invalid(f"{shown}: a handle is a prefix, / and a suffix, as 88.118.1001/abc")
    if not (_is_text(prefix) and _is_text(suffix)):
        raise Invalid(f"{shown}: a handle has no spaces and no control characters")
    if "" in (levels := prefix.split(".")):
        raise Invalid(f"{shown}: its prefix {prefix!r} has an empty level between dots")
    if levels[0] in _NATIONAL and not _is_enterprise(prefix):
        raise Invalid(
            f"{shown}: its prefix is {prefix}, should be {levels[0]}.<industry node, 3 to 5 digits>."
            "<enterprise, digits>, as 88.118.1001"
        )
    uri = f"{HANDLE.stem}{quote(prefix.translate(_LOWER) + slash + suffix, safe=_KEPT)}"
    if len(uri) > URI_LENGTH_MAX:
        raise Invalid(f"{shown}: escaped, it has {len(uri)} characters, at most {URI_LENGTH_MAX} are allowed")
    return Identifier(uri, "uri")


_NATIONAL: Final = ("86", "88")
_KEPT: Final = "-._~!$&'()*+,;=:@/"
_LOWER: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
_escaped: Final = re.compile(
    r"(?:hdl:|info:hdl/)(.*)|https?://hdl\.handle\.net/([0-9][^?#]*)(?:[?#].*)?", re.IGNORECASE | re.DOTALL
).fullmatch
# No more than five digits before the first dot: what is longer can be a GS1 element string without brackets.
_is_bare: Final = re.compile(r"[0-9]{1,5}(?:\.[^./\s]+)+/.*", re.DOTALL).fullmatch
_is_bare_prefix: Final = re.compile(r"8[68](?:\.[0-9]+){1,2}").fullmatch
_is_enterprise: Final = re.compile(r"8[68]\.[0-9]{3,5}\.[0-9]{1,128}").fullmatch
_is_text: Final = re.compile(r"[^\x00-\x20\x7f-\xa0\s\ud800-\udfff]+").fullmatch
_has_stray_percent: Final = re.compile("%(?![0-9A-Fa-f]{2})").search


def _unescape(escaped: str) -> str:
    if _has_stray_percent(escaped):
        raise Invalid(f"{escaped[:80]!r}: a % that escapes nothing; write it as %25")
    try:
        return unquote(escaped, errors="strict")
    except UnicodeDecodeError:
        raise Invalid(f"{escaped[:80]!r}: its percent-encoded bytes are no UTF-8") from None


def handle_text(uri: str) -> str:
    """The handle in a canonical URI, without `hdl:` and with nothing escaped."""
    return unquote(uri.removeprefix(HANDLE.stem))


def _write(uri: str) -> str:
    text = handle_text(uri)
    return text if _is_bare(text) else uri


def _registered_as(uri: str) -> tuple[str, str]:
    prefix, _, _ = handle_text(uri).partition("/")
    return HANDLE.name, prefix


HANDLE: Final = Scheme("handle", ".", "hdl:", parse, _write, _registered_as)
"""A prefix is a handle prefix: 88 lies above 88.118, and that above 88.118.1001."""
