"""The five EPCIS 2.0 event types, and the one form in which an event is stored.

An event here is already correct: `event_parser` makes it from a document and refuses what is wrong.
Standard: EPCIS 2.0 section 7.4. What is deliberately not here: `recordTime`, which belongs to
the node that answers a query and not to the event (section 14.3).

Identifiers are canonical URIs (`identifiers.parse_identifier`), CBV values are bare words, times are UTC
with milliseconds, quantities are Decimal and can be written as a JSON number without loss. Extensions
are JSON as given; their names carry a prefix whose namespace is in `Event.namespaces`.
"""

import hashlib
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import ClassVar, Final, Literal, TypeAlias

from ledger.domain import canonical_json
from ledger.domain.canonical_json import JsonValue
from ledger.domain.errors import Invalid

EPCIS_CONTEXT: Final = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"

Action: TypeAlias = Literal["ADD", "OBSERVE", "DELETE"]
Role: TypeAlias = Literal[
    "epc", "parent", "child", "input", "output", "class", "child_class", "input_class", "output_class"
]
Extensions: TypeAlias = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Quantity:
    """Some amount of a class of things; without `quantity`, an amount not told."""

    epc_class: str
    quantity: Decimal | None = None
    uom: str | None = None
    """UN/CEFACT Recommendation 20 code; None when things are counted."""


@dataclass(frozen=True, slots=True)
class Place:
    """A readPoint or a bizLocation."""

    uri: str
    extensions: Extensions = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BizTransaction:
    uri: str
    type: str | None = None


@dataclass(frozen=True, slots=True)
class SourceOrDestination:
    """One end of a transfer: a party or a place, and in which sense it is the end."""

    uri: str
    type: str


@dataclass(frozen=True, slots=True)
class PersistentDisposition:
    """Dispositions that hold from this event on (`set`), or no longer hold (`unset`)."""

    set: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorDeclaration:
    """Says that the event it is on, otherwise repeated word for word, was wrong (section 7.4.1.4)."""

    declaration_time: datetime
    reason: str | None = None
    corrective_event_ids: tuple[str, ...] = ()
    extensions: Extensions = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorMetadata:
    time: datetime | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    device_id: str | None = None
    device_metadata: str | None = None
    raw_data: str | None = None
    data_processing_method: str | None = None
    biz_rules: str | None = None
    extensions: Extensions = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorReport:
    """One measurement, or one figure that sums up many of them."""

    type: str
    exception: str | None = None
    device_id: str | None = None
    device_metadata: str | None = None
    raw_data: str | None = None
    data_processing_method: str | None = None
    biz_rules: str | None = None
    time: datetime | None = None
    microorganism: str | None = None
    chemical_substance: str | None = None
    coordinate_reference_system: str | None = None
    value: Decimal | None = None
    component: str | None = None
    string_value: str | None = None
    boolean_value: bool | None = None
    hex_binary_value: str | None = None
    uri_value: str | None = None
    min_value: Decimal | None = None
    max_value: Decimal | None = None
    mean_value: Decimal | None = None
    standard_deviation: Decimal | None = None
    percentile_rank: Decimal | None = None
    percentile_value: Decimal | None = None
    uom: str | None = None
    extensions: Extensions = field(default_factory=dict)


# JSON name -> attribute, in the order in which the event hash takes them (CBV 2.0, canonical property order).
SENSOR_METADATA_NAMES: Final = {
    "time": "time",
    "startTime": "start_time",
    "endTime": "end_time",
    "deviceID": "device_id",
    "deviceMetadata": "device_metadata",
    "rawData": "raw_data",
    "dataProcessingMethod": "data_processing_method",
    "bizRules": "biz_rules",
}
SENSOR_REPORT_NAMES: Final = {
    "type": "type",
    "exception": "exception",
    "deviceID": "device_id",
    "deviceMetadata": "device_metadata",
    "rawData": "raw_data",
    "dataProcessingMethod": "data_processing_method",
    "bizRules": "biz_rules",
    "time": "time",
    "microorganism": "microorganism",
    "chemicalSubstance": "chemical_substance",
    "value": "value",
    "component": "component",
    "stringValue": "string_value",
    "booleanValue": "boolean_value",
    "hexBinaryValue": "hex_binary_value",
    "uriValue": "uri_value",
    "minValue": "min_value",
    "maxValue": "max_value",
    "meanValue": "mean_value",
    "sDev": "standard_deviation",
    "percRank": "percentile_rank",
    "percValue": "percentile_value",
    "uom": "uom",
    "coordinateReferenceSystem": "coordinate_reference_system",
}


