"""Events of a trade, as many as are asked for: made, packed, shipped, received, in months and many places.

Ten events tell of one delivery: four times goods are commissioned (two serials and their lot), twice four of
them are packed into a case, each case is shipped and then received by one of five trucks; few are received as
recalled. The events with a number are always the same, so that filling a database can go on where it stopped.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from bench.documents import CONTEXT

EVENTS_PER_DOCUMENT: Final = 1_000
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
SECONDS_PER_EVENT: Final = 15  # a million events are 174 days
COMPANY: Final = "9506000"
TRUCK: Final = f"urn:epc:id:giai:{COMPANY}.TRUCK3"
PRODUCT: Final = f"urn:epc:idpat:sgtin:{COMPANY}.013435.*"

_PRODUCTS, _PLACES, _TRUCKS = 8, 40, 5
_LATE_SECONDS = 86_400  # events arrive in another order than they happened in
_DELIVERIES_PER_LOT = 500
_DELIVERIES_PER_RECALL = 499  # of every truck


def trade_documents(first_event: int, events: int) -> Iterator[bytes]:
    """JSON documents with the events from number `first_event` on, a thousand in each."""
    for start in range(first_event, first_event + events, EVENTS_PER_DOCUMENT):
        numbers = range(start, min(start + EVENTS_PER_DOCUMENT, first_event + events))
        yield json.dumps(
            {
                "@context": [CONTEXT, {"cbvmda": "urn:epcglobal:cbv:mda:"}],
                "type": "EPCISDocument",
                "schemaVersion": "2.0",
                "creationDate": "2026-09-02T08:55:00+08:00",
                "epcisBody": {"eventList": [_event(number) for number in numbers]},
            }
        ).encode()


def _event(number: int) -> dict[str, Any]:
    delivery, step = divmod(number, 10)
    chance = Random(number)
    seconds = number * SECONDS_PER_EVENT - chance.randrange(_LATE_SECONDS)
    event = {
        "eventID": f"urn:uuid:{chance.getrandbits(128):032x}"[:17] + f"-0000-4000-8000-{number:012d}",
        "eventTime": (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds"),
        "eventTimeZoneOffset": "+08:00",
    }
    if step < 4:
        return event | _commissioned(delivery, step)
    case = f"urn:epc:id:sscc:{COMPANY}.1{2 * delivery + step % 2:09d}"
    if step < 6:
        return event | _packed(delivery, step % 2, case)
    return event | _moved(delivery, "shipping" if step < 8 else "receiving", case)


def _commissioned(delivery: int, step: int) -> dict[str, Any]:
    lot = f"L{delivery // _DELIVERIES_PER_LOT:06d}"
    return {
        "type": "ObjectEvent",
        "action": "ADD",
        "bizStep": "commissioning",
        "disposition": "active",
        "epcList": [_serial(delivery, 2 * step + n) for n in range(2)],
        "quantityList": [{"epcClass": f"urn:epc:class:lgtin:{_product(delivery)}.{lot}", "quantity": 2}],
        "readPoint": {"id": _place(delivery)},
        "bizLocation": {"id": _place(delivery)},
        "ilmd": {"cbvmda:lotNumber": lot, "cbvmda:itemExpirationDate": "2027-08-31"},
    }


def _packed(delivery: int, half: int, case: str) -> dict[str, Any]:
    return {
        "type": "AggregationEvent",
        "action": "ADD",
        "bizStep": "packing",
        "disposition": "in_progress",
        "parentID": case,
        "childEPCs": [_serial(delivery, 4 * half + n) for n in range(4)],
        "readPoint": {"id": _place(delivery)},
        "bizLocation": {"id": _place(delivery)},
    }


def _moved(delivery: int, step: str, case: str) -> dict[str, Any]:
    place = _place(delivery if step == "shipping" else delivery * 7 + 3)
    received = "in_progress" if delivery % _DELIVERIES_PER_RECALL else "recalled"
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": step,
        "disposition": "in_transit" if step == "shipping" else received,
        "epcList": [case, f"urn:epc:id:giai:{COMPANY}.TRUCK{delivery % _TRUCKS}"],
        "readPoint": {"id": place},
        "bizTransactionList": [
            {"type": "po", "bizTransaction": f"urn:epcglobal:cbv:bt:9506001000019:{delivery}"}
        ],
    }


def _product(delivery: int) -> str:
    return f"{COMPANY}.0{13435 + delivery % _PRODUCTS:05d}"


def _serial(delivery: int, n: int) -> str:
    return f"urn:epc:id:sgtin:{_product(delivery)}.{8 * delivery + n}"


def _place(n: int) -> str:
    return f"urn:epc:id:sgln:{COMPANY}.00010.{n % _PLACES}"
