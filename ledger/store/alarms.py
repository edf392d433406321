"""Alarms, the policies by which they are told, the tries to tell them, and their acknowledgements."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, func, insert, or_, select, update

from ledger.domain.alarm_policy import Policy, parse_policy, policy_to_json
from ledger.domain.alarms import (
    Acknowledgement,
    Alarm,
    AlarmStanding,
    Telling,
)
from ledger.domain.errors import Conflict, NotFound
from ledger.ports import AlarmRecord, AlarmTry
from ledger.store import tables
from ledger.store.bulk import insert_rows
from ledger.store.database import Database

_POLICY, _ALARM = tables.alarm_policy.c, tables.alarm.c
_TELLING, _TRY, _ACK = tables.alarm_telling.c, tables.alarm_try.c, tables.alarm_acknowledgement.c
_EXCURSION, _WATCH = tables.excursion.c, tables.cold_watch.c

_alarms = select(*(_ALARM[f.name] for f in fields(Alarm)))
_tellings = select(*(_TELLING[f.name] for f in fields(Telling)))
_acknowledgements = select(*(_ACK[f.name] for f in fields(Acknowledgement)))
_records = (
    _alarms.add_columns(
        _EXCURSION.opened_ms.label("still_opened_ms"),  # None: late readings undid the excursion
        _EXCURSION.closed_ms,
        _EXCURSION.peak_milli,
        _EXCURSION.peak_ms,
        _WATCH.until_ms,
        _WATCH.silent_ms,
        *(_ACK[f.name].label(f"ack_{f.name}") for f in fields(Acknowledgement)),
    )
    .select_from(tables.alarm)
    .join(tables.cold_watch, and_(_WATCH.carrier_id == _ALARM.carrier_id, _WATCH.from_ms == _ALARM.from_ms))
    .outerjoin(
        tables.excursion,
        and_(
            _EXCURSION.carrier_id == _ALARM.carrier_id,
            _EXCURSION.from_ms == _ALARM.from_ms,
            _EXCURSION.rule == _ALARM.rule,
            _EXCURSION.began_ms == _ALARM.began_ms,
        ),
    )
    .outerjoin(tables.alarm_acknowledgement, _ACK.alarm_id == _ALARM.alarm_id)
)


class Alarms(Database):
    """The part of `Store` about alarms."""

    def put_alarm_policy(self, party_id: str, policy: Policy, *, count_max: int) -> None:
        body = json.dumps(policy_to_json(policy, secrets=True), ensure_ascii=False)
        count = select(func.count()).select_from(tables.alarm_policy).where(_POLICY.party_id == party_id)
        with self.writing() as connection:
            insert_rows(connection, tables.alarm_policy, [(party_id, policy.name, body)], "replace")
            if (connection.scalar(count) or 0) > count_max:
                raise Conflict(f"party {party_id} has {count_max} alarm policies: remove one first")

    def alarm_policies(self, party_id: str) -> list[Policy]:
        query = select(_POLICY.name, _POLICY.body).where(_POLICY.party_id == party_id).order_by(_POLICY.name)
        with self.reading() as connection:
            return [parse_policy(name, json.loads(body)) for name, body in connection.execute(query)]

    def remove_alarm_policy(self, party_id: str, name: str) -> None:
        removal = delete(tables.alarm_policy).where(_POLICY.party_id == party_id, _POLICY.name == name)
        with self.writing() as connection:
            if not connection.execute(removal).rowcount:
                raise NotFound(f"party {party_id} has no alarm policy {name!r}")

    def add_alarms(self, alarms: Sequence[Alarm]) -> None:
        with self.writing() as connection:
            raise_alarms(connection, alarms)

    def unplanned_alarms(self, *, limit: int) -> list[Alarm]:
        query = _alarms.where(_ALARM.planned.is_(False)).order_by(_ALARM.raised_ms, _ALARM.alarm_id)
        with self.reading() as connection:
            return [Alarm(*row) for row in connection.execute(query.limit(limit))]

    def last_told(self, alarm: Alarm, *, since_ms: int) -> Mapping[tuple[str, int], int]:
        same = (_ALARM.carrier_id == alarm.carrier_id, _ALARM.kind == alarm.kind, _ALARM.rule == alarm.rule)
        was_told = or_(
            _TELLING.state == "told", and_(_TELLING.state.in_(("due", "given_up")), _TELLING.held.is_(False))
        )
        query = (
            select(_TELLING.policy, _TELLING.step, func.max(_TELLING.due_ms))
            .join(tables.alarm, _ALARM.alarm_id == _TELLING.alarm_id)
            .where(*same, was_told, _TELLING.due_ms.between(since_ms, alarm.raised_ms))
            .group_by(_TELLING.policy, _TELLING.step)
        )
        with self.reading() as connection:
            return {(policy, step): due_ms for policy, step, due_ms in connection.execute(query)}

    def plan_alarm(self, alarm_id: str, tellings: Sequence[Telling]) -> None:
        plan = update(tables.alarm).where(_ALARM.alarm_id == alarm_id, _ALARM.planned.is_(False))
        with self.writing() as connection:
            if connection.execute(plan.values(planned=True)).rowcount and tellings:
                connection.execute(insert(tables.alarm_telling), [asdict(telling) for telling in tellings])

    def due_tellings(self, now_ms: int, *, limit: int) -> list[Telling]:
        due = _tellings.where(_TELLING.state == "due", _TELLING.due_ms <= now_ms)
        return self._tellings(
            due.order_by(_TELLING.attempts, _TELLING.due_ms, _TELLING.alarm_id, _TELLING.step).limit(limit)
        )

    def telling(self, telling: Telling) -> Telling:
        (found,) = self._tellings(_tellings.where(*_same(_TELLING, telling)))
        return found

    def save_telling(self, telling: Telling, at_ms: int | None = None) -> None:
        change = update(tables.alarm_telling).where(*_same(_TELLING, telling))
        with self.writing() as connection:
            connection.execute(change.values(asdict(telling)))
            if at_ms is not None:
                row = AlarmTry(telling.policy, telling.step, telling.attempts, at_ms, telling.problem)
                connection.execute(insert(tables.alarm_try).values(alarm_id=telling.alarm_id, **asdict(row)))

    def tellings(self, alarm_id: str) -> list[Telling]:
        query = _tellings.where(_TELLING.alarm_id == alarm_id)
        return self._tellings(query.order_by(_TELLING.policy, _TELLING.step))

    def alarm_tries(self, alarm_id: str) -> list[AlarmTry]:
        query = select(*(_TRY[f.name] for f in fields(AlarmTry))).where(_TRY.alarm_id == alarm_id)
        with self.reading() as connection:
            rows = connection.execute(query.order_by(_TRY.policy, _TRY.step, _TRY.attempt))
            return [AlarmTry(*row) for row in rows]

    def alarm(self, alarm_id: str) -> AlarmRecord | None:
        with self.reading() as connection:
            row = connection.execute(_records.where(_ALARM.alarm_id == alarm_id)).one_or_none()
        return _record(row) if row else None

    def alarms(
        self,
        *,
        party_id: str | None = None,
        carrier_ids: Sequence[str] | None = None,
        is_open: bool,
        before: tuple[int, str] | None = None,
        limit: int,
    ) -> list[AlarmRecord]:
        query = _records if party_id is None else _records.where(_ALARM.party_id == party_id)
        if carrier_ids is not None:
            query = query.where(_ALARM.carrier_id.in_(carrier_ids))
        if is_open:
            query = query.where(_ALARM.open.is_(True))
        if before is not None:
            at_ms, alarm_id = before
            earlier = and_(_ALARM.raised_ms == at_ms, _ALARM.alarm_id < alarm_id)
            query = query.where(or_(_ALARM.raised_ms < at_ms, earlier))
        query = query.order_by(_ALARM.raised_ms.desc(), _ALARM.alarm_id.desc()).limit(limit)
        with self.reading() as connection:
            return [_record(row) for row in connection.execute(query)]

    def acknowledge_alarm(self, acknowledgement: Acknowledgement) -> None:
        alarm_id = acknowledgement.alarm_id
        close = update(tables.alarm).where(_ALARM.alarm_id == alarm_id, _ALARM.open.is_(True))
        due = update(tables.alarm_telling).where(_TELLING.alarm_id == alarm_id, _TELLING.state == "due")
        with self.writing() as connection:
            if not connection.execute(close.values(open=False)).rowcount:
                raise Conflict(f"alarm {alarm_id} was acknowledged before")
            connection.execute(insert(tables.alarm_acknowledgement).values(asdict(acknowledgement)))
            connection.execute(due.values(state="dropped", problem="acknowledged"))

    def due_acknowledgements(self, *, limit: int) -> list[Acknowledgement]:
        query = _acknowledgements.where(_ACK.state == "due").order_by(_ACK.at_ms, _ACK.alarm_id)
        with self.reading() as connection:
            return [Acknowledgement(*row) for row in connection.execute(query.limit(limit))]

    def finish_acknowledgement(self, acknowledgement: Acknowledgement) -> None:
        change = update(tables.alarm_acknowledgement).where(_ACK.alarm_id == acknowledgement.alarm_id)
        with self.writing() as connection:
            connection.execute(change.values(state=acknowledgement.state, problem=acknowledgement.problem))

    def hold_alarm_lock(self) -> AbstractContextManager[bool]:
        return self.locked("alarm")

    def _tellings(self, query: Select[Any]) -> list[Telling]:
        with self.reading() as connection:
            return [Telling(*row) for row in connection.execute(query)]


def raise_alarms(connection: Connection, alarms: Sequence[Alarm]) -> None:
    """Save alarms, but for those of a cause that has one."""
    rows = [(*asdict(alarm).values(), False, True) for alarm in alarms]
    insert_rows(connection, tables.alarm, rows, "keep")


def _same(columns: Any, telling: Telling) -> tuple[Any, ...]:
    return (
        columns.alarm_id == telling.alarm_id,
        columns.policy == telling.policy,
        columns.step == telling.step,
    )


def _record(row: Row[Any]) -> AlarmRecord:
    alarm = Alarm(*row[: len(fields(Alarm))])
    acknowledgement = None
    if row.ack_alarm_id is not None:
        acknowledgement = Acknowledgement(
            **{f.name: getattr(row, f"ack_{f.name}") for f in fields(Acknowledgement)}
        )
    return AlarmRecord(alarm, _standing(alarm, row), acknowledgement)


def _standing(alarm: Alarm, row: Row[Any]) -> AlarmStanding:
    if alarm.kind == "no_data":
        lasts = row.until_ms is None and row.silent_ms == alarm.opened_ms
        return AlarmStanding("lasting" if lasts else "over", row.until_ms)
    if row.still_opened_ms is None:
        return AlarmStanding("withdrawn")
    # Nothing is measured any more where the binding ended.
    ended_ms = row.closed_ms if row.closed_ms is not None else row.until_ms
    return AlarmStanding("lasting" if ended_ms is None else "over", ended_ms, row.peak_milli, row.peak_ms)
