"""Metadata templates: which values the records of one kind of thing have, from index 2000 on.

A record names its template at index 1000 (its identifier, in any spelling) and the version at index 1001.
A template is a record itself: its value n, of type TEMPLATE, is version n as JSON, and can never be changed.
A new version has all items of the one before; an item that is no longer wanted is disabled.

Source: the metadata templates of the industrial internet's identifier system (items: type, names in two
languages, string of 4,000 characters, number of 38 digits, or date). Not here: its rule that a value is
unique among the records of a template.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from ledger.domain import canonical_json
from ledger.domain.errors import Invalid, Problem
from ledger.domain.records import INDEX_MAX, Value, is_type, shown

TEMPLATE: Final = "TEMPLATE"
"""Type of the values that are versions of a template."""

IMMUTABLE: Final = "1010"
"""Permissions of a value that nobody can change."""

ID_INDEX, VERSION_INDEX, ITEMS_INDEX = 1_000, 1_001, 2_000
NAME_LENGTH_MAX: Final = 50
STRING_LENGTH_MAX: Final = 4_000
NUMBER_DIGITS_MAX: Final = 38
ITEMS_MAX: Final = 500
VERSIONS_MAX: Final = ID_INDEX - 1


@dataclass(frozen=True, slots=True)
class Item:
    """One value that a template asks for."""

    index: int
    type: str
    name: str
    name_zh: str
    data_type: Literal["string", "number", "date"]
    required: bool
    disabled: bool  # no record may have it any more; items are never removed


@dataclass(frozen=True, slots=True)
class Template:
    name: str
    items: tuple[Item, ...]


def check_record(uri: str, values: Sequence[Value], values_of: Callable[[str], Sequence[Value]]) -> None:
    """Raises Invalid when a record is no good template, or does not fit the template that it names.

    `values_of` gives the values of another record, by the text at index 1000; none where there is none.
    """
    if any(value.type == TEMPLATE for value in values):
        _check_versions(uri, values)
    named = template_of(values)
    if named is None:
        return
    problems = list(_misfits(values, _find_template(uri, named, values_of(named[0]))))
    if problems:
        raise Invalid(
            f"{uri} does not fit its template {named[0]}, version {named[1]}: {problems[0]}", problems
        )


def template_of(values: Sequence[Value]) -> tuple[str, str] | None:
    """Identifier and version of the template that a record names; None when it names none."""
    told = {value.index: value.data.value for value in values}
    name = told.get(ID_INDEX)
    return None if name is None else (str(name), str(told.get(VERSION_INDEX, "")))


def _find_template(uri: str, named: tuple[str, str], versions: Sequence[Value]) -> Template:
    name, version = named
    for value in versions:
        if value.type == TEMPLATE and str(value.index) == version:
            return parse_template(str(value.data.value))
    known = ", ".join(str(value.index) for value in versions if value.type == TEMPLATE) or "none"
    raise Invalid(
        f"{uri}: value {ID_INDEX} names template {name[:80]!r} and value {VERSION_INDEX} "
        f"version {version[:20]!r}; of it, registered here are versions {known}"
    )


def _misfits(values: Sequence[Value], template: Template) -> Iterator[Problem]:
    given = {value.index: value for value in values if value.index >= ITEMS_INDEX}
    asked = {item.index: item for item in template.items if not item.disabled}
    for index in sorted(given.keys() - asked.keys()):
        yield Problem(f"/{index}", "the template has no such item, or it is disabled")
    for item in asked.values():
        value = given.get(item.index)
        if value is None:
            if item.required:
                yield Problem(f"/{item.index}", f"missing: {item.type} ({item.name}) is required")
        elif value.type != item.type:
            yield Problem(f"/{item.index}/type", f"expected {item.type}, found {value.type}")
        elif value.data.format != "string" or not _ITEM_FITS[item.data_type](str(value.data.value)):
            told = shown(value.data.value)
            yield Problem(f"/{item.index}/data", f"expected a {item.data_type}, found {told}")


def _is_short(text: str) -> bool:
    return len(text) <= STRING_LENGTH_MAX


def _is_number(text: str) -> bool:
    digits = re.fullmatch(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?", text)
    return digits is not None and sum(map(str.isdigit, text)) <= NUMBER_DIGITS_MAX


def _is_date(text: str) -> bool:
    if text[4:5] != "-":
        return False  # Python reads more of ISO 8601 than others do
    try:
        return bool(datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text))
    except ValueError:
        return False


_ITEM_FITS: Final[Mapping[str, Callable[[str], bool]]] = {
    "string": _is_short,
    "number": _is_number,
    "date": _is_date,
}
_ITEM_FIELDS: Final = frozenset({"index", "type", "name", "nameZh", "dataType", "required", "disabled"})


def _check_versions(uri: str, values: Sequence[Value]) -> None:
    """Versions count from 1 without a gap, none can be changed, and each has all items of the one before."""
    before = Template("", ())
    versions = [value for value in values if value.type == TEMPLATE]
    for number, value in enumerate(versions, 1):
        where = f"{uri}: value {value.index}"
        if value.index != number or number > VERSIONS_MAX:
            raise Invalid(f"{where}: a template's version n is its value n, so index {number} is next")
        if value.permissions != IMMUTABLE or value.data.format != "string":
            raise Invalid(
                f"{where}: a template is a string with permissions {IMMUTABLE}, as it never changes"
            )
        try:
            template = parse_template(str(value.data.value))
        except Invalid as error:
            raise Invalid(f"{where}: {error}", error.problems) from error
        _check_follows(where, before, template)
        before = template


def _check_follows(where: str, before: Template, after: Template) -> None:
    now = {item.index: item for item in after.items}
    for item in before.items:
        same = now.get(item.index)
        if same is None or (same.type, same.data_type) != (item.type, item.data_type):
            raise Invalid(
                f"{where}: item {item.index} ({item.type}) of the version before is missing or of another "
                "type; an item can only be disabled"
            )


def parse_template(text: str) -> Template:
    """A template's version, from its JSON. Raises Invalid with the pointer of what is wrong."""
    given = canonical_json.parse(text.encode("utf-8", "surrogatepass"))
    if not isinstance(given, dict) or given.keys() != {"name", "items"} or not _is_name(given["name"]):
        raise Invalid(f"a template is an object of name (1 to {NAME_LENGTH_MAX} characters) and items")
    items = given["items"]
    if not isinstance(items, list) or not 1 <= len(items) <= ITEMS_MAX:
        raise Invalid(f"/items: expected 1 to {ITEMS_MAX} items")
    read = [_read_item(item, f"/items/{number}") for number, item in enumerate(items)]
    for names in ([item.index for item in read], [item.type for item in read]):
        _check_distinct(names)
    return Template(str(given["name"]), tuple(read))


