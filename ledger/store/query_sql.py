"""SQL for a query: which events match it, in its order.

Conditions are written as predicates on a log index, so that they can stand on the event table or on an index
table alike. The plan is chosen here and not left to the databases, which know little of the values:

* one condition is the *driver* when few events meet it: its index is read, and the rest is asked of each;
* where the order is the log's, a driver whose index is in that order is read until the page is full;
* otherwise the events are read in the query's order, by an index of the event table, until the page is full.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple, TypeAlias

from sqlalchemy import (
    CTE,
    ColumnElement,
    CompoundSelect,
    Connection,
    FromClause,
    Select,
    Subquery,
    Table,
    Text,
    and_,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    union,
)

from ledger.domain.commitment import item_key
from ledger.domain.errors import QueryTooComplex
from ledger.domain.event_facts import TIME
from ledger.domain.event_query import (
    CLASS_ROLES,
    NUMBER_MISSING,
    PART_OF,
    Compares,
    Condition,
    EventQuery,
    HasAttribute,
    HasFact,
    HasItem,
    Position,
    Within,
)
from ledger.domain.item_pattern import ItemPattern
from ledger.domain.records import RECORD_CHANGE
from ledger.store import tables
from ledger.store.events import event_columns

FEW: Final = 1_000
"""A condition that fewer index rows meet is worth driving a query."""

PLACES_MAX: Final = 5_000
"""Places that one condition on master data can mean."""

_STREAMS_MAX: Final = 16  # index ranges that are merged in log order

Predicate: TypeAlias = ColumnElement[bool]
_LogIndex: TypeAlias = ColumnElement[int]
_AnySelect: TypeAlias = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]


class _IndexTables(NamedTuple):
    event: FromClause
    link: FromClause
    item_class: FromClause
    text: FromClause
    number: FromClause


def _index_tables(name: str) -> _IndexTables:
    indexes = (
        tables.event,
        tables.event_item,
        tables.event_class,
        tables.event_text,
        tables.event_number,
    )
    return _IndexTables(*(table.alias(f"{name}_{table.name}") for table in indexes))


# One name for each place in a statement, so that none takes another's rows for its own.
_DRIVER: Final = _index_tables("driver")
_ASKED: Final = _index_tables("asked")
_FOUND, _READ, _ROW, _RECORDED = (
    tables.event.alias(name) for name in ("found", "read", "row_of", "recorded")
)
# As text and no parameter: only so the databases know that the index without changes of records will do.
_IS_EVENT: Final = _READ.c.event_type != literal_column(f"'{RECORD_CHANGE}'")
_ATTRIBUTE, _PART = (tables.master_attribute.alias(name) for name in ("attribute", "part"))

_EVENT_COLUMNS: Final = {
    "eventType": "event_type",
    "eventID": "event_id",
    "action": "action",
    "bizStep": "biz_step",
    "disposition": "disposition",
    "readPoint": "read_point",
    "bizLocation": "biz_location",
    "eventTime": "event_time_ms",
}
_INDEXED: Final = ("eventID", "bizStep", "disposition", "readPoint", "bizLocation")


def page_of(
    connection: Connection, query: EventQuery, *, start: int, size: int, after: Position | None, limit: int
) -> Select[*tuple[Any, ...]]:
    """Selects the events of one page: their sort values, if any beside the log index, and their columns."""
    query, bounds = _name_places(connection, query), _Bounds(start, size, after)
    driver = _choose_driver(connection, query)
    page = _ordered(query, bounds, driver).limit(limit).subquery("page")
    values = [column for column in page.c if column.name != "log_index"]
    found = (
        select(*values, *event_columns(_FOUND))
        .select_from(_FOUND)
        .join(page, page.c.log_index == _FOUND.c.log_index)
    )
    return found.order_by(*_sorting([*values, page.c.log_index], query))


def count_of(connection: Connection, query: EventQuery, *, size: int, limit: int) -> Select[int]:
    """Counts the matching events below `size`, to `limit` at most."""
    query = _name_places(connection, query)
    driver = _choose_driver(connection, query)
    found = _matching(query, _Bounds(0, size, None), driver).limit(limit).subquery("found")
    return select(func.count()).select_from(found)


@dataclass(frozen=True, slots=True)
class _Bounds:
    start: int
    size: int
    after: Position | None


# --------------------------------------------------------------------------- places by master data


def _name_places(connection: Connection, query: EventQuery) -> EventQuery:
    """`query` with places named one by one where it asks for them by master data: so an index finds them."""
    order, conditions = query.order, list(query.conditions)
    for n, condition in enumerate(conditions):
        match condition:
            case Within(name, uris):
                places = select(_inside(uris).c.uri)
            case HasAttribute((("readPoint" | "bizLocation") as name,)):
                places = _described(condition).distinct()
            case _:
                continue
        found = connection.scalars(places.limit(PLACES_MAX + 1)).all()
        if len(found) > PLACES_MAX:
            raise QueryTooComplex(f"more than {PLACES_MAX} places are meant: ask for fewer")
        conditions[n] = HasFact(name, tuple(found))
    return replace(query, conditions=tuple(conditions), order_by=order.by, descending=order.descending)


# --------------------------------------------------------------------------- the plan


@dataclass(frozen=True, slots=True)
class _Stream:
    """Rows of an index table; `in_log_order` when the index that finds them has them so."""

    table: FromClause
    where: Predicate
    in_log_order: bool

    @property
    def log_index(self) -> _LogIndex:
        log_index: _LogIndex = self.table.c.log_index
        # The bare column would lead the databases to the primary key, and through all events.
        return (log_index + 0).label("log_index") if self.table is _DRIVER.event else log_index


@dataclass(frozen=True, slots=True)
class _Driver:
    condition: Condition
    streams: Sequence[_Stream]

    @property
    def is_in_log_order(self) -> bool:
        return len(self.streams) <= _STREAMS_MAX and all(stream.in_log_order for stream in self.streams)

    @property
    def is_of_row(self) -> bool:
        """On columns of the event table: where nothing else drives, the database finds the index itself."""
        return self.streams[0].table is _DRIVER.event


def _choose_driver(connection: Connection, query: EventQuery) -> _Driver | None:
    drivers = [_Driver(c, streams) for c in query.conditions if (streams := list(_streams(c, _DRIVER)))]
    in_order = [d for d in drivers if query.order.by == "recordTime" and d.is_in_log_order]
    if len(drivers) == 1 and (in_order or drivers[0].is_of_row):
        return in_order[0] if in_order else None
    few = [(count, d) for d in drivers if (count := _count_rows(connection, d)) < FEW]
    if few:
        return min(few, key=lambda counted: counted[0])[1]
    return in_order[0] if in_order else None


def _count_rows(connection: Connection, driver: _Driver) -> int:
    count = 0
    for stream in driver.streams:
        rows = select(stream.log_index).where(stream.where).limit(FEW - count).subquery()
        count += connection.execute(select(func.count()).select_from(rows)).scalar_one()
        if count >= FEW:
            break
    return count


def _streams(condition: Condition, indexes: _IndexTables) -> Iterator[_Stream]:
    """Index rows that meet the condition; none where no index has them together."""
    event, link, item, text, number = indexes
    match condition:
        case HasFact(name, texts) if name in _INDEXED:
            yield _Stream(event, event.c[_EVENT_COLUMNS[name]].in_(texts), False)
        case HasItem(roles, uris, patterns):
            for uri in uris:
                where = and_(link.c.item_key == item_key(uri), link.c.role.in_(roles))
                yield _Stream(link, where, True)
            for pattern in patterns:
                where = and_(_fits(item.c, pattern), item.c.role.in_(roles))
                yield _Stream(item, where, pattern.whole)
        case HasFact(name) if _of_row(condition, tables.event) is None:
            for value in condition.texts:
                where = and_(text.c.name == name, text.c.text == value)
                yield _Stream(text, where, True)
            for fact, said in _numbers(condition):
                where = and_(number.c.name == fact, number.c.number == said)
                yield _Stream(number, where, True)
        case Compares(name) if name not in _EVENT_COLUMNS and name != "recordTime":
            where = and_(number.c.name == name, _compared(number.c.number, condition))
            yield _Stream(number, where, False)


def _matching(query: EventQuery, bounds: _Bounds, driver: _Driver | None) -> _AnySelect:
    """Log indices of the matching events within `bounds`, each once."""
    if driver is None:
        return select(_READ.c.log_index).where(
            _IS_EVENT, *_predicates(query, bounds, _READ.c.log_index, _READ)
        )
    branches = [
        select(stream.log_index)
        .where(stream.where, *_predicates(query, bounds, stream.log_index, None, driver.condition))
        .distinct()
        for stream in driver.streams
    ]
    return branches[0] if len(branches) == 1 else union(*branches)


def _ordered(query: EventQuery, bounds: _Bounds, driver: _Driver | None) -> _AnySelect:
    """Sort values and log indices of the matching events, in the query's order."""
    by = query.order.by
    if by == "eventTime" and driver is None:
        timed = select(_READ.c.event_time_ms, _READ.c.log_index)
        timed = timed.where(_IS_EVENT, *_predicates(query, bounds, _READ.c.log_index, _READ))
        return timed.order_by(*_sorting([_READ.c.event_time_ms, _READ.c.log_index], query))
    found = _matching(query, bounds, driver)
    if by == "recordTime":
        return found.order_by(*_sorting([found.selected_columns.log_index], query))
    at = found.subquery("matching").c.log_index
    if by == "eventTime":
        timed = select(_READ.c.event_time_ms, at).join(_READ, _READ.c.log_index == at)
        return timed.order_by(*_sorting([_READ.c.event_time_ms, at], query))
    return _ordered_by_field(query, bounds, at)


