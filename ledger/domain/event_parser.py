"""From an EPCIS 2.0 JSON document to typed events, with every problem at its JSON pointer.

What is accepted follows the standard's JSON schema, and beyond it the other spellings of one value: EPC
URN or any Digital Link, CBV words as URI or URN, prefixed values. Rules that the schema does not say are
checked here (what an action requires, time zones, prefixes). CBV compliance is not enforced: private URIs
are allowed, and words that nobody defined are not.

`@context` is never fetched. The standard context is always in force; inline contexts add prefixes; contexts
that are only named by URL add nothing, so a field that needs one is reported as undeclared.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ledger.domain import canonical_json, vocabulary
from ledger.domain.canonical_json import JsonValue
from ledger.domain.errors import Invalid, Problem
from ledger.domain.event_fields import (
    Fields,
    Prefixes,
    Read,
    Reading,
    amount,
    boolean,
    identifier,
    kind_of,
    list_of,
    number,
    object_of,
    one_of,
    parse_time,
    read_context,
    read_extensions,
    read_members,
    show,
    text,
    text_like,
    time,
    uri,
    word_of,
)
from ledger.domain.events import (
    SENSOR_METADATA_NAMES,
    SENSOR_REPORT_NAMES,
    AggregationEvent,
    AssociationEvent,
    BizTransaction,
    ErrorDeclaration,
    Event,
    ObjectEvent,
    PersistentDisposition,
    Place,
    Quantity,
    SensorElement,
    SensorMetadata,
    SensorReport,
    SourceOrDestination,
    TransactionEvent,
    TransformationEvent,
)


@dataclass(frozen=True, slots=True)
class Document:
    """The events that can be captured, each with its JSON pointer, and all that is wrong."""

    events: tuple[tuple[str, Event], ...]
    problems: tuple[Problem, ...]


def parse_document(raw: bytes) -> Document:
    """The events in `raw`: an EPCISDocument, an EPCISQueryDocument, one event, or a list of events.

    Does not raise: what is wrong is in `problems`, and an event with a problem is not in `events`. A
    problem of the document around the events leaves the events as they are.
    """
    try:
        value = canonical_json.parse(raw)
    except Invalid as error:
        return Document((), error.problems)
    problems: list[Problem] = []
    prefixes, entries = _open_document(value, problems)
    events = [(at, _read_event(entry, at, prefixes, problems)) for at, entry in entries]
    return Document(tuple((at, event) for at, event in events if event), tuple(problems))


def parse_event(value: JsonValue) -> Event:
    """The event that `value` says, for instance its stored form. Raises Invalid with all problems."""
    problems: list[Problem] = []
    event = _read_event(value, "", {}, problems)
    if event is None:
        raise Invalid(f"not an EPCIS event: {problems[0]}", problems)
    return event


_EVENT_LISTS: Final = {
    "EPCISDocument": ("epcisBody", "eventList"),
    "EPCISQueryDocument": ("epcisBody", "queryResults", "resultsBody", "eventList"),
}
_DOCUMENT_REQUIRED: Final = {
    "EPCISDocument": ("@context", "schemaVersion", "creationDate"),
    "EPCISQueryDocument": ("@context",),
}


def _open_document(
    value: JsonValue, problems: list[Problem]
) -> tuple[Prefixes, Sequence[tuple[str, JsonValue]]]:
    """The prefixes of the document, and its events with their pointers."""
    if isinstance(value, list):
        return {}, [(f"/{index}", entry) for index, entry in enumerate(value)]
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(kind, str) or kind not in _EVENT_LISTS:
        return {}, [("", value)]

    problems += _check_document(value, _DOCUMENT_REQUIRED[kind])
    prefixes = read_context(value.get("@context"), "/@context", {}, problems)
    at, body = "", value.copy()
    found: JsonValue = body
    for name in _EVENT_LISTS[kind]:
        at, found = f"{at}/{name}", found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, list):
        problems.append(Problem(at, f"expected the list of events, found {kind_of(found)}"))
        return prefixes, []
    return prefixes, [(f"{at}/{index}", entry) for index, entry in enumerate(found)]


def _check_document(document: Mapping[str, JsonValue], required: Sequence[str]) -> Iterator[Problem]:
    for name in required:
        if name not in document:
            yield Problem("", f"{name} is missing")
    version = document.get("schemaVersion", "2.0")
    if not (isinstance(version, str) and re.fullmatch(r"2(\.[0-9]+)*", version)):
        yield Problem("/schemaVersion", f"expected '2.0', found {show(version)}")
    if "creationDate" in document:
        try:
            parse_time(document["creationDate"])
        except Invalid as error:
            yield Problem("/creationDate", str(error))


def _read_event(value: JsonValue, at: str, prefixes: Prefixes, problems: list[Problem]) -> Event | None:
    if not isinstance(value, dict):
        problems.append(Problem(at, f"expected an event, found {kind_of(value)}"))
        return None
    kind = value.get("type")
    shape = _SHAPES.get(kind) if isinstance(kind, str) else None
    if shape is None:
        problems.append(Problem(f"{at}/type", f"expected one of {', '.join(_SHAPES)}, found {show(kind)}"))
        return None

    problem_count = len(problems)
    if "@context" in value:
        prefixes = read_context(value["@context"], f"{at}/@context", prefixes, problems)
    reading = Reading(prefixes, problems)
    fields = {name: member for name, member in value.items() if name not in _NOT_KEPT}
    members = read_members(reading, fields, at, shape.fields, shape.required, extensible=True)
    for step, message in shape.check(value):
        reading.fault(at + step, message)
    if len(problems) > problem_count:
        return None
    members["namespaces"] = {name: prefixes[name] for name in reading.used if name in prefixes}
    return shape.build(**members)


# EPCIS 2.0, section 14.3: recordTime is ignored on capture.
_NOT_KEPT: Final = frozenset({"@context", "type", "recordTime"})


def _check_error_declaration(reading: Reading, value: JsonValue, at: str) -> ErrorDeclaration | None:
    declaration: ErrorDeclaration | None = _read_error_declaration(reading, value, at)
    if declaration and declaration.reason == "did_not_occur" and declaration.corrective_event_ids:
        # CBV 2.0: what did not occur cannot be corrected by what did.
        reading.fault(f"{at}/correctiveEventIDs", "not allowed with reason did_not_occur: leave it out")
    return declaration


def _read_sensor_metadata(reading: Reading, value: JsonValue, at: str) -> SensorMetadata | None:
    return _read_metadata_object(reading, value, at) if value != {} else None


_read_error_declaration: Final = object_of(
    {
        "declarationTime": ("declaration_time", time),
        "reason": ("reason", word_of(vocabulary.ERROR_REASON)),
        "correctiveEventIDs": ("corrective_event_ids", list_of(uri)),
    },
    ErrorDeclaration,
    "declarationTime",
    extensible=True,
)


def _read_certification(reading: Reading, value: JsonValue, at: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (uri(reading, value, at),)
    certifications: tuple[str, ...] = list_of(uri)(reading, value, at)
    return certifications


def _sensor_fields(names: Mapping[str, str], readers: Mapping[str, Read]) -> Fields:
    return {name: (attribute, readers.get(name, uri)) for name, attribute in names.items()}


_read_metadata_object: Final = object_of(
    _sensor_fields(
        SENSOR_METADATA_NAMES,
        {"time": time, "startTime": time, "endTime": time, "deviceID": identifier},
    ),
    SensorMetadata,
    extensible=True,
)
_SENSOR_REPORT: Final = object_of(
    _sensor_fields(
        SENSOR_REPORT_NAMES,
        {
            "type": word_of(vocabulary.MEASUREMENT_TYPE),
            "exception": word_of(vocabulary.ALERT_TYPE),
            "deviceID": identifier,
            "time": time,
            "component": word_of(vocabulary.COMPONENT),
            "stringValue": text,
            "booleanValue": boolean,
            "hexBinaryValue": text_like("[0-9A-Fa-f]+", "hexadecimal digits"),
            "uom": text,
        }
        | dict.fromkeys(
            ("value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"), number
        ),
    ),
    SensorReport,
    "type",
    extensible=True,
)
_SENSOR_ELEMENT: Final = object_of(
    {
        "sensorMetadata": ("metadata", _read_sensor_metadata),
        "sensorReport": ("reports", list_of(_SENSOR_REPORT, minimum=1)),
    },
    SensorElement,
    "sensorReport",
    extensible=True,
)

_PLACE: Final = object_of({"id": ("uri", identifier)}, Place, "id", extensible=True)
_EPCS: Final = list_of(identifier, distinct=True)
_QUANTITIES: Final = list_of(
    object_of(
        {
            "epcClass": ("epc_class", identifier),
            "quantity": ("quantity", amount),
            "uom": (
                "uom",
                text_like("[A-Z0-9]{2,3}", "a unit code of UN/CEFACT Recommendation 20, like KGM"),
            ),
        },
        Quantity,
        "epcClass",
    )
)
_DISPOSITIONS: Final = list_of(word_of(vocabulary.DISPOSITION), minimum=1, distinct=True)


def _end_of_transfer(name: str) -> Read:
    return list_of(
        object_of(
            {"type": ("type", word_of(vocabulary.SOURCE_DESTINATION_TYPE)), name: ("uri", identifier)},
            SourceOrDestination,
            "type",
            name,
        )
    )


_COMMON: Final[Fields] = {
    "eventTime": ("event_time", time),
    "eventTimeZoneOffset": (
        "time_zone_offset",
        text_like(r"[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)", "an offset from -14:00 to +14:00"),
    ),
    "eventID": ("event_id", uri),
    "errorDeclaration": ("error_declaration", _check_error_declaration),
    "certificationInfo": ("certification_info", _read_certification),
    "bizStep": ("biz_step", word_of(vocabulary.BIZ_STEP)),
    "disposition": ("disposition", word_of(vocabulary.DISPOSITION)),
    "persistentDisposition": (
        "persistent_disposition",
        object_of({"set": ("set", _DISPOSITIONS), "unset": ("unset", _DISPOSITIONS)}, PersistentDisposition),
    ),
    "readPoint": ("read_point", _PLACE),
    "bizLocation": ("biz_location", _PLACE),
    "bizTransactionList": (
        "biz_transactions",
        list_of(
            object_of(
                {
                    "type": ("type", word_of(vocabulary.BIZ_TRANSACTION_TYPE)),
                    "bizTransaction": ("uri", identifier),
                },
                BizTransaction,
                "bizTransaction",
            )
        ),
    ),
    "sourceList": ("sources", _end_of_transfer("source")),
    "destinationList": ("destinations", _end_of_transfer("destination")),
    "sensorElementList": ("sensor_elements", list_of(_SENSOR_ELEMENT)),
}
_ACTION: Final[Fields] = {"action": ("action", one_of("ADD", "OBSERVE", "DELETE"))}
_ILMD: Final[Fields] = {"ilmd": ("ilmd", read_extensions)}

_Event: TypeAlias = dict[str, JsonValue]
_Faults: TypeAlias = Iterator[tuple[str, str]]


def _check_object_event(event: _Event) -> _Faults:
    observes_place = event.get("sensorElementList") and event.get("readPoint")
    if not (event.get("epcList") or event.get("quantityList") or observes_place):
        yield "", "is about nothing: add epcList or quantityList, or sensorElementList with readPoint"
    if "ilmd" in event and event.get("action") != "ADD":
        yield "/ilmd", "only action ADD brings ilmd: it describes things at their beginning"


def _check_aggregation(event: _Event) -> _Faults:
    if "parentID" not in event and event.get("action") != "OBSERVE":
        yield "", "parentID is missing: only action OBSERVE can leave it out"
    yield from _check_children(event)


def _check_children(event: _Event) -> _Faults:
    if not (event.get("childEPCs") or event.get("childQuantityList") or event.get("action") == "DELETE"):
        yield "", "has no children: add childEPCs or childQuantityList (only DELETE can mean all of them)"


def _check_transaction(event: _Event) -> _Faults:
    if not (event.get("epcList") or event.get("quantityList") or event.get("action") == "DELETE"):
        yield "", "is about nothing: add epcList or quantityList (only DELETE can mean all of them)"
    if event.get("bizTransactionList") == []:
        yield "/bizTransactionList", "is empty: name the business transaction"


def _check_transformation(event: _Event) -> _Faults:
    has_inputs = bool(event.get("inputEPCList") or event.get("inputQuantityList"))
    has_outputs = bool(event.get("outputEPCList") or event.get("outputQuantityList"))
    if "transformationID" in event:
        if not has_inputs and not has_outputs:
            yield "", "has neither inputs nor outputs: add some"
    elif not has_inputs or not has_outputs:
        yield "", "needs inputs and outputs, or a transformationID that ties it to the event with the others"


@dataclass(frozen=True, slots=True)
class _Shape:
    """One event type: its own fields and rules beside the common ones."""

    build: type[Event]
    fields: Fields
    required: Sequence[str]
    check: Callable[[_Event], _Faults]


_TIMES: Final = ("eventTime", "eventTimeZoneOffset")
_ITEMS: Final[Fields] = {"epcList": ("epcs", _EPCS), "quantityList": ("quantities", _QUANTITIES)}
_PARENT: Final[Fields] = {"parentID": ("parent_id", identifier)}
_CHILDREN: Final[Fields] = {
    "childEPCs": ("child_epcs", _EPCS),
    "childQuantityList": ("child_quantities", _QUANTITIES),
}

_SHAPES: Final[Mapping[str, _Shape]] = {
    "ObjectEvent": _Shape(
        ObjectEvent,
        {**_COMMON, **_ACTION, **_ITEMS, **_ILMD},
        (*_TIMES, "action"),
        _check_object_event,
    ),
    "AggregationEvent": _Shape(
        AggregationEvent,
        {**_COMMON, **_ACTION, **_PARENT, **_CHILDREN},
        (*_TIMES, "action"),
        _check_aggregation,
    ),
    "TransactionEvent": _Shape(
        TransactionEvent,
        {**_COMMON, **_ACTION, **_PARENT, **_ITEMS},
        (*_TIMES, "action", "bizTransactionList"),
        _check_transaction,
    ),
    "TransformationEvent": _Shape(
        TransformationEvent,
        {
            **_COMMON,
            **_ILMD,
            "inputEPCList": ("input_epcs", _EPCS),
            "inputQuantityList": ("input_quantities", _QUANTITIES),
            "outputEPCList": ("output_epcs", _EPCS),
            "outputQuantityList": ("output_quantities", _QUANTITIES),
            "transformationID": ("transformation_id", identifier),
        },
        _TIMES,
        _check_transformation,
    ),
    "AssociationEvent": _Shape(
        AssociationEvent,
        {**_COMMON, **_ACTION, **_PARENT, **_CHILDREN},
        (*_TIMES, "action", "parentID"),
        _check_children,
    ),
}
