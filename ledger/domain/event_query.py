"""Queries for events: what is asked, and which event is an answer.

A query is conditions that must all hold, an order, and limits. `query.parse_query` makes it from the
parameters of EPCIS 2.0, section 8.2.7.1. `matches` and `sort_key` say what it means, one event at a time; the
store answers the same from its index.

Conditions speak of facts (`event_facts`) and of items. Several values in one condition are alternatives.
"""

import hashlib
import json
import operator
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from ledger.domain.canonical_json import JsonValue
from ledger.domain.event_facts import TIME, Facts, column_facts, event_facts, index_text
from ledger.domain.events import Event
from ledger.domain.item_pattern import ItemPattern, class_of
from ledger.domain.master_data import MasterData, attributes_of

Comparison: TypeAlias = Literal["GT", "GE", "LT", "LE"]
Position: TypeAlias = tuple[float | str, ...]
"""Where an event stands in the order of a query: its sort values, and its log index as the last."""


@dataclass(frozen=True, slots=True)
class HasFact:
    """The event says one of these texts, numbers or times under `name`."""

    name: str
    texts: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()
    times: tuple[float, ...] = ()  # for extensions, whose times have a name of their own


@dataclass(frozen=True, slots=True)
class Compares:
    """The event says a number under `name` that compares like this with `bound`."""

    name: str
    comparison: Comparison
    bound: float


