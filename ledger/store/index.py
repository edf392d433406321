"""The rows by which queries find events: classes of items, facts, attributes of master data.

They follow from what else is stored, and are written in the same transaction.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, LargeBinary, column, delete, select, table

from ledger.domain import canonical_json
from ledger.domain.event_facts import Facts, event_facts
from ledger.domain.event_parser import parse_event
from ledger.domain.event_query import master_facts
from ledger.domain.item_pattern import class_of
from ledger.domain.master_data import MasterData
from ledger.store import tables
from ledger.store.bulk import chunks, insert_rows

_ATTRIBUTE = tables.master_attribute.c
_OLD_EVENT = table("event", column("log_index", BigInteger), column("body", LargeBinary)).c
_FILL_WINDOW = 1_000  # events in memory at once
_DELETE_MAX = 500


def class_rows(items: Iterable[tuple[int, str, str]]) -> list[tuple[Any, ...]]:
    """Rows of `event_class`: the classes of the items of events, given as (log index, identifier, role)."""
    rows = set()
    for log_index, uri, role in items:
        item = class_of(uri)
        if item is not None:
            rows.add((item.uri, item.level, log_index, role))
    return sorted(rows)


def fact_rows(facts: Sequence[tuple[int, Facts]]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Rows of `event_text` and `event_number`: what events say, each given by its log index."""
    return (
        [(name, text, log_index) for log_index, said in facts for name, text in said.texts],
        [(name, number, log_index) for log_index, said in facts for name, number in said.numbers],
    )


def index_master_data(connection: Connection, entries: Sequence[MasterData]) -> None:
    """Index entries of master data, each in place of what its identifier was indexed by before."""
    by_uri = {entry.uri: entry for entry in entries}
    for uris in chunks(sorted(by_uri), _DELETE_MAX):
        connection.execute(delete(tables.master_attribute).where(_ATTRIBUTE.uri.in_(uris)))
    rows = [(uri, *fact) for uri, entry in by_uri.items() for fact in master_facts(entry)]
    insert_rows(connection, tables.master_attribute, sorted(rows))


def fill_index(connection: Connection) -> None:
    """Index all that is stored; the index is empty. An erased event stays out of it.

    For the migration that makes the index: bodies still stand in the table of events.
    """
    start = 0
    bodies = select(_OLD_EVENT.log_index, _OLD_EVENT.body).order_by(_OLD_EVENT.log_index).limit(_FILL_WINDOW)
    while rows := connection.execute(bodies.where(_OLD_EVENT.log_index >= start)).all():
        events = [(i, parse_event(canonical_json.parse(body))) for i, body in rows if body is not None]
        items = [(i, *item) for i, event in events for item in event.items()]
        insert_rows(connection, tables.event_class, class_rows(items))
        texts, numbers = fact_rows([(i, event_facts(event)) for i, event in events])
        insert_rows(connection, tables.event_text, texts)
        insert_rows(connection, tables.event_number, numbers)
        start = rows[-1].log_index + 1
    master = select(tables.master_data).order_by(tables.master_data.c.uri)
    entries = [
        MasterData(uri, kind, name, name_zh, json.loads(details))
        for uri, kind, name, name_zh, details in connection.execute(master)
    ]
    index_master_data(connection, entries)
