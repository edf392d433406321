"""Patterns that a query matches items by: all serials of a product, all SSCCs of a company.

An item of a GS1 key belongs to a *class*: what is left of it without serial, lot or extension. An SSCC and
other keys without a serial are a class of their own. A pattern then is a class, or what classes begin with.
Wildcards stand at the end, as TDS 2.0, section 8, has them; a Digital Link takes one as its last segment.

Source: EPCIS 2.0, section 8.2.7.1.1; GS1 EPC Tag Data Standard 2.0, sections 6 and 8.
"""

import re
from dataclasses import dataclass
from typing import Final

from ledger.domain.digital_link import CANONICAL_STEM
from ledger.domain.errors import Invalid
from ledger.domain.identifiers import parse_identifier

_STEM: Final = f"{CANONICAL_STEM}/"
_LENGTH_WITHOUT_SERIAL: Final = {"253": 13, "255": 13, "8003": 14}


@dataclass(frozen=True, slots=True)
class ItemClass:
    """What an item is one of, and at which level the item stands: "01/21" serial, "01/10" lot, "01" class."""

    uri: str
    level: str


@dataclass(frozen=True, slots=True, order=True)
class ItemPattern:
    """All items of one level whose class is `stem`, or begins with it when not `whole`."""

    stem: str
    level: str
    whole: bool

    def matches(self, item: ItemClass | None) -> bool:
        if item is None or item.level != self.level:
            return False
        return item.uri == self.stem if self.whole else item.uri.startswith(self.stem)


def class_of(uri: str) -> ItemClass | None:
    """The class of a canonical identifier; None for one that is not a GS1 key."""
    if not uri.startswith(_STEM):
        return None
    code, value, *qualifiers = uri[len(_STEM) :].split("/")
    length = _LENGTH_WITHOUT_SERIAL.get(code)
    if length is not None:
        return ItemClass(f"{_STEM}{code}/{value[:length]}", f"{code}/+" if len(value) > length else code)
    return ItemClass(f"{_STEM}{code}/{value}", f"{code}/{qualifiers[0]}" if qualifiers else code)


@dataclass(frozen=True, slots=True)
class _Scheme:
    """Where the parts of a URN pattern stand in a key."""

    key: str
    level: str  # of the items that the pattern is about
    parts: int
    lead: tuple[str, ...] = ("",)  # what may stand before the company prefix


_DIGITS: Final = tuple("0123456789")
_SCHEMES: Final = {
    "idpat:sgtin": _Scheme("01", "01/21", 3, _DIGITS),
    "idpat:upui": _Scheme("01", "01/235", 3, _DIGITS),
    "idpat:lgtin": _Scheme("01", "01/10", 3, _DIGITS),
    "class:lgtin": _Scheme("01", "01/10", 3, _DIGITS),
    "idpat:itip": _Scheme("8006", "8006/21", 5, _DIGITS),
    "idpat:sscc": _Scheme("00", "00", 2, _DIGITS),
    "idpat:sgln": _Scheme("414", "414/254", 3),
    "idpat:pgln": _Scheme("417", "417", 2),
    "idpat:grai": _Scheme("8003", "8003/+", 3, ("0",)),
    "idpat:gdti": _Scheme("253", "253/+", 3),
    "idpat:sgcn": _Scheme("255", "255/+", 3),
    "idpat:giai": _Scheme("8004", "8004", 2),
    "idpat:ginc": _Scheme("401", "401", 2),
    "idpat:gsin": _Scheme("402", "402", 2),
    "idpat:gsrn": _Scheme("8018", "8018", 2),
    "idpat:gsrnp": _Scheme("8017", "8017", 2),
    "idpat:cpi": _Scheme("8010", "8010/8011", 3),
}
_LEVEL_OF_SERIALS: Final = {
    "01": "01/21", "8003": "8003/+", "253": "253/+", "255": "255/+", "8006": "8006/21", "8010": "8010/8011",
}  # fmt: skip
"""Class -> the level of its instances, for keys whose class has a name of its own."""

