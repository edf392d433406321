"""A shipment: what carriers measured of an item on its way, whose hands it went through, what they decided.

A carrier is on the item itself, or on the case, pallet or container that the item was inside; it speaks for
the item as long as both hold. Each such time of a watched carrier is a *leg*. What is told here comes from
the store: it is proved by the item's bundle and by the seals of the readings, not by this.

Bounded: `LEGS_MAX` legs, `READINGS_MAX` readings, `CUSTODY_MAX` events; what was cut off is said.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from ledger.capture import capture
from ledger.domain import event_facts
from ledger.domain.carriers import Binding
from ledger.domain.cold_chain.curve import COLUMNS_MAX, Curve, Figures, figures, thin
from ledger.domain.cold_chain.profile import Profile
from ledger.domain.cold_chain.reading import Quantity
from ledger.domain.cold_chain.watch import Condition, Excursion
from ledger.domain.decision import Decision, decision_document, decision_of
from ledger.domain.errors import Invalid
from ledger.domain.events import Event
from ledger.domain.identifiers import parse_identifier
from ledger.domain.trace import LoggedEvent, Stay, Via, declared_wrong, stays, trace
from ledger.excursions import EXCURSIONS_SHOWN_MAX
from ledger.history import ITEM_EVENTS_MAX, logged_events, read_stored
from ledger.node import Node
from ledger.ports import ApiKey, Store, WatchedBinding
from ledger.telemetry import points_between

LEGS_MAX: Final = 20
READINGS_MAX: Final = 400_000
CUSTODY_MAX: Final = 200
_STAYS_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class Leg:
    """A carrier spoke for the item from one time until another (None: still). `path`: to what it was on."""

    watched: WatchedBinding
    path: tuple[Via, ...]
    from_ms: int
    until_ms: int | None

    @property
    def binding(self) -> Binding:
        return self.watched.binding

    @property
    def profile(self) -> Profile:
        return self.watched.profile


@dataclass(frozen=True, slots=True)
class LegExcursion:
    """As much of an excursion as lies in the leg: of one that reaches beyond it nobody says how long it was
    out, and of a peak outside it nothing. `closed_ms` is None for one that lasts."""

    rule: str
    began_ms: int
    closed_ms: int | None
    peak_milli: int | None
    peak_ms: int | None
    out_ms: int | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A leg in the time that was asked for, which here is from `from_ms` to `to_ms`.

    `imported` of the readings were not signed by the device. When not `complete`, the readings behind
    `to_ms`, or the excursions, were too many.
    """

    leg: Leg
    from_ms: int
    to_ms: int
    condition: Condition
    series: Mapping[Quantity, tuple[Figures, Curve]]
    excursions: tuple[LegExcursion, ...]
    imported: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Custody:
    """A step that the item, or what it was inside, took at a place; or a decision about it, at any."""

    event: Event
    path: tuple[Via, ...]

    @property
    def at_ms(self) -> int:
        return event_facts.to_ms(self.event.event_time)

    @property
    def decision(self) -> Decision | None:
        return decision_of(self.event)

    @property
    def place(self) -> str:
        """Where it was read, else where the goods were after it; "" where nobody said."""
        where = self.event.read_point or self.event.biz_location
        return where.uri if where else ""


@dataclass(frozen=True, slots=True)
class Shipment:
    """An item's way from `from_ms` to `to_ms`, on `columns` columns. `complete`: nothing was cut off."""

    uri: str
    from_ms: int
    to_ms: int
    columns: int
    stretches: tuple[Stretch, ...]
    custody: tuple[Custody, ...]
    complete: bool


