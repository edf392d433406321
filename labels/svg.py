"""A layout as SVG in true millimetres. Fonts are the viewer's."""

from typing import Final
from xml.sax.saxutils import escape

from labels.layout import HEIGHT_MM, WIDTH_MM, Box, SymbolBox, TextBox
from labels.symbol import QUIET_MODULES

_FONTS: Final = "'Noto Sans SC','Noto Sans CJK SC','PingFang SC','Microsoft YaHei',Helvetica,Arial,sans-serif"
_ASCENT: Final = 0.88  # of the em, from the top of a text box to its baseline


def to_svg(boxes: tuple[Box, ...]) -> str:
    """An SVG document of the label's true size, to print at 100 %."""
    body = "\n".join(_draw(box) for box in boxes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_MM:g}mm" height="{HEIGHT_MM:g}mm" '
        f'viewBox="0 0 {WIDTH_MM:g} {HEIGHT_MM:g}" font-family="{_FONTS}">\n'
        f'<rect width="{WIDTH_MM:g}" height="{HEIGHT_MM:g}" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _draw(box: Box) -> str:
    return _draw_text(box) if isinstance(box, TextBox) else _draw_symbol(box)


def _draw_text(box: TextBox) -> str:
    weight = ' font-weight="700"' if box.bold else ""
    return (
        f'<text x="{box.x_mm:.3f}" y="{box.y_mm + _ASCENT * box.em_mm:.3f}" '
        f'font-size="{box.em_mm:g}"{weight}>{escape(box.text)}</text>'
    )


def _draw_symbol(box: SymbolBox) -> str:
    # One path in units of modules: neighbouring modules share no seam that a renderer could show.
    runs = "".join(
        f"M{x + QUIET_MODULES} {y + QUIET_MODULES}h{width}v1h-{width}z"
        for y, row in enumerate(box.symbol.rows)
        for x, width in _runs(row)
    )
    scale = box.side_mm / box.symbol.modules
    return (
        f'<path transform="translate({box.x_mm:.3f} {box.y_mm:.3f}) scale({scale:.6f})" '
        f'shape-rendering="crispEdges" d="{runs}"/>'
    )


def _runs(row: tuple[bool, ...]) -> list[tuple[int, int]]:
    """(start, length) of each run of dark modules."""
    runs: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if dark and runs and sum(runs[-1]) == x:
            runs[-1] = runs[-1][0], runs[-1][1] + 1
        elif dark:
            runs.append((x, 1))
    return runs
