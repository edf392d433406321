"""Tables in files: CSV (UTF-8; comma, semicolon or tab) and XLSX (the first sheet), row by row.

Every cell is read as text, trimmed: a whole number without its ".0", a moment in ISO 8601, nothing as "".
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from ledger.domain.errors import Invalid, NotFound

SUFFIXES: Final = (".csv", ".xlsx")
ROWS_MAX: Final = 1_000_000
CELL_LENGTH_MAX: Final = 65_536


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number as the spreadsheet shows it, and column -> text."""

    number: int
    cells: Mapping[str, str]


def read_table(path: Path) -> Iterator[Row]:
    """The rows below the header row, but for empty ones. Raises Invalid when it is no such table."""
    if not path.is_file():
        raise NotFound(f"{path}: no such file")
    if path.suffix.lower() == ".xlsx":
        rows = _read_xlsx(path)
    elif path.suffix.lower() == ".csv":
        rows = _read_csv(path)
    else:
        raise Invalid(f"{path}: a table is a file that ends in {' or '.join(SUFFIXES)}")
    yield from _below_header(path, rows)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    """Write a table that `read_table` reads."""
    if path.suffix.lower() == ".xlsx":
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet("master data")
        sheet.append(list(columns))
        for row in rows:
            sheet.append([row.get(column, "") for column in columns])
        book.save(path)
        return
    if path.suffix.lower() != ".csv":
        raise Invalid(f"{path}: a table is a file that ends in {' or '.join(SUFFIXES)}")
    # With the byte order mark, spreadsheets take the file for UTF-8.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([row.get(column, "") for column in columns] for row in rows)


def _below_header(path: Path, rows: Iterator[tuple[int, list[str]]]) -> Iterator[Row]:
    _, columns = next(rows, (0, []))
    named = [column for column in columns if column]
    if not named:
        raise Invalid(f"{path}: the first row names no columns")
    if len(set(named)) < len(named):
        raise Invalid(f"{path}: two columns have the same name")
    for number, cells in rows:
        if number > ROWS_MAX:
            raise Invalid(f"{path}: more than {ROWS_MAX} rows: split it")
        if any(cells):
            yield Row(number, {c: v for c, v in zip(columns, cells, strict=False) if c})


def _read_csv(path: Path) -> Iterator[tuple[int, list[str]]]:
    with path.open("rb") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as file:
        try:
            first = file.readline(CELL_LENGTH_MAX)
            delimiter = max(",;\t", key=first.count)
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for number, cells in enumerate(reader, 1):
                yield number, [cell.strip() for cell in cells]
        except UnicodeDecodeError as error:
            raise Invalid(f"{path}: is not UTF-8: save it as CSV UTF-8") from error
        except csv.Error as error:
            raise Invalid(f"{path}: line {reader.line_num}: {error}") from error


def _read_xlsx(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError, OSError) as error:
        raise Invalid(f"{path}: is no XLSX workbook: {error}") from error
    try:
        sheet = book.worksheets[0]
        for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
            yield number, [_to_text(cell) for cell in cells]
    finally:
        book.close()


def _to_text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return str(cell).strip()
