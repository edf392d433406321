"""Counts the transactions that change what resolution answers."""

from sqlalchemy import Connection, update

from ledger.store import tables

_REVISION = tables.answer_revision.c.revision
_COUNT = update(tables.answer_revision).values(revision=_REVISION + 1)


def count_change(connection: Connection) -> None:
    """Call it where links, records or master data are written: who remembers an answer then forgets it."""
    connection.execute(_COUNT)
