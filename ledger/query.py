"""Queries: pages of the events that match, and the values that events are known to have.

A page token holds where its page ends and how long the log was at the first page, so that what is captured
meanwhile moves nothing: every event that was there at the first page is on exactly one page. It is no secret
and needs no memory here: any process of the node continues from it, and it does not expire.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from ledger.archive import refuse_archived
from ledger.domain.errors import Invalid, Problem, QueryTooLarge
from ledger.domain.event_query import EventQuery, Position
from ledger.domain.event_shapes import SHAPES
from ledger.domain.vocabulary import BIZ_STEP, DISPOSITION
from ledger.node import Node
from ledger.ports import KnownColumn, StoredEvent

PER_PAGE: Final = 30
PER_PAGE_MAX: Final = 1_000
_CATCH_UP_SECONDS: Final = 600  # a subscription may begin far back; no one waits for it

Collection = Literal["eventTypes", "epcs", "bizSteps", "bizLocations", "readPoints", "dispositions"]


@dataclass(frozen=True, slots=True)
class Page:
    """Events in the order of their query. `next_token` asks for what follows; None on the last page."""

    events: tuple[StoredEvent, ...]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class ValuesPage:
    values: tuple[str, ...]
    next_token: str | None


def run_query(
    node: Node, query: EventQuery, *, per_page: int = PER_PAGE, page_token: str | None = None
) -> Page:
    """One page of the events that match `query`: at most `per_page` of them, and never more than 1,000.

    Raises QueryTooLarge when more match than the query's maxEventCount, QueryTooComplex when the page is not
    found in time, Archived when events of the page are, Invalid for a `per_page` below 1 and for a token that
    is not of this query.
    """
    wanted = _check_per_page(per_page)
    if page_token is None:
        size, left, after = node.store.log_size(), query.event_count_limit, None
        _check_count(node, query, size)
    else:
        size, left, after = _read_event_token(query, page_token)
    if left is not None:
        wanted = min(wanted, left)
    found = node.store.find_events(query, size=size, after=after, limit=wanted + 1)
    page, rest = found[:wanted], found[wanted:]
    refuse_archived(entry.event for entry in page)
    left = None if left is None else left - len(page)
    next_token = None
    if rest and left != 0:
        next_token = _write_token([query.fingerprint, size, left, *page[-1].position])
    return Page(tuple(found.event for found in page), next_token)


def find_new(node: Node, query: EventQuery, start: int, *, limit: int) -> tuple[list[StoredEvent], int]:
    """Matching events from log index `start` on, in the order of the log, and where to continue.

    At most `limit` events; the query's own order and limits do not count. Continuing where the answer says
    finds every matching event exactly once, whatever is captured meanwhile. Raises QueryTooComplex and
    Archived as `run_query`, but reads on for longer.
    """
    size = node.store.log_size()
    in_log_order = EventQuery(query.conditions, "recordTime", False)
    found = node.store.find_events(
        in_log_order, start=start, size=size, limit=limit, seconds=_CATCH_UP_SECONDS
    )
    refuse_archived(entry.event for entry in found)
    reached = found[-1].event.log_index + 1 if len(found) == limit else max(size, start)
    return [entry.event for entry in found], reached


def known_values(
    node: Node, collection: Collection, *, per_page: int = PER_PAGE, page_token: str | None = None
) -> ValuesPage:
    """What this node knows of a top-level collection: standard words, and what events were captured with.

    CBV words stand bare, identifiers are Digital Links. Raises Invalid as `run_query` does.
    """
    wanted = _check_per_page(per_page)
    after = "" if page_token is None else _read_value_token(collection, page_token)
    if collection == "eventTypes":
        values = sorted(SHAPES)
        values = values[values.index(after) + 1 :] if after else values
    elif collection == "epcs":
        values = node.store.known_epcs(after=after, limit=wanted + 1)
    else:
        column, words = _COLUMNS[collection]
        captured = node.store.known_values(column, after=after, limit=wanted + 1)
        values = sorted({*captured, *(word for word in words if word > after)})
    next_token = _write_token([collection, values[wanted - 1]]) if len(values) > wanted else None
    return ValuesPage(tuple(values[:wanted]), next_token)


_COLUMNS: Final[dict[str, tuple[KnownColumn, frozenset[str]]]] = {
    "bizSteps": ("biz_step", BIZ_STEP.words),
    "dispositions": ("disposition", DISPOSITION.words),
    "bizLocations": ("biz_location", frozenset()),
    "readPoints": ("read_point", frozenset()),
}


def _check_per_page(per_page: int) -> int:
    if per_page < 1:
        problem = Problem("/perPage", f"expected 1 to {PER_PAGE_MAX}, found {per_page}")
        raise Invalid(str(problem), [problem])
    return min(per_page, PER_PAGE_MAX)


def _check_count(node: Node, query: EventQuery, size: int) -> None:
    most = query.max_event_count
    if most is not None and node.store.count_events(query, size=size, limit=most + 1) > most:
        raise QueryTooLarge(f"more than {most} events match: narrow the query, or raise maxEventCount")


def _write_token(parts: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts, separators=(",", ":")).encode()).decode().rstrip("=")


def _read_token(token: str) -> list[Any]:
    try:
        parts = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        json.dumps(parts, ensure_ascii=False).encode()  # no lone surrogates, which no database takes
    except (ValueError, binascii.Error, RecursionError):
        parts = None
    if not isinstance(parts, list):
        raise _wrong_token("is none of ours")
    return parts


def _read_event_token(query: EventQuery, token: str) -> tuple[int, int | None, Position]:
    match _read_token(token):
        case [query.fingerprint, size, left, *position]:
            kinds = (int, *_POSITION_KINDS.get(query.order.by, (float, str, int)))
            fits = len(position) + 1 == len(kinds) and all(map(_is, (size, *position), kinds))
            if fits and size >= 0 and (left is None or (_is(left, int) and left > 0)):
                return size, left, tuple(position)
    raise _wrong_token("is not of this query")


_POSITION_KINDS: Final[dict[str, tuple[type, ...]]] = {"recordTime": (int,), "eventTime": (int, int)}


def _is(value: Any, kind: type) -> bool:
    return type(value) is kind and not (isinstance(value, int) and abs(value) >= 2**63)


def _read_value_token(collection: Collection, token: str) -> str:
    match _read_token(token):
        case [str(name), str(after)] if name == collection:
            return after
    raise _wrong_token(f"is not of {collection}")


def _wrong_token(fault: str) -> Invalid:
    problem = Problem("/nextPageToken", f"{fault}: start again without it")
    return Invalid(str(problem), [problem])
