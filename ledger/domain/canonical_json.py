"""Canonical JSON: one byte string for one value, and a strict reader that loses nothing.

`encode` is the JSON Canonicalization Scheme (RFC 8785). `parse` reads JSON that `encode` can give
back with the same meaning, and refuses the rest: what two readers could understand differently
(duplicate keys, numbers beyond a double) must not enter a record that is hashed.

Values are None, bool, int, float, str, list and dict; a whole number is an int however it was written.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from json.encoder import encode_basestring as _quote
from typing import TypeAlias

from ledger.domain.errors import Invalid, Problem

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None

WHOLE_NUMBER_MAX = 2**53
"""Beyond this a double skips whole numbers (RFC 7493, section 2.2)."""

DEPTH_MAX = 64
"""Objects and arrays inside each other, the outermost counted as 1."""


def encode(value: object) -> bytes:
    """The RFC 8785 bytes of `value`; tuples are written as arrays.

    Raises Invalid for what JSON or a double cannot hold: NaN, infinities, whole numbers beyond
    2^53, lone surrogates, keys that are not text, other types.
    """
    try:
        return _write(value).encode()
    except UnicodeEncodeError as error:
        raise Invalid(f"text holds a lone surrogate, U+{ord(error.object[error.start]):04X}") from error
    except RecursionError as error:
        raise Invalid("value is nested too deeply, or contains itself") from error


def parse(raw: bytes) -> JsonValue:
    """The value that `raw`, UTF-8 JSON, stands for.

    Raises Invalid, with a JSON pointer for each problem: duplicate keys, numbers that a double
    does not hold exactly, lone surrogates, nesting deeper than 64, or no JSON at all.
    """
    faults: list[Fault] = []

    def fault(message: str) -> Fault:
        faults.append(Fault(message))
        return faults[-1]

    def read_object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue] | Fault:
        members = dict(pairs)
        if len(members) == len(pairs):
            return members
        return fault(f"key {_first_repeated([key for key, _ in pairs])!r} appears twice: keep one")

    def read_whole(text: str) -> int | Fault:
        if len(text) <= 17 and -WHOLE_NUMBER_MAX <= (whole := int(text)) <= WHOLE_NUMBER_MAX:
            return whole
        return fault(f"{_shorten(text)} is beyond 2^53: write it as text")

    def read_decimal(text: str) -> int | float | Fault:
        number = float(text)
        if not _is_exact(number, text):
            return fault(f"{_shorten(text)} does not fit a double exactly: write fewer digits, or text")
        if not number.is_integer():
            return number
        if abs(number) <= WHOLE_NUMBER_MAX:
            return int(number)
        return fault(f"{_shorten(text)} is beyond 2^53: write it as text")

    def read_constant(text: str) -> Fault:
        return fault(f"JSON has no {text}")

    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise _invalid(f"not UTF-8 at byte {error.start}") from error
    # The parser recurses in C, so depth is known before it runs: it would rather crash than refuse.
    if depth(raw) > DEPTH_MAX:
        raise _invalid(f"nested deeper than {DEPTH_MAX}")
    try:
        value: JsonValue = json.loads(
            text,
            object_pairs_hook=read_object,
            parse_int=read_whole,
            parse_float=read_decimal,
            parse_constant=read_constant,
        )
    except json.JSONDecodeError as error:
        raise _invalid(f"not JSON at line {error.lineno} column {error.colno}: {error.msg}") from error
    # A lone surrogate can only come from an escape, because the bytes were UTF-8.
    if faults or _SURROGATE_ESCAPE.search(text):
        problems = tuple(find_faults(value, ""))
        if problems:
            raise Invalid(f"JSON that cannot be kept exactly: {problems[0]}", problems)
    return value


def pointer_step(key: str) -> str:
    """`key` as one step of a JSON pointer, with its slash (RFC 6901)."""
    return "/" + key.replace("~", "~0").replace("/", "~1")


class Fault:
    """Stands where a value should be, so that its pointer can be told once all is read: see `find_faults`."""

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        self.message = message


_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def _write(value: object) -> str:
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, dict):
        return _write_object(value)
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([_write(element) for element in value]) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if abs(value) > WHOLE_NUMBER_MAX:
            raise Invalid("a whole number is beyond 2^53: write it as text")
        return str(value)
    if isinstance(value, float):
        return _write_float(value)
    raise Invalid(f"JSON has no {type(value).__name__}")


def _write_object(members: dict[str, object]) -> str:
    try:
        is_ascii = "".join(members).isascii()
    except TypeError as error:
        raise Invalid("a key of a JSON object must be text") from error
    # RFC 8785, section 3.2.3: keys go by UTF-16 code units, which for ASCII is Python's own order.
    keys = sorted(members) if is_ascii else sorted(members, key=_utf16)
    return "{" + ",".join([f"{_quote(key)}:{_write(members[key])}" for key in keys]) + "}"


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be")


def _write_float(number: float) -> str:
    """ECMAScript's Number::toString, as RFC 8785 section 3.2.2.3 asks.

    Python and ECMAScript agree on the digits (the fewest that read back as the same double) and
    differ in where they put the point and when they use an exponent.
    """
    if not math.isfinite(number):
        raise Invalid(f"JSON has no {number}")
    sign = "-" if number < 0 else ""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    point -= len(digits) - len(digits.lstrip("0"))
    digits = digits.strip("0")  # the value is now 0.digits times 10^point
    if not digits:
        return "0"
    if len(digits) <= point <= 21:
        return sign + digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1:+d}"


def _is_exact(number: float, text: str) -> bool:
    """Whether the fewest digits that read as `number` have the value that was written."""
    if repr(number) == text:
        return True
    if number == 0:
        return not text.lower().partition("e")[0].strip("-0.")
    return math.isfinite(number) and Decimal(repr(number)) == Decimal(text)


def _first_repeated(keys: list[str]) -> str:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            break
        seen.add(key)
    return key


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:40]}..."


def _invalid(message: str) -> Invalid:
    return Invalid(message, [Problem("", message)])


def depth(raw: bytes) -> int:
    """How many objects and arrays are open at once in `raw`, which need not be JSON."""
    without_escapes = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Most texts hold no bracket: what is left of them is two quotes.
    marks = without_escapes.translate(None, _NEITHER_BRACKET_NOR_QUOTE).replace(b'""', b"")
    open_now = deepest = 0
    for bracket in b"".join(marks.split(b'"')[::2]):
        open_now += 1 if bracket in b"[{" else -1
        if open_now > deepest:
            deepest = open_now
    return deepest


_NEITHER_BRACKET_NOR_QUOTE = bytes(set(range(256)) - set(b'[]{}"'))


def find_faults(value: object, at: str) -> Iterator[Problem]:
    """A problem for each Fault and each lone surrogate in `value`, whose pointer is `at`."""
    return iter(()) if _is_sound(value) else _point_at_faults(value, at)


def _is_sound(value: object) -> bool:
    """Whether there is nothing to find, which needs no pointers and is the rule."""
    if isinstance(value, str):
        return value.isascii() or not _SURROGATE.search(value)
    if isinstance(value, dict):
        return _is_sound("".join(value)) and _are_sound(value.values())
    return _are_sound(value) if isinstance(value, list) else not isinstance(value, Fault)


def _are_sound(members: Iterable[object]) -> bool:
    doubtful = [member for member in members if not (isinstance(member, str) and member.isascii())]
    return all(map(_is_sound, doubtful))


def _point_at_faults(value: object, at: str) -> Iterator[Problem]:
    if isinstance(value, Fault):
        yield Problem(at, value.message)
    elif isinstance(value, str):
        if _SURROGATE.search(value):
            yield Problem(at, "text holds a lone surrogate escape: remove it")
    elif isinstance(value, dict):
        for key, member in value.items():
            if _SURROGATE.search(key):
                yield Problem(at, f"key {key!r} holds a lone surrogate escape: remove it")
            else:
                yield from _point_at_faults(member, at + pointer_step(key))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from _point_at_faults(element, f"{at}/{index}")
