"""Identifier records: one way to write a value, clear refusals, changes that lose nothing."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain import canonical_json
from ledger.domain.bundle import item_uris
from ledger.domain.errors import Conflict, Invalid, NotFound
from ledger.domain.record_templates import check_record, parse_template
from ledger.domain.records import (
    Action,
    Admin,
    Change,
    Data,
    Kept,
    Value,
    ValuesExist,
    ValuesNotFound,
    apply_change,
    change_body,
    hidden_commitment,
    parse_values,
    read_kept,
    write_kept,
)

URI = "hdl:88.118.1001/abc"
NOW, LATER = "2026-11-29T05:55:26Z", "2026-11-29T06:00:00Z"
SALT = bytes(range(32))
URL = {"index": 1, "type": "URL", "data": "https://maker.example/1"}
ADMIN = {
    "index": 100,
    "type": "HS_ADMIN",
    "data": {
        "format": "admin",
        "value": {"handle": "0.NA/88.118.1001", "index": "200", "permissions": "011111110011"},
    },
}


def url(index: int = 1, target: str = "https://maker.example/1", **fields: Any) -> Value:
    return Value(index, "URL", Data("string", target), **fields)


def apply(action: Action, before: tuple[Value, ...], *values: Value, at: tuple[int, ...] = ()) -> Any:
    return apply_change(Change(URI, action, values, frozenset(at)), before, NOW)


# --- reading and writing


def test_values_are_read_in_the_order_of_their_indices_and_defaults_are_filled_in() -> None:
    admin, link = parse_values([ADMIN, URL])[::-1]
    assert link == url()
    assert admin.data == Data("admin", Admin("0.NA/88.118.1001", 200, "011111110011"))
    assert link.to_json() == {
        "index": 1,
        "type": "URL",
        "data": {"format": "string", "value": "https://maker.example/1"},
        "ttl": 86400,
        "timestamp": "",
    }


def test_what_is_not_the_default_is_written() -> None:
    given = URL | {
        "permissions": "1100",
        "ttl": LATER,
        "references": [{"handle": "88.118.1001/a", "index": 3}],
    }
    (value,) = parse_values([given])
    assert not value.is_public
    written = value.to_json()
    assert written["permissions"] == "1100"
    assert written["ttl"] == LATER
    assert written["references"] == given["references"]
    assert parse_values([written]) == (value,)


@pytest.mark.parametrize(
    ("change", "at", "said"),
    [
        ({"index": 0}, "/0/index", "expected a whole number from 1 to 2147483647, found 0"),
        ({"index": 2**31}, "/0/index", "found 2147483648"),
        ({"index": True}, "/0/index", "found True"),
        ({"type": "my type"}, "/0/type", "without spaces such as URL, found 'my type'"),
        ({"type": "HS_SECKEY"}, "/0/type", "secrets are not kept in records"),
        ({"data": 7}, "/0/data", "expected text, or an object of format and value, found 7"),
        ({"data": {"format": "site", "value": {}}}, "/0/data/format", "found 'site'"),
        ({"data": {"format": ["x"], "value": ""}}, "/0/data/format", "found ['x']"),
        ({"data": {"format": "base64", "value": "a"}}, "/0/data/value", "expected base64, found 'a'"),
        ({"data": {"format": "hex", "value": "abc"}}, "/0/data/value", "two digits a byte"),
        ({"data": "x" * 65_537}, "/0/data/value", "65537 characters, at most 65536 are kept"),
        ({"data": "\ud800"}, "/0/data/value", "expected text, found '\\ud800'"),
        ({"permissions": "0110"}, "/0/permissions", "the owner reads every value"),
        ({"permissions": "1111"}, "/0/permissions", "nobody else writes one"),
        ({"permissions": "11100"}, "/0/permissions", "expected 4 bits"),
        ({"ttl": -1}, "/0/ttl", "expected seconds, or a moment"),
        ({"ttl": "tomorrow"}, "/0/ttl", "found 'tomorrow'"),
        ({"references": [{"handle": "x", "index": 1}]}, "/0/references/0/handle", "as 88.118.1001/abc"),
        ({"color": "red"}, "/0/color", "unknown; a value has data, index,"),
    ],
)
def test_a_wrong_value_is_refused_where_it_is_wrong(change: dict[str, Any], at: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_values([URL | change])
    (problem,) = refused.value.problems
    assert problem.pointer == at
    assert said in problem.message


def test_every_fault_is_told_and_an_index_stands_once() -> None:
    with pytest.raises(Invalid) as refused:
        parse_values([URL, URL, {"index": 2}, 7], "/values")
    assert [problem.pointer for problem in refused.value.problems] == [
        "/values/1/index",
        "/values/2/type",
        "/values/3",
    ]


@pytest.mark.parametrize("given_set", [[], {}, None, [URL] * 1001])
def test_a_set_has_between_one_and_a_thousand_values(given_set: object) -> None:
    with pytest.raises(Invalid, match="list of 1 to 1000 values"):
        parse_values(given_set)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
near_values = st.fixed_dictionaries(
    {
        "index": st.integers(-1, 2**31) | json_values,
        "type": st.sampled_from(["URL", "HS_ADMIN", "批次"]) | st.text(max_size=5),
        "data": st.text(max_size=20)
        | st.fixed_dictionaries(
            {"format": st.sampled_from(["string", "base64", "hex", "admin", "vlist"]), "value": json_values}
        ),
    },
    optional={"permissions": st.text("01", min_size=4, max_size=4), "ttl": st.integers() | st.just(NOW)},
)


@given(st.lists(near_values | json_values, max_size=4) | json_values)
def test_what_is_read_is_written_and_read_the_same_and_all_else_is_refused(given_set: object) -> None:
    with suppress(Invalid):
        values = parse_values(given_set)
        written = [value.to_json() for value in values]
        assert parse_values(written) == values
        kept = tuple(Kept(value, None if value.is_public else SALT) for value in values)
        assert read_kept(write_kept(kept)) == kept


# --- changing


def test_a_record_is_registered_once() -> None:
    (stored,) = apply("register", (), url())
    assert stored.timestamp == NOW
    with pytest.raises(Conflict, match="registered already"):
        apply("register", (stored,), url())


def test_putting_replaces_all_and_merging_replaces_the_same_indices() -> None:
    before = (url(1, timestamp=LATER), url(2, timestamp=LATER))
    assert apply("put", before, url(3)) == (url(3, timestamp=NOW),)
    assert apply("merge", before, url(2, "https://other.example"), url(3)) == (
        url(1, timestamp=LATER),
        url(2, "https://other.example", timestamp=NOW),
        url(3, timestamp=NOW),
    )


def test_adding_needs_free_indices() -> None:
    before = apply("register", (), url(1))
    assert [value.index for value in apply("add", before, url(2))] == [1, 2]
    with pytest.raises(ValuesExist, match="at index 1 already"):
        apply("add", before, url(1), url(2))


def test_a_value_that_stays_the_same_keeps_its_timestamp() -> None:
    before = (url(1, timestamp=LATER),)
    assert apply("put", before, url(1)) == before


def test_values_are_removed_by_index_but_not_the_last_ones() -> None:
    before = (url(1, timestamp=NOW), url(2, timestamp=NOW))
    assert apply("remove", before, at=(1,)) == before[1:]
    with pytest.raises(ValuesNotFound, match="no value at index 7"):
        apply("remove", before, at=(1, 7))
    with pytest.raises(Invalid, match="delete the record"):
        apply("remove", before, at=(1, 2))
    assert apply("delete", before) == ()


@pytest.mark.parametrize("action", ["merge", "add", "remove", "delete"])
def test_what_is_not_registered_cannot_be_changed(action: Action) -> None:
    with pytest.raises(NotFound, match="is not registered here"):
        apply(action, (), url())


def test_a_value_without_admin_write_stays_as_it_is() -> None:
    before = apply("register", (), url(1, permissions="1010"), url(2))
    assert apply("merge", before, url(2, "https://other.example"))[0] == before[0]
    for action, values, at in (
        ("merge", (url(1, "https://other.example"),), ()),
        ("put", (url(2),), ()),
        ("remove", (), (1,)),
        ("delete", (), ()),
    ):
        with pytest.raises(Conflict, match="neither changed nor removed"):
            apply(action, before, *values, at=at)


# --- what the log holds


def test_the_log_shows_public_values_and_the_commitment_of_a_hidden_one() -> None:
    hidden = Value(2, "NOTE", Data("string", "for us alone"), permissions="1100", timestamp=NOW)
    body = change_body("urn:uuid:1", URI, 3, [Kept(url(1, timestamp=NOW), None), Kept(hidden, SALT)])
    assert b"for us alone" not in body
    read = canonical_json.parse(body)
    assert isinstance(read, dict)
    assert item_uris(read) == {URI}
    assert read["values"] == [
        url(1, timestamp=NOW).to_json(),
        {"index": 2, "commitment": hidden_commitment(SALT, hidden).hex()},
    ]
    assert canonical_json.encode(read) == body


# --- templates

ITEM = {
    "index": 2000,
    "type": "PRODUCT_NAME",
    "name": "Product name",
    "nameZh": "产品名称",
    "dataType": "string",
    "required": True,
    "disabled": False,
}
WEIGHT = ITEM | {"index": 2001, "type": "WEIGHT", "dataType": "number", "required": False}
MADE = ITEM | {"index": 2002, "type": "MADE", "dataType": "date", "required": False}


def template(*items: dict[str, Any], index: int = 1, permissions: str = "1010") -> Value:
    text = json.dumps({"name": "Tea", "items": list(items)})
    return Value(index, "TEMPLATE", Data("string", text), permissions)


def text_at(index: int, kind: str, text: str) -> Value:
    return Value(index, kind, Data("string", text))


def made_by(version: str, *values: Value) -> tuple[Value, ...]:
    return (
        text_at(1000, "TEMPLATE_ID", "88.118.1001/tea"),
        text_at(1001, "TEMPLATE_VERSION", version),
        *values,
    )


def check(values: tuple[Value, ...], *versions: Value) -> None:
    check_record(URI, values, {"88.118.1001/tea": versions}.__getitem__)


NAME = text_at(2000, "PRODUCT_NAME", "龙井")


def test_a_record_fits_its_template() -> None:
    version = template(ITEM, WEIGHT, MADE)
    check(made_by("1", NAME, text_at(2001, "WEIGHT", "-0.50"), text_at(2002, "MADE", "2026-11-29")), version)
    check((url(),))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((), "/2000: missing: PRODUCT_NAME"),
        ((NAME, text_at(2001, "WEIGHT", "heavy")), "/2001/data: expected a number, found 'heavy'"),
        ((NAME, text_at(2001, "WEIGHT", "1" * 39)), "expected a number"),
        ((NAME, text_at(2002, "MADE", "20261129")), "expected a date"),
        ((NAME, text_at(2002, "MADE", "2026-02-30")), "expected a date"),
        ((text_at(2000, "NAME", "x"),), "/2000/type: expected PRODUCT_NAME, found NAME"),
        ((text_at(2000, "PRODUCT_NAME", "x" * 4001),), "expected a string"),
        ((NAME, text_at(2003, "COLOR", "green")), "/2003: the template has no such item"),
    ],
)
def test_a_record_that_does_not_fit_its_template_is_refused(values: tuple[Value, ...], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        check(made_by("1", *values), template(ITEM, WEIGHT, MADE))


def test_a_record_names_a_version_that_is_registered() -> None:
    with pytest.raises(Invalid, match="version '2'; of it, registered here are versions 1"):
        check(made_by("2", NAME), template(ITEM))
    with pytest.raises(Invalid, match="are versions none"):
        check(made_by("1", NAME))


def test_a_new_version_may_add_and_disable_items_but_never_drop_them() -> None:
    check((template(ITEM), template(ITEM | {"disabled": True}, WEIGHT, index=2)))
    with pytest.raises(Invalid, match=r"item 2000 .* can only be disabled"):
        check((template(ITEM), template(WEIGHT, index=2)))
    with pytest.raises(Invalid, match="can only be disabled"):
        check((template(ITEM), template(ITEM | {"dataType": "number"}, index=2)))
    with pytest.raises(Invalid, match="no such item, or it is disabled"):
        check(made_by("2", NAME), template(ITEM), template(ITEM | {"disabled": True}, index=2))


def test_a_template_is_immutable_and_its_versions_have_no_gap() -> None:
    with pytest.raises(Invalid, match="permissions 1010"):
        check((template(ITEM, permissions="1110"),))
    with pytest.raises(Invalid, match="index 2 is next"):
        check((template(ITEM), template(ITEM, index=3)))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "an object of name"),
        ("{", "not JSON"),
        ('{"name": "", "items": []}', "an object of name"),
        ('{"name": "x", "items": []}', "expected 1 to 500 items"),
        (
            json.dumps({"name": "x", "items": [ITEM | {"index": 1999}]}),
            "/items/0/index: expected 2000 or more",
        ),
        (json.dumps({"name": "x", "items": [ITEM | {"index": "2000"}]}), "/items/0/index"),
        (
            json.dumps({"name": "x", "items": [ITEM | {"nameZh": "茶" * 51}]}),
            "/items/0/nameZh: expected 1 to 50",
        ),
        (json.dumps({"name": "x", "items": [ITEM | {"dataType": []}]}), "/items/0/dataType: expected string"),
        (json.dumps({"name": "x", "items": [ITEM, ITEM | {"index": 2001}]}), "the same type"),
        (json.dumps({"name": "x", "items": [ITEM | {"unique": True}]}), "an item has exactly"),
    ],
)
def test_a_wrong_template_is_refused(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        parse_template(text)


@given(st.text(max_size=40) | st.builds(json.dumps, json_values))
def test_any_text_is_a_template_or_refused(text: str) -> None:
    with suppress(Invalid):
        parse_template(text)
