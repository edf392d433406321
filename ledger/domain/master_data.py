"""Master data: what people call products, places and parties, and what else is known of them for good.

An entry is made from a row of a table, from JSON, or from the header of an EPCIS document (EPCIS 2.0,
section 9.6.1), and can be told again as the attributes that the header would have (CBV 2.0, section 9.2).
Master data are no part of any proof.

Details are texts. Known ones have a name of ours (`DETAILS`); any other attribute goes by its URI, and its
values stand one a line.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Final, Literal, TypeVar, get_args

from ledger.domain import canonical_json
from ledger.domain.canonical_json import JsonValue
from ledger.domain.errors import Invalid, Problem
from ledger.domain.event_fields import Reading, check_uri, identifier, kind_of, uri
from ledger.domain.identifiers import Kind as IdentifierKind
from ledger.domain.identifiers import parse_identifier
from ledger.domain.temperature import parse_range

Kind = Literal["product", "place", "party"]
T = TypeVar("T")
M = TypeVar("M", str, list[JsonValue], dict[str, JsonValue])


@dataclass(frozen=True, slots=True)
class MasterData:
    """What people call a product, place or party; `uri` is its canonical identifier.

    Both names are "" when only attributes are known.
    """

    uri: str
    kind: Kind
    name: str
    name_zh: str
    details: Mapping[str, str]  # e.g. {"celsius_min": "2", "celsius_max": "8"}


def merge(old: MasterData, new: MasterData) -> MasterData:
    """`old` with what `new` adds or says otherwise; what `new` does not speak of stays."""
    return replace(
        new,
        name=new.name or old.name,
        name_zh=new.name_zh or old.name_zh,
        details={**old.details, **new.details},
    )


def merge_entries(old: Mapping[str, MasterData], new: Iterable[MasterData]) -> list[MasterData]:
    """The new entries, each merged with the old one of its identifier."""
    return [merge(old[entry.uri], entry) if entry.uri in old else entry for entry in new]


# --- details


def _number(low: float, high: float) -> Callable[[str], str]:
    def read(value: str) -> str:
        try:
            number = Decimal(value)
        except InvalidOperation as error:
            raise Invalid(f"expected a number, found {value!r}") from error
        if not low <= number <= high:
            raise Invalid(f"{value} is not from {low:g} to {high:g}")
        return value

    return read


def _like(pattern: str, expected: str) -> Callable[[str], str]:
    compiled = re.compile(pattern)

    def read(value: str) -> str:
        if compiled.fullmatch(value):
            return value
        raise Invalid(f"expected {expected}, found {value!r}")

    return read


def _identifiers(value: str) -> str:
    return " ".join(parse_identifier(part).uri for part in value.split())


@dataclass(frozen=True, slots=True)
class Detail:
    """One kind of detail: what it is about, how to read it, and its attribute in CBV, "" when it has none."""

    kinds: frozenset[Kind]
    read: Callable[[str], str] = str
    attribute: str = ""


_PRODUCT: Final[frozenset[Kind]] = frozenset({"product"})
_PLACE: Final[frozenset[Kind]] = frozenset({"place"})
_ADDRESSED: Final[frozenset[Kind]] = frozenset({"place", "party"})
_CBV_MDA: Final = "urn:epcglobal:cbv:mda:"

DETAILS: Final[Mapping[str, Detail]] = {
    "address": Detail(_ADDRESSED, attribute="streetAddressOne"),
    "city": Detail(_ADDRESSED, attribute="city"),
    "city_zh": Detail(_ADDRESSED),
    "region": Detail(_ADDRESSED, attribute="state"),
    "postal_code": Detail(_ADDRESSED, attribute="postalCode"),
    "country": Detail(_ADDRESSED, _like("[A-Z]{2}", "two letters of ISO 3166-1, like CN"), "countryCode"),
    "latitude": Detail(_PLACE, _number(-90, 90), "latitude"),
    "longitude": Detail(_PLACE, _number(-180, 180), "longitude"),
    "zone": Detail(_PLACE, _like("[A-Za-z0-9_+/-]+", "a time zone like Asia/Shanghai")),
    "part_of": Detail(_PLACE, _identifiers),
    "manufacturer": Detail(_PRODUCT, _identifiers),
    "brand": Detail(_PRODUCT),
    "net_content": Detail(_PRODUCT, attribute="netContentDescription"),
    "celsius_min": Detail(_PRODUCT, _number(-273.15, 1000)),
    "celsius_max": Detail(_PRODUCT, _number(-273.15, 1000)),
    "lifetime_days": Detail(_PRODUCT, _like("[1-9][0-9]{0,5}", "a whole number of days")),
}
"""Name -> detail. `part_of`: the places that hold this one, with spaces between."""

_BY_ATTRIBUTE: Final = {
    _CBV_MDA + detail.attribute: name for name, detail in DETAILS.items() if detail.attribute
}
_NAME_ATTRIBUTES: Final = tuple(
    _CBV_MDA + name
    for name in ("name", "descriptionShort", "regulatedProductName", "tradeItemDescription", "functionalName")
)


def attributes_of(entry: MasterData) -> dict[str, tuple[str, ...]]:
    """What the header of an EPCIS document would say of the entry: attribute URI -> its values."""
    name_attribute = _CBV_MDA + ("descriptionShort" if entry.kind == "product" else "name")
    attributes: dict[str, tuple[str, ...]] = {name_attribute: (entry.name,)} if entry.name else {}
    for name, value in entry.details.items():
        detail = DETAILS.get(name)
        if detail is None:
            attributes[name] = tuple(value.split("\n"))
        elif detail.attribute:
            attributes[_CBV_MDA + detail.attribute] = (value,)
    return attributes


# --- from a row

COLUMNS: Final = ("id", "kind", "name", "name_zh", *DETAILS)
"""The columns of a table, but for attributes that go by their URI. `gtin` or `gln` may stand for `id`."""


def read_row(row: Mapping[str, str]) -> MasterData:
    """The entry that a row says: column -> text, empty texts being absent.

    Raises Invalid with a problem for each wrong cell, its pointer being the name of the column.
    """
    cells = {column: value for column, value in row.items() if value}
    problems: list[Problem] = []
    kind = _attempt(problems, "kind", lambda: _read_kind(cells.pop("kind", None)))
    ids: dict[str, str] = {column: cells.pop(column) for column in ("id", "gtin", "gln") if column in cells}
    found = _attempt(problems, next(iter(ids), "id"), lambda: _read_id(ids, kind))
    name, name_zh = cells.pop("name", ""), cells.pop("name_zh", "")
    if not (name or name_zh):
        problems.append(Problem("name", "is missing"))
    about = found[1] if found else None
    details = {
        column: _attempt(problems, column, partial(_read_detail, column, value, about)) or ""
        for column, value in cells.items()
    }
    _attempt(problems, "celsius_min", lambda: parse_range(row))
    if problems or found is None:
        raise Invalid(f"{problems[0].pointer}: {problems[0].message}", problems)
    return MasterData(*found, name, name_zh, details)


def to_row(entry: MasterData) -> dict[str, str]:
    """The row that `read_row` makes `entry` from."""
    names = {"id": entry.uri, "kind": entry.kind, "name": entry.name, "name_zh": entry.name_zh}
    return {name: value for name, value in (names | dict(entry.details)).items() if value}


def _attempt(problems: list[Problem], column: str, read: Callable[[], T]) -> T | None:
    try:
        return read()
    except Invalid as error:
        problems.append(Problem(column, str(error)))
        return None


def _read_kind(text: str | None) -> Kind | None:
    for kind in get_args(Kind):
        if kind == text:
            found: Kind = kind
            return found
    if text is not None:
        raise Invalid(f"expected one of {', '.join(get_args(Kind))}, found {text!r}")
    return None


def _read_id(ids: Mapping[str, str], kind: Kind | None) -> tuple[str, Kind]:
    if len(ids) != 1:
        raise Invalid(f"give one of id, gtin and gln, found {' and '.join(ids) or 'none'}")
    ((column, value),) = ids.items()
    if column == "gtin":
        value = f"(01){value.zfill(14)}"  # tables are fond of dropping leading zeros
    elif column == "gln":
        value = f"({'417' if kind == 'party' else '414'}){value.zfill(13)}"
    found = parse_identifier(value)
    expected = kind_of_identifier(found.kind)
    if kind is None and expected is None:
        raise Invalid(f"{found.uri}: add the column kind, as the identifier does not tell it")
    if kind is not None and expected not in (None, kind):
        raise Invalid(f"{found.uri} is a {found.kind} and names no {kind}")
    assert kind or expected
    return found.uri, kind or expected or "product"


def _read_detail(column: str, value: str, kind: Kind | None) -> str:
    detail = DETAILS.get(column)
    if detail is None and ":" in column:
        check_uri(column)
        return value
    if detail is None:
        raise Invalid(f"no such column; there are {', '.join(COLUMNS)}, and attributes by their URI")
    if kind is not None and kind not in detail.kinds:
        raise Invalid(f"a {kind} has none: leave it empty")
    return detail.read(value)


_PARTY_KINDS: Final[frozenset[IdentifierKind]] = frozenset({"pgln", "gsrn", "gsrnp"})
_PLACE_KINDS: Final[frozenset[IdentifierKind]] = frozenset({"gln", "sgln"})


def kind_of_identifier(kind: IdentifierKind) -> Kind | None:
    """What a GS1 key names; None where the key does not tell."""
    if kind == "uri":
        return None
    if kind in _PLACE_KINDS:
        return "place"
    return "party" if kind in _PARTY_KINDS else "product"


# --- from the header of a document

_VTYPE: Final = "urn:epcglobal:epcis:vtype:"
_KINDS_BY_VOCABULARY: Final[Mapping[str, Kind]] = {
    _VTYPE + "BusinessLocation": "place",
    _VTYPE + "ReadPoint": "place",
    _VTYPE + "Location": "place",
    _VTYPE + "EPCClass": "product",
    _VTYPE + "EPCInstance": "product",
    _VTYPE + "Party": "party",
}
_SOURCE_OR_DESTINATION: Final = _VTYPE + "SourceDest"
"""Its elements are parties, or places: each identifier tells."""


def read_header(reading: Reading, header: JsonValue, at: str) -> tuple[MasterData, ...]:
    """The entries in `epcisHeader`, each identifier once; vocabularies of other things are passed over.

    Problems go to `reading`.
    """
    found: dict[str, MasterData] = {}
    master_data = _member(reading, header, "epcisMasterData", dict, at)
    vocabularies = _member(reading, master_data, "vocabularyList", list, f"{at}/epcisMasterData")
    at = f"{at}/epcisMasterData/vocabularyList"
    for index, vocabulary in enumerate(vocabularies or ()):
        type_uri = _member(reading, vocabulary, "type", str, f"{at}/{index}")
        elements = _member(reading, vocabulary, "vocabularyElementList", list, f"{at}/{index}")
        if type_uri not in _KINDS_BY_VOCABULARY and type_uri != _SOURCE_OR_DESTINATION:
            continue
        for number, element in enumerate(elements or ()):
            where = f"{at}/{index}/vocabularyElementList/{number}"
            for entry in _read_element(reading, element, _KINDS_BY_VOCABULARY.get(type_uri or ""), where):
                found[entry.uri] = _join(found.get(entry.uri), entry)
    return tuple(found.values())


def _join(old: MasterData | None, new: MasterData) -> MasterData:
    """Two entries of one document: what holds a place is added up."""
    if old is None:
        return new
    joined = merge(old, new)
    holders = dict.fromkeys(f"{old.details.get('part_of', '')} {new.details.get('part_of', '')}".split())
    return replace(joined, details={**joined.details, "part_of": " ".join(holders)}) if holders else joined


def _read_element(reading: Reading, element: JsonValue, kind: Kind | None, at: str) -> Iterator[MasterData]:
    """The entry of one vocabulary element, and one for each of its children, which are part of it."""
    if not isinstance(element, dict):
        reading.fault(at, f"expected an object, found {kind_of(element)}")
        return
    found = identifier(reading, element.get("id"), f"{at}/id")
    if found is None:
        return
    kind = kind or kind_of_identifier(parse_identifier(found).kind) or "party"
    values: dict[str, list[str]] = {}
    for index, attribute in enumerate(_member(reading, element, "attributes", list, at) or ()):
        where = f"{at}/attributes/{index}"
        name = uri(reading, _member(reading, attribute, "id", str, where), f"{where}/id")
        if isinstance(attribute, dict) and name:
            values.setdefault(name.replace("cbv:mda#", "cbv:mda:"), []).append(_value(attribute))
    yield _entry_of(found, kind, {name: "\n".join(listed) for name, listed in values.items()})
    for index, child in enumerate(_member(reading, element, "children", list, at) or ()):
        part = identifier(reading, child, f"{at}/children/{index}")
        if part is not None:
            yield MasterData(part, kind, "", "", {"part_of": found})


def _entry_of(uri: str, kind: Kind, attributes: Mapping[str, str]) -> MasterData:
    name_attribute = next((name for name in _NAME_ATTRIBUTES if attributes.get(name)), "")
    details: dict[str, str] = {}
    for attribute, value in attributes.items():
        name = _BY_ATTRIBUTE.get(attribute, "")
        if attribute == name_attribute:
            continue
        fits = name and kind in DETAILS[name].kinds and _is_valid(DETAILS[name], value)
        details[name if fits else attribute] = value
    return MasterData(uri, kind, attributes.get(name_attribute, ""), "", details)


def _is_valid(detail: Detail, value: str) -> bool:
    """Whether we can use the value; if not, it is kept as the sender's attribute."""
    try:
        return detail.read(value) == value
    except Invalid:
        return False


def _value(attribute: Mapping[str, JsonValue]) -> str:
    value = attribute.get("attribute", "")
    return value if isinstance(value, str) else canonical_json.encode(value).decode()


def _member(reading: Reading, value: JsonValue, name: str, kind: type[M], at: str) -> M | None:
    """Member `name` of the object `value`; None when it is not there, or wrong, which is a problem."""
    if value is None:
        return None
    if not isinstance(value, dict):
        reading.fault(at, f"expected an object, found {kind_of(value)}")
        return None
    member = value.get(name)
    if member is None or isinstance(member, kind):
        return member
    reading.fault(f"{at}/{name}", f"is {kind_of(member)}, which does not belong here")
    return None
