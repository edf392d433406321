"""Queries in SQL: they answer what `matches` says, in the order of `sort_key`, and by index."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, MetaData, Table, select

from ledger.domain.errors import QueryTooComplex
from ledger.domain.event_facts import TIME, column_facts, event_facts, text_number
from ledger.domain.event_query import EventQuery, Position, sort_key
from ledger.domain.events import Event, ObjectEvent
from ledger.domain.item_pattern import class_of
from ledger.domain.query import matches, parse_query
from ledger.ports import EventIdentity
from ledger.store import SqlStore, database, open_store, query_sql, tables
from ledger.store.bulk import insert_rows
from ledger.store.database import connect
from ledger.store.sql_store import migrate
from tests.querying import (
    DOCK,
    GTIN,
    MASTER_DATA,
    MASTER_FACTS,
    OTHER_GTIN,
    PREFIXES,
    SITE,
    SSCC,
    demonstration,
    keep,
    read_event,
    recorded_ms,
    trade,
)
from tests.store.test_database import statements

EVENTS = [*trade(), *demonstration()]


@pytest.fixture
def filled(store: SqlStore) -> SqlStore:
    keep(store, EVENTS)
    store.put_master_data(MASTER_DATA)
    return store


def answers(store: SqlStore, query: EventQuery, **bounds: Any) -> list[int]:
    bounds = {"size": store.log_size(), "limit": 1_000, **bounds}
    return [found.event.log_index for found in store.find_events(query, **bounds)]


def expected(query: EventQuery, events: list[Event] = EVENTS) -> list[int]:
    numbered = [
        (sort_key(query, event, recorded_ms(n), n), n)
        for n, event in enumerate(events)
        if matches(query, event, recorded_ms(n), MASTER_FACTS)
    ]
    return [n for _, n in sorted(numbered, reverse=query.order.descending)]


# --------------------------------------------------------------------------- the property


def iso(ms: float) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")


def parameters_about(events: list[Event]) -> list[tuple[str, Any]]:
    """Parameters that ask for something that one of the events says."""
    asked: set[tuple[str, str]] = set()
    for n, event in enumerate(events):
        said, columns = event_facts(event), column_facts(event, recorded_ms(n))
        for name, value in said.texts | columns.texts:
            if name == "EXISTS":
                asked.add((f"EXISTS_{value}", "true"))
            elif name == "eventType":
                asked.add((name, value))
            elif not value.startswith("sha-256;") and not name.endswith("_"):
                asked.add((f"EQ_{name}", value))
        for name, number in said.numbers | columns.numbers:
            is_time = name.endswith(TIME) or name.lower().endswith("time")
            bound = iso(number) if is_time else repr(number)
            plain = name.removesuffix(TIME)
            if not name.endswith("_") and (is_time or text_number(bound) is not None):
                asked.update((f"{comparison}_{plain}", bound) for comparison in ("GE", "LT"))
                if "#" in name or "_" in name or name == "quantity":
                    asked.update((f"{comparison}_{plain}", bound) for comparison in ("EQ", "GT", "LE"))
        for uri, role in event.items():
            name = MATCHES[role]
            asked.add((name, uri))
            item = class_of(uri)
            if item is not None:
                asked.add((name, item.uri))
                company = item.uri.split("/")[4][1:8] if "/01/" in uri or "/00/" in uri else ""
                asked |= {(name, f"urn:epc:idpat:sgtin:{company}.*.*")} if "/01/" in uri else set()
                asked |= {(name, f"urn:epc:idpat:sscc:{company}.*")} if "/00/" in uri else set()
            asked.add(("MATCH_anyEPCClass" if "Class" in name else "MATCH_anyEPC", uri))
        for place in (event.read_point, event.biz_location):
            if place:
                asked.update((name, place.uri) for name in ("WD_readPoint", "WD_bizLocation"))
    asked |= {
        (f"{name}_city", "Hefei") for name in ("EQATTR_readPoint", "EQATTR_bizLocation", "EQATTR_source")
    }
    asked |= {(f"HASATTR_{name}", "name") for name in ("readPoint", "bizLocation", "epcClass")}
    asked.add(("EQATTR_https://ex.org/epcis#person_country", "CN"))
    return sorted(asked)


MATCHES = {
    "epc": "MATCH_epc",
    "child": "MATCH_epc",
    "parent": "MATCH_parentID",
    "input": "MATCH_inputEPC",
    "output": "MATCH_outputEPC",
    "class": "MATCH_epcClass",
    "child_class": "MATCH_epcClass",
    "input_class": "MATCH_inputEPCClass",
    "output_class": "MATCH_outputEPCClass",
}
PARAMETERS = parameters_about(EVENTS)
ORDERS = ["eventTime", "recordTime", "ex:count", "ex:colour", "ex:when"]


@st.composite
def queries(draw: st.DrawFn) -> EventQuery:
    parameters: dict[str, list[str]] = {}
    for name, value in draw(st.lists(st.sampled_from(PARAMETERS), max_size=4)):
        takes_many = name.startswith(("EQ_", "MATCH_", "WD_", "eventType"))
        parameters[name] = [*parameters.get(name, []), value] if takes_many else [value]
    if draw(st.booleans()):
        parameters["orderBy"] = [draw(st.sampled_from(ORDERS))]
        parameters["orderDirection"] = [draw(st.sampled_from(["ASC", "DESC"]))]
    return parse_query(parameters, PREFIXES)


FAMILIES = """
eventType EQ_action EQ_bizStep EQ_disposition EQ_persistentDisposition_set EQ_readPoint WD_readPoint
EQ_bizTransaction_ EQ_source_ EQ_destination_ EQ_transformationID EQ_eventID EQ_errorReason
EQ_correctiveEventID EXISTS_errorDeclaration GE_errorDeclarationTime LT_recordTime GE_eventTime
EXISTS_sensorElementList GE_startTime EQ_type EQ_deviceID EQ_booleanValue GT_value_CEL LE_quantity_KGM
EQ_https: GE_https: EXISTS_https: EQ_ILMD_ GE_ILMD_ EQ_INNER_https: EQ_INNER_ILMD_ EXISTS_SENSORELEMENT_
EQ_SENSORMETADATA_ GE_SENSORREPORT_ EQ_INNER_ERROR_DECLARATION_ EQ_readPoint_https:
EQ_INNER_bizLocation_ MATCH_epc MATCH_parentID MATCH_inputEPCClass HASATTR_ EQATTR_
"""


def test_the_parameters_that_are_tried_are_of_every_family() -> None:
    names = " ".join(name for name, _ in PARAMETERS)
    missing = [family for family in FAMILIES.split() if family not in names]
    assert missing == []


@pytest.mark.parametrize("few", [0, 3, 1_000], ids=["no driver", "some drivers", "any driver"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=queries(), per_page=st.integers(1, 7))
def test_sql_answers_what_the_definition_says_in_its_order(
    filled: SqlStore, few: int, query: EventQuery, per_page: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(query_sql, "FEW", few)
        found = answers(filled, query)
        assert found == expected(query)
        assert list(walk(filled, query, per_page)) == found
        assert filled.count_events(query, size=len(EVENTS), limit=1_000) == len(found)


def walk(store: SqlStore, query: EventQuery, per_page: int) -> Iterator[int]:
    after: Position | None = None
    while page := store.find_events(query, size=store.log_size(), after=after, limit=per_page):
        yield from (found.event.log_index for found in page)
        after = page[-1].position


def test_each_parameter_alone_answers_what_the_definition_says(filled: SqlStore) -> None:
    for name, value in dict(PARAMETERS).items():
        query = parse_query({name: [value]}, PREFIXES)
        assert answers(filled, query) == expected(query), (name, value)


# --------------------------------------------------------------------------- bounds


def test_an_answer_stays_within_the_part_of_the_log_that_is_asked_for(filled: SqlStore) -> None:
    query = parse_query({"EQ_bizStep": "shipping", "orderBy": "recordTime", "orderDirection": "ASC"})
    everywhere = answers(filled, query)

    assert answers(filled, query, start=2, size=15) == [n for n in everywhere if 2 <= n < 15]
    assert answers(filled, query, limit=2) == everywhere[:2]
    assert answers(filled, query, size=0) == []


def test_counting_stops_at_its_limit(filled: SqlStore) -> None:
    assert filled.count_events(parse_query({}), size=len(EVENTS), limit=5) == 5
    assert filled.count_events(parse_query({"MATCH_anyEPC": SSCC}), size=len(EVENTS), limit=2) == 2


def test_an_answer_is_the_event_as_it_was_stored(filled: SqlStore) -> None:
    (found, *_) = filled.find_events(parse_query({"EQ_eventID": "urn:ex:3"}), size=99, limit=9)
    assert found.event == filled.event(3)


# --------------------------------------------------------------------------- known values


def test_known_values_come_once_by_code_point_and_page_by_page(filled: SqlStore) -> None:
    places = sorted({event.read_point.uri for event in EVENTS if event.read_point})
    assert filled.known_values("read_point", after="", limit=100) == places
    assert filled.known_values("read_point", after=places[1], limit=2) == places[2:4]
    assert filled.known_values("read_point", after=places[-1], limit=2) == []
    assert "https://ex.org/steps/dancing" in filled.known_values("biz_step", after="", limit=100)


def test_an_empty_node_knows_no_values(store: SqlStore) -> None:
    assert store.known_values("disposition", after="", limit=3) == []
    assert store.known_epcs(after="", limit=3) == []


def test_known_epcs_are_the_single_things_each_once(filled: SqlStore) -> None:
    things = {uri for event in EVENTS for uri, role in event.items() if "class" not in role}
    found: list[str] = []
    while page := filled.known_epcs(after=found[-1] if found else "", limit=7):
        found += page

    assert sorted(found) == sorted(things)


# --------------------------------------------------------------------------- master data


def test_replaced_master_data_answer_no_longer(filled: SqlStore) -> None:
    inside = parse_query({"WD_readPoint": SITE})
    described = parse_query({"EQATTR_readPoint_city": "Hefei"})
    assert answers(filled, described)

    filled.put_master_data([replace(entry, details={}) for entry in MASTER_DATA])

    assert answers(filled, described) == []
    assert answers(filled, inside) == answers(filled, parse_query({"EQ_readPoint": SITE}))


# --------------------------------------------------------------------------- migration


INDEXES = (tables.event_class, tables.event_text, tables.event_number, tables.master_attribute)
FACTS = (tables.event, tables.event_body, tables.item, tables.event_item, tables.master_data)


def rows_of(url: str, kept: tuple[Table, ...]) -> dict[str, list[tuple[Any, ...]]]:
    engine = connect(url)
    with engine.connect() as connection:
        rows = {t.name: sorted(map(tuple, connection.execute(select(t)))) for t in kept}
    engine.dispose()
    return rows


def fill_older(connection: Connection, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    """Write rows of the newest tables into tables as they were before bodies had one of their own."""
    body_of = {log_index: body for log_index, _, body in rows.pop("event_body")}
    for name, found in rows.items():
        then = Table(name, MetaData(), autoload_with=connection)
        values = [dict(zip(tables.metadata.tables[name].columns.keys(), row, strict=True)) for row in found]
        if name == "event":
            values = [{**value, "body": body_of.get(value["log_index"])} for value in values]
        insert_rows(connection, then, [tuple(value[c.name] for c in then.columns) for value in values])


def test_events_of_an_older_database_are_indexed_when_it_is_opened(
    bare_store_url: str, tmp_path: Path
) -> None:
    newer_url = f"sqlite:///{tmp_path / 'newer.db'}"
    newer = open_store(newer_url)
    keep(newer, EVENTS)
    newer.put_master_data(MASTER_DATA)
    newer.close()

    older = SqlStore(connect(bare_store_url))
    with older.writing() as connection:
        migrate(connection, "0001")
        fill_older(connection, rows_of(newer_url, FACTS))
    older.close()
    open_store(bare_store_url).close()

    assert rows_of(bare_store_url, INDEXES) == rows_of(newer_url, INDEXES)


# --------------------------------------------------------------------------- cost


@pytest.fixture
def many(store: SqlStore) -> SqlStore:
    """600 events of two products: enough for plans to differ."""
    made = read_event(bizStep="packing", disposition="active", readPoint={"id": DOCK}, **{"ex:colour": "red"})
    for start in range(0, 600, 100):
        keep(store, [_nth(made, n) for n in range(start, start + 100)])
    return store


def _nth(event: Event, n: int) -> Event:
    assert isinstance(event, ObjectEvent)
    return replace(
        event,
        event_id=f"urn:ex:{n}",
        event_time=event.event_time + timedelta(minutes=n),
        epcs=(f"{GTIN}/21/{n}", f"{GTIN}/21/all") if n % 2 else (f"{OTHER_GTIN}/21/{n}",),
        biz_step=("packing", "shipping", "receiving")[n % 3],
        disposition="recalled" if n % 200 == 7 else event.disposition,
    )


NOON = "2026-03-01T12:00:00Z"
PLANS: dict[str, tuple[dict[str, str], str]] = {
    "a serial": ({"MATCH_epc": f"{GTIN}/21/7"}, "driver_event_item USING PRIMARY KEY (item_key=?"),
    "anything's serial": (
        {"MATCH_anyEPC": f"{GTIN}/21/all"},
        "driver_event_item USING PRIMARY KEY (item_key=? AND",
    ),
    "a product": (
        {"MATCH_anyEPC": f"{GTIN}/21/*"},
        "driver_event_class USING PRIMARY KEY (class_uri=? AND level=?",
    ),
    "a product and a step": (
        {"MATCH_anyEPC": f"{GTIN}/21/*", "EQ_bizStep": "shipping"},
        "driver_event_class USING PRIMARY KEY (class_uri=? AND level=?",
    ),
    "a company": (
        {"MATCH_epc": "urn:epc:idpat:sgtin:9506000.*.*"},
        "event_class_by_event (log_index=?",
    ),
    "a step in a time": (
        {"EQ_bizStep": "shipping", "GE_eventTime": NOON},
        "event_by_biz_step (biz_step=? AND event_time_ms>?",
    ),
    "a step": ({"EQ_bizStep": "shipping"}, "event_by_biz_step (biz_step=?"),
    "a step and a rare disposition": (
        {"EQ_bizStep": "shipping", "EQ_disposition": "recalled"},
        "driver_event USING COVERING INDEX event_by_disposition (disposition=?",
    ),
    "a rare disposition in the log's order": (
        {"EQ_bizStep": "shipping", "EQ_disposition": "recalled", "orderBy": "recordTime"},
        "driver_event USING COVERING INDEX event_by_disposition (disposition=?",
    ),
    "a product and a rare disposition": (
        {"MATCH_anyEPC": f"{GTIN}/21/*", "EQ_disposition": "recalled"},
        "driver_event USING COVERING INDEX event_by_disposition (disposition=?",
    ),
    "a place": ({"EQ_readPoint": DOCK}, "event_by_read_point (read_point=?"),
    "a time": ({"GE_eventTime": NOON, "orderBy": "eventTime"}, "event_by_time (event_time_ms>?"),
    "the newest": ({"orderBy": "eventTime"}, "event_by_time"),
    "the last recorded": ({"orderBy": "recordTime"}, "event_in_log (log_index<?"),
    "a record time": ({"GE_recordTime": NOON}, "event_by_record_time (recorded_at_ms>?)"),
    "an eventID": ({"EQ_eventID": "urn:ex:5"}, "(event_id=?"),
    "errors": ({"EXISTS_errorDeclaration": "true"}, "event_text USING PRIMARY KEY (name=? AND text=?"),
    "a colour": (
        {"EQ_ex:colour": "red"},
        "driver_event_text USING PRIMARY KEY (name=? AND text=? AND log_index",
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_query_is_answered_by_index(
    many: SqlStore, store_url: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(query_sql, "FEW", 50)
    parameters, search = PLANS[name]
    query = parse_query(parameters, PREFIXES)
    page = many.find_events(query, size=600, limit=10)
    with statements() as sent:
        many.find_events(query, size=600, after=page[-1].position if page else None, limit=10)
    engine = connect(store_url)
    with engine.connect() as connection:
        plan = [step for statement, given in sent for step in explain(connection, statement, given)]
    engine.dispose()

    if engine.dialect.name == "sqlite":
        assert any(search in step for step in plan), plan
        assert not any(re.match(r"SCAN event\w* AS \w+$|SCAN event\w*$", step) for step in plan), plan
        # What is sorted is the page, and not what it was taken from, unless that is few.
        is_of_few = name == "an eventID" or "rare" in name
        assert is_of_few or sum("TEMP B-TREE" in step for step in plan) <= 1, plan
    else:
        assert not any("Seq Scan" in step for step in plan), plan


@pytest.mark.parametrize("order", [{}, {"orderBy": "recordTime"}, {"orderBy": "ex:colour"}], ids=str)
def test_what_is_rare_is_found_without_a_look_at_what_is_common(
    store: SqlStore, order: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five times the events, and the rows that are looked at stay the same."""
    monkeypatch.setattr(query_sql, "FEW", 20)
    common = read_event(bizStep="shipping", disposition="active")
    rare = read_event(bizStep="packing", disposition="recalled")
    events = [replace(rare, event_id=f"urn:ex:rare:{n}") for n in range(5)]
    events.append(replace(rare, event_id="urn:ex:both", biz_step="shipping"))
    query = parse_query({"EQ_bizStep": "shipping", "EQ_disposition": "recalled", **order}, PREFIXES)
    looked: list[int] = []
    for size in (500, 2_500):
        keep(store, [replace(common, event_id=f"urn:ex:{n}") for n in range(store.log_size(), size)])
        if not looked:
            keep(store, events)
        with store.writing() as connection:
            connection.exec_driver_sql("ANALYZE")
        with statements() as sent:
            assert answers(store, query) == [505]
        with store.reading() as connection:
            looked.append(sum(rows_looked_at(connection, *statement) for statement in sent))
    assert looked[1] <= looked[0] + 50, looked


