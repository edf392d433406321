"""Prints as one PDF: a roll with a label on each page, or sheets with many.

Symbols are image masks of one bit a module, at whole dots: renderers that fill "any part of a pixel" make
vector modules uneven. Fonts are embedded with the glyphs that were used, and texts can be searched.

Written as it goes: what stays in memory is one page and the places of objects. Source: ISO 32000-1.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import BinaryIO, Final

from labels.layout import BarBox, TextBox
from labels.printing import MM_PER_INCH, Print, PrintedSymbol, dots_per_mm, to_dots
from labels.sheet import Sheet, cells
from labels.typeface import Face, face, subset
from ledger.domain.errors import Invalid

_POINTS_PER_MM: Final = 72 / MM_PER_INCH
_INSET_DOTS: Final = 0.02
"""An edge that rounding put just beyond a dot would make renderers stretch the symbol over that dot too."""

_CATALOG, _PAGES, _RESOURCES, _FIRST_FREE = 1, 2, 3, 4
_FONT_NAMES: Final = {False: "R", True: "B"}


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
    document = _Document(out)
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


def _draw_label(document: "_Document", cell: _Cell, offset_mm: tuple[float, float]) -> Iterator[str]:
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
    symbol = printed.symbol
    left, bottom = printed.left + _INSET_DOTS, -(printed.top + printed.height) + _INSET_DOTS
    width, height = printed.width - 2 * _INSET_DOTS, printed.height - 2 * _INSET_DOTS
    place = f"{width * dot:.6f} 0 0 {height * dot:.6f} {left * dot:.6f} {bottom * dot:.6f}"
    # /D [1 0]: a set bit paints.
    image = f"BI /W {symbol.columns} /H {symbol.rows} /IM true /D [1 0] /F /AHx ID {symbol.bits.hex()}> EI"
    return f"q {place} cm {image} Q"


def _draw_text(document: "_Document", box: TextBox) -> str:
    glyphs = document.use_glyphs(box.text, box.bold)
    font = f"/{_FONT_NAMES[box.bold]} {box.em_mm * _POINTS_PER_MM:.3f} Tf"
    place = f"1 0 0 1 {box.x_mm * _POINTS_PER_MM:.3f} {-box.baseline_mm * _POINTS_PER_MM:.3f} Tm"
    return f"{1 if box.white else 0} g {font} {place} <{glyphs}> Tj" + (" 0 g" if box.white else "")


@dataclass(slots=True)
class _Document:
    """A PDF file being written: objects as they come, fonts and the page list at the end."""

    out: BinaryIO
    place: int = 0
    offsets: dict[int, int] = field(default_factory=dict)
    pages: list[int] = field(default_factory=list)
    used: dict[bool, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._write(b"%PDF-1.7\n%\xb5\xb5\xb5\xb5\n")

    def use_glyphs(self, text: str, bold: bool) -> str:
        """The glyphs of `text` in hex; they will be in the font."""
        self.used.setdefault(bold, set()).update(text)
        glyphs = face(bold).glyphs
        return "".join([f"{glyphs[character]:04X}" for character in text])

    def add_page(self, contents: str, size_points: tuple[float, float]) -> None:
        number = self._next_number()
        self._add_stream(number, contents.encode("ascii"))
        page = self._next_number()
        box = f"0 0 {size_points[0]:.6f} {size_points[1]:.6f}"
        parts = f"/MediaBox[{box}]/Resources {_RESOURCES} 0 R/Contents {number} 0 R"
        self._add(page, f"<</Type/Page/Parent {_PAGES} 0 R{parts}>>")
        self.pages.append(page)

    def close(self) -> None:
        fonts = {_FONT_NAMES[bold]: self._add_font(face(bold), text) for bold, text in self.used.items()}
        listed = "".join(f"/{name} {number} 0 R" for name, number in fonts.items())
        self._add(_RESOURCES, f"<</Font<<{listed}>>>>")
        kids = " ".join(f"{page} 0 R" for page in self.pages)
        self._add(_PAGES, f"<</Type/Pages/Count {len(self.pages)}/Kids[{kids}]>>")
        # A viewer that "fits to page" would print modules of uneven dots.
        viewer = "/ViewerPreferences<</PrintScaling/None>>"
        self._add(_CATALOG, f"<</Type/Catalog/Pages {_PAGES} 0 R{viewer}>>")
        self._write_cross_references()

    def _add_font(self, typeface: Face, characters: set[str]) -> int:
        """A composite font whose codes are the glyph numbers (ISO 32000-1, 9.7)."""
        file, descriptor, descendant, unicode_map, font = (self._next_number() for _ in range(5))
        glyphs = {typeface.glyphs[character]: character for character in sorted(characters)}
        content = subset(typeface, glyphs)
        self._add_stream(file, content, f"/Length1 {len(content)}")
        name = f"/SUYUAN+{typeface.path.stem}"
        self._add(
            descriptor,
            f"<</Type/FontDescriptor/FontName{name}/Flags 4/FontBBox[-1000 -300 3000 1100]/ItalicAngle 0"
            f"/Ascent 880/Descent -120/CapHeight 733/StemV 80/FontFile2 {file} 0 R>>",
        )
        per_em = 1000 / typeface.units_per_em
        widths = " ".join(
            f"{glyph}[{typeface.advances[c] * per_em:g}]" for glyph, c in sorted(glyphs.items())
        )
        self._add(
            descendant,
            f"<</Type/Font/Subtype/CIDFontType2/BaseFont{name}/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)"
            f"/Supplement 0>>/FontDescriptor {descriptor} 0 R/DW 1000/W[{widths}]/CIDToGIDMap/Identity>>",
        )
        self._add_stream(unicode_map, _unicode_map(glyphs).encode("ascii"))
        self._add(
            font,
            f"<</Type/Font/Subtype/Type0/BaseFont{name}/Encoding/Identity-H/DescendantFonts[{descendant} 0 R]"
            f"/ToUnicode {unicode_map} 0 R>>",
        )
        return font

    def _next_number(self) -> int:
        number = len(self.offsets) + _FIRST_FREE
        self.offsets[number] = 0
        return number

    def _add(self, number: int, body: str) -> None:
        self.offsets[number] = self.place
        self._write(f"{number} 0 obj\n{body}\nendobj\n".encode("ascii"))

    def _add_stream(self, number: int, content: bytes, more: str = "") -> None:
        packed = zlib.compress(content)
        self.offsets[number] = self.place
        self._write(f"{number} 0 obj\n<</Length {len(packed)}/Filter/FlateDecode{more}>>\nstream\n".encode())
        self._write(packed)
        self._write(b"\nendstream\nendobj\n")

    def _write_cross_references(self) -> None:
        start = self.place
        numbers = sorted(self.offsets)
        entries = "".join(f"{self.offsets[number]:010} 00000 n \n" for number in numbers)
        trailer = f"trailer\n<</Size {len(numbers) + 1}/Root {_CATALOG} 0 R>>\nstartxref\n{start}\n%%EOF\n"
        self._write(f"xref\n0 {len(numbers) + 1}\n0000000000 65535 f \n{entries}{trailer}".encode("ascii"))

    def _write(self, content: bytes) -> None:
        self.out.write(content)
        self.place += len(content)


def _unicode_map(glyphs: dict[int, str]) -> str:
    """The CMap by which a viewer searches and copies text."""
    lines = [f"<{glyph:04X}> <{character.encode('utf-16-be').hex()}>" for glyph, character in glyphs.items()]
    blocks = [lines[first : first + 100] for first in range(0, len(lines), 100)]
    listed = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        f"1 begincodespacerange <0000> <FFFF> endcodespacerange\n{listed}\n"
        "endcmap CMapName currentdict /CMap defineresource pop end end\n"
    )
