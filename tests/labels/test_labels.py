"""Labels, each tested by reading it back with an independent decoder."""

import re
import xml.etree.ElementTree as ElementTree
from decimal import Decimal
from io import BytesIO

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from labels import fonts
from labels.layout import MODULE_MM_MIN, ProductLabel, SymbolBox, TextBox, layout
from labels.png import PRINTER_DPI, to_png
from labels.svg import to_svg
from labels.symbol import QUIET_MODULES, encode
from labels.terminal import to_terminal
from ledger.domain.check_digits import check_digit
from ledger.domain.errors import Invalid
from ledger.domain.temperature import TemperatureRange

LINK = "https://id.trace.example/01/09506000134352/10/L20261115A/21/SN00000001"
COLD = TemperatureRange(Decimal(2), Decimal(8))
VACCINE = ProductLabel(LINK, "Influenza vaccine 0.5 mL", "流感病毒裂解疫苗", COLD)


def read_back(image: Image.Image) -> zxingcpp.Barcode:
    codes = zxingcpp.read_barcodes(image.convert("L"))
    assert len(codes) == 1
    return codes[0]


def paint_svg(svg: str, pixels_per_mm: int = 20) -> Image.Image:
    """The QR code of an SVG label, drawn from the document alone."""
    root = ElementTree.fromstring(svg)
    path = root.find("{http://www.w3.org/2000/svg}path")
    assert path is not None
    x_mm, y_mm, scale = map(float, re.findall(r"[\d.]+", path.attrib["transform"]))
    image = Image.new("L", (50 * pixels_per_mm, 30 * pixels_per_mm), 255)
    canvas = ImageDraw.Draw(image)
    for left, top, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", path.attrib["d"]):
        corners = (
            (x_mm + int(left) * scale, y_mm + int(top) * scale),
            (x_mm + (int(left) + int(width)) * scale, y_mm + (int(top) + 1) * scale),
        )
        canvas.rectangle([tuple(round(mm * pixels_per_mm) for mm in c) for c in corners], fill=0)
    return image


def paint_terminal(text: str, pixels: int = 4) -> Image.Image:
    lines = text.split("\n")
    image = Image.new("L", (len(lines[0]) * pixels, len(lines) * 2 * pixels), 0)
    canvas = ImageDraw.Draw(image)
    for y, line in enumerate(lines):
        for x, block in enumerate(line):
            for half, light in enumerate((block in "█▀", block in "█▄")):
                if light:
                    top = (2 * y + half) * pixels
                    canvas.rectangle((x * pixels, top, (x + 1) * pixels - 1, top + pixels - 1), fill=255)
    return image


def texts(label: ProductLabel) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for box in layout(label):
        if isinstance(box, TextBox):
            found.setdefault(box.name, []).append(box.text)
    return found


serials = st.text("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijk0123456789-_.", min_size=1, max_size=20)


@settings(max_examples=25, deadline=None)
@given(digits=st.integers(0, 10**12 - 1), lot=serials, serial=serials)
def test_a_label_reads_back_as_its_digital_link(digits: int, lot: str, serial: str) -> None:
    body = f"0{digits:012d}"
    link = f"https://id.example.com/01/{body}{check_digit(body)}/10/{lot}/21/{serial}"
    boxes = layout(ProductLabel(link, "Vaccine"))

    for image in (Image.open(BytesIO(to_png(boxes, 600))), paint_svg(to_svg(boxes))):
        code = read_back(image)
        assert code.text == link
        assert code.format == zxingcpp.BarcodeFormat.QRCode


@pytest.mark.parametrize("dpi", PRINTER_DPI)
def test_a_printed_label_reads_back_at_every_printer_resolution(dpi: int) -> None:
    image = Image.open(BytesIO(to_png(layout(VACCINE), dpi)))

    assert read_back(image).text == LINK
    assert image.mode == "1"
    assert image.size == (round(50 / 25.4 * dpi), round(30 / 25.4 * dpi))
    assert image.info["dpi"] == pytest.approx((dpi, dpi), abs=0.1)


@pytest.mark.parametrize("dpi", PRINTER_DPI)
def test_every_module_is_the_same_whole_number_of_printer_dots(dpi: int) -> None:
    boxes = layout(VACCINE)
    symbol = boxes[0]
    assert isinstance(symbol, SymbolBox)
    image = Image.open(BytesIO(to_png(boxes, dpi)))
    dots = int(symbol.side_mm / 25.4 * dpi / symbol.symbol.modules)
    corner = round(symbol.x_mm / 25.4 * dpi) + QUIET_MODULES * dots

    assert dots / dpi * 25.4 >= MODULE_MM_MIN
    for y, row in enumerate(symbol.symbol.rows):
        for x, dark in enumerate(row):
            left, top = corner + x * dots, corner + y * dots
            module = image.crop((left, top, left + dots, top + dots))
            assert set(module.get_flattened_data()) == {0 if dark else 255}


