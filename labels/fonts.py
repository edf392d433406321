"""Finding an installed font that can draw a text.

A font may name a character and still draw nothing for it (WenQuanYi Micro Hei does so for ℃), so we look at
the picture of the glyph, not at the font's tables.
"""

from functools import cache
from typing import Final

from PIL import ImageFont

from ledger.domain.errors import Invalid

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_REGULAR: Final = (
    ("NotoSansCJK-Regular.ttc", 2),  # 2 is the face for simplified Chinese
    ("NotoSansSC-Regular.otf", 0),
    ("NotoSansSC-Regular.ttf", 0),
    ("SourceHanSansSC-Regular.otf", 0),
    ("wqy-zenhei.ttc", 0),
    ("wqy-microhei.ttc", 0),
    ("PingFang.ttc", 0),
    ("Hiragino Sans GB.ttc", 0),
    ("msyh.ttc", 0),
    ("simhei.ttf", 0),
    ("DejaVuSans.ttf", 0),
    ("Arial.ttf", 0),
)
_BOLD: Final = (
    ("NotoSansCJK-Bold.ttc", 2),
    ("NotoSansSC-Bold.otf", 0),
    ("NotoSansSC-Bold.ttf", 0),
    ("SourceHanSansSC-Bold.otf", 0),
    ("msyhbd.ttc", 0),
    ("DejaVuSans-Bold.ttf", 0),
    *_REGULAR,
)
_NO_CHARACTER: Final = "\U0010ffff"  # in no font: what it draws is the box for a missing glyph


def find_font(text: str, size_px: int, *, bold: bool, where: str) -> Font:
    """The first installed font that draws every character of `text`.

    Raises Invalid naming the first character that none of them draws; `where` is the box it stands in.
    """
    fonts = _installed(size_px, bold)
    missing = ""
    for font in fonts:
        if not (lacks := _first_missing(font, text)):
            return font
        missing = missing or lacks
    raise Invalid(
        f"{where}: no installed font draws {missing!r} (U+{ord(missing):04X}): install a Chinese font "
        "such as Noto Sans CJK SC, or take the label as SVG"
    )


@cache
def _installed(size_px: int, bold: bool) -> tuple[Font, ...]:
    fonts: list[Font] = []
    for name, face in _BOLD if bold else _REGULAR:
        try:
            fonts.append(ImageFont.truetype(name, size_px, index=face))
        except OSError:
            continue  # not installed
    return (*fonts, ImageFont.load_default(size_px))


def _first_missing(font: Font, text: str) -> str:
    blank = bytes(font.getmask(_NO_CHARACTER))
    for character in text:
        if character.isspace():
            continue
        glyph = bytes(font.getmask(character))
        if not any(glyph) or glyph == blank:
            return character
    return ""
