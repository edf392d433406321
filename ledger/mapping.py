"""From the rows of a table to EPCIS events, by a mapping declared in TOML: docs/mapping.md explains it.

The mapping holds one event as a template. A text in it may name columns: "{order}" is the cell as it is,
"{gtin|14}" padded with zeros to 14 digits, "{amount|number}" a JSON number, "{when|time}" the moment with
its offset and "{when|offset}" the offset alone. Where a web address is built around a cell, the cell is
escaped. A text with an empty cell is left out, and so is what becomes empty by that.

Not here: whether the event is correct. That is for capture, which knows all the rules.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from itertools import groupby
from pathlib import Path
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

from ledger.domain.canonical_json import JsonValue
from ledger.domain.digital_link import escape
from ledger.domain.errors import Invalid, NotFound
from ledger.domain.events import EPCIS_CONTEXT
from ledger.domain.rules import offset_of
from ledger.tabular import Row


@dataclass(frozen=True, slots=True)
class EventMapping:
    """How rows become events."""

    template: Mapping[str, Any]
    grouping: tuple[str, ...] = ()
    """Rows that stand together and agree in these columns are one event; without any, each row is one."""
    zone: tzinfo | None = None
    """Of times that come without an offset."""
    time_format: str = ""
    """As `datetime.strptime` has it; "" is ISO 8601."""
    prefixes: Mapping[str, str] | None = None
    """Prefix -> namespace, for names of extensions."""


@dataclass(frozen=True, slots=True)
class MappedEvent:
    """An event and the rows that it was made from; without an event, `fault` says what is wrong."""

    rows: tuple[Row, ...]
    event: dict[str, JsonValue] | None
    fault: str = ""


def read_mapping(path: Path) -> EventMapping:
    """The mapping in a TOML file. Raises Invalid or NotFound."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}") from error
    try:
        return parse_mapping(text)
    except Invalid as error:
        raise Invalid(f"{path}: {error}") from error


