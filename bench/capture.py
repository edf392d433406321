"""How fast a node captures, beside one tx for each event on the same chain in the same run.

The node is what `suyuan serve` starts, in a temporary folder: API, anchor worker, the database and the
embedded chain, all on this machine together with the client. It is measured on SQLite, then on PostgreSQL,
with documents in JSON and in XML. An event counts as captured when its 202
has arrived: it is then validated, durable and indexed, and the receipt is signed. Anchoring goes on at
the same time.
"""

import json
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import ganache
from bench.client import send_documents, start_client
from bench.documents import count_serials, make_documents, to_xml
from bench.filled import postgres_url
from bench.machine import (
    cpu_seconds,
    family_cpu_seconds,
    find_children,
    machine_cpu_seconds,
    peak_memory_mib,
)
from bench.naive import call_contract, send_hashes
from contracts import CONTRACTS_DIR
from ledger.chain import account_of, connect_signer, open_log
from ledger.chain.rpc import Rpc
from ledger.config import Settings
from ledger.domain.anchor import log_id_of
from ledger.node import now_ms
from ledger.parties import new_key
from ledger.ports import AnchorState, Store
from ledger.serve import Running, start_helpers, start_node
from ledger.setup import ADMIN

WAIT_SECONDS = 300
_LOOK_AGAIN_SECONDS = 0.05
_GAS_AT_A_MILLION = "anchor at 1,000,000 events"

Say = Callable[[str], None]
Kind = tuple[str, int]
"""What a document is: its binding, and the EPCs in each event."""

JSON_1: Kind = ("JSON", 1)
KINDS: tuple[Kind, ...] = (JSON_1, ("JSON", 20), ("XML", 1))
DATABASES = ("SQLite", "PostgreSQL")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured, on each database."""

    documents: int = 300
    events_per_document: int = 100
    connections: int = 8
    api_workers: int = 2
    naive_txs: int = 150
    repeats: int = 5


@dataclass(frozen=True, slots=True)
class Capture:
    """One measurement: documents sent, acknowledged and anchored. An event's items are its links."""

    events_per_second: float
    links_per_second: float
    api_cpu_ms_per_event: float
    database_cpu_ms_per_event: float  # of PostgreSQL's processes; SQLite is in the others'
    worker_cpu_ms_per_event: float
    rest_cpu_ms_per_event: float  # chain, deliverer and client
    seconds_until_anchored: float  # from the last acknowledgement


@dataclass(frozen=True, slots=True)
class Naive:
    """Events per second with a tx for each, in the two ways of `bench.naive`."""

    contract_calls_per_second: float
    hashes_per_second: float


@dataclass(frozen=True, slots=True)
class Results:
    """All measurements on one database; each list has one entry for each repeat."""

    captures: dict[str, list[Capture]]  # by kind of document
    naive: list[Naive]
    gas_per_anchor: list[int]  # of the anchors in this run, the first of the log apart
    gas_at_a_million_events: int  # the committed measurement of the contract's own tests
    log_size: int
    peak_memory_mib: dict[str, float]  # by process
    load: tuple[float, float, float]  # of the machine, when it was over
    others_cpu_percent: float  # what other programs took of the machine's processor time meanwhile


@dataclass(frozen=True, slots=True)
class _Bench:
    running: Running
    api_key: str
    client: ProcessPoolExecutor
    serials: Iterator[int]
    sizes: Sizes
    postmaster: int | None  # of a PostgreSQL that we started

    @property
    def store(self) -> Store:
        return self.running.node.store


def name_of(kind: Kind) -> str:
    binding, epcs = kind
    return f"{binding}, {epcs} EPC{'s' if epcs > 1 else ''} and lot in an event"


def run(sizes: Sizes, say: Say) -> dict[str, Results]:
    """What was measured on each database."""
    return {database: _run_on(database, sizes, say) for database in DATABASES}


