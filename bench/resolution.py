"""Resolutions a second through HTTP, as a ratio to a bare FastAPI route that returns a constant.

    python -m bench.resolution [--identifiers 1000000] [--seconds 5] [--keep FOLDER]

Both are served by two processes with the same settings of the server, by turns, and asked over keep-alive
connections by one process with raw sockets. Half of the identifiers are serials of GTINs with a registered
link, half are handles with a record. Hot: 1,000 of them, again and again. Cold: each a new one, from
processes that have answered none of them. Rates are told by the clock, and by processor time of the two
processes, which other programs disturb least.
"""

import argparse
import multiprocessing
import os
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from fastapi import FastAPI

from api.__main__ import serve_app
from bench.machine import cpu_seconds, describe_machine, machine_cpu_seconds
from ledger.config import Settings
from ledger.domain.access import GS1, PrefixEntry
from ledger.domain.links import Link
from ledger.domain.records import Kept, parse_values, write_kept
from ledger.lifeline import Child, start_child, when_parent_ends
from ledger.node import load_signer
from ledger.ports import Party, StoredRecord
from ledger.store import SqlStore, open_store
from ledger.verify import Trust

WORKERS = 2
CONNECTIONS = 32
_HOT = 1_000
_FILL = 10_000
_STEP = 7_919  # a prime, so that neighbours in time are no neighbours in the index
_BARE = "bare"
_START_SECONDS = 60
_PERCENT = 99


@dataclass(frozen=True, slots=True)
class Rate:
    """What one turn came to."""

    count: int
    seconds: float
    cpu_seconds: float  # of the processes that serve
    p99_ms: float
    others_percent: float  # of the machine's processor time, that neither they nor the asker took

    @property
    def by_clock(self) -> float:
        return self.count / self.seconds

    @property
    def by_cpu(self) -> float:
        return self.count / self.cpu_seconds


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.resolution", description="resolutions a second")
    parser.add_argument("--identifiers", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=5.0, help="of one turn")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the filled database there")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results", metavar="FOLDER")
    parsed = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = parsed.keep or Path(stack.enter_context(TemporaryDirectory(prefix="suyuan-bench-")))
        folder.mkdir(parents=True, exist_ok=True)
        _fill(folder, parsed.identifiers)
        rates = _measure(folder, parsed.identifiers, parsed.seconds, parsed.repeats)
    text = _report(rates, parsed.identifiers)
    parsed.results.mkdir(parents=True, exist_ok=True)
    (parsed.results / "resolution.md").write_text(text)
    print(text)
    return 0


# --- the identifiers


