"""Ecode, China's code for the Internet of Things: version, code system (NSI) and main code (MD).

`ecode:1000112345` is version 1, code system 0001, main code 12345. Ecode has no registered URI form: `ecode:`
is ours, and nothing else is read, because the digits alone could be a GTIN or an SSCC. In version 4, whose
main code is any text, the URI has it as percent-encoded UTF-8.

Source: GB/T 31866-2023. Only the structure and the reserved version 0 are read there; the lengths below are
from secondary sources and are not checked against its text.
"""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from ledger.domain.digital_link import URI_LENGTH_MAX
from ledger.domain.errors import Invalid
from ledger.domain.schemes.scheme import Identifier, Scheme


def parse(text: str) -> Identifier | None:
    if text[: len(ECODE.stem)].lower() != ECODE.stem:
        return None
    try:
        code = unquote(text[len(ECODE.stem) :], errors="strict")
    except UnicodeDecodeError:
        raise Invalid(f"{text[:80]!r}: its percent-encoded bytes are no UTF-8") from None
    if code[:1] == "0":
        raise Invalid(
            f"{text[:80]!r}: version 0 is reserved for GS1 codes; write the GS1 key itself, as (01)..."
        )
    form = _FORMS.get(code[:1])
    if form is None:
        raise Invalid(f"{text[:80]!r}: an Ecode begins with its version, 1 to 4, found {code[:1]!r}")
    if not form.matches(code[1:]):
        raise Invalid(f"{text[:80]!r}: version {code[0]} is {form.said}")
    uri = f"{ECODE.stem}{quote(code, safe='')}"
    if len(uri) > URI_LENGTH_MAX:
        raise Invalid(f"{text[:80]!r}...: {len(uri)} characters, at most {URI_LENGTH_MAX} are allowed")
    return Identifier(uri, "uri")


@dataclass(frozen=True, slots=True)
class _Form:
    """What follows the version."""

    pattern: str
    said: str

    def matches(self, text: str) -> bool:
        return re.fullmatch(self.pattern, text) is not None


_FORMS: Final = {
    "1": _Form("[0-9]{4}[0-9]{1,20}", "a code system of 4 digits and a main code of 1 to 20 digits"),
    "2": _Form("[0-9]{4}[0-9]{1,28}", "a code system of 4 digits and a main code of 1 to 28 digits"),
    "3": _Form(
        "[0-9]{5}[0-9A-Za-z]{1,39}", "a code system of 5 digits and a main code of 1 to 39 letters or digits"
    ),
    "4": _Form(
        r"[0-9]{5}[^\x00-\x20\x7f-\xa0\s\ud800-\udfff]{1,255}",
        "a code system of 5 digits and a main code of 1 to 255 characters, none a space",
    ),
}


def _write(uri: str) -> str:
    return uri


def _registered_as(uri: str) -> tuple[str, str]:
    return ECODE.name, unquote(uri.removeprefix(ECODE.stem))


ECODE: Final = Scheme("ecode", "", "ecode:", parse, _write, _registered_as)
"""A prefix is version and code system, 10001, and may go on with what the main codes begin with."""
