"""What an event says, under the names by which a query asks for it.

A fact is a name and a value: a text or a number. Its name is what follows the operator in a query parameter:
`EQ_bizTransaction_po` asks for the texts named `bizTransaction_po`, `GE_value_CEL` for the numbers named
`value_CEL`. Names of extensions are canonical (`field_name`). Times are numbers: milliseconds since 1970.

The facts of an event are what the store indexes it by, apart from the columns of its row (`COLUMN_FACTS`) and
its items.

Source: EPCIS 2.0, section 8.2.7.1.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from ledger.domain.canonical_json import JsonValue
from ledger.domain.errors import Invalid
from ledger.domain.event_fields import parse_time
from ledger.domain.events import Event, SensorElement, SensorMetadata, SensorReport
from ledger.domain.vocabulary import STANDARD_PREFIXES

TEXT_BYTES_MAX: Final = 255
"""A longer text stands in the index as its hash, so that every row of it fits a page."""

EXISTS: Final = "EXISTS"
"""Name of the facts that tell which fields are there at all."""

TIME: Final = "@time"
"""Ends the name of an extension's number that was written as a time."""


@dataclass(frozen=True, slots=True)
class Facts:
    texts: frozenset[tuple[str, str]]
    numbers: frozenset[tuple[str, float]]


def event_facts(event: Event) -> Facts:
    """The facts that stand in no column of the event's row."""
    texts: set[tuple[str, str]] = set()
    numbers: set[tuple[str, float]] = set()
    if event.persistent_disposition:
        texts.update(("persistentDisposition_set", word) for word in event.persistent_disposition.set)
        texts.update(("persistentDisposition_unset", word) for word in event.persistent_disposition.unset)
    if event.biz_transactions:
        texts.update((f"bizTransaction_{entry.type or ''}", entry.uri) for entry in event.biz_transactions)
    if event.sources:
        texts.update((f"source_{entry.type}", entry.uri) for entry in event.sources)
    if event.destinations:
        texts.update((f"destination_{entry.type}", entry.uri) for entry in event.destinations)
    transformation_id = getattr(event, "transformation_id", None)
    if transformation_id:
        texts.add(("transformationID", transformation_id))
    numbers.update(_quantity_facts(event))
    for area, extensions in _extension_areas(event):
        _add_extensions(texts, numbers, area, extensions, event.namespaces)
    if event.error_declaration:
        texts.add((EXISTS, "errorDeclaration"))
        numbers.add(("errorDeclarationTime", float(to_ms(event.error_declaration.declaration_time))))
        if event.error_declaration.reason:
            texts.add(("errorReason", event.error_declaration.reason))
        texts.update(("correctiveEventID", uri) for uri in event.error_declaration.corrective_event_ids)
    if event.sensor_elements:
        texts.add((EXISTS, "sensorElementList"))
        for element in event.sensor_elements:
            _add_sensor_element(texts, numbers, element)
    return Facts(frozenset((name, index_text(text)) for name, text in texts), frozenset(numbers))


def column_facts(event: Event, recorded_at_ms: int) -> Facts:
    """The facts that stand in columns of the event's row."""
    texts = {
        "eventType": event.type,
        "eventID": event.event_id,
        "action": event.action,
        "bizStep": event.biz_step,
        "disposition": event.disposition,
        "readPoint": event.read_point.uri if event.read_point else None,
        "bizLocation": event.biz_location.uri if event.biz_location else None,
    }
    numbers = {"eventTime": float(to_ms(event.event_time)), "recordTime": float(recorded_at_ms)}
    return Facts(
        frozenset((name, text) for name, text in texts.items() if text is not None),
        frozenset(numbers.items()),
    )


def index_text(text: str) -> str:
    """`text` as it stands in facts: itself, or its hash when it is long or holds a NUL."""
    if len(text) <= TEXT_BYTES_MAX // 4 and "\0" not in text:
        return text
    raw = text.encode()
    if len(raw) <= TEXT_BYTES_MAX and "\0" not in text:
        return text
    return f"sha-256;{hashlib.sha256(raw).hexdigest()}"


def field_name(name: str, prefixes: Mapping[str, str]) -> str | None:
    """The canonical name of an extension field: its namespace, a number sign, its local name.

    `name` is prefixed (`ex:colour`) or a URI (`https://ex.org/colour`, `https://ex.org/#colour`). None for
    a name without any namespace, which no query can ask for.
    """
    prefix, colon, local = name.partition(":")
    namespace = (prefixes.get(prefix) or STANDARD_PREFIXES.get(prefix)) if colon else None
    if namespace is None:
        cut = max(name.rfind("#"), name.rfind("/"), name.rfind(":"))
        if cut < 0:
            return None
        # EPCIS 2.0, section 8.2.7.1: namespace, "#", name; the namespace itself may end in "/".
        namespace, local = name[: cut + 1], name[cut + 1 :]
    return index_text(f"{namespace.rstrip('/#:')}#{local}")


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return (moment - _EPOCH) // _MILLISECOND


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def text_number(text: str) -> float | None:
    """The number that `text` writes, when a double holds it exactly and nothing in it would get lost."""
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if Decimal(repr(number)) == Decimal(text) else None


_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,3})?")


