"""Watched bindings: how far their readings are folded, their excursions, what is captured of them."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Row,
    Select,
    bindparam,
    case,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)

from ledger.domain.carriers import Binding
from ledger.domain.cold_chain.excursion_event import Moment
from ledger.domain.cold_chain.profile import parse_profile
from ledger.domain.cold_chain.watch import Excursion, Watch, watch_from_json, watch_to_json
from ledger.ports import ExcursionEvent, ExcursionState, FoldedWatch, SilentWatch, WatchedBinding
from ledger.store import tables
from ledger.store.alarms import raise_alarms
from ledger.store.bulk import insert_rows, rows_where_in
from ledger.store.carrier_lock import lock_carriers
from ledger.store.database import Database

_WATCH, _BINDING = tables.cold_watch.c, tables.carrier_binding.c
_EXCURSION, _EVENT, _ALARM = tables.excursion.c, tables.excursion_event.c, tables.alarm.c

_watched = select(
    _BINDING.carrier_id,
    _BINDING.uri,
    _BINDING.from_ms,
    _BINDING.until_ms,
    _BINDING.profile,
    _BINDING.key_id,
    _WATCH.revision,
    _WATCH.dirty_ms,
    _WATCH.profile.label("profile_text"),
    _WATCH.watch,
    _WATCH.base_ms,
    _WATCH.base,
).join(
    tables.carrier_binding, (_BINDING.carrier_id == _WATCH.carrier_id) & (_BINDING.from_ms == _WATCH.from_ms)
)
_excursions = select(
    _EXCURSION.rule,
    _EXCURSION.began_ms,
    _EXCURSION.opened_ms,
    _EXCURSION.closed_ms,
    _EXCURSION.peak_milli,
    _EXCURSION.peak_ms,
    _EXCURSION.out_ms,
    _EXCURSION.gap_ms,
)
_save_watch = (
    update(tables.cold_watch)
    .where(_WATCH.carrier_id == bindparam("carrier"), _WATCH.from_ms == bindparam("since_ms"))
    .values(watch=bindparam("folded"), dirty_ms=None, silent_ms=bindparam("silence_ms"))
)


class Excursions(Database):
    """The part of `Store` about watched bindings."""

    def due_watches(self, *, limit: int) -> list[WatchedBinding]:
        return self._watches(_due_watches(limit))

    def watches(self, carrier_id: str, *, limit: int) -> list[WatchedBinding]:
        query = _watched.where(_WATCH.carrier_id == carrier_id).order_by(_WATCH.from_ms.desc())
        return self._watches(query.limit(limit))

    def open_watches(self, carrier_ids: Sequence[str]) -> list[WatchedBinding]:
        with self.reading() as connection:
            still = _watched.where(_WATCH.until_ms.is_(None))
            rows = rows_where_in(connection, still, _WATCH.carrier_id, carrier_ids)
            return [_watched_binding(row) for row in rows]

    def due_silences(self, now_ms: int, *, limit: int) -> list[SilentWatch]:
        is_raised = exists(
            select(_ALARM.alarm_id).where(
                _ALARM.carrier_id == _WATCH.carrier_id,
                _ALARM.from_ms == _WATCH.from_ms,
                _ALARM.kind == "no_data",
                _ALARM.opened_ms == _WATCH.silent_ms,
            )
        )
        query = _watched.add_columns(_WATCH.silent_ms).where(
            _WATCH.until_ms.is_(None), _WATCH.dirty_ms.is_(None), _WATCH.silent_ms <= now_ms, ~is_raised
        )
        with self.reading() as connection:
            rows = connection.execute(query.order_by(_WATCH.silent_ms).limit(limit))
            return [SilentWatch(_watched_binding(row), row.silent_ms) for row in rows]

    def watches_of(self, uri: str, start_ms: int, stop_ms: int, *, limit: int) -> list[WatchedBinding]:
        lasts = or_(_BINDING.until_ms.is_(None), _BINDING.until_ms > start_ms)
        query = _watched.where(_BINDING.uri == uri, _BINDING.from_ms < stop_ms, lasts)
        return self._watches(query.order_by(_BINDING.from_ms, _BINDING.carrier_id).limit(limit))

    def watch_at(self, carrier_id: str, at_ms: int) -> WatchedBinding | None:
        lasts = or_(_WATCH.until_ms.is_(None), _WATCH.until_ms > at_ms + 1)
        query = _watched.where(_WATCH.carrier_id == carrier_id, _WATCH.from_ms <= at_ms, lasts)
        return next(iter(self._watches(query.limit(1))), None)

    def save_watches(self, folded: Sequence[FoldedWatch]) -> None:
        with self.writing() as connection:
            carrier_ids = sorted({each.watched.binding.carrier_id for each in folded})
            lock_carriers(connection, carrier_ids)
            query = select(_WATCH.carrier_id, _WATCH.from_ms, _WATCH.revision)
            rows = rows_where_in(connection, query, _WATCH.carrier_id, carrier_ids)
            revisions = {(carrier_id, from_ms): revision for carrier_id, from_ms, revision in rows}
            as_read = [each for each in folded if revisions.get(_place(each)) == each.watched.revision]
            if not as_read:
                return
            connection.execute(_save_watch, [_watch_row(each) for each in as_read])
            for each in as_read:
                for rule, from_ms in each.undone.items():
                    begun = (_EXCURSION.rule == rule, _EXCURSION.began_ms >= from_ms)
                    own = _at(_EXCURSION, _place(each))
                    connection.execute(delete(tables.excursion).where(*own, *begun))
                for number in each.retracted:
                    _set_state(connection, number, "retracted")
            excursions = [_excursion_row(_place(each), e) for each in as_read for e in each.excursions]
            insert_rows(connection, tables.excursion, excursions, "replace")
            if events := [_event_row(event) for each in as_read for event in each.events]:
                connection.execute(insert(tables.excursion_event), events)
            raise_alarms(connection, [alarm for each in as_read for alarm in each.alarms])

    def excursions(self, carrier_id: str, from_ms: int, *, limit: int) -> list[Excursion]:
        query = _excursions.where(*_at(_EXCURSION, (carrier_id, from_ms))).order_by(
            _EXCURSION.began_ms.desc(), _EXCURSION.rule
        )
        with self.reading() as connection:
            return [Excursion(*row) for row in connection.execute(query.limit(limit))]

    def excursion_events(self, carrier_id: str, from_ms: int) -> list[ExcursionEvent]:
        query = select(tables.excursion_event).where(*_at(_EVENT, (carrier_id, from_ms)))
        return self._excursion_events(query.order_by(_EVENT.number))

    def due_excursion_events(self, *, limit: int) -> list[ExcursionEvent]:
        return self._excursion_events(_due_events(limit))

    def finish_excursion_event(self, number: int, state: ExcursionState, problem: str = "") -> None:
        with self.writing() as connection:
            _set_state(connection, number, state, problem)

    def hold_watch_lock(self) -> AbstractContextManager[bool]:
        return self.locked("watch")

    def _watches(self, query: Select[Any]) -> list[WatchedBinding]:
        with self.reading() as connection:
            return [_watched_binding(row) for row in connection.execute(query)]

    def _excursion_events(self, query: Select[Any]) -> list[ExcursionEvent]:
        with self.reading() as connection:
            return [_event(row) for row in connection.execute(query)]


# These two are asked several times a second: putting them together cost more than running them.
@cache
def _due_watches(limit: int) -> Select[Any]:
    return _watched.where(_WATCH.dirty_ms.is_not(None)).order_by(_WATCH.dirty_ms).limit(limit)


@cache
def _due_events(limit: int) -> Select[Any]:
    due = select(tables.excursion_event).where(_EVENT.state == "due")
    return due.order_by(_EVENT.number).limit(limit)


def begin_watch(connection: Connection, binding: Binding, profile: str, silent_ms: int) -> None:
    """Watch a new binding from its beginning on, by a profile in TOML; without a reading until `silent_ms` it
    is an alarm."""
    watch = json.dumps(watch_to_json(Watch()))
    row = (binding.carrier_id, binding.from_ms, binding.until_ms, 0, None, profile, watch, silent_ms)
    insert_rows(connection, tables.cold_watch, [(*row, None, "")])


def end_watch(connection: Connection, carrier_id: str, until_ms: int) -> None:
    """Let readings from `until_ms` on no longer count, those that were folded already neither."""
    is_open = (_WATCH.carrier_id == carrier_id, _WATCH.until_ms.is_(None))
    change = update(tables.cold_watch).where(*is_open)
    dirty_ms = _earlier(bindparam("at_ms", until_ms, BigInteger))
    connection.execute(change.values(until_ms=until_ms, revision=_WATCH.revision + 1, dirty_ms=dirty_ms))


def mark_watches(connection: Connection, spans: Sequence[tuple[str, int, int]]) -> None:
    """Say that readings of these carriers came, from the one time to the other."""
    if not spans:
        return
    first, last = bindparam("first_ms", type_=BigInteger), bindparam("last_ms", type_=BigInteger)
    lasts = or_(_WATCH.until_ms.is_(None), _WATCH.until_ms > first)
    concerned = (_WATCH.carrier_id == bindparam("carrier"), _WATCH.from_ms <= last, lasts)
    mark = update(tables.cold_watch).where(*concerned)
    mark = mark.values(revision=_WATCH.revision + 1, dirty_ms=_earlier(first))
    parameters = [
        {"carrier": carrier_id, "first_ms": first_ms, "last_ms": last_ms}
        for carrier_id, first_ms, last_ms in spans
    ]
    connection.execute(mark, parameters)


def base_watches(
    connection: Connection, carrier_id: str, until_ms: int, base: tuple[WatchedBinding, Watch] | None
) -> bool:
    """Let the watched bindings of a carrier never be folded anew from before a time: those that ended by then
    stay as they are, the one that lasts goes on from `base`. False when they are not as `base` was read, or
    not folded; hold the carrier's lock."""
    own = (_WATCH.carrier_id == carrier_id, _WATCH.from_ms <= until_ms)
    query = select(_WATCH.from_ms, _WATCH.until_ms, _WATCH.revision, _WATCH.dirty_ms, _WATCH.base_ms)
    newer = {row.from_ms: row for row in connection.execute(query.where(*own, _unbased))}
    lasting = {ms: row for ms, row in newer.items() if row.until_ms is None or row.until_ms > until_ms + 1}
    if any(row.dirty_ms is not None for row in newer.values()):
        return False
    read = {} if base is None else {base[0].binding.from_ms: base[0].revision}
    if {ms: row.revision for ms, row in lasting.items()} != read:
        return False
    ended = (_WATCH.until_ms <= until_ms + 1, _unbased)
    keep = update(tables.cold_watch).where(*own, *ended)
    connection.execute(keep.values(base=_WATCH.watch, base_ms=_WATCH.until_ms - 1))
    if base is not None and (base[0].base_ms is None or base[0].base_ms < until_ms):
        text = json.dumps(watch_to_json(base[1]))
        at = _at(_WATCH, (carrier_id, base[0].binding.from_ms))
        connection.execute(update(tables.cold_watch).where(*at).values(base=text, base_ms=until_ms))
    return True


