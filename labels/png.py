"""A layout as a black-and-white PNG for a printer of a known resolution.

Modules are whole printer dots: a symbol scaled to fractions of dots prints uneven modules and reads badly.
"""

from io import BytesIO
from typing import Final

from PIL import Image, ImageDraw

from labels.fonts import find_font
from labels.layout import HEIGHT_MM, WIDTH_MM, Box, SymbolBox, TextBox, check_module
from labels.symbol import QUIET_MODULES
from ledger.domain.errors import Invalid

PRINTER_DPI: Final = (203, 300, 600)
_MM_PER_INCH: Final = 25.4
_WHITE: Final = 1


def to_png(boxes: tuple[Box, ...], dpi: int) -> bytes:
    """A 1-bit PNG of the label at `dpi` dots per inch, which it also carries for the print dialog.

    Raises Invalid when no printer has that resolution, when a module of whole dots would be under 0.396 mm,
    when no installed font draws a character and when a text is wider than its box.
    """
    if dpi not in PRINTER_DPI:
        raise Invalid(f"dpi is {dpi}: label printers have {', '.join(map(str, PRINTER_DPI))}")
    image = Image.new("1", (_dots(WIDTH_MM, dpi), _dots(HEIGHT_MM, dpi)), _WHITE)
    canvas = ImageDraw.Draw(image)
    for box in boxes:
        if isinstance(box, TextBox):
            _draw_text(canvas, box, dpi)
        else:
            _draw_symbol(canvas, box, dpi)
    out = BytesIO()
    image.save(out, "PNG", dpi=(dpi, dpi))
    return out.getvalue()


def _draw_text(canvas: ImageDraw.ImageDraw, box: TextBox, dpi: int) -> None:
    font = find_font(box.text, _dots(box.em_mm, dpi), bold=box.bold, where=box.name)
    if font.getlength(box.text) > _dots(box.width_mm, dpi):
        raise Invalid(f"{box.name}: {box.text!r} is too long for its box: use a shorter text")
    at = _dots(box.x_mm, dpi), _dots(box.y_mm + 0.88 * box.em_mm, dpi)
    canvas.text(at, box.text, font=font, fill=0, anchor="ls")


def _draw_symbol(canvas: ImageDraw.ImageDraw, box: SymbolBox, dpi: int) -> None:
    dots = int(box.side_mm / _MM_PER_INCH * dpi / box.symbol.modules)
    check_module(dots * _MM_PER_INCH / dpi, f"({dots} dots) at {dpi} dpi")
    left, top = (_dots(corner, dpi) + QUIET_MODULES * dots for corner in (box.x_mm, box.y_mm))
    for y, row in enumerate(box.symbol.rows):
        for x, dark in enumerate(row):
            if dark:
                corner = left + x * dots, top + y * dots
                canvas.rectangle((corner, (corner[0] + dots - 1, corner[1] + dots - 1)), fill=0)


def _dots(length_mm: float, dpi: int) -> int:
    return round(length_mm / _MM_PER_INCH * dpi)
