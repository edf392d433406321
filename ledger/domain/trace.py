"""The wider history of an item: what happened to it, to what held it, and to what it was made from.

An item's own events do not name the pallet's journey: the pallet does. While the item is inside a parent, the
parent's events are its history too; and what happened to the inputs of a transformation, up to that moment,
is the history of the outputs. Events that were declared in error count as shown, never as followed.

Pure: the caller fetches events. Source: EPCIS 2.0, sections 7.4.3 (aggregation) and 7.4.6 (transformation).
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Final, Literal, TypeGuard

from ledger.domain.events import AggregationEvent, Event, TransformationEvent

DEPTH_MAX: Final = 5
EVENTS_MAX: Final = 500

_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
_END: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event and its place in the log; `event` is None where its content is withheld or unreadable."""

    log_index: int
    event: Event | None


@dataclass(frozen=True, slots=True)
class Via:
    """How an event of another item belongs to the history: the item was inside `uri`, or made from it."""

    kind: Literal["inside", "made_from"]
    uri: str


@dataclass(frozen=True, slots=True)
class TracedEvent:
    """An event of the history. `path` leads from the item to whose event it is; empty for the item's own."""

    log_index: int
    event: Event | None
    path: tuple[Via, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """`events` in order of time, then log; `complete` is False when a limit cut the history off."""

    events: tuple[TracedEvent, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class _Visit:
    uri: str
    since: datetime
    until: datetime
    path: tuple[Via, ...]


@dataclass(frozen=True, slots=True)
class Stay:
    """The item was inside `uri` from one time until another; with an empty `path` it is the item itself."""

    uri: str
    since: datetime
    until: datetime
    path: tuple[Via, ...]


EventsOf = Callable[[str], Sequence[LoggedEvent]]
"""All events of an item by its canonical URI, in log order."""


def trace(uri: str, events_of: EventsOf, depth_max: int = DEPTH_MAX, events_max: int = EVENTS_MAX) -> Trace:
    """The history of item `uri`, at most `events_max` events from items at most `depth_max` steps away.

    The nearest items come first, so a limit cuts off what is farthest away. Each event stands once, by the
    shortest way. `events_of` is called once for each item.
    """
    fetch = _once(events_of)
    found: dict[int, TracedEvent] = {}
    complete = True
    queue = deque([_Visit(uri, _BEGINNING, _END, ())])
    seen: set[tuple[str, datetime, datetime]] = set()
    while queue:
        visit = queue.popleft()
        if len(visit.path) > depth_max or len(found) >= events_max:
            complete = False
            continue
        here = [entry for entry in fetch(visit.uri) if _concerns(entry.event, visit)]
        for entry in here:
            found.setdefault(entry.log_index, TracedEvent(entry.log_index, entry.event, visit.path))
        for onward in _ways_on(visit, here, fetch):
            if (place := (onward.uri, onward.since, onward.until)) not in seen:
                seen.add(place)
                queue.append(onward)
    kept = list(found.values())[:events_max]
    return Trace(tuple(sorted(kept, key=_when)), complete and len(kept) == len(found))


def stays(uri: str, events_of: EventsOf, stays_max: int) -> tuple[list[Stay], bool]:
    """What `uri` was inside, and when: itself for ever, its case, the pallet of the case; the nearest first.

    False when a limit, or an event whose content is withheld, may have cut some off. `events_of` is called
    once for each thing.
    """
    fetch = _once(events_of)
    found: list[Stay] = []
    complete = True
    queue = deque([_Visit(uri, _BEGINNING, _END, ())])
    while queue:
        visit = queue.popleft()
        stay = Stay(visit.uri, visit.since, visit.until, visit.path)
        if any((stay.uri, stay.since, stay.until) == (s.uri, s.since, s.until) for s in found):
            continue
        if len(visit.path) > DEPTH_MAX or len(found) >= stays_max:
            complete = False
            continue
        found.append(stay)
        complete = complete and all(entry.event for entry in fetch(visit.uri))
        here = [entry for entry in fetch(visit.uri) if _concerns(entry.event, visit)]
        ways = (way for way in _ways_on(visit, here, fetch) if way.path[-1].kind == "inside")
        queue += islice((way for way in ways if way.since < way.until), stays_max)
    return found, complete


def _once(events_of: EventsOf) -> EventsOf:
    """The same, and nothing is asked for twice."""
    fetched: dict[str, Sequence[LoggedEvent]] = {}

    def fetch(item: str) -> Sequence[LoggedEvent]:
        if item not in fetched:
            fetched[item] = events_of(item)
        return fetched[item]

    return fetch


def declared_wrong(events: Iterable[Event]) -> frozenset[str]:
    """The eventIDs that an error declaration among `events` takes back."""
    return frozenset(e.event_id for e in events if e.event_id is not None and e.error_declaration is not None)


def _when(traced: TracedEvent) -> tuple[datetime, int]:
    return (traced.event.event_time if traced.event else _END), traced.log_index


def _concerns(event: Event | None, visit: _Visit) -> bool:
    """Whether an event of the visited item is part of the history that led there."""
    if not visit.path:
        return True
    if event is None or not visit.since <= event.event_time <= visit.until:
        return False  # a withheld event of another item: when it happened is not known
    # What else went into the same case, or came out of it, is not our item's history.
    return not (_is_packing(event) and event.parent_id == visit.uri and children_of(event))


def valid_events(entries: Iterable[LoggedEvent]) -> list[Event]:
    """The events that still stand, in order of time."""
    events = [entry.event for entry in entries if entry.event is not None]
    wrong = declared_wrong(events)
    return sorted((e for e in events if e.event_id not in wrong), key=lambda e: e.event_time)


def _ways_on(
    visit: _Visit, here: Sequence[LoggedEvent], fetch: Callable[[str], Sequence[LoggedEvent]]
) -> Iterable[_Visit]:
    for event in valid_events(here):
        if isinstance(event, AggregationEvent) and event.action == "ADD" and event.parent_id:
            if visit.uri in children_of(event):
                until = min(visit.until, _left(visit.uri, event, fetch(event.parent_id)))
                step = Via("inside", event.parent_id)
                yield _Visit(event.parent_id, max(visit.since, event.event_time), until, (*visit.path, step))
        elif isinstance(event, TransformationEvent) and visit.uri in _outputs(event):
            for source in _inputs(event):
                yield _Visit(source, _BEGINNING, event.event_time, (*visit.path, Via("made_from", source)))


def _left(child: str, joined: AggregationEvent, parent_events: Sequence[LoggedEvent]) -> datetime:
    """When `child` left the parent that it joined: at the parent's next unpacking of it, or of everything."""
    for event in valid_events(parent_events):
        if (
            isinstance(event, AggregationEvent)
            and event.type == joined.type
            and event.action == "DELETE"
            and event.parent_id == joined.parent_id
            and event.event_time >= joined.event_time
            and (not children_of(event) or child in children_of(event))
        ):
            return event.event_time
    return _END


def _is_packing(event: Event) -> TypeGuard[AggregationEvent]:
    """An AggregationEvent proper; an AssociationEvent is a lasting bond, as of a logger to its pallet."""
    return event.type == AggregationEvent.type


def children_of(event: AggregationEvent) -> set[str]:
    """Single things and classes that an aggregation names as children."""
    return {*event.child_epcs, *(quantity.epc_class for quantity in event.child_quantities)}


def _inputs(event: TransformationEvent) -> list[str]:
    return [*event.input_epcs, *(quantity.epc_class for quantity in event.input_quantities)]


def _outputs(event: TransformationEvent) -> set[str]:
    return {*event.output_epcs, *(quantity.epc_class for quantity in event.output_quantities)}
