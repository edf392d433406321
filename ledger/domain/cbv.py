"""Does an event keep to the Core Business Vocabulary? The standard has two answers worth having.

**Compatible**: every GS1 key stands where its kind belongs; business words may be private URIs.
**Compliant**: besides, the event has a bizStep, all words are the standard's, an eventID is a UUID or an
event hash, and each identifier is a GS1 key, a URN or a web URI (a place may also be a geo: position).

`event_parser` has already refused words and GS1 URIs that nobody defined, and keys with wrong check digits.
Not checked: how private URNs are spelt inside. Source: CBV 2.0, sections 5, 7 and 8; EPCIS 2.0, section 7.3.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final, Literal

from ledger.domain import vocabulary
from ledger.domain.errors import Problem
from ledger.domain.events import (
    AggregationEvent,
    AssociationEvent,
    Event,
    ObjectEvent,
    Quantity,
    SensorElement,
    SourceOrDestination,
    TransactionEvent,
    TransformationEvent,
)
from ledger.domain.identifiers import Kind, parse_identifier
from ledger.domain.vocabulary import Vocabulary

Level = Literal["compatible", "compliant"]


def check_cbv(event: Event, level: Level) -> list[Problem]:
    """What keeps `event` from being CBV-Compatible or CBV-Compliant, with pointers into the event."""
    problems = list(_misplaced_keys(event))
    if level == "compliant":
        problems += _private_words(event)
        problems += _unusual_uris(event)
        if event.biz_step is None:
            problems.append(Problem("", "bizStep is missing: CBV-Compliant events say which step it was"))
        if event.event_id is not None and not _STANDARD_EVENT_ID.fullmatch(event.event_id):
            problems.append(
                Problem("/eventID", "expected urn:uuid: or an event hash ni:///sha-256;...: leave it out")
            )
    return problems


_STANDARD_EVENT_ID: Final = re.compile(
    r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|ni:///sha-256;[0-9a-f]{64}\?ver=CBV[0-9.]+",
    re.IGNORECASE,
)

# --- where identifiers stand

_INSTANCES: Final[frozenset[Kind]] = frozenset(
    {"sgtin", "upui", "itip", "sscc", "grai", "giai", "gdti", "gcn", "cpi", "gsrn", "gsrnp", "ginc", "gsin"}
)
_CLASSES: Final[frozenset[Kind]] = frozenset(
    {"gtin", "lgtin", "itip-class", "itip-lot", "grai-class", "gdti-class", "gcn-class", "cpi-class", "gmn"}
)
_PLACES: Final[frozenset[Kind]] = frozenset({"gln", "sgln"})
_PARTIES: Final[frozenset[Kind]] = frozenset({"pgln", "gln", "sgln"})
_TRANSFORMATIONS: Final[frozenset[Kind]] = frozenset({"gdti"})
_DEVICES: Final[frozenset[Kind]] = _INSTANCES

_Slot = tuple[str, str, frozenset[Kind], str]
"""(pointer, identifier, the kinds of GS1 key that belong there, what to call them)."""


def _misplaced_keys(event: Event) -> Iterator[Problem]:
    for pointer, uri, kinds, called in _slots(event):
        kind = _kind_of(uri)
        if kind != "uri" and kind not in kinds:
            yield Problem(pointer, f"{uri} is a {kind}: here belongs {called}")


@lru_cache(maxsize=16_384)  # an event's items are asked for once for each level, its places again and again
def _kind_of(uri: str) -> Kind:
    return parse_identifier(uri).kind


def _unusual_uris(event: Event) -> Iterator[Problem]:
    for pointer, uri, kinds, _ in _slots(event):
        schemes = ("urn:", "http:", "https:", "geo:") if kinds is _PLACES else ("urn:", "http:", "https:")
        if not uri.lower().startswith(schemes):
            yield Problem(pointer, f"{uri}: expected a GS1 key, a URN or a web URI")


def _slots(event: Event) -> Iterator[_Slot]:
    yield from _what(event)
    for name, place in (("/readPoint", event.read_point), ("/bizLocation", event.biz_location)):
        if place is not None:
            yield f"{name}/id", place.uri, _PLACES, "a place (GLN)"
    yield from _ends("/sourceList", "source", event.sources)
    yield from _ends("/destinationList", "destination", event.destinations)
    for index, element in enumerate(event.sensor_elements):
        yield from _devices(f"/sensorElementList/{index}", element)


def _what(event: Event) -> Iterator[_Slot]:
    match event:
        case ObjectEvent():
            yield from _epcs("/epcList", event.epcs)
            yield from _classes("/quantityList", event.quantities)
        case AggregationEvent():
            if event.parent_id is not None:
                # A sensor can be fixed to a place for good; goods are not packed into one.
                fixed = isinstance(event, AssociationEvent)
                kinds = _INSTANCES | _PLACES if fixed else _INSTANCES
                yield "/parentID", event.parent_id, kinds, "a single thing (serial, SSCC, asset)"
            yield from _epcs("/childEPCs", event.child_epcs)
            yield from _classes("/childQuantityList", event.child_quantities)
        case TransactionEvent():
            if event.parent_id is not None:
                yield "/parentID", event.parent_id, _INSTANCES, "a single thing (serial, SSCC, asset)"
            yield from _epcs("/epcList", event.epcs)
            yield from _classes("/quantityList", event.quantities)
        case TransformationEvent():
            yield from _epcs("/inputEPCList", event.input_epcs)
            yield from _classes("/inputQuantityList", event.input_quantities)
            yield from _epcs("/outputEPCList", event.output_epcs)
            yield from _classes("/outputQuantityList", event.output_quantities)
            if event.transformation_id is not None:
                yield "/transformationID", event.transformation_id, _TRANSFORMATIONS, "a document (GDTI)"


def _epcs(at: str, epcs: Iterable[str]) -> Iterator[_Slot]:
    for index, uri in enumerate(epcs):
        yield f"{at}/{index}", uri, _INSTANCES, "a single thing; classes and lots stand in quantity lists"


def _classes(at: str, quantities: Iterable[Quantity]) -> Iterator[_Slot]:
    for index, quantity in enumerate(quantities):
        yield (
            f"{at}/{index}/epcClass",
            quantity.epc_class,
            _CLASSES,
            "a class or a lot; serials stand in lists",
        )


def _ends(at: str, name: str, ends: Iterable[SourceOrDestination]) -> Iterator[_Slot]:
    for index, end in enumerate(ends):
        where = f"{at}/{index}/{name}"
        if end.type == "location":
            yield where, end.uri, _PLACES, "a place (GLN)"
        else:
            yield where, end.uri, _PARTIES, "a party (party GLN)"


def _devices(at: str, element: SensorElement) -> Iterator[_Slot]:
    called = "a single device (asset or serial)"
    if element.metadata and element.metadata.device_id:
        yield f"{at}/sensorMetadata/deviceID", element.metadata.device_id, _DEVICES, called
    for index, report in enumerate(element.reports):
        if report.device_id:
            yield f"{at}/sensorReport/{index}/deviceID", report.device_id, _DEVICES, called


# --- which words


def _private_words(event: Event) -> Iterator[Problem]:
    for pointer, word, words in _words(event):
        if word is not None and word not in words.words:
            yield Problem(pointer, f"{word!r} is no {words.name} of CBV 2.0")


def _words(event: Event) -> Iterator[tuple[str, str | None, Vocabulary]]:
    yield "/bizStep", event.biz_step, vocabulary.BIZ_STEP
    yield "/disposition", event.disposition, vocabulary.DISPOSITION
    if event.persistent_disposition is not None:
        for index, word in enumerate(event.persistent_disposition.set):
            yield f"/persistentDisposition/set/{index}", word, vocabulary.DISPOSITION
        for index, word in enumerate(event.persistent_disposition.unset):
            yield f"/persistentDisposition/unset/{index}", word, vocabulary.DISPOSITION
    for index, transaction in enumerate(event.biz_transactions):
        yield f"/bizTransactionList/{index}/type", transaction.type, vocabulary.BIZ_TRANSACTION_TYPE
    for index, end in enumerate(event.sources):
        yield f"/sourceList/{index}/type", end.type, vocabulary.SOURCE_DESTINATION_TYPE
    for index, end in enumerate(event.destinations):
        yield f"/destinationList/{index}/type", end.type, vocabulary.SOURCE_DESTINATION_TYPE
    if event.error_declaration is not None:
        yield "/errorDeclaration/reason", event.error_declaration.reason, vocabulary.ERROR_REASON
    for number, element in enumerate(event.sensor_elements):
        for index, report in enumerate(element.reports):
            at = f"/sensorElementList/{number}/sensorReport/{index}"
            yield f"{at}/type", report.type, vocabulary.MEASUREMENT_TYPE
            yield f"{at}/exception", report.exception, vocabulary.ALERT_TYPE
            yield f"{at}/component", report.component, vocabulary.COMPONENT
