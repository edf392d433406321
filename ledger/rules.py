"""Which business rules hold on this node, and what they need to know: a few statements for a document.

A rule that is off costs nothing. What breaks a rule of mode "report" is told to the operator, in the
program's log; "warn" tells the submitter, in the capture job; "refuse" keeps the event from being captured.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from ledger.domain.events import Event
from ledger.domain.identifiers import class_uri
from ledger.domain.master_data import MasterData
from ledger.domain.rules import Finding, Known, Part, find_broken, needs_of, parse_modes, used_items
from ledger.node import Node
from ledger.ports import Append

logger = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLACES_ABOVE_MAX = 4  # shelf, room, building, site


def know_places(node: Node, events: Iterable[Event]) -> Known:
    """What the rules that are on need to know of the world, but for the past of the items."""
    now = _EPOCH + timedelta(milliseconds=node.clock())
    if "places" not in needs_of(parse_modes(node.settings.rules)):
        return Known(now)
    places = {
        place.uri for event in events for place in (event.read_point, event.biz_location) if place is not None
    }
    entries = _places_and_above(node, places)
    zones = {uri: zone for uri in places if (zone := _zone_of(uri, entries)) is not None}
    # A geo: position is known by what it says.
    known = {uri for uri in places if uri.startswith("geo:") or uri in entries or class_uri(uri) in entries}
    return Known(now, frozenset(known), zones)


def judge_events(
    node: Node, batch: Append, events: Sequence[tuple[str, Event]], world: Known
) -> list[Finding]:
    """Which rules the new `events` break, by the past of their items, which nobody changes in `batch`."""
    modes = parse_modes(node.settings.rules)
    if not modes or not events:
        return []
    past = _read_past(batch, events) if "items" in needs_of(modes) else {}
    findings = find_broken(modes, events, Known(world.now, world.places, world.zones, past))
    for finding in findings:
        if finding.mode == "report":
            logger.warning("rule %s: %s", finding.rule, finding.problem)
    return findings


def _read_past(batch: Append, events: Iterable[tuple[str, Event]]) -> Mapping[str, list[Part]]:
    past: dict[str, list[Part]] = {uri: [] for _, event in events for uri in used_items(event)}
    for part in batch.parts(list(past)):
        past[part.uri].append(part)
    # Emptying a parent takes its children out without naming them.
    parents = {
        part.parent for parts in past.values() for part in parts if part.role == "child" and part.parent
    }
    unread: dict[str, list[Part]] = {uri: [] for uri in parents - past.keys() if uri}
    for part in batch.parts(list(unread)):
        unread[part.uri].append(part)
    return past | unread


def _places_and_above(node: Node, uris: Iterable[str]) -> Mapping[str, MasterData]:
    """The master data of the places, of their sites (the GLN without extension), and of what holds them."""
    found: dict[str, MasterData] = {}
    wanted = {form for uri in uris for form in (uri, class_uri(uri))}
    for _ in range(_PLACES_ABOVE_MAX):
        entries = node.store.master_data(sorted(wanted))
        found.update((uri, entry) for uri, entry in entries.items() if entry.kind == "place")
        holders = {holder for entry in entries.values() for holder in _holders(entry)}
        wanted = {form for uri in holders for form in (uri, class_uri(uri))} - found.keys()
        if not wanted:
            break
    return found


def _holders(entry: MasterData) -> list[str]:
    return entry.details.get("part_of", "").split()


def _zone_of(uri: str, entries: Mapping[str, MasterData]) -> tzinfo | None:
    """The zone of the place, else of its site, else of what holds it."""
    ways = [uri, class_uri(uri)]
    for way in ways:  # it grows while we walk
        entry = entries.get(way)
        if entry is not None and (name := entry.details.get("zone")):
            return _zone(name)
        if entry is not None:
            ways += (holder for holder in _holders(entry) if holder not in ways)
    return None


@cache
def _zone(name: str) -> tzinfo | None:
    """The time zone; None when this machine does not have it, and nothing can be said then."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        logger.warning("time zone %s is not on this machine: no rule looks at it", name)
        return None


def is_zone(name: str) -> bool:
    """Whether this machine knows the time zone."""
    return _zone(name) is not None
