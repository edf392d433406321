"""What one label is about: the identifier with its GS1 elements, and fields such as name, lot and importer.

A field that an element says (`lot`, `expiry`) is read from the element, so the text on a label cannot differ
from its symbol. Everything is checked here, before anything is drawn.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from ledger.domain.ai_table import QUALIFIER_PATHS, QUALIFIERS, check_value
from ledger.domain.authenticity import LabelSigner
from ledger.domain.digital_link import CANONICAL_STEM, Element, build, link_elements, write_element_string
from ledger.domain.errors import Invalid
from ledger.domain.temperature import TemperatureRange, parse_range

AI_OF_FIELD: Final = {
    "sscc": "00",
    "gtin": "01",
    "content": "02",
    "lot": "10",
    "produced": "11",
    "packed": "13",
    "best_before": "15",
    "expiry": "17",
    "serial": "21",
    "count": "37",
}
"""The fields that are GS1 elements. A date is written 2027-12-31; 2027-12 means the month."""

_DATES: Final = frozenset({"11", "13", "15", "17"})
_REQUIRES: Final = {"4330": "00", "4331": "00", "4332": "00", "4333": "00", "02": "37", "37": "02"}
"""AI -> the AI without which it says nothing (GS1 General Specifications, 4.14.2)."""
_COLD_CELSIUS_MAX: Final = 8  # GB/T 24616: chilled is up to 8 °C, frozen up to -18 °C
_FROZEN_CELSIUS_MAX: Final = -12  # what is meant to be kept frozen, at whatever class
_QUALIFYING: Final = {key: frozenset().union(*orders) for key, orders in QUALIFIERS.items()}
_FIELD_OF_AI: Final = {code: name for name, code in AI_OF_FIELD.items()}
_date: Final = re.compile(r"20([0-9]{2})-([0-9]{2})(?:-([0-9]{2}))?").fullmatch


@dataclass(frozen=True, slots=True)
class Content:
    """What a label says. Made by `gs1_content` or `other_content`, it is checked."""

    stem: str
    """Scheme and host of the Digital Link."""
    elements: tuple[Element, ...]
    """None when the identifier is of another scheme than GS1."""
    identifier: str
    """What a QR code holds when there are no elements."""
    fields: Mapping[str, str]
    signer: LabelSigner | None = None
    """Signs the Digital Link, when there is one."""

    @property
    def link(self) -> str:
        """What the label opens: the Digital Link of key and qualifiers; for other schemes the identifier."""
        return self.link_with(())

    def link_with(self, attributes: Iterable[Element]) -> str:
        """The Digital Link that also says `attributes`, signed when there is a signer."""
        if not self.elements:
            return self.identifier
        link = build(link_elements((*self.path, *attributes), self.stem))
        return self.signer.sign(link) if self.signer else link

    @property
    def path(self) -> tuple[Element, ...]:
        """The first GS1 key and those elements that can qualify it."""
        key = next(element for element in self.elements if element.ai in QUALIFIER_PATHS)
        qualifying = _QUALIFYING[key.ai]
        return (key, *[element for element in self.elements if element.ai in qualifying])


def gs1_content(
    elements: Iterable[tuple[str, str]],
    stem: str = CANONICAL_STEM,
    fields: Mapping[str, str] | None = None,
) -> Content:
    """The content for a GS1 identifier. `fields` may name further elements (`expiry`, or an AI as in `400`).

    `celsius_min` and `celsius_max` give the fields `storage`, `storage_sign` (with a snowflake for cold
    goods) and `handling`, and on a logistic unit the elements (4333) and (4331). Raises Invalid for a wrong
    value, two values of one AI, an element whose companion is missing, and when there is no key.
    """
    given, told = tuple(elements), _read_fields(tuple((fields or {}).items()))
    temperatures = _temperatures(told.allowed) if any(code == "00" for code, _ in given) else ()
    values: dict[str, str] = {}
    for code, value in (*given, *told.elements, *temperatures):
        if values.setdefault(code, value) != value:
            raise Invalid(f"({code}) has two values, {values[code]!r} and {value!r}; leave one")
        check_value(code, value)
    if values.keys().isdisjoint(QUALIFIER_PATHS):
        raise Invalid(
            f"{write_element_string(values.items())!r}: holds no GS1 key such as (00), (01) or (8004)"
        )
    for code in values:
        if (needed := _REQUIRES.get(code, code)) not in values:
            raise Invalid(f"({code}){values[code]}: says nothing without ({needed}); add that or leave it")
    checked = tuple(Element(*pair) for pair in values.items())
    return Content(stem, checked, "", told.shown | dict(_fields_of(checked)))


def other_content(identifier: str, fields: Mapping[str, str] | None = None) -> Content:
    """The content for an identifier of another scheme, as 88.118.1001/abc; a QR code holds it as it is."""
    told = _read_fields(tuple((fields or {}).items()))
    return Content("", (), identifier, told.shown | {"identifier": identifier})


def format_date(value: str) -> str:
    """An AI's YYMMDD as people read it; day 00 means the month."""
    return f"20{value[:2]}-{value[2:4]}" + (f"-{value[4:6]}" if value[4:6] != "00" else "")


