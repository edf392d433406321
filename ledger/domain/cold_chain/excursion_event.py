"""Excursions as EPCIS events: what is captured when one opens and when it closes.

The event names every item that was in what the carrier was bound to, from the first reading that was out. A
moment that late readings undo is declared in error, as EPCIS does it. Further readings that go further out
change the excursion as it is shown; they make no event of their own.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import quote

from ledger.domain.carriers import Binding
from ledger.domain.cold_chain.profile import MKT_RULE, Profile
from ledger.domain.cold_chain.reading import QUANTITIES, Quantity, from_milli
from ledger.domain.cold_chain.watch import Excursion
from ledger.domain.contents import Contents
from ledger.domain.events import EPCIS_CONTEXT, format_time
from ledger.domain.identifiers import parse_identifier

ITEMS_IN_EVENT_MAX: Final = 1000
"""Items in one event; more of them make more events."""

MEASUREMENTS: Final[dict[Quantity, str]] = {
    "temperature": "Temperature",
    "humidity": "RelativeHumidity",
    "light": "Illuminance",
    "shock": "Acceleration",
    "door": "Dimensionless",
}
_PLACES: Final = ("sgln", "gln")


@dataclass(frozen=True, slots=True)
class Moment:
    """The opening or the closing of an excursion. `peak_milli`: of a closed one, 0 of an opening."""

    kind: Literal["opened", "closed"]
    rule: str
    began_ms: int
    at_ms: int
    peak_milli: int


def moments_of(excursions: Iterable[Excursion]) -> dict[Moment, Excursion]:
    """What there is to capture of these excursions, in order of time."""
    moments = {}
    for excursion in excursions:
        if excursion.opened_ms is not None:
            opened = Moment("opened", excursion.rule, excursion.began_ms, excursion.opened_ms, 0)
            moments[opened] = excursion
        if excursion.opened_ms is not None and excursion.closed_ms is not None:
            peak = excursion.peak_milli
            moments[Moment("closed", excursion.rule, excursion.began_ms, excursion.closed_ms, peak)] = (
                excursion
            )
    return dict(sorted(moments.items(), key=lambda entry: (entry[0].at_ms, entry[0].kind, entry[0].rule)))


def quantity_of(profile: Profile, rule: str) -> Quantity:
    """What the rule is about."""
    if rule == MKT_RULE:
        return "temperature"
    return next(known.quantity for known in profile.rules if known.name == rule)


def excursion_document(
    moment: Moment,
    excursion: Excursion,
    binding: Binding,
    profile: Profile,
    inside: Contents,
    event_ids: Sequence[str],
) -> str:
    """The EPCIS document of a moment: one event for each `ITEMS_IN_EVENT_MAX` items, with these ids.

    `count_events` says how many ids it takes.
    """
    what = _what(binding, inside)
    common = {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "sensor_reporting",
        "disposition": "non_conformant",
        "eventTime": time_text(moment.at_ms),
        "eventTimeZoneOffset": "+00:00",
        **({"readPoint": {"id": binding.uri}} if _is_place(binding.uri) else {}),
        "sensorElementList": [_sensor_element(moment, excursion, binding, profile)],
    }
    events = [common | {"eventID": i} | part for i, part in zip(event_ids, what, strict=True)]
    return document_of(events, moment.at_ms)


def count_events(binding: Binding, inside: Contents) -> int:
    """How many events `excursion_document` makes."""
    return len(_what(binding, inside))


def declaration_document(document: str, now_ms: int) -> str:
    """The document that declares the events of another one to be in error."""
    declaration = {"declarationTime": time_text(now_ms), "reason": "incorrect_data"}
    events = json.loads(document)["epcisBody"]["eventList"]
    return document_of([event | {"errorDeclaration": declaration} for event in events], now_ms)


def document_of(
    events: Sequence[dict[str, Any]], made_ms: int, namespaces: Mapping[str, str] | None = None
) -> str:
    """An EPCIS document of these events; `namespaces` by the prefixes of members of our own."""
    return json.dumps(
        {
            "@context": [EPCIS_CONTEXT, *([namespaces] if namespaces else [])],
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": time_text(made_ms),
            "epcisBody": {"eventList": list(events)},
        },
        ensure_ascii=False,
    )


def _what(binding: Binding, inside: Contents) -> list[dict[str, Any]]:
    """The items of each event. A place is where it happened, and no item."""
    own = () if _is_place(binding.uri) else (binding.uri,)
    epcs = [uri for uri in (*own, *inside.epcs) if uri != binding.carrier_id]
    parts: list[dict[str, Any]] = [
        {"epcList": epcs[start : start + ITEMS_IN_EVENT_MAX]}
        for start in range(0, len(epcs), ITEMS_IN_EVENT_MAX)
    ]
    parts += [
        {"quantityList": [{"epcClass": uri} for uri in inside.classes[start : start + ITEMS_IN_EVENT_MAX]]}
        for start in range(0, len(inside.classes), ITEMS_IN_EVENT_MAX)
    ]
    return parts or [{"epcList": []}]


def _is_place(uri: str) -> bool:
    return parse_identifier(uri).kind in _PLACES


def _sensor_element(
    moment: Moment, excursion: Excursion, binding: Binding, profile: Profile
) -> dict[str, Any]:
    quantity = quantity_of(profile, excursion.rule)
    return {
        "sensorMetadata": {
            "startTime": time_text(excursion.began_ms),
            "endTime": time_text(moment.at_ms),
            "deviceID": binding.carrier_id,
            "bizRules": f"urn:suyuan:profile:{quote(profile.name)}:{quote(excursion.rule)}",
        },
        "sensorReport": [
            {
                "type": MEASUREMENTS[quantity],
                "exception": "ALARM_CONDITION",
                "time": time_text(excursion.peak_ms),
                "value": float(from_milli(excursion.peak_milli)),
                "uom": QUANTITIES[quantity].rec_20,
            }
        ],
    }


def time_text(at_ms: int) -> str:
    """A moment as EPCIS writes it."""
    return format_time(moment_of(at_ms))


def moment_of(at_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
