"""Events: any spelling of one event is stored in one form; what is wrong is refused, all of it, by pointer.

Of GS1's own examples, those that its JSON schema refuses are refused here for the same reasons; beyond these
only one, which gives one event two different eventIDs.
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.domain import canonical_json, vocabulary
from ledger.domain.errors import Invalid
from ledger.domain.event_fields import (
    ENTRIES_MAX,
    EXTENSION_DEPTH_MAX,
    PREFIXES_MAX,
    TEXT_LENGTH_MAX,
    URI_LENGTH_MAX,
    parse_time,
)
from ledger.domain.event_parser import parse_document, parse_event
from ledger.domain.events import EPCIS_CONTEXT, Event, event_to_json, format_time, mint_event_id
from tests.vectors import vectors

Json = Any

WHEN = {"eventTime": "2026-03-01T08:30:00.000+08:00", "eventTimeZoneOffset": "+08:00"}
VIAL = "https://id.gs1.org/01/09506000134352/21/V1"
LOT = "https://id.gs1.org/01/09506000134352/10/L7"
CASE = "https://id.gs1.org/00/095060000000000015"
PALLET = "https://id.gs1.org/00/095060000000000022"
DOCK = "https://id.gs1.org/414/9506000111117/254/dock-4"
COMPANY = "https://id.gs1.org/417/9506000111117"
SENSOR = "https://id.gs1.org/8004/9506000w.2"
ORDER = "urn:epcglobal:cbv:bt:9506000111117:PO-1"

MADE = {
    "@context": [EPCIS_CONTEXT, {"ex": "https://ns.example.com/vaccine/"}],
    "type": "ObjectEvent",
    **WHEN,
    "eventID": "urn:uuid:00000000-0000-4000-8000-000000000001",
    "certificationInfo": ["https://example.com/gmp/17"],
    "action": "ADD",
    "bizStep": "commissioning",
    "disposition": "active",
    "persistentDisposition": {"set": ["completeness_verified"], "unset": ["completeness_inferred"]},
    "readPoint": {"id": DOCK, "ex:door": 4},
    "bizLocation": {"id": "https://id.gs1.org/414/9506000111117"},
    "epcList": [VIAL],
    "quantityList": [{"epcClass": LOT, "quantity": 12.5, "uom": "KGM"}],
    "bizTransactionList": [{"type": "prodorder", "bizTransaction": ORDER}],
    "sourceList": [{"type": "owning_party", "source": COMPANY}],
    "destinationList": [{"type": "location", "destination": DOCK}],
    "ilmd": {"cbvmda:lotNumber": "L7", "ex:strain": {"ex:name": "H5", "ex:parts": [1, 2.5, None, True]}},
    "ex:note": "first run",
}
PACKED = {
    "type": "AggregationEvent",
    **WHEN,
    "action": "ADD",
    "bizStep": "packing",
    "parentID": CASE,
    "childEPCs": [VIAL],
    "childQuantityList": [{"epcClass": LOT, "quantity": 40}],
}
ORDERED = {
    "type": "TransactionEvent",
    **WHEN,
    "action": "ADD",
    "bizTransactionList": [{"bizTransaction": ORDER}],
    "parentID": PALLET,
    "epcList": [CASE],
    "quantityList": [{"epcClass": LOT}],
}
REFINED = {
    "type": "TransformationEvent",
    **WHEN,
    "inputEPCList": [VIAL],
    "inputQuantityList": [{"epcClass": LOT, "quantity": 1}],
    "outputEPCList": [CASE],
    "outputQuantityList": [{"epcClass": "https://id.gs1.org/01/09506000134352/10/L8", "quantity": 0.75}],
    "transformationID": "urn:uuid:00000000-0000-4000-8000-0000000000aa",
}
FITTED = {
    "type": "AssociationEvent",
    **WHEN,
    "action": "ADD",
    "parentID": "https://id.gs1.org/8003/09506000111117R7",
    "childEPCs": [SENSOR],
}
MEASURED = {
    "@context": {"ex": "https://ns.example.com/cold/"},
    "type": "ObjectEvent",
    **WHEN,
    "action": "OBSERVE",
    "readPoint": {"id": DOCK},
    "sensorElementList": [
        {
            "sensorMetadata": {
                "startTime": "2026-03-01T00:00:00.000Z",
                "endTime": "2026-03-01T00:30:00.000Z",
                "deviceID": SENSOR,
                "rawData": "https://example.com/raw/8004/9506000w.2",
                "ex:firmware": "1.2",
            },
            "sensorReport": [
                {"type": "Temperature", "minValue": 2, "maxValue": 8.5, "uom": "CEL", "ex:n": 30},
                {
                    "type": "Temperature",
                    "exception": "ALARM_CONDITION",
                    "time": "2026-03-01T00:12:00.000Z",
                    "value": 8.5,
                    "uom": "CEL",
                },
                {"type": "https://example.com/voc/Shock", "booleanValue": False, "component": "x"},
                {"type": "Length", "stringValue": "a", "hexBinaryValue": "F0", "uriValue": "ex:shape"},
            ],
            "ex:calibrated": True,
        }
    ],
}
WRONG = {
    **PACKED,
    "@context": {"ex": "https://ns.example.com/q/"},
    "eventID": "urn:uuid:00000000-0000-4000-8000-000000000002",
    "errorDeclaration": {
        "declarationTime": "2026-03-02T00:00:00.000Z",
        "reason": "incorrect_data",
        "correctiveEventIDs": ["urn:uuid:00000000-0000-4000-8000-000000000003"],
        "ex:by": "Li",
    },
}
SAMPLES = {
    "made": MADE,
    "packed": PACKED,
    "ordered": ORDERED,
    "refined": REFINED,
    "fitted": FITTED,
    "measured": MEASURED,
    "wrong": WRONG,
}


def read(event: Json) -> Event:
    return parse_event(canonical_json.parse(json.dumps(event).encode()))


def store(event: Json) -> Json:
    parsed = read(event)
    return event_to_json(replace(parsed, event_id=parsed.event_id or mint_event_id(parsed)))


def document(*events: Json, **changes: Json) -> Json:
    return {
        "@context": [EPCIS_CONTEXT, {"ex": "https://ns.example.com/"}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-03-01T00:00:00Z",
        "epcisBody": {"eventList": list(events)},
        **changes,
    }


def problems_of(value: Json) -> dict[str, str]:
    return {
        problem.pointer: problem.message for problem in parse_document(json.dumps(value).encode()).problems
    }


def assert_keeps(event: Event) -> None:
    """The stored form gives the event back, also through its bytes."""
    event = event if event.event_id else replace(event, event_id=mint_event_id(event))
    stored = event_to_json(event)
    assert parse_event(stored) == event
    assert parse_event(canonical_json.parse(canonical_json.encode(stored))) == event


def test_the_stored_form_is_what_the_standard_would_write() -> None:
    assert store(MADE) == {**MADE, "eventTime": "2026-03-01T00:30:00.000Z"}


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_the_stored_form_gives_the_event_back(sample: Json) -> None:
    assert_keeps(read(sample))


@pytest.mark.parametrize(
    ("path", "spelling"),
    [
        ("/eventTime", "2026-03-01T00:30:00Z"),
        ("/eventTime", "2026-02-28T16:30:00.0004-08:00"),
        ("/epcList/0", "urn:epc:id:sgtin:9506000.013435.V1"),
        ("/epcList/0", "https://example.com/shop/01/09506000134352/21/V1?17=271231"),
        ("/quantityList/0/epcClass", "urn:epc:class:lgtin:9506000.013435.L7"),
        ("/readPoint/id", "urn:epc:id:sgln:9506000.11111.dock-4"),
        ("/bizStep", "https://ref.gs1.org/cbv/BizStep-commissioning"),
        ("/bizStep", "cbv:BizStep-commissioning"),
        ("/bizStep", "urn:epcglobal:cbv:bizstep:commissioning"),
        ("/disposition", "https://ns.gs1.org/cbv/Disp-active"),
        ("/persistentDisposition/set/0", "urn:epcglobal:cbv:disp:completeness_verified"),
        ("/bizTransactionList/0/type", "cbv:BTT-prodorder"),
        ("/sourceList/0/type", "urn:epcglobal:cbv:sdt:owning_party"),
        ("/certificationInfo", "https://example.com/gmp/17"),
        ("/@context", {"ex": {"@id": "https://ns.example.com/vaccine/", "@prefix": True}}),
        ("/@context", [{"unused": "https://example.com/"}, {"ex": "https://ns.example.com/vaccine/"}]),
        ("/recordTime", "2027-01-01T00:00:00Z"),
        ("/childEPCs", None),
    ],
)
def test_another_spelling_of_the_same_is_stored_the_same(path: str, spelling: Json) -> None:
    event = copy.deepcopy(MADE)
    if spelling is not None:
        put(event, path, spelling)

    assert store(event) == store(MADE)


def put(value: Json, pointer: str, member: Json) -> None:
    *steps, last = [int(step) if step.isdigit() else step for step in pointer.split("/")[1:]]
    for step in steps:
        value = value[step]
    if last == len(value) and isinstance(value, list):
        value.append(member)
    else:
        value[last] = member


def test_sensor_words_are_stored_bare_and_private_ones_as_uris() -> None:
    event = copy.deepcopy(MEASURED)
    reports = event["sensorElementList"][0]["sensorReport"]
    reports[0]["type"] = "gs1:Temperature"
    reports[1]["type"] = "https://gs1.org/voc/Temperature"
    reports[1]["exception"] = "https://ref.gs1.org/voc/ALARM_CONDITION"
    reports[2]["component"] = "cbv:Comp-x"
    reports[3]["type"] = "https://www.gs1.org/voc/Length"

    assert store(event) == store(MEASURED)
    stored_reports = store(MEASURED)["sensorElementList"][0]["sensorReport"]
    assert stored_reports[3]["uriValue"] == "https://ns.example.com/cold/shape"


def test_what_is_absent_or_empty_is_not_stored() -> None:
    event = {**MEASURED, "epcList": [], "quantityList": [], "certificationInfo": [], "bizTransactionList": []}
    event["sensorElementList"] = [{"sensorMetadata": {}, "sensorReport": [{"type": "Time"}]}]

    assert store(event).keys() == {
        "@context", "type", "eventTime", "eventTimeZoneOffset", "eventID",
        "action", "readPoint", "sensorElementList",
    }  # fmt: skip
    assert store(event)["sensorElementList"] == [{"sensorReport": [{"type": "Time"}]}]


def test_an_event_carries_the_prefixes_that_it_uses_and_no_others() -> None:
    event = {**PACKED, "b:x": {"a:y": [{"c:z": 1}]}, "cbvmda:lot": 1}
    event["@context"] = {letter: f"https://ns.example.com/{letter}/" for letter in "abcd"}

    assert store(event)["@context"] == [
        EPCIS_CONTEXT,
        {letter: f"https://ns.example.com/{letter}/" for letter in "abc"},
    ]
    assert store(PACKED)["@context"] == [EPCIS_CONTEXT]


def test_a_prefix_inside_an_identifier_of_an_extension_is_kept() -> None:
    event = {
        **PACKED,
        "@context": {"a": "https://a.example/", "b": "https://b.example/"},
        "a:x": {"id": "b:y"},
    }

    assert store(event)["@context"][1] == {"a": "https://a.example/", "b": "https://b.example/"}


def test_an_event_overrides_the_prefixes_of_its_document() -> None:
    event = {**PACKED, "ex:x": 1, "@context": [{"ex": "https://inner.example/"}]}

    ((_, first), (_, second)) = parse_document(
        json.dumps(document(event, {**PACKED, "ex:x": 1})).encode()
    ).events

    assert first.namespaces == {"ex": "https://inner.example/"}
    assert second.namespaces == {"ex": "https://ns.example.com/"}


def test_an_event_is_read_alike_alone_and_after_others_that_say_the_same() -> None:
    said: list[Json] = [True, 1, 1.5, "1", None, "ex:a", {"ex:b": [1]}]
    urns = {"readPoint": {"id": "urn:epc:id:sgln:9506000.00010.0"}, "bizStep": "ex:step"}
    made = [{**MADE, **urns, "ilmd": {"ex:x": value}} for value in said]
    events = [*SAMPLES.values(), *made, *SAMPLES.values(), *made]
    together = parse_document(json.dumps(document(*events)).encode())

    assert together.problems == ()
    for (at, event), alone in zip(together.events, events, strict=True):
        ((_, read_alone),) = (parsed := parse_document(json.dumps(document(alone)).encode())).events
        assert repr(event) == repr(read_alone)  # equality does not tell true from 1
        assert together.company_prefixes.get(at) == next(iter(parsed.company_prefixes.values()), None)


def test_numbers_are_kept_exactly() -> None:
    event = read({**PACKED, "childQuantityList": [{"epcClass": LOT, "quantity": 0.1}]})

    assert event.child_quantities[0].quantity == Decimal("0.1")  # type: ignore[attr-defined]
    with pytest.raises(Invalid, match="does not fit"):
        _store_quantity(Decimal("0.1000000000000000000001"))
    with pytest.raises(Invalid, match="does not fit"):
        _store_quantity(Decimal(2**53 + 1) / 2)


def _store_quantity(quantity: Decimal) -> None:
    event = read({**PACKED, "eventID": "urn:x:1", "childQuantityList": [{"epcClass": LOT}]})
    (entry,) = event.child_quantities  # type: ignore[attr-defined]
    event_to_json(replace(event, child_quantities=(replace(entry, quantity=quantity),)))  # type: ignore[call-arg]


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(lambda time: time.replace(microsecond=0)),
    st.text("0123456789", min_size=1, max_size=12),
    st.integers(-14 * 60, 14 * 60),
)
def test_a_time_is_rounded_half_up_to_milliseconds(time: datetime, fraction: str, offset: int) -> None:
    zone = f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    rounded = Decimal(f"0.{fraction}").quantize(Decimal("0.001"), ROUND_HALF_UP)

    parsed = parse_time(f"{time.isoformat()}.{fraction}{zone}")

    expected = (
        time.replace(tzinfo=UTC) - timedelta(minutes=offset) + timedelta(milliseconds=int(rounded * 1000))
    )
    assert parsed == expected
    assert parse_time(format_time(parsed)) == parsed


# Who is in an event.


@pytest.mark.parametrize(
    ("sample", "items"),
    [
        (MADE, [(VIAL, "epc"), (LOT, "class")]),
        (PACKED, [(CASE, "parent"), (VIAL, "child"), (LOT, "child_class")]),
        (ORDERED, [(PALLET, "parent"), (CASE, "epc"), (LOT, "class")]),
        (
            REFINED,
            [(VIAL, "input"), (LOT, "input_class"), (CASE, "output"), (LOT[:-1] + "8", "output_class")],
        ),
        (FITTED, [("https://id.gs1.org/8003/09506000111117R7", "parent"), (SENSOR, "child")]),
        (MEASURED, []),
    ],
    ids=["made", "packed", "ordered", "refined", "fitted", "measured"],
)
def test_the_items_of_an_event_are_its_things_and_not_its_places(sample: Json, items: Json) -> None:
    assert read(sample).items() == tuple(items)


def test_an_item_counts_once_for_each_role() -> None:
    event = {**REFINED, "outputEPCList": [VIAL], "inputQuantityList": [{"epcClass": LOT}, {"epcClass": LOT}]}

    assert read(event).items()[:3] == ((VIAL, "input"), (LOT, "input_class"), (VIAL, "output"))


# Event ids.


def test_a_repeated_event_without_id_gets_the_same_id_however_it_is_spelled() -> None:
    again = {**PACKED, "parentID": "urn:epc:id:sscc:9506000.0000000001", "eventTime": "2026-03-01T00:30:00Z"}

    assert mint_event_id(read(PACKED)) == mint_event_id(read(again))


@pytest.mark.parametrize(
    "field", ["action", "parentID", "childEPCs", "childQuantityList", "bizStep", "eventTime"]
)
def test_another_event_gets_another_id(field: str) -> None:
    changes = {
        "action": "DELETE",
        "parentID": PALLET,
        "childEPCs": [],
        "childQuantityList": [],
        "bizStep": "loading",
        "eventTime": "2026-03-01T08:30:00.001+08:00",
    }

    assert mint_event_id(read(PACKED)) != mint_event_id(read({**PACKED, field: changes[field]}))


def test_a_minted_id_is_a_uuid_of_version_8() -> None:
    minted = UUID(mint_event_id(read(PACKED)).removeprefix("urn:uuid:"))

    assert (minted.version, minted.variant) == (8, "specified in RFC 4122")


def test_an_error_declared_in_an_event_without_id_finds_that_event() -> None:
    wrong = {name: member for name, member in WRONG.items() if name != "eventID"}

    assert mint_event_id(read(wrong)) == mint_event_id(read(PACKED))
    assert read(wrong).declaration_time == datetime(2026, 3, 2, tzinfo=UTC)
    assert read(PACKED).declaration_time is None


def test_the_namespace_of_a_prefix_is_part_of_what_is_said() -> None:
    events = [
        {**PACKED, "@context": {"ex": f"https://{host}.example/"}, "ex:x": 1, "errorDeclaration": declaration}
        for host in ("a", "b")
        for declaration in ({"declarationTime": "2026-03-02T00:00:00Z"},)
    ]

    assert mint_event_id(read(events[0])) != mint_event_id(read(events[1]))


# Documents.


def test_every_kind_of_document_gives_its_events_with_their_pointers() -> None:
    query = {
        "@context": EPCIS_CONTEXT,
        "type": "EPCISQueryDocument",
        "epcisBody": {"queryResults": {"queryName": "all", "resultsBody": {"eventList": [PACKED]}}},
    }

    assert pointers(document(PACKED, FITTED)) == ["/epcisBody/eventList/0", "/epcisBody/eventList/1"]
    assert pointers(query) == ["/epcisBody/queryResults/resultsBody/eventList/0"]
    assert pointers([PACKED, FITTED]) == ["/0", "/1"]
    assert pointers(PACKED) == [""]
    assert pointers(document()) == []


def pointers(value: Json) -> list[str]:
    parsed = parse_document(json.dumps(value).encode())
    assert not parsed.problems
    return [at for at, _ in parsed.events]


def test_good_events_beside_bad_ones_can_proceed() -> None:
    parsed = parse_document(json.dumps(document(PACKED, {**PACKED, "action": "PUT"}, FITTED)).encode())

    assert [at for at, _ in parsed.events] == ["/epcisBody/eventList/0", "/epcisBody/eventList/2"]
    assert [problem.pointer for problem in parsed.problems] == ["/epcisBody/eventList/1/action"]


def test_all_problems_of_a_document_are_told_at_once() -> None:
    event = {
        **PACKED,
        "eventTime": "yesterday",
        "childEPCs": [VIAL, "V2"],
        "readpoint": {},
        "bizStep": "pakking",
    }

    assert problems_of(document(event, 7, schemaVersion="1.2")).keys() == {
        "/schemaVersion",
        "/epcisBody/eventList/0/eventTime",
        "/epcisBody/eventList/0/childEPCs/1",
        "/epcisBody/eventList/0/readpoint",
        "/epcisBody/eventList/0/bizStep",
        "/epcisBody/eventList/1",
    }


def without(event: Json, *names: str) -> Json:
    return {name: member for name, member in event.items() if name not in names}


# What is wrong, the wrong event, where, and a part of what is said about it.
# fmt: off
WRONG_EVENTS = [
    ("no event", 7, "", "expected an event, found a number"),
    ("no type", without(PACKED, "type"), "/type", "expected one of ObjectEvent"),
    ("unknown type", {**PACKED, "type": "ThrowEvent"}, "/type", "found 'ThrowEvent'"),
    ("type is a list", {**PACKED, "type": ["ObjectEvent"]}, "/type", "found a list"),
    ("no time", without(PACKED, "eventTime"), "", "eventTime is missing"),
    ("time without zone", {**PACKED, "eventTime": "2026-03-01T08:30:00"}, "/eventTime", "with its zone"),
    ("time that never was", {**PACKED, "eventTime": "2026-02-30T08:30:00Z"}, "/eventTime", "no such time"),
    ("time before the calendar", {**PACKED, "eventTime": "0001-01-01T00:00:00+08:00"},
     "/eventTime", "no such"),
    ("time in other digits", {**PACKED, "eventTime": "٢٠٢٦-03-01T08:30:00Z"}, "/eventTime", "with its zone"),
    ("date only", {**PACKED, "eventTime": "2026-03-01"}, "/eventTime", "with its zone"),
    ("no offset", without(PACKED, "eventTimeZoneOffset"), "", "eventTimeZoneOffset is missing"),
    ("offset Z", {**PACKED, "eventTimeZoneOffset": "Z"}, "/eventTimeZoneOffset", "an offset from"),
    ("offset too far", {**PACKED, "eventTimeZoneOffset": "+14:30"}, "/eventTimeZoneOffset", "an offset from"),
    ("no action", without(PACKED, "action"), "", "action is missing"),
    ("action in small letters", {**PACKED, "action": "add"},
     "/action", "expected one of ADD, OBSERVE, DELETE"),
    ("action of a transformation", {**REFINED, "action": "ADD"}, "/action", "no such field"),
    ("misspelt field", {**PACKED, "bizstep": "packing"}, "/bizstep", "no such field"),
    ("field of another type", {**PACKED, "epcList": [VIAL]}, "/epcList", "no such field"),
    ("null", {**PACKED, "bizStep": None}, "/bizStep", "expected text, found null"),
    ("eventID no URI", {**PACKED, "eventID": "17"}, "/eventID", "expected a URI"),
    ("word that nobody defined", {**PACKED, "bizStep": "pakking"}, "/bizStep", "'pakking' is no bizStep"),
    ("word of another field", {**PACKED, "bizStep": "active"}, "/bizStep", "is no bizStep"),
    ("CBV URI that is none", {**PACKED, "bizStep": "cbv:BizStep-pakking"}, "/bizStep", "in a GS1 namespace"),
    ("word that is no URI", {**PACKED, "disposition": "in transit:"}, "/disposition", "expected a URI"),
    ("EPC not in a list", {**PACKED, "childEPCs": VIAL}, "/childEPCs", "expected a list, found text"),
    ("EPC is a number", {**PACKED, "childEPCs": [VIAL, 17]}, "/childEPCs/1", "expected text, found a number"),
    ("EPC no URI", {**PACKED, "childEPCs": ["09506000134352"]}, "/childEPCs/0", "expected a URI"),
    ("EPC not ASCII", {**PACKED, "childEPCs": ["https://例.example/1"]}, "/childEPCs/0", "ASCII"),
    ("EPC with a wrong check digit", {**PACKED, "childEPCs": [VIAL.replace("352", "353")]}, "/childEPCs/0",
     "check digit"),
    ("EPC twice", {**PACKED, "childEPCs": [VIAL, CASE, VIAL]}, "/childEPCs/2", "already entry 0"),
    ("EPC twice in two spellings", {**PACKED, "childEPCs": [VIAL, "urn:epc:id:sgtin:9506000.013435.V1"]},
     "/childEPCs/1", "already entry 0"),
    ("class missing", {**PACKED, "childQuantityList": [{"quantity": 1}]}, "/childQuantityList/0",
     "epcClass is missing"),
    ("quantity is text", {**PACKED, "childQuantityList": [{"epcClass": LOT, "quantity": "1"}]},
     "/childQuantityList/0/quantity", "expected a number, found text"),
    ("quantity is true", {**PACKED, "childQuantityList": [{"epcClass": LOT, "quantity": True}]},
     "/childQuantityList/0/quantity", "expected a number"),
    ("quantity below zero", {**PACKED, "childQuantityList": [{"epcClass": LOT, "quantity": -0.5}]},
     "/childQuantityList/0/quantity", "cannot be below 0"),
    ("unit in small letters", {**PACKED, "childQuantityList": [{"epcClass": LOT,
     "quantity": 1, "uom": "kg"}]},
     "/childQuantityList/0/uom", "like KGM"),
    ("extension of a quantity", {**PACKED, "childQuantityList": [{"epcClass": LOT, "ex:a": 1}]},
     "/childQuantityList/0/ex:a", "no such field"),
    ("readPoint is text", {**PACKED, "readPoint": DOCK}, "/readPoint", "expected an object, found text"),
    ("readPoint without id", {**PACKED, "readPoint": {}}, "/readPoint", "id is missing"),
    ("source without type", {**PACKED, "sourceList": [{"source": COMPANY}]},
     "/sourceList/0", "type is missing"),
    ("destination among sources",
     {**PACKED, "sourceList": [{"type": "location", "source": DOCK, "destination": DOCK}]},
     "/sourceList/0/destination", "no such field"),
    ("no parent", without(PACKED, "parentID"), "", "parentID is missing: only action OBSERVE"),
    ("no children", without(PACKED, "childEPCs", "childQuantityList"), "", "has no children"),
    ("association without parent", without(FITTED, "parentID"), "", "parentID is missing"),
    ("about nothing", without(MADE, "epcList", "quantityList"), "", "is about nothing"),
    ("sensors without place", without(MEASURED, "readPoint"), "", "is about nothing"),
    ("ilmd after the beginning", {**MADE, "action": "OBSERVE"}, "/ilmd", "only action ADD"),
    ("ilmd without prefix", {**MADE, "ilmd": {"lotNumber": "L7"}}, "/ilmd/lotNumber", "no such field"),
    ("ilmd is a list", {**MADE, "ilmd": []}, "/ilmd", "expected an object"),
    ("order without business transaction", without(ORDERED, "bizTransactionList"), "",
     "bizTransactionList is missing"),
    ("order with empty list", {**ORDERED, "bizTransactionList": []}, "/bizTransactionList", "is empty"),
    ("order of nothing", without(ORDERED, "epcList", "quantityList"), "", "is about nothing"),
    ("nothing made", without(REFINED, "transformationID", "outputEPCList", "outputQuantityList"), "",
     "needs inputs and outputs"),
    ("nothing at all made", {**WHEN, "type": "TransformationEvent", "transformationID": ORDER}, "",
     "neither inputs nor outputs"),
    ("empty persistent disposition", {**MADE, "persistentDisposition": {}},
     "/persistentDisposition", "is empty"),
    ("empty set", {**MADE, "persistentDisposition": {"set": []}}, "/persistentDisposition/set", "is empty"),
    ("declaration without time", {**WRONG, "errorDeclaration": {}}, "/errorDeclaration",
     "declarationTime is missing"),
    ("unknown reason", {**WRONG, "errorDeclaration": {**WRONG["errorDeclaration"], "reason": "oops"}},
     "/errorDeclaration/reason", "is no error reason"),
    ("correction of what did not occur",
     {**WRONG, "errorDeclaration": {**WRONG["errorDeclaration"], "reason": "did_not_occur"}},
     "/errorDeclaration/correctiveEventIDs", "did_not_occur"),
    ("no report", {**MEASURED, "sensorElementList": [{}]}, "/sensorElementList/0", "sensorReport is missing"),
    ("empty report list", {**MEASURED, "sensorElementList": [{"sensorReport": []}]},
     "/sensorElementList/0/sensorReport", "is empty"),
    ("report without type", {**MEASURED, "sensorElementList": [{"sensorReport": [{"value": 1}]}]},
     "/sensorElementList/0/sensorReport/0", "type is missing"),
    ("value is text",
     {**MEASURED, "sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": "cold"}]}]},
     "/sensorElementList/0/sensorReport/0/value", "expected a number"),
    ("boolean is text",
     {**MEASURED, "sensorElementList": [{"sensorReport": [{"type": "Time", "booleanValue": "true"}]}]},
     "/sensorElementList/0/sensorReport/0/booleanValue", "expected true or false"),
    ("hexadecimal without digits",
     {**MEASURED, "sensorElementList": [{"sensorReport": [{"type": "Time", "hexBinaryValue": ""}]}]},
     "/sensorElementList/0/sensorReport/0/hexBinaryValue", "hexadecimal digits"),
    ("undeclared prefix", {**PACKED, "my:note": 1}, "/my:note", "prefix 'my' is not declared"),
    ("undeclared prefix inside", {**MADE, "ex:a": [{"my:b/c": 1}]},
     "/ex:a/0/my:b~1c", "'my' is not declared"),
    ("prefix without name", {**MADE, "ex:": 1}, "/ex:", "a prefix without a name"),
    ("standard field in disguise", {**PACKED, "epcis:childEPCs": [VIAL]},
     "/epcis:childEPCs", "without prefix"),
    ("standard field as URI", {**PACKED, "https://ref.gs1.org/epcis/action": "ADD"},
     "/https:~1~1ref.gs1.org~1epcis~1action", "without prefix"),
    ("context inside", {**MADE, "ex:a": {"@context": {}}}, "/ex:a/@context", "not inside"),
    ("context is a number", {**PACKED, "@context": 1}, "/@context", "expected a URL or an object"),
    ("prefix of a number", {**PACKED, "@context": [{"ex": 1}]}, "/@context/0/ex", "expected text"),
    ("prefix of no URI", {**PACKED, "@context": {"ex": "ns"}}, "/@context/ex", "expected a URI"),
    ("prefix that is a scheme", {**PACKED, "@context": {"urn": "https://a.example/"}}, "/@context/urn",
     "cannot be a prefix"),
    ("prefix of the standard", {**PACKED, "@context": {"cbv": "https://a.example/"}}, "/@context/cbv",
     "the standard's own"),
    ("too many prefixes", {**PACKED, "@context": {f"p{n}": "urn:x:" for n in range(PREFIXES_MAX + 1)}},
     "/@context", "more than 200"),
    ("URI too long", {**PACKED, "eventID": "urn:x:" + "1" * URI_LENGTH_MAX}, "/eventID", "more than 2048"),
    ("text too long", {**MADE, "ex:a": ["1" * (TEXT_LENGTH_MAX + 1)]}, "/ex:a/0", "more than 65536"),
]
# fmt: on


@pytest.mark.parametrize(
    ("event", "pointer", "message"),
    [case[1:] for case in WRONG_EVENTS],
    ids=[case[0] for case in WRONG_EVENTS],
)
def test_what_is_wrong_in_an_event_is_refused_with_its_pointer(
    event: Json, pointer: str, message: str
) -> None:
    problems = problems_of([event])

    assert list(problems) == [f"/0{pointer}"]
    assert message in problems[f"/0{pointer}"]


@pytest.mark.parametrize(
    ("value", "pointer", "message"),
    [
        ("text", "", "expected an event, found text"),
        ({}, "/type", "expected one of"),
        (without(document(), "@context"), "", "@context is missing"),
        (without(document(), "schemaVersion"), "", "schemaVersion is missing"),
        (without(document(), "creationDate"), "", "creationDate is missing"),
        (document(creationDate="today"), "/creationDate", "with its zone"),
        (document(schemaVersion="1.2"), "/schemaVersion", "expected '2.0', found '1.2'"),
        (document(schemaVersion=2.0), "/schemaVersion", "expected '2.0', found a number"),
        (without(document(), "epcisBody"), "/epcisBody/eventList", "expected the list of events, found null"),
        (document(epcisBody={"eventList": {}}), "/epcisBody/eventList", "found an object"),
        (document(epcisBody=[]), "/epcisBody/eventList", "found null"),
    ],
)
def test_what_is_wrong_around_the_events_is_refused(value: Json, pointer: str, message: str) -> None:
    problems = problems_of(value)

    assert list(problems) == [pointer]
    assert message in problems[pointer]


def test_json_that_cannot_be_kept_is_a_problem_of_the_document() -> None:
    parsed = parse_document(b'[{"eventTime": 1e400}]')

    assert [problem.pointer for problem in parsed.problems] == ["/0/eventTime"]


def test_an_event_has_a_limit_of_entries() -> None:
    epcs = [f"urn:x:{number}" for number in range(ENTRIES_MAX)]
    event = {**MEASURED, "sensorElementList": [], "epcList": epcs}

    assert problems_of(event) == {}
    too_much = {**event, "quantityList": [{"epcClass": LOT}]}
    assert list(problems_of(too_much)) == ["/quantityList"]
    after_another = document({**too_much, "epcList": epcs[:1]}, too_much)
    assert list(problems_of(after_another)) == ["/epcisBody/eventList/1/quantityList"]


def test_extensions_have_a_limit_of_depth() -> None:
    def nested(depth: int) -> Json:
        return 1 if depth == 0 else [nested(depth - 1)]

    assert problems_of({**MADE, "ex:a": nested(EXTENSION_DEPTH_MAX - 2)}) == {}
    (pointer,) = problems_of({**MADE, "ex:a": nested(EXTENSION_DEPTH_MAX)})
    assert pointer == "/ex:a" + "/0" * (EXTENSION_DEPTH_MAX - 1)


def test_deleting_may_leave_out_what_all_is_meant() -> None:
    for event in (PACKED, ORDERED, FITTED):
        names = ("childEPCs", "childQuantityList", "epcList", "quantityList")
        assert_keeps(read({**without(event, *names), "action": "DELETE"}))
    assert_keeps(read({**without(PACKED, "parentID"), "action": "OBSERVE"}))


def test_a_transformation_may_come_in_parts() -> None:
    assert_keeps(read(without(REFINED, "outputEPCList", "outputQuantityList")))


# Others' examples.


def examples(folder: str) -> Iterator[Path]:
    return vectors("gs1-epcis", folder).rglob("*.jsonld")


def test_gs1_examples_keep_their_events() -> None:
    refused = {}
    for path in examples("JSON"):
        parsed = parse_document(path.read_bytes())
        if parsed.problems:
            refused[path.name] = [str(problem) for problem in parsed.problems]
        for _, event in parsed.events:
            assert_keeps(event)

    # It gives two eventIDs to one event; which of them was meant, a reader would have to guess.
    assert refused == {
        "AssociationEvent-h.jsonld": ["/epcisBody/eventList/0: key 'eventID' appears twice: keep one"]
    }


# Older examples break the schema that they come with, in these ways.
LEFT_FROM_DRAFTS = {
    "/schemaVersion: expected '2.0', found a number",
    "/: schemaVersion is missing",
    "/: creationDate is missing",
    "/epcisBody/eventList/0/id: no such field here: correct it, or give it your own prefix",
    "/epcisBody/eventList/1/id: no such field here: correct it, or give it your own prefix",
    "/epcisBody/eventList/0/sensorElementList/0/type: "
    "no such field here: correct it, or give it your own prefix",
    "/epcisBody/eventList/1/sourceList: expected a list, found an object",
    "/epcisBody/eventList/1/destinationList: expected a list, found an object",
    "/epcisBody/eventList/0/ilmd: only action ADD brings ilmd: it describes things at their beginning",
    "/epcisBody/eventList/0: key 'eventID' appears twice: keep one",
}


def test_older_gs1_examples_keep_their_events_where_the_schema_accepts_them() -> None:
    read_count = 0
    for path in examples("JSON-simple-context"):
        parsed = parse_document(path.read_bytes())
        assert {str(problem) for problem in parsed.problems} <= LEFT_FROM_DRAFTS, path.name
        for _, event in parsed.events:
            assert_keeps(event)
            read_count += 1
    assert read_count >= 40


def test_the_words_are_those_of_the_schema() -> None:
    definitions = json.loads(vectors("gs1-epcis", "EPCIS-JSON-Schema.json").read_text())["definitions"]

    for name, words in {
        "bizStep": vocabulary.BIZ_STEP,
        "disposition": vocabulary.DISPOSITION,
        "bizTransaction-type": vocabulary.BIZ_TRANSACTION_TYPE,
        "source-dest-type": vocabulary.SOURCE_DESTINATION_TYPE,
        "error-reason": vocabulary.ERROR_REASON,
        "component": vocabulary.COMPONENT,
        "measurementType": vocabulary.MEASUREMENT_TYPE,
        "sensorAlertType": vocabulary.ALERT_TYPE,
    }.items():
        assert words.words == set(definitions[name]["anyOf"][1]["enum"]), name


# Anything at all.

texts = st.text(max_size=8) | st.sampled_from(
    [VIAL, "ADD", "packing", "ex:a", "2026-03-01T08:30:00Z", "urn:x:1"]
)
names = texts | st.sampled_from(sorted({name for sample in SAMPLES.values() for name in sample}))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)


@given(values)
@example({"type": []})
def test_any_json_is_read_or_refused(value: Json) -> None:
    parsed = parse_document(json.dumps(value).encode())

    assert parsed.problems or parsed.events or value in ([], ())


@given(st.sampled_from(list(SAMPLES.values())), st.data())
def test_an_event_with_anything_anywhere_is_kept_or_refused(sample: Json, data: st.DataObject) -> None:
    event = copy.deepcopy(sample)
    target = data.draw(st.sampled_from(list(_objects(event))))
    data.draw(st.sampled_from([_replace, _remove, _add]))(target, data)

    parsed = parse_document(json.dumps([event]).encode())

    assert bool(parsed.problems) is not bool(parsed.events)
    for _, kept in parsed.events:
        assert_keeps(kept)


def _objects(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(member)


def _replace(target: Json, data: st.DataObject) -> None:
    if target:
        target[data.draw(st.sampled_from(sorted(target)))] = data.draw(values)


def _remove(target: Json, data: st.DataObject) -> None:
    if target:
        del target[data.draw(st.sampled_from(sorted(target)))]


def _add(target: Json, data: st.DataObject) -> None:
    target[data.draw(names)] = data.draw(values)


def test_an_event_made_from_no_json_is_refused_by_name() -> None:
    with pytest.raises(Invalid, match="not an EPCIS event") as caught:
        parse_event({"type": "ObjectEvent"})

    assert len(caught.value.problems) == 4
