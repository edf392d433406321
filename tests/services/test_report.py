"""The temperature report, read back by a renderer and a decoder that know nothing of ours."""

from decimal import Decimal
from urllib.parse import quote

import pypdfium2
import pytest
import zxingcpp
from PIL import Image, ImageChops

from ledger.domain.decision import Decision
from ledger.report import temperature_report
from ledger.seals import Sealer
from ledger.shipment import look_up_shipment, record_decision
from ledger.words import Language
from tests.services.test_excursions import MINUTE, VIAL, Shipment
from tests.services.world import SGTIN, START_MS, World, seen

DPI = 300
DOCK = "https://id.gs1.org/414/9506000134369"


def read(pdf: bytes) -> tuple[str, list[Image.Image]]:
    """All text, and the pages as pictures."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        pages = [page.render(scale=DPI / 72).to_pil().convert("RGB") for page in document]
        return " ".join(page.get_textpage().get_text_range() for page in document), pages
    finally:
        document.close()


@pytest.fixture
def shipment(world: World) -> Shipment:
    """A vial that was warm for two minutes, unheard of for half an hour, sealed, rejected and anchored."""
    shipment = Shipment(world)
    shipment.measure(0, *[5] * 8, 9.5, 9.5, *[5] * 5)
    shipment.measure(45, *[5] * 15)
    world.clock.now_ms += 60 * MINUTE
    while Sealer(world.node).turn():
        pass
    world.clock.now_ms = START_MS + 60 * MINUTE
    at_dock = {"eventTime": "2026-11-22T16:50:00.000Z", "eventTimeZoneOffset": "+08:00"}
    world.capture(seen("V1", readPoint={"id": DOCK}, **at_dock))
    world.anchor()
    return shipment


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("zh", ("冷链温度报告", "发生超限", "超出范围", "拒收：曾超过 8 °C", "收货")),
        ("en", ("Temperature report", "Excursion", "Out of range", "Rejected: 曾超过 8 °C", "Received")),
    ],
)
def test_the_report_says_all_of_the_shipment_and_leads_to_its_page(
    shipment: Shipment, language: Language, words: tuple[str, ...]
) -> None:
    node = shipment.node
    record_decision(node, shipment.key, VIAL, Decision("reject", "曾超过 8 °C [𠮷]", "Li Hua"))
    text, pages = read(temperature_report(node, VIAL, language))
    (leg,) = look_up_shipment(node, VIAL).stretches
    told, _ = leg.series["temperature"]
    assert isinstance(told.mkt, Decimal)
    (seal,) = node.store.seals(leg.leg.binding.carrier_id, limit=9)
    anchor = node.store.newest_anchor()
    assert anchor
    assert anchor.tx_hash
    facts = ("(01) 09506000134352 (21) V1", "9.5 °C", f"{told.mkt} °C", "Li Hua", "[U+20BB7]")
    proof = (seal.root.hex(), seal.event_id, f"0x{anchor.tx_hash.hex()}", "UTC")
    unbroken = "".join(text.split())
    for expected in (*words, *facts, *proof):
        assert "".join(expected.split()) in unbroken, expected
    (code,) = zxingcpp.read_barcodes(pages[0])
    assert code.text == f"{node.settings.label_url}/item?id={quote(VIAL, safe='')}"


def test_the_printed_line_leads_over_no_gap(shipment: Shipment) -> None:
    _, pages = read(temperature_report(shipment.node, VIAL, "en"))
    left, right = (45 + 30) * DPI / 72, (595.276 - 45 - 4) * DPI / 72
    from_column, to_column = (left + (right - left) * minute / 60 for minute in (24, 45))
    assert has_line(pages[0], left + 400, from_column)  # behind all headings, which have its colour
    assert has_line(pages[0], to_column, right)
    assert not has_line(pages[0], from_column + 3, to_column - 3)


def has_line(page: Image.Image, from_column: float, to_column: float) -> bool:
    """Whether there is a dot in a colour of the line between two columns."""
    part = page.crop((round(from_column), 0, round(to_column), page.height))
    for colour in ((28, 107, 89), (163, 32, 23)):
        near = [
            band.point([255 * (abs(level - wanted) < 12) for level in range(256)])
            for band, wanted in zip(part.split(), colour, strict=True)
        ]
        if ImageChops.darker(ImageChops.darker(near[0], near[1]), near[2]).getbbox():
            return True
    return False


def test_an_item_without_legs_is_not_called_in_range(shipment: Shipment) -> None:
    text, _ = read(temperature_report(shipment.node, SGTIN + "V9", "en"))
    assert "Nothing was measured: not called in range" in " ".join(text.split())
