"""Events to query: every kind of field and value, in a few events of one made-up trade."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import ledger.demo
from ledger.domain import canonical_json
from ledger.domain.commitment import item_key
from ledger.domain.event_facts import event_facts, to_ms
from ledger.domain.event_parser import parse_document, parse_event
from ledger.domain.event_query import master_facts
from ledger.domain.events import Event, event_to_json
from ledger.domain.master_data import MasterData
from ledger.ports import EventIdentity, ItemLink, Store, StoredEvent
from tests.store import samples

GTIN = "https://id.gs1.org/01/09506000134352"
OTHER_GTIN = "https://id.gs1.org/01/19506000134359"
STRANGE_GTIN = "https://id.gs1.org/01/09521234543213"
SSCC = "https://id.gs1.org/00/095060000000000015"
SITE, DOCK, GATE, SHOP = (
    f"https://id.gs1.org/414/9506000134352/254/{n}" for n in ("site", "dock", "gate", "shop")
)
PREFIXES = {"ex": "https://ex.org/epcis/", "other": "https://other.org/ns#"}
CONTEXT = ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld", PREFIXES]
RECORDED_MS = 1_800_000_000_000

MASTER_DATA = (
    MasterData(SITE, "place", "Plant", "工厂", {"city": "Hefei", "country": "CN"}),
    MasterData(DOCK, "place", "Dock", "", {"part_of": SITE, "https://ex.org/epcis/floor": "1\n2"}),
    MasterData(GATE, "place", "Gate", "", {"part_of": f"{DOCK} {SHOP}"}),
    MasterData(SHOP, "place", "Shop", "", {"part_of": GATE, "city": "Linli"}),
    MasterData(f"{GTIN}/10/L1", "product", "Lot", "", {"brand": "Qing"}),
    MasterData("https://id.gs1.org/417/9506000134352", "party", "Owner", "", {"city": "Hefei"}),
    MasterData("https://ex.org/people/1", "party", "Li", "", {"country": "CN"}),
)
"""The gate and the shop are part of each other: a mistake that must not make a query run for ever."""

MASTER_FACTS = {entry.uri: master_facts(entry) for entry in MASTER_DATA}


def read_event(kind: str = "ObjectEvent", **fields: Any) -> Event:
    """An event of this type; what is not told is filled in."""
    event = {
        "@context": CONTEXT,
        "type": kind,
        "eventTime": "2026-03-01T08:00:00.000Z",
        "eventTimeZoneOffset": "+08:00",
        **({} if kind == "TransformationEvent" else {"action": "OBSERVE"}),
        **fields,
    }
    about = {
        "ObjectEvent": {"epcList": [f"{GTIN}/21/S1"]},
        "AggregationEvent": {"parentID": SSCC, "childEPCs": [f"{GTIN}/21/S1"]},
        "AssociationEvent": {"parentID": SSCC, "childEPCs": [f"{GTIN}/21/S1"]},
        "TransactionEvent": {"bizTransactionList": [{"bizTransaction": "urn:ex:1"}], "epcList": [SSCC]},
        "TransformationEvent": {"inputEPCList": [SSCC], "outputEPCList": [f"{GTIN}/21/S1"]},
    }[kind]
    lists = ("epcList", "quantityList", "childEPCs", "childQuantityList", "inputQuantityList")
    read = parse_event(event if any(name in fields for name in lists) else {**about, **event})
    return read if read.event_id else replace(read, event_id="urn:ex:event")


def trade() -> list[Event]:
    """Events that differ in every field that can be asked for."""
    sensor = {
        "sensorMetadata": {
            "time": "2026-03-01T07:00:00Z",
            "startTime": "2026-03-01T06:00:00Z",
            "endTime": "2026-03-01T07:30:00Z",
            "deviceID": "urn:epc:id:giai:9506000.D1",
            "dataProcessingMethod": "https://ex.org/method",
            "bizRules": "https://ex.org/rules",
            "ex:metadata": "m",
        },
        "sensorReport": [
            {
                "type": "Temperature",
                "value": 4.5,
                "minValue": 2,
                "maxValue": 8.25,
                "meanValue": 5,
                "sDev": 0.5,
                "uom": "CEL",
                "percRank": 95,
                "percValue": 7.5,
                "time": "2026-03-01T07:10:00Z",
                "deviceID": "urn:epc:id:giai:9506000.D2",
                "ex:report": 1,
            },
            {
                "type": "https://ex.org/smell",
                "stringValue": "sour",
                "booleanValue": True,
                "hexBinaryValue": "0aff",
                "uriValue": "https://ex.org/v",
                "microorganism": "https://ex.org/bug",
                "chemicalSubstance": "https://ex.org/acid",
                "value": 4.5,
            },
        ],
        "ex:element": {"ex:inside": "e"},
    }
    events = [
        read_event(
            action="ADD",
            bizStep="commissioning",
            disposition="active",
            epcList=[f"{GTIN}/21/S{n}" for n in (1, 2)] + [f"{OTHER_GTIN}/21/S1", SSCC],
            readPoint={"id": DOCK, "ex:lane": 4},
            bizLocation={"id": SITE, "ex:room": {"ex:shelf": "a"}},
            ilmd={"ex:expires": "2027-01-01T00:00:00Z", "ex:grade": "A", "ex:maker": {"ex:hand": "left"}},
        ),
        read_event(
            bizStep="shipping",
            disposition="in_transit",
            persistentDisposition={"set": ["damaged"], "unset": ["available"]},
            readPoint={"id": GATE},
            bizTransactionList=[
                {"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:9506000134352:1"},
                {"bizTransaction": "https://id.gs1.org/253/9506000123455A"},
            ],
            sourceList=[{"type": "owning_party", "source": "https://id.gs1.org/417/9506000134352"}],
            destinationList=[{"type": "location", "destination": SHOP}],
            **{"ex:colour": "red", "ex:count": 7, "ex:when": "2026-02-01T00:00:00+08:00", "ex:ok": True},
        ),
        read_event(
            bizStep="shipping",
            bizLocation={"id": SHOP},
            epcList=[f"{STRANGE_GTIN}/21/S1", "urn:ex:thing"],
            **{
                "ex:colour": ["red", "blue"],
                "ex:count": "7.5",
                "other:nested": [{"ex:colour": "green", "ex:deep": {"ex:count": 12, "ex:null": None}}],
                "ex:person": "https://ex.org/people/1",
                "ex:long": "长" * 300,
            },
        ),
        read_event(
            bizStep="https://ex.org/steps/dancing",
            disposition="active",
            quantityList=[
                {"epcClass": GTIN, "quantity": 10},
                {"epcClass": f"{GTIN}/10/L1", "quantity": 2.5, "uom": "KGM"},
                {"epcClass": f"{OTHER_GTIN}/10/L1"},
            ],
            readPoint={"id": SITE},
            **{"ex:count": -3, "ex:colour": "Red"},
        ),
        read_event("AggregationEvent", action="ADD", bizStep="packing", readPoint={"id": DOCK}),
        read_event(
            "AggregationEvent",
            parentID=SSCC,
            childQuantityList=[{"epcClass": f"{GTIN}/10/L1", "quantity": 3}],
            bizStep="unpacking",
        ),
        read_event(
            "AssociationEvent", parentID="https://id.gs1.org/8004/9506000A1", bizLocation={"id": SITE}
        ),
        read_event(
            "TransactionEvent",
            parentID="https://id.gs1.org/8003/09506000123455R1",
            bizTransactionList=[{"type": "inv", "bizTransaction": "urn:ex:invoice"}],
        ),
        read_event("TransformationEvent", transformationID="urn:ex:batch", disposition="in_progress"),
        read_event(
            "TransformationEvent",
            inputQuantityList=[{"epcClass": f"{GTIN}/10/L1", "quantity": 2.5, "uom": "KGM"}],
            outputQuantityList=[{"epcClass": f"{STRANGE_GTIN}/10/L9", "quantity": 5, "uom": "KGM"}],
            bizStep="shipping",
            ilmd={"ex:expires": "2028-01-01T00:00:00Z", "ex:grade": "B"},
        ),
        read_event(
            epcList=[],
            bizStep="sensor_reporting",
            readPoint={"id": SHOP},
            sensorElementList=[sensor],
        ),
    ]
    day = timedelta(days=1)
    events = [
        replace(event, event_id=f"urn:ex:{n}", event_time=event.event_time + day * (n * 3 % 5))
        for n, event in enumerate(events)
    ]
    wrong = read_event(
        bizStep="shipping",
        errorDeclaration={
            "declarationTime": "2026-04-01T00:00:00Z",
            "reason": "incorrect_data",
            "correctiveEventIDs": ["urn:ex:2"],
            "ex:by": {"ex:name": "Li"},
        },
    )
    return [*events, replace(wrong, event_id="urn:ex:1")]


def demonstration() -> list[Event]:
    """Every event of the demonstration."""
    folder = Path(ledger.demo.__file__).parent / "data"
    documents = [parse_document(path.read_bytes()) for path in sorted(folder.glob("*/*.json"))]
    events = [event for document in documents for _, event in document.events]
    return [e if e.event_id else replace(e, event_id=f"urn:ex:demo:{n}") for n, e in enumerate(events)]


def recorded_ms(log_index: int) -> int:
    """When the event was recorded: three events share a millisecond."""
    return RECORDED_MS + log_index // 3


def keep(store: Store, events: Sequence[Event]) -> None:
    """Append the events as capture would, under an eventID of their own where theirs is taken."""
    with store.append() as append:
        first = append.size
        rows = [(_row(first + n, event), _links(event)) for n, event in enumerate(events)]
        append.add(rows)
        append.index([(first + n, event_facts(event)) for n, event in enumerate(events)])


def _row(log_index: int, event: Event) -> StoredEvent:
    declared = event.declaration_time
    assert event.event_id
    return replace(
        samples.event(log_index, recorded_at_ms=recorded_ms(log_index)),
        identity=EventIdentity(event.event_id, None if declared is None else to_ms(declared)),
        event_type=event.type,
        event_time_ms=to_ms(event.event_time),
        action=event.action,
        biz_step=event.biz_step,
        disposition=event.disposition,
        read_point=event.read_point.uri if event.read_point else None,
        biz_location=event.biz_location.uri if event.biz_location else None,
        body=canonical_json.encode(event_to_json(event)),
    )


def _links(event: Event) -> list[ItemLink]:
    return [ItemLink(item_key(uri), uri, role) for uri, role in event.items()]
