"""Labels: a Digital Link becomes a symbol, the symbol a layout in millimetres, the layout SVG or PNG."""

from labels.layout import ProductLabel, layout
from labels.png import to_png
from labels.svg import to_svg
from labels.terminal import to_terminal

__all__ = ["ProductLabel", "layout", "to_png", "to_svg", "to_terminal"]
