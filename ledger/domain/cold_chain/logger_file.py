"""Files that data loggers write: CSV and other text with columns for time and values, read by a mapping.

title = "Comma, °C"
title_zh = "逗号分隔，°C"
delimiter = ","             # or ";", or "\\t"
decimal = "."               # or ","
time = ["Date", "Time"]     # the columns that make the time, joined by a blank
format = "%Y-%m-%d %H:%M:%S"    # as Python's strptime has it
offset = "+08:00"           # of the logger's clock, may be left out: then who imports says it

[[reading]]
column = "Temperature"
quantity = "temperature"    # humidity, light, shock, door
unit = "F"                  # only for temperature, may be left out: °C

Lines before the one that names all these columns are left out, as are columns that the mapping does not name.
Nothing in such a file is signed by the device. Pure.
"""

import csv
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any, Final

from ledger.domain.cold_chain.reading import Quantity, Reading, parse_quantity
from ledger.domain.errors import Invalid, Problem

ROWS_MAX: Final = 200_000
PROBLEMS_MAX: Final = 100
_NAMES: Final = {"title", "title_zh", "delimiter", "decimal", "time", "format", "offset", "reading"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_offset = re.compile(r"([+-])(\d\d):?(\d\d)")


@dataclass(frozen=True, slots=True)
class ReadingColumn:
    column: str
    quantity: Quantity
    is_fahrenheit: bool


@dataclass(frozen=True, slots=True)
class LoggerMapping:
    """How a kind of file is to be read."""

    name: str
    title: str
    title_zh: str
    delimiter: str
    decimal: str
    time_columns: tuple[str, ...]
    time_format: str
    offset: timezone | None
    readings: tuple[ReadingColumn, ...]


@dataclass(frozen=True, slots=True)
class LoggerFile:
    """What a file says: readings in order of time, each once, and what is wrong, row by row."""

    readings: tuple[Reading, ...]
    problems: tuple[Problem, ...]


def parse_offset(text: str) -> timezone:
    """The offset from UTC that "+08:00" is; "Z" is none. Raises Invalid."""
    found = _offset.fullmatch(text)
    if text == "Z":
        return UTC
    if not found or int(found[2]) > 14 or int(found[3]) > 59:
        raise Invalid(f"offset {text!r}: write it as +08:00, -05:00 or Z")
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(offset if found[1] == "+" else -offset)


def parse_mapping(name: str, text: str) -> LoggerMapping:
    """The mapping that a TOML document describes. Raises Invalid naming the key."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{name}: not TOML: {error}") from error
    if unknown := sorted(document.keys() - _NAMES):
        raise Invalid(f"{name}: unknown {', '.join(unknown)}")
    readings = document.get("reading", [])
    if not isinstance(readings, list) or not readings:
        raise Invalid(f"{name}: write each column of values as [[reading]], at least one")
    times = document.get("time")
    if not isinstance(times, list) or not times or not all(isinstance(column, str) for column in times):
        raise Invalid(f'{name}: time should be the columns that make the time, such as ["Date", "Time"]')
    return LoggerMapping(
        name=name,
        title=_text(document, name, "title"),
        title_zh=_text(document, name, "title_zh"),
        delimiter=_choice(document, name, "delimiter", (",", ";", "\t")),
        decimal=_choice(document, name, "decimal", (".", ",")),
        time_columns=tuple(times),
        time_format=_text(document, name, "format"),
        offset=parse_offset(_text(document, name, "offset")) if "offset" in document else None,
        readings=tuple(_parse_column(table, name) for table in readings),
    )


def _parse_column(table: Any, name: str) -> ReadingColumn:
    if not isinstance(table, dict):
        raise Invalid(f"{name}: write each column of values as [[reading]]")
    if unknown := sorted(table.keys() - {"column", "quantity", "unit"}):
        raise Invalid(f"{name}: [[reading]] has column, quantity and unit; unknown {', '.join(unknown)}")
    quantity = parse_quantity(table.get("quantity"))
    is_fahrenheit = "unit" in table and _choice(table, name, "unit", ("C", "F")) == "F"
    if "unit" in table and quantity != "temperature":
        raise Invalid(f"{name}: only temperature has a unit to choose, {quantity} has not")
    return ReadingColumn(_text(table, name, "column"), quantity, is_fahrenheit)


def _text(table: dict[str, Any], name: str, key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip() or len(value) > 300:
        raise Invalid(f"{name}: {key} should be a text of 1 to 300 signs")
    return value


def _choice(table: dict[str, Any], name: str, key: str, choices: Sequence[str]) -> str:
    if (value := table.get(key)) not in choices:
        raise Invalid(f"{name}: {key} is {value!r}; it should be one of {', '.join(map(repr, choices))}")
    return str(value)


# --------------------------------------------------------------------------- reading a file


def read_logger_file(mapping: LoggerMapping, text: str, offset: timezone | None = None) -> LoggerFile:
    """What the file says; `offset` is that of the logger's clock and goes before the mapping's.

    Raises Invalid when no line names the columns, when there are more than `ROWS_MAX` rows, and
    when nobody says the offset.
    """
    zone = offset or mapping.offset
    if zone is None and "%z" not in mapping.time_format:
        raise Invalid(f"{mapping.name}: say by how much the logger's clock is off UTC, such as +08:00")
    reader = csv.reader(text.removeprefix("\ufeff").splitlines(), delimiter=mapping.delimiter)
    found: dict[tuple[int, Quantity], Reading] = {}
    problems: list[Problem] = []
    try:
        columns = _find_header(mapping, reader)
        for row, cells in enumerate(reader):
            if row == ROWS_MAX:
                raise Invalid(f"more than {ROWS_MAX:,} rows: split the file")
            if len(problems) == PROBLEMS_MAX:
                break
            if not any(cell.strip() for cell in cells):
                continue
            at = {column: cells[place].strip() for column, place in columns.items() if place < len(cells)}
            try:
                for reading in _read_row(mapping, at, zone):
                    known = found.setdefault((reading.at_ms, reading.quantity), reading)
                    if known != reading:
                        raise Invalid(f"{reading.quantity}: another value of the same time stands above")
            except Invalid as error:
                problems.append(Problem(f"/{reader.line_num}", f"line {reader.line_num}: {error}"))
    except csv.Error as error:
        raise Invalid(f"line {reader.line_num}: not text in columns: {error}") from error
    return LoggerFile(tuple(sorted(found.values())), tuple(problems))


def _find_header(mapping: LoggerMapping, rows: Iterator[list[str]]) -> dict[str, int]:
    """The place of each column that the mapping names."""
    named = {*mapping.time_columns, *(reading.column for reading in mapping.readings)}
    for row in rows:
        cells = [cell.strip() for cell in row]
        if named <= set(cells):
            return {column: cells.index(column) for column in named}
    raise Invalid(f"{mapping.name}: no line of the file names the columns {', '.join(sorted(named))}")


def _read_row(mapping: LoggerMapping, cells: dict[str, str], zone: timezone | None) -> Iterator[Reading]:
    """The values of a row; an empty cell is none."""
    time = " ".join(cells.get(column, "") for column in mapping.time_columns)
    try:
        at = datetime.strptime(time, mapping.time_format)
    except ValueError as error:
        raise Invalid(f"time {time!r} is not as {mapping.time_format!r} says") from error
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    at_ms = (at - _EPOCH) // timedelta(milliseconds=1)
    for column in mapping.readings:
        if text := cells.get(column.column, ""):
            yield Reading(at_ms, column.quantity, _milli(text.replace(mapping.decimal, "."), column))


def _milli(text: str, column: ReadingColumn) -> int:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise Invalid(f"{column.column} {text!r} is no number") from error
    if not value.is_finite() or abs(value) > 10**9:
        raise Invalid(f"{column.column} {text!r} is no number that can be measured")
    celsius = (value - 32) * 5 / 9 if column.is_fahrenheit else value
    return int((celsius * 1000).to_integral_value(ROUND_HALF_EVEN))