def test_a_label_survives_the_loss_of_a_tenth_of_a_cold_chain_symbol() -> None:
    image = Image.open(BytesIO(to_png(layout(VACCINE), 300))).convert("L")
    box = layout(VACCINE)[0]
    assert isinstance(box, SymbolBox)
    side = box.side_mm / 25.4 * 300
    frost = round(0.45 * side), round(0.45 * side), round(0.75 * side), round(0.75 * side)  # 9 % of the area
    ImageDraw.Draw(image).rectangle(frost, fill=255)

    assert read_back(image).text == LINK


def test_a_label_keeps_its_quiet_zone_free() -> None:
    symbol, *others = layout(VACCINE)
    assert isinstance(symbol, SymbolBox)

    assert symbol.side_mm / symbol.symbol.modules >= MODULE_MM_MIN
    for box in others:
        beside = box.x_mm >= symbol.x_mm + symbol.side_mm
        below = box.y_mm >= symbol.y_mm + symbol.side_mm
        assert beside or below


def test_a_label_says_in_plain_text_what_its_symbol_says() -> None:
    said = texts(VACCINE)

    assert said["storage range"] == ["2–8 °C"]
    assert " ".join(said["name (zh)"]).replace(" ", "") == "流感病毒裂解疫苗"
    assert " ".join(said["name (en)"]) == "Influenza vaccine 0.5 mL"
    lines = [said[f"interpretation line {number}"][0] for number in (1, 2)]
    assert "  ".join(lines) == "(01) 09506000134352  (10) L20261115A  (21) SN00000001"


@pytest.mark.parametrize(
    ("low", "high", "printed"),
    [
        ("2", "8", "2–8 °C"),
        ("-25", "-18", "−25…−18 °C"),
        (None, "-18", "≤ −18 °C"),
        ("15.50", None, "≥ 15.5 °C"),
    ],
)
def test_a_storage_range_is_printed_as_people_write_it(
    low: str | None, high: str | None, printed: str
) -> None:
    storage = TemperatureRange(None if low is None else Decimal(low), None if high is None else Decimal(high))
    assert str(storage) == printed


@pytest.mark.parametrize(
    "path",
    [
        "00/106141412345678908",
        "8004/0614141123456789012345678901",
        "8003/00614141123452ABC",
        "414/0614141000005",
    ],
)
def test_other_identifiers_get_a_label_too(path: str) -> None:
    link = f"https://id.example.com/{path}"
    assert read_back(Image.open(BytesIO(to_png(layout(ProductLabel(link)), 300)))).text == link


def test_a_name_that_does_not_fit_is_refused_by_the_name_of_its_box() -> None:
    with pytest.raises(Invalid, match=r"^name \(zh\): .* lines, 2 fit"):
        layout(ProductLabel(LINK, name_zh="重组新型冠状病毒疫苗" * 3))
    with pytest.raises(Invalid, match=r"^name \(en\): .* too long"):
        layout(ProductLabel(LINK, "Pneumonoultramicroscopicsilicovolcanoconiosis"))


def test_an_identifier_too_long_for_the_label_is_refused() -> None:
    with pytest.raises(Invalid, match=r"module would be 0\.\d+ mm .* at least 0\.396 mm"):
        layout(ProductLabel(f"https://{'a' * 180}.example/01/09506000134352"))


def test_a_printer_too_coarse_for_the_symbol_is_refused() -> None:
    label = ProductLabel("https://a-rather-long-host-name.example.com/with/a/path" + LINK[24:], storage=COLD)
    boxes = layout(label)

    with pytest.raises(Invalid, match="3 dots\\) at 203 dpi"):
        to_png(boxes, 203)
    with pytest.raises(Invalid, match="label printers have 203, 300, 600"):
        to_png(boxes, 72)


def test_a_link_with_a_wrong_check_digit_gets_no_label() -> None:
    with pytest.raises(Invalid, match="check digit"):
        layout(ProductLabel("https://id.example.com/01/09506000134353"))


def test_a_character_that_no_font_draws_is_named_and_not_left_blank() -> None:
    boxes = layout(ProductLabel(LINK, "Vaccine \ue123"))  # private use: in no text font

    with pytest.raises(Invalid, match=r"name \(en\): no installed font draws .*U\+E123"):
        to_png(boxes, 300)
    assert "\ue123" in to_svg(boxes)


def test_a_machine_without_chinese_fonts_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    latin_only = (fonts.ImageFont.load_default(20),)
    monkeypatch.setattr(fonts, "_installed", lambda size_px, bold: latin_only)

    with pytest.raises(Invalid, match=r"name \(zh\): no installed font draws '疫' \(U\+75AB\): install a"):
        fonts.find_font("疫苗", 20, bold=False, where="name (zh)")


def test_markup_in_a_name_stays_text() -> None:
    svg = to_svg(layout(ProductLabel(LINK, "<b>A & B</b>")))
    words = [element.text for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert "<b>A & B</b>" in words


def test_a_payload_that_no_symbol_holds_is_refused() -> None:
    with pytest.raises(Invalid, match="3000 characters fits no QR code at level M"):
        encode("x" * 3000, "M")


def test_a_terminal_shows_a_symbol_that_reads_back() -> None:
    assert read_back(paint_terminal(to_terminal(LINK))).text == LINK
