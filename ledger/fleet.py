"""The fleet: the carriers of a party as they stand at this moment, each in one line."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from ledger.alarms import alarm_view
from ledger.carriers import carrier_views, list_carriers
from ledger.domain.canonical_json import JsonValue
from ledger.domain.carriers import Binding
from ledger.domain.cold_chain.reading import QUANTITIES, Reading, from_milli
from ledger.domain.cold_chain.watch import advance, condition, condition_of
from ledger.domain.telemetry import merge_readings
from ledger.node import Node
from ledger.ports import AlarmRecord, ApiKey, WatchedBinding

FLEET_MAX: Final = 200
"""Carriers in one answer."""

_ALARMS_MAX: Final = 1_000
_MESSAGES_MAX: Final = 10


def fleet_views(node: Node, key: ApiKey, *, after: str = "", limit: int) -> list[dict[str, JsonValue]]:
    """At most `limit` carriers of your party by id, behind the id `after`; of all for admins.

    `condition` is that of what the profile asks for: in_range, out, no_data or excursion; not_watched where
    the carrier is bound to nothing, or without a profile. `alarms`: those that nobody acknowledged.
    """
    carriers = list_carriers(node, key, after=after, limit=limit)
    ids = [carrier.carrier_id for carrier in carriers]
    bindings = {binding.carrier_id: binding for binding in node.store.open_bindings(ids)}
    watches = {watched.binding.carrier_id: watched for watched in node.store.open_watches(ids)}
    alarms: defaultdict[str, list[AlarmRecord]] = defaultdict(list)
    for record in node.store.alarms(carrier_ids=ids, is_open=True, limit=_ALARMS_MAX):
        alarms[record.alarm.carrier_id].append(record)
    return [
        _row(node, view, bindings.get(one), watches.get(one), alarms[one])
        for one, view in zip(ids, carrier_views(node, carriers), strict=True)
    ]


def _row(
    node: Node,
    view: Mapping[str, JsonValue],
    binding: Binding | None,
    watched: WatchedBinding | None,
    alarms: Iterable[AlarmRecord],
) -> dict[str, JsonValue]:
    now_ms = node.clock()
    standing = _not_watched(node, view) if watched is None else _watched(watched, now_ms)
    return {
        **{name: view[name] for name in ("id", "model", "seen", "flags")},
        "to": binding.uri if binding else "",
        "profile": binding.profile if binding else "",
        **standing,
        "alarms": [alarm_view(record) for record in alarms],
    }


def _watched(watched: WatchedBinding, now_ms: int) -> dict[str, JsonValue]:
    profile = watched.profile
    watch, _ = advance(profile, watched.watch, now_ms)
    readings: list[JsonValue] = [
        _shown(Reading(series.at_ms, quantity, series.milli))
        | {"condition": condition_of(profile, watch, quantity, now_ms).value}
        for quantity, series in watch.series.items()
    ]
    excursions: list[JsonValue] = [
        {"rule": rule, "began_ms": tally.breach.began_ms}
        for rule, tally in watch.tallies.items()
        if tally.breach and tally.breach.opened_ms is not None
    ]
    return {
        "condition": condition(profile, watch, now_ms).value,
        "readings": readings,
        "excursions": excursions,
    }


def _not_watched(node: Node, view: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    told = view["telemetry"]
    newest_ms = told["newest_ms"] if isinstance(told, dict) else None
    readings: list[JsonValue] = []
    if isinstance(newest_ms, int):
        around = (str(view["id"]), newest_ms, newest_ms + 1)
        messages = node.store.telemetry_between(*around, limit=_MESSAGES_MAX)
        readings = [_shown(r) for r in merge_readings(messages) if r.at_ms == newest_ms]
    return {"condition": "not_watched", "readings": readings, "excursions": []}


def _shown(reading: Reading) -> dict[str, JsonValue]:
    return {
        "quantity": reading.quantity,
        "value": float(from_milli(reading.milli)),
        "unit": QUANTITIES[reading.quantity].symbol,
        "at_ms": reading.at_ms,
    }
