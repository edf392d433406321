"""Readings of carriers: signed messages come in, and are durable before anybody is answered.

Whoever brings a message, it counts by the signature of its carrier alone. What is refused changes nothing,
and is counted for the carrier that it names (`carriers.carrier_views` shows it).
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from ledger.carriers import get_carrier
from ledger.domain.cold_chain.curve import Point
from ledger.domain.cold_chain.reading import Quantity, Reading
from ledger.domain.errors import Invalid, NotAllowed, Problem
from ledger.domain.telemetry import (
    Message,
    Outcome,
    TelemetryRefusal,
    merge_points,
    merge_readings,
    read_messages,
    refusal_of,
)
from ledger.node import Node
from ledger.ports import ApiKey, ToldReading
from ledger.sm2 import is_signed

_PAGE: Final = 500
_SPAN_PAGE: Final = 100
_IMPORTED_PAGE: Final = 5_000
_DAY_MS: Final = 86_400_000
DAYS_MAX: Final = 400
READINGS_MAX: Final = 10_000

_WHY: Final[Mapping[str, str]] = {
    "unknown_carrier": "no such carrier is enrolled",
    "forged": "the signature is not that of a key of this carrier",
    "revoked_key": "the key was revoked or replaced",
    "inactive_key": "the key has not answered a challenge yet",
    "mistimed": "it is from the future, or a reading is newer or over a week older than its message",
    "malformed": "a reading, the battery or the number cannot be so",
    "reused_sequence": "the carrier used this number for another message",
    "withheld_sequence": "the carrier used this number for a message that was removed by policy",
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of messages: of each in turn, and why those that were refused were."""

    outcomes: tuple[Outcome | TelemetryRefusal, ...]
    refused: tuple[Problem, ...]

    @property
    def accepted(self) -> int:
        return self.outcomes.count("accepted")

    @property
    def repeated(self) -> int:
        return self.outcomes.count("repeated")


def take_messages(node: Node, messages: Sequence[Message]) -> Taken:
    """Take in messages, in one transaction: durable when this returns, and safe to call again.

    Raises StoreUnavailable; then none was taken.
    """
    carriers = node.store.carriers_by_id(sorted({message.carrier_id for message in messages}))
    now = node.clock()
    refusals = [refusal_of(carriers.get(m.carrier_id), m, now, is_signed) for m in messages]
    pairs = list(zip(messages, refusals, strict=True))
    counts = Counter[tuple[str, str]]()
    for message, refusal in pairs:
        if refusal and message.carrier_id in carriers:
            counts[message.carrier_id, refusal] += 1
    judged = iter(node.store.add_telemetry([m for m, refusal in pairs if not refusal], counts, now))
    outcomes = tuple([next(judged) if refusal is None else refusal for refusal in refusals])
    problems = tuple(
        Problem(f"/{number}", f"{message.carrier_id}: {_WHY[outcome]}")
        for number, (message, outcome) in enumerate(zip(messages, outcomes, strict=True))
        if outcome in _WHY
    )
    for problem in problems:
        logger.warning("a message of a carrier was refused: %s", problem.message)
    return Taken(outcomes, problems)


class AllRefused(NotAllowed):
    """Not one of the messages counts; each was counted for the carrier that it names, and changed nothing."""


def check_not_all_refused(taken: Taken) -> None:
    """Raises AllRefused."""
    if len(taken.refused) == len(taken.outcomes):
        raise AllRefused(
            f"all {len(taken.refused)} messages were refused: {taken.refused[0].message}", taken.refused
        )


def list_readings(node: Node, key: ApiKey, text: str, start_ms: int, stop_ms: int) -> list[ToldReading]:
    """The first `READINGS_MAX` readings with start <= time < stop of a carrier of your party.

    Raises NotFound as `get_carrier` does, Invalid for more than `DAYS_MAX` days at once.
    """
    carrier = get_carrier(node, key, text)
    if stop_ms - start_ms > DAYS_MAX * _DAY_MS:
        raise Invalid(f"at most {DAYS_MAX} days of readings can be asked for at once")
    return list(islice(_told_between(node, carrier.carrier_id, start_ms, stop_ms), READINGS_MAX))


def readings_between(node: Node, carrier_id: str, start_ms: int, stop_ms: int) -> Iterator[Reading]:
    """The readings of a carrier with start <= time < stop, in order of time, each once.

    A day of them is in memory at once. Where a signed reading and an imported one tell of the same, it is
    the signed one.
    """
    return (told.reading for told in _told_between(node, carrier_id, start_ms, stop_ms))


