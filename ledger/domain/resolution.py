"""Resolution: who answers for an identifier, what that node tells, how it stands, and how long it holds.

A node that another one asks *tells* its record of the identifier, and gives the bundle of the item, which is
verified against the log that `PrefixRegistry` names. The record that counts is the newest one that stands in
it, so an answer is proven when the node tells the same. That a log holds nothing of an identifier is proven
in the same way. What could not be checked is unproven, never false.

Units: lifetimes in seconds, times in milliseconds since 1970. Not here: asking, verifying, keeping
(`ledger.resolve`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, TypeGuard

from ledger.domain import canonical_json
from ledger.domain.bundle import Bundle
from ledger.domain.checkpoint import LogKey
from ledger.domain.equivalence import nearest_prefix
from ledger.domain.errors import Invalid, LedgerError
from ledger.domain.records import RECORD_CHANGE, Value, parse_values
from ledger.domain.registry import NO_LOG, Registered, RegistryState

TTL_SECONDS_MAX: Final = 86_400
"""However long values say that they live."""

HISTORY_TTL_SECONDS: Final = 60
"""Of an identifier without a record, known or not: events and records are added."""

UNPROVEN_TTL_SECONDS: Final = 10
"""Of what may be proven, or told otherwise, a moment later."""

DOWN_SECONDS: Final = 10
"""A node that could not be asked is not asked again for so long."""

STALE_SECONDS_MAX: Final = 3 * 86_400
"""How long an answer whose lifetime is over may still be shown, as stale (RFC 8767, section 5)."""

HOPS_MAX: Final = 8
_VIA_LENGTH_MAX: Final = 1_000


class PrefixInactive(LedgerError):
    """The prefix, or one above it, is suspended or revoked: ask who allocated it."""


class NodeUnreachable(LedgerError):
    """The responsible node could not be asked, and no earlier answer of it is kept: try again later."""


class AnswerRefuted(LedgerError):
    """The responsible node's answer is not what its log holds: do not use it, and tell its operator."""


class LoopDetected(LedgerError):
    """The question came back to a node that it had passed: the address in the registry is wrong."""


# --------------------------------------------------------------------------- who answers


@dataclass(frozen=True, slots=True)
class Route:
    """Who answers for an identifier.

    `prefix` is the longest one registered, None when there is none. `endpoint` and `log_id` are its own, or
    those of the nearest prefix above that has any; "" and NO_LOG when none has.
    """

    prefix: Registered | None
    endpoint: str = ""
    log_id: bytes = NO_LOG

    @property
    def is_unserved(self) -> bool:
        """Whether the registry names neither a node nor a log."""
        return not self.endpoint and self.log_id == NO_LOG


def find_route(state: RegistryState, uri: str) -> Route:
    """Who answers for a canonical URI. Raises PrefixInactive."""
    known = nearest_prefix(state, uri)
    if known is None:
        return Route(None)
    path = state.path(known.node)
    for up in path:
        if up.status != "allocated":
            raise PrefixInactive(
                f"{uri} is not resolved: {up.scheme} {up.text or '(root)'} is {up.status}; "
                "those who allocated it can say why"
            )
    serving = next((up for up in reversed(path) if up.endpoint or up.log_id != NO_LOG), None)
    return Route(known, serving.endpoint, serving.log_id) if serving else Route(known)


def extend_via(via: str, name: str) -> str:
    """The `Via` header (RFC 9110, section 7.6.3) of a question that came with `via` and that `name` sends on.

    Raises LoopDetected when it passed `name` before, or too many others.
    """
    if len(via) > _VIA_LENGTH_MAX:
        raise LoopDetected(f"Via has {len(via)} characters, at most {_VIA_LENGTH_MAX} are passed on")
    hops = [hop.strip() for hop in via.split(",") if hop.strip()]
    if len(hops) >= HOPS_MAX or any(name in hop.split() for hop in hops):
        raise LoopDetected(f"the question came back to this node, or passed {HOPS_MAX} others: {via[:200]}")
    return ", ".join([*hops, f"1.1 {name}"])


def via_name(log_id: bytes) -> str:
    """What a node is called in `Via`."""
    return f"suyuan-{log_id.hex()[:16]}"


# --------------------------------------------------------------------------- what a node tells


@dataclass(frozen=True, slots=True)
class Told:
    """A record as a node tells it, or as its log holds it.

    `version` counts its changes, 0 when there never was one; no values: it was deleted. `log_index` is where
    the newest change stands.
    """

    version: int = 0
    log_index: int = 0
    values: tuple[Value, ...] = ()


