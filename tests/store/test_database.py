"""Opening, migrating, locking, and what several processes and sudden deaths do to a database."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, Pool, create_engine, event, select, text

from ledger.domain.errors import Invalid, StoreUnavailable
from ledger.domain.rules import Part
from ledger.ports import AnchorState, EventIdentity
from ledger.store import SqlStore, database, open_store, tables
from ledger.store.bulk import insert_rows
from ledger.store.database import connect
from ledger.store.parts import read_parts
from ledger.store.tables import metadata
from tests.store.children import BATCH
from tests.store.samples import capture, link

ROOT = Path(__file__).parents[2]


@contextmanager
def child(task: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """A process of tests/store/children.py, killed with SIGKILL when the block ends."""
    command = [sys.executable, "-m", "tests.store.children", task, url]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def check_log(store: SqlStore) -> None:
    """Whole batches, without a gap, each event with its two links."""
    size = store.log_size()
    assert size % BATCH == 0
    assert len(store.read_hashes(0, 0, size + 1)) == size
    assert [index for _, index in store.links_between(0, size)] == [i // 2 for i in range(2 * size)]
    assert [index for index, _ in store.item_links(link("pallet").key, size)] == list(range(size))


# --------------------------------------------------------------------------- opening


def test_a_database_opened_again_keeps_what_it_holds(bare_store_url: str) -> None:
    for size in range(3):
        store = open_store(bare_store_url)
        assert store.log_size() == size
        capture(store, "a")
        store.close()


def test_the_migrations_end_at_the_tables_that_the_code_uses(store: SqlStore, store_url: str) -> None:
    engine = connect(store_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_migrations_leave_no_check_or_foreign_key_out(tmp_path: Path) -> None:
    migrated, created = tmp_path / "migrated.db", tmp_path / "created.db"
    open_store(f"sqlite:///{migrated}").close()
    engine = create_engine(f"sqlite:///{created}")
    metadata.create_all(engine)
    engine.dispose()

    assert _schema(migrated) == _schema(created)


def _schema(path: Path) -> set[str]:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found = connection.execute(text("SELECT sql FROM sqlite_master WHERE tbl_name != 'alembic_version'"))
        schema = {" ".join(row.sql.split()) for row in found if row.sql}
    engine.dispose()
    return schema


def test_sqlite_syncs_every_commit_and_lets_readers_read(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'suyuan.db'}"
    open_store(url).close()
    engine = connect(url)
    with engine.connect() as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        values = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in pragmas]
    engine.dispose()

    assert values == ["wal", 2, 1, 30_000]


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://host/name", "sqlite://", "sqlite:///:memory:"])
def test_a_url_of_no_database_of_ours_is_invalid(url: str) -> None:
    with pytest.raises(Invalid, match="database URL"):
        open_store(url)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="nowhere"):
        open_store(f"sqlite:///{tmp_path / 'nowhere' / 'suyuan.db'}")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "suyuan.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(StoreUnavailable, match="not a database"):
        open_store(f"sqlite:///{path}")


def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="check the database"):
        open_store(f"postgresql://suyuan@/suyuan?host={tmp_path}")


# --------------------------------------------------------------------------- several processes


def test_processes_that_open_and_append_at_once_share_one_log(bare_store_url: str) -> None:
    with child("append", bare_store_url) as one, child("append", bare_store_url) as other:
        assert one.wait(30) == other.wait(30) == 0
    store = open_store(bare_store_url)

    assert store.log_size() == 2 * 8 * BATCH
    check_log(store)
    store.close()


def test_an_append_waits_for_that_of_another_process(store: SqlStore, store_url: str) -> None:
    with child("stop_inside_append", store_url) as process, ThreadPoolExecutor(1) as thread:
        assert line(process) == "added"
        ours = thread.submit(capture, store, "a")
        process.communicate()  # it goes on, and commits
        ours.result()

    assert store.log_size() == BATCH + 1


def test_a_process_killed_inside_an_append_leaves_nothing(store_url: str) -> None:
    with child("stop_inside_append", store_url) as process:
        assert line(process) == "added"
    store = open_store(store_url)

    assert store.log_size() == 0
    check_log(store)
    capture(store, "a")  # nor does it keep others from writing
    store.close()


def test_a_process_killed_at_any_moment_loses_nothing_it_announced(store_url: str) -> None:
    announced = -1
    for batches in (1, 3, 6):
        with child("append_forever", store_url) as process:
            for _ in range(batches):
                announced = int(line(process))
        store = open_store(store_url)
        assert store.log_size() > announced
        check_log(store)
        store.close()


def test_one_process_at_a_time_holds_the_anchor_lock(store: SqlStore, store_url: str) -> None:
    with store.hold_anchor_lock() as first, store.hold_anchor_lock() as second:
        assert (first, second) == (True, False)
        with child("hold_anchor_lock", store_url) as process:
            assert line(process) == "False"
    with store.hold_anchor_lock() as again:
        assert again


def test_the_anchor_lock_ends_with_the_process_that_held_it(store: SqlStore, store_url: str) -> None:
    with child("hold_anchor_lock", store_url) as process:
        assert line(process) == "True"
        with store.hold_anchor_lock() as ours:
            assert not ours
    with store.locked("anchor", wait_seconds=10) as ours:
        assert ours


def test_capturing_goes_on_while_the_anchor_lock_is_held(store: SqlStore) -> None:
    with store.hold_anchor_lock() as held:
        assert held
        capture(store, "a")


def test_a_connection_that_postgres_closed_while_it_rested_is_replaced(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(postgres_database)
    _close_connection(store, postgres_database)
    with pytest.raises(StoreUnavailable):  # it was used a moment ago, so nobody asked
        store.log_size()

    monkeypatch.setattr(database, "_SURELY_OPEN_SECONDS", 0)
    store.log_size()
    _close_connection(store, postgres_database)
    store.log_size()
    store.close()


def _close_connection(store: SqlStore, url: str) -> None:
    """Let the server end the connection that `store` uses next."""
    with store.reading() as connection:
        process = connection.scalar(text("SELECT pg_backend_pid()"))
    with psycopg.connect(url) as other:
        assert other.execute("SELECT pg_terminate_backend(%s, 5000)", [process]).fetchone() == (True,)


# --------------------------------------------------------------------------- cost


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """The SELECTs that this thread sends to any database inside the block, with their parameters."""
    seen: list[tuple[str, Any]] = []
    ours = threading.get_ident()

    def note(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith("SELECT") and threading.get_ident() == ours:
            seen.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


READS: dict[str, tuple[Callable[[SqlStore], object], str]] = {
    "event": (lambda store: store.event(0), "event (rowid=?)"),
    "events_by_id": (lambda store: store.events_by_id("urn:uuid:0"), "event (event_id=?)"),
    "item_events": (
        lambda store: store.item_events(link("a").key, 1, limit=1),
        "event_item (item_key=? AND log_index>? AND log_index<?)",
    ),
    "item_links": (
        lambda store: store.item_links(link("a").key, 1),
        "event_item (item_key=? AND log_index<?)",
    ),
    "event_links": (lambda store: store.event_links(0), "event_item (log_index=?)"),
    "links_between": (
        lambda store: list(store.links_between(0, 1)),
        "event_item (log_index>? AND log_index<?)",
    ),
    "event_of_link": (
        lambda store: store.event_of_link(9, 0, 1),
        "event_item (log_index>? AND log_index<?)",
    ),
    "captured_events": (
        lambda store: store.captured_events([EventIdentity("urn:a", None)]),
        "event (event_id=? AND declared_ms=?)",
    ),
    "read_hashes": (
        lambda store: store.read_hashes(8, 0, 256),
        "log_node (level=? AND node_index>? AND node_index<?)",
    ),
    "read_tiles": (lambda store: store.read_tiles(["", "a"]), "map_tile (prefix=?)"),
    "item_frontiers": (lambda store: store.item_frontiers([link("a").key]), "item_frontier (item_key=?)"),
    "anchor": (lambda store: store.anchor(1), "anchor (rowid=?)"),
    "newest_anchor": (lambda store: store.newest_anchor(AnchorState.PREPARED), "anchor (state=?)"),
    "first_final_anchor_over": (
        lambda store: store.first_final_anchor_over(0),
        "anchor (state=? AND size>?)",
    ),
    "master_data": (lambda store: store.master_data(["urn:a"]), "master_data (uri=?)"),
    "master_data_after": (lambda store: store.master_data_after("urn:a", limit=9), "master_data (uri>?)"),
    "places": (
        lambda store: store.places("dock", after="urn:a", limit=9),
        "master_data (kind=? AND uri>?)",
    ),
    "jobs": (
        lambda store: store.jobs(party_id=None, after="a", limit=9),
        "capture_job ((created_ms,capture_id)<(?,?))",
    ),
    "jobs_of_party": (
        lambda store: store.jobs(party_id="a", after="a", limit=9),
        "capture_job (party_id=? AND (created_ms,capture_id)<(?,?))",
    ),
    "parts": (lambda store: parts(store), "event_item (item_key=?)"),
}


def parts(store: SqlStore) -> list[Part]:
    with store.reading() as connection:
        return read_parts(connection, ["urn:a"])


@pytest.mark.parametrize("name", READS)
def test_a_read_goes_through_an_index(store: SqlStore, store_url: str, name: str) -> None:
    capture(store, "a")
    read, search = READS[name]
    with statements() as sent:
        read(store)
    engine = connect(store_url)
    with engine.connect() as connection:
        plan = [step for statement in sent for step in _explain(connection, *statement)]
    engine.dispose()

    if engine.dialect.name == "sqlite":
        assert search in plan
    assert [step for step in plan if "Seq Scan" in step or step in _WHOLE_TABLES] == []


_WHOLE_TABLES = {f"SCAN {table}" for table in metadata.tables}


def _explain(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """The steps of the plan; on SQLite as "table (condition)" where an index is searched."""
    if connection.dialect.name == "sqlite":
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return [re.sub(r"^SEARCH (\w+) USING [\w ]+ \(", r"\1 (", row.detail) for row in plan]
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # small tables are read whole by choice
    return [row[0] for row in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)]


def test_a_database_of_a_newer_version_is_refused_in_one_sentence(store_url: str) -> None:
    store = open_store(store_url)
    with store.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with still_open() as connections, pytest.raises(Invalid, match="made by a newer version"):
        open_store(store_url)
    assert connections == set(), "a store that is refused leaves no connection open"


@contextmanager
def still_open() -> Iterator[set[int]]:
    """The connections made within the block, by id, that nobody has closed yet."""
    found: set[int] = set()
    listeners = {
        "connect": lambda connection, _: found.add(id(connection)),
        "close": lambda connection, _: found.discard(id(connection)),
        "close_detached": lambda connection: found.discard(id(connection)),
    }
    for name, listener in listeners.items():
        event.listen(Pool, name, listener)
    yield found
    for name, listener in listeners.items():
        event.remove(Pool, name, listener)


def test_bulk_rows_keep_every_character_byte_and_missing_value(store: SqlStore) -> None:
    texts = [
        "",
        "NULL",
        "null",
        '"',
        "\\",
        '\\"',
        "{a,b}",
        "a,b",
        " x ",
        "\n\t",
        "\r\n",
        "\\N",
        "\\.\n",
        "溯源 😀",
        "'; --",
        "%s %(a)s :b",
    ]
    rows = [(bytes([n, 0, 255, 92]), text.encode(), text, "admin", n, None) for n, text in enumerate(texts)]
    with store.writing() as connection:
        insert_rows(connection, tables.party, [(text, text, text, text.encode()) for text in texts])
        insert_rows(connection, tables.api_key, rows)
        rules = [(f"{n}", "p", n, n, n % 2 == 0, text, text, text) for n, text in enumerate(texts)]
        insert_rows(connection, tables.capture_job, rules)
        numbers = [("n", number, 1) for number in (-1.7976931348623157e308, -0.5, 5e-324, 0.1, 1e22)]
        insert_rows(connection, tables.event_number, numbers)
        names = [(f"text {n}", text) for n, text in enumerate(texts)]
        insert_rows(connection, tables.pinned, names, "keep")

    with store.reading() as connection:
        assert sorted(connection.execute(select(tables.api_key)).all()) == rows
        assert set(connection.execute(select(tables.party.c.name, tables.party.c.account)).all()) == {
            (text, text.encode()) for text in texts
        }
        jobs = connection.execute(select(tables.capture_job)).all()
        assert sorted(jobs) == sorted(rules)
        kept = select(tables.pinned).where(tables.pinned.c.name.like("text %"))
        assert set(connection.execute(kept).all()) == set(names)
        found = connection.execute(select(tables.event_number).order_by(tables.event_number.c.number)).all()
        assert found == numbers
