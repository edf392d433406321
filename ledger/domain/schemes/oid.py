"""Object identifiers (OID), whole numbers between dots: 1.2.156.10197.1.

Read are the bare numbers (three or more), `urn:oid:`, `oid:` and `OID.`; canonical is `urn:oid:`.

Source: ITU-T X.660 (the first number is 0, 1 or 2; under 0 and 1 the second is at most 39), RFC 3061; for
China (1.2.156) at most 100 characters.
"""

import re
from typing import Final

from ledger.domain.errors import Invalid
from ledger.domain.schemes.scheme import Identifier, Scheme

LENGTH_MAX: Final = 255  # characters
CHINA_LENGTH_MAX: Final = 100


def parse(text: str) -> Identifier | None:
    claimed = _claimed(text)
    if claimed is None:
        return None
    numbers = claimed[1] or text
    shown = repr(numbers[:80])
    if not _is_oid(numbers):
        raise Invalid(f"{shown}: an OID is two or more whole numbers between dots, none with a 0 in front")
    first, second, *_ = numbers.split(".")
    if first not in ("0", "1", "2"):
        raise Invalid(f"{shown}: an OID begins with 0, 1 or 2, found {first[:20]}")
    if first != "2" and (len(second) > 2 or int(second) > _SECOND_MAX):
        raise Invalid(
            f"{shown}: under {first} the second number is at most {_SECOND_MAX}, found {second[:20]}"
        )
    length_max = CHINA_LENGTH_MAX if f"{numbers}.".startswith("1.2.156.") else LENGTH_MAX
    if len(numbers) > length_max:
        raise Invalid(f"{shown}...: {len(numbers)} characters, this OID has at most {length_max}")
    return Identifier(f"{OID.stem}{numbers}", "uri")


_SECOND_MAX: Final = 39
_claimed: Final = re.compile(
    r"(?:urn:oid:|oid:|oid\.)(.*)|[012](?:\.(?:0|[1-9][0-9]*)){2,}", re.IGNORECASE | re.DOTALL
).fullmatch
_is_oid: Final = re.compile(r"(?:0|[1-9][0-9]*+)(?:\.(?:0|[1-9][0-9]*+))++").fullmatch


def _write(uri: str) -> str:
    numbers = uri.removeprefix(OID.stem)
    return numbers if _claimed(numbers) else uri


def _registered_as(uri: str) -> tuple[str, str]:
    return OID.name, uri.removeprefix(OID.stem)


OID: Final = Scheme("oid", ".", "urn:oid:", parse, _write, _registered_as)
"""A prefix is an arc: 1.2.156 lies above 1.2.156.10197."""
