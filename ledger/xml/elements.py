"""What an element says, in the form of the JSON binding: an event, or the master data of the header.

What cannot be said there is a Fault in its place. What XML adds to JSON:

* the wrappers `extension` and `baseExtension` of EPCIS 1 are opened, in any depth;
* a QuantityEvent (EPCIS 1.0) is an ObjectEvent that observes a quantity (EPCIS 1.1, section 7.4.3);
* attributes of extensions are members like child elements; text beside attributes is the member `@value`;
* a value in an extension is text, unless its `xsi:type` says number or boolean;
* blanks around a value do not count;
* the order of elements, which the schema fixes, does not matter.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias, cast

from lxml import etree

from ledger.domain import canonical_json
from ledger.domain.canonical_json import Fault
from ledger.domain.errors import Invalid
from ledger.domain.events import SENSOR_METADATA_NAMES, SENSOR_REPORT_NAMES
from ledger.xml.names import ENTRY_NAMES, NIL, OWN_NAMESPACES, XSI, Names

ATTRIBUTES_MAX: Final = 200
"""Attributes of one element: the XML library finds each of them by looking through all."""

Element: TypeAlias = etree._Element
_Value: TypeAlias = Any
"""A JsonValue, in which a Fault may stand for what cannot be read."""

_Read: TypeAlias = Callable[[Element, Names], _Value]


def local_name(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def own_name(element: Element) -> str:
    """The local name of what is in a namespace of the standard; of other elements the whole tag."""
    namespace, _, local = element.tag.rpartition("}")
    return local if namespace[1:] in OWN_NAMESPACES else element.tag


def find_child(element: Element, name: str) -> Element | None:
    """The child of the standard's own with this name, looked for inside wrappers too."""
    return next((child for child in unwrapped(element) if own_name(child) == name), None)


def read_event(element: Element, names: Names) -> _Value:
    """The event as the JSON binding has it, nothing in it checked yet."""
    event = _read_members(element, names, _EVENT, _REPEATED)
    if isinstance(event, Fault):
        return event
    event["type"] = names.of(element.tag, element.prefix)
    if event["type"] != "QuantityEvent":
        return event
    quantity = {name: event.pop(name) for name in ("epcClass", "quantity") if name in event}
    return {**event, "type": "ObjectEvent", "action": "OBSERVE", "quantityList": [quantity]}


_WRAPPERS: Final = frozenset(
    f"{{{namespace}}}{name}" if namespace else name
    for namespace in OWN_NAMESPACES
    for name in ("extension", "baseExtension")
)


def unwrapped(element: Element) -> Iterator[Element]:
    """The children of `element`, and in place of a wrapper what is in it."""
    for child in element:
        if child.tag in _WRAPPERS:
            yield from unwrapped(child)
        else:
            yield child


def _read_members(
    element: Element, names: Names, readers: Mapping[str, _Read], repeated: Iterable[str] = ()
) -> _Value:
    """The object that `element` is: a member for each attribute and child."""
    members: dict[str, _Value] = _read_attributes(element, names, {})
    if _has_text(element):
        return Fault("has text beside its elements: put it into an element of its own")
    for child in unwrapped(element):
        name = names.of(child.tag, child.prefix)
        if isinstance(name, Fault):
            return name
        read = readers.get(name)
        if read is None:
            _add(members, name, _read_extension(child, names))
        elif name in repeated:
            members.setdefault(name, []).append(read(child, names))
        elif name in members:
            members[name] = Fault("is there twice: keep one")
        elif (value := read(child, names)) is not None:
            members[name] = value
    return members


def _add(members: dict[str, _Value], name: str, value: _Value) -> None:
    """Add a member; what is there several times is a list."""
    if name not in members:
        members[name] = value
    elif isinstance(members[name], list):
        members[name].append(value)
    else:
        members[name] = [members[name], value]


def _has_text(element: Element) -> bool:
    """Whether text stands beside the children of `element`."""
    text = element.text
    if text and not text.isspace():
        return True
    for child in element:
        text = child.tail
        if text and not text.isspace():
            return True
    return False


