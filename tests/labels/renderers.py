"""Labels turned into dots by renderers that know nothing of ours: pdfium, resvg and a ZPL interpreter."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pypdfium2
import resvg_py
import zplkit
import zxingcpp
from PIL import Image

from labels import Print, to_png, to_svg, to_zpl, write_pdf
from labels.printing import dots_per_mm

_FONTS = Path(__file__).parents[2] / "labels/fonts"


def render_png(label: Print) -> Image.Image:
    return Image.open(BytesIO(to_png(label))).convert("L")


def render_svg(label: Print) -> Image.Image:
    png = resvg_py.svg_to_bytes(
        svg_string=to_svg(label),
        dpi=dots_per_mm(label.dpi) * 25.4,
        skip_system_fonts=True,
        font_files=[str(path) for path in _FONTS.glob("*.ttf")],
    )
    return Image.open(BytesIO(bytes(png))).convert("L")


def render_pdf(label: Print) -> Image.Image:
    out = BytesIO()
    write_pdf([label], out)
    (page,) = render_pages(out.getvalue(), label.dpi)
    return page


def render_pages(pdf: bytes, dpi: int) -> list[Image.Image]:
    """The pages at a printer's resolution, with whole dots on every side."""
    document = pypdfium2.PdfDocument(pdf)
    rounding = 1 - 1e-7  # pdfium rounds the size up
    try:
        scale = dots_per_mm(dpi) * 25.4 / 72 * rounding
        return [page.render(scale=scale).to_pil().convert("L") for page in document]
    finally:
        document.close()


def render_zpl(label: Print) -> Image.Image:
    printer = zplkit.Options(profile="specification", dpi=label.dpi, width=label.width, height=label.height)
    rendered = zplkit.render(to_zpl(label), printer)
    assert not rendered.warnings
    (scene,) = rendered.labels
    raster = scene.rasterize()
    return Image.frombytes("L", (raster.width, raster.height), bytes(raster.pixels))


RENDERERS: dict[str, Callable[[Print], Image.Image]] = {
    "png": render_png,
    "svg": render_svg,
    "pdf": render_pdf,
    "zpl": render_zpl,
}


def read_all(image: Image.Image) -> list[tuple[str, bytes]]:
    """What is on the picture: symbology identifier and content of every symbol, sorted."""
    codes = zxingcpp.read_barcodes(image)
    return sorted((code.symbology_identifier, code.bytes) for code in codes)
