"""What labels say and what is refused; `test_matrix` holds how they look in each format."""

import xml.etree.ElementTree as ElementTree
from decimal import Decimal
from io import BytesIO

import pypdfium2
import pytest
import zint
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from qrcode import QRCode, constants  # type: ignore[import-untyped]

from labels import (
    Content,
    Page,
    find_sheet,
    find_template,
    gs1_content,
    layout,
    other_content,
    prepare_print,
    to_png,
    to_svg,
    to_terminal,
    write_labels,
    write_pdf,
)
from labels.payload import Payload, choose_payload
from labels.readback import read_back
from labels.sheet import SHEETS
from labels.symbol import LEVELS, RULES, Level, encode
from labels.typeface import face
from ledger.domain.check_digits import check_digit
from ledger.domain.errors import Invalid, NotFound
from ledger.domain.temperature import TemperatureRange
from tests.labels.renderers import read_all, render_pages, render_png
from tests.labels.samples import CONTENTS, DATES, LINK, SGTIN, SHRIMP, SSCC, STEM, VACCINE

PRODUCT = find_template("product-50x30")


def page_of(content: Content, template: str = "product-50x30") -> Page:
    return layout(find_template(template), content)


def said(page: Page, box: str) -> str:
    return " ".join(text.text for text in page.texts if text.name == box)


serials = st.text("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijk0123456789-_.", min_size=1, max_size=20)

codes = st.text("ABCDEF0123456789-", min_size=1, max_size=20)


@settings(max_examples=25, deadline=None)
@given(digits=st.integers(0, 10**12 - 1), lot=serials, serial=serials)
def test_a_label_reads_back_as_its_digital_link(digits: int, lot: str, serial: str) -> None:
    body = f"0{digits:012d}"
    elements = (("01", f"{body}{check_digit(body)}"), ("10", lot), ("21", serial))
    content = gs1_content(elements, "https://id.example.com", {"name": "Vaccine"})

    expected = f"https://id.example.com/01/{body}{check_digit(body)}/10/{lot}/21/{serial}"
    assert read_all(render_png(prepare_print(page_of(content), 600))) == [("]Q1", expected.encode())]


@settings(max_examples=50, deadline=None)
@given(digits=st.integers(0, 10**12 - 1), lot=codes, serial=codes)
def test_gs1_symbols_of_any_content_are_read_back(digits: int, lot: str, serial: str) -> None:
    body = f"0{digits:012d}"
    elements = (("01", f"{body}{check_digit(body)}"), ("10", lot), ("21", serial), ("17", "271231"))
    page = page_of(gs1_content(elements, STEM, VACCINE), "vaccine-vial-40x20")

    assert prepare_print(page, 600).quality == 1.0


def test_a_qr_code_has_as_many_modules_as_the_independent_encoder_needs_or_fewer() -> None:
    code = QRCode(error_correction=constants.ERROR_CORRECT_Q, border=0)
    code.add_data(LINK)
    code.make()
    assert encode(Payload("qr", LINK), "Q").columns <= len(code.get_matrix())


