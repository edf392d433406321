"""Label templates: what stands where, read from TOML and checked. Millimetres from the top left corner.

    name = "shelf"
    title = "Shelf label"
    width_mm = 50
    height_mm = 30

    [[symbol]]
    name = "QR code"
    carrier = "qr"
    x_mm = 0.5
    ...

A template has boxes of five kinds: symbol, interpretation, text, fields (rows of caption and value) and bar.
Their keys are the attributes of the classes below; those with a default may be left out. A text names fields
in braces: "Lot {lot}". A box that is `optional`, or a row, is left out when one of its fields is missing.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args, get_type_hints

from labels.payload import Carrier
from labels.symbol import RULES, Level
from labels.typeface import face
from ledger.domain.ai_table import AIS
from ledger.domain.errors import Invalid, NotFound

Align = Literal["left", "centre", "right"]
PLACEHOLDER: Final = re.compile(r"\{([a-z_][a-z0-9_]*)\}")

TEMPLATE_BYTES_MAX: Final = 100_000
BOXES_MAX: Final = 200
SIDE_MM_MAX: Final = 300.0
EM_MM_MIN: Final = 1.2  # below this nobody reads hanzi


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A rectangle on the label; errors call it by its name."""

    name: str
    x_mm: float
    y_mm: float
    width_mm: float
    height_mm: float

    @property
    def right_mm(self) -> float:
        return self.x_mm + self.width_mm

    @property
    def bottom_mm(self) -> float:
        return self.y_mm + self.height_mm


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolArea(Area):
    """Where a symbol stands with its quiet zone, centred, as large as fits and `module_mm_max` lets it be."""

    carrier: Carrier
    elements: tuple[str, ...] = ()
    """The AIs of a GS1 symbol in their order, "17?" when it may be missing; of a QR code, further ones."""
    level: Level = "Q"
    """Of a QR code, at least; where modules stay as large, it gets more error correction."""
    module_mm_min: float = 0.0
    module_mm_max: float = 0.51  # holds 4 dots at 203 dpi, 6 at 300, 12 at 600
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lettered(Area):
    """Letters `em_mm` high, or lower down to `em_mm_min` where the text needs it."""

    em_mm: float
    em_mm_min: float = 0.0
    bold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpretationArea(Lettered):
    """The elements of the symbol `of`, as people read them; an element is never cut."""

    of: str
    align: Align = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextArea(Lettered):
    """A text in lines from the top, or in the `middle`; `inverse` is white on black."""

    text: str
    align: Align = "left"
    middle: bool = False
    inverse: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldsArea(Lettered):
    """Rows of caption and value, "批号 Lot | {lot}"; a ? behind the caption: the row may be missing."""

    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BarArea(Area):
    """A black rectangle: a line between parts, or with `frame_mm` the frame of one."""

    frame_mm: float = 0.0


@dataclass(frozen=True, slots=True)
class Template:
    """A checked template."""

    name: str
    title: str
    width_mm: float
    height_mm: float
    boxes: tuple[Area, ...]
    """In the order of the kinds: symbols first."""


_KINDS: Final[dict[str, type[Area]]] = {
    "symbol": SymbolArea,
    "interpretation": InterpretationArea,
    "text": TextArea,
    "fields": FieldsArea,
    "bar": BarArea,
}
_HEAD: Final = {"name": str, "title": str, "width_mm": float, "height_mm": float}
_BUILT_IN: Final = Path(__file__).with_name("templates")


def find_template(name: str, folder: Path | None = None) -> Template:
    """The template `name` of `folder`, or else of those that come with Suyuan.

    Raises NotFound naming those there are; Invalid when it is wrong.
    """
    for place in (folder, _BUILT_IN):
        if place and name in template_names(place):
            return _load(place / f"{name}.toml")
    known = sorted({*template_names(_BUILT_IN), *(template_names(folder) if folder else ())})
    raise NotFound(f"no label template {name!r}; there are {', '.join(known)}")