def _fill(folder: Path, identifiers: int) -> None:
    """A node that has these identifiers; what is there already stays."""
    signer = load_signer(folder, "bench.example/suyuan")
    trust = Trust(1337, bytes(20), signer.key, None, 0)
    (folder / "trust.json").write_text(trust.to_json())
    with closing(open_store(f"sqlite:///{(folder / 'suyuan.db').resolve()}")) as store:
        done = int(store.pinned("bench") or 0)
        if done >= identifiers:
            return
        store.put_party(Party("maker", "Maker", "", bytes(range(20))))
        prefixes = ((GS1, "9506000"), ("handle", "88.118.1001"))
        store.replace_prefixes(
            [
                PrefixEntry(scheme.encode().ljust(32), scheme, text, bytes(range(20)), True, ())
                for scheme, text in prefixes
            ],
            1,
        )
        began = time.monotonic()
        for start in range(0, identifiers // 2, _FILL):
            numbers = range(start, min(start + _FILL, identifiers // 2))
            _register(store, numbers)
            _say(f"{2 * numbers.stop:,} identifiers, {time.monotonic() - began:.0f} s")
        store.pin("bench", str(identifiers))


def _register(store: SqlStore, numbers: range) -> None:
    """As rows, without their entries in the log, which no resolution reads."""
    store.put_links([_link(number) for number in numbers], "maker", 1)
    with store.append() as batch:
        batch.put_records([_record(number) for number in numbers])


def _link(number: int) -> Link:
    anchor = f"https://id.gs1.org{_serial_path(number)}"
    href = f"https://maker.example/tea/{number}"
    return Link(
        anchor, "https://ref.gs1.org/voc/pip", href, f"Tea {number}", ("en",), "text/html", is_default=True
    )


def _record(number: int) -> StoredRecord:
    values = parse_values([{"index": 1, "type": "URL", "data": f"https://maker.example/tea/{number}"}])
    return StoredRecord(
        f"hdl:{_handle(number)}", 1, number, "maker", write_kept([Kept(v, None) for v in values])
    )


def _serial_path(number: int) -> str:
    return f"/01/09506000134352/21/S{number:08}"


def _handle(number: int) -> str:
    return f"88.118.1001/tea-{number:08}"


_PATHS: dict[str, Callable[[int], str]] = {
    "Digital Links": _serial_path,
    "handles": lambda number: f"/api/handles/{_handle(number)}",
}


# --- the servers


def bare_app() -> FastAPI:
    """What FastAPI costs when there is nothing to do."""
    app = FastAPI()

    @app.get("/bare")
    async def get_constant() -> dict[str, str]:
        return {"status": "ok"}

    return app


class _Served:
    """Two processes on one port, until the block ends."""

    def __init__(self, folder: Path, module: Sequence[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        settings = Settings(
            data_dir=folder, port=self.port, api_workers=WORKERS, origin="bench.example/suyuan"
        )
        others = {name: value for name, value in os.environ.items() if not name.startswith("SUYUAN_")}
        env = others | settings.to_env()
        self.children = [start_child(module, env) for _ in range(WORKERS)]

    def __enter__(self) -> "_Served":
        until = time.monotonic() + _START_SECONDS
        while time.monotonic() < until and not all(map(self._is_listening, self.children)):
            time.sleep(0.05)
        return self

    def _is_listening(self, child: Child) -> bool:
        inodes = set()
        for link in Path(f"/proc/{child.process.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # it was closed meanwhile
                inodes.add(os.readlink(link))
        listening = {
            f"socket:[{line.split()[9]}]"
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
            if line.split()[1].endswith(f":{self.port:04X}") and line.split()[3] == "0A"
        }
        return bool(inodes & listening)

    def __exit__(self, *_: object) -> None:
        for child in self.children:
            child.stop()

    def cpu_seconds(self) -> float:
        return sum(cpu_seconds(child.process.pid) for child in self.children)


# --- asking


def _measure(folder: Path, identifiers: int, seconds: float, repeats: int) -> dict[str, list[Rate]]:
    rates: dict[str, list[Rate]] = {}

    def add(name: str, served: _Served, paths: Iterator[str]) -> None:
        rate = _ask(served, paths, seconds)
        rates.setdefault(name, []).append(rate)
        _say(f"{name}: {rate.by_clock:,.0f}/s, {rate.by_cpu:,.0f} a second of processor time")

    for repeat in range(repeats):
        with _Served(folder, ["-m", "bench.resolution", "--serve-bare"]) as bare:
            _ask(bare, _again(["/bare"]), seconds / 5)
            add(_BARE, bare, _again(["/bare"]))
        with _Served(folder, ["-m", "api"]) as node:
            for kind, path in _PATHS.items():
                fresh = _fresh(path, identifiers // 2, repeat)
                _ask(node, fresh, seconds / 5)  # connections are made, and code runs the first time
                add(f"{kind}, cold", node, fresh)
                hot = list(islice(fresh, _HOT))
                _ask(node, _again(hot), seconds / 5)
                add(f"{kind}, hot", node, _again(hot))
    return rates


def _fresh(path: Callable[[int], str], identifiers: int, repeat: int) -> Iterator[str]:
    """Each once, as long as there are any."""
    start = repeat * identifiers // 3
    return (path((start + number * _STEP) % identifiers) for number in count())


def _again(paths: Sequence[str]) -> Iterator[str]:
    return (paths[number % len(paths)] for number in count())


def _ask(served: _Served, paths: Iterator[str], seconds: float) -> Rate:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    # All paths are made before the clock starts.
    requests = [_request(path) for path in islice(paths, int(seconds * _ASKED_A_SECOND_MAX))]
    asker = context.Process(target=_ask_all, args=(theirs, served.port, requests, seconds))
    before, machine = served.cpu_seconds(), machine_cpu_seconds()
    asker.start()
    answered, took, asker_cpu, latencies_ms = ours.recv()
    asker.join()
    cpu, machine = served.cpu_seconds() - before, machine_cpu_seconds() - machine
    total = took * (os.cpu_count() or 1)
    others = max(0.0, 100 * (machine - cpu - asker_cpu) / total)
    return Rate(answered, took, max(cpu, 0.01), latencies_ms, others)


_ASKED_A_SECOND_MAX = 30_000


def _request(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost:8000\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n".encode()


def _ask_all(
    pipe: "multiprocessing.connection.Connection", port: int, requests: list[bytes], seconds: float
) -> None:
    """One request after the other on each connection, none twice at a time."""
    selector, remaining, latencies = selectors.DefaultSelector(), iter(requests), list[float]()
    parts: dict[int, bytes] = {}
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ, [0.0])
        connection.sendall(next(remaining))
    began, clock = time.perf_counter(), time.perf_counter
    sent = {key.fd: began for key in selector.get_map().values()}
    cpu = time.process_time()
    while (now := clock()) - began < seconds:
        for key, _ in selector.select(1.0):
            answer = key.fileobj.recv(65_536)  # type: ignore[union-attr]
            answer = parts.pop(key.fd, b"") + answer
            if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 307")):
                raise AssertionError(answer[:500])
            head, _, body = answer.partition(b"\r\n\r\n")
            if len(body) < int(head.partition(b"content-length: ")[2].partition(b"\r")[0] or 1):
                parts[key.fd] = answer
                continue
            now = clock()
            latencies.append(now - sent[key.fd])
            request = next(remaining, None)
            if request is None:
                raise AssertionError("more was answered than there was to ask: raise _ASKED_A_SECOND_MAX")
            sent[key.fd] = now
            key.fileobj.sendall(request)  # type: ignore[union-attr]
    took = clock() - began
    latencies.sort()
    p99 = latencies[len(latencies) * _PERCENT // 100] if latencies else 0.0
    pipe.send((len(latencies), took, time.process_time() - cpu, 1000 * p99))
    selector.close()


# --- telling


def _report(rates: dict[str, list[Rate]], identifiers: int) -> str:
    lines = [
        f"| {identifiers:,} identifiers, {WORKERS} processes, {CONNECTIONS} connections; medians "
        "| a second | a second of processor time | p99, ms | **ratio** to bare | by processor time |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    bare = rates[_BARE]
    for name, measured in rates.items():
        values = [
            f"{median(r.by_clock for r in measured):,.0f}",
            f"{median(r.by_cpu for r in measured):,.0f}",
            f"{median(r.p99_ms for r in measured):.1f}",
            f"{median(r.by_clock / b.by_clock for r, b in zip(measured, bare, strict=True)):.2f}",
            f"{median(r.by_cpu / b.by_cpu for r, b in zip(measured, bare, strict=True)):.2f}",
        ]
        lines.append(f"| {name} | {' | '.join(values)} |")
    others = median(r.others_percent for measured in rates.values() for r in measured)
    lines += [
        "",
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, {describe_machine()}, load {os.getloadavg()[0]:.1f}; "
        f"other programs took {others:.0f} % of all cores.",
        "",
    ]
    return "\n".join(lines)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve-bare"]:
        when_parent_ends(lambda: os._exit(0))
        sys.exit(serve_app(bare_app(), Settings.from_env()))
    sys.exit(main())
