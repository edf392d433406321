"""A print as SVG in true millimetres, to print at 100 % on a printer of its resolution.

Texts stay texts. They are drawn in the viewer's font and stretched to the width that they were laid out for.
"""

from typing import Final
from xml.sax.saxutils import escape

from labels.layout import BarBox, TextBox
from labels.printing import Print, PrintedSymbol, dots_per_mm

_FONTS: Final = (
    "'Suyuan Sans SC','Noto Sans SC','Noto Sans CJK SC','PingFang SC','Microsoft YaHei',Arial,sans-serif"
)


def to_svg(label: Print) -> str:
    """An SVG document of the label's true size; its units are dots, so that a module is a whole number."""
    scale = dots_per_mm(label.dpi)
    body = "\n".join(
        (
            *(_draw_bar(bar, scale) for bar in label.page.bars),
            *map(_draw_symbol, label.symbols),
            *(_draw_text(text, scale) for text in label.page.texts),
        )
    )
    size = f'width="{label.width / scale:.7g}mm" height="{label.height / scale:.7g}mm"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {label.width} {label.height}" '
        f'font-family="{_FONTS}">\n'
        f'<rect width="{label.width}" height="{label.height}" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _draw_bar(bar: BarBox, scale: float) -> str:
    x, y, width, height = (
        f"{length * scale:.2f}" for length in (bar.x_mm, bar.y_mm, bar.width_mm, bar.height_mm)
    )
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}"/>'


def _draw_text(box: TextBox, scale: float) -> str:
    weight = ' font-weight="700"' if box.bold else ""
    colour = ' fill="#fff"' if box.white else ""
    # One letter cannot be stretched, and a viewer that tries draws it badly.
    stretched = f' textLength="{box.width_mm * scale:.2f}" lengthAdjust="spacingAndGlyphs"'
    place = f'x="{box.x_mm * scale:.2f}" y="{box.baseline_mm * scale:.2f}"'
    style = f'font-size="{box.em_mm * scale:.2f}"{weight}{colour}{stretched if len(box.text) > 1 else ""}'
    return f"<text {place} {style}>{escape(box.text)}</text>"


def _draw_symbol(printed: PrintedSymbol) -> str:
    # One path in units of modules: neighbouring modules share no seam that a renderer could show.
    runs = "".join(
        f"M{x} {y}h{width}v1h-{width}z"
        for y in range(printed.symbol.rows)
        for x, width in _runs(printed.symbol.row(y))
    )
    transform = (
        f"translate({printed.left} {printed.top}) "
        f"scale({printed.module} {printed.height / printed.symbol.rows:g})"
    )
    return f'<path transform="{transform}" shape-rendering="crispEdges" d="{runs}"/>'


def _runs(row: tuple[bool, ...]) -> list[tuple[int, int]]:
    """(start, length) of each run of dark modules."""
    runs: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if dark and runs and sum(runs[-1]) == x:
            runs[-1] = runs[-1][0], runs[-1][1] + 1
        elif dark:
            runs.append((x, 1))
    return runs
