"""A print as a PNG of one bit a dot."""

from io import BytesIO

from labels.printing import MM_PER_INCH, Print, dots_per_mm
from labels.raster import draw


def to_png(label: Print) -> bytes:
    """The label as PNG; it carries its resolution for the print dialog."""
    out = BytesIO()
    dpi = dots_per_mm(label.dpi) * MM_PER_INCH
    draw(label).save(out, "PNG", dpi=(dpi, dpi))
    return out.getvalue()
