"""A small history that the query tests ask about: seven events and an error declaration at one place."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.conformance.samples import (
    Event,
    declared_wrong,
    lot,
    moment,
    named,
    new_id,
    observed,
    place,
    sgtin,
    sscc,
    without,
)


@dataclass(frozen=True)
class Scene:
    """Events by name; all of them, and nothing else, stand at `read_point`."""

    events: dict[str, Event]
    read_point: str
    pallet: str
    asset: str

    @cached_property
    def _names(self) -> dict[tuple[str, bool], str]:
        return {(e["eventID"], "errorDeclaration" in e): name for name, e in self.events.items()}

    def name(self, event: dict[str, Any]) -> str:
        """Which of ours a found event is."""
        return self._names.get((event["eventID"], "errorDeclaration" in event), f"foreign {event['eventID']}")


def build_scene() -> Scene:
    dock, pallet, asset = place("dock"), sscc(), sscc()

    def event(hours: int, *epcs: str, **fields: Any) -> Event:
        return observed(*epcs, eventTime=moment(hours), readPoint={"id": dock}, **fields)

    received = event(
        1,
        sgtin("a"),
        sgtin("b"),
        bizStep="receiving",
        disposition="in_progress",
        bizLocation={"id": place("store")},
        bizTransactionList=[{"type": "po", "bizTransaction": named("orders", "7")}],
        sourceList=[{"type": "owning_party", "source": named("parties", "seller")}],
        sensorElementList=[_measured()],
        **{"ex:colour": "red", "ex:layers": 3, "ex:box": {"ex:depth": 40}},
    )
    shipped = event(
        2,
        sgtin("b"),
        bizStep="shipping",
        disposition="in_transit",
        persistentDisposition={"set": ["completeness_verified"], "unset": ["completeness_inferred"]},
        quantityList=[{"epcClass": lot("q"), "quantity": 12.5, "uom": "KGM"}],
        destinationList=[{"type": "possessing_party", "destination": named("parties", "buyer")}],
        **{"ex:colour": "blue", "ex:layers": 5},
    )
    packed = {
        **without(event(3, bizStep="packing"), "epcList"),
        "type": "AggregationEvent",
        "parentID": pallet,
        "childEPCs": [sgtin("a")],
        "childQuantityList": [{"epcClass": lot("q"), "quantity": 200}],
    }
    invoiced = {
        **event(4, sgtin("c")),
        "type": "TransactionEvent",
        "bizTransactionList": [{"type": "inv", "bizTransaction": named("invoices", "7")}],
    }
    fitted = {
        **without(event(5, bizStep="installing"), "epcList"),
        "type": "AssociationEvent",
        "parentID": asset,
        "childEPCs": [sgtin("d")],
    }
    mixed = {
        **without(event(6, bizStep="commissioning"), "epcList", "action"),
        "type": "TransformationEvent",
        "inputEPCList": [sgtin("c")],
        "inputQuantityList": [{"epcClass": lot("in"), "quantity": 3, "uom": "LTR"}],
        "outputEPCList": [sgtin("made")],
        "outputQuantityList": [{"epcClass": lot("out"), "quantity": 30}],
        "transformationID": named("processes", "7"),
        "ilmd": {"ex:harvest": "2026-03-01", "ex:field": {"ex:number": 9}},
    }
    assayed = event(7, sgtin("e"), bizStep="sampling", sensorElementList=[_assayed()])
    events = {
        "received": received,
        "shipped": shipped,
        "packed": packed,
        "invoiced": invoiced,
        "fitted": fitted,
        "mixed": mixed,
        "assayed": assayed,
        "declared": declared_wrong(shipped, correctiveEventIDs=[new_id()]),
    }
    return Scene(events, dock, pallet, asset)


def _measured() -> dict[str, Any]:
    return {
        "sensorMetadata": {
            "startTime": moment(0),
            "endTime": moment(1),
            "deviceID": named("devices", "logger"),
            "bizRules": named("rules", "cold"),
            "dataProcessingMethod": named("methods", "mean"),
        },
        "sensorReport": [
            {
                "type": "Temperature",
                "deviceID": named("devices", "probe"),
                "value": 5.5,
                "minValue": 2.5,
                "maxValue": 8.5,
                "meanValue": 5.25,
                "sDev": 0.5,
                "percRank": 95,
                "percValue": 8,
                "uom": "CEL",
            }
        ],
    }


def _assayed() -> dict[str, Any]:
    return {
        "sensorMetadata": {"time": moment(7)},
        "sensorReport": [
            {"type": "Volume", "value": 2, "uom": "LTR", "booleanValue": True},
            {
                "type": "Mass",
                "stringValue": "clear",
                "hexBinaryValue": "F0A1",
                "uriValue": named("results", "7"),
                "microorganism": "https://www.ncbi.nlm.nih.gov/taxonomy/1126011",
                "chemicalSubstance": "https://identifiers.org/inchikey:CZMRCDWAGMRECN-UGDNZRGBSA-N",
            },
        ],
    }
