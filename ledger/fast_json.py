"""Canonical JSON at the speed of a compiled reader and writer, for every document that is captured.

`domain.canonical_json` defines what is read and written, and needs nothing but Python, so that a verifier
does without this. What the compiled ones might do otherwise is left to it.
"""

import re
from typing import Final

import orjson

from ledger.domain import canonical_json
from ledger.domain.canonical_json import DEPTH_MAX, JsonValue


def parse(raw: bytes) -> JsonValue:
    """The value of `canonical_json.parse(raw)`. Raises Invalid as that does."""
    try:
        value: JsonValue = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return canonical_json.parse(raw)  # it says what is wrong
    return value if _is_read_alike(raw, value) else canonical_json.parse(raw)


def _is_read_alike(raw: bytes, value: JsonValue) -> bool:
    """Whether the two readers agree that `raw` says `value`, which it does as JSON.

    Of repeated keys the compiled one keeps the last: the colons of the others are then missing in `value`.
    """
    if b"\\" in raw:  # without escapes a quote begins or ends a text, and texts are written as they are read
        return False
    outside_texts = b"".join(raw.split(b'"')[::2])
    return (
        _DOUBTFUL_NUMBER.search(outside_texts) is None
        and orjson.dumps(value).count(b":") == raw.count(b":")
        and canonical_json.depth(raw) <= DEPTH_MAX
    )


_DOUBTFUL_NUMBER: Final = re.compile(rb"[0-9.]{16}|[0-9][eE]|\.0+(?![0-9])|-0(?!\.)")
"""What has 16 digits may be no double; with an exponent, all zeros behind the point or before it a minus, it
may be a whole number."""


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