def text_time(text: str) -> float | None:
    """The time that `text` writes, in milliseconds since 1970."""
    if "T" not in text[10:11]:
        return None
    try:
        return float(to_ms(parse_time(text)))
    except Invalid:
        return None


def _quantity_facts(event: Event) -> Iterator[tuple[str, float]]:
    for name in ("quantities", "child_quantities", "input_quantities", "output_quantities"):
        for entry in getattr(event, name, ()):
            if entry.quantity is not None:
                yield "quantity", float(entry.quantity)
                if entry.uom:
                    yield f"quantity_{entry.uom}", float(entry.quantity)


def _extension_areas(event: Event) -> Iterator[tuple[str, Mapping[str, JsonValue]]]:
    """Each part of the event that can hold extensions, under what stands before a field's name in a query."""
    if event.extensions:
        yield "", event.extensions
    if event.ilmd:
        yield "ILMD_", event.ilmd
    if event.error_declaration and event.error_declaration.extensions:
        yield "ERROR_DECLARATION_", event.error_declaration.extensions
    if event.read_point and event.read_point.extensions:
        yield "readPoint_", event.read_point.extensions
    if event.biz_location and event.biz_location.extensions:
        yield "bizLocation_", event.biz_location.extensions
    for element in event.sensor_elements:
        if element.extensions:
            yield "SENSORELEMENT_", element.extensions
        if element.metadata and element.metadata.extensions:
            yield "SENSORMETADATA_", element.metadata.extensions
        for report in element.reports:
            if report.extensions:
                yield "SENSORREPORT_", report.extensions


def _add_extensions(
    texts: set[tuple[str, str]],
    numbers: set[tuple[str, float]],
    area: str,
    members: Mapping[str, JsonValue],
    prefixes: Mapping[str, str],
) -> None:
    for name, value in members.items():
        field = field_name(name, prefixes)
        if field is not None:
            texts.add((EXISTS, area + field))
            for scalar in _scalars(value):
                _add_scalar(texts, numbers, area + field, scalar)
        inner = area if area.startswith("INNER_") else f"INNER_{area}"
        for nested in _objects(value):
            _add_extensions(texts, numbers, inner, nested, prefixes)


def _scalars(value: JsonValue) -> Iterable[JsonValue]:
    listed = value if isinstance(value, list) else [value]
    return (entry for entry in listed if isinstance(entry, (str, int, float)))


def _objects(value: JsonValue) -> Iterator[dict[str, JsonValue]]:
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        for entry in value:
            yield from _objects(entry)


def _add_scalar(
    texts: set[tuple[str, str]], numbers: set[tuple[str, float]], name: str, value: JsonValue
) -> None:
    if isinstance(value, bool):
        texts.add((name, "true" if value else "false"))
    elif isinstance(value, (int, float)):
        numbers.add((name, float(value)))
    elif isinstance(value, str):
        texts.add((name, value))
        # XML has no numbers: one event answers alike however it arrived.
        number, time = text_number(value), text_time(value)
        if number is not None:
            numbers.add((name, number))
        if time is not None:
            numbers.add((name + TIME, time))


def _add_sensor_element(
    texts: set[tuple[str, str]], numbers: set[tuple[str, float]], element: SensorElement
) -> None:
    for record in (element.metadata, *element.reports):
        if record is None:
            continue
        _add_texts(texts, record, _METADATA_TEXTS)
        if record.time:
            numbers.add(("time", float(to_ms(record.time))))
    if element.metadata and element.metadata.start_time:
        numbers.add(("startTime", float(to_ms(element.metadata.start_time))))
    if element.metadata and element.metadata.end_time:
        numbers.add(("endTime", float(to_ms(element.metadata.end_time))))
    for report in element.reports:
        _add_texts(texts, report, _REPORT_TEXTS)
        if report.boolean_value is not None:
            texts.add(("booleanValue", "true" if report.boolean_value else "false"))
        if report.percentile_rank is not None:
            numbers.add(("percRank", float(report.percentile_rank)))
        for name, attribute in _REPORT_MEASURES:
            measure: Decimal | None = getattr(report, attribute)
            if measure is not None:
                numbers.add((f"{name}_{report.uom or ''}", float(measure)))


def _add_texts(
    texts: set[tuple[str, str]],
    record: SensorMetadata | SensorReport,
    names: Iterable[tuple[str, str]],
) -> None:
    for name, attribute in names:
        text: str | None = getattr(record, attribute)
        if text is not None:
            texts.add((name, text))


_METADATA_TEXTS: Final = (
    ("deviceID", "device_id"),
    ("dataProcessingMethod", "data_processing_method"),
    ("bizRules", "biz_rules"),
)
_REPORT_TEXTS: Final = (
    ("type", "type"),
    ("microorganism", "microorganism"),
    ("chemicalSubstance", "chemical_substance"),
    ("stringValue", "string_value"),
    ("hexBinaryValue", "hex_binary_value"),
    ("uriValue", "uri_value"),
)
_REPORT_MEASURES: Final = (
    ("value", "value"),
    ("minValue", "min_value"),
    ("maxValue", "max_value"),
    ("meanValue", "mean_value"),
    ("sDev", "standard_deviation"),
    ("percValue", "percentile_value"),
)
