"""Which fields each of the five event types has, how each is read, and the rules between fields.

The tables follow the JSON schema of EPCIS 2.0.1. The rules add what it leaves to the text of the standard
(section 7.4): what an action requires, and what an error declaration of did_not_occur must not say.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from ledger.domain import vocabulary
from ledger.domain.canonical_json import JsonValue
from ledger.domain.event_fields import (
    Fields,
    Read,
    Reading,
    amount,
    boolean,
    identifier,
    list_of,
    number,
    object_of,
    once,
    one_of,
    read_extensions,
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


def _read_error_declaration(reading: Reading, value: JsonValue, at: str) -> ErrorDeclaration | None:
    declaration: ErrorDeclaration | None = _ERROR_DECLARATION(reading, value, at)
    if declaration and declaration.reason == "did_not_occur" and declaration.corrective_event_ids:
        # CBV 2.0: what did not occur cannot be corrected by what did.
        reading.fault(f"{at}/correctiveEventIDs", "not allowed with reason did_not_occur: leave it out")
    return declaration


def _read_sensor_metadata(reading: Reading, value: JsonValue, at: str) -> SensorMetadata | None:
    return _SENSOR_METADATA(reading, value, at) if value != {} else None


_ERROR_DECLARATION: Final = object_of(
    {
        "declarationTime": ("declaration_time", time),
        "reason": ("reason", word_of(vocabulary.ERROR_REASON)),
        "correctiveEventIDs": ("corrective_event_ids", list_of(uri)),
    },
    ErrorDeclaration,
    "declarationTime",
    extensible=True,
)


def _read_certificates(reading: Reading, value: JsonValue, at: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (uri(reading, value, at),)
    certificates: tuple[str, ...] = list_of(uri)(reading, value, at)
    return certificates


def _sensor_fields(names: Mapping[str, str], readers: Mapping[str, Read]) -> Fields:
    return {name: (attribute, readers.get(name, uri)) for name, attribute in names.items()}


_SENSOR_METADATA: Final = object_of(
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
_PERSISTENT_DISPOSITION: Final = object_of(
    {"set": ("set", _DISPOSITIONS), "unset": ("unset", _DISPOSITIONS)}, PersistentDisposition
)


def _read_persistent_disposition(reading: Reading, value: JsonValue, at: str) -> PersistentDisposition | None:
    if value == {}:
        reading.fault(at, "is empty: set or unset a disposition, or leave it out")
        return None
    disposition: PersistentDisposition | None = _PERSISTENT_DISPOSITION(reading, value, at)
    return disposition


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
        once(
            "eventTimeZoneOffset",
            text_like(r"[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00)", "an offset from -14:00 to +14:00"),
        ),
    ),
    "eventID": ("event_id", uri),
    "errorDeclaration": ("error_declaration", _read_error_declaration),
    "certificationInfo": ("certification_info", _read_certificates),
    "bizStep": ("biz_step", once("bizStep", word_of(vocabulary.BIZ_STEP))),
    "disposition": ("disposition", once("disposition", word_of(vocabulary.DISPOSITION))),
    "persistentDisposition": ("persistent_disposition", _read_persistent_disposition),
    "readPoint": ("read_point", once("readPoint", _PLACE)),
    "bizLocation": ("biz_location", once("bizLocation", _PLACE)),
    "bizTransactionList": (
        "biz_transactions",
        once(
            "bizTransactionList",
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
    ),
    "sourceList": ("sources", once("sourceList", _end_of_transfer("source"))),
    "destinationList": ("destinations", once("destinationList", _end_of_transfer("destination"))),
    "sensorElementList": ("sensor_elements", list_of(_SENSOR_ELEMENT)),
}
_ACTION: Final[Fields] = {"action": ("action", once("action", one_of("ADD", "OBSERVE", "DELETE")))}
_ILMD: Final[Fields] = {"ilmd": ("ilmd", once("ilmd", read_extensions))}

_EventJson: TypeAlias = dict[str, JsonValue]
_Faults: TypeAlias = Iterator[tuple[str, str]]


def _check_object_event(event: _EventJson) -> _Faults:
    observes_place = event.get("sensorElementList") and event.get("readPoint")
    if not (event.get("epcList") or event.get("quantityList") or observes_place):
        yield "", "is about nothing: add epcList or quantityList, or sensorElementList with readPoint"
    if "ilmd" in event and event.get("action") != "ADD":
        yield "/ilmd", "only action ADD brings ilmd: it describes things at their beginning"


def _check_aggregation(event: _EventJson) -> _Faults:
    if "parentID" not in event and event.get("action") != "OBSERVE":
        yield "", "parentID is missing: only action OBSERVE can leave it out"
    yield from _check_children(event)


def _check_children(event: _EventJson) -> _Faults:
    if not (event.get("childEPCs") or event.get("childQuantityList") or event.get("action") == "DELETE"):
        yield "", "has no children: add childEPCs or childQuantityList (only DELETE can mean all of them)"


def _check_transaction(event: _EventJson) -> _Faults:
    if not (event.get("epcList") or event.get("quantityList") or event.get("action") == "DELETE"):
        yield "", "is about nothing: add epcList or quantityList (only DELETE can mean all of them)"
    if event.get("bizTransactionList") == []:
        yield "/bizTransactionList", "is empty: name the business transaction"


def _check_transformation(event: _EventJson) -> _Faults:
    has_inputs = bool(event.get("inputEPCList") or event.get("inputQuantityList"))
    has_outputs = bool(event.get("outputEPCList") or event.get("outputQuantityList"))
    if "transformationID" in event:
        if not has_inputs and not has_outputs:
            yield "", "has neither inputs nor outputs: add some"
    elif not has_inputs or not has_outputs:
        yield "", "needs inputs and outputs, or a transformationID that ties it to the event with the others"


@dataclass(frozen=True, slots=True)
class Shape:
    """One event type: its fields, and the rules between them as (pointer step, message) where they fail."""

    build: type[Event]
    fields: Fields
    required: Sequence[str]
    check: Callable[[_EventJson], _Faults]


_TIMES: Final = ("eventTime", "eventTimeZoneOffset")
_ITEMS: Final[Fields] = {
    "epcList": ("epcs", _EPCS),
    "quantityList": ("quantities", once("quantityList", _QUANTITIES)),
}
_PARENT: Final[Fields] = {"parentID": ("parent_id", identifier)}
_CHILDREN: Final[Fields] = {
    "childEPCs": ("child_epcs", _EPCS),
    "childQuantityList": ("child_quantities", _QUANTITIES),
}

SHAPES: Final[Mapping[str, Shape]] = {
    "ObjectEvent": Shape(
        ObjectEvent,
        {**_COMMON, **_ACTION, **_ITEMS, **_ILMD},
        (*_TIMES, "action"),
        _check_object_event,
    ),
    "AggregationEvent": Shape(
        AggregationEvent,
        {**_COMMON, **_ACTION, **_PARENT, **_CHILDREN},
        (*_TIMES, "action"),
        _check_aggregation,
    ),
    "TransactionEvent": Shape(
        TransactionEvent,
        {**_COMMON, **_ACTION, **_PARENT, **_ITEMS},
        (*_TIMES, "action", "bizTransactionList"),
        _check_transaction,
    ),
    "TransformationEvent": Shape(
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
    "AssociationEvent": Shape(
        AssociationEvent,
        {**_COMMON, **_ACTION, **_PARENT, **_CHILDREN},
        (*_TIMES, "action", "parentID"),
        _check_children,
    ),
}
