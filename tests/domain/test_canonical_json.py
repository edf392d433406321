"""Canonical JSON: equal values have equal bytes, and nothing that could be read in two ways gets in."""

import json
import math
import random
import struct
import sys
from decimal import Decimal, localcontext

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.domain.canonical_json import DEPTH_MAX, JsonValue, encode, parse, pointer_step
from ledger.domain.errors import Invalid

# RFC 8785, appendix B: the bits of a double, and how it is written.
RFC_NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


@pytest.mark.parametrize(("bits", "expected"), RFC_NUMBERS.items())
def test_a_double_is_written_as_rfc_8785_lists_it(bits: str, expected: str) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))

    assert encode(number).decode() == expected


def write_as_ecma_262_says(number: float) -> str:
    """Number::toString of ECMA-262, section 6.1.6.1.20, step by step, digits found by trial."""
    if number == 0:
        return "0"
    if number < 0:
        return f"-{write_as_ecma_262_says(-number)}"
    s, n = next(filter(None, (digits_of_length(k, number) for k in range(1, 18))))
    k = len(s)
    if k <= n <= 21:
        return s + "0" * (n - k)
    if 0 < n <= 21:
        return f"{s[:n]}.{s[n:]}"
    if -6 < n <= 0:
        return f"0.{'0' * -n}{s}"
    sign = "+" if n - 1 > 0 else "-"
    if k == 1:
        return f"{s}e{sign}{abs(n - 1)}"
    return f"{s[0]}.{s[1:]}e{sign}{abs(n - 1)}"


def digits_of_length(k: int, number: float) -> tuple[str, int] | None:
    """The s of k digits and the n for which s * 10^(n-k) reads as `number` and is nearest to it, if any."""
    exact = Decimal(number)
    n = exact.adjusted() + 1
    with localcontext(prec=1100):  # enough for any double, exactly
        scaled = exact.scaleb(k - n)
        candidates = [int(scaled), int(scaled) + 1]
        fitting = [s for s in candidates if len(str(s)) >= k and float(f"{s}e{n - k}") == number]
        if not fitting:
            return None
        s = min(fitting, key=lambda s: abs(s - scaled))
        return ("1" + "0" * (k - 1), n + 1) if s == 10**k else (str(s), n)  # 99.7 in two digits is 1.0e2


@given(st.floats(allow_nan=False, allow_infinity=False))
@example(1e-06)  # a little less in binary than in decimal
def test_any_double_is_written_as_ecma_262_says(number: float) -> None:
    assert encode(number).decode() == write_as_ecma_262_says(number)


def test_keys_go_by_utf_16_code_units_and_not_by_code_points() -> None:
    # RFC 8785, section 3.2.3: the surrogates of U+1F600 come before U+FB33.
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]

    written = json.loads(encode(dict.fromkeys(keys, 0)))

    assert list(written) == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


def test_text_is_escaped_as_little_as_json_allows() -> None:
    assert encode("\u20ac$\x0f\nA'B\"\\/\x7f") == '"\u20ac$\\u000f\\nA\'B\\"\\\\/\x7f"'.encode()


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: not number.is_integer())
    | st.text()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@given(values)
def test_what_is_written_reads_back_the_same(value: JsonValue) -> None:
    assert parse(encode(value)) == value


@given(values, st.randoms())
def test_neither_order_nor_space_nor_escapes_change_the_bytes(value: JsonValue, rng: random.Random) -> None:
    otherwise = json.dumps(_shuffle(value, rng), indent=2, ensure_ascii=True)

    assert encode(parse(otherwise.encode())) == encode(value)


def _shuffle(value: JsonValue, rng: random.Random) -> JsonValue:
    if isinstance(value, list):
        return [_shuffle(element, rng) for element in value]
    if isinstance(value, dict):
        return {key: _shuffle(value[key], rng) for key in rng.sample(sorted(value), len(value))}
    return value


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, 2**53 + 1, "\ud800", {"\udc00": 1}, {1: 1}, {"a": b"bytes"}, {1, 2}, NotImplemented],
    ids=repr,
)
def test_what_json_cannot_hold_is_not_written(value: object) -> None:
    with pytest.raises(Invalid):
        encode(value)


def test_a_value_that_contains_itself_is_not_written() -> None:
    value: list[object] = []
    value.append(value)

    with pytest.raises(Invalid, match="contains itself"):
        encode(value)


