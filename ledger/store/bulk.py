"""Write and read many rows at once, at the driver's full speed.

Inserting is one statement, compiled once. SQLite runs it for each row. PostgreSQL takes the rows by COPY;
where a row may be there already, which COPY cannot say, it is given one array for each column. We write
both: the driver's own way, value by value, took a fifth of the processor time of a capture.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, Final, Literal, TypeVar

from sqlalchemy import (
    Cast,
    Column,
    ColumnElement,
    Connection,
    Insert,
    LargeBinary,
    Row,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

T = TypeVar("T")
_IN_LIST_MAX = 500
_ARRAY_MAX = 10_000
_WANTED = "wanted"
OnConflict = Literal["fail", "keep", "replace", "add"]
"""What becomes of a row whose primary key is taken: Conflict, the old row stays, the new row wins, or the
numbers of both are added."""


def insert_rows(
    connection: Connection, table: Table, rows: Sequence[Sequence[Any]], on_conflict: OnConflict = "fail"
) -> None:
    """Insert `rows`, each with a value for every column in the order of `table`."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_sqlite_insert(table, on_conflict), rows)
    elif on_conflict == "fail":
        _copy(connection, table, rows)
    else:
        arrays = dict(zip(table.columns.keys(), zip(*rows, strict=True), strict=True))
        connection.execute(_postgres_insert(table, on_conflict), {k: _array(v) for k, v in arrays.items()})


