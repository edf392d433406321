"""Standing queries: a query that reports by itself, as a stream or by a schedule.

Here is what webhooks and WebSockets share: the controls that a client sets, and the step from one report to
the next. A report covers a stretch of the log, and the next one begins where it ended, so that no event is
skipped and none is reported twice. Events come in the order in which they were captured.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ledger.domain.canonical_json import JsonValue
from ledger.domain.errors import Invalid, Problem
from ledger.domain.event_facts import to_ms
from ledger.domain.event_fields import parse_time
from ledger.domain.event_query import EventQuery
from ledger.domain.events import format_time
from ledger.domain.query import parse_query
from ledger.domain.schedule import Schedule, next_time, parse_schedule
from ledger.node import Node
from ledger.ports import Progress, StoredEvent
from ledger.query import find_new

EVENTS_MAX: Final = 100
"""Events in one report; a run that finds more makes several."""

REPORT_BYTES_MAX: Final = 4 * 1024 * 1024
"""Stored bytes of the events of one report, unless a single event is larger."""

_POLL_SECONDS: Final = 0.5
_SCHEDULE_FIELDS: Final = ("second", "minute", "hour", "dayOfMonth", "month", "dayOfWeek")


class InvalidControls(Invalid):
    """The controls of a subscription are wrong (SubscriptionControlsException of EPCIS 2.0)."""


@dataclass(frozen=True, slots=True)
class Controls:
    """When a standing query reports (EPCIS 2.0, section 8.2.5.2).

    Without a schedule it is a stream. `report_if_empty` matters to a schedule only, as a stream has no empty
    results. `initial_record_ms` None is now.
    """

    schedule: Schedule | None
    report_if_empty: bool
    initial_record_ms: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A query, and when it reports."""

    query: EventQuery
    schedule: Schedule | None
    report_if_empty: bool


@dataclass(frozen=True, slots=True)
class Report:
    """Events that are new since the report before; none when there were none and that was asked for."""

    events: tuple[StoredEvent, ...]


def parse_controls(fields: Mapping[str, JsonValue]) -> Controls:
    """The controls in `fields`: "stream": true or a "schedule", and "reportIfEmpty", "initialRecordTime".

    Other fields are not looked at. Raises InvalidControls with every problem.
    """
    problems: list[Problem] = []
    stream, empty = (_read_flag(fields, name, problems) for name in ("stream", "reportIfEmpty"))
    if stream == ("schedule" in fields):
        problems.append(Problem("/stream", "should be true, or a schedule be given: one of both"))
    schedule = _read_schedule(fields["schedule"], problems) if "schedule" in fields else None
    initial_ms = None
    if (initial := fields.get("initialRecordTime")) is not None:
        try:
            initial_ms = to_ms(parse_time(initial))
        except Invalid as error:
            problems.append(Problem("/initialRecordTime", str(error)))
    if problems:
        raise InvalidControls(f"{len(problems)} problems in the subscription: {problems[0]}", problems)
    return Controls(schedule, empty, initial_ms)


def _read_flag(fields: Mapping[str, JsonValue], name: str, problems: list[Problem]) -> bool:
    value = fields.get(name, False)
    if not isinstance(value, bool):
        problems.append(Problem(f"/{name}", "should be true or false"))
    return value is True


def _read_schedule(value: JsonValue, problems: list[Problem]) -> Schedule | None:
    if not isinstance(value, dict):
        problems.append(Problem("/schedule", "should be an object"))
        return None
    try:
        return parse_schedule(value)
    except Invalid as error:
        problems += [Problem(f"/schedule{p.pointer}", p.message) for p in error.problems]
        return None


def split_controls(parameters: Mapping[str, str]) -> tuple[dict[str, JsonValue], dict[str, str]]:
    """What a URL's parameters say of the controls, as `parse_controls` reads it, and the other parameters."""
    controls: dict[str, JsonValue] = {}
    schedule: dict[str, JsonValue] = {}
    others: dict[str, str] = {}
    for name, text in parameters.items():
        if name in _SCHEDULE_FIELDS:
            schedule[name] = text
        elif name in ("stream", "reportIfEmpty"):
            controls[name] = {"true": True, "false": False}.get(text, text)
        elif name == "initialRecordTime":
            controls[name] = text
        else:
            others[name] = text
    return controls | ({"schedule": schedule} if schedule else {}), others