def _read_attributes(
    element: Element, names: Names, readers: Mapping[str, Callable[[str], _Value]]
) -> _Value:
    members: dict[str, _Value] = {}
    attributes = cast(Mapping[str, str], element.attrib)
    if not attributes:
        return members
    if len(attributes) > ATTRIBUTES_MAX:
        return {"@": Fault(f"has {len(attributes)} attributes, more than {ATTRIBUTES_MAX}")}
    for tag, text in attributes.items():
        if tag.startswith(_XSI):  # says how to read XML, not what happened
            continue
        name = names.of(tag)
        if isinstance(name, Fault):
            return {tag: name}
        read = readers.get(name)
        members[name] = read(text.strip()) if read else text.strip()
    return members


_XSI: Final = f"{{{XSI}}}"


def _read_extension(element: Element, names: Names) -> _Value:
    """A field of the user's own: text, or an object."""
    if element.get(NIL) in ("true", "1"):
        return None
    members = _read_attributes(element, names, {})
    if not len(element):
        value = _typed_value((element.text or "").strip(), element.get(_XSI_TYPE))
        if not members:
            return value
        return members if value == "" else {**members, "@value": value}
    if _has_text(element):
        return Fault("has text beside its elements: put it into an element of its own")
    for child in element:
        name = names.of(child.tag, child.prefix)
        if isinstance(name, Fault):
            return name
        _add(members, name, _read_extension(child, names))
    return members


def _typed_value(text: str, schema_type: str | None) -> _Value:
    kind = schema_type.rpartition(":")[2] if schema_type else ""
    if kind == "boolean":
        return _boolean(text)
    number = _number(text) if kind in _NUMBER_TYPES else text
    # An extension may say anything: what does not fit its type stays text.
    return text if isinstance(number, Fault) else number


_XSI_TYPE: Final = f"{{{XSI}}}type"
_NUMBER_TYPES: Final = frozenset(
    {"decimal", "double", "float", "integer", "long", "int", "short", "byte"}
    | {"nonNegativeInteger", "positiveInteger", "nonPositiveInteger", "negativeInteger"}
    | {"unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte"}
)


# --------------------------------------------------------------------------------------------- fields


def _read_text(element: Element, _: Names) -> _Value:
    if len(element):
        return Fault(f"expected text, found element {local_name(element[0])}")
    return (element.text or "").strip()


def _read_number(element: Element, names: Names) -> _Value:
    if element.get(NIL) in ("true", "1"):
        return None
    text = _read_text(element, names)
    return _number(text) if isinstance(text, str) else text


