"""A print as a picture of one bit a dot: what PNG and ZPL hold.

Each letter is drawn once and put where the font's widths say, so a text is as wide here as in SVG and PDF.
"""

import math
from functools import lru_cache
from typing import Final, NamedTuple

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
        image.paste(_INK[text.white], line_corner(text, scale), mask.image)
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


class Mask(NamedTuple):
    """The dots of a line of text: rows of bits, each filled up to whole bytes."""

    width: int
    height: int
    dots: bytes

    @property
    def image(self) -> Image.Image:
        return Image.frombytes("1", (self.width, self.height), self.dots)


@lru_cache(maxsize=256)  # most texts of a job are the same on every label
def line_mask(text: str, em_dots: float, bold: bool) -> Mask:
    """The dots of a line of text."""
    typeface = face(bold)
    size = round(em_dots)
    per_unit = em_dots / typeface.units_per_em
    width, height = round(typeface.width_em(text) * em_dots) + size, round(_LINE_EM * size)
    # All dots are one whole number, in which a letter moves right by a shift.
    stride = (width + 7) // 8
    dots, x, overhang = 0, 0.0, _overhang(size)
    for character in text:
        left = round(x) - overhang
        dots |= _glyph_in_line(character, size, bold, stride, max(-left, 0)) >> max(left, 0)
        x += typeface.advances[character] * per_unit
    return Mask(width, height, dots.to_bytes(stride * height))


@lru_cache(maxsize=8192)
def _glyph_in_line(character: str, em_dots: int, bold: bool, stride: int, cut: int) -> int:
    """The dots of a glyph at the left end of a line of `stride` bytes, without its first `cut` columns."""
    glyph = _glyph(character, em_dots, bold)
    line = Image.new("1", (8 * stride, glyph.height))
    line.paste(glyph, (-cut, 0))
    return int.from_bytes(line.tobytes())


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
