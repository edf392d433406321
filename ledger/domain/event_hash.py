"""The CBV event hash: an identifier that anybody can compute from an event, in both published forms.

We serve it for exchange with other systems, beside our own commitment. It does not prove content: its
pre-hash string has no separators, so two different events can share one, and error declarations are left out.

Source: CBV 2.0 and the CBV 2.1 draft, "EPCIS event hash ID", as their reference implementation read them in
July 2026. The two differ in one thing: 2.1 names the sensorElementList and keeps extensions of a standard
field in their place; 2.0 names only the sensor elements and moves such extensions behind the ilmd.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from ledger.domain import vocabulary
from ledger.domain.canonical_json import JsonValue
from ledger.domain.digital_link import CANONICAL_STEM
from ledger.domain.errors import Invalid
from ledger.domain.event_fields import parse_time
from ledger.domain.events import (
    SENSOR_METADATA_NAMES,
    SENSOR_REPORT_NAMES,
    AggregationEvent,
    BizTransaction,
    Event,
    Extensions,
    ObjectEvent,
    Place,
    Quantity,
    SensorElement,
    SensorMetadata,
    SensorReport,
    SourceOrDestination,
    TransactionEvent,
    TransformationEvent,
    format_time,
)
from ledger.domain.identifiers import is_canonical_key, normalise_uri
from ledger.domain.vocabulary import STANDARD_PREFIXES, Vocabulary

Version: TypeAlias = Literal["2.0", "2.1"]


def event_hash(event: Event, version: Version) -> str:
    """The event hash ID, as in ni:///sha-256;6ae9...39d7?ver=CBV2.0."""
    return _wrap(_digest(prehash(event, version)), version)


def event_hashes(event: Event) -> tuple[str, str]:
    """The event hash IDs of CBV 2.0 and 2.1, for most events at the cost of one."""
    places = (event.read_point, event.biz_location)
    differs = event.sensor_elements or any(place and place.extensions for place in places)
    older = _digest(prehash(event, "2.0"))
    newer = _digest(prehash(event, "2.1")) if differs else older
    return _wrap(older, "2.0"), _wrap(newer, "2.1")


