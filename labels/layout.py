"""Where everything stands on a product label of 50 x 30 mm. Lengths are millimetres from the top left corner.

The QR code stands top left, name and storage range beside it, the human-readable interpretation below.
Text widths are estimated from above without a font, so a layout that is accepted fits in any usual font.

Rules: a module of at least 0.396 mm and a quiet zone of 4 modules (GS1 General Specifications, 5.12.3.1,
QR code with Digital Link).
"""

import unicodedata
from dataclasses import dataclass
from typing import Final

from labels.symbol import Level, Symbol, encode
from ledger.domain.digital_link import parse_digital_link
from ledger.domain.errors import Invalid
from ledger.domain.temperature import TemperatureRange

WIDTH_MM: Final = 50.0
HEIGHT_MM: Final = 30.0
MODULE_MM_MIN: Final = 0.396
MODULE_MM_AIM: Final = 0.51  # holds 4 dots at 203 dpi, 6 at 300, 12 at 600

_SYMBOL_MARGIN_MM: Final = 0.5  # the quiet zone is a margin already
_TEXT_MARGIN_MM: Final = 1.5
_NARROW: Final = frozenset(" .,:;'|!()[]/fijltrI")
_HRI_EM_MM: Final = 2.0
_HRI_PITCH_MM: Final = 2.3


@dataclass(frozen=True, slots=True)
class ProductLabel:
    """What a label says. `link` is an uncompressed Digital Link and is encoded as it is."""

    link: str
    name: str = ""
    name_zh: str = ""
    storage: TemperatureRange | None = None


@dataclass(frozen=True, slots=True)
class TextBox:
    """One line of text, left-aligned; the letters are `em_mm` high."""

    name: str
    x_mm: float
    y_mm: float
    width_mm: float
    text: str
    em_mm: float
    bold: bool = False


@dataclass(frozen=True, slots=True)
class SymbolBox:
    """A QR code with its quiet zone in a square."""

    name: str
    x_mm: float
    y_mm: float
    side_mm: float
    symbol: Symbol


Box = TextBox | SymbolBox


def layout(label: ProductLabel) -> tuple[Box, ...]:
    """The boxes of a label, the QR code first.

    Raises Invalid when the link is no Digital Link, when its QR code would need modules under 0.396 mm and
    when a text is too long; the message names the box.
    """
    hri = _interpretation(label.link)
    hri_top_mm = HEIGHT_MM - _SYMBOL_MARGIN_MM - len(hri) * _HRI_PITCH_MM
    symbol = _place_symbol(label, hri_top_mm)
    return (
        symbol,
        *_beside(label, symbol.x_mm + symbol.side_mm),
        *(
            TextBox(
                name=f"interpretation line {number}",
                x_mm=_TEXT_MARGIN_MM,
                y_mm=hri_top_mm + number * _HRI_PITCH_MM - _HRI_PITCH_MM,
                width_mm=WIDTH_MM - 2 * _TEXT_MARGIN_MM,
                text=text,
                em_mm=_HRI_EM_MM,
            )
            for number, text in enumerate(hri, start=1)
        ),
    )


def check_module(module_mm: float, where: str) -> None:
    """Raise Invalid when a module is smaller than GS1 allows; `where` says in which drawing."""
    if module_mm < MODULE_MM_MIN:
        raise Invalid(
            f"QR code: a module would be {module_mm:.3f} mm {where}, at least {MODULE_MM_MIN} mm is needed: "
            "use a shorter address or identifier, or a finer printer"
        )


def _place_symbol(label: ProductLabel, bottom_mm: float) -> SymbolBox:
    level: Level = "Q" if label.storage else "M"
    symbol = encode(label.link, level)
    side_mm = min(symbol.modules * MODULE_MM_AIM, bottom_mm - _SYMBOL_MARGIN_MM)
    check_module(side_mm / symbol.modules, "on this label")
    return SymbolBox("QR code", _SYMBOL_MARGIN_MM, _SYMBOL_MARGIN_MM, side_mm, symbol)


def _beside(label: ProductLabel, x_mm: float) -> list[TextBox]:
    width_mm = WIDTH_MM - _TEXT_MARGIN_MM - x_mm
    texts = (
        ("name (zh)", label.name_zh, 3.0, True, 2),
        ("name (en)", label.name, 2.1, False, 3),
        ("storage range", str(label.storage or ""), 4.0, True, 1),
    )
    boxes: list[TextBox] = []
    y_mm = 2.0
    for name, text, em_mm, bold, lines_max in texts:
        for line in _wrap(name, text, width_mm / em_mm, lines_max):
            boxes.append(TextBox(name, x_mm, y_mm, width_mm, line, em_mm, bold))
            y_mm += em_mm * 1.25
        y_mm += 0.8 if text else 0
    return boxes


def _interpretation(link: str) -> list[str]:
    """The elements as people read them, (01)..., as few lines as hold them; an element is never cut."""
    room_em = (WIDTH_MM - 2 * _TEXT_MARGIN_MM) / _HRI_EM_MM
    lines: list[str] = []
    parsed = parse_digital_link(link)
    for ai, value in (parsed.key, *parsed.qualifiers):
        element = f"({ai}) {value}"
        _require_fit("interpretation", element, room_em)
        if lines and _width_em(together := f"{lines[-1]}  {element}") <= room_em:
            lines[-1] = together
        else:
            lines.append(element)
    return lines


def _wrap(name: str, text: str, room_em: float, lines_max: int) -> list[str]:
    """`text` in lines, broken at spaces or between Chinese characters."""
    lines: list[str] = []
    for word in _words(text):
        if lines and _width_em((lines[-1] + word).rstrip()) <= room_em:
            lines[-1] += word
        else:
            _require_fit(name, word.strip(), room_em)
            lines.append(word.lstrip())
    if len(lines) > lines_max:
        raise Invalid(f"{name}: {text!r} needs {len(lines)} lines, {lines_max} fit: use a shorter text")
    return [line.rstrip() for line in lines]


def _words(text: str) -> list[str]:
    """`text` cut where a line may break; each word keeps the space behind it."""
    words: list[str] = []
    for character in text.strip():
        if words and not words[-1].endswith(" ") and not (_is_wide(character) or _is_wide(words[-1][-1])):
            words[-1] += character
        elif words and (character == " " or unicodedata.category(character).startswith("P")):
            words[-1] += character  # a line begins with neither a space nor a comma
        else:
            words.append(character)
    return words


def _require_fit(name: str, text: str, room_em: float) -> None:
    if _width_em(text) > room_em:
        raise Invalid(f"{name}: {text!r} is too long for its box: use a shorter text")


def _width_em(text: str) -> float:
    return sum(_character_width_em(character) for character in text)


def _character_width_em(character: str) -> float:
    # From above: DejaVu Sans is the widest of the fonts that we look for.
    if _is_wide(character) or character in "mMW@%":
        return 1.0
    if character in _NARROW:
        return 0.42
    return 0.84 if character.isupper() or character in "w#&+<=>^~" else 0.64


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"
