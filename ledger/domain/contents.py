"""What was inside a thing during a while, through everything packed in it: pallet, then case, then unit.

Pure: the caller fetches events, as for `trace`, which goes the other way. Events declared in error do not
count. Source: EPCIS 2.0, sections 7.4.3 (aggregation) and 7.4.8 (association).
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ledger.domain.events import AggregationEvent
from ledger.domain.trace import DEPTH_MAX, EventsOf, children_of, valid_events

ITEMS_MAX: Final = 20_000


@dataclass(frozen=True, slots=True)
class Contents:
    """`epcs` are single things, `classes` goods without serials. Not `complete`: a limit cut them off."""

    epcs: tuple[str, ...]
    classes: tuple[str, ...]
    complete: bool


def contents(uri: str, since: datetime, until: datetime, events_of: EventsOf) -> Contents:
    """All that was in `uri` at any moment from `since` to `until`, each once, `uri` itself not among it."""
    epcs: dict[str, None] = {}
    classes: dict[str, None] = {}
    complete = True
    queue = deque([(uri, since, until, 0)])
    seen = set()
    while queue:
        parent, start, stop, depth = queue.popleft()
        if depth > DEPTH_MAX or len(epcs) + len(classes) >= ITEMS_MAX:
            complete = False
            break
        for child, came, left, is_class in _stays(parent, events_of):
            if came > stop or (left is not None and left <= start):
                continue
            (classes if is_class else epcs)[child] = None
            visit = child, max(start, came), stop if left is None else min(stop, left), depth + 1
            if not is_class and visit not in seen:
                seen.add(visit)
                queue.append(visit)
    epcs.pop(uri, None)
    return Contents(tuple(epcs)[:ITEMS_MAX], tuple(classes)[:ITEMS_MAX], complete and len(epcs) <= ITEMS_MAX)


def _stays(parent: str, events_of: EventsOf) -> Iterator[tuple[str, datetime, datetime | None, bool]]:
    """Each child of `parent`: when it came, when it left (None: it is there still), whether it is a class."""
    inside: dict[str, tuple[datetime, bool]] = {}
    for event in valid_events(events_of(parent)):
        if not isinstance(event, AggregationEvent) or event.parent_id != parent:
            continue
        named = children_of(event)
        if event.action == "ADD":
            is_class = named - set(event.child_epcs)
            for child in named:
                inside.setdefault(child, (event.event_time, child in is_class))
        elif event.action == "DELETE":
            # An unpacking that names no children unpacks everything.
            for child in (named or set(inside)) & inside.keys():
                came, of_class = inside.pop(child)
                yield child, came, event.event_time, of_class
    for child, (came, of_class) in inside.items():
        yield child, came, None, of_class