@dataclass(frozen=True, slots=True)
class SensorElement:
    reports: tuple[SensorReport, ...]
    metadata: SensorMetadata | None = None
    extensions: Extensions = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all five types have in common. Fields that a type does not have stay empty.

    `event_id` is None until `mint_event_id` gives one. An error declaration shares the `event_id` of the
    event it corrects, so an event is told apart by (`event_id`, `declaration_time`).
    """

    type: ClassVar[str]

    event_time: datetime
    time_zone_offset: str
    event_id: str | None = None
    error_declaration: ErrorDeclaration | None = None
    certification_info: tuple[str, ...] = ()
    action: Action | None = None
    biz_step: str | None = None
    disposition: str | None = None
    persistent_disposition: PersistentDisposition | None = None
    read_point: Place | None = None
    biz_location: Place | None = None
    biz_transactions: tuple[BizTransaction, ...] = ()
    sources: tuple[SourceOrDestination, ...] = ()
    destinations: tuple[SourceOrDestination, ...] = ()
    sensor_elements: tuple[SensorElement, ...] = ()
    ilmd: Extensions = field(default_factory=dict)
    extensions: Extensions = field(default_factory=dict)
    namespaces: Mapping[str, str] = field(default_factory=dict)
    """The prefixes that names of extensions use, but those that only the standard context declares."""

    @property
    def declaration_time(self) -> datetime | None:
        return self.error_declaration.declaration_time if self.error_declaration else None

    def items(self) -> tuple[tuple[str, Role], ...]:
        """Each identifier whose history this event is part of, with its role, once, in document order.

        Places, parties and business transactions are not items.
        """
        return tuple(dict.fromkeys(self._items()))

    def _items(self) -> Iterator[tuple[str, Role]]:
        raise NotImplementedError

    def _what(self) -> dict[str, JsonValue]:
        """The fields of this type alone, in stored form."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectEvent(Event):
    """Something happened to these things. Without any, the sensor data is about the readPoint."""

    type: ClassVar[str] = "ObjectEvent"

    epcs: tuple[str, ...] = ()
    quantities: tuple[Quantity, ...] = ()

    def _items(self) -> Iterator[tuple[str, Role]]:
        yield from _in_role("epc", self.epcs)
        yield from _in_role("class", _classes(self.quantities))

    def _what(self) -> dict[str, JsonValue]:
        return {"epcList": list(self.epcs), "quantityList": _quantities(self.quantities)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregationEvent(Event):
    """Children were put into, seen in, or taken out of a parent."""

    type: ClassVar[str] = "AggregationEvent"

    parent_id: str | None = None
    child_epcs: tuple[str, ...] = ()
    child_quantities: tuple[Quantity, ...] = ()

    def _items(self) -> Iterator[tuple[str, Role]]:
        yield from _in_role("parent", [self.parent_id] if self.parent_id else [])
        yield from _in_role("child", self.child_epcs)
        yield from _in_role("child_class", _classes(self.child_quantities))

    def _what(self) -> dict[str, JsonValue]:
        return {
            "parentID": self.parent_id,
            "childEPCs": list(self.child_epcs),
            "childQuantityList": _quantities(self.child_quantities),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationEvent(AggregationEvent):
    """Children, often sensors, were fixed to a parent asset or place: lasting, not for a journey."""

    type: ClassVar[str] = "AssociationEvent"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionEvent(Event):
    """Things became, are or are no longer part of business transactions."""

    type: ClassVar[str] = "TransactionEvent"

    parent_id: str | None = None
    epcs: tuple[str, ...] = ()
    quantities: tuple[Quantity, ...] = ()

    def _items(self) -> Iterator[tuple[str, Role]]:
        yield from _in_role("parent", [self.parent_id] if self.parent_id else [])
        yield from _in_role("epc", self.epcs)
        yield from _in_role("class", _classes(self.quantities))

    def _what(self) -> dict[str, JsonValue]:
        return {
            "parentID": self.parent_id,
            "epcList": list(self.epcs),
            "quantityList": _quantities(self.quantities),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformationEvent(Event):
    """Inputs were used up to make outputs. Events with one `transformation_id` are one process."""

    type: ClassVar[str] = "TransformationEvent"

    input_epcs: tuple[str, ...] = ()
    input_quantities: tuple[Quantity, ...] = ()
    output_epcs: tuple[str, ...] = ()
    output_quantities: tuple[Quantity, ...] = ()
    transformation_id: str | None = None

    def _items(self) -> Iterator[tuple[str, Role]]:
        yield from _in_role("input", self.input_epcs)
        yield from _in_role("input_class", _classes(self.input_quantities))
        yield from _in_role("output", self.output_epcs)
        yield from _in_role("output_class", _classes(self.output_quantities))

    def _what(self) -> dict[str, JsonValue]:
        return {
            "inputEPCList": list(self.input_epcs),
            "inputQuantityList": _quantities(self.input_quantities),
            "outputEPCList": list(self.output_epcs),
            "outputQuantityList": _quantities(self.output_quantities),
            "transformationID": self.transformation_id,
        }


def event_to_json(event: Event) -> dict[str, JsonValue]:
    """The stored form of `event`: the same for every spelling of it, and readable on its own.

    It names the standard context and each prefix it uses, has no recordTime, and `parse_event` gives
    `event` back. Lists keep their order. `event` must have an eventID: see `mint_event_id`.
    """
    assert event.event_id is not None, "mint_event_id gives the eventID that storing needs"
    return _stored(event)


def mint_event_id(event: Event) -> str:
    """An eventID for an event that came without one, the same whenever it comes again.

    It is taken from the content without the error declaration, so that declaring an error in an event
    that never had an eventID finds that event. UUID version 8, RFC 9562 section 5.8, from SHA-256.
    """
    stored = _stored(replace(event, event_id=None, error_declaration=None))
    used = set(prefixes_in(stored))
    stored["@context"] = _context(
        {prefix: event.namespaces[prefix] for prefix in used & event.namespaces.keys()}
    )
    number = int.from_bytes(hashlib.sha256(canonical_json.encode(stored)).digest()[:16])
    number = number & ~(0xF << 76) | 8 << 76  # version
    number = number & ~(0x3 << 62) | 2 << 62  # variant
    return f"urn:uuid:{uuid.UUID(int=number)}"


def format_time(time: datetime) -> str:
    """`time`, which is in UTC, as EPCIS writes it: milliseconds and Z."""
    return f"{time.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def prefixes_in(value: JsonValue) -> Iterator[str]:
    """What stands before the colon in each name, and each value that names something, at any depth.

    Some are prefixes and some are schemes of URIs: only the declared prefixes tell.
    """
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _before_colon(name)
            if isinstance(member, str) and name in _NAMING:
                yield from _before_colon(member)
            yield from prefixes_in(member)
    elif isinstance(value, list):
        for element in value:
            yield from prefixes_in(element)


_NAMING: Final = frozenset({"id", "@id", "type", "@type"})


def _before_colon(text: str) -> list[str]:
    prefix, colon, _ = text.partition(":")
    return [prefix] if colon else []


def _in_role(role: Role, uris: Iterable[str]) -> Iterator[tuple[str, Role]]:
    return ((uri, role) for uri in uris)


def _classes(quantities: Iterable[Quantity]) -> Iterator[str]:
    return (quantity.epc_class for quantity in quantities)


def _stored(event: Event) -> dict[str, JsonValue]:
    return {
        "@context": _context(event.namespaces),
        "type": event.type,
        "eventTime": format_time(event.event_time),
        "eventTimeZoneOffset": event.time_zone_offset,
        **_present(
            {
                "eventID": event.event_id,
                "errorDeclaration": _error_declaration(event.error_declaration),
                "certificationInfo": list(event.certification_info),
                **event._what(),
                "action": event.action,
                "bizStep": event.biz_step,
                "disposition": event.disposition,
                "persistentDisposition": _persistent_disposition(event.persistent_disposition),
                "readPoint": _place(event.read_point),
                "bizLocation": _place(event.biz_location),
                "bizTransactionList": [_biz_transaction(entry) for entry in event.biz_transactions],
                "sourceList": [{"type": entry.type, "source": entry.uri} for entry in event.sources],
                "destinationList": [
                    {"type": entry.type, "destination": entry.uri} for entry in event.destinations
                ],
                "sensorElementList": [_sensor_element(element) for element in event.sensor_elements],
                "ilmd": dict(event.ilmd),
            }
        ),
        **event.extensions,
    }


def _context(namespaces: Mapping[str, str]) -> list[JsonValue]:
    return [EPCIS_CONTEXT, dict(namespaces)] if namespaces else [EPCIS_CONTEXT]


def _present(members: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Without what is None or empty: an event says what happened, and nothing by silence."""
    return {name: value for name, value in members.items() if value or value not in _EMPTY}


_EMPTY: Final[tuple[JsonValue, ...]] = (None, [], {})


def _number(number: Decimal) -> int | float:
    exact = int(number) if number == number.to_integral_value() else float(number)
    if Decimal(repr(exact)) != number:
        raise Invalid(f"{number} does not fit a JSON number exactly: use fewer digits")
    return exact


def _quantities(quantities: Iterable[Quantity]) -> list[JsonValue]:
    return [
        _present(
            {
                "epcClass": entry.epc_class,
                "quantity": None if entry.quantity is None else _number(entry.quantity),
                "uom": entry.uom,
            }
        )
        for entry in quantities
    ]


def _place(place: Place | None) -> dict[str, JsonValue]:
    return {"id": place.uri, **place.extensions} if place else {}


def _biz_transaction(transaction: BizTransaction) -> dict[str, JsonValue]:
    return _present({"type": transaction.type, "bizTransaction": transaction.uri})


def _persistent_disposition(disposition: PersistentDisposition | None) -> dict[str, JsonValue]:
    if disposition is None:
        return {}
    return _present({"set": list(disposition.set), "unset": list(disposition.unset)})


def _error_declaration(declaration: ErrorDeclaration | None) -> dict[str, JsonValue]:
    if declaration is None:
        return {}
    standard: dict[str, JsonValue] = {
        "declarationTime": format_time(declaration.declaration_time),
        "reason": declaration.reason,
        "correctiveEventIDs": list(declaration.corrective_event_ids),
    }
    return {**_present(standard), **declaration.extensions}


def _sensor_element(element: SensorElement) -> dict[str, JsonValue]:
    standard: dict[str, JsonValue] = {
        "sensorMetadata": _fields(element.metadata, SENSOR_METADATA_NAMES) if element.metadata else {},
        "sensorReport": [_fields(report, SENSOR_REPORT_NAMES) for report in element.reports],
    }
    return {**_present(standard), **element.extensions}


def _fields(record: SensorMetadata | SensorReport, names: Mapping[str, str]) -> dict[str, JsonValue]:
    values = ((name, getattr(record, attribute)) for name, attribute in names.items())
    return {name: _scalar(value) for name, value in values if value is not None} | dict(record.extensions)


def _scalar(value: str | bool | datetime | Decimal) -> JsonValue:
    if isinstance(value, datetime):
        return format_time(value)
    return _number(value) if isinstance(value, Decimal) else value
