"""Canonical JSON at the speed of a compiled writer, for the body of every event that is captured.

`domain.canonical_json` defines the bytes, and needs nothing but Python, so that a verifier does without
this.
"""

from typing import Final

import orjson

from ledger.domain import canonical_json
from ledger.domain.canonical_json import JsonValue


def encode(value: dict[str, JsonValue]) -> bytes:
    """The bytes of `canonical_json.encode(value)`. Raises Invalid as that does."""
    if _is_written_alike(value):
        try:
            return orjson.dumps(value, option=_CANONICAL)
        except orjson.JSONEncodeError:
            pass  # the other writer says what is wrong
    return canonical_json.encode(value)


_CANONICAL: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
_SCALARS: Final = frozenset({str, int, bool, type(None)})


def _is_written_alike(value: dict[str, JsonValue] | list[JsonValue]) -> bool:
    """Whether the two writers agree: floats they write differently, and keys beyond ASCII they sort
    differently (by code point, where RFC 8785 has UTF-16 code units)."""
    if isinstance(value, dict) and not "".join(value).isascii():
        return False
    for member in value.values() if isinstance(value, dict) else value:
        if type(member) not in _SCALARS and not (
            isinstance(member, (dict, list)) and _is_written_alike(member)
        ):
            return False
    return True