def drawn_by_libzint(text: str, level: Level) -> list[bool]:
    """The QR code as libzint draws it when it chooses among all masks itself."""
    code = zint.Symbol()
    code.symbology, code.option_1 = zint.Symbology.QRCODE, 2 + LEVELS.index(level)
    if not text.isascii():
        code.eci = 26
    code.encode(text)
    rows = code.encoded_data.tolist()[: code.rows]
    return [bool(row[x // 8] >> x % 8 & 1) for row in rows for x in range(code.width)]


@settings(max_examples=100, deadline=None)
@given(text=st.text("ABCabc0123456789/:.-批次", min_size=1, max_size=400), level=st.sampled_from(LEVELS))
def test_a_qr_code_has_the_mask_that_the_standard_asks_for(text: str, level: Level) -> None:
    symbol = encode(Payload("qr", text), level)
    modules = [dark for row in range(symbol.rows) for dark in symbol.row(row)]
    assert modules == drawn_by_libzint(text, level)


@pytest.mark.parametrize(
    "path", ["00/106141412345678908", "8004/0614141123456789012345678901", "414/0614141000005"]
)
def test_other_gs1_keys_get_a_label_too(path: str) -> None:
    code, value = path.split("/")
    label = prepare_print(page_of(gs1_content([(code, value)], "https://id.example.com")), 300)
    assert read_all(render_png(label)) == [("]Q1", f"https://id.example.com/{path}".encode())]


@pytest.mark.parametrize(
    "identifier", ["88.118.1001/abc", "did:bid:efNs6DGRwnaWvdBqp6PVLFJQzL5rxYeF", "88.118.1/批次一"]
)
def test_an_identifier_of_another_scheme_is_in_a_plain_qr_code(identifier: str) -> None:
    label = prepare_print(page_of(other_content(identifier)), 300)
    ((symbology, sent),) = read_all(render_png(label))
    assert sent == identifier.encode()
    assert symbology in ("]Q1", "]Q2")
    with pytest.raises(Invalid, match=r"^DataMatrix: .* is no GS1 identifier"):
        page_of(other_content(identifier, VACCINE), "vaccine-vial-40x20")


def test_a_label_says_in_plain_text_what_its_symbol_says() -> None:
    page = page_of(CONTENTS["product-50x30"])

    assert said(page, "storage range") == "2–8 °C"
    assert said(page, "name (zh)").replace(" ", "") == "流感病毒裂解疫苗"
    assert said(page, "name (en)") == "Influenza vaccine 0.5 mL"
    assert said(page, "interpretation").split() == [
        "(01)",
        "09506000134352",
        "(10)",
        "L20261115A",
        "(21)",
        "SN00000001",
    ]
    assert "2027-12-31" in said(page, "particulars")


def test_the_texts_of_a_label_cannot_differ_from_its_symbol() -> None:
    with pytest.raises(Invalid, match=r"\(10\) has two values, 'L20261115A' and 'other'"):
        gs1_content(SGTIN, STEM, {"lot": "other"})


@pytest.mark.parametrize(
    ("low", "high", "sign", "handling"),
    [
        ("2", "8", "❄ 2–8 °C", "冷藏运输，严禁冻结 Keep cold, do not freeze"),
        ("-25", "-18", "❄ −25…−18 °C", "解冻后请勿再次冷冻 Do not refreeze once thawed"),
        ("15", "25", "15–25 °C", None),
    ],
)
def test_cold_goods_are_marked_and_say_how_to_handle_them(
    low: str, high: str, sign: str, handling: str | None
) -> None:
    fields = gs1_content(SGTIN, STEM, {"celsius_min": low, "celsius_max": high}).fields
    assert (fields["storage_sign"], fields.get("handling")) == (sign, handling)


def test_transport_temperatures_are_elements_of_a_logistic_unit_only() -> None:
    temperatures = [e for e in gs1_content(SSCC, STEM, SHRIMP).elements if e.ai.startswith("433")]
    assert temperatures == [("4333", "002500-"), ("4331", "001800-")]
    assert not [e for e in gs1_content(SGTIN, STEM, SHRIMP).elements if e.ai.startswith("433")]
    with pytest.raises(Invalid, match=r"\(4331\)000800: says nothing without \(00\)"):
        gs1_content(SGTIN, STEM, {"4331": "000800"})


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
    ends = (None if text is None else Decimal(text) for text in (low, high))
    assert str(TemperatureRange(*ends)) == printed


# ------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("elements", "fields", "reason"),
    [
        ([("01", "09506000134353")], {}, "GTIN 09506000134353: check digit is 3, should be 2"),
        ([("00", "106141412345678907")], {}, "SSCC .* check digit is 7, should be 8"),
        (SGTIN, {"17": "271315"}, "month is 13, should be 01 to 12"),
        (SGTIN, {"expiry": "2027-13-01"}, "month is 13"),
        (SGTIN, {"expiry": "2027-02-30"}, "day is 30, should be 01 to 28"),
        (SGTIN, {"expiry": "31-12-2027"}, "expiry is '31-12-2027': write a date as 2027-12-31"),
        (SGTIN, {"1234567": "x"}, "AI '1234567': GS1 has none of this number"),
        (SSCC, {"content": "19506000134359"}, r"\(02\)19506000134359: says nothing without \(37\)"),
        ([("10", "L1")], {}, "holds no GS1 key"),
        (SGTIN, {"celsius_max": "cold"}, "celsius_max is 'cold': a temperature in °C is a number"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_drawn(
    elements: list[tuple[str, str]], fields: dict[str, str], reason: str
) -> None:
    with pytest.raises(Invalid, match=reason):
        gs1_content(elements, STEM, fields)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name_zh": "重组新型冠状病毒疫苗" * 4}, r"^name \(zh\): .* too long for its box of 23.3 x 7.2 mm"),
        ({"name": "Pneumonoultramicroscopicsilicovolcanoconiosis"}, r"^name \(en\): .* too long"),
        ({"name": "Vaccine \ue123"}, r"^name \(en\): the label font does not draw .* \(U\+E123\)"),
        ({"name_zh": "龘"}, r"^name \(zh\): the label font does not draw '龘' \(U\+9F98\)"),
    ],
)
def test_a_text_that_cannot_be_printed_is_refused_by_the_name_of_its_box(
    fields: dict[str, str], reason: str
) -> None:
    with pytest.raises(Invalid, match=reason):
        page_of(gs1_content(SGTIN, STEM, fields))


def test_a_missing_field_or_element_is_named_with_its_box() -> None:
    with pytest.raises(
        Invalid, match=r"^particulars: the field 'supply_class' is missing: give it as supply_class="
    ):
        page_of(other_content("88.118.1001/1", {"name_zh": "帐篷"}), "emergency-supplies-100x70")
    with pytest.raises(Invalid, match=r"^DataMatrix: needs \(17\), which is not given"):
        page_of(gs1_content(SGTIN, STEM, VACCINE), "vaccine-vial-40x20")


def test_an_optional_symbol_is_left_out_when_its_elements_are_missing_and_only_then() -> None:
    plain = page_of(gs1_content(SSCC, STEM), "logistic-100x150")
    assert [box.name for box in plain.symbols] == ["QR code", "GS1-128 SSCC"]
    assert len(page_of(CONTENTS["logistic-100x150"], "logistic-100x150").symbols) == 3


def test_rows_that_do_not_fit_are_refused_with_the_longest() -> None:
    fields = VACCINE | DATES | {"manufacturer": "溯源生物制品有限公司" * 12}
    with pytest.raises(
        Invalid, match=r"^particulars: 4 rows do not fit .* the longest is 生产企业 Manufacturer"
    ):
        page_of(gs1_content(SGTIN, STEM, fields), "vaccine-carton-90x50")


def test_a_printer_too_coarse_for_the_symbol_is_refused() -> None:
    long = page_of(gs1_content(SGTIN, "https://a-rather-long-host-name.example.com/with/a/path"))
    with pytest.raises(
        Invalid, match=r"^QR code: a module would be 0\.375 mm \(3 dots\) at 203 dpi, at least 0\.396"
    ):
        prepare_print(long, 203)
    assert prepare_print(long, 600).quality == 1.0
    with pytest.raises(Invalid, match="label printers have 203, 300, 600"):
        prepare_print(long, 72)
    with pytest.raises(Invalid, match="QR code: a module would be"):
        prepare_print(page_of(gs1_content(SGTIN, f"https://{'a' * 180}.example")), 600)


def test_a_payload_that_no_symbol_holds_is_refused() -> None:
    with pytest.raises(Invalid, match="cannot be a qr symbol"):
        encode(Payload("qr", "x" * 3000), "M")
    with pytest.raises(Invalid, match="a GS1-128 holds at most 48"):
        choose_payload(gs1_content([*SGTIN, ("241", "A" * 25)]), "gs1-128", ["01", "10", "241"])


@pytest.mark.parametrize("carrier", ["qr", "gs1-datamatrix", "gs1-128"])
def test_a_symbol_that_says_something_else_is_not_printed(carrier: str) -> None:
    elements = gs1_content(SSCC).elements
    assert carrier in RULES
    right = Payload(carrier, "(00)106141412345678908", elements)  # type: ignore[arg-type]
    wrong = Payload(carrier, "(00)395060000000000016", gs1_content([("00", "395060000000000016")]).elements)  # type: ignore[arg-type]
    symbol = encode(wrong)
    image = Image.frombytes("1", (symbol.columns, symbol.rows), symbol.bits, "raw", "1;I")
    image = image.resize((4 * symbol.columns, 4 * symbol.rows if symbol.rows > 1 else 80))

    assert read_back(image, symbol, "symbol") == 1.0
    with pytest.raises(
        Invalid, match=r"^symbol: reads back as .*395060000000000016.*should be .*106141412345678908"
    ):
        read_back(image, encode(right), "symbol")
    with pytest.raises(Invalid, match=r"^symbol: cannot be read back"):
        read_back(Image.new("1", image.size, 1), encode(right), "symbol")


def test_damage_lowers_the_quality_that_is_kept() -> None:
    symbol = encode(Payload("qr", LINK), "Q")
    image = Image.frombytes("1", (symbol.columns, symbol.rows), symbol.bits, "raw", "1;I")
    image = image.resize((4 * symbol.columns, 4 * symbol.rows))
    ImageDraw.Draw(image).rectangle((60, 60, 80, 80), fill=1)
    assert read_back(image, symbol, "QR code") < 1.0


# ---------------------------------------------------------------------------------------------- font


@pytest.mark.parametrize("bold", [False, True])
def test_every_character_of_the_font_leaves_ink(bold: bool) -> None:
    font = face(bold)
    gb2312 = b"".join(bytes((high, low)) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF))
    hanzi = gb2312.decode("gb2312", "ignore")

    assert len(hanzi) == 6763
    font.require_glyphs(hanzi + "℃°−–…≤≥❄□☆①②③ⅤⅩ", "font")
    assert [c for c in font.glyphs if font.is_drawn(c) == c.isspace()] == []


# ---------------------------------------------------------------------------------------------- files


def sheet_of(count: int, start: int, offset_mm: tuple[float, float] = (0.0, 0.0)) -> list[Image.Image]:
    contents = [gs1_content([*SGTIN[:2], ("21", f"S{number}")], STEM, VACCINE) for number in range(count)]
    out = BytesIO()
    prints = (prepare_print(layout(PRODUCT, content), 203) for content in contents)
    assert write_pdf(prints, out, find_sheet("a4-36"), start, offset_mm) == count
    return render_pages(out.getvalue(), 203)


def serials_on(image: Image.Image) -> dict[str, tuple[float, float]]:
    """Serial -> where its symbol begins, in mm."""
    return {
        code.text.rpartition("/")[2]: (code.position.top_left.x / 8, code.position.top_left.y / 8)
        for code in zxingcpp.read_barcodes(image)
    }


def test_a_sheet_that_was_begun_is_filled_up_and_the_next_one_begun() -> None:
    first, second = map(serials_on, sheet_of(5, start=34))

    assert list(first) == ["S0", "S1", "S2"]
    assert list(second) == ["S3", "S4"]
    assert first["S0"][1] == pytest.approx(second["S3"][1] + 8 * 30, abs=0.3)  # row 9, row 1
    assert first["S0"][0] == pytest.approx(second["S4"][0], abs=0.3)  # both in column 2


def test_a_printer_that_is_off_is_corrected() -> None:
    (straight,), (moved,) = sheet_of(1, 1), sheet_of(1, 1, (1.5, -0.5))
    (x, y), (x_moved, y_moved) = serials_on(straight)["S0"], serials_on(moved)["S0"]
    assert (x_moved - x, y_moved - y) == pytest.approx((1.5, -0.5), abs=0.13)


def test_cells_of_every_sheet_are_on_its_paper() -> None:
    for sheet in SHEETS.values():
        assert sheet.left_mm + sheet.columns * sheet.pitch_x_mm <= sheet.width_mm
        assert sheet.top_mm + sheet.rows * sheet.pitch_y_mm <= sheet.height_mm


def test_a_pdf_can_be_searched_and_asks_to_be_printed_as_it_is() -> None:
    out = BytesIO()
    write_pdf([prepare_print(page_of(CONTENTS["product-50x30"]), 300)], out)
    document = pypdfium2.PdfDocument(out.getvalue())
    page = document[0]
    text = page.get_textpage().get_text_range()
    assert page.get_size() == pytest.approx((50 * 72 / 25.4, 30 * 72 / 25.4), abs=0.2)
    document.close()

    assert "流感病毒裂解疫" in text
    assert "SN00000001" in text
    assert b"/PrintScaling/None" in out.getvalue()


def test_what_a_file_cannot_hold_is_said() -> None:
    label = prepare_print(page_of(CONTENTS["product-50x30"]), 300)
    large = prepare_print(page_of(CONTENTS["case-100x100"], "case-100x100"), 300)
    with pytest.raises(Invalid, match="a png holds one label"):
        write_labels([label, label], BytesIO(), "png")
    with pytest.raises(Invalid, match="sheets of labels are for PDF"):
        write_labels([label], BytesIO(), "zpl", find_sheet("a4-36"))
    with pytest.raises(Invalid, match=r"100 x 100 mm is larger than the sheet's cells of 50 x 30 mm"):
        write_pdf([large], BytesIO(), find_sheet("a4-36"))
    with pytest.raises(Invalid, match="label 37 to start at: the sheet has labels 1 to 36"):
        write_pdf([label], BytesIO(), find_sheet("a4-36"), 37)
    with pytest.raises(Invalid, match="at least one label"):
        write_pdf([], BytesIO())
    with pytest.raises(NotFound, match="no sheet 'a5'; there are a4-24"):
        find_sheet("a5")


def test_markup_in_a_name_stays_text() -> None:
    label = prepare_print(page_of(gs1_content(SGTIN, STEM, {"name": "<b>A & B</b>"})), 300)
    words = ElementTree.fromstring(to_svg(label)).iter("{http://www.w3.org/2000/svg}text")
    assert "<b>A & B</b>" in [element.text for element in words]


def test_a_png_knows_its_resolution() -> None:
    image = Image.open(BytesIO(to_png(prepare_print(page_of(CONTENTS["product-50x30"]), 203))))
    assert image.mode == "1"
    assert image.size == (400, 240)
    assert image.info["dpi"] == pytest.approx((203.2, 203.2), abs=0.1)


# ------------------------------------------------------------------------------------------- terminal


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


def test_a_terminal_shows_a_symbol_that_reads_back() -> None:
    assert read_all(paint_terminal(to_terminal(LINK))) == [("]Q1", LINK.encode())]
    with pytest.raises(Invalid, match="3000 characters fits no QR code"):
        to_terminal("x" * 3000)