def _ordered_by_field(query: EventQuery, bounds: _Bounds, at: _LogIndex) -> Select[*tuple[Any, ...]]:
    """Numbers and times before texts; an event without the field has the lowest values."""
    by = query.order.by
    least_number = _least(tables.event_number.c.number, tables.event_number, (by, by + TIME))
    least_text = _least(tables.event_text.c.text, tables.event_text, (by,))
    number = func.coalesce(least_number.c.least, NUMBER_MISSING)
    text = func.coalesce(least_text.c.least, "")
    found = (
        select(at, number.label("number"), text.label("text"))
        .outerjoin(least_number, least_number.c.log_index == at)
        .outerjoin(least_text, least_text.c.log_index == at)
    )
    if bounds.after is not None:
        found = found.where(_beyond((number, text, at), bounds.after, query))
    return found.order_by(*_sorting([number, text, at], query))


def _least(value: ColumnElement[Any], table: Table, names: Sequence[str]) -> Subquery:
    return (
        select(table.c.log_index, func.min(value).label("least"))
        .where(table.c.name.in_(names))
        .group_by(table.c.log_index)
        .subquery()
    )


def _sorting(columns: Sequence[ColumnElement[Any]], query: EventQuery) -> list[ColumnElement[Any]]:
    return [column.desc() if query.order.descending else column for column in columns]