def start(node: Node, query: EventQuery, controls: Controls) -> tuple[Standing, Progress]:
    """The standing query, and where it begins: at the initial record time, or with the next event captured.

    Raises InvalidControls for a query with a limit, which would skip events.
    """
    if query.event_count_limit is not None or query.max_event_count is not None:
        raise InvalidControls(
            "the query has eventCountLimit or maxEventCount, and a subscription reports every event: "
            "subscribe to a query without them"
        )
    now = node.clock()
    initial_ms = now if controls.initial_record_ms is None else controls.initial_record_ms
    position = node.store.log_size()
    if controls.initial_record_ms is not None:
        found, reached = find_new(node, _recorded_from(initial_ms), 0, limit=1)
        position = found[0].log_index if found else reached
    next_run_ms = None if controls.schedule is None else _next_run_ms(controls.schedule, now)
    standing = restore(query, controls.schedule, controls.report_if_empty, initial_ms)
    return standing, Progress(position, False, next_run_ms, initial_ms)


def restore(
    query: EventQuery, schedule: Schedule | None, report_if_empty: bool, initial_record_ms: int
) -> Standing:
    """A standing query from its parts, as after a restart."""
    # The position where it began says the same, unless the initial time lay in the future.
    return Standing(query.with_extra(_recorded_from(initial_record_ms)), schedule, report_if_empty)


def advance(
    node: Node, standing: Standing, progress: Progress, events_max: int = EVENTS_MAX
) -> tuple[Report | None, Progress]:
    """The next report, None when there is nothing to report now, and how far it reaches.

    Changes nothing: the report is made again until the caller keeps the progress. When `running` stands in
    it, more may follow at once. Runs that were missed meanwhile are made up for by one.
    """
    now = node.clock()
    if not progress.running:
        if standing.schedule is None:
            progress = replace(progress, min_record_ms=now)
        elif progress.next_run_ms is not None and now >= progress.next_run_ms:
            next_run_ms = _next_run_ms(standing.schedule, now)
            progress = replace(progress, next_run_ms=next_run_ms, min_record_ms=now)
        else:
            return None, progress
    found, reached = find_new(node, standing.query, progress.position, limit=events_max)
    fitting = _count_fitting(found)
    is_last = fitting == len(found) < events_max
    reached = reached if fitting == len(found) else found[fitting].log_index
    # An event that was erased is no longer there to be reported.
    events = tuple(event for event in found[:fitting] if event.body is not None)
    is_empty_run = is_last and not progress.running and standing.schedule is not None
    report = Report(events) if events or (is_empty_run and standing.report_if_empty) else None
    return report, replace(progress, position=reached, running=not is_last)


def _count_fitting(events: list[StoredEvent]) -> int:
    total = 0
    for count, event in enumerate(events):
        total += len(event.body or b"")
        if count and total > REPORT_BYTES_MAX:
            return count
    return len(events)


def _recorded_from(ms: int) -> EventQuery:
    return parse_query({"GE_recordTime": format_ms(ms)})


def _next_run_ms(schedule: Schedule, after_ms: int) -> int:
    return to_ms(next_time(schedule, _moment(after_ms)))


def format_ms(ms: int) -> str:
    """The moment `ms` milliseconds after the beginning of 1970, as EPCIS writes it."""
    return format_time(_moment(ms))


def _moment(ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


async def reports(
    node: Node, query_name: str, standing: Standing, progress: Progress
) -> AsyncIterator[tuple[Report, Progress]]:
    """The reports of a standing query one after another, each with how far it reaches, for a WebSocket.

    Waits without an end for the next one; ends when the named query is removed. Nothing is saved: the client
    that comes back says where to begin by initialRecordTime.
    """
    while await asyncio.to_thread(node.store.named_query, query_name) is not None:
        report, progress = await asyncio.to_thread(advance, node, standing, progress)
        if report is not None:
            yield report, progress
        if not progress.running:
            await asyncio.sleep(_POLL_SECONDS)
