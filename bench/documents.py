"""EPCIS documents as companies send them: commissioning and shipping of serialised goods, as EPC URNs."""

import json
import uuid
from collections.abc import Iterator
from itertools import count
from typing import Any

from ledger.domain.epc_format import translate
from ledger.domain.event_parser import parse_document
from ledger.domain.events import event_to_json
from ledger.xml import write_xml

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
SERIALS_PER_LOT = 5_000
_COMPANY_DIGITS = 7

_SITE = "urn:epc:id:sgln:9506000.00010.0"
_CUSTOMER = "urn:epc:id:pgln:9506001.00001"
_MAKER = "urn:epc:id:pgln:9506000.00001"


def make_documents(serials: Iterator[int], documents: int, events: int, epcs_per_event: int) -> list[bytes]:
    """JSON documents of `events` events each, by turns commissioned and shipped goods.

    Each event names the next `epcs_per_event` serials and their lot, so it has one link more than EPCs.
    """
    return [_document([_event(serials, epcs_per_event) for _ in range(events)]) for _ in range(documents)]


def to_xml(document: bytes) -> bytes:
    """The same document in the XML binding, with EPC URNs as well."""
    events = [event_to_json(event) for _, event in parse_document(document).events]
    urns = [translate(event, "Always_EPC_URN", lambda _: _COMPANY_DIGITS) for event in events]
    return write_xml(urns, "EPCISDocument", "2026-09-02T08:55:00+08:00", "Always_URN")


def count_serials() -> Iterator[int]:
    """Serials that no item has had yet; share one such iterator within a log."""
    return count(1)


def _document(events: list[dict[str, Any]]) -> bytes:
    document = {
        "@context": [CONTEXT, {"cbvmda": "urn:epcglobal:cbv:mda:"}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-09-02T08:55:00+08:00",
        "epcisBody": {"eventList": events},
    }
    return json.dumps(document).encode()


def _event(serials: Iterator[int], epcs: int) -> dict[str, Any]:
    taken = [next(serials) for _ in range(epcs)]
    lot = f"YQ{taken[0] // SERIALS_PER_LOT:06d}"
    event = {
        "type": "ObjectEvent",
        "eventID": f"urn:uuid:{uuid.uuid4()}",
        "eventTime": f"2026-09-01T{taken[0] // 60 % 24:02d}:{taken[0] % 60:02d}:00.000+08:00",
        "eventTimeZoneOffset": "+08:00",
        "epcList": [f"urn:epc:id:sgtin:9506000.013435.S{serial:09d}" for serial in taken],
        "quantityList": [{"epcClass": f"urn:epc:class:lgtin:9506000.013435.{lot}", "quantity": epcs}],
        "bizLocation": {"id": _SITE},
    }
    return event | (_commissioning(lot) if taken[0] // epcs % 2 else _SHIPPING)


def _commissioning(lot: str) -> dict[str, Any]:
    return {
        "action": "ADD",
        "bizStep": "commissioning",
        "disposition": "active",
        "readPoint": {"id": "urn:epc:id:sgln:9506000.00010.LINE2"},
        "ilmd": {"cbvmda:lotNumber": lot, "cbvmda:itemExpirationDate": "2027-08-31"},
    }


_SHIPPING: dict[str, Any] = {
    "action": "OBSERVE",
    "bizStep": "shipping",
    "disposition": "in_transit",
    "readPoint": {"id": "urn:epc:id:sgln:9506000.00010.DOCK1"},
    "bizTransactionList": [{"type": "po", "bizTransaction": "urn:epcglobal:cbv:bt:9506001000019:4711"}],
    "sourceList": [{"type": "owning_party", "source": _MAKER}],
    "destinationList": [{"type": "owning_party", "destination": _CUSTOMER}],
}