def _beyond(columns: Sequence[ColumnElement[Any]], after: Position, query: EventQuery) -> Predicate:
    here, there = tuple_(*columns), tuple_(*(literal(value) for value in after))
    return here < there if query.order.descending else here > there


# --------------------------------------------------------------------------- predicates


def _predicates(
    query: EventQuery,
    bounds: _Bounds,
    at: _LogIndex,
    event: FromClause | None,
    met: Condition | None = None,
) -> Iterator[Predicate]:
    """What must hold of the event at `at`, but for the condition that is `met` already.

    What is asked of columns of its row is asked of `event`, or of the row that is looked up.
    """
    row = _ROW if event is None else event
    of_row: list[Predicate] = []
    if bounds.start:
        yield at >= bounds.start
    yield at < bounds.size
    if bounds.after is not None and query.order.by == "recordTime":
        yield at < bounds.after[0] if query.order.descending else at > bounds.after[0]
    if bounds.after is not None and query.order.by == "eventTime":
        of_row.append(_beyond((row.c.event_time_ms, row.c.log_index), bounds.after, query))
    for condition in query.conditions:
        if condition is met:
            continue
        on_row = _of_row(condition, row)
        if on_row is None:
            yield _at(condition, at)
        else:
            of_row.append(on_row)
    if event is not None:
        yield from of_row
    elif of_row:
        yield _is_there(select(row.c.log_index).where(row.c.log_index == at, *of_row))


def _of_row(condition: Condition, row: FromClause) -> Predicate | None:
    """`condition` as asked of columns of the event's row; None when it is about something else."""
    match condition:
        case HasFact(name, texts) if name in _EVENT_COLUMNS:
            return row.c[_EVENT_COLUMNS[name]].in_(texts)
        case Compares(name) if name in _EVENT_COLUMNS:
            return _compared(row.c[_EVENT_COLUMNS[name]], condition, whole=True)
    return None