def prehash(event: Event, version: Version) -> str:
    """The text that is hashed: what the event says, in canonical order and without separators."""
    inline = version == "2.1"
    namespaces = event.namespaces
    read_point, of_read_point = _place("readPoint", event.read_point, namespaces, inline=inline)
    biz_location, of_location = _place("bizLocation", event.biz_location, namespaces, inline=inline)
    sensors = [_sensor_element(element, namespaces, inline=inline) for element in event.sensor_elements]
    of_sensors = "".join(sorted(f"sensorElement{extensions}" for _, extensions in sensors if extensions))
    return "".join(
        (
            f"eventType={event.type}",
            f"eventTime={format_time(event.event_time)}",
            f"eventTimeZoneOffset={event.time_zone_offset}",
            _what(event),
            _word("bizStep", event.biz_step, vocabulary.BIZ_STEP),
            _word("disposition", event.disposition, vocabulary.DISPOSITION),
            _persistent_disposition(event),
            read_point,
            biz_location,
            _list("bizTransactionList", map(_biz_transaction, event.biz_transactions)),
            _list("sourceList", [_end("source", entry) for entry in event.sources]),
            _list("destinationList", [_end("destination", entry) for entry in event.destinations]),
            "sensorElementList" if inline and sensors else "",
            *sorted(standard for standard, _ in sensors),
            f"ilmd{_extensions(event.ilmd, namespaces)}" if event.ilmd else "",
            of_read_point,
            of_location,
            of_sensors,
            _extensions(event.extensions, namespaces),
        )
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _wrap(digest: str, version: Version) -> str:
    return f"ni:///sha-256;{digest}?ver=CBV{version}"


def _what(event: Event) -> str:
    action = f"action={event.action}" if event.action else ""
    match event:
        case ObjectEvent():
            what = _epcs("epcList", event.epcs) + _quantities("quantityList", event.quantities)
        case TransactionEvent():
            what = (
                _epcs("epcList", event.epcs)
                + _uri("parentID", event.parent_id)
                + _quantities("quantityList", event.quantities)
            )
        case AggregationEvent():  # and AssociationEvent
            what = (
                _uri("parentID", event.parent_id)
                + _epcs("childEPCs", event.child_epcs)
                + _quantities("childQuantityList", event.child_quantities)
            )
        case TransformationEvent():
            what = (
                _epcs("inputEPCList", event.input_epcs)
                + _quantities("inputQuantityList", event.input_quantities)
                + _epcs("outputEPCList", event.output_epcs)
                + _quantities("outputQuantityList", event.output_quantities)
            )
            return what + action + _uri("transformationID", event.transformation_id)
        case _:
            what = ""
    return what + action


def _list(name: str, entries: Iterable[str]) -> str:
    """The name once, then the entries by code point; nothing for an empty list."""
    ordered = "".join(sorted(entries))
    return name + ordered if ordered else ""


def _epcs(name: str, epcs: Iterable[str]) -> str:
    return _list(name, [f"epc={_identifier(epc)}" for epc in epcs])


def _quantities(name: str, quantities: Iterable[Quantity]) -> str:
    return _list(name, map(_quantity, quantities))


def _quantity(entry: Quantity) -> str:
    quantity = "" if entry.quantity is None else f"quantity={_number(entry.quantity)}"
    uom = "" if entry.uom is None else f"uom={entry.uom}"
    return f"quantityElementepcClass={_identifier(entry.epc_class)}{quantity}{uom}"


def _uri(name: str, uri: str | None) -> str:
    return "" if uri is None else f"{name}={_identifier(uri)}"


def _word(name: str, word: str | None, words: Vocabulary) -> str:
    if word is None:
        return ""
    return f"{name}={words.expand(word) if word in words.words else _normalise(word)}"


def _persistent_disposition(event: Event) -> str:
    changed = event.persistent_disposition
    if changed is None:
        return ""
    parts = (("set", changed.set), ("unset", changed.unset))
    return "persistentDisposition" + "".join(
        part
        for name, words in parts
        for part in sorted(_word(name, word, vocabulary.DISPOSITION) for word in words)
    )


def _place(name: str, place: Place | None, namespaces: Mapping[str, str], *, inline: bool) -> tuple[str, str]:
    """The place, and what follows it elsewhere: its extensions, where they are not inline."""
    if place is None:
        return "", ""
    standard = f"{name}id={_identifier(place.uri)}"
    if not place.extensions:
        return standard, ""
    own = _extensions(place.extensions, namespaces)
    return (standard + own, "") if inline else (standard, name + own)


def _biz_transaction(entry: BizTransaction) -> str:
    # The type goes before the value, and takes part in the order of the list.
    kind = _word("type", entry.type, vocabulary.BIZ_TRANSACTION_TYPE)
    return f"{kind}bizTransaction={_identifier(entry.uri)}"


def _end(name: str, entry: SourceOrDestination) -> str:
    kind = _word("type", entry.type, vocabulary.SOURCE_DESTINATION_TYPE)
    return f"{kind}{name}={_identifier(entry.uri)}"


def _sensor_element(
    element: SensorElement, namespaces: Mapping[str, str], *, inline: bool
) -> tuple[str, str]:
    """The element, and what follows it elsewhere: its extensions, where they are not inline."""
    metadata = _record("sensorMetadata", element.metadata, SENSOR_METADATA_NAMES, namespaces)
    reports = [_record("sensorReport", report, SENSOR_REPORT_NAMES, namespaces) for report in element.reports]
    own = _extensions(element.extensions, namespaces)
    if inline:
        entries = sorted(fields + extensions for fields, extensions in reports)
        return f"sensorElement{''.join(metadata)}{''.join(entries)}{own}", ""
    standard = f"sensorElement{metadata[0]}{''.join(sorted(fields for fields, _ in reports))}"
    moved = [f"sensorMetadata{metadata[1]}"] if metadata[1] else []
    moved += sorted(f"sensorReport{extensions}" for _, extensions in reports if extensions)
    return standard, "".join(moved) + own


def _record(
    name: str,
    record: SensorMetadata | SensorReport | None,
    names: Mapping[str, str],
    namespaces: Mapping[str, str],
) -> tuple[str, str]:
    """The standard fields under their name, and the extensions."""
    if record is None:
        return "", ""
    values = [(field, getattr(record, attribute)) for field, attribute in names.items()]
    fields = [f"{field}={_value(field, value)}" for field, value in values if value is not None]
    return name + "".join(fields), _extensions(record.extensions, namespaces)


_SENSOR_WORDS: Final = {
    "type": vocabulary.MEASUREMENT_TYPE,
    "exception": vocabulary.ALERT_TYPE,
    "component": vocabulary.COMPONENT,
}


def _value(field: str, value: str | bool | Decimal | datetime) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, datetime):
        return format_time(value)
    if field in _SENSOR_WORDS:
        return _normalise(_SENSOR_WORDS[field].expand(value))
    return _normalise(value.strip())