class _Past:
    """The events of items as they are stored, each item's read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._events: dict[str, Sequence[LoggedEvent]] = {}

    def events_of(self, uri: str) -> Sequence[LoggedEvent]:
        if uri not in self._events:
            self._events[uri] = logged_events(self._store, uri)
        return self._events[uri]

    @property
    def is_complete(self) -> bool:
        return all(len(events) < ITEM_EVENTS_MAX for events in self._events.values())


def has_legs(node: Node, uri: str) -> bool:
    """Whether any carrier was watched while it spoke for the item with this canonical URI."""
    legs, _ = _find_legs(node, uri, _Past(node.store))
    return bool(legs)


def _find_legs(node: Node, uri: str, past: _Past) -> tuple[list[Leg], bool]:
    """The legs of an item, the oldest first; False when some may have been cut off."""
    stayed, complete = stays(uri, past.events_of, _STAYS_MAX)
    legs = [leg for stay in stayed for leg in _legs_of(node, stay)]
    legs = _merged(sorted(legs, key=lambda leg: (leg.from_ms, leg.binding.carrier_id)))
    return legs[:LEGS_MAX], complete and past.is_complete and len(legs) <= LEGS_MAX


def look_up_shipment(
    node: Node, text: str, from_ms: int | None = None, to_ms: int | None = None, columns: int = 800
) -> Shipment:
    """The shipment of the item that `text` names, from `from_ms` to before `to_ms`, else all of its legs.

    Whoever asks with a known API key may see it, of whichever party the carriers are: who holds an item and
    can name it should know whether it was kept cold. They see the readings only of the time in which the
    item was with the carrier, and nothing else of the carrier.

    Raises Invalid for what is no identifier, for no time at all, and for columns that nobody has.
    """
    uri = parse_identifier(text).uri
    if not 1 <= columns <= COLUMNS_MAX:
        raise Invalid(f"{columns} columns: a curve has 1 to {COLUMNS_MAX}")
    past = _Past(node.store)
    legs, complete = _find_legs(node, uri, past)
    now = node.clock()
    start = from_ms if from_ms is not None else min((leg.from_ms for leg in legs), default=now)
    stop = to_ms if to_ms is not None else max((_stop(leg, now) for leg in legs), default=now)
    if stop <= start and (from_ms, to_ms) != (None, None):
        raise Invalid(f"from {start} to {stop} ms: the end should be later than the beginning")
    stop = max(stop, start + 1)
    stretches: list[Stretch] = []
    left = READINGS_MAX
    for leg in legs:
        if leg.from_ms < stop and _stop(leg, now) > start:
            end = min(stop, _stop(leg, now))
            stretch, count = _stretch(node, leg, start, end, columns, stop - start, left)
            stretches.append(stretch)
            left = max(0, left - count)
    custody, all_custody = _custody(uri, past)
    complete = complete and all_custody and all(stretch.complete for stretch in stretches)
    return Shipment(uri, start, stop, columns, tuple(stretches), custody, complete)


def record_decision(
    node: Node, key: ApiKey, text: str, decision: Decision, place: str = "", event_id: str = ""
) -> str:
    """Capture that goods were accepted or rejected now; the eventID. `place` is where, a GLN in any spelling.

    Everybody may say so of any item that they have in hand. Who gives an `event_id` (a urn:uuid:) may call
    again after an answer that was lost: the decision is recorded once. Raises Invalid for what is no
    identifier, Conflict for an eventID that stands for something else.
    """
    uri = parse_identifier(text).uri
    for stored in node.store.events_by_id(event_id) if event_id else ():
        event = read_stored(stored)
        if event and decision_of(event) == decision and uri in {item for item, _ in event.items()}:
            return event_id
    event_id = event_id or f"urn:uuid:{uuid.UUID(bytes=node.random_bytes(16), version=4)}"
    capture(node, key, decision_document(uri, decision, place, event_id, node.clock()).encode())
    return event_id


def _stop(leg: Leg, now_ms: int) -> int:
    return now_ms if leg.until_ms is None else min(leg.until_ms, now_ms)


def _legs_of(node: Node, stay: Stay) -> list[Leg]:
    since, until = event_facts.to_ms(stay.since), event_facts.to_ms(stay.until)
    legs = []
    for watched in node.store.watches_of(stay.uri, since, until, limit=LEGS_MAX + 1):
        ends = [end for end in (watched.binding.until_ms, until) if end is not None and end < _FOR_EVER]
        legs.append(Leg(watched, stay.path, max(watched.binding.from_ms, since), min(ends, default=None)))
    return [leg for leg in legs if leg.until_ms is None or leg.from_ms < leg.until_ms]


def _merged(legs: Sequence[Leg]) -> list[Leg]:
    """What was packed twice, or by two ways, has one leg with a carrier at a time."""
    merged: list[Leg] = []
    for leg in legs:
        last = next((n for n, kept in enumerate(merged) if kept.binding == leg.binding), None)
        if last is None or (merged[last].until_ms or _FOR_EVER) < leg.from_ms:
            merged.append(leg)
        else:
            ends = (merged[last].until_ms, leg.until_ms)
            until = None if None in ends else max(end for end in ends if end is not None)
            merged[last] = replace(merged[last], until_ms=until)
    return merged


def _stretch(
    node: Node, leg: Leg, start: int, stop: int, columns: int, span: int, limit: int
) -> tuple[Stretch, int]:
    """The leg from `start` to `stop`, and how many readings it took. Each column is a part of `span`."""
    profile, binding, hold = leg.profile, leg.binding, leg.profile.hold_ms
    begin = max(start, leg.from_ms)
    read_from = max(leg.from_ms, start - hold)
    read_until = min(leg.until_ms or stop + hold, stop + hold)
    found = points_between(node, binding.carrier_id, read_from, read_until, limit)
    end = min(stop, found.until_ms)
    columns = max(1, columns * (end - begin) // span)
    series = {
        quantity: (
            figures(points, begin, end, profile, quantity),
            thin(points, begin, end, columns, hold),
        )
        for quantity, points in found.by_quantity.items()
        if begin < end
    }
    excursions = node.store.excursions(binding.carrier_id, binding.from_ms, limit=EXCURSIONS_SHOWN_MAX)
    then = [e for e in excursions if e.began_ms < end and (e.closed_ms is None or e.closed_ms > begin)]
    shown = sorted((_clipped(e, leg) for e in then), key=lambda e: (e.began_ms, e.rule))
    complete = found.until_ms >= read_until and len(excursions) < EXCURSIONS_SHOWN_MAX
    condition = _condition(profile, series, shown, complete=complete)
    stretch = Stretch(leg, begin, end, condition, series, tuple(shown), found.imported, complete)
    return stretch, sum(map(len, found.by_quantity.values()))


def _clipped(excursion: Excursion, leg: Leg) -> LegExcursion:
    until = _FOR_EVER if leg.until_ms is None else leg.until_ms
    has_peak = leg.from_ms <= excursion.peak_ms < until
    is_whole = leg.from_ms <= excursion.began_ms and (excursion.closed_ms or leg.from_ms) <= until
    return LegExcursion(
        rule=excursion.rule,
        began_ms=max(excursion.began_ms, leg.from_ms),
        closed_ms=leg.until_ms if excursion.closed_ms is None else min(excursion.closed_ms, until),
        peak_milli=excursion.peak_milli if has_peak else None,
        peak_ms=excursion.peak_ms if has_peak else None,
        out_ms=excursion.out_ms if is_whole else None,
    )


def _condition(
    profile: Profile,
    series: Mapping[Quantity, tuple[Figures, Curve]],
    excursions: Sequence[LegExcursion],
    *,
    complete: bool,
) -> Condition:
    """How the whole time stands: in range only when all of it is measured and in range."""
    if excursions:
        return Condition.EXCURSION
    told = [series[quantity][0] for quantity in profile.quantities if quantity in series]
    # A carrier that was just bound has until `hold_ms` to say something first.
    silent_ms = [f.gap_ms - (f.lead_ms if f.lead_ms <= profile.hold_ms else 0) for f in told]
    if not complete or len(told) < len(profile.quantities) or any(silent_ms):
        return Condition.NO_DATA
    return Condition.OUT if any(f.out_ms for f in told) else Condition.IN_RANGE


def _custody(uri: str, past: _Past) -> tuple[tuple[Custody, ...], bool]:
    """The steps at places, of the item and of what it was inside, in order of time."""
    traced = trace(uri, past.events_of)
    wrong = declared_wrong(entry.event for entry in traced.events if entry.event)
    found = [
        Custody(entry.event, entry.path)
        for entry in traced.events
        if entry.event
        and entry.event.event_id not in wrong
        and entry.event.biz_step not in (None, "sensor_reporting")
        and all(via.kind == "inside" for via in entry.path)
    ]
    placed = [custody for custody in found if custody.place or custody.decision]
    return tuple(placed[-CUSTODY_MAX:]), traced.complete and len(placed) <= CUSTODY_MAX


_FOR_EVER: Final = event_facts.to_ms(datetime.max.replace(tzinfo=UTC))