_COMPANY: Final = re.compile("[0-9]{6,12}")


def parse_item_patterns(text: str, *, classes: bool) -> tuple[str | None, tuple[ItemPattern, ...]]:
    """The canonical identifier that `text` names, if it names one, and the patterns that it is.

    With `classes` for a field that holds classes and lots, otherwise for one that holds single things: there,
    a class stands for all its instances, as urn:epc:idpat and as Digital Link. Raises Invalid.
    """
    if "*" not in text:
        identifier = parse_identifier(text).uri
        return identifier, () if classes else _instances_of(identifier)
    if text[:4].lower() == "http":
        return None, (_parse_link_pattern(text),)
    name, _, body = text.removeprefix("urn:epc:").rpartition(":")
    scheme = _SCHEMES.get(name)
    if scheme is None or not text.startswith("urn:epc:"):
        raise Invalid(f"{text[:80]!r}: no pattern; write one like urn:epc:idpat:sgtin:9506000.013435.*")
    return _parse_urn_pattern(text, scheme, body.split("."), classes)


def _instances_of(uri: str) -> tuple[ItemPattern, ...]:
    item = class_of(uri)
    level = None if item is None else _LEVEL_OF_SERIALS.get(item.level)
    return () if level is None else (ItemPattern(uri, level, True),)


def _parse_urn_pattern(
    text: str, scheme: _Scheme, parts: list[str], classes: bool
) -> tuple[str | None, tuple[ItemPattern, ...]]:
    fixed = [part for part in parts if part != "*"]
    if len(parts) != scheme.parts or parts[: len(fixed)] != fixed or any("*" in part for part in fixed):
        raise Invalid(f"{text[:80]!r}: expected {scheme.parts} parts, each * followed by * only")
    names_class = scheme.level == _LEVEL_OF_SERIALS.get(scheme.key)
    # In a field of classes, a pattern of serials is about the classes themselves.
    level = scheme.key if classes and names_class else scheme.level
    if not fixed:
        return None, (ItemPattern(f"{_STEM}{scheme.key}/", level, False),)
    if not _COMPANY.fullmatch(fixed[0]):
        raise Invalid(f"{text[:80]!r}: a company prefix has 6 to 12 digits, found {fixed[0]!r}")
    if len(fixed) == 1:
        stems = [f"{_STEM}{scheme.key}/{lead}{fixed[0]}" for lead in scheme.lead]
        return None, tuple(ItemPattern(stem, level, False) for stem in stems)
    if len(fixed) != scheme.parts - 1:
        raise Invalid(f"{text[:80]!r}: has too few * at its end, or too many")
    item = class_of(parse_identifier(_with_serial(text)).uri)
    assert item is not None, text
    if names_class:
        return item.uri, () if classes else _instances_of(item.uri)
    patterns = [ItemPattern(item.uri, level, True)]
    if scheme.key == "414":
        patterns.append(ItemPattern(item.uri, "414", True))  # extension 0: the GLN itself
    return None, tuple(patterns)


def _with_serial(pattern: str) -> str:
    """One thing that matches `pattern`, to have its key checked and joined."""
    return pattern.replace(":idpat:lgtin:", ":class:lgtin:").replace(":idpat:", ":id:")[:-1] + "1"


def _parse_link_pattern(text: str) -> ItemPattern:
    link, _, last = text.rpartition("/")
    if last != "*" or "*" in link:
        raise Invalid(f"{text[:80]!r}: the one * of a Digital Link is its last segment")
    class_link, _, code = link.rpartition("/")
    item = class_of(parse_identifier(class_link).uri)
    if item is None or "/" in item.level:
        raise Invalid(f"{text[:80]!r}: expected a class and what follows it, like /01/09506000134352/21/*")
    example = class_of(parse_identifier(f"{item.uri}/{code}/1").uri)
    if example is None or example.level != f"{item.level}/{code}":
        raise Invalid(f"{text[:80]!r}: ({code}) does not tell one {item.level} from another")
    return ItemPattern(item.uri, example.level, True)