def write_told(uri: str, key: LogKey, told: Told) -> dict[str, Any]:
    """What one node tells another, as JSON."""
    return {
        "id": uri,
        "logPublicKey": str(key),
        "version": told.version,
        "logIndex": told.log_index,
        "values": [value.to_json() for value in told.values],
    }


def read_told(raw: bytes, uri: str) -> tuple[LogKey, Told]:
    """The log key and the record that another node tells of `uri`. Raises Invalid for anything else."""
    given = canonical_json.parse(raw)
    if not isinstance(given, dict) or given.get("id") != uri:
        raise Invalid(f"is no answer about {uri}")
    key, values = given.get("logPublicKey"), given.get("values")
    version, log_index = given.get("version"), given.get("logIndex")
    if not isinstance(key, str) or not _is_count(version) or not _is_count(log_index):
        raise Invalid("logPublicKey, version or logIndex is missing or malformed")
    return LogKey.parse(key), Told(version, log_index, _read_values(values))


def _is_count(given: object) -> TypeGuard[int]:
    return isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**53


def _read_values(given: object) -> tuple[Value, ...]:
    return () if given == [] else parse_values(given, "/values")


# --------------------------------------------------------------------------- how it stands

Standing = Literal["proven", "unproven", "refuted"]
"""proven: the anchored log holds it. unproven: something could not be checked. refuted: the log holds
something else, or the proof is false."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of an identifier. `reason` says why it is not proven.

    `events` counts what happened to the item, without changes of its record. `anchor` is the number of the
    anchor that proves it, `size` how many entries of the log that covers; 0 when nothing was proven.
    """

    standing: Standing
    reason: str = ""
    told: Told = Told()
    events: int = 0
    anchor: int = 0
    size: int = 0

    @property
    def is_known(self) -> bool:
        return bool(self.told.values or self.events)


def compare(told: Told, bundle: Bundle) -> Answer:
    """How a record that a node told stands against the verified bundle of the item."""
    changes = [event for event in bundle.events if event.body and event.body.get("type") == RECORD_CHANGE]
    events = len(bundle.events) - len(changes)
    number, size = bundle.anchor.number, bundle.anchor.size

    def answer(standing: Standing, reason: str, record: Told) -> Answer:
        return Answer(standing, reason, record, events, number, size)

    newest_change = changes[-1].index if changes else -1
    if any(event.body is None and event.index > newest_change for event in bundle.events):
        return answer("unproven", "entries of the log about it are withheld", told)
    try:
        held = _held(changes[-1].index, changes[-1].body or {}) if changes else Told()
    except Invalid as error:
        return answer(
            "unproven", f"entry {newest_change} of the log is no record that we read: {error}", told
        )
    if told.version > held.version and told.log_index >= size:
        return answer("unproven", f"its change at log index {told.log_index} waits for the next anchor", told)
    if told.version > held.version or (told.version == held.version and told != held):
        return answer(
            "refuted", f"version {told.version} of the record is not what the log holds: it was altered", told
        )
    # Where the log holds a newer one, the record was changed after it was told.
    return answer("proven", "", held)


def _held(log_index: int, body: Mapping[str, Any]) -> Told:
    """The record in an entry of a log that somebody else writes. Raises Invalid."""
    version, values = body.get("version"), body.get("values")
    if not _is_count(version) or not isinstance(values, list):
        raise Invalid("it has no version or no values")
    shown = [value for value in values if not isinstance(value, dict) or "commitment" not in value]
    return Told(version, log_index, _read_values(shown))


# --------------------------------------------------------------------------- how long it holds


def ttl_seconds(answer: Answer, now_ms: int) -> int:
    """How long an answer that was just given may be given again without asking."""
    if answer.standing != "proven":
        return UNPROVEN_TTL_SECONDS
    if not answer.told.values:
        return HISTORY_TTL_SECONDS
    return max(0, min((TTL_SECONDS_MAX, *_lifetimes(answer.told.values, now_ms))))


def _lifetimes(values: Sequence[Value], now_ms: int) -> Iterable[int]:
    for value in values:
        if isinstance(value.ttl, int):
            yield value.ttl
        else:
            yield int(_moment_s(value.ttl) - now_ms / 1000)


def _moment_s(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:  # no such day
        return 0
