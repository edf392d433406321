"""An EPCISQueryDocument of captured events, as JSON or XML (EPCIS 2.0, sections 8.2.7 and 12)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from ledger.domain.epc_format import EpcFormat, PrefixLengthOf, translate
from ledger.domain.events import EPCIS_CONTEXT
from ledger.ports import StoredEvent
from ledger.standing import format_ms
from ledger.xml import CbvFormat, write_xml

SIMPLE_QUERY: Final = "SimpleEventQuery"
XML_TYPES: Final = ("application/xml", "text/xml")


@dataclass(frozen=True, slots=True)
class Presentation:
    """How a client wants events."""

    media_type: str = "application/json"
    epc_format: EpcFormat = "Always_GS1_Digital_Link"
    cbv_format: CbvFormat = "No_Preference"


def write_query_document(
    events: Iterable[StoredEvent],
    wanted: Presentation,
    created_ms: int,
    prefix_length_of: PrefixLengthOf,
    query_name: str = SIMPLE_QUERY,
    subscription_id: str | None = None,
) -> bytes:
    """The document of `events`, each with its recordTime; those that were erased are left out."""
    found = [
        translate(event_json(event), wanted.epc_format, prefix_length_of, arrived_as_urn=event.arrived_as_urn)
        for event in events
        if event.body is not None
    ]
    created_at = format_ms(created_ms)
    if wanted.media_type in XML_TYPES:
        return write_xml(
            found,
            "EPCISQueryDocument",
            created_at,
            wanted.cbv_format,
            query_name=query_name,
            subscription_id=subscription_id,
        )
    subscription = {} if subscription_id is None else {"subscriptionID": subscription_id}
    results = {"queryName": query_name, **subscription, "resultsBody": {"eventList": found}}
    return orjson.dumps(
        {
            "@context": [EPCIS_CONTEXT],
            "type": "EPCISQueryDocument",
            "schemaVersion": "2.0",
            "creationDate": created_at,
            "epcisBody": {"queryResults": results},
        }
    )


def event_json(event: StoredEvent) -> dict[str, Any]:
    """The stored form of an event that was not erased, with the time at which this node recorded it."""
    assert event.body is not None
    return {**orjson.loads(event.body), "recordTime": format_ms(event.recorded_at_ms)}