@dataclass(frozen=True, slots=True)
class HasItem:
    """One of the event's items has one of these roles, and is one of `uris` or fits one of `patterns`."""

    roles: tuple[str, ...]
    uris: tuple[str, ...] = ()
    patterns: tuple[ItemPattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Within:
    """The place that the event names under `name` is one of `uris` or, by master data, inside one."""

    name: str
    uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HasAttribute:
    """Something that the event names under one of `names` has master data with an attribute.

    `attributes` are alternatives; so are `values`, where none means any.
    """

    names: tuple[str, ...]
    attributes: tuple[str, ...]
    values: tuple[str, ...] = ()


Condition: TypeAlias = HasFact | Compares | HasItem | Within | HasAttribute


def in_order(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Each condition once, in an order that does not depend on how they were written."""
    return tuple(sorted(set(conditions), key=repr))


@dataclass(frozen=True, slots=True)
class Order:
    """By capture ("recordTime", which is the log's order), by "eventTime", or by an extension field."""

    by: str
    descending: bool


@dataclass(frozen=True)
class EventQuery:
    """Made by `parse_query`. Equal queries have equal answers."""

    conditions: tuple[Condition, ...] = ()
    order_by: str | None = None
    descending: bool = True
    event_count_limit: int | None = None
    max_event_count: int | None = None
    source: str = field(default="{}", compare=False)  # JSON: the parameters as they were written

    def to_json(self) -> dict[str, JsonValue]:
        """The query as it was written, with its prefixes in @context: `parse_query` reads it again.

        What `with_extra` added is not in it.
        """
        written: dict[str, JsonValue] = json.loads(self.source)
        return written

    def with_extra(self, *extra: "EventQuery") -> "EventQuery":
        """This query with the conditions of others added, for instance those of the resource it runs on."""
        conditions = {condition for query in (self, *extra) for condition in query.conditions}
        return replace(self, conditions=in_order(conditions))

    @cached_property
    def fingerprint(self) -> str:
        """The same for equal queries only, in every process."""
        limits = (self.event_count_limit, self.max_event_count)
        return hashlib.sha256(repr((self.conditions, self.order, limits)).encode()).hexdigest()[:16]

    @cached_property
    def order(self) -> Order:
        """The order that was asked for; else one that an index gives, oldest first."""
        if self.order_by is not None:
            return Order(self.order_by, self.descending)
        by_row = [c for c in self.conditions if getattr(c, "name", None) in _ORDERED_BY_TIME]
        by_index = [c for c in self.conditions if isinstance(c, HasItem | HasFact) and c not in by_row]
        return Order("eventTime" if by_row and not by_index else "recordTime", False)


_ORDERED_BY_TIME: Final = frozenset({"eventTime", "bizStep", "disposition", "readPoint", "bizLocation"})


MasterFacts: TypeAlias = Mapping[str, Collection[tuple[str, str]]]
"""Identifier -> what master data says of it, as (attribute, value); see `master_facts`."""

PART_OF: Final = "part_of"
"""The attribute whose values are the places that a place is inside."""


def master_facts(entry: MasterData) -> frozenset[tuple[str, str]]:
    """What a query can ask of an entry: its attributes by their local names."""
    facts = {(attribute_name(uri), text) for uri, texts in attributes_of(entry).items() for text in texts}
    facts.update((PART_OF, uri) for uri in entry.details.get(PART_OF, "").split())
    return frozenset((name, index_text(text)) for name, text in facts)


def attribute_name(name: str) -> str:
    """The local name of an attribute: urn:epcglobal:cbv:mda:city, cbvmda:city and city are one."""
    return re.split("[#/:]", name)[-1]


def matches(
    query: EventQuery, event: Event, recorded_at_ms: int, master: MasterFacts = MappingProxyType({})
) -> bool:
    """Whether `event` is an answer; limits and order aside."""
    said, columns = event_facts(event), column_facts(event, recorded_at_ms)
    facts = Facts(said.texts | columns.texts, said.numbers | columns.numbers)
    return all(_holds(condition, event, facts, master) for condition in query.conditions)


def sort_key(query: EventQuery, event: Event, recorded_at_ms: int, log_index: int) -> Position:
    """Where `event` stands in `query.order`: ascending by this, or descending."""
    by = query.order.by
    if by == "recordTime":
        return (log_index,)
    if by == "eventTime":
        return *(n for name, n in column_facts(event, recorded_at_ms).numbers if name == by), log_index
    facts = event_facts(event)
    number = min((n for name, n in facts.numbers if name in (by, by + TIME)), default=NUMBER_MISSING)
    text = min((t for name, t in facts.texts if name == by), default="")
    return number, text, log_index


NUMBER_MISSING: Final = -1.7976931348623157e308
"""Stands in a sort key for the number that an event does not have."""


def _holds(condition: Condition, event: Event, facts: Facts, master: MasterFacts) -> bool:
    match condition:
        case HasFact(name, texts, numbers, times):
            return (
                any((name, text) in facts.texts for text in texts)
                or any((name, number) in facts.numbers for number in numbers)
                or any((name + TIME, time) in facts.numbers for time in times)
            )
        case Compares(name, comparison, bound):
            compare = _COMPARE[comparison]
            return any(compare(number, bound) for fact, number in facts.numbers if fact == name)
        case HasItem(roles, uris, patterns):
            items = [uri for uri, role in event.items() if role in roles]
            return any(
                uri in uris or any(pattern.matches(class_of(uri)) for pattern in patterns) for uri in items
            )
        case Within(name, uris):
            return any((name, uri) in facts.texts for uri in _descendants(uris, master))
        case HasAttribute(names, attributes, values):
            named = [text for fact, text in facts.texts if fact in names]
            if "epcClass" in names:
                named += [uri for uri, role in event.items() if role in CLASS_ROLES]
            return any(_has_attribute(master.get(uri, ()), attributes, values) for uri in named)


CLASS_ROLES: Final = ("class", "child_class", "input_class", "output_class")
_COMPARE: Final[Mapping[Comparison, Any]] = {
    "GT": operator.gt,
    "GE": operator.ge,
    "LT": operator.lt,
    "LE": operator.le,
}


def _descendants(uris: Collection[str], master: MasterFacts) -> set[str]:
    found: set[str] = set()
    fresh = set(uris)
    while fresh:
        found |= fresh
        parts = {(PART_OF, uri) for uri in fresh}
        fresh = {uri for uri, facts in master.items() if not parts.isdisjoint(facts)} - found
    return found


def _has_attribute(
    facts: Collection[tuple[str, str]], attributes: Collection[str], values: Collection[str]
) -> bool:
    return any(name in attributes and (not values or value in values) for name, value in facts)
