"""Excursions: the readings of watched bindings are folded, and what is found becomes EPCIS events.

A binding with a profile is watched. When readings came for it, `Watcher` folds them into its watch and saves,
in one transaction, the watch, the excursions, and the documents that say what opened and closed. It captures
them after that, in order, by the ordinary way: killed at any moment it captures the same document again,
which capture recognises. Readings that came late, into the past, have the binding folded again from its
beginning, and what they undo is declared in error. Where messages were removed by policy it is folded again
from how it stood behind them (`ledger/retention.py`); readings that come later still for that time are kept,
and not folded.
"""

import logging
import threading
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Final

from ledger.alone import repeat, run_alone
from ledger.capture import capture
from ledger.carriers import get_carrier
from ledger.domain.alarms import Alarm, excursion_alarm, measured_until
from ledger.domain.canonical_json import JsonValue
from ledger.domain.carriers import Carrier
from ledger.domain.cold_chain.calm import fold_all
from ledger.domain.cold_chain.excursion_event import (
    Moment,
    count_events,
    declaration_document,
    excursion_document,
    moments_of,
)
from ledger.domain.cold_chain.reading import Reading, from_milli
from ledger.domain.cold_chain.watch import (
    Change,
    Excursion,
    Found,
    Watch,
    advance,
    condition,
    condition_of,
    mkt_now,
    shelf_life_now,
    unsettled_from,
)
from ledger.domain.contents import contents
from ledger.domain.errors import Conflict, Invalid, LedgerError, NotAllowed, StoreUnavailable
from ledger.domain.telemetry import AHEAD_MS_MAX
from ledger.domain.trace import LoggedEvent
from ledger.history import logged_events
from ledger.node import Node
from ledger.ports import ApiKey, ExcursionEvent, FoldedWatch, WatchedBinding
from ledger.telemetry import readings_in_spans

EXCURSIONS_SHOWN_MAX: Final = 200
WATCHES_SHOWN_MAX: Final = 20
_TURN: Final = 200
_CAPTURED_A_TURN: Final = 20
_UNSAVED_SECONDS: Final = 0.5
_POLL_SECONDS: Final = 0.2
_REST_SECONDS: Final = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Start:
    """Where the folding of a binding begins: behind what was folded, or from its beginning, or its base."""

    watched: WatchedBinding
    carrier: Carrier
    watch: Watch
    whole: bool
    span: tuple[str, int, int]  # carrier, from and until when its readings are asked for


