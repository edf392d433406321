"""Signed messages of carriers: taken once each, counted, read by time."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, bindparam, func, select, tuple_, update

from ledger.domain.carriers import DRIFT_MS_MAX, Heard, Seen
from ledger.domain.month import Month
from ledger.domain.telemetry import AHEAD_MS_MAX, SPAN_MS_MAX, Message, Outcome, read_messages
from ledger.store import tables
from ledger.store.bulk import insert_rows, rows_where_in
from ledger.store.carrier_lock import lock_carriers
from ledger.store.database import Database
from ledger.store.excursions import mark_watches
from ledger.store.message_months import add_message_month
from ledger.store.withheld_numbers import withheld_among

_TWO_PLACES: Final = "two_places"
"""Counted like refusals, although the messages are taken."""

_MESSAGE, _HEARD, _REFUSAL = tables.telemetry.c, tables.carrier_heard.c, tables.telemetry_refusal.c
_BINDING = tables.carrier_binding.c
_HIGHEST = list(_HEARD).index(_HEARD.sequence_max)
_in_span = (  # built once: many are asked for one after another
    select(_MESSAGE.raw)
    .where(
        _MESSAGE.carrier_id == bindparam("carrier"),
        _MESSAGE.last_ms >= bindparam("start"),
        _MESSAGE.last_ms < bindparam("far"),
        _MESSAGE.first_ms < bindparam("stop"),
        _MESSAGE.received_ms >= bindparam("came"),
    )
    .order_by(_MESSAGE.last_ms, _MESSAGE.sequence)
    .limit(bindparam("count"))
)


class Telemetry(Database):
    """The part of `Store` about the messages of carriers."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._months_with_room: set[Month] = set()

    def add_telemetry(
        self, messages: Sequence[Message], refused: Mapping[tuple[str, str], int], received_ms: int
    ) -> list[Outcome]:
        counts = Counter(refused)
        self._have_room(Month.of(received_ms))
        with self.writing() as connection:
            refused_ids = [carrier_id for carrier_id, _ in counts]
            lock_carriers(connection, [*(m.carrier_id for m in messages), *refused_ids])
            heard = _heard_rows(connection, {m.carrier_id for m in messages})
            taken = _taken(connection, heard, messages)
            outcomes: list[Outcome] = []
            new: list[Message] = []
            for message in messages:
                outcome = _outcome(taken, message)
                outcomes.append(outcome)
                if outcome == "accepted":
                    new.append(message)
                else:
                    counts[message.carrier_id, outcome] += 1
            rows = [(m.carrier_id, m.sequence, m.first_ms, m.last_ms, received_ms, m.raw, "") for m in new]
            insert_rows(connection, tables.telemetry, rows)
            counts.update(_count_heard(connection, heard, new, received_ms))
            _count_refusals(connection, counts)
            mark_watches(connection, _spans(new))
        return outcomes

    def _have_room(self, month: Month) -> None:
        """In a transaction before, which has no carrier locked."""
        if month not in self._months_with_room:
            with self.writing() as connection:
                add_message_month(connection, month)
            self._months_with_room.add(month)

    def telemetry_between(
        self, carrier_id: str, start_ms: int, stop_ms: int, *, after: tuple[int, int] = (0, -1), limit: int
    ) -> list[Message]:
        place = tuple_(_MESSAGE.last_ms, _MESSAGE.sequence)
        overlaps = (
            _MESSAGE.last_ms >= start_ms,
            _MESSAGE.last_ms < stop_ms + SPAN_MS_MAX,
            _MESSAGE.first_ms < stop_ms,
            _MESSAGE.received_ms >= start_ms - AHEAD_MS_MAX,  # else it would be from the future
        )
        query = select(_MESSAGE.raw).where(_MESSAGE.carrier_id == carrier_id, *overlaps, place > after)
        with self.reading() as connection:
            found = connection.execute(query.order_by(_MESSAGE.last_ms, _MESSAGE.sequence).limit(limit))
            return [message for raw in found.scalars() for message in read_messages(raw)]

    def telemetry_in_spans(self, spans: Sequence[tuple[str, int, int]], *, limit: int) -> list[list[bytes]]:
        found: list[list[bytes]] = []
        with self.reading() as connection:
            for carrier_id, start_ms, stop_ms in spans:
                given = {
                    "carrier": carrier_id,
                    "start": start_ms,
                    "stop": stop_ms,
                    "far": stop_ms + SPAN_MS_MAX,
                    "came": start_ms - AHEAD_MS_MAX,
                    "count": limit,
                }
                found.append(list(connection.execute(_in_span, given).scalars()))
        return found

    def hold_listen_lock(self) -> AbstractContextManager[bool]:
        return self.locked("listen")

    def heard(self, carrier_ids: Sequence[str]) -> Mapping[str, Heard]:
        with self.reading() as connection:
            rows = rows_where_in(connection, select(tables.carrier_heard), _HEARD.carrier_id, carrier_ids)
            told = {row.carrier_id: row for row in rows}
            refused: dict[str, dict[str, int]] = {}
            counted = rows_where_in(
                connection, select(tables.telemetry_refusal), _REFUSAL.carrier_id, carrier_ids
            )
            for carrier_id, kind, count in counted:
                refused.setdefault(carrier_id, {})[kind] = count
        return {
            carrier_id: _heard(told.get(carrier_id), refused.get(carrier_id, {}))
            for carrier_id in told.keys() | refused.keys()
        }


