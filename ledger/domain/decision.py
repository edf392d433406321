"""A receiver's decision about goods, as an EPCIS event: accepted or rejected, why, and by whom.

| decision | bizStep (CBV 2.0, 7.1) | disposition (CBV 2.0, 7.2) |
|---|---|---|
| accept | accepting: possession or ownership goes over | conformant |
| reject | inspecting: reviewed for defects; it is not taken over | non_conformant |

Reason and name stand in extensions of the event, below `NAMESPACE`. The event is what a
receiver says: its party is that of the API key, the name is as somebody typed it.
"""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, cast, get_args

from ledger.domain.errors import Invalid, Problem
from ledger.domain.event_facts import field_name
from ledger.domain.events import EPCIS_CONTEXT, Event, ObjectEvent, format_time
from ledger.domain.identifiers import parse_identifier
from ledger.domain.next_steps import is_class

Choice = Literal["accept", "reject"]

NAMESPACE: Final = "urn:suyuan:receiving:"
TEXT_MAX: Final = 500

_CHOICES: Final[tuple[Choice, ...]] = get_args(Choice)
_WORDS: Final[Mapping[Choice, tuple[str, str]]] = {
    "accept": ("accepting", "conformant"),
    "reject": ("inspecting", "non_conformant"),
}


@dataclass(frozen=True, slots=True)
class Decision:
    choice: Choice
    reason: str
    name: str  # of who decided


def parse_decision(choice: str, reason: str, name: str) -> Decision:
    """Raises Invalid naming every member that is missing, too long, not one line, or no decision."""
    reason, name = reason.strip(), name.strip()
    problems = [] if choice in _CHOICES else [Problem("/decision", f"should be {' or '.join(_CHOICES)}")]
    problems += [
        Problem(f"/{member}", f"should be one line of 1 to {TEXT_MAX} characters: it is recorded")
        for member, text in (("reason", reason), ("name", name))
        if not 1 <= len(text) <= TEXT_MAX or any(unicodedata.category(c) == "Cc" for c in text)
    ]
    if problems:
        raise Invalid("; ".join(map(str, problems)), problems)
    return Decision(cast(Choice, choice), reason, name)


def decision_document(uri: str, decision: Decision, place: str, event_id: str, at_ms: int) -> str:
    """The EPCIS document of a decision about one item or lot, at a place by canonical URI, or "" at none."""
    biz_step, disposition = _WORDS[decision.choice]
    time = format_time(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms))
    event: dict[str, Any] = {
        "type": "ObjectEvent",
        "eventID": event_id,
        "eventTime": time,
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "bizStep": biz_step,
        "disposition": disposition,
        **({"quantityList": [{"epcClass": uri}]} if is_class(uri) else {"epcList": [uri]}),
        **({"readPoint": {"id": parse_identifier(place).uri}} if place else {}),
        "suyuan:decision": decision.choice,
        "suyuan:decisionReason": decision.reason,
        "suyuan:decidedBy": decision.name,
    }
    document = {
        "@context": [EPCIS_CONTEXT, {"suyuan": NAMESPACE}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": time,
        "epcisBody": {"eventList": [event]},
    }
    return json.dumps(document, ensure_ascii=False)


def decision_of(event: Event) -> Decision | None:
    """The decision that an event records; None when it records none, or not as `decision_document` does."""
    if not isinstance(event, ObjectEvent) or not event.extensions:
        return None
    told = {field_name(name, event.namespaces): value for name, value in event.extensions.items()}
    choice, reason, name = (
        told.get(f"{NAMESPACE.rstrip(':')}#{local}") for local in ("decision", "decisionReason", "decidedBy")
    )
    if choice not in _CHOICES or not isinstance(reason, str) or not isinstance(name, str):
        return None
    if (event.biz_step, event.disposition) != _WORDS[choice]:
        return None
    return Decision(choice, reason, name)