def _extensions(extensions: Extensions, namespaces: Mapping[str, str]) -> str:
    return "".join(
        sorted(part for name, value in extensions.items() for part in _extension(name, value, namespaces))
    )


def _extension(name: str, value: JsonValue, namespaces: Mapping[str, str]) -> Iterator[str]:
    qualified = _qualify(name, namespaces)
    if qualified == _COMMENT:
        return
    for element in value if isinstance(value, list) else [value]:
        if isinstance(element, dict):
            yield qualified + _extensions(element, namespaces)
        elif isinstance(element, list):
            yield from _extension(name, element, namespaces)
        elif element is None or element == "":
            yield qualified
        else:
            yield f"{qualified}={_plain(element)}"


_COMMENT: Final = "{http://www.w3.org/2000/01/rdf-schema#}comment"

# The reference writes the namespace of master data as XML does, without the colon that JSON-LD needs.
_HASHED_PREFIXES: Final[Mapping[str, str]] = {**STANDARD_PREFIXES, "cbvmda": "urn:epcglobal:cbv:mda"}


def _qualify(name: str, namespaces: Mapping[str, str]) -> str:
    """{namespace}local for a prefixed name or a URI; a name inside an extension may have neither."""
    prefix, colon, local = name.partition(":")
    if not colon:
        return name
    namespace = namespaces.get(prefix) or _HASHED_PREFIXES.get(prefix)
    if namespace is None:
        namespace, local = _LAST_STEP.fullmatch(name).groups()  # type: ignore[union-attr]
    if namespace.startswith(_OTHER_GS1_VOC):
        namespace = vocabulary.GS1_VOC + namespace.removeprefix(_OTHER_GS1_VOC)
    return f"{{{namespace}}}{local}"


_LAST_STEP: Final = re.compile(r"(.*[:/#])(.*)", re.DOTALL)
_OTHER_GS1_VOC: Final = "https://gs1.org/voc/"


def _plain(value: str | bool | int | float) -> str:
    """A value of unknown type, by its looks: XML knows extensions only as text, and must hash alike."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return _number(Decimal(repr(value)))
    text = value.strip()
    if _NUMBER.fullmatch(text):
        return _number(Decimal(text))
    if _TIME.match(text):
        try:
            return format_time(parse_time(text))
        except Invalid:
            return text
    return _normalise(text)


_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T")


def _number(number: Decimal) -> str:
    """Without exponent, without zeros at either end."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _identifier(uri: str) -> str:
    """An identifier of the event, which is canonical already, as the reference writes it."""
    return _unescape(uri) if is_canonical_key(uri) else _normalise(uri)


def _normalise(text: str) -> str:
    """The canonical Digital Link of a GS1 identifier in any spelling; other text as it is."""
    return _unescape(normalise_uri(text)) if text.startswith(("http", "urn:epc:")) else text


def _unescape(uri: str) -> str:
    """The reference leaves what EPC URNs leave: ! ' ( ) * stand for themselves."""
    if "%2" in uri and uri.startswith(CANONICAL_STEM):
        return _LEFT_ALONE.sub(lambda escape: chr(int(escape[0][1:], 16)), uri)
    return uri


_LEFT_ALONE: Final = re.compile("%2[1789A]")
