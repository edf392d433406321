"""Tables of records on their way to a node elsewhere, which may be out of reach for hours.

The rows are put into FILE.queue first (SQLite, durable), in batches with names of their own, and sent from
there. So they are sent when the network is back, and a program that is killed goes on where it was: a batch
whose answer it never saw is sent again under its name, and the node answers as it did. What cannot be put
goes to FILE.errors.csv.
"""

import json
import secrets
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final

from ledger.domain.errors import Conflict, Invalid, NotFound, Problem
from ledger.domain.records import BATCH_MAX, Change
from ledger.intake import PIECE_BYTES_MAX, ErrorReport, Fault, errors_path
from ledger.progress import ProgressBar
from ledger.record_table import Imported, ReadRow, imported, read_rows
from ledger.tabular import Row

Send = Callable[[bytes, str], Sequence[dict[str, Any]]]
"""Sends a batch, {"changes": [...]} as bytes, under its name, and gives the outcomes as the node tells them.
Raises Invalid, with a problem for each change that the node does not even read, and NodeUnavailable."""


def queue_path(path: Path) -> Path:
    return path.with_name(path.name + ".queue")


def import_through_queue(send: Send, path: Path) -> Imported:
    """Put all records of the table on the node to which `send` leads; the queue is gone when all are.

    What an earlier call left in the queue is sent first, and counts if the file is as it was then. Raises
    what `send` raises; the rows then stay in the queue, and the next call goes on. Raises Invalid when the
    file is not readable, Conflict while another program sends it.
    """
    digest = _digest_of(path) if path.is_file() else None
    if digest is None and not queue_path(path).exists():
        raise NotFound(f"{path}: no such file, and no queue of it")
    with _opened(queue_path(path)) as queue:
        if queue.digest is not None and digest not in (None, queue.digest):
            _send_all(send, queue, path)
            queue.empty()
        if queue.digest is None and digest is not None:
            queue.fill(digest, read_rows(path))
        done = _send_all(send, queue, path)
        queue.empty()
    return done


def _send_all(send: Send, queue: "_Queue", path: Path) -> Imported:
    counts = queue.counts()
    total = sum(counts.values())
    done = total - counts[""]
    bar = ProgressBar(path.name, total, "rows")
    try:
        while batch := queue.next_batch():
            bar.show(done)
            done += _send_batch(send, queue, batch)
        bar.end(done)
    finally:
        report = ErrorReport(errors_path(path))
        for row, fault in queue.faults():
            report.add([row], fault)
    return imported(queue.counts())


def _send_batch(send: Send, queue: "_Queue", batch: "_Batch") -> int:
    """How many of its rows are done with."""
    try:
        outcomes = send(_join(row.change for row in batch.rows), batch.name)
    except Invalid as error:
        wrong = _named(error.problems, len(batch.rows))
        if not wrong:
            raise
        # None of the batch was made; without these rows the others can be.
        queue.fail({batch.rows[index].number: message for index, message in wrong.items()}, batch.name)
        return len(wrong)
    if len(outcomes) != len(batch.rows):
        raise Invalid(f"the node told {len(outcomes)} outcomes of {len(batch.rows)} changes: is it Suyuan?")
    queue.finish(
        (row.number, told.get("outcome", "failed"), told.get("fault", ""))
        for row, told in zip(batch.rows, outcomes, strict=True)
    )
    return len(batch.rows)


def _named(problems: Sequence[Problem], size: int) -> dict[int, str]:
    """What is wrong with which change of a batch."""
    found: dict[int, str] = {}
    for problem in problems:
        match problem.pointer.split("/"):
            case ["", "changes", number, *_] if number.isdecimal() and int(number) < size:
                found.setdefault(int(number), problem.message)
    return found


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


# --- what is still to be sent


@dataclass(frozen=True, slots=True)
class _QueuedRow:
    number: int
    change: bytes  # JSON


@dataclass(frozen=True, slots=True)
class _Batch:
    name: str
    rows: tuple[_QueuedRow, ...]


_TABLES: Final = """
CREATE TABLE IF NOT EXISTS source (digest TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS line (
    number INTEGER PRIMARY KEY,
    batch TEXT NOT NULL,
    cells TEXT NOT NULL,
    change BLOB NOT NULL,
    outcome TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS line_by_outcome ON line (outcome, number);
CREATE TABLE IF NOT EXISTS fault (number INTEGER NOT NULL, pointer TEXT NOT NULL, message TEXT NOT NULL);
"""


