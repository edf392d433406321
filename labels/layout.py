"""From a template and a label's content to boxes: what stands where, in millimetres from the top left corner.

Pure: no printer, no picture. Writers see the boxes and nothing of templates or identifiers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from labels.content import Content
from labels.payload import Payload, choose_payload, missing_elements
from labels.symbol import LEVELS, RULES, Symbol, encode
from labels.template import (
    PLACEHOLDER,
    Align,
    Area,
    BarArea,
    FieldsArea,
    InterpretationArea,
    Lettered,
    SymbolArea,
    Template,
    TextArea,
)
from labels.textflow import PITCH_EM, Flow, break_words, fit_text, sizes_between
from labels.typeface import ASCENT_EM, face
from ledger.domain.errors import Invalid

COARSEST_DOTS_PER_MM: Final = 8  # of label printers: 203 dpi
_REMEMBERED: Final = 256  # texts placed lately: most are the same on every label of a job
_INVERSE_MARGIN_EM: Final = 0.3
_CAPTION_GAP_EM: Final = 0.6
_ROW_GAP_EM: Final = 0.25


@dataclass(frozen=True, slots=True)
class TextBox:
    """One line of text, from its left end on its baseline; its letters are `em_mm` high."""

    name: str
    x_mm: float
    baseline_mm: float
    width_mm: float
    text: str
    em_mm: float
    bold: bool = False
    white: bool = False


@dataclass(frozen=True, slots=True)
class BarBox:
    """A black rectangle."""

    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float


@dataclass(frozen=True, slots=True)
class SymbolBox:
    """A symbol, and the room for it with its quiet zone."""

    name: str
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float
    symbol: Symbol
    module_mm_min: float
    module_mm_max: float


@dataclass(frozen=True, slots=True)
class Page:
    """A label, laid out. Bars come before the texts that may stand on them."""

    width_mm: float
    height_mm: float
    symbols: tuple[SymbolBox, ...]
    bars: tuple[BarBox, ...]
    texts: tuple[TextBox, ...]


def layout(template: Template, content: Content) -> Page:
    """The boxes of one label.

    Raises Invalid naming the box: a field that is missing, a text too long for it, a character that the font
    lacks, a payload that is wrong or does not fit its symbol.
    """
    symbols = {box.name: box for box in _place_symbols(template, content)}
    bars: list[BarBox] = []
    texts: list[TextBox] = []
    for area in template.boxes:
        if isinstance(area, BarArea):
            bars += _bars(area)
        elif isinstance(area, InterpretationArea):
            texts += _interpret(area, symbols.get(area.of))
        elif isinstance(area, FieldsArea):
            texts += _place_rows(area, tuple(_rows_of(area, content.fields)))
        elif isinstance(area, TextArea) and (
            text := _fill_in(area, area.text, content.fields, area.optional)
        ):
            texts += _place_text(area, text)
            if area.inverse:
                bars.append(BarBox(area.x_mm, area.y_mm, area.width_mm, area.height_mm))
    return Page(template.width_mm, template.height_mm, tuple(symbols.values()), tuple(bars), tuple(texts))


def _place_symbols(template: Template, content: Content) -> Iterator[SymbolBox]:
    for area in template.boxes:
        if not isinstance(area, SymbolArea):
            continue
        if area.optional and missing_elements(content, area.elements):
            continue
        try:
            symbol = _encode(choose_payload(content, area.carrier, area.elements), area)
        except Invalid as error:
            raise Invalid(f"{area.name}: {error}") from error
        yield SymbolBox(
            area.name,
            area.x_mm,
            area.y_mm,
            area.width_mm,
            area.height_mm,
            symbol,
            area.module_mm_min or RULES[area.carrier].module_mm_min,
            area.module_mm_max,
        )


def _encode(payload: Payload, area: SymbolArea) -> Symbol:
    """The symbol with the most error correction that leaves its modules their full size, at least `level`."""
    if payload.carrier != "qr":
        return encode(payload)
    full_mm = int(area.module_mm_max * COARSEST_DOTS_PER_MM) / COARSEST_DOTS_PER_MM
    modules_max = min(area.width_mm, area.height_mm) / full_mm - 2 * RULES["qr"].quiet_columns
    for level in reversed(LEVELS[LEVELS.index(area.level) + 1 :]):
        symbol = encode(payload, level)
        if symbol.columns <= modules_max:
            return symbol
    return encode(payload, area.level)


def _bars(area: BarArea) -> Iterator[BarBox]:
    if not area.frame_mm:
        yield BarBox(area.x_mm, area.y_mm, area.width_mm, area.height_mm)
        return
    thick = area.frame_mm
    yield BarBox(area.x_mm, area.y_mm, area.width_mm, thick)
    yield BarBox(area.x_mm, area.bottom_mm - thick, area.width_mm, thick)
    yield BarBox(area.x_mm, area.y_mm + thick, thick, area.height_mm - 2 * thick)
    yield BarBox(area.right_mm - thick, area.y_mm + thick, thick, area.height_mm - 2 * thick)


def _interpret(area: InterpretationArea, symbol: SymbolBox | None) -> Iterator[TextBox]:
    if symbol is None:
        return
    elements = symbol.symbol.payload.interpretation
    pieces = (*(f"{element}  " for element in elements[:-1]), elements[-1])
    flow = _require_fit(area, "  ".join(elements), pieces, area.width_mm, area.bold)
    yield from _lines(area, flow, area.align, area.y_mm)


@lru_cache(maxsize=_REMEMBERED)
def _place_text(area: TextArea, text: str) -> tuple[TextBox, ...]:
    margin = _INVERSE_MARGIN_EM * area.em_mm if area.inverse else 0.0
    flow = _require_fit(area, text, break_words(text), area.width_mm - 2 * margin, area.bold)
    top_mm = area.y_mm + ((area.height_mm - flow.height_mm) / 2 if area.middle or area.inverse else 0.0)
    return tuple(_lines(area, flow, area.align, top_mm, margin, area.inverse))


def _lines(
    area: Lettered, flow: Flow, align: Align, top_mm: float, margin_mm: float = 0.0, white: bool = False
) -> Iterator[TextBox]:
    for number, line in enumerate(flow.lines):
        width_mm = face(area.bold).width_em(line) * flow.em_mm
        spare_mm = area.width_mm - 2 * margin_mm - width_mm
        left_mm = area.x_mm + margin_mm + {"left": 0.0, "centre": spare_mm / 2, "right": spare_mm}[align]
        baseline_mm = top_mm + (number * PITCH_EM + ASCENT_EM) * flow.em_mm
        yield TextBox(area.name, left_mm, baseline_mm, width_mm, line, flow.em_mm, area.bold, white)


def _require_fit(area: Lettered, text: str, pieces: tuple[str, ...], width_mm: float, bold: bool) -> Flow:
    face(bold).require_glyphs(text, area.name)
    flow = fit_text(
        pieces, width_mm, area.height_mm, sizes_between(area.em_mm, area.em_mm_min or area.em_mm), bold
    )
    if flow is None:
        raise Invalid(
            f"{area.name}: {text!r} is too long for its box of {area.width_mm:g} x {area.height_mm:g} mm: "
            "use a shorter text"
        )
    return flow


def _fill_in(area: Area, text: str, fields: Mapping[str, str], optional: bool) -> str:
    """`text` with its fields; "" when one is missing that may be."""
    if missing := next((name for name in _names(text) if not fields.get(name)), None):
        if optional:
            return ""
        raise Invalid(f"{area.name}: the field {missing!r} is missing: give it as {missing}=...")
    return text.format_map(fields)


@cache
def _names(text: str) -> list[str]:
    return PLACEHOLDER.findall(text)


@lru_cache(maxsize=_REMEMBERED)
def _place_rows(area: FieldsArea, rows: tuple[tuple[str, str], ...]) -> tuple[TextBox, ...]:
    """Rows of caption and value, in the largest letters at which all of them fit."""
    for em_mm in sizes_between(area.em_mm, area.em_mm_min or area.em_mm):
        boxes = _rows_at(area, rows, em_mm)
        if boxes is not None:
            return tuple(boxes)
    longest = max(rows, key=lambda row: len(row[1]))
    raise Invalid(
        f"{area.name}: {len(rows)} rows do not fit its box of {area.width_mm:g} x {area.height_mm:g} mm; "
        f"the longest is {longest[0]} {longest[1]!r}, which is too long: use shorter texts"
    )


def _rows_of(area: FieldsArea, fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for row in area.rows:
        caption, _, value = (part.strip() for part in row.partition("|"))
        optional = caption.endswith("?")
        if text := _fill_in(area, value, fields, optional):
            caption = caption.removesuffix("?").strip()
            face(True).require_glyphs(text, f"{area.name}: {caption}")
            yield caption, text


def _rows_at(area: FieldsArea, rows: tuple[tuple[str, str], ...], em_mm: float) -> list[TextBox] | None:
    """The boxes of all rows at one size; None when they do not fit."""
    captions, values = face(False), face(area.bold)
    gap_mm = _CAPTION_GAP_EM * em_mm
    value_x_mm = area.x_mm + max((captions.width_em(c) for c, _ in rows), default=0.0) * em_mm + gap_mm
    boxes: list[TextBox] = []
    top_mm = area.y_mm
    for caption, value in rows:
        room_mm = max(area.right_mm - value_x_mm, 0.0)
        flow = fit_text(break_words(value), room_mm, area.bottom_mm - top_mm, (em_mm,), area.bold)
        if flow is None:
            return None
        first_mm = top_mm + ASCENT_EM * em_mm
        width_mm = captions.width_em(caption) * em_mm
        boxes.append(TextBox(area.name, area.x_mm, first_mm, width_mm, caption, em_mm))
        for number, line in enumerate(flow.lines):
            width_mm = values.width_em(line) * em_mm
            baseline_mm = first_mm + number * PITCH_EM * em_mm
            boxes.append(TextBox(area.name, value_x_mm, baseline_mm, width_mm, line, em_mm, area.bold))
        top_mm += flow.height_mm + (PITCH_EM - 1 + _ROW_GAP_EM) * em_mm
    return boxes