def _told_between(node: Node, carrier_id: str, start_ms: int, stop_ms: int) -> Iterator[ToldReading]:
    for start in range(start_ms, stop_ms, _DAY_MS):
        stop = min(start + _DAY_MS, stop_ms)
        told = {_place(each.reading): each for each in imported_between(node, carrier_id, start, stop)}
        messages = list(_messages_between(node, carrier_id, start, stop))
        signed = (reading for reading in merge_readings(messages) if start <= reading.at_ms < stop)
        told |= {_place(reading): ToldReading(reading) for reading in signed}
        yield from (told[place] for place in sorted(told))


def _place(reading: Reading) -> tuple[int, str]:
    return reading.at_ms, reading.quantity


def imported_between(node: Node, carrier_id: str, start_ms: int, stop_ms: int) -> Iterator[ToldReading]:
    """The imported readings with start <= time < stop, in order of time."""
    after = (-1, "")
    while True:
        page = node.store.imported_between(carrier_id, start_ms, stop_ms, after=after, limit=_IMPORTED_PAGE)
        yield from page
        if len(page) < _IMPORTED_PAGE:
            return
        after = _place(page[-1].reading)


@dataclass(frozen=True, slots=True)
class Points:
    """Readings as points by quantity, all to before `until_ms`. `imported` of them came in a file, and no
    device signed them."""

    by_quantity: Mapping[Quantity, list[Point]]
    until_ms: int
    imported: int


def points_between(node: Node, carrier_id: str, start_ms: int, stop_ms: int, limit: int) -> Points:
    """The readings of a carrier from `start_ms`. Their `until_ms` is less than `stop_ms` when they are more
    than `limit`, or days than `DAYS_MAX`.
    """
    found: dict[Quantity, list[Point]] = {}
    stop_ms, imported = min(stop_ms, start_ms + DAYS_MAX * _DAY_MS), 0
    for start in range(start_ms, stop_ms, _DAY_MS):
        if sum(map(len, found.values())) > limit:
            return Points(found, start, imported)
        stop = min(start + _DAY_MS, stop_ms)
        day = merge_points(_messages_between(node, carrier_id, start, stop), start, stop)
        imported += _add_imported(day, imported_between(node, carrier_id, start, stop))
        for quantity, points in day.items():
            found.setdefault(quantity, []).extend(points)
    return Points(found, stop_ms, imported)


def _add_imported(day: dict[Quantity, list[Point]], told: Iterable[ToldReading]) -> int:
    """Add what was imported for moments of which the device signed nothing; how many these were."""
    signed = {quantity: {at_ms for at_ms, _ in points} for quantity, points in day.items()}
    readings = [each.reading for each in told]
    new = [r for r in readings if r.at_ms not in signed.get(r.quantity, ())]
    for reading in new:
        day.setdefault(reading.quantity, []).append((reading.at_ms, reading.milli))
    for quantity in {reading.quantity for reading in new}:
        day[quantity].sort()
    return len(new)


def readings_in_spans(node: Node, spans: Sequence[tuple[str, int, int]]) -> list[Iterator[Reading]]:
    """As `readings_between` for each (carrier, start, stop); those with few messages are read at once."""
    pages = node.store.telemetry_in_spans(spans, limit=_SPAN_PAGE)
    imported = node.store.carriers_with_imports([carrier_id for carrier_id, _, _ in spans])
    return [
        readings_between(node, *span) if span[0] in imported else _in_span(node, page, *span)
        for page, span in zip(pages, spans, strict=True)
    ]


def _in_span(
    node: Node, raws: Sequence[bytes], carrier_id: str, start_ms: int, stop_ms: int
) -> Iterator[Reading]:
    """Nothing is read before it is asked for: one carrier's faults are not the others'."""
    if len(raws) == _SPAN_PAGE:
        yield from readings_between(node, carrier_id, start_ms, stop_ms)
        return
    messages = (message for raw in raws for message in read_messages(raw))
    yield from (reading for reading in merge_readings(messages) if start_ms <= reading.at_ms < stop_ms)


def _messages_between(node: Node, carrier_id: str, start_ms: int, stop_ms: int) -> Iterator[Message]:
    after = (0, -1)
    while True:
        page = node.store.telemetry_between(carrier_id, start_ms, stop_ms, after=after, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        after = (page[-1].last_ms, page[-1].sequence)
