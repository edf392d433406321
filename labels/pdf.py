"""Prints as one PDF: a roll with a label on each page, or sheets with many.

Symbols are image masks of one bit a module, at whole dots: renderers that fill "any part of a pixel" make
vector modules uneven. Written as it goes: what stays in memory is one page. Source: ISO 32000-1.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import BinaryIO, Final

from labels.layout import BarBox, TextBox
from labels.pdf_file import FONT_NAMES, PdfFile, symbol_image
from labels.printing import MM_PER_INCH, Print, PrintedSymbol, dots_per_mm, to_dots
from labels.sheet import Sheet, cells
from ledger.domain.errors import Invalid

_POINTS_PER_MM: Final = 72 / MM_PER_INCH
_INSET_DOTS: Final = 0.02
"""An edge that rounding put just beyond a dot would make renderers stretch the symbol over that dot too."""


def write_pdf(
    labels: Iterable[Print],
    out: BinaryIO,
    sheet: Sheet | None = None,
    start: int = 1,
    offset_mm: tuple[float, float] = (0.0, 0.0),
) -> int:
    """Write a PDF with all the labels; how many there were.

    Without `sheet` each label has its own page. `start` is the first free label of a sheet that was used
    before; `offset_mm` moves everything right and down, for a printer that is off. Raises Invalid when there
    is no label, when one is larger than the cells, or when the sheet has no label `start`.
    """
    if any(abs(shift) > 20 for shift in offset_mm):
        raise Invalid(
            f"printer offset of {offset_mm[0]:g}, {offset_mm[1]:g} mm: at most 20 mm can be corrected"
        )
    document = PdfFile(out)
    placed = _on_rolls(labels) if sheet is None else _on_sheets(labels, sheet, start)
    count = 0
    for _, on_page in groupby(placed, key=lambda cell: cell.page):
        contents: list[str] = []
        size_points = (0.0, 0.0)
        for cell in on_page:
            contents += _draw_label(document, cell, offset_mm)
            size_points = cell.size_points
            count += 1
        document.add_page("\n".join(contents), size_points)
    if not count:
        raise Invalid("a PDF needs at least one label")
    document.close()
    return count


@dataclass(frozen=True, slots=True)
class _Cell:
    label: Print
    page: int
    paper_mm: tuple[float, float]
    x_mm: float
    y_mm: float

    @property
    def size_points(self) -> tuple[float, float]:
        """Of the paper, in whole dots: a renderer then has no reason to stretch the page by a part of one."""
        width, height = (to_dots(side, self.label.dpi) for side in self.paper_mm)
        dot = _POINTS_PER_MM / dots_per_mm(self.label.dpi)
        return width * dot, height * dot


def _on_rolls(labels: Iterable[Print]) -> Iterator[_Cell]:
    for number, label in enumerate(labels):
        yield _Cell(label, number, (label.page.width_mm, label.page.height_mm), 0.0, 0.0)


def _on_sheets(labels: Iterable[Print], sheet: Sheet, start: int) -> Iterator[_Cell]:
    for label, (page, x_mm, y_mm) in zip(labels, cells(sheet, start), strict=False):
        size_mm = label.page.width_mm, label.page.height_mm
        if size_mm[0] > sheet.pitch_x_mm or size_mm[1] > sheet.pitch_y_mm:
            raise Invalid(
                f"a label of {size_mm[0]:g} x {size_mm[1]:g} mm is larger than the sheet's cells of "
                f"{sheet.pitch_x_mm:g} x {sheet.pitch_y_mm:g} mm"
            )
        centred = x_mm + (sheet.pitch_x_mm - size_mm[0]) / 2, y_mm + (sheet.pitch_y_mm - size_mm[1]) / 2
        yield _Cell(label, page, (sheet.width_mm, sheet.height_mm), *centred)


def _draw_label(document: PdfFile, cell: _Cell, offset_mm: tuple[float, float]) -> Iterator[str]:
    """The operators of one label. PDF counts from the bottom, so everything is turned over here."""
    label = cell.label
    scale = dots_per_mm(label.dpi)
    # The corner stands on a whole dot, and so does every symbol.
    left = round((cell.x_mm + offset_mm[0]) * scale)
    top = to_dots(cell.paper_mm[1], label.dpi) - round((cell.y_mm + offset_mm[1]) * scale)
    dot = _POINTS_PER_MM / scale
    yield f"q 1 0 0 1 {left * dot:.6f} {top * dot:.6f} cm"
    yield from map(_draw_bar, label.page.bars)
    for printed in label.symbols:
        yield _draw_symbol(printed, dot)
    if label.page.texts:
        yield "BT"
        yield from (_draw_text(document, box) for box in label.page.texts)
        yield "ET"
    yield "Q"


def _draw_bar(bar: BarBox) -> str:
    numbers = bar.x_mm, -(bar.y_mm + bar.height_mm), bar.width_mm, bar.height_mm
    return " ".join(f"{number * _POINTS_PER_MM:.3f}" for number in numbers) + " re f"


def _draw_symbol(printed: PrintedSymbol, dot: float) -> str:
    left, bottom = printed.left + _INSET_DOTS, -(printed.top + printed.height) + _INSET_DOTS
    width, height = printed.width - 2 * _INSET_DOTS, printed.height - 2 * _INSET_DOTS
    place = f"{width * dot:.6f} 0 0 {height * dot:.6f} {left * dot:.6f} {bottom * dot:.6f}"
    return f"q {place} cm {symbol_image(printed.symbol)} Q"


def _draw_text(document: PdfFile, box: TextBox) -> str:
    glyphs = document.use_glyphs(box.text, box.bold)
    font = f"/{FONT_NAMES[box.bold]} {box.em_mm * _POINTS_PER_MM:.3f} Tf"
    place = f"1 0 0 1 {box.x_mm * _POINTS_PER_MM:.3f} {-box.baseline_mm * _POINTS_PER_MM:.3f} Tm"
    return f"{1 if box.white else 0} g {font} {place} <{glyphs}> Tj" + (" 0 g" if box.white else "")
