"""The fast writer of canonical JSON writes what the definition writes, or leaves the writing to it."""

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
