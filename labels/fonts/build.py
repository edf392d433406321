"""Build the two label fonts from Noto Sans SC, the variable font of Google Fonts (OFL).

    python labels/fonts/build.py "NotoSansSC[wght].ttf"

The source is in the PyPI package justmytype-intl-cjk 0.1.0, below fonts/ofl/notosanssc. Needs fontTools.

Kept are GB 2312, Latin-1 and a few signs; added is a snowflake of our own. Glyphs are simple outlines with
one advance each: no composites, kerning or hinting. So the width of a text is the sum of its glyphs in
every writer, and a PDF subset is made by leaving outlines out. That every kept character draws something is
checked.
"""

import math
import sys
from pathlib import Path
from typing import Any, Final

from fontTools.pens.filterPen import DecomposingFilterPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

FAMILY: Final = "Suyuan Sans SC"  # OFL, condition 3: not under the reserved name of the original
WEIGHTS: Final = {"Regular": 400, "Bold": 700}
SIGNS: Final = "–—‘’“”…•−≤≥≠±×÷°℃℉№™€¥←↑→↓↔□■○●△▲▽▼☆★✓✔✕⚠㎡㎏㎝㎜㎎㏄"
SNOWFLAKE: Final = "❄"


def main(source: Path) -> None:
    for style, weight in WEIGHTS.items():
        font = instantiateVariableFont(TTFont(source), {"wght": weight})
        characters = _wanted() & font.getBestCmap().keys()
        _keep(font, characters)
        _decompose(font)
        _add_snowflake(font)
        _rename(font, style)
        _require_outlines(font)
        target = Path(__file__).with_name(f"SuyuanSansSC-{style}.ttf")
        font.save(target)
        left_out = "".join(sorted(map(chr, _wanted() - characters)))
        print(f"{target.name}: {target.stat().st_size:,} bytes, not in the source: {left_out}")


def _wanted() -> set[int]:
    latin = {*range(0x20, 0x7F), *range(0xA0, 0x100)} - {0xAD}  # a soft hyphen is not drawn
    return {*latin, *map(ord, SIGNS), *map(ord, _gb2312())}


def _gb2312() -> str:
    codes = (bytes((high, low)) for high in range(0xA1, 0xF8) for low in range(0xA1, 0xFF))
    return "".join(code.decode("gb2312", "ignore") for code in codes)


def _keep(font: TTFont, characters: set[int]) -> None:
    options = Options(
        layout_features=[],
        hinting=False,
        notdef_outline=True,
        name_IDs=[],
        drop_tables=["BASE", "STAT", "VORG", "gasp", "vhea", "vmtx"],
    )
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)


def _decompose(font: TTFont) -> None:
    glyphs = font.getGlyphSet()
    composites = [name for name in font.getGlyphOrder() if font["glyf"][name].isComposite()]
    for name in composites:
        pen = TTGlyphPen(None)
        glyphs[name].draw(DecomposingFilterPen(pen, glyphs))
        font["glyf"][name] = pen.glyph()


def _add_snowflake(font: TTFont) -> None:
    """Six arms with two twigs each, as wide as a hanzi."""
    em = font["head"].unitsPerEm
    pen = TTGlyphPen(None)
    for arm in range(6):
        angle = math.radians(90 + 60 * arm)
        tip = _polar(0.44 * em, angle)
        _stroke(pen, (0, 0), tip, 0.07 * em, em)
        for side in (-1, 1):
            start = _polar(0.24 * em, angle)
            twig = _polar(0.17 * em, angle + side * math.radians(50))
            _stroke(pen, start, (start[0] + twig[0], start[1] + twig[1]), 0.06 * em, em)
    name = "snowflake"
    font["glyf"][name] = pen.glyph()  # joins the glyph order
    font["hmtx"][name] = (em, 0)
    for table in font["cmap"].tables:
        table.cmap[ord(SNOWFLAKE)] = name


def _polar(length: float, angle: float) -> tuple[float, float]:
    return length * math.cos(angle), length * math.sin(angle)


def _stroke(pen: Any, start: tuple[float, float], end: tuple[float, float], width: float, em: int) -> None:
    angle = math.atan2(end[1] - start[1], end[0] - start[0]) + math.pi / 2
    aside = _polar(width / 2, angle)
    centre = em * 0.5, em * 0.38
    corners = [
        (x + sign * aside[0] + centre[0], y + sign * aside[1] + centre[1])
        for (x, y), sign in ((start, 1), (end, 1), (end, -1), (start, -1))
    ]
    pen.moveTo(tuple(map(round, corners[0])))
    for corner in corners[1:]:
        pen.lineTo(tuple(map(round, corner)))
    pen.closePath()


def _rename(font: TTFont, style: str) -> None:
    names = font["name"]
    names.names = []
    texts = {
        0: "Copyright 2014-2021 Adobe (http://www.adobe.com/), with Reserved Font Name 'Source'",
        1: FAMILY,
        2: style,
        4: f"{FAMILY} {style}",
        6: f"{FAMILY.replace(' ', '')}-{style}",
        13: "This Font Software is licensed under the SIL Open Font License, Version 1.1.",
        14: "https://openfontlicense.org",
    }
    for number, text in texts.items():
        names.setName(text, number, 3, 1, 0x409)


def _require_outlines(font: TTFont) -> None:
    for code, name in font.getBestCmap().items():
        blank = font["glyf"][name].numberOfContours == 0
        assert blank == chr(code).isspace(), (
            f"U+{code:04X} {chr(code)} draws {'nothing' if blank else 'something'}"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