def _run_on(database: str, sizes: Sizes, say: Say) -> Results:
    """Start a node, measure, stop it. Raises RuntimeError when an event is not captured or not anchored."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="suyuan-bench-")))
        folder.chmod(0o711)  # PostgreSQL runs as a user of its own
        url = postgres_url(folder / "postgresql", stack) if database == "PostgreSQL" else ""
        port, chain_port = _free_ports()
        settings = Settings(
            data_dir=folder / "node",
            database_url=url,
            port=port,
            chain_port=chain_port,
            api_workers=sizes.api_workers,
        )
        running = start_node(settings, stack, say)
        start_helpers(settings, stack)
        store = running.node.store
        api_key = new_key(store, ADMIN, "admin", now_ms(), secrets.token_bytes)
        client = stack.enter_context(start_client())
        bench = _Bench(running, api_key, client, count_serials(), sizes, _find_postmaster(folder))
        _wait_for("the registered prefixes", lambda: bool(store.prefixes()))
        say(f"{database}: warming up ...")
        _capture(bench, 2, JSON_1)
        captures: dict[str, list[Capture]] = {name_of(kind): [] for kind in KINDS}
        naive = []
        begun, others_before = time.monotonic(), _others_cpu_seconds(bench)
        for repeat in range(1, sizes.repeats + 1):
            say(f"{database}: repeat {repeat} of {sizes.repeats} ...")
            for kind in KINDS:
                documents = sizes.documents if kind == JSON_1 else -(-sizes.documents // 3)
                captures[name_of(kind)].append(_capture(bench, documents, kind))
            naive.append(_anchor_naively(bench, repeat))
        return Results(
            captures,
            naive,
            _gas_per_anchor(running)[1:],
            int(json.loads((CONTRACTS_DIR / "gas" / "TraceLog.json").read_text())[_GAS_AT_A_MILLION]),
            store.log_size(),
            {
                "API": sum(peak_memory_mib(api.process.pid) for api in running.apis),
                "anchor worker": peak_memory_mib(running.worker.process.pid),
                "embedded chain": peak_memory_mib(_find_chain()),
            },
            os.getloadavg(),
            100
            * (_others_cpu_seconds(bench) - others_before)
            / (time.monotonic() - begun)
            / (os.cpu_count() or 1),
        )


def _capture(bench: _Bench, document_count: int, kind: Kind) -> Capture:
    binding, epcs_per_event = kind
    sizes, store = bench.sizes, bench.store
    documents = make_documents(bench.serials, document_count, sizes.events_per_document, epcs_per_event)
    if binding == "XML":
        documents = [to_xml(document) for document in documents]
    events = document_count * sizes.events_per_document
    size_before, before = store.log_size(), _read_cpu(bench)
    port = bench.running.node.settings.port
    seconds = bench.client.submit(send_documents, port, bench.api_key, documents, sizes.connections).result()
    acknowledged = time.perf_counter()
    if store.log_size() != size_before + events:
        raise RuntimeError(f"sent {events} events, the log grew by {store.log_size() - size_before}")
    _wait_for("the anchor", lambda: _anchored_size(store) == store.log_size())
    anchored = time.perf_counter()
    spent = {name: 1000 * (cpu - before[name]) / events for name, cpu in _read_cpu(bench).items()}
    links_per_event = epcs_per_event + 1  # the lot
    return Capture(
        events_per_second=events / seconds,
        links_per_second=events * links_per_event / seconds,
        api_cpu_ms_per_event=spent["API"],
        database_cpu_ms_per_event=spent["database"],
        worker_cpu_ms_per_event=spent["worker"],
        rest_cpu_ms_per_event=spent["rest"],
        seconds_until_anchored=anchored - acknowledged,
    )


def _anchored_size(store: Store) -> int:
    record = store.newest_anchor(AnchorState.FINAL)
    return record.anchor.size if record else 0


def _anchor_naively(bench: _Bench, repeat: int) -> Naive:
    """From an account beside the node's own. The node has anchored everything, and leaves the chain alone."""
    node, operator, count = bench.running.node, bench.running.account, bench.sizes.naive_txs
    _, key, *_ = ganache.read_keys(node.settings.data_dir / "chain")
    account, log_id = account_of(key), log_id_of(f"localhost/naive-{repeat}")
    open_log(connect_signer(operator.rpc_url, operator.key), node.trust.contract, log_id, account)
    hashes = [secrets.token_bytes(32) for _ in range(count)]
    contract_seconds = call_contract(operator.rpc_url, account, node.trust.contract, log_id, hashes)
    return Naive(count / contract_seconds, count / send_hashes(operator.rpc_url, key, hashes))


def _gas_per_anchor(running: Running) -> list[int]:
    """Gas used by the tx of each final anchor, oldest first."""
    rpc, store = Rpc(running.account.rpc_url), running.node.store
    hashes = [record.tx_hash for record in store.anchors(limit=10_000) if record.tx_hash]
    receipts = (rpc.call("eth_getTransactionReceipt", f"0x{tx_hash.hex()}") for tx_hash in hashes)
    return [rpc.as_int("gasUsed", rpc.as_object("receipt", receipt).get("gasUsed")) for receipt in receipts]


def _find_chain() -> int:
    return next(pid for pid, command in find_children().items() if "server.cjs" in command)


def _find_postmaster(folder: Path) -> int | None:
    pid_file = folder / "postgresql" / "postmaster.pid"
    return int(pid_file.read_text().split()[0]) if pid_file.exists() else None


def _database_cpu_seconds(bench: _Bench) -> float:
    """Of a PostgreSQL that we started; 0 for SQLite, which has no process, and for another's server."""
    return family_cpu_seconds(bench.postmaster) if bench.postmaster else 0.0


def _read_cpu(bench: _Bench) -> dict[str, float]:
    """Seconds of processor time that each part of the node has taken."""
    apis = {api.process.pid for api in bench.running.apis}
    worker = bench.running.worker.process.pid
    rest = find_children().keys() - apis - {worker, bench.postmaster}
    return {
        "API": sum(map(cpu_seconds, apis)),
        "worker": cpu_seconds(worker),
        "database": _database_cpu_seconds(bench),
        "rest": sum(map(cpu_seconds, rest)),
    }


def _others_cpu_seconds(bench: _Bench) -> float:
    ours = (os.getpid(), *find_children())
    return machine_cpu_seconds() - sum(map(cpu_seconds, ours)) - _database_cpu_seconds(bench)


def _wait_for(what: str, arrived: Callable[[], bool]) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not arrived():
        if time.monotonic() > until:
            raise RuntimeError(f"{what} did not come within {WAIT_SECONDS} s")
        time.sleep(_LOOK_AGAIN_SECONDS)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
