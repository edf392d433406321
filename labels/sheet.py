"""Sheets of labels: where the cells of a page are, and which cell comes next. Millimetres."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ledger.domain.errors import Invalid, NotFound


@dataclass(frozen=True, slots=True)
class Sheet:
    """Equal cells in columns and rows; the pitch is from one cell's edge to the same edge of the next."""

    width_mm: float
    height_mm: float
    columns: int
    rows: int
    left_mm: float
    top_mm: float
    pitch_x_mm: float
    pitch_y_mm: float

    @property
    def cells(self) -> int:
        return self.columns * self.rows


SHEETS: Final = {
    "a4-24": Sheet(210, 297, 3, 8, 0, 0.5, 70, 37),
    "a4-27": Sheet(210, 297, 3, 9, 0, 0, 70, 33),
    "a4-36": Sheet(210, 297, 4, 9, 5, 13.5, 50, 30),
    "a4-4": Sheet(210, 297, 2, 2, 0, 0, 105, 148.5),
    "a4-2": Sheet(210, 297, 1, 2, 0, 0, 210, 148.5),
    "a4-1": Sheet(210, 297, 1, 1, 0, 0, 210, 297),
}
"""Sheets by name: paper and number of labels."""


def find_sheet(name: str) -> Sheet:
    """The sheet of that name. Raises NotFound naming those there are."""
    if name not in SHEETS:
        raise NotFound(f"no sheet {name!r}; there are {', '.join(SHEETS)}")
    return SHEETS[name]


def cells(sheet: Sheet, start: int) -> Iterator[tuple[int, float, float]]:
    """(page, x, y) of one cell after the other, row by row, from cell `start` of the first page; without end.

    Raises Invalid when the sheet has no such cell.
    """
    if not 1 <= start <= sheet.cells:
        raise Invalid(f"label {start} to start at: the sheet has labels 1 to {sheet.cells}")
    number = start - 1
    while True:
        page, cell = divmod(number, sheet.cells)
        row, column = divmod(cell, sheet.columns)
        yield page, sheet.left_mm + column * sheet.pitch_x_mm, sheet.top_mm + row * sheet.pitch_y_mm
        number += 1
