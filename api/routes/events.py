"""EPCIS 2.0: one event by its eventID."""

import json
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from api.dependencies import NodeDep
from api.times import time_of
from ledger.domain.errors import NotFound
from ledger.domain.events import EPCIS_CONTEXT, format_time
from ledger.ports import StoredEvent

router = APIRouter(prefix="/epcis", tags=["EPCIS"])


@router.get("/events/{event_id:path}")
def get_event(event_id: str, node: NodeDep) -> Response:
    """The event with this eventID, and what declared it wrong, as an EPCISQueryDocument.

    The eventID stands percent-encoded in the path. 404 when it is unknown or was erased.
    """
    found = [_event_json(event) for event in node.store.events_by_id(event_id) if event.body is not None]
    if not found:
        raise NotFound(f"no event {event_id} can be read here")
    document = {
        "@context": [EPCIS_CONTEXT],
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": format_time(time_of(node.clock())),
        "epcisBody": {"queryResults": {"queryName": "SimpleEventQuery", "resultsBody": {"eventList": found}}},
    }
    return JSONResponse(document, headers={"GS1-EPCIS-Version": "2.0.0", "GS1-CBV-Version": "2.0.0"})


def _event_json(event: StoredEvent) -> dict[str, Any]:
    assert event.body is not None
    return {**json.loads(event.body), "recordTime": format_time(time_of(event.recorded_at_ms))}