# fmt: off
NUMBERS = [
    ("1", 1), ("-0", 0), ("-0.0", 0), ("0e99999", 0), ("1.0", 1), ("1e3", 1000), ("26.20", 26.2),
    ("9007199254740992", 2**53), ("-9007199254740992e0", -(2**53)), ("5e-324", 5e-324), ("1E-7", 1e-7),
]
# fmt: on


@pytest.mark.parametrize(("text", "number"), NUMBERS)
def test_a_number_keeps_its_value_and_a_whole_one_is_an_int(text: str, number: float) -> None:
    read = parse(text.encode())

    assert read == number
    assert type(read) is type(number)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**9), max_value=10**9))
def test_up_to_15_digits_any_decimal_number_is_accepted(number: object) -> None:
    assert encode(parse(str(number).encode())) == encode(float(str(number)))


# fmt: off
REFUSED = [
    ("duplicate key", '{"a": {"k": 1, "k": 1}}', "/a", "key 'k' appears twice"),
    ("whole number beyond 2^53", "[0, 9007199254740993]", "/1", "is beyond 2^53"),
    ("whole number of 5,000 digits", "1" * 5000, "", "is beyond 2^53"),
    ("whole number beyond 2^53 with exponent", '{"a": 1e20}', "/a", "is beyond 2^53"),
    ("more digits than a double has", '{"a/b": {"~": 0.10000000000000001}}', "/a~1b/~0", "exactly"),
    ("too large", "[1e400]", "/0", "exactly"),
    ("too small", "[1e-400]", "/0", "exactly"),
    ("huge exponent", "[1e-99999999999999999999]", "/0", "exactly"),
    ("NaN", "[[NaN]]", "/0/0", "JSON has no NaN"),
    ("Infinity", "-Infinity", "", "JSON has no -Infinity"),
    ("lone surrogate", r'{"a": ["\ud83d"]}', "/a/0", "lone surrogate"),
    ("lone surrogate in a key", r'{"a": {"\uDE00": 1}}', "/a", "lone surrogate"),
    ("nested too deeply", "[" * (DEPTH_MAX + 1) + "]" * (DEPTH_MAX + 1), "", "deeper than 64"),
    ("nested beyond reason", "[" * 100_000, "", "deeper than 64"),
    ("nested deeply behind a bracket in text", '["]]", "\\\\", ' + "[" * DEPTH_MAX, "", "deeper than 64"),
    ("byte order mark", "\ufeff1", "", "not JSON"),
    ("nothing", "", "", "not JSON"),
    ("two values", "1 2", "", "line 1 column 3"),
    ("trailing comma", '{"a": 1,}', "", "not JSON"),
    ("single quotes", "{'a': 1}", "", "not JSON"),
    ("control character", '"\t"', "", "not JSON"),
    ("leading zero", "[01]", "", "not JSON"),
    ("comment", "/* */ 1", "", "not JSON"),
]
# fmt: on


@pytest.mark.parametrize(
    ("text", "pointer", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_json_that_cannot_be_kept_is_refused_with_its_pointer(text: str, pointer: str, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(text.encode())

    (problem,) = caught.value.problems
    assert problem.pointer == pointer
    assert message in problem.message


def test_depth_is_refused_before_the_parser_sees_it() -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000_000)  # some libraries do this, and the parser would then overrun the stack
    try:
        with pytest.raises(Invalid, match="deeper than 64"):
            parse(b"[" * 1_000_000)
    finally:
        sys.setrecursionlimit(limit)


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    with pytest.raises(Invalid, match="not UTF-8 at byte 1"):
        parse(b'"\xff"')
    with pytest.raises(Invalid, match="not UTF-8"):
        parse(b'"\xed\xa0\x80"')  # a surrogate, encoded


def test_all_problems_are_found_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        parse(b'{"a": [1e400, {"k": 1, "k": 2}], "b": 9007199254740993}')

    assert [problem.pointer for problem in caught.value.problems] == ["/a/0", "/a/1", "/b"]


def test_surrogates_in_pairs_and_depth_up_to_the_limit_are_fine() -> None:
    assert parse(rb'"\ud83d\ude00"') == "\U0001f600"
    assert parse(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)
    assert parse(b'"' + b"[" * 1000 + b'"') == "[" * 1000
    assert parse(rb'["\"", "[[{{", "\\"]') == ['"', "[[{{", "\\"]


@given(st.binary() | st.text(alphabet='{}[]",:0123456789eE.+-\\utfnaldsr ').map(str.encode))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        value = parse(raw)
    except Invalid:
        return
    assert parse(encode(value)) == value


def test_a_pointer_step_escapes_slash_and_tilde() -> None:
    assert pointer_step("a/b~c") == "/a~1b~0c"