def _taken(
    connection: Connection, heard: Mapping[str, tuple[Any, ...]], messages: Sequence[Message]
) -> dict[tuple[str, int], bytes | None]:
    """What was taken before under these numbers; None: it is not here any more."""
    taken: dict[tuple[str, int], bytes | None] = {}
    by_carrier: dict[str, list[int]] = {}
    for message in messages:
        before = heard.get(message.carrier_id)
        if before is not None and message.sequence <= before[_HIGHEST]:  # others are surely new
            by_carrier.setdefault(message.carrier_id, []).append(message.sequence)
    for carrier_id, sequences in by_carrier.items():
        query = select(_MESSAGE.sequence, _MESSAGE.raw).where(_MESSAGE.carrier_id == carrier_id)
        for sequence, raw in rows_where_in(connection, query, _MESSAGE.sequence, sequences):
            taken[carrier_id, sequence] = raw
        if others := [number for number in sequences if (carrier_id, number) not in taken]:
            gone = withheld_among(connection, carrier_id, others)
            taken |= {(carrier_id, number): None for number in gone}
    return taken


def _spans(messages: Sequence[Message]) -> list[tuple[str, int, int]]:
    """For each carrier the oldest and the newest reading; in order, as `lock_carriers` has it."""
    spans: dict[str, tuple[int, int]] = {}
    for message in messages:
        first_ms, last_ms = spans.get(message.carrier_id, (message.first_ms, message.last_ms))
        spans[message.carrier_id] = min(first_ms, message.first_ms), max(last_ms, message.last_ms)
    return [(carrier_id, *span) for carrier_id, span in sorted(spans.items())]


def _outcome(taken: dict[tuple[str, int], bytes | None], message: Message) -> Outcome:
    number = message.carrier_id, message.sequence
    if number not in taken:
        taken[number] = message.raw
        return "accepted"
    if taken[number] is None:
        return "withheld_sequence"
    return "repeated" if taken[number] == message.raw else "reused_sequence"


def _heard_rows(connection: Connection, carrier_ids: Collection[str]) -> dict[str, tuple[Any, ...]]:
    rows = rows_where_in(connection, select(tables.carrier_heard), _HEARD.carrier_id, sorted(carrier_ids))
    return {row.carrier_id: tuple(row) for row in rows}


def _count_heard(
    connection: Connection,
    before: Mapping[str, tuple[Any, ...]],
    messages: Sequence[Message],
    received_ms: int,
) -> Counter[tuple[str, str]]:
    """Note what came, and count what contradicts it."""
    ids, rows = sorted({message.carrier_id for message in messages}), dict(before)
    contradictions = Counter[tuple[str, str]]()
    for message in messages:
        row = rows.get(message.carrier_id)
        if row is not None and _contradicts(row, message):
            contradictions[message.carrier_id, _TWO_PLACES] += 1
        rows[message.carrier_id] = _with(row, message, received_ms)
    begin_to_wait = [carrier_id for carrier_id in ids if rows[carrier_id][-1] is None]
    ever_bound = select(_BINDING.carrier_id).distinct()
    for (carrier_id,) in rows_where_in(connection, ever_bound, _BINDING.carrier_id, begin_to_wait):
        rows[carrier_id] = (*rows[carrier_id][:-1], received_ms)
    insert_rows(connection, tables.carrier_heard, [rows[carrier_id] for carrier_id in ids], "replace")
    return contradictions


def _contradicts(row: tuple[Any, ...], message: Message) -> bool:
    """Whether a message's time does not go with its number, given the highest number and the newest time: a
    device counts on as time goes by, and two that have one key do not know of each other's numbers."""
    made_ms: int = row[2]
    highest: int = row[6]
    if message.sequence > highest:
        return message.made_ms < made_ms - DRIFT_MS_MAX  # by less, its clock was put right
    return message.made_ms > made_ms


def _with(row: tuple[Any, ...] | None, message: Message, received_ms: int) -> tuple[Any, ...]:
    told = (received_ms, message.made_ms, message.battery_percent)
    if row is None:
        return (message.carrier_id, *told, message.last_ms, message.sequence, message.sequence, 1, None)
    carrier_id, *before, newest_ms, lowest, highest, count, unsealed_ms = row
    return (
        carrier_id,
        *(told if message.made_ms >= before[1] else before),
        max(newest_ms, message.last_ms),
        min(lowest, message.sequence),
        max(highest, message.sequence),
        count + 1,
        unsealed_ms,
    )


def find_unsealed(connection: Connection, carrier_id: str) -> None:
    """Note which message of a carrier waits longest for a seal; hold its lock."""
    own = (_MESSAGE.carrier_id == carrier_id, _MESSAGE.seal_id == "")
    oldest_ms = select(func.min(_MESSAGE.received_ms)).where(*own).scalar_subquery()
    change = update(tables.carrier_heard).where(_HEARD.carrier_id == carrier_id)
    connection.execute(change.values(unsealed_ms=oldest_ms))


def _count_refusals(connection: Connection, counts: Mapping[tuple[str, str], int]) -> None:
    ids = sorted({carrier_id for carrier_id, _ in counts})
    query = select(tables.telemetry_refusal)
    before = {(r[0], r[1]): r[2] for r in rows_where_in(connection, query, _REFUSAL.carrier_id, ids)}
    rows = [(*key, count + before.get(key, 0)) for key, count in sorted(counts.items())]
    insert_rows(connection, tables.telemetry_refusal, rows, "replace")


def _heard(row: Row[Any] | None, counts: Mapping[str, int]) -> Heard:
    refused = {kind: count for kind, count in counts.items() if kind != _TWO_PLACES}
    if row is None:
        return Heard(refused=refused)
    seen = Seen(row.received_ms, row.made_ms - row.received_ms, row.battery_percent)
    missing = row.sequence_max - row.sequence_min + 1 - row.messages
    two_places = counts.get(_TWO_PLACES, 0)
    return Heard(seen, row.newest_ms, row.messages, missing, refused, two_places)
