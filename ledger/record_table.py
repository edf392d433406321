"""Tables of records: CSV and XLSX, a row being the whole record of the identifier in its column `id`.

The other columns are named INDEX:TYPE, or INDEX:TYPE:PERMISSIONS; an empty cell is no value. Rows are put in
batches. A row that cannot be put goes to FILE.errors.csv with the reason and does not hold up the others.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

from ledger.domain.errors import Invalid, LedgerError
from ledger.domain.identifiers import parse_identifier
from ledger.domain.records import BATCH_MAX, PERMISSIONS, Change, Value, parse_values
from ledger.intake import ErrorReport, Fault, errors_path
from ledger.progress import ProgressBar
from ledger.records import Changed
from ledger.tabular import Row, read_table

ID_COLUMN: Final = "id"


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the rows of a table."""

    registered: int
    updated: int
    unchanged: int
    failed: int

    @property
    def rows(self) -> int:
        return self.registered + self.updated + self.unchanged + self.failed


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


PutChanges = Callable[[Sequence[Change]], Sequence[Changed | LedgerError]]
"""Makes up to 2,000 changes, and says of each what it did or why it could not be made."""


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row, and the change that it asks for: None when it has faults."""

    row: Row
    change: Change | None
    faults: tuple[Fault, ...]


def import_records(put: PutChanges, path: Path) -> Imported:
    """Put all records of the table; importing it again changes nothing.

    An error of the node as a whole (StoreUnavailable, ForkDetected, ...) passes through: import again, and
    what is put already stays. Raises Invalid when the file as a whole is not readable.
    """
    rows = read_rows(path)
    report = ErrorReport(errors_path(path))
    bar = ProgressBar(path.name, None, "rows")
    done = put_rows(put, rows, lambda row, fault: report.add([row], fault), bar.show)
    bar.end(done.rows)
    return done


def put_rows(
    put: PutChanges,
    rows: Iterable[ReadRow],
    report: Callable[[Row, Fault], None],
    show: Callable[[int], None] = lambda row_number: None,
) -> Imported:
    """Put rows in batches, and report each fault; `show` is told how far we are. Raises what `put` raises."""
    counts: Counter[str] = Counter()
    remaining = iter(rows)
    while piece := list(islice(remaining, BATCH_MAX)):
        counts.update(_put(put, piece, report))
        show(piece[-1].row.number)
    return imported(counts)


def imported(counts: Mapping[str, int]) -> Imported:
    """The counts of outcomes, and of "failed"."""
    return Imported(*(counts.get(name, 0) for name in ("registered", "updated", "unchanged", "failed")))


def read_rows(path: Path) -> Iterator[ReadRow]:
    """The rows of a table of records. Raises NotFound, or Invalid when it is no such table."""
    numbers: dict[str, int] = {}
    column_of = cache(parse_column)
    for row in read_table(path):
        columns = {name: column_of(name) for name in row.cells if name != ID_COLUMN}
        faults, change = _change(row, columns)
        if change is not None and (first := numbers.setdefault(change.uri, row.number)) != row.number:
            faults = [Fault(ID_COLUMN, f"{change.uri} is already in row {first}: keep one")]
            change = None
        yield ReadRow(row, change, tuple(faults))


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


def _put(put: PutChanges, piece: Iterable[ReadRow], report: Callable[[Row, Fault], None]) -> Iterator[str]:
    """What became of each row."""
    good = []
    for read in piece:
        for fault in read.faults:
            report(read.row, fault)
        if read.change is None:
            yield "failed"
        else:
            good.append((read.row, read.change))
    outcomes = put([change for _, change in good]) if good else ()
    for (row, _), outcome in zip(good, outcomes, strict=True):
        if isinstance(outcome, LedgerError):
            report(row, Fault("", str(outcome)))
        yield outcome.outcome if isinstance(outcome, Changed) else "failed"