def _copy(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    driver, dialect = connection.connection.driver_connection, connection.dialect
    assert driver is not None
    names = ", ".join([f'"{column.name}"' for column in table.columns])
    statement = f"COPY {table.name} ({names}) FROM STDIN"
    columns = [_fields(c, values) for c, values in zip(table.columns, zip(*rows, strict=True), strict=True)]
    block = "\n".join(["\t".join(row) for row in zip(*columns, strict=True)]) + "\n"
    error_class = dialect.loaded_dbapi.Error
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.write(block)
    except error_class as error:
        # What SQLAlchemy makes of an error in a statement that goes through it.
        raise DBAPIError.instance(statement, None, error, error_class, dialect=dialect) from error


def _fields(column: Column[Any], values: Sequence[Any]) -> list[str]:
    """The values of a column in the text format of COPY (PostgreSQL's manual, COPY)."""
    if isinstance(column.type, Text):
        texts = ["" if value is None else value for value in values]
        written = [_escape(text) for text in texts] if _is_special("".join(texts)) else texts
    elif isinstance(column.type, LargeBinary):
        written = ["" if value is None else "\\\\x" + value.hex() for value in values]
    else:
        written = [str(value) for value in values]
    if None not in values:
        return written
    return ["\\N" if value is None else text for value, text in zip(values, written, strict=True)]


_is_special: Final = re.compile(r"[\\\t\n\r]").search


def _escape(text: str) -> str:
    for character, escaped in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(character, escaped)
    return text


@cache
def _sqlite_insert(table: Table, on_conflict: OnConflict) -> str:
    insert = sqlite.insert(table)
    if on_conflict == "keep":
        insert = insert.on_conflict_do_nothing()
    if on_conflict in ("replace", "add"):
        others = _others(table, insert, on_conflict)
        insert = insert.on_conflict_do_update(index_elements=table.primary_key, set_=others)
    return str(insert.compile(dialect=sqlite.dialect()))


@cache
def _postgres_insert(table: Table, on_conflict: Literal["keep", "replace", "add"]) -> Insert:
    columns = [func.unnest(_array_of(column)) for column in table.columns]
    insert = postgresql.insert(table).from_select(table.columns.keys(), select(*columns))
    if on_conflict == "keep":
        return insert.on_conflict_do_nothing()
    others = _others(table, insert, on_conflict)
    return insert.on_conflict_do_update(index_elements=table.primary_key, set_=others)


def _array_of(column: Column[Any]) -> Cast[Any]:
    """A parameter with the name of the column, for what `_array` makes of its values."""
    return cast(bindparam(column.name, type_=Text), postgresql.ARRAY(_plain(column)))


def _plain(column: Column[Any]) -> TypeEngine[Any]:
    """The type without its collation, which a value has not."""
    return Text() if isinstance(column.type, Text) else column.type


def _array(values: Iterable[Any]) -> str:
    """An array as PostgreSQL reads it (its manual, 8.15.6)."""
    return "{" + ",".join([_element(value) for value in values]) + "}"


def _element(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bytes):
        return '"\\\\x' + value.hex() + '"'
    return "NULL" if value is None else str(value)


def _others(
    table: Table, insert: sqlite.Insert | postgresql.Insert, on_conflict: OnConflict
) -> dict[str, Any]:
    given = {c: insert.excluded[c.name] for c in table.columns if not c.primary_key}
    return {c.name: c + new if on_conflict == "add" else new for c, new in given.items()}


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`values` in pieces of at most `size`."""
    return (values[i : i + size] for i in range(0, len(values), size))


def rows_where_in(
    connection: Connection, statement: Select[*tuple[Any, ...]], column: Column[Any], values: Sequence[Any]
) -> Iterator[Row[*tuple[Any, ...]]]:
    """Rows of `statement` where `column` is one of `values`, of which there may be very many.

    Keep a statement that is asked often: the whole of it is then put together once.
    """
    whole = _where_in(connection.dialect.name, statement, column)
    if connection.dialect.name == "sqlite":
        for chunk in chunks(values, _IN_LIST_MAX):
            yield from connection.execute(whole, {_WANTED: chunk})
    else:
        for chunk in chunks(values, _ARRAY_MAX):
            yield from connection.execute(whole, {column.name: _array(chunk)})


def rows_with_keys(
    connection: Connection,
    statement: Select[*tuple[Any, ...]],
    columns: Sequence[Column[Any]],
    keys: Sequence[tuple[Any, ...]],
) -> Iterator[Row[*tuple[Any, ...]]]:
    """Rows of `statement` whose `columns`, which have an index, are one of `keys`. Keep the statement."""
    if not keys:
        return
    dialect = connection.dialect.name
    if dialect == "sqlite":
        given = {_WANTED: json.dumps(keys)}
    else:
        given = {c.name: _array(part) for c, part in zip(columns, zip(*keys, strict=True), strict=True)}
    yield from connection.execute(_with_keys(dialect, statement, tuple(columns)), given)


@lru_cache(maxsize=64)
def _with_keys(
    dialect: str, statement: Select[*tuple[Any, ...]], columns: tuple[Column[Any], ...]
) -> Select[*tuple[Any, ...]]:
    """Joins on the whole key. Of a list of values PostgreSQL thinks, before the table was analyzed, that it
    finds much, and reads all of the table; so does SQLite of a list of pairs."""
    if dialect == "sqlite":
        key = func.json_each(bindparam(_WANTED, type_=Text)).table_valued("value", name=_WANTED)
        parts: list[ColumnElement[Any]] = [
            func.json_extract(key.c.value, f"$[{number}]") for number in range(len(columns))
        ]
    else:
        arrays = [_array_of(column) for column in columns]
        key = func.unnest(*arrays).table_valued(*[c.name for c in columns]).render_derived(_WANTED)
        parts = list(key.c)
    return statement.join(key, and_(*[column == part for column, part in zip(columns, parts, strict=True)]))


@lru_cache(maxsize=64)
def _where_in(
    dialect: str, statement: Select[*tuple[Any, ...]], column: Column[Any]
) -> Select[*tuple[Any, ...]]:
    if dialect == "sqlite":
        return statement.where(column.in_(bindparam(_WANTED, expanding=True)))
    # One parameter, and so one statement however many values there are. Not = ANY(array): asked so for a
    # hundred eventIDs, PostgreSQL took several times as long.
    return statement.where(column.in_(select(func.unnest(_array_of(column)))))
