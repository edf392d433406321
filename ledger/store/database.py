"""One database: connections, transactions, locks, and what the caller sees of SQL's errors.

SQLite: write-ahead log with full sync; a write transaction takes the write lock when it
begins, so it never fails half-way for want of it. PostgreSQL: READ COMMITTED, and what must
not run twice at once locks a row. Every wait ends after `WAIT_SECONDS`.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    InvalidatePoolError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from ledger.domain.errors import Conflict, Invalid, QueryTooComplex, StoreUnavailable

WAIT_SECONDS = 30
_POLL_SECONDS = 0.02
_SURELY_OPEN_SECONDS = 1.0
_SQLITE_STEPS = 100_000  # of its machine, a few milliseconds, between two looks at the clock
_SQLITE_CACHE_KIB = 32 * 1024
_SQLITE_LOG_PAGES = 8_000  # of the write-ahead log, 32 MB, before they are moved into the database file
_ADVISORY_LOCKS = {
    "open": 0x7375_7975_616E_01,
    "anchor": 0x7375_7975_616E_02,
    "deliver": 0x7375_7975_616E_03,
    "print": 0x7375_7975_616E_04,
    "watch": 0x7375_7975_616E_05,
    "listen": 0x7375_7975_616E_06,
    "seal": 0x7375_7975_616E_07,
    "alarm": 0x7375_7975_616E_08,
    "retain": 0x7375_7975_616E_09,
}
"""PostgreSQL knows its advisory locks by number; ours begin with the bytes of "suyuan"."""


@contextmanager
def ledger_errors() -> Iterator[None]:
    """The driver's errors as ours. A faulty statement is our mistake and passes through."""
    try:
        yield
    except ProgrammingError:
        raise
    except IntegrityError as error:
        raise Conflict(f"store: the rows do not fit those that are there: {error.orig}") from error
    except DataError as error:
        raise Invalid(f"store: the database cannot hold this value: {error.orig}") from error
    except (DatabaseError, InterfaceError) as error:
        raise StoreUnavailable(f"store: {error.orig}; check the database, then try again") from error
    except PoolTimeout as error:
        raise StoreUnavailable(f"store: all connections are busy, try again: {error}") from error