_unbased = or_(_WATCH.base_ms.is_(None), _WATCH.until_ms.is_(None), _WATCH.base_ms < _WATCH.until_ms - 1)


def _earlier(at_ms: Any) -> Any:
    is_later = or_(_WATCH.dirty_ms.is_(None), _WATCH.dirty_ms > at_ms)
    return case((is_later, at_ms), else_=_WATCH.dirty_ms)


def _place(folded: FoldedWatch) -> tuple[str, int]:
    return folded.watched.binding.carrier_id, folded.watched.binding.from_ms


def _watch_row(folded: FoldedWatch) -> dict[str, Any]:
    carrier_id, from_ms = _place(folded)
    watch = json.dumps(watch_to_json(folded.watch))
    return {"carrier": carrier_id, "since_ms": from_ms, "folded": watch, "silence_ms": folded.silent_ms}


def _at(columns: Any, place: tuple[str, int]) -> tuple[Any, Any]:
    return columns.carrier_id == place[0], columns.from_ms == place[1]


def _set_state(connection: Connection, number: int, state: ExcursionState, problem: str = "") -> None:
    change = update(tables.excursion_event).where(_EVENT.number == number)
    connection.execute(change.values(state=state, problem=problem))


def _watched_binding(row: Row[Any]) -> WatchedBinding:
    binding = Binding(row.carrier_id, row.uri, row.from_ms, row.until_ms, row.profile, row.key_id)
    profile, watch = _profile(row.profile, row.profile_text), watch_from_json(json.loads(row.watch))
    base = watch_from_json(json.loads(row.base)) if row.base else Watch()
    return WatchedBinding(binding, profile, row.revision, row.dirty_ms, watch, row.base_ms, base)