def template_names(folder: Path = _BUILT_IN) -> tuple[str, ...]:
    """The names of the templates in a folder, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def parse_template(text: str, where: str) -> Template:
    """The template that a TOML document describes; `where` names the document in errors.

    Raises Invalid naming the box: an unknown or missing key, a box that leaves the label or covers a symbol
    and its quiet zone, a module under what the carrier needs, an unknown field, carrier or symbol.
    """
    if len(text) > TEMPLATE_BYTES_MAX:
        raise Invalid(f"{where}: {len(text):,} characters, a template has at most {TEMPLATE_BYTES_MAX:,}")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{where}: not TOML: {error}") from error
    if unknown := document.keys() - _KINDS.keys() - _HEAD.keys():
        raise Invalid(
            f"{where}: unknown {', '.join(sorted(unknown))}; there are {', '.join([*_HEAD, *_KINDS])}"
        )
    head = {key: _convert(document.get(key), kind, f"{where}: {key}") for key, kind in _HEAD.items()}
    template = Template(**head, boxes=tuple(_parse_boxes(document, where)))
    _check(template, where)
    return template


@cache
def _load_version(path: Path, _modified_ns: int) -> Template:
    return parse_template(path.read_text(encoding="utf-8"), path.name)


def _load(path: Path) -> Template:
    return _load_version(path, path.stat().st_mtime_ns)


def _parse_boxes(document: Mapping[str, Any], where: str) -> Iterator[Area]:
    for kind, area in _KINDS.items():
        tables = document.get(kind, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise Invalid(f"{where}: write each {kind} as [[{kind}]]")
        for number, table in enumerate(tables, start=1):
            yield _parse_box(area, table, f"{where}: {table.get('name') or f'{kind} {number}'}")


_A = TypeVar("_A", bound=Area)


def _parse_box(area: type[_A], table: Mapping[str, Any], where: str) -> _A:
    hints = get_type_hints(area)
    known = {field.name: field for field in fields(area)}
    if unknown := sorted(table.keys() - known.keys()):
        raise Invalid(f"{where}: unknown {', '.join(unknown)}; there are {', '.join(known)}")
    if missing := [f.name for f in known.values() if f.default is MISSING and f.name not in table]:
        raise Invalid(f"{where}: {', '.join(missing)} is missing")
    return area(**{key: _convert(value, hints[key], f"{where}: {key}") for key, value in table.items()})


def _convert(value: Any, kind: Any, where: str) -> Any:
    """`value` as the type of its field."""
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if kind in (str, bool) and isinstance(value, kind):
        return value
    if kind == tuple[str, ...] and isinstance(value, list) and all(isinstance(text, str) for text in value):
        return tuple(value)
    if value in (choices := get_args(kind)) and isinstance(value, str):
        return value
    words = {float: "a number", str: "a text", bool: "true or false", tuple[str, ...]: "a list of texts"}
    raise Invalid(
        f"{where} is {value!r}, should be {words.get(kind) or 'one of ' + ', '.join(map(str, choices))}"
    )


def _check(template: Template, where: str) -> None:
    if not (0 < template.width_mm <= SIDE_MM_MAX and 0 < template.height_mm <= SIDE_MM_MAX):
        raise Invalid(f"{where}: a label's sides are from 0 to {SIDE_MM_MAX:g} mm")
    if len(template.boxes) > BOXES_MAX:
        raise Invalid(f"{where}: {len(template.boxes)} boxes, a template has at most {BOXES_MAX}")
    symbols = {box.name: box for box in template.boxes if isinstance(box, SymbolArea)}
    for box in template.boxes:
        _check_inside(template, box, where)
        if isinstance(box, SymbolArea):
            _check_symbol(box, where)
        if isinstance(box, Lettered):
            _check_letters(box, where)
        if isinstance(box, InterpretationArea) and box.of not in symbols:
            raise Invalid(f"{where}: {box.name}: there is no symbol {box.of!r}")
        for symbol in symbols.values():
            if box is not symbol and _covers(box, symbol):
                raise Invalid(
                    f"{where}: {box.name}: covers the quiet zone of {symbol.name}; move one of them"
                )


def _check_inside(template: Template, box: Area, where: str) -> None:
    if box.width_mm <= 0 or box.height_mm <= 0:
        raise Invalid(f"{where}: {box.name}: is empty: {box.width_mm:g} x {box.height_mm:g} mm")
    rounding = 1e-6
    if (
        min(box.x_mm, box.y_mm) < 0
        or box.right_mm > template.width_mm + rounding
        or box.bottom_mm > template.height_mm + rounding
    ):
        raise Invalid(
            f"{where}: {box.name}: reaches from ({box.x_mm:g}, {box.y_mm:g}) to "
            f"({box.right_mm:g}, {box.bottom_mm:g}) mm, "
            f"the label is {template.width_mm:g} x {template.height_mm:g} mm"
        )


def _check_symbol(box: SymbolArea, where: str) -> None:
    floor = RULES[box.carrier].module_mm_min
    if box.module_mm_max < max(floor, box.module_mm_min) or 0 < box.module_mm_min < floor:
        raise Invalid(
            f"{where}: {box.name}: modules of {box.module_mm_min or floor:g} to {box.module_mm_max:g} mm, "
            f"a {box.carrier} symbol needs at least {floor:g} mm"
        )
    for wish in box.elements:
        if wish.removesuffix("?") not in AIS:
            raise Invalid(f"{where}: {box.name}: {wish!r} is no GS1 AI")
    if box.carrier != "qr" and not box.elements:
        raise Invalid(f"{where}: {box.name}: name the AIs of a {box.carrier} symbol in `elements`")


def _check_letters(box: Lettered, where: str) -> None:
    smallest = box.em_mm_min or box.em_mm
    if not EM_MM_MIN <= smallest <= box.em_mm:
        raise Invalid(
            f"{where}: {box.name}: letters of {smallest:g} to {box.em_mm:g} mm, "
            f"should be {EM_MM_MIN:g} mm or more"
        )
    texts: Sequence[str] = ()
    if isinstance(box, TextArea):
        texts = (box.text,)
    elif isinstance(box, FieldsArea):
        texts = box.rows
        if wrong := next((row for row in box.rows if row.count("|") != 1), None):
            raise Invalid(f"{where}: {box.name}: row {wrong!r} should be written caption | value")
    for text in texts:
        bare = PLACEHOLDER.sub("", text)
        if "{" in bare or "}" in bare:
            raise Invalid(f"{where}: {box.name}: {text!r}: write a field as {{name}}, in small letters")
        face(box.bold).require_glyphs(bare, f"{where}: {box.name}")


def _covers(box: Area, symbol: Area) -> bool:
    if isinstance(box, BarArea) and box.frame_mm:
        inside = (
            box.x_mm + box.frame_mm <= symbol.x_mm
            and box.y_mm + box.frame_mm <= symbol.y_mm
            and symbol.right_mm <= box.right_mm - box.frame_mm
            and symbol.bottom_mm <= box.bottom_mm - box.frame_mm
        )
        if inside:
            return False
    rounding = 1e-6
    return (
        box.x_mm < symbol.right_mm - rounding
        and symbol.x_mm < box.right_mm - rounding
        and box.y_mm < symbol.bottom_mm - rounding
        and symbol.y_mm < box.bottom_mm - rounding
    )
