"""What resolution reads, for many requests at once, and a revision that tells whether it changed."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from urllib.parse import quote

from sqlalchemy import Connection, select

from ledger.domain.links import Link
from ledger.ports import Answers, StoredRecord
from ledger.store import tables
from ledger.store.bulk import chunks
from ledger.store.database import Database, ledger_errors
from ledger.store.links import read_links
from ledger.store.records import read_records

_REVISION = tables.answer_revision.c.revision
_READ = select(_REVISION)
_CHUNK = 500


class _Answers:
    """What `Store.answering` hands out. It lives as long as its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # Read first: what is read after it may be newer, never older.
        self.revision: int = connection.execute(_READ).scalar_one()

    @ledger_errors()
    def links_at(self, anchors: Sequence[str]) -> list[Link]:
        return [link for chunk in chunks(anchors, _CHUNK) for link in read_links(self._connection, chunk)]

    @ledger_errors()
    def records(self, uris: Sequence[str]) -> Mapping[str, StoredRecord]:
        return read_records(self._connection, uris)


_GLIMPSE = "SELECT revision FROM answer_revision"


class AnswerReads(Database):
    """The part of `Store` that resolution reads."""

    _glimpses: sqlite3.Connection | None = None

    def glimpse_revision(self) -> int | None:
        if not self._is_sqlite:
            return None
        try:
            if self._glimpses is None:
                self._glimpses = self._open_for_glimpses()
            # All rows are fetched, so that the next look begins a transaction of its own.
            ((revision,),) = self._glimpses.execute(_GLIMPSE).fetchall()
        except sqlite3.OperationalError:
            return None
        return int(revision)

    def _open_for_glimpses(self) -> sqlite3.Connection:
        path = quote(os.path.abspath(self._engine.url.database or ""))
        return sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, timeout=0, isolation_level=None, check_same_thread=False
        )

    def close(self) -> None:
        if self._glimpses is not None:
            self._glimpses.close()
        super().close()

    @contextmanager
    def answering(self) -> Iterator[Answers]:
        with self.reading() as connection:
            yield _Answers(connection)