_profile = lru_cache(maxsize=256)(parse_profile)


def _excursion_row(place: tuple[str, int], e: Excursion) -> tuple[Any, ...]:
    numbers = (e.opened_ms, e.closed_ms, e.peak_milli, e.peak_ms, e.out_ms, e.gap_ms)
    return (*place, e.rule, e.began_ms, *numbers)


def _event_row(event: ExcursionEvent) -> dict[str, Any]:
    moment = event.moment
    return {
        "carrier_id": event.carrier_id,
        "from_ms": event.from_ms,
        "kind": moment.kind,
        "declares": event.declares,
        "rule": moment.rule,
        "began_ms": moment.began_ms,
        "at_ms": moment.at_ms,
        "peak_milli": moment.peak_milli,
        "key_id": event.key_id,
        "state": event.state,
        "problem": event.problem,
        "document": event.document,
    }


def _event(row: Row[Any]) -> ExcursionEvent:
    return ExcursionEvent(
        carrier_id=row.carrier_id,
        from_ms=row.from_ms,
        moment=Moment(row.kind, row.rule, row.began_ms, row.at_ms, row.peak_milli),
        declares=row.declares,
        key_id=row.key_id,
        document=row.document,
        state=row.state,
        problem=row.problem,
        number=row.number,
    )
