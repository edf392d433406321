"""Compressed Digital Links are read; what is none, or can be read in two ways, is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.compressed_link import NotCompressed, expand, expand_link, is_compressed
from ledger.domain.errors import Invalid

GTIN = "/01/09506000134352"
# Made by GS1DigitalLinkToolkit.js (52dc9ce), of links whose digits it does not lose.
VECTORS = {
    "/ARFKk4XBoA": (GTIN, ""),
    "/GhFKk4XBoIlXgoRv4KMDk": (f"{GTIN}/10/ABC1/21/12345", "17=271231"),
    "/ARFKk4XBoCCJV4IuhG_kIKMDk": (f"{GTIN}/10/ABC1/21/12345", "17=271231"),
    "/CxFKk4XBoI1XgkY": (f"{GTIN}/10/ABC123", ""),
    "/ARFKk4XBoCCNV4JG": (f"{GTIN}/10/ABC123", ""),
    "/DBFKk4XBoMyWv2P_o": (f"{GTIN}/21/S1-x_9", ""),
    "/ChFKk4XBoIRUIE29WgI": (f"{GTIN}/22/2A/10/dead01", ""),
    "/LRFKk4XBoAAYY": (GTIN, "3103=000195"),
    "/ohFKk4XBoICVi6Eb-": (GTIN, "3922=0299&17=271231"),  # the toolkit itself reads 299
    "/CxFKk4XBoQsFfCVsQ": (f"{GTIN}/10/A%2FB%2B1", ""),
    "/nUIailScDUCA": ("/414/9506000000008/254/1A", ""),
    "/gARs9506000ABC-1": ("/8004/9506000ABC-1", ""),
    "/DBFKk4XBoMSWviJYp5E8qXoHz82Lrhp4A": (f"{GTIN}/21/S1", "linkType=gs1%3Apip"),
    "/DhFKk4XBoFDVSt8QsSWo": (f"{GTIN}/21/S1", "7003=2712311230"),
    "/mkmVBgAKslQ": ("/8010/9506000AB/8011/42", ""),
    f"{GTIN}/EEarwSM": (f"{GTIN}/10/ABC123", ""),
    f"{GTIN}/EESrwRdCN_IQUYHI": (f"{GTIN}/10/ABC1/21/12345", "17=271231"),
}
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def packed(*fields: tuple[int, int]) -> str:
    """base64url of numbers, each with its width in bits."""
    bits = "".join(f"{number:0{width}b}" for number, width in fields)
    bits += "0" * (-len(bits) % 6)
    return "".join(_ALPHABET[int(bits[at : at + 6], 2)] for at in range(0, len(bits), 6))


@pytest.mark.parametrize(("path", "expanded"), VECTORS.items())
def test_what_gs1_s_toolkit_writes_is_read(path: str, expanded: tuple[str, str]) -> None:
    assert is_compressed(path)
    assert expand_link(path) == expanded


@pytest.mark.parametrize(
    ("fields", "element"),
    [
        (
            [(0x00, 8), (95060000000000015, 60)],
            ("00", "095060000000000015"),
        ),  # the toolkit loses its last digits
        ([(0x21, 8), (0, 3), (5, 5), (7, 17)], ("21", "00007")),  # and these zeros
        ([(0x8006, 16), (95060001343520102, 60)], ("8006", "095060001343520102")),
        ([(0x253, 12), (9506000000008, 44), (0, 3), (3, 5), (7, 10)], ("253", "9506000000008007")),
        ([(0x253, 12), (9506000000008, 44), (4, 3), (0, 5)], ("253", "9506000000008")),
    ],
)
def test_no_digit_is_lost(fields: list[tuple[int, int]], element: tuple[str, str]) -> None:
    assert expand(packed(*fields)) == ([element], [])


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/wp-login", "ends in the midst"),
        ("/favicon", "7d is no AI"),
        ("/abc", "not a compressed"),
        ("/ARFKk4XBo!", "not a compressed"),
        ("/" + "A" * 1001, "not a compressed"),
        ("/ARFKk4XBoB", "bits are left over"),
        ("/ARFKk4XBoAAA", "ends in the midst"),
        (f"/{packed((0x10, 8), (5, 3), (1, 5), (0, 20))}", "packed in way 5"),
        (f"/{packed((0x21, 8), (0, 3), (5, 5), (100_000, 17))}", "more than 5 digits"),
        (f"/{packed((0xF0, 8), (0, 3), (0, 3), (0, 7), (0, 6), (0, 6))}", "no name of a parameter"),
    ],
)
def test_what_is_no_compressed_link_is_told(path: str, says: str) -> None:
    with pytest.raises(NotCompressed, match=says):
        expand_link(path)


def test_a_wrong_check_digit_is_a_wrong_link_not_another_thing() -> None:
    with pytest.raises(Invalid, match="check digit is 3, should be 2") as caught:
        expand_link(f"/{packed((0x01, 8), (9506000134353, 47))}")
    assert not isinstance(caught.value, NotCompressed)


def test_what_can_be_read_in_two_ways_is_refused() -> None:
    # A sequence that the standard and the toolkit put in two orders: (21)59(17)721201 or (17)010102(21)49.
    ambiguous = [(0x1A, 8), (9506000134352, 47), (0, 3), (1, 5), (1, 4), (2, 8), (1910, 12), (2, 8), (49, 7)]
    with pytest.raises(Invalid, match="can be read as"):
        expand(packed(*ambiguous))


@given(st.text(_ALPHABET, min_size=6, max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        path, _ = expand_link(f"/{text}")
    except Invalid:
        return
    assert path.startswith("/")
