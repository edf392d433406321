"""Registering records in batches, beside one by one; and reading identifiers of each scheme.

    python -m bench.records [--records 40000] [--single 300] [--identifiers 50000]

In one process, through the service: rights, values, log entry, receipt, SQL with full sync. Rates are told by
the clock and by processor time of this process (and of PostgreSQL), which other programs disturb least.
"""

import argparse
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.filled import postgres_url
from bench.machine import describe_machine, family_cpu_seconds
from ledger.config import Settings
from ledger.domain.access import PrefixEntry
from ledger.domain.identifiers import find_identifier
from ledger.domain.records import BATCH_MAX, Change, parse_values
from ledger.node import Node, Prefixes, load_signer, now_ms
from ledger.parties import authenticate, new_key
from ledger.ports import ApiKey, Party
from ledger.records import change_records
from ledger.store import open_store
from ledger.verify import Trust

DATABASES = ("SQLite", "PostgreSQL")
_PREFIX = "88.118.1001"
_REPEATS = 5  # of reading, whose median counts: it is over soon, and others disturb it


@dataclass(frozen=True, slots=True)
class Rate:
    count: int
    seconds: float
    cpu_seconds: float
    database_cpu_seconds: float

    def __str__(self) -> str:
        rates = f"{self.count / self.seconds:,.0f} | {self.count / self.cpu_seconds:,.0f}"
        ms, database_ms = (1000 * cpu / self.count for cpu in (self.cpu_seconds, self.database_cpu_seconds))
        return f"{rates} | {ms:.3f} | {database_ms:.3f}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.records", description="records and identifiers")
    parser.add_argument("--records", type=int, default=40_000)
    parser.add_argument("--single", type=int, default=300)
    parser.add_argument("--identifiers", type=int, default=50_000)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results", metavar="FOLDER")
    parsed = parser.parse_args(arguments)
    lines = [
        "| | a second | a second of processor time | ms of it | ms of PostgreSQL's |",
        "|---|--:|--:|--:|--:|",
    ]
    for database in DATABASES:
        batched, single = _measure(database, parsed.records, parsed.single)
        ratio = (batched.count / batched.seconds) / (single.count / single.seconds)
        lines.append(f"| {database}: registered in batches of {BATCH_MAX} | {batched} |")
        lines.append(f"| {database}: registered one by one | {single} |")
        lines.append(f"| {database}: **ratio** | {ratio:.0f} | | | |")
    for name, spell in _SPELLINGS.items():
        lines.append(f"| read: {name} | {_measure_reading(spell, parsed.identifiers)} |")
    lines += ["", f"{time.strftime('%Y-%m-%d', time.gmtime())}, {describe_machine()}.", ""]
    text = "\n".join(lines)
    parsed.results.mkdir(parents=True, exist_ok=True)
    (parsed.results / "records.md").write_text(text)
    print(text)
    return 0


def _measure(database: str, count: int, single: int) -> tuple[Rate, Rate]:
    with _opened(database) as (node, key, postmaster):
        _register(node, key, "warm", BATCH_MAX, BATCH_MAX)
        batched = _timed(count, lambda: _register(node, key, "b", count, BATCH_MAX), postmaster)
        return batched, _timed(single, lambda: _register(node, key, "s", single, 1), postmaster)


def _register(node: Node, key: ApiKey, name: str, count: int, batch: int) -> None:
    """As they come from JSON: two values each, the second hidden."""
    for start in range(0, count, batch):
        changes = [
            Change(f"hdl:{_PREFIX}/{name}-{n}", "register", parse_values(_values(n)))
            for n in range(start, min(start + batch, count))
        ]
        change_records(node, key, changes)


def _values(number: int) -> list[dict[str, object]]:
    return [
        {"index": 1, "type": "URL", "data": f"https://maker.example/tea/{number}"},
        {"index": 2, "type": "NOTE", "data": f"batch {number // 100}", "permissions": "1100"},
    ]


def _timed(count: int, work: Callable[[], None], postmaster: int | None = None) -> Rate:
    database = _database_cpu_seconds(postmaster)
    began, cpu = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Rate(count, seconds, cpu, _database_cpu_seconds(postmaster) - database)


def _database_cpu_seconds(postmaster: int | None) -> float:
    return family_cpu_seconds(postmaster) if postmaster else 0.0


@contextmanager
def _opened(database: str) -> Iterator[tuple[Node, ApiKey, int | None]]:
    """A node without a chain: registering waits for none."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="suyuan-bench-")))
        folder.chmod(0o711)  # PostgreSQL runs as a user of its own
        is_postgres = database == "PostgreSQL"
        url = (
            postgres_url(folder / "postgresql", stack) if is_postgres else f"sqlite:///{folder / 'suyuan.db'}"
        )
        store = open_store(url)
        stack.callback(store.close)
        signer = load_signer(folder, "bench.example/suyuan")
        trust = Trust(1337, bytes(20), signer.key, None, 0)
        settings = Settings(data_dir=folder, origin="bench.example/suyuan")
        node = Node(settings, store, signer, trust, Prefixes(store, now_ms), now_ms, secrets.token_bytes)
        account = bytes(range(20))
        store.put_party(Party("maker", "Maker", "", account))
        store.replace_prefixes([PrefixEntry(bytes(32), "handle", _PREFIX, account, True, ())], 1)
        key = authenticate(store, new_key(store, "maker", "manufacturer", now_ms(), secrets.token_bytes))
        pid_file = folder / "postgresql" / "postmaster.pid"
        yield node, key, int(pid_file.read_text().split()[0]) if pid_file.exists() else None


_SPELLINGS: dict[str, Callable[[int], str]] = {
    "Digital Links, GTIN and serial": lambda n: f"https://id.gs1.org/01/09506000134352/21/S{n:08}",
    "Digital Links of another host, lot and expiry": lambda n: (
        f"https://maker.example/01/09506000134352/10/L{n // 100}/21/S{n:08}?17=271231"
    ),
    "element strings": lambda n: f"(01)09506000134352(21)S{n:08}",
    "EPC URNs": lambda n: f"urn:epc:id:sgtin:9506000.013435.S{n:08}",
    "handles": lambda n: f"88.118.1001/YQ-{n:08}",
    "OIDs": lambda n: f"1.2.156.10197.{n}",
    "DIDs": lambda n: f"did:web:maker.example:items:{n}",
    "Ecodes": lambda n: f"ecode:10001{n:08}",
}


def _measure_reading(spell: Callable[[int], str], count: int) -> Rate:
    texts = [spell(number) for number in range(count)]

    def read() -> None:
        for text in texts:  # each is new, and nothing of it is remembered
            assert find_identifier(text)

    repeats = [_timed(count, read) for _ in range(_REPEATS)]
    return sorted(repeats, key=lambda rate: rate.cpu_seconds)[_REPEATS // 2]


if __name__ == "__main__":
    sys.exit(main())