class _Told(NamedTuple):
    """What the given fields say."""

    elements: tuple[Element, ...]
    allowed: TemperatureRange | None
    shown: dict[str, str]


@lru_cache(maxsize=64)  # most labels of a job have the same
def _read_fields(fields: tuple[tuple[str, str], ...]) -> _Told:
    kept = {name: text for name, text in fields if text}
    allowed = parse_range(kept)
    return _Told(tuple(_elements_in(kept)), allowed, dict(_storage_fields(allowed)) | kept)


def _storage_fields(allowed: TemperatureRange | None) -> Iterator[tuple[str, str]]:
    if allowed is None:
        return
    low, high = allowed.celsius_min, allowed.celsius_max
    is_cold = high is not None and high <= _COLD_CELSIUS_MAX
    yield "storage", str(allowed)
    yield "storage_sign", f"❄ {allowed}" if is_cold else str(allowed)
    if high is not None and high <= _FROZEN_CELSIUS_MAX:
        yield "handling", "解冻后请勿再次冷冻 Do not refreeze once thawed"
    elif is_cold and low is not None and low >= 0:
        yield "handling", "冷藏运输，严禁冻结 Keep cold, do not freeze"


def _elements_in(fields: Mapping[str, str]) -> Iterator[Element]:
    for name, text in fields.items():
        code = name if name.isdecimal() else AI_OF_FIELD.get(name)
        if code:
            yield Element(code, _parse_date(name, text) if code in _DATES and "-" in text else text)


def _parse_date(name: str, text: str) -> str:
    match = _date(text)
    if match is None:
        raise Invalid(f"{name} is {text!r}: write a date as 2027-12-31, or 2027-12")
    return "".join(match.groups(default="00"))


def _fields_of(elements: Iterable[Element]) -> Iterator[tuple[str, str]]:
    for code, value in elements:
        if name := _FIELD_OF_AI.get(code):
            yield name, format_date(value) if code in _DATES else value.lstrip("0") if code == "37" else value
        if code.startswith("310"):
            yield "net_weight", f"{Decimal(value).scaleb(-int(code[3])):f} kg"


def _temperatures(allowed: TemperatureRange | None) -> Iterator[Element]:
    """The storage range as transport temperatures in hundredths of a degree (AIs 4331 and 4333)."""
    if allowed is None:
        return
    for code, celsius in (("4333", allowed.celsius_min), ("4331", allowed.celsius_max)):
        if celsius is not None:
            hundredths = int(celsius.scaleb(2))
            yield Element(code, f"{abs(hundredths):06}{'-' if hundredths < 0 else ''}")
