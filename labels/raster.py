"""A print as a picture of one bit a dot: what PNG and ZPL hold.

Each letter is drawn once and put where the font's widths say, so a text is as wide here as in SVG and PDF.
"""

import math
from functools import lru_cache
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from labels.layout import BarBox, TextBox
from labels.printing import WHITE, Print, dots_per_mm
from labels.typeface import ASCENT_EM, face

_BLACK: Final = 0
_INK: Final = {False: 0, True: 255}  # of texts, black or white
_DRAWN: Final = 255
_LINE_EM: Final = 1.3  # room for what hangs below the em


def draw(label: Print) -> Image.Image:
    """The label at its printer's resolution, black on white."""
    scale = dots_per_mm(label.dpi)
    image = Image.new("1", (label.width, label.height), WHITE)
    for bar in label.page.bars:
        left, top, width, height = bar_dots(bar, scale)
        image.paste(_BLACK, (left, top, left + width, top + height))
    for text in label.page.texts:
        mask = line_mask(text.text, text.em_mm * scale, text.bold)
        _stamp(image, _INK[text.white], line_corner(text, scale), mask)
    for printed in label.symbols:
        image.paste(printed.image, (printed.left, printed.top))
    return image


def bar_dots(bar: BarBox, scale: float) -> tuple[int, int, int, int]:
    """Left, top, width and height of a bar, which is at least one dot thick."""
    left, top = round(bar.x_mm * scale), round(bar.y_mm * scale)
    right, bottom = round((bar.x_mm + bar.width_mm) * scale), round((bar.y_mm + bar.height_mm) * scale)
    return left, top, max(right - left, 1), max(bottom - top, 1)


def line_corner(text: TextBox, scale: float) -> tuple[int, int]:
    """Where the left upper corner of the line's mask belongs."""
    above = round(ASCENT_EM * round(text.em_mm * scale))
    return round(text.x_mm * scale), round(text.baseline_mm * scale) - above


@lru_cache(maxsize=1024)  # most texts of a job are the same on every label
def line_mask(text: str, em_dots: float, bold: bool) -> Image.Image:
    """The dots of a line of text."""
    typeface = face(bold)
    size = round(em_dots)
    per_unit = em_dots / typeface.units_per_em
    mask = Image.new("1", (round(typeface.width_em(text) * em_dots) + size, round(_LINE_EM * size)))
    x, overhang = 0.0, _overhang(size)
    for character in text:
        _stamp(mask, _DRAWN, (round(x) - overhang, 0), _glyph(character, size, bold))
        x += typeface.advances[character] * per_unit
    return mask


def _stamp(image: Image.Image, ink: int, at: tuple[int, int], mask: Image.Image) -> None:
    """Paint what `mask` shows, cut at the edges of `image`.

    The same as Image.paste without its checks, which take ten times as long as the painting of a letter.
    """
    canvas, painted = image.im, mask.im
    width, height = painted.size
    left, top = at
    box = (left, top, left + width, top + height)
    if left >= 0 and top >= 0 and box[2] <= canvas.size[0] and box[3] <= canvas.size[1]:
        canvas.paste(ink, box, painted)
    else:
        image.paste(ink, box, mask)


@lru_cache(maxsize=8192)
def _glyph(character: str, em_dots: int, bold: bool) -> Image.Image:
    overhang = _overhang(em_dots)
    width = math.ceil(face(bold).width_em(character) * em_dots) + 2 * overhang
    mask = Image.new("1", (width, round(_LINE_EM * em_dots)))
    baseline = round(ASCENT_EM * em_dots)
    canvas = ImageDraw.Draw(mask)
    canvas.text((overhang, baseline), character, font=_font(em_dots, bold), fill=_DRAWN, anchor="ls")
    return mask


def _overhang(em_dots: int) -> int:
    """Room beside a glyph for what reaches out of its width, as the hook of a j does."""
    return em_dots // 16 + 1


@lru_cache(maxsize=64)
def _font(em_dots: int, bold: bool) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(face(bold).path, em_dots, layout_engine=ImageFont.Layout.BASIC)