def parse_mapping(text: str) -> EventMapping:
    """The mapping that `text` declares. Raises Invalid naming what is wrong."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"not TOML: {error}") from error
    template = _take(tables, "event", dict)
    if not template:
        raise Invalid("[event] is missing: it holds the event as a template")
    rows, time = _take(tables, "rows", dict) or {}, _take(tables, "time", dict) or {}
    mapping = EventMapping(
        template=template,
        grouping=tuple(_take(rows, "one_event_per", list) or ()),
        zone=_read_zone(_take(time, "zone", str)),
        time_format=_take(time, "format", str) or "",
        prefixes=_take(tables, "prefixes", dict),
    )
    for name, table in (("", tables), ("[rows] ", rows), ("[time] ", time)):
        if table:
            raise Invalid(f"{name}{next(iter(table))} is not part of a mapping")
    for placeholder in _placeholders(template):
        _check_placeholder(placeholder, mapping)
    return mapping


def map_rows(mapping: EventMapping, rows: Iterable[Row]) -> Iterator[MappedEvent]:
    """The events of the rows, in their order, one at a time."""
    seen: set[tuple[str, ...]] = set()
    for key, group in groupby(rows, key=lambda row: _group_of(mapping, row)):
        together = tuple(group)
        if mapping.grouping and key in seen:
            fault = f"rows of one event stand together: sort the table by {', '.join(mapping.grouping)}"
            yield MappedEvent(together, None, fault)
            continue
        seen.add(key)
        yield _map_together(mapping, together)


def _group_of(mapping: EventMapping, row: Row) -> tuple[str, ...]:
    if not mapping.grouping:
        return (str(row.number),)
    return tuple(row.cells.get(column, "") for column in mapping.grouping)


def _map_together(mapping: EventMapping, rows: tuple[Row, ...]) -> MappedEvent:
    event: dict[str, JsonValue] = {}
    for row in rows:
        try:
            part = cast(dict[str, JsonValue], _fill(mapping, mapping.template, row) or {})
            event = _join(event, part, rows[0].number) if event else part
        except Invalid as error:
            return MappedEvent(rows, None, f"row {row.number}: {error}")
    if mapping.prefixes:
        event["@context"] = [EPCIS_CONTEXT, dict(mapping.prefixes)]
    return MappedEvent(rows, event)


def _join(event: dict[str, JsonValue], part: dict[str, JsonValue], first: int) -> dict[str, JsonValue]:
    """Lists of the rows of one event are put together; all else must be the same in each row."""
    for name in event.keys() | part.keys():
        old, new = event.get(name), part.get(name)
        if isinstance(old or new, list):
            event[name] = _distinct([*_list(old), *_list(new)])
        elif old != new:
            raise Invalid(f"{name} is not what row {first} of the same event has")
    return event


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _distinct(entries: list[JsonValue]) -> list[JsonValue]:
    return list({repr(entry): entry for entry in entries}.values())


# --- templates

_PLACEHOLDER: Final = re.compile(r"\{([^{}|]+)(?:\|([a-z0-9]+))?\}")
_FILTERS: Final = frozenset({"number", "time", "offset"})
_WEB: Final = ("http://", "https://")


def _placeholders(template: Any) -> Iterator[re.Match[str]]:
    if isinstance(template, str):
        yield from _PLACEHOLDER.finditer(template)
    elif isinstance(template, dict):
        for value in template.values():
            yield from _placeholders(value)
    elif isinstance(template, list):
        for value in template:
            yield from _placeholders(value)


def _check_placeholder(placeholder: re.Match[str], mapping: EventMapping) -> None:
    filter_ = placeholder[2]
    if filter_ and filter_ not in _FILTERS and not filter_.isdigit():
        raise Invalid(f"{placeholder[0]}: |{filter_} is not known; there are |number, |time, |offset, |14")
    if filter_ == "number" and placeholder[0] != placeholder.string:
        raise Invalid(f"{placeholder.string!r}: a number stands alone")
    if (
        filter_ == "offset"
        and mapping.zone is None
        and mapping.time_format
        and "%z" not in mapping.time_format
    ):
        raise Invalid(f"{placeholder[0]}: add [time] zone, as the times have no offset")


def _fill(mapping: EventMapping, template: Any, row: Row) -> JsonValue:
    """The template with the cells of the row; None where nothing is left of it."""
    if isinstance(template, str):
        return _fill_text(mapping, template, row)
    if isinstance(template, dict):
        filled = {name: _fill(mapping, value, row) for name, value in template.items()}
        return {name: value for name, value in filled.items() if value is not None} or None
    if isinstance(template, list):
        entries = (_fill(mapping, value, row) for value in template)
        return [entry for entry in entries if entry is not None] or None
    if isinstance(template, bool | int | float):
        return template
    raise Invalid(f"{template!r}: write it as text")


def _fill_text(mapping: EventMapping, template: str, row: Row) -> JsonValue:
    cells = {placeholder[1] for placeholder in _PLACEHOLDER.finditer(template)}
    for column in sorted(cells):
        if column not in row.cells:
            raise Invalid(f"the table has no column {column!r}")
        if not row.cells[column]:
            return None
    whole = _PLACEHOLDER.fullmatch(template)
    if whole and whole[2] == "number":
        return _number(row.cells[whole[1]])
    builds_address = template.startswith(_WEB)

    def replace(placeholder: re.Match[str]) -> str:
        text = _filter(mapping, row.cells[placeholder[1]], placeholder[2] or "")
        return escape(text) if builds_address else text

    return _PLACEHOLDER.sub(replace, template)


def _filter(mapping: EventMapping, cell: str, name: str) -> str:
    if name == "time":
        return _time(mapping, cell).isoformat(timespec="milliseconds")
    if name == "offset":
        time = _time(mapping, cell)
        assert time.tzinfo is not None
        return offset_of(time, time.tzinfo)
    if name.isdigit():
        return cell.zfill(int(name))
    return cell


def _time(mapping: EventMapping, cell: str) -> datetime:
    try:
        format_ = mapping.time_format
        time = datetime.strptime(cell, format_) if format_ else datetime.fromisoformat(cell)
    except ValueError as error:
        raise Invalid(f"{cell!r} is no time like {mapping.time_format or '2026-01-31T08:30:00'}") from error
    if time.tzinfo is None and mapping.zone is None:
        raise Invalid(f"{cell!r} has no offset: add [time] zone to the mapping")
    return time if time.tzinfo is not None else time.replace(tzinfo=mapping.zone)


def _number(cell: str) -> int | float:
    try:
        number = Decimal(cell)
    except InvalidOperation as error:
        raise Invalid(f"{cell!r} is no number") from error
    if not number.is_finite():
        raise Invalid(f"{cell!r} is no number")
    return int(number) if number == number.to_integral_value() else float(number)


def _read_zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise Invalid(f"[time] zone: no time zone {name!r} is known here") from error


def _take(tables: dict[str, Any], name: str, kind: type[Any]) -> Any:
    """Member `name`, taken out of `tables`, so that what is left over is not known."""
    value = tables.pop(name, None)
    if value is not None and not isinstance(value, kind):
        raise Invalid(f"{name} is a {type(value).__name__}, should be a {kind.__name__}")
    return value
