"""Sample events, new in every run, so that the suite can run again and again against one server.

Identifiers use the GS1 company prefix 9506000, which GS1 keeps for demonstrations. Nearly all events
have action OBSERVE: servers that ask who owns an identifier let everybody say what they saw.
"""

import os
import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

Event = dict[str, Any]

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
NAMESPACE = "https://ns.conformance.example/"
PREFIXES = {"ex": NAMESPACE}
EXTENSIONS = f"ex={NAMESPACE}"
"""The prefix `ex`, as the header GS1-Extensions writes it."""

GTIN = "09506000134352"
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", secrets.token_hex(5))[:10]
"""Stands in every identifier of this run; the same for all its processes."""

_START = datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=int(RUN, 16) % 10**8)


def new_id() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


def moment(hours: int) -> str:
    """A time that no other run uses, and `hours` later."""
    return (_START + timedelta(hours=hours)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def serial(name: str) -> str:
    return f"{RUN}{name}"


def sgtin(name: str) -> str:
    """An item as a Digital Link."""
    return f"https://id.gs1.org/01/{GTIN}/21/{serial(name)}"


def sgtin_urn(name: str) -> str:
    """The same item as an EPC URN."""
    return f"urn:epc:id:sgtin:9506000.013435.{serial(name)}"


def lot(name: str) -> str:
    return f"https://id.gs1.org/01/{GTIN}/10/{serial(name)}"


def sscc() -> str:
    """A logistic unit of this run."""
    digits = f"09506000{secrets.randbelow(10**9):09}"
    weights = (3 if place % 2 == 0 else 1 for place in range(len(digits)))
    total = sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
    return f"https://id.gs1.org/00/{digits}{-total % 10}"


def place(name: str) -> str:
    return f"https://places.conformance.example/{RUN}/{name}"


def named(kind: str, name: str) -> str:
    """A document, party or process of this run."""
    return f"https://{kind}.conformance.example/{RUN}/{name}"


def observed(*epcs: str, **fields: Any) -> Event:
    """An ObjectEvent that says nothing but that things were seen; `fields` add to it or change it."""
    event: Event = {
        "type": "ObjectEvent",
        "eventID": new_id(),
        "action": "OBSERVE",
        "bizStep": "inspecting",
        "eventTime": moment(0),
        "eventTimeZoneOffset": "+00:00",
        "epcList": list(epcs or [sgtin("item")]),
    }
    return event | fields


def document(*events: Event, header: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """An EPCISDocument of these events."""
    made: dict[str, Any] = {
        "@context": [CONTEXT, PREFIXES],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": moment(0),
    }
    return made | ({"epcisHeader": header} if header else {}) | {"epcisBody": {"eventList": list(events)}}


def query_document(*events: Event) -> dict[str, Any]:
    """The same events as the answer of another server."""
    results = {"queryName": "SimpleEventQuery", "resultsBody": {"eventList": list(events)}}
    return document() | {"type": "EPCISQueryDocument", "epcisBody": {"queryResults": results}}


def with_context(event: Event) -> Event:
    """An event that stands alone."""
    return {"@context": [CONTEXT, PREFIXES], **event}


def declared_wrong(event: Event, **fields: Any) -> Event:
    """The same event again, with an error declaration."""
    declaration = {"declarationTime": moment(48), "reason": "incorrect_data", **fields}
    return event | {"errorDeclaration": declaration}


def without(event: Event, *names: str) -> Event:
    return {name: value for name, value in event.items() if name not in names}


def vocabulary(kind: str, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Master data for a document's header: identifier -> {"attributes": {...}, "children": [...]}."""
    elements = [
        {
            "id": uri,
            "attributes": [
                {"id": name, "attribute": value} for name, value in entry.get("attributes", {}).items()
            ],
            **({"children": list(entry["children"])} if "children" in entry else {}),
        }
        for uri, entry in entries.items()
    ]
    return {"epcisMasterData": {"vocabularyList": [{"type": kind, "vocabularyElementList": elements}]}}


def names_of(values: Sequence[str]) -> str:
    """Several values of one query parameter in a URL."""
    return "|".join(values)