def connect(url: str) -> Engine:
    """The engine for "sqlite:///path" or "postgresql://..."; Invalid for any other URL."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise Invalid(f"database URL {url!r}: {error}") from error
    backend = parsed.get_backend_name()
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return _connect_sqlite(parsed)
    if backend == "postgresql":
        return _connect_postgres(parsed)
    raise Invalid(f"database URL {url!r}: use sqlite:///path/to/file or postgresql://user@host/name")


def _connect_sqlite(url: URL) -> Engine:
    # With isolation_level None the driver begins no transactions behind our back. The last
    # used connection is used again first, because its page cache is warm.
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        connect_args={"isolation_level": None, "timeout": WAIT_SECONDS},
        pool_use_lifo=True,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{_SQLITE_CACHE_KIB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_SQLITE_LOG_PAGES}")
    connection.execute("PRAGMA temp_store = MEMORY")  # else savepoints write a file


def _begin_sqlite(connection: Connection) -> None:
    begin = connection.get_execution_options().get("begin", "BEGIN")
    if begin:
        connection.exec_driver_sql(begin)


def _connect_postgres(url: URL) -> Engine:
    engine = create_engine(url.set(drivername="postgresql+psycopg"))
    event.listen(engine, "connect", _prepare_postgres)
    _replace_closed(engine)
    return engine


def _replace_closed(engine: Engine) -> None:
    """A connection that the server has closed while nobody used it is replaced before it is used.

    As `pool_pre_ping`, which asks the server even when it answered a moment ago.
    """

    def note_use(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["used_s"] = time.monotonic()

    def check(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        used_s = record.info.get("used_s")
        if used_s is None or time.monotonic() - used_s < _SURELY_OPEN_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(engine, "checkin", note_use)
    event.listen(engine, "checkout", check)


def _prepare_postgres(connection: Any, _record: Any) -> None:
    connection.execute(f"SET lock_timeout = '{WAIT_SECONDS}s'")
    connection.commit()


class Database:
    """Transactions on one database.

    Safe to use from several threads, and beside other processes on the same database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing_engine = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._is_sqlite = engine.dialect.name == "sqlite"
        # In READ COMMITTED each statement sees a state of its own, so a transaction around those that only
        # read would cost the server two more and give nothing.
        self._reading_engine = (
            engine if self._is_sqlite else engine.execution_options(isolation_level="AUTOCOMMIT")
        )
        self._write_queue = threading.Lock()

    def keep_write_ahead_log(self) -> None:
        """Let SQLite's readers and its writer not wait for each other. Call it while alone."""
        if self._is_sqlite:
            engine = self._engine.execution_options(begin=None)  # it cannot be done in a transaction
            with ledger_errors(), engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """For statements that change nothing. On SQLite they see one state."""
        with ledger_errors(), self._reading_engine.connect() as connection:
            yield connection

    @contextmanager
    def reading_within(self, seconds: float) -> Iterator[Connection]:
        """As `reading`; a statement that has not ended by then is stopped, and raises QueryTooComplex."""
        limited = _limited_sqlite if self._is_sqlite else _limited_postgres
        with ledger_errors(), self._engine.connect() as connection:
            try:
                with limited(connection, seconds):
                    yield connection
            except OperationalError as error:
                if not _was_stopped(error):
                    raise
                raise QueryTooComplex(
                    f"the query was stopped after {seconds:g} s: it asks for things that are common and "
                    "hardly ever meet; ask for a shorter time (GE_eventTime and LT_eventTime, or "
                    "GE_recordTime and LT_recordTime), or for an identifier"
                ) from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is durable when the block ends, and undone when the block raises."""
        with self._queued(), ledger_errors(), self._writing_engine.begin() as connection:
            yield connection

    @contextmanager
    def _queued(self) -> Iterator[None]:
        """Our own writers one after another: SQLite would let them poll, and some starve."""
        if not self._is_sqlite:
            yield
            return
        if not self._write_queue.acquire(timeout=WAIT_SECONDS):
            raise StoreUnavailable(f"store: other writers were busy for {WAIT_SECONDS} s; try again")
        try:
            yield
        finally:
            self._write_queue.release()

    def locked(self, name: str, *, wait_seconds: float = 0) -> AbstractContextManager[bool]:
        """Whether we hold lock `name` of this database: until the block or the process ends."""
        if self._is_sqlite:
            return _file_locked(f"{self._engine.url.database}.{name}-lock", wait_seconds)
        return self._advisory_locked(_ADVISORY_LOCKS[name], wait_seconds)

    @contextmanager
    def _advisory_locked(self, number: int, wait_seconds: float) -> Iterator[bool]:
        # The lock lives as long as its connection, so that one leaves the pool.
        with self.reading() as connection:
            connection.detach()
            lock, unlock = select(func.pg_try_advisory_lock(number)), select(func.pg_advisory_unlock(number))
            held = _poll(lambda: bool(connection.scalar(lock)), wait_seconds)
            try:
                yield held
            finally:
                if held:
                    connection.execute(unlock)

    def close(self) -> None:
        self._engine.dispose()


@contextmanager
def _limited_sqlite(connection: Connection, seconds: float) -> Iterator[None]:
    driver: Any = connection.connection.driver_connection
    stop = time.monotonic() + seconds
    driver.set_progress_handler(lambda: time.monotonic() > stop, _SQLITE_STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


@contextmanager
def _limited_postgres(connection: Connection, seconds: float) -> Iterator[None]:
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, round(1000 * seconds))}")
    yield


def _was_stopped(error: OperationalError) -> bool:
    codes = {getattr(error.orig, name, None) for name in ("sqlite_errorname", "sqlstate")}
    return bool(codes & {"SQLITE_INTERRUPT", "57014"})


@contextmanager
def _file_locked(path: str, wait_seconds: float) -> Iterator[bool]:
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"store: lock file {path}: {error.strerror}; check the folder") from error
    try:
        yield _poll(lambda: _flock(file), wait_seconds)
    finally:
        os.close(file)


def _flock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _poll(acquire: Callable[[], bool], wait_seconds: float) -> bool:
    stop = time.monotonic() + wait_seconds
    while not (held := acquire()) and time.monotonic() < stop:
        time.sleep(_POLL_SECONDS)
    return held
