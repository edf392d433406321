"""The fast reader and writer of canonical JSON do what the definition does, or leave the work to it."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger import fast_json
from ledger.domain import canonical_json
from ledger.domain.canonical_json import JsonValue
from ledger.domain.errors import Invalid

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@given(st.dictionaries(st.text(), values))
@example({"text": '\x00\x1f\x7f"\\/\u2028\U0001f600', "numbers": [2**53, -(2**53), 1e-7, 5.0, -0.0]})
@example({"\ufb33": 0, "\U0001f600": 1})  # by UTF-16 code units the second comes first
def test_both_writers_give_the_same_bytes(value: dict[str, JsonValue]) -> None:
    assert fast_json.encode(value) == canonical_json.encode(value)


@pytest.mark.parametrize(
    "member", [math.nan, [math.inf], 2**53 + 1, "\ud800", {"\udc00": 1}, b"bytes"], ids=repr
)
def test_what_json_cannot_hold_is_not_written(member: JsonValue) -> None:
    with pytest.raises(Invalid):
        fast_json.encode({"member": member})


def read_both(raw: bytes) -> tuple[object, object]:
    """What the fast reader and the definition make of `raw`, a value or the problems."""
    results: list[object] = []
    for parse in (fast_json.parse, canonical_json.parse):
        try:
            results.append(repr(parse(raw)))  # tells 1 from 1.0, and the order of members
        except Invalid as error:
            results.append(error.problems)
    return results[0], results[1]


@given(values, st.booleans(), st.sampled_from([None, 1]))
def test_both_readers_find_the_same_value(value: JsonValue, ascii_only: bool, indent: int | None) -> None:
    fast, defined = read_both(json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode())

    assert fast == defined


digits = st.text("0123456789", min_size=1, max_size=20)
numbers = st.tuples(
    st.sampled_from(["", "-"]),
    digits,
    st.one_of(st.just(""), digits.map(".{}".format), st.text("0", min_size=1, max_size=3).map(".{}".format)),
    st.sampled_from(["", "", "e3", "E-2", "e400"]),
).map("".join)


@given(st.lists(numbers | st.sampled_from(['"12345678901234567890"', '"1e5"', "true", "null"])))
@example(["-0", "-0.0", "0.10", "4.0", "9007199254740993", "123456789.123456", "-0.5", "1e400"])
def test_both_readers_find_the_same_numbers(written: list[str]) -> None:
    fast, defined = read_both(f'{{"numbers": [{",".join(written)}]}}'.encode())

    assert fast == defined


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "\\u0061": 1}',
        b'{"a": 1, "a": ":"}',
        b'{"a": "\\u003a", "a": 1}',
        b'[{"a": {"b": 1}, "a": {"c": 2}}]',
        b"[NaN]",
        b'["\\ud800"]',
        b'["\xff"]',
        b'\xef\xbb\xbf{"a": 1}',
        b"[" * 64 + b"]" * 64,
        b"[" * 65 + b"]" * 65,
        b"[" * 10_000 + b"]" * 10_000,
        b'{"[[{{": "' + b"[" * 70 + b'"}',
        b"[1,]",
        b"",
        b"5",
    ],
    ids=lambda raw: repr(raw[:40]),
)
def test_both_readers_refuse_the_same(raw: bytes) -> None:
    fast, defined = read_both(raw)

    assert fast == defined