def test_what_is_captured_already_is_found_without_a_look_at_the_whole_log(store: SqlStore) -> None:
    """Even before the database has counted what is in its tables, as while a log is first filled."""
    keep(store, [replace(EVENTS[0], event_id=f"urn:ex:{n}") for n in range(3_000)])
    asked = [EventIdentity(f"urn:ex:{n}", None) for n in range(2_950, 3_050)]
    with statements() as sent:
        assert set(store.captured_events(asked)) == set(asked[:50])
    with store.reading() as connection:
        assert sum(rows_looked_at(connection, *statement) for statement in sent) <= 1_000


def rows_looked_at(connection: Connection, statement: str, given: Any) -> int:
    """By PostgreSQL: rows that a step reads or throws away. By SQLite: steps of its machine, in hundreds."""
    if connection.dialect.name == "sqlite":
        steps: list[None] = []
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: steps.append(None), 100)
        connection.exec_driver_sql(statement, given).all()
        driver.set_progress_handler(None, 0)
        return len(steps)
    plan = "\n".join(
        connection.exec_driver_sql(f"EXPLAIN (ANALYZE, TIMING OFF) {statement}", given).scalars()
    )
    kept = re.findall(r"actual rows=([\d.]+) loops=(\d+)", plan)
    thrown = re.findall(r"Rows Removed by .*: (\d+)", plan)
    return sum(int(float(rows) * int(loops)) for rows, loops in kept) + sum(map(int, thrown))