@contextmanager
def _opened(path: Path) -> Iterator["_Queue"]:
    try:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            # Two programs would send the same batches at once.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.executescript(f"BEGIN EXCLUSIVE; {_TABLES} COMMIT;")
            queue = _Queue(connection)
            try:
                yield queue
            finally:
                if queue.digest is None:
                    path.unlink()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname == "SQLITE_BUSY":
            raise Conflict(f"{path}: another program sends this queue: let it end, or stop it") from error
        raise Invalid(f"{path}: {error}: look at the file and its folder") from error
    except sqlite3.DatabaseError as error:
        raise Invalid(f"{path}: is no queue ({error}): move it away, and import again") from error


class _Queue:
    """Rows with an empty outcome are still to be sent."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def digest(self) -> str | None:
        """Of the file whose rows are all here; None before."""
        row = self._connection.execute("SELECT digest FROM source").fetchone()
        return row[0] if row else None

    def fill(self, digest: str, rows: Iterator[ReadRow]) -> None:
        """Take the rows in: all of them, or none when we are stopped meanwhile."""
        with self._writing():
            for name, piece in _batches(rows):
                lines = [(r.row.number, name, _cells(r.row), _encode(r.change), "") for r in piece]
                self._connection.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", lines)
                wrong = [(r.row.number, f.pointer, f.message) for r in piece for f in r.faults]
                self._fail(wrong)
            self._connection.execute("INSERT INTO source VALUES (?)", (digest,))

    def next_batch(self) -> _Batch | None:
        found = self._connection.execute(
            "SELECT batch FROM line WHERE outcome = '' ORDER BY number LIMIT 1"
        ).fetchone()
        if found is None:
            return None
        rows = self._connection.execute(
            "SELECT number, change FROM line WHERE outcome = '' AND batch = ? ORDER BY number", found
        )
        return _Batch(found[0], tuple(_QueuedRow(*row) for row in rows))

    def finish(self, outcomes: Iterator[tuple[int, str, str]]) -> None:
        """Keep what the node told of a batch: number of the row, outcome, fault."""
        told = list(outcomes)
        with self._writing():
            self._connection.executemany(
                "UPDATE line SET outcome = ? WHERE number = ?",
                [(outcome, number) for number, outcome, _ in told],
            )
            self._fail([(number, "", fault) for number, _, fault in told if fault])

    def fail(self, wrong: dict[int, str], batch: str) -> None:
        """Take these rows out of a batch, whose others make a new one."""
        with self._writing():
            self._fail([(number, "", message) for number, message in wrong.items()])
            self._connection.execute(
                "UPDATE line SET batch = ? WHERE batch = ? AND outcome = ''", (_new_name(), batch)
            )

    def _fail(self, faults: Sequence[tuple[int, str, str]]) -> None:
        self._connection.executemany("INSERT INTO fault VALUES (?, ?, ?)", faults)
        self._connection.executemany(
            "UPDATE line SET outcome = 'failed' WHERE number = ?", [(number,) for number, _, _ in faults]
        )

    def counts(self) -> Counter[str]:
        """How many rows have which outcome."""
        return Counter(dict(self._connection.execute("SELECT outcome, count(*) FROM line GROUP BY outcome")))

    def faults(self) -> Iterator[tuple[Row, Fault]]:
        query = "SELECT number, cells, pointer, message FROM fault JOIN line USING (number) ORDER BY number"
        for number, cells, pointer, message in self._connection.execute(query):
            yield Row(number, json.loads(cells)), Fault(pointer, message)

    def empty(self) -> None:
        with self._writing():
            for table in ("source", "line", "fault"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._connection.execute("BEGIN")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise


def _batches(rows: Iterator[ReadRow]) -> Iterator[tuple[str, list[ReadRow]]]:
    """As much as fits into a request: 2,000 changes, and not too many bytes."""
    piece: list[ReadRow] = []
    size = 0
    for read in rows:
        length = len(_encode(read.change))
        if piece and (len(piece) == BATCH_MAX or size + length > PIECE_BYTES_MAX):
            yield _new_name(), piece
            piece, size = [], 0
        piece.append(read)
        size += length
    if piece:
        yield _new_name(), piece


def _new_name() -> str:
    return secrets.token_hex(16)


def encode_changes(changes: Iterable[Change]) -> bytes:
    """A batch as `Send` takes it."""
    return _join(map(_encode, changes))


def _join(changes: Iterable[bytes]) -> bytes:
    return b'{"changes":[' + b",".join(changes) + b"]}"


def _cells(row: Row) -> str:
    return json.dumps(dict(row.cells), ensure_ascii=False)


def _encode(change: Change | None) -> bytes:
    if change is None:
        return b""
    values = [value.to_json() for value in change.values]
    return json.dumps({"id": change.uri, "action": change.action, "values": values}).encode()
