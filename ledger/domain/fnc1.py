"""GS1 elements as a barcode holds them and a scanner sends them: no brackets, FNC1 sent as the character GS.

`01095060001343521727111510L1<GS>21S1` is (01)09506000134352(17)271115(10)L1(21)S1. An AI of predefined length
needs no separator after it, any other needs one unless it is the last.

Source: GS1 General Specifications, 7.8 (processing) and 7.8.5 (predefined lengths).
"""

from collections.abc import Iterable
from typing import Final

from ledger.domain.ai_table import AIS, check_value
from ledger.domain.digital_link import Element
from ledger.domain.errors import Invalid

GS: Final = "\x1d"

# The first two digits of an AI -> characters of AI and value together.
_LENGTHS: Final = {
    "00": 20,
    **{f"{number:02}": 16 for number in range(1, 4)},
    "04": 18,
    **{f"{number:02}": 8 for number in range(11, 20)},
    "20": 4,
    **{f"{number:02}": 10 for number in range(31, 37)},
    "41": 16,
}


def join_elements(elements: Iterable[tuple[str, str]]) -> str:
    """What a scanner sends for a symbol with these elements, without a symbology identifier."""
    parts: list[str] = []
    open_ended = False
    for code, value in elements:
        parts.append(f"{GS if open_ended else ''}{code}{value}")
        open_ended = code[:2] not in _LENGTHS
    return "".join(parts)


def split_elements(text: str) -> list[Element]:
    """The checked elements of what a scanner sent. A GS too many, at an end or after a fixed length, is fine.

    Raises Invalid naming the place where no AI stands, or the value that is wrong.
    """
    elements: list[Element] = []
    rest = text.strip(GS)
    while rest:
        code = next((rest[:length] for length in (2, 3, 4) if rest[:length] in AIS), None)
        if code is None:
            raise Invalid(f"{show_controls(text)}: {show_controls(rest[:12])!r} begins with no GS1 AI")
        end = _LENGTHS.get(code[:2])
        if end is None:
            value, _, rest = rest[len(code) :].partition(GS)
        else:
            value, rest = rest[len(code) : end], rest[end:].removeprefix(GS)
        check_value(code, value)
        elements.append(Element(code, value))
    return elements


def show_controls(text: str) -> str:
    """`text` for people: GS, the one control character that barcodes use, as <GS>."""
    return text.replace(GS, "<GS>")