class Watcher:
    """Folds what came, and captures what was found."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._failed: dict[tuple[str, int], int] = {}

    def run(self, stop: threading.Event) -> None:
        """Watch until `stop` is set; waits while another process watches on this database."""
        hold = self._node.store.hold_watch_lock
        work = repeat(self.turn, poll_seconds=_POLL_SECONDS)
        run_alone(hold, work, stop, rest_seconds=_REST_SECONDS, logger=logger)

    def turn(self) -> bool:
        """Fold some bindings and capture some events; whether there was anything to do."""
        store = self._node.store
        due = [w for w in store.due_watches(limit=_TURN) if self._failed.get(_place(w)) != w.revision]
        if due:
            self.fold(due)
        events = store.due_excursion_events(limit=_CAPTURED_A_TURN)
        for event in events:
            self.capture(event)
        return bool(due) or bool(events)

    def fold(self, due: Sequence[WatchedBinding]) -> None:
        """Fold the new readings of these bindings. One for which more come meanwhile stays due."""
        latest_ms = self._node.clock() + AHEAD_MS_MAX
        carriers = self._node.store.carriers_by_id(list({watched.binding.carrier_id for watched in due}))
        starts = [_start_of(watched, carriers[watched.binding.carrier_id], latest_ms) for watched in due]
        spans = [start.span for start in starts]
        folded: list[FoldedWatch] = []
        began = monotonic()
        for start, readings in zip(starts, readings_in_spans(self._node, spans), strict=True):
            with self._apart(start.watched):
                folded.append(self._fold(start, readings))
            if monotonic() > began + _UNSAVED_SECONDS:
                # For as long as it is not saved, more may come and make it vain.
                self._save(folded)
                folded, began = [], monotonic()
        if folded:
            self._save(folded)

    @contextmanager
    def _apart(self, watched: WatchedBinding) -> Iterator[None]:
        """Whatever goes wrong with one binding must not stop the others; it is tried again when more
        readings come."""
        try:
            yield
        except StoreUnavailable:
            raise
        except Exception:
            logger.exception("the readings of %s cannot be folded", watched.binding.carrier_id)
            self._failed[_place(watched)] = watched.revision

    def _fold(self, start: _Start, readings: Iterable[Reading]) -> FoldedWatch:
        watched, whole = start.watched, start.whole
        watch, found = fold_all(watched.profile, readings, start.watch)
        undone = unsettled_from(watched.profile, start.watch) if whole else {}
        excursions = list((_open_in(start.watch) | _changed(found) if whole else _changed(found)).values())
        moments = moments_of(excursions)
        known = {}
        if moments or whole:
            events = self._node.store.excursion_events(*_place(watched))
            known = {e.moment: e for e in events if not e.declares and e.state != "retracted"}
        gone = [
            event
            for moment, event in known.items()
            if moment.began_ms >= undone.get(moment.rule, moment.began_ms + 1) and moment not in moments
        ]
        new = [self._declaration(event) for event in gone if event.state == "captured"]
        new += [self._event(watched, m, excursion) for m, excursion in moments.items() if m not in known]
        opened = [moments[m] for m in moments if m.kind == "opened" and m not in known]
        alarms = [self._alarm(start, excursion) for excursion in opened]
        retracted = [event.number for event in gone]
        silent_after_ms = 1000 * start.carrier.device.silent_after_seconds
        silent_ms = measured_until(watched.binding, watched.profile, watch) + silent_after_ms
        return FoldedWatch(watched, watch, excursions, new, retracted, alarms, silent_ms, undone)

    def _alarm(self, start: _Start, excursion: Excursion) -> Alarm:
        node, watched = self._node, start.watched
        party_id, alarm_id = start.carrier.party_id, node.random_bytes(16).hex()
        return excursion_alarm(alarm_id, party_id, watched.binding, watched.profile, excursion, node.clock())

    def _save(self, folded: Sequence[FoldedWatch]) -> None:
        try:
            self._node.store.save_watches(folded)
        except StoreUnavailable:
            raise
        except LedgerError:
            for each in folded:  # one of them cannot be saved
                with self._apart(each.watched):
                    self._node.store.save_watches([each])

    def _event(self, watched: WatchedBinding, moment: Moment, excursion: Excursion) -> ExcursionEvent:
        binding = watched.binding
        since, until = _time(excursion.began_ms), _time(moment.at_ms)
        inside = contents(binding.uri, since, until, self._events_of)
        if not inside.complete:
            logger.error("%s holds more than can be followed: some items are not named", binding.uri)
        event_ids = [self._new_event_id() for _ in range(count_events(binding, inside))]
        document = excursion_document(moment, excursion, binding, watched.profile, inside, event_ids)
        return ExcursionEvent(*_place(watched), moment, False, binding.key_id, document)

    def _declaration(self, event: ExcursionEvent) -> ExcursionEvent:
        document = declaration_document(event.document, self._node.clock())
        return replace(event, declares=True, document=document, state="due", problem="", number=0)

    def _new_event_id(self) -> str:
        return f"urn:uuid:{uuid.UUID(bytes=self._node.random_bytes(16), version=4)}"

    def _events_of(self, uri: str) -> Sequence[LoggedEvent]:
        return logged_events(self._node.store, uri)

    def capture(self, event: ExcursionEvent) -> None:
        """Capture what is due. Its key may have been revoked since the carrier was bound: that it was warm
        is still recorded, under who bound it."""
        node = self._node
        key = node.store.api_key(event.key_id)
        assert key is not None, "keys are never removed"
        try:
            job = capture(node, key, event.document.encode(), "proceed")
        except (Invalid, NotAllowed, Conflict) as error:
            problem = str(error)
        else:
            problem = "" if job.success else job.errors
        if problem:
            logger.error("an excursion of %s cannot be captured: %s", event.carrier_id, problem)
        # Stopped before this line, we capture the same again, and it is recognised.
        node.store.finish_excursion_event(event.number, "refused" if problem else "captured", problem)


def _place(watched: WatchedBinding) -> tuple[str, int]:
    return watched.binding.carrier_id, watched.binding.from_ms


def _start_of(watched: WatchedBinding, carrier: Carrier, latest_ms: int) -> _Start:
    """`latest_ms`: no reading is newer."""
    binding = watched.binding
    assert watched.dirty_ms is not None
    begin_ms = binding.from_ms if watched.base_ms is None else watched.base_ms + 1
    dirty_ms = max(begin_ms, watched.dirty_ms)
    folded_ms = max((series.until_ms for series in watched.watch.series.values()), default=0)
    whole = dirty_ms <= folded_ms
    start_ms, watch = (begin_ms, watched.base) if whole else (dirty_ms, watched.watch)
    stop_ms = latest_ms + 1 if binding.until_ms is None else min(latest_ms + 1, binding.until_ms)
    return _Start(watched, carrier, watch, whole, (binding.carrier_id, start_ms, stop_ms))


def _open_in(watch: Watch) -> dict[tuple[str, int], Excursion]:
    """The excursions that are open, by rule and beginning."""
    breaches = [tally.breach for tally in watch.tallies.values() if tally.breach]
    return {(each.rule, each.began_ms): each for each in breaches if each.opened_ms is not None}


def _changed(found: Iterable[Found]) -> dict[tuple[str, int], Excursion]:
    """How excursions stand after what was found, by rule and beginning."""
    changes = [each.excursion for each in found if isinstance(each, Change)]
    return {(excursion.rule, excursion.began_ms): excursion for excursion in changes}


def _time(at_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)


# --------------------------------------------------------------------------- shown


def watch_views(node: Node, key: ApiKey, text: str) -> list[dict[str, JsonValue]]:
    """The watched bindings of a carrier of your party, the newest first: how they stand, what they broke.

    Raises NotFound as `get_carrier` does.
    """
    carrier = get_carrier(node, key, text)
    watches = node.store.watches(carrier.carrier_id, limit=WATCHES_SHOWN_MAX)
    return [_watch_view(node, watched) for watched in watches]


def _watch_view(node: Node, watched: WatchedBinding) -> dict[str, JsonValue]:
    binding = watched.binding
    profile = watched.profile
    now_ms = node.clock() if binding.until_ms is None else binding.until_ms
    watch, _ = advance(profile, watched.watch, now_ms)
    mkt, life = mkt_now(watch), shelf_life_now(profile, watch)
    excursions = node.store.excursions(binding.carrier_id, binding.from_ms, limit=EXCURSIONS_SHOWN_MAX)
    return {
        "to": binding.uri,
        "profile": binding.profile,
        "from_ms": binding.from_ms,
        "until_ms": binding.until_ms,
        "condition": condition(profile, watch, now_ms).value,
        "quantities": {
            quantity: {
                "condition": condition_of(profile, watch, quantity, now_ms).value,
                "value": float(from_milli(series.milli)),
                "at_ms": series.at_ms,
                "count": series.count,
                "min": float(from_milli(series.milli_min)),
                "max": float(from_milli(series.milli_max)),
                "known_ms": series.known_ms,
                "gap_ms": series.gap_ms,
            }
            for quantity, series in watch.series.items()
        },
        "mkt_celsius": None if mkt is None else float(mkt),
        "shelf_life_model": None
        if life is None
        else {"model": life.model, "remaining_ms": life.remaining_ms, "unknown_ms": life.unknown_ms},
        "excursions": [
            {
                "rule": e.rule,
                "began_ms": e.began_ms,
                "opened_ms": e.opened_ms,
                "closed_ms": e.closed_ms,
                "peak": float(from_milli(e.peak_milli)),
                "peak_ms": e.peak_ms,
                "out_ms": e.out_ms,
                "gap_ms": e.gap_ms,
            }
            for e in excursions
        ],
    }