def _at(condition: Condition, at: _LogIndex) -> Predicate:
    """`condition` as asked of the event at log index `at`."""
    match condition:
        case Compares("recordTime"):
            return _recorded(condition, at)
        case HasAttribute(("epcClass",)):
            link, item = _ASKED.link.c, tables.item.c
            return _is_there(
                select(link.log_index)
                .join(tables.item, item.item_key == link.item_key)
                .where(
                    link.log_index == at,
                    link.role.in_(CLASS_ROLES),
                    item.uri.in_(_described(condition)),
                )
            )
        case HasAttribute(names):
            text = _ASKED.text.c
            return _is_there(
                select(text.log_index).where(
                    text.name.in_(names), text.text.in_(_described(condition)), text.log_index == at
                )
            )
    found: list[Predicate] = [
        _is_there(select(stream.log_index).where(stream.where, stream.log_index == at))
        for stream in _streams(condition, _ASKED)
        if stream.in_log_order or isinstance(condition, Compares)
    ]
    if isinstance(condition, HasItem):
        found += _class_fits(condition, at)
    return or_(false(), *found)


def _is_there(row: Select[int]) -> Predicate:
    # Not EXISTS: PostgreSQL would make a join of it, and read a whole index where a page needs a few rows.
    return row.limit(1).scalar_subquery().is_not(None)


def _recorded(condition: Compares, at: _LogIndex) -> Predicate:
    """The log is in the order of recording, so a time in it is a place in it."""
    time, log_index = _RECORDED.c.recorded_at_ms, _RECORDED.c.log_index
    place = select(log_index).where(_compared(time, condition, whole=True)).limit(1)
    if condition.comparison in ("GE", "GT"):
        return at >= place.order_by(time, log_index).scalar_subquery()
    return at <= place.order_by(time.desc(), log_index.desc()).scalar_subquery()


def _compared(column: ColumnElement[Any], condition: Compares, *, whole: bool = False) -> Predicate:
    bound = literal(int(condition.bound) if whole else condition.bound)
    match condition.comparison:
        case "GT":
            return column > bound
        case "GE":
            return column >= bound
        case "LT":
            return column < bound
        case "LE":
            return column <= bound


def _fits(item: Any, pattern: ItemPattern) -> Predicate:
    if pattern.whole:
        return and_(item.class_uri == pattern.stem, item.level == pattern.level)
    beyond = pattern.stem[:-1] + chr(ord(pattern.stem[-1]) + 1)
    return and_(item.class_uri >= pattern.stem, item.class_uri < beyond, item.level == pattern.level)


def _class_fits(condition: HasItem, at: _LogIndex) -> Iterator[Predicate]:
    """Whether classes of the event at `at` fit a pattern: all at once, as an event has few of them."""
    stems: dict[tuple[str, int], list[str]] = {}
    for pattern in condition.patterns:
        if not pattern.whole:
            stems.setdefault((pattern.level, len(pattern.stem)), []).append(pattern.stem)
    for (level, length), begins in stems.items():
        item = _ASKED.item_class.c
        fits = and_(item.level == level, func.substr(item.class_uri, 1, length).in_(begins))
        yield _is_there(
            select(item.log_index).where(item.log_index == at, fits, item.role.in_(condition.roles))
        )


def _numbers(condition: HasFact) -> Iterator[tuple[str, float]]:
    yield from ((condition.name, number) for number in condition.numbers)
    yield from ((condition.name + TIME, time) for time in condition.times)


def _described(condition: HasAttribute) -> Select[str]:
    """Identifiers whose master data has the attribute."""
    attribute = _ATTRIBUTE.c
    found = select(attribute.uri).where(attribute.name.in_(condition.attributes))
    return found.where(attribute.value.in_(condition.values)) if condition.values else found


def _inside(uris: Sequence[str]) -> CTE:
    """`uris` and all that master data says to be part of them, directly or through others."""
    first, *others = [select(literal(uri, Text).label("uri")) for uri in uris]
    known = first.cte(recursive=True)
    part = _PART.c
    below = select(part.uri).join(known, and_(part.name == PART_OF, part.value == known.c.uri))
    return known.union(*others, below)
