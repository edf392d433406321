"""Tables of records: CSV and XLSX, a row being the whole record of the identifier in its column `id`.

The other columns are named INDEX:TYPE, or INDEX:TYPE:PERMISSIONS; an empty cell is no value. Rows are put in
batches. A row that cannot be put goes to FILE.errors.csv with the reason and does not hold up the others.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from ledger.domain.errors import Invalid, LedgerError, NotFound
from ledger.domain.identifiers import parse_identifier
from ledger.domain.records import BATCH_MAX, PERMISSIONS, Change, Value, parse_values
from ledger.intake import ErrorReport, Fault, errors_path
from ledger.node import Node
from ledger.ports import ApiKey
from ledger.progress import ProgressBar
from ledger.records import Changed, change_records
from ledger.tabular import Row, read_table

ID_COLUMN: Final = "id"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the rows of a table."""

    registered: int
    updated: int
    unchanged: int
    failed: int


@dataclass(frozen=True, slots=True)
class ColumnName:
    index: str
    type: str
    permissions: str


def parse_column(name: str) -> ColumnName:
    """Where the texts of a column go: 1:URL, or 7:NOTE:1100. Raises Invalid."""
    match = _column(name)
    if match is None:
        raise Invalid(
            f"column {name!r}: expected {ID_COLUMN}, or the index and type of a value as 1:URL, perhaps with "
            "permissions as 7:NOTE:1100"
        )
    return ColumnName(match[1], match[2], match[3] or PERMISSIONS)


_column: Final = re.compile(r"([0-9]{1,10}):([^:\s]+)(?::([01]{4}))?").fullmatch


def value_json(column: ColumnName, text: str) -> dict[str, Any]:
    """The value of a cell, to be parsed."""
    return {"index": column.index, "type": column.type, "permissions": column.permissions, "data": text}


def import_records(node: Node, submitter: ApiKey, path: Path) -> Imported:
    """Put all records of the table; importing it again changes nothing.

    An error of the node as a whole (StoreUnavailable, ForkDetected, ...) passes through: import again, and
    what is put already stays. Raises Invalid when the file as a whole is not readable.
    """
    if not path.is_file():
        raise NotFound(f"{path}: no such file")
    report = ErrorReport(errors_path(path))
    bar = ProgressBar(path.name, None, "rows")
    counts: Counter[str] = Counter()
    rows = _read_rows(path)
    while piece := list(islice(rows, BATCH_MAX)):
        counts.update(_put(node, submitter, piece, report))
        bar.show(piece[-1].row.number)
    bar.end(sum(counts.values()))
    return Imported(*(counts[name] for name in ("registered", "updated", "unchanged", "failed")))


@dataclass(frozen=True, slots=True)
class _ReadRow:
    row: Row
    change: Change | None
    faults: tuple[Fault, ...]


def _read_rows(path: Path) -> Iterator[_ReadRow]:
    numbers: dict[str, int] = {}
    column_of = cache(parse_column)
    for row in read_table(path):
        columns = {name: column_of(name) for name in row.cells if name != ID_COLUMN}
        faults, change = _change(row, columns)
        if change is not None and (first := numbers.setdefault(change.uri, row.number)) != row.number:
            faults = [Fault(ID_COLUMN, f"{change.uri} is already in row {first}: keep one")]
            change = None
        yield _ReadRow(row, change, tuple(faults))


def _change(row: Row, columns: dict[str, ColumnName]) -> tuple[list[Fault], Change | None]:
    filled = [name for name in columns if row.cells[name]]
    faults: list[Fault] = []
    uri, values = "", tuple[Value, ...]()
    try:
        uri = parse_identifier(row.cells.get(ID_COLUMN, "")).uri
    except Invalid as error:
        faults.append(Fault(ID_COLUMN, str(error)))
    try:
        values = parse_values([value_json(columns[name], row.cells[name]) for name in filled])
    except Invalid as error:
        faults += [Fault(_column_at(filled, problem.pointer), problem.message) for problem in error.problems]
    return faults, None if faults else Change(uri, "put", values)


def _column_at(columns: Sequence[str], pointer: str) -> str:
    number = pointer.split("/")[1] if pointer else ""
    return columns[int(number)] if number else ""


def _put(node: Node, submitter: ApiKey, piece: Iterable[_ReadRow], report: ErrorReport) -> Iterator[str]:
    """What became of each row."""
    good = []
    for read in piece:
        for fault in read.faults:
            report.add([read.row], fault)
        if read.change is None:
            yield "failed"
        else:
            good.append((read.row, read.change))
    outcomes = change_records(node, submitter, [change for _, change in good], "proceed").outcomes
    for (row, _), outcome in zip(good, outcomes, strict=True):
        if isinstance(outcome, LedgerError):
            report.add([row], Fault("", str(outcome)))
        yield outcome.outcome if isinstance(outcome, Changed) else "failed"
