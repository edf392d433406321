"""What scanners send, in all their settings, and what people type."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.ai_table import AIS
from ledger.domain.check_digits import check_digit
from ledger.domain.digital_link import Element, write_element_string
from ledger.domain.errors import Invalid
from ledger.domain.fnc1 import join_elements, split_elements
from ledger.domain.scan import normalise_scan

GTIN = "https://id.gs1.org/01/09506000134352"
SGTIN = f"{GTIN}/21/S1"
LOT = f"{GTIN}/10/L1"
SSCC = "https://id.gs1.org/00/106141412345678908"


@pytest.mark.parametrize(
    ("sent", "carrier", "uri"),
    [
        ("]C100106141412345678908", "GS1-128", SSCC),
        ("]d201095060001343521727111510L1\x1d21S1", "GS1 DataMatrix", SGTIN),
        ("]d2\x1d01095060001343521727111510L1\x1d21S1\x1d", "GS1 DataMatrix", SGTIN),
        ("]Q3010950600013435221S1", "GS1 QR code", SGTIN),
        ("]e00109506000134352", "GS1 DataBar", GTIN),
        ("]Q1https://shop.example/x/01/09506000134352/21/S1?17=271115", "QR code", SGTIN),
        ("]E09506000134352", "EAN/UPC", GTIN),
        ("]I109506000134352", "ITF-14", GTIN),
        ("]C0urn:epc:id:sgtin:9506000.013435.S1", "Code 128", SGTIN),
        ("\x1d010950600013435210L1\x1d21S1\r\n", "", SGTIN),
        ("01095060001343521727111510L1", "", LOT),
        ("(01)09506000134352(10)L1", "", LOT),
        ("HTTPS://ID.GS1.ORG/01/09506000134352/10/L1", "", LOT),
        ("9506000134352", "", GTIN),
        ("09506000134352", "", GTIN),
        ("96385074", "", "https://id.gs1.org/01/00000096385074"),
        ("036000291452", "", "https://id.gs1.org/01/00036000291452"),
        ("106141412345678908", "", SSCC),
        ("00106141412345678908", "", SSCC),
        ("8003095060001343521AB", "", "https://id.gs1.org/8003/095060001343521AB"),
        ("88.118.1001/abc", "", "hdl:88.118.1001/abc"),
        ("86.100.1234/批次 1".replace(" ", ""), "", "hdl:86.100.1234/%E6%89%B9%E6%AC%A11"),
        ("1.2.156.10197.1", "", "urn:oid:1.2.156.10197.1"),
        ("did:bid:efNs6DGRwnaWvdBqp6PVLFJQzL5rxYeF", "", "did:bid:efNs6DGRwnaWvdBqp6PVLFJQzL5rxYeF"),
        ("https://example.com/page", "", "https://example.com/page"),
    ],
)
def test_a_scan_names_the_item_however_it_was_sent(sent: str, carrier: str, uri: str) -> None:
    scan = normalise_scan(sent)
    assert scan.identifier is not None
    assert (scan.carrier, scan.identifier.uri) == (carrier, uri)


def test_a_scan_keeps_what_it_says_besides_the_identifier() -> None:
    scan = normalise_scan("]d201095060001343521727111510L1\x1d21S1")
    assert scan.elements == (("01", "09506000134352"), ("17", "271115"), ("10", "L1"), ("21", "S1"))
    assert scan.syntax == "GS1 element string"


def test_the_second_barcode_of_a_case_names_no_item() -> None:
    scan = normalise_scan("]C11727111510L1")
    assert scan.identifier is None
    assert scan.elements == (("17", "271115"), ("10", "L1"))


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("hello", "'hello': text of 5 characters, not understood; known are"),
        ("12345", "'12345': text of 5 characters, not understood"),
        ("]C0ABC-123", "'ABC-123': Code 128 of 7 characters, not understood"),
        ("", "an empty scan: scan again"),
        ("]C1\x1d", "an empty scan of a GS1-128"),
        ("]X0abc", "the scanner says ]X0"),
        ("9506000134353", "check digit is 3, should be 2"),
        ("106141412345678907", "check digit is 7, should be 8"),
        ("]C1010950600013435217271315", "month is 13, should be 01 to 12"),
        ("]d20109506000134352\x1d05ABC", "'05ABC' begins with no GS1 AI"),
        ("010950600013435210L1\x1d01095060001343531", "should be 14 digits|check digit"),
        ("010950600013435210L1\x1d10L2", "(10) has two values, 'L1' and 'L2'; scan one label at a time"),
        ("(01)09506000134353", "check digit is 3, should be 2"),
        ("https://x.example/01/09506000134353", "check digit is 3, should be 2"),
        ("x" * 5000, "a scan of 5000 characters: at most 4096"),
    ],
)
def test_what_is_not_understood_is_said_with_what_was_seen(sent: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        normalise_scan(sent)
    assert any(part in str(refused.value) for part in said.split("|"))


values = st.text("ABCXYZabcxyz0123456789-_./", min_size=1, max_size=20)


@given(digits=st.integers(0, 10**13 - 1), lot=values, serial=values, count=st.integers(1, 10**8 - 1))
def test_elements_come_back_from_what_a_scanner_sends(digits: int, lot: str, serial: str, count: int) -> None:
    gtin = f"{digits:013}{check_digit(f'{digits:013}')}"
    elements = [Element("01", gtin), Element("10", lot), Element("17", "271100"), Element("21", serial)]
    elements.append(Element("30", str(count)))

    assert split_elements(join_elements(elements)) == elements
    scan = normalise_scan("]C1" + join_elements(elements))
    assert scan.elements == tuple(elements)
    assert scan == normalise_scan("]C1" + join_elements(elements) + "\r\n")
    assert scan.identifier == normalise_scan(write_element_string(elements)).identifier


@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused_and_nothing_else(text: str) -> None:
    with suppress(Invalid):
        assert normalise_scan(text).syntax


def test_no_ai_begins_with_another() -> None:
    # Otherwise splitting without brackets would be a matter of luck.
    assert [(a, b) for a in AIS for b in AIS if a != b and b.startswith(a)] == []