def _check_distinct(names: Sequence[object]) -> None:
    if len(set(names)) < len(names):
        raise Invalid("/items: two items have the same index or the same type")


def _read_item(given: object, at: str) -> Item:
    if not isinstance(given, dict) or given.keys() != _ITEM_FIELDS:
        raise Invalid(f"{at}: an item has exactly {', '.join(sorted(_ITEM_FIELDS))}")
    index = given["index"]
    checks = {
        "index": type(index) is int and ITEMS_INDEX <= index <= INDEX_MAX,
        "type": isinstance(given["type"], str) and is_type(given["type"]) is not None,
        "name": _is_name(given["name"]),
        "nameZh": _is_name(given["nameZh"]),
        "dataType": given["dataType"] in ("string", "number", "date"),
        "required": isinstance(given["required"], bool),
        "disabled": isinstance(given["disabled"], bool),
    }
    for name, holds in checks.items():
        if not holds:
            raise Invalid(f"{at}/{name}: expected {_ITEM_EXPECTED[name]}, found {shown(given[name])}")
    fields: dict[str, Any] = {_FIELD_OF.get(str(name), str(name)): value for name, value in given.items()}
    return Item(**fields)


def _is_name(given: object) -> bool:
    return isinstance(given, str) and 1 <= len(given) <= NAME_LENGTH_MAX


_FIELD_OF: Final = {"nameZh": "name_zh", "dataType": "data_type"}
_ITEM_EXPECTED: Final = {
    "index": f"{ITEMS_INDEX} or more",
    "type": "text without spaces",
    "name": f"1 to {NAME_LENGTH_MAX} characters",
    "nameZh": f"1 to {NAME_LENGTH_MAX} characters",
    "dataType": "string, number or date",
    "required": "true or false",
    "disabled": "true or false",
}
