"""A page made ready for one printer: symbols at whole dots, each read back before anything is written.

A symbol scaled to fractions of dots prints uneven modules and reads badly, so its module is the largest
whole number of dots that fits its box. The picture that is read back is the one that all writers print.
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

from PIL import Image

from labels.layout import Page, SymbolBox
from labels.readback import read_back
from labels.symbol import Symbol
from ledger.domain.errors import Invalid

PRINTER_DPI: Final = (203, 300, 600)
MM_PER_INCH: Final = 25.4
WHITE: Final = 1

# What is sold as 203 dpi has 8 dots to the millimetre.
_DOTS_PER_MM: Final = {203: 8.0, 300: 300 / MM_PER_INCH, 600: 600 / MM_PER_INCH}


@dataclass(frozen=True, slots=True)
class PrintedSymbol:
    """A symbol at its place in dots from the top left corner of the label; without its quiet zone."""

    symbol: Symbol
    left: int
    top: int
    module: int
    """Dots on the side of a module."""
    height: int
    """Dots; of a GS1-128, the length of its bars."""
    dots: bytes
    """Rows of bits without the quiet zone, dark is 1, each row filled up to whole bytes."""

    @property
    def image(self) -> Image.Image:
        """The picture of `dots`."""
        return Image.frombytes("1", (self.width, self.height), self.dots, "raw", "1;I")

    @property
    def width(self) -> int:
        return self.symbol.columns * self.module


@dataclass(frozen=True, slots=True)
class Print:
    """A label for a printer of `dpi` dots per inch; `prepare_print` makes it and reads its symbols back."""

    page: Page
    dpi: int
    symbols: tuple[PrintedSymbol, ...]
    quality: float
    """The smallest share of error correction that reading a symbol left unused; 1 is perfect."""

    @property
    def width(self) -> int:
        """In dots."""
        return to_dots(self.page.width_mm, self.dpi)

    @property
    def height(self) -> int:
        return to_dots(self.page.height_mm, self.dpi)


def prepare_print(page: Page, dpi: int) -> Print:
    """The page with its symbols on the dots of a printer.

    Raises Invalid when no printer has that resolution, when a module of whole dots would be too small, and
    when a symbol does not read back as what it should say; the message names the box.
    """
    if dpi not in PRINTER_DPI:
        raise Invalid(f"dpi is {dpi}: label printers have {', '.join(map(str, PRINTER_DPI))}")
    symbols = tuple(_place(box, dpi) for box in page.symbols)
    readings = [
        read_back(printed.image, printed.symbol, box.name)
        for printed, box in zip(symbols, page.symbols, strict=True)
    ]
    return Print(page, dpi, symbols, min(readings, default=1.0))


def dots_per_mm(dpi: int) -> float:
    """Dots to the millimetre of a printer that is sold with `dpi` dots per inch."""
    return _DOTS_PER_MM[dpi]


def to_dots(length_mm: float, dpi: int) -> int:
    return round(length_mm * _DOTS_PER_MM[dpi])


def _place(box: SymbolBox, dpi: int) -> PrintedSymbol:
    symbol, quiet = box.symbol, box.symbol.rules
    scale = _DOTS_PER_MM[dpi]
    columns = symbol.columns + 2 * quiet.quiet_columns
    rows = symbol.rows + 2 * quiet.quiet_rows
    room_mm = box.width_mm / columns
    if not symbol.is_linear:
        room_mm = min(room_mm, box.height_mm / rows)
    rounding = 1e-6
    module = int(min(room_mm, box.module_mm_max) * scale + rounding)
    if module / scale < box.module_mm_min - rounding:
        raise Invalid(
            f"{box.name}: a module would be {module / scale:.3f} mm ({module} dots) at {dpi} dpi, at least "
            f"{box.module_mm_min:g} mm is needed: use a shorter address or identifier, or a finer printer"
        )
    width = symbol.columns * module
    height = int(box.height_mm * scale) if symbol.is_linear else symbol.rows * module
    left = int((box.x_mm + box.width_mm / 2) * scale - width / 2)
    top = int((box.y_mm + box.height_mm / 2) * scale - height / 2)
    dots = _draw(symbol, module, height if symbol.is_linear else module)
    return PrintedSymbol(symbol, left, top, module, height, dots)


def _draw(symbol: Symbol, module: int, row_height: int) -> bytes:
    """The rows of dots of a symbol whose rows are `row_height` dots high."""
    wide = bytearray(len(symbol.bits) * module)
    for number, part in enumerate(_widened(module)):
        wide[number::module] = symbol.bits.translate(part)
    stride, row_bytes = (symbol.columns + 7) // 8 * module, (symbol.columns * module + 7) // 8
    rows = [wide[start : start + row_bytes] * row_height for start in range(0, len(wide), stride)]
    return b"".join(rows)


@cache
def _widened(times: int) -> tuple[bytes, ...]:
    """Tables: the first, second ... byte of what a byte is when every bit of it is written so many times."""
    wide = [int("".join(bit * times for bit in f"{byte:08b}"), 2).to_bytes(times) for byte in range(256)]
    return tuple(bytes(each[number] for each in wide) for number in range(times))