@contextmanager
def made_slow(store: SqlStore, patch: pytest.MonkeyPatch) -> Iterator[float]:
    """No query on events ends in the seconds that are handed out."""
    with store.writing() as connection:
        if connection.dialect.name == "sqlite":
            patch.setattr(database, "_SQLITE_STEPS", 1)
            yield 0.0
        else:
            connection.exec_driver_sql("LOCK TABLE event")
            yield 0.05


@pytest.mark.parametrize("order", ["eventTime", "recordTime", "ex:colour"])
def test_a_query_that_finds_nothing_in_time_is_stopped_and_says_what_to_ask(
    filled: SqlStore, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parameters = {"EQ_bizStep": "shipping", "EQ_disposition": "active", "orderBy": order}
    query = parse_query(parameters, PREFIXES)
    with made_slow(filled, monkeypatch) as seconds:
        with pytest.raises(QueryTooComplex, match="GE_eventTime"):
            filled.find_events(query, size=len(EVENTS), limit=31, seconds=seconds)
        with pytest.raises(QueryTooComplex, match="GE_eventTime"):
            filled.count_events(query, size=len(EVENTS), limit=31, seconds=seconds)
    assert answers(filled, query) == expected(query)


def test_a_time_limit_stops_its_own_query_only(store: SqlStore) -> None:
    numbers = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT max(i) FROM n"
    )
    with pytest.raises(QueryTooComplex), store.reading_within(0.02) as connection:
        connection.exec_driver_sql(numbers.format(10**12))
    with store.reading() as connection:  # the same connection, from the pool
        assert connection.exec_driver_sql(numbers.format(200_000)).scalar() == 200_000


def explain(connection: Connection, statement: str, given: Any) -> list[str]:
    if connection.dialect.name == "sqlite":
        return [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)]
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # small tables are read whole by choice
    return [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", given)]


def test_captures_at_the_same_time_move_no_page(many: SqlStore) -> None:
    """Also for an order in which what is captured would stand among what was there."""
    for parameters in (
        {"EQ_bizStep": "shipping"},
        {"orderBy": "eventTime"},
        {"MATCH_epc": GTIN},
        {"orderBy": "ex:colour"},
    ):
        query = parse_query(parameters, PREFIXES)
        size = many.log_size()
        before = answers(many, query)
        seen: list[int] = []
        after: Position | None = None
        while page := many.find_events(query, size=size, after=after, limit=90):
            seen += [found.event.log_index for found in page]
            after = page[-1].position
            fresh = range(many.log_size(), many.log_size() + 3)
            keep(many, [replace(_nth(read_event(), n % 500), event_id=f"urn:ex:new:{n}") for n in fresh])
        assert seen == before
