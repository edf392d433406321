"""Pages of A4 that are filled from the top down, with text, lines, areas and symbols: a document to print.

Lengths are points (1/72 inch) from the upper left corner. A character that the label font lacks is written
by its number, as [U+20BB7]: nothing is left out. Pages stay in memory until `finish`, which numbers them.
"""

from collections.abc import Iterable, Sequence
from typing import BinaryIO, Final

from labels.pdf_file import FONT_NAMES, PdfFile, symbol_image
from labels.symbol import Symbol
from labels.textflow import PITCH_EM, break_words
from labels.typeface import ASCENT_EM, Face, face

WIDTH: Final = 595.276
HEIGHT: Final = 841.89
MARGIN: Final = 45.0
INNER: Final = WIDTH - 2 * MARGIN

Colour = tuple[float, float, float]
"""Red, green and blue from 0 to 1."""
BLACK: Final[Colour] = (0.0, 0.0, 0.0)
GREY: Final[Colour] = (0.35, 0.4, 0.38)


class Paper:
    """`y` is how far down the page is filled."""

    def __init__(self, footer: str) -> None:
        self._footer = footer
        self._pages: list[list[str | tuple[str, bool]]] = [[]]
        self.y = MARGIN

    def room(self, height: float) -> None:
        """Go on with the next page when less than `height` is left on this one."""
        if self.y + height > HEIGHT - MARGIN - 14:
            self._pages.append([])
            self.y = MARGIN

    def text(
        self,
        text: str,
        size: float = 9.0,
        *,
        x: float = 0.0,
        width: float = INNER,
        bold: bool = False,
        colour: Colour = BLACK,
    ) -> None:
        """A paragraph `x` right of the margin, in lines of at most `width`."""
        for line in wrap(text, width / size, bold):
            self.room(size * PITCH_EM)
            self.put(MARGIN + x, self.y, line, size, bold=bold, colour=colour)
            self.y += size * PITCH_EM

    def row(self, cells: Sequence[str], widths: Sequence[float], size: float = 8.5, bold: int = -1) -> None:
        """A row of a table, with a fine line above; the cell number `bold` is bold, -1 for none."""
        lines = [
            wrap(cell, (width - 6) / size, number == bold)
            for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        height = max(map(len, lines)) * size * PITCH_EM + 4
        self.room(height)
        self.line([(MARGIN, self.y), (MARGIN + sum(widths), self.y)], 0.4, (0.8, 0.83, 0.82))
        x = MARGIN
        for number, (cell, width) in enumerate(zip(lines, widths, strict=True)):
            for place, line in enumerate(cell):
                down = self.y + 2 + place * size * PITCH_EM
                self.put(x, down, line, size, bold=number == bold)
            x += width
        self.y += height

    def put(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        bold: bool = False,
        colour: Colour = BLACK,
        align: float = 0.0,
    ) -> None:
        """One line, whose upper edge is at `y`; `align` of its width lies left of `x`."""
        drawn = drawable(text, bold)
        left = x - align * face(bold).width_em(drawn) * size
        down = HEIGHT - y - ASCENT_EM * size
        self._add(
            f"BT {_numbers(*colour)} rg /{FONT_NAMES[bold]} {size:g} Tf 1 0 0 1 {_numbers(left, down)} Tm"
        )
        self._pages[-1].append((drawn, bold))
        self._add("ET")

    def line(
        self, points: Iterable[tuple[float, float]], thick: float, colour: Colour, dash: str = ""
    ) -> None:
        """A line through these points; one point alone is a dot. `dash` as in PDF: 3 2."""
        found = list(points)
        if len(found) == 1:
            found.append((found[0][0] + 0.01, found[0][1]))
        path = [f"{_numbers(x, HEIGHT - y)} {'l' if n else 'm'}" for n, (x, y) in enumerate(found)]
        self._add(f"q {_numbers(*colour)} RG {thick:g} w 1 J 1 j [{dash}] 0 d {' '.join(path)} S Q")

    def area(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        self._add(f"{_numbers(*colour)} rg {_numbers(x, HEIGHT - y - height, width, height)} re f")

    def clip(self, x: float, y: float, width: float, height: float) -> None:
        """Let nothing be painted outside, until `unclip`."""
        self._add(f"q {_numbers(x, HEIGHT - y - height, width, height)} re W n")

    def unclip(self) -> None:
        self._add("Q")

    def symbol(self, symbol: Symbol, x: float, y: float, side: float) -> None:
        """A square symbol with its quiet zone inside `side`."""
        quiet = symbol.rules.quiet_columns * side / (symbol.columns + 2 * symbol.rules.quiet_columns)
        inner = side - 2 * quiet
        place = _numbers(inner, 0, 0, inner, x + quiet, HEIGHT - y - side + quiet)
        self._add(f"q 0 g {place} cm {symbol_image(symbol)} Q")

    def finish(self, out: BinaryIO) -> int:
        """Write the file; how many pages it has."""
        document = PdfFile(out)
        for number in range(len(self._pages)):
            self._number(number)
        for page in self._pages:
            contents = [
                part if isinstance(part, str) else f"<{document.use_glyphs(*part)}> Tj" for part in page
            ]
            document.add_page("\n".join(contents), (WIDTH, HEIGHT))
        document.close()
        return len(self._pages)

    def _number(self, number: int) -> None:
        pages = self._pages
        self._pages = [pages[number]]
        self.put(MARGIN, HEIGHT - MARGIN, self._footer, 7.5, colour=GREY)
        self.put(WIDTH - MARGIN, HEIGHT - MARGIN, f"{number + 1} / {len(pages)}", 7.5, colour=GREY, align=1)
        self._pages = pages

    def _add(self, operators: str) -> None:
        self._pages[-1].append(operators)


def drawable(text: str, bold: bool = False) -> str:
    """The text on one line, with the numbers of characters that the font lacks: [U+20BB7]."""
    known = face(bold).advances
    return "".join(c if c in known else f"[U+{ord(c):04X}]" for c in " ".join(text.split()))


def wrap(text: str, width_em: float, bold: bool = False) -> list[str]:
    """The text in lines that are no wider; a word that is wider than a line is cut."""
    typeface = face(bold)
    lines: list[str] = []
    line = ""
    for piece in break_words(drawable(text, bold)):
        while typeface.width_em((line + piece).rstrip()) > width_em:
            if line.strip():
                lines.append(line.rstrip())
                line = ""
            else:
                fitting = _fitting(piece, width_em, typeface)
                lines.append(piece[:fitting])
                piece = piece[fitting:]
        line += piece
    return [*lines, line.rstrip()]


def _fitting(word: str, width_em: float, typeface: Face) -> int:
    """How many characters of the word fit into the width, one at least."""
    count = 1
    while count < len(word) and typeface.width_em(word[: count + 1]) <= width_em:
        count += 1
    return count


def _numbers(*numbers: float) -> str:
    return " ".join(f"{number:.2f}" for number in numbers)