def _number(text: str) -> _Value:
    """The number; what is none comes back as text, for the reader of the field to refuse."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return text
    sign, whole, fraction, exponent = match.groups(default="")
    if not fraction and not exponent and len(whole) <= 15:
        return int(sign + whole)
    json_text = f"{sign.removeprefix('+')}{whole.lstrip('0') or '0'}.{fraction or '0'}{exponent}"
    try:
        return canonical_json.parse(json_text.encode())
    except Invalid as error:
        return Fault(error.problems[0].message)


# xsd:decimal and xsd:double, but for INF and NaN.
_NUMBER: Final = re.compile(r"([+-]?)(?=\.?[0-9])([0-9]*)(?:\.([0-9]*))?([eE][+-]?[0-9]+)?")


def _boolean(text: str) -> _Value:
    return {"true": True, "1": True, "false": False, "0": False}.get(text, text)


def _object(readers: Mapping[str, _Read], *repeated: str) -> _Read:
    return lambda element, names: _read_members(element, names, readers, repeated)


def _attributes(standard: Iterable[str], readers: Mapping[str, Callable[[str], _Value]]) -> _Read:
    """Reads an element whose members are attributes."""

    def read(element: Element, names: Names) -> _Value:
        if len(element) or _has_text(element):
            return Fault(f"has only attributes, such as {', '.join(standard)}")
        return _read_attributes(element, names, readers)

    return read


def _typed(name: str) -> _Read:
    """Reads an element whose text is the value, and whose attribute `type` says what value it is."""

    def read(element: Element, names: Names) -> _Value:
        return {**_read_attributes(element, names, {}), name: _read_text(element, names)}

    return read


def _list(list_name: str, read_entry: _Read) -> _Read:
    entry_name = ENTRY_NAMES[list_name]

    def read(element: Element, names: Names) -> _Value:
        if _has_text(element):
            return Fault("has text beside its elements: remove it")
        return [
            read_entry(child, names)
            if names.of(child.tag) == entry_name
            else Fault(f"expected {entry_name}, found {local_name(child)}")
            for child in element
        ]

    return read


_NUMBERS: Final = ("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue")
_PLACE: Final = _object({"id": _read_text})
_QUANTITY: Final = _object({"epcClass": _read_text, "quantity": _read_number, "uom": _read_text})
_SENSOR_ELEMENT: Final = _object(
    {
        "sensorMetadata": _attributes(SENSOR_METADATA_NAMES, {}),
        "sensorReport": _attributes(
            SENSOR_REPORT_NAMES, {**dict.fromkeys(_NUMBERS, _number), "booleanValue": _boolean}
        ),
    },
    "sensorReport",
)
_ENTRIES: Final[Mapping[str, _Read]] = {
    "epc": _read_text,
    "quantityElement": _QUANTITY,
    "bizTransaction": _typed("bizTransaction"),
    "source": _typed("source"),
    "destination": _typed("destination"),
    "sensorElement": _SENSOR_ELEMENT,
    "correctiveEventID": _read_text,
}
_LISTS: Final = {name: _list(name, _ENTRIES[entry]) for name, entry in ENTRY_NAMES.items()}
_TEXTS: Final = (
    *("eventTime", "recordTime", "eventTimeZoneOffset", "eventID", "certificationInfo", "parentID", "action"),
    *("bizStep", "disposition", "transformationID"),
    "epcClass",  # of a QuantityEvent
)

_EVENT: Final[Mapping[str, _Read]] = {
    **dict.fromkeys(_TEXTS, _read_text),
    **{name: read for name, read in _LISTS.items() if name != "correctiveEventIDs"},
    "quantity": _read_number,  # of a QuantityEvent
    "errorDeclaration": _object(
        {
            "declarationTime": _read_text,
            "reason": _read_text,
            "correctiveEventIDs": _LISTS["correctiveEventIDs"],
        }
    ),
    "persistentDisposition": _object({"set": _read_text, "unset": _read_text}, "set", "unset"),
    "readPoint": _PLACE,
    "bizLocation": _PLACE,
    "ilmd": _object({}),
}
_REPEATED: Final = ("certificationInfo",)


# ---------------------------------------------------------------------------------------- master data


def read_vocabularies(vocabulary_list: Element | None, names: Names) -> _Value:
    """The member `epcisHeader` that would say the same."""
    if vocabulary_list is None:
        return None
    vocabularies = [_read_vocabulary(child, names) for child in vocabulary_list]
    return {"epcisMasterData": {"vocabularyList": vocabularies}}


def _read_vocabulary(vocabulary: Element, names: Names) -> _Value:
    elements = find_child(vocabulary, "VocabularyElementList")
    read = [] if elements is None else [_read_vocabulary_element(child, names) for child in elements]
    return {"type": vocabulary.get("type"), "vocabularyElementList": read}


def _read_vocabulary_element(element: Element, names: Names) -> _Value:
    children = find_child(element, "children")
    return {
        "id": element.get("id"),
        "attributes": [
            {"id": child.get("id"), "attribute": _read_attribute_value(child, names)}
            for child in element
            if own_name(child) == "attribute"
        ],
        "children": [] if children is None else [_read_text(child, names) for child in children],
    }


def _read_attribute_value(attribute: Element, names: Names) -> _Value:
    value = _read_extension(attribute, names)
    if isinstance(value, dict):
        del value["id"]
        return value.pop("@value", "") if value.keys() <= {"@value"} else value
    return "" if value is None else value
