"""Every template in every format at every resolution, as other people's renderers and decoder see it."""

from functools import cache

import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

from labels import Print, find_template, layout, prepare_print, template_names
from labels.printing import PRINTER_DPI, PrintedSymbol
from tests.labels.renderers import RENDERERS, read_all
from tests.labels.samples import CONTENTS, EXPECTED


@cache
def print_of(template: str, dpi: int) -> Print:
    return prepare_print(layout(find_template(template), CONTENTS[template]), dpi)


def area(printed: PrintedSymbol) -> tuple[int, int, int, int]:
    return printed.left, printed.top, printed.left + printed.width, printed.top + printed.height


def with_quiet_zone(image: Image.Image, printed: PrintedSymbol) -> Image.Image:
    left, top, right, bottom = area(printed)
    aside = printed.symbol.rules.quiet_columns * printed.module
    above = printed.symbol.rules.quiet_rows * printed.module
    return image.crop((left - aside, top - above, right + aside, bottom + above))


def dots_differ(image: Image.Image, printed: PrintedSymbol) -> bool:
    """Whether any dot of the symbol is not the module that it belongs to."""
    modules = [printed.symbol.row(row) for row in range(printed.symbol.rows)]
    drawn = image.crop(area(printed)).point(lambda value: 255 if value > 127 else 0)
    expected = Image.new("L", (printed.symbol.columns, printed.symbol.rows))
    expected.putdata([0 if dark else 255 for row in modules for dark in row])
    return drawn.tobytes() != expected.resize(drawn.size, Image.Resampling.NEAREST).tobytes()


def test_every_template_has_a_sample() -> None:
    assert set(template_names()) == set(CONTENTS) == set(EXPECTED)


@pytest.mark.parametrize("dpi", PRINTER_DPI)
@pytest.mark.parametrize("file_format", RENDERERS)
@pytest.mark.parametrize("template", template_names())
def test_a_label_says_what_it_should_in_whole_dots(template: str, file_format: str, dpi: int) -> None:
    label = print_of(template, dpi)
    image = RENDERERS[file_format](label)

    assert image.size == (label.width, label.height)
    assert [printed.symbol.payload.text for printed in label.symbols if dots_differ(image, printed)] == []
    if dpi == 600:  # searching a large picture takes long; here it is known where the symbols are
        found = sorted(read for p in label.symbols for read in read_all(with_quiet_zone(image, p)))
    else:
        found = read_all(image)
    assert found == EXPECTED[template]
    assert label.quality == 1.0


def blurred(image: Image.Image, module: int) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(0.5 * module))


def damaged(image: Image.Image, module: int) -> Image.Image:
    """A tenth of the symbol gone, where no finder pattern is."""
    hurt = image.copy()
    quiet = 4 * module
    side = image.width - 2 * quiet
    start, end = quiet + round(0.42 * side), quiet + round(0.42 * side) + round(0.1**0.5 * side)
    ImageDraw.Draw(hurt).rectangle((start, start, end, end), fill=255)
    return hurt


def faded(image: Image.Image, _module: int) -> Image.Image:
    """12 % contrast: grey on grey."""
    return image.point(lambda value: 150 + round(value * 0.12))


@pytest.mark.parametrize("harm", [blurred, damaged, faded], ids=lambda harm: str(harm.__name__))
@pytest.mark.parametrize("dpi", PRINTER_DPI)
@pytest.mark.parametrize("file_format", RENDERERS)
def test_a_qr_code_survives_the_cold_store(file_format: str, dpi: int, harm: object) -> None:
    assert callable(harm)
    for template in ("product-50x30", "emergency-supplies-100x70"):
        label = print_of(template, dpi)
        (printed,) = label.symbols
        image = harm(with_quiet_zone(RENDERERS[file_format](label), printed), printed.module)
        assert read_all(image) == EXPECTED[template]


@pytest.mark.parametrize("harm", [blurred, damaged, faded], ids=lambda harm: str(harm.__name__))
@pytest.mark.parametrize("template", template_names())
def test_every_qr_code_of_level_q_survives_the_cold_store(template: str, harm: object) -> None:
    assert callable(harm)
    label = print_of(template, 203)
    image = RENDERERS["zpl"](label)
    for printed in label.symbols:
        if printed.symbol.payload.carrier == "qr":
            (code,) = zxingcpp.read_barcodes(harm(with_quiet_zone(image, printed), printed.module))
            assert code.bytes == printed.symbol.payload.sent
            assert code.extra["ECLevel"] in "QH"
