"""How fast pages of queries come from a database of many events, beside paging by OFFSET and reading all.

    python -m bench.queries [--events 1000000] [--keep FOLDER] [--databases sqlite postgresql]

Fills both databases first, each through `ledger.capture`; with --keep a second run finds them filled. Ends
with exit code 1 when a statement reads a big table without an index.
"""

import argparse
import json
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from sqlalchemy import Connection, event

from bench.filled import Filled, Filling, fill, open_filled, postgres_url
from bench.machine import describe_machine
from bench.trade import PRODUCT, SECONDS_PER_EVENT, START, TRUCK
from ledger.domain import canonical_json
from ledger.domain.event_parser import parse_event
from ledger.domain.event_query import EventQuery, matches
from ledger.domain.query import parse_query
from ledger.lifeline import start_child
from ledger.query import PER_PAGE, run_query
from ledger.store.query_sql import page_of

PAGES_DEEP: Final = 50
FAR_PAGE: Final = 1_000
_WALKS = 5  # times that the first pages are read
_LOOKS = 30  # times that page 1 and the far page are read, by turns
_SAMPLE = 2_000  # events that the pure definition is asked about
_BIG_TABLES = r"event|event_item|event_class|event_text|event_number|item"
_SMALL_LOG = 20_000  # PostgreSQL may well read smaller tables whole
_API_SECONDS = 60

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds for one page, over the first fifty."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One query on one database. The far page is number 1,000, or the last one of fewer."""

    service: Times
    http: Times
    first_page_ms: float
    far_page_ms: float
    far_page: int
    offset_ms: float  # the far page by OFFSET
    scan_ms: float  # each event of the log asked by the pure definition, reckoned from a sample
    plan: list[str]
    reads_whole: list[str]  # steps of the plan without an index


@dataclass(frozen=True, slots=True)
class Results:
    events: int
    load: tuple[float, float, float]  # of the machine, when this database was measured
    filling: Filling
    queries: dict[str, Measured]


def questions(events: int) -> dict[str, dict[str, str]]:
    """What is asked. The window is a third of the time that the events took, in its middle."""
    third = timedelta(seconds=events * SECONDS_PER_EVENT // 3)
    window = {"GE_eventTime": _time(START + third), "LT_eventTime": _time(START + 2 * third)}
    return {
        "one EPC": {"MATCH_anyEPC": TRUCK},
        "time window and bizStep": {"EQ_bizStep": "shipping", **window},
        "MATCH_anyEPC of a product": {"MATCH_anyEPC": PRODUCT},
        "one EPC and a rare disposition": {"MATCH_anyEPC": TRUCK, "EQ_disposition": "recalled"},
        "bizStep and disposition that never meet": {"EQ_bizStep": "shipping", "EQ_disposition": "active"},
    }


def run(database_url: str, folder: Path, events: int, say: Say) -> Results:
    """Fill, then measure each query. Raises RuntimeError when an answer of the API is no page."""
    with ExitStack() as stack:
        filled = open_filled(database_url, folder, stack)
        filling = fill(filled, events, say)
        with filled.store.writing() as connection:
            connection.exec_driver_sql("ANALYZE")  # as autovacuum does by itself, and later
        port = _start_api(filled, stack)
        load = os.getloadavg()
        measured = {}
        for name, parameters in questions(events).items():
            say(f"Asking: {name} ...")
            measured[name] = _measure(filled, port, parameters)
        return Results(filled.store.log_size(), load, filling, measured)


def _measure(filled: Filled, port: int, parameters: dict[str, str]) -> Measured:
    node, query = filled.node, parse_query(parameters)
    over_http = [ms for _ in range(_WALKS) for ms in _walk_http(filled, port, parameters)]
    in_service = [ms for _ in range(_WALKS) for ms, _ in _walk(filled, query, PAGES_DEEP)]
    tokens = [token for _, token in _walk(filled, query, FAR_PAGE - 1) if token]
    far_page, token = len(tokens) + 1, tokens[-1] if tokens else None
    first, far = [], []
    for _ in range(_LOOKS):
        first.append(_timed(lambda: run_query(node, query)))
        far.append(_timed(lambda: run_query(node, query, page_token=token)))
    plan = _explain(filled, query)
    return Measured(
        service=_times(in_service),
        http=_times(over_http),
        first_page_ms=median(first),
        far_page_ms=median(far),
        far_page=far_page,
        offset_ms=median(_timed(lambda: _read_by_offset(filled, query, far_page)) for _ in range(5)),
        scan_ms=_scan_ms(filled, query),
        plan=plan,
        reads_whole=[step for step in plan if reads_whole(step)],
    )


def _walk(filled: Filled, query: EventQuery, pages: int) -> Iterator[tuple[float, str | None]]:
    """Milliseconds for each of the first pages, and the token of the next."""
    token: str | None = None
    for _ in range(pages):
        begun = time.perf_counter()
        page = run_query(filled.node, query, page_token=token)
        yield 1000 * (time.perf_counter() - begun), page.next_token
        token = page.next_token
        if token is None:
            break


def _walk_http(filled: Filled, port: int, parameters: dict[str, str]) -> Iterator[float]:
    connection = HTTPConnection("127.0.0.1", port, timeout=_API_SECONDS)
    path = f"/epcis/events?{urlencode(parameters)}"
    for _ in range(PAGES_DEEP):
        begun = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {filled.api_key}"})
        answer = connection.getresponse()
        body = answer.read()
        yield 1000 * (time.perf_counter() - begun)
        if answer.status != 200:
            raise RuntimeError(f"{path}: HTTP {answer.status}: {body[:300]!r}")
        link = re.match(r"<(.+)>; rel=\"next\"", answer.headers.get("Link", ""))
        if not link:
            break
        url = urlsplit(link[1])
        path = f"{url.path}?{url.query}"
    connection.close()


def _read_by_offset(filled: Filled, query: EventQuery, page: int) -> None:
    """What paging by number does: find everything up to the page, and leave it out."""
    size, before = filled.store.log_size(), (page - 1) * PER_PAGE
    with filled.store.reading() as connection:
        found = page_of(connection, query, start=0, size=size, after=None, limit=before + PER_PAGE)
        connection.execute(found.limit(PER_PAGE).offset(before)).all()


def _scan_ms(filled: Filled, query: EventQuery) -> float:
    """The pure definition over the whole log: read, parsed and asked one by one."""
    size = filled.store.log_size()
    sample = min(size, _SAMPLE)

    def ask() -> None:
        for stored in filled.store.events_between(size - sample, size):
            assert stored.body
            matches(query, parse_event(canonical_json.parse(stored.body)), stored.recorded_at_ms)

    return _timed(ask) * size / sample


# ------------------------------------------------------------------------------ plans


def _explain(filled: Filled, query: EventQuery) -> list[str]:
    """The plan of each statement that the first page and the second need, in the database's words."""
    size = filled.store.log_size()
    first = filled.store.find_events(query, size=size, limit=PER_PAGE)
    with filled.store.reading() as connection:
        with _listening(connection) as sent:
            for after in (None, *(found.position for found in first[-1:])):
                page = page_of(connection, query, start=0, size=size, after=after, limit=PER_PAGE + 1)
                connection.execute(page).all()
        return list(dict.fromkeys(step for sql, given in sent for step in _plan(connection, sql, given)))


@contextmanager
def _listening(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are sent meanwhile, with their values."""
    sent: list[tuple[str, Any]] = []

    def hear(_c: Any, _cursor: Any, statement: str, given: Any, _context: Any, _many: bool) -> None:
        sent.append((statement, given))

    event.listen(connection, "before_cursor_execute", hear)
    yield sent
    event.remove(connection, "before_cursor_execute", hear)


def _plan(connection: Connection, statement: str, given: Any) -> list[str]:
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all()
        return [str(row[3]) for row in rows if re.match("SCAN|SEARCH", row[3])]
    rows = connection.exec_driver_sql(f"EXPLAIN (COSTS OFF) {statement}", given).all()
    steps = (str(row[0]).strip().removeprefix("->").strip() for row in rows)
    return [step for step in steps if " Scan " in step]


def reads_whole(step: str) -> bool:
    """Whether a step of a plan goes through a big table and not through an index of it."""
    if re.match(rf"(Parallel )?Seq Scan on ({_BIG_TABLES})\b", step):
        return True
    return bool(re.match(r"SCAN (driver|asked|read|found|row_of|recorded)", step)) and "INDEX" not in step


# ------------------------------------------------------------------------------ around it


def _start_api(filled: Filled, stack: ExitStack) -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    others = {name: value for name, value in os.environ.items() if not name.startswith("SUYUAN_")}
    settings = replace(filled.node.settings, port=port)
    api = start_child(["-m", "api"], others | settings.to_env())
    stack.callback(api.stop)
    until = time.monotonic() + _API_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return port
        except OSError:
            if api.exit_code is not None or time.monotonic() > until:
                raise RuntimeError("the API did not start: see above") from None
            time.sleep(0.1)


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return 1000 * (time.perf_counter() - begun)


def _times(ms: Sequence[float]) -> Times:
    hundredths = quantiles(ms, n=100, method="inclusive")
    return Times(hundredths[49], hundredths[94], hundredths[98])


def write_report(results: dict[str, Results], folder: Path) -> str:
    """Write queries.json and queries.md into `folder`; the text of queries.md."""
    folder.mkdir(parents=True, exist_ok=True)
    date, machine = f"{datetime.now(UTC):%Y-%m-%d}", describe_machine()
    figures = {"date": date, "machine": machine, "results": {k: asdict(v) for k, v in results.items()}}
    (folder / "queries.json").write_text(json.dumps(figures, indent=2) + "\n")
    text = "\n".join([*_tables(results), f"{date}, {machine}.", ""])
    (folder / "queries.md").write_text(text)
    return text


def _tables(results: dict[str, Results]) -> Iterator[str]:
    for database, result in results.items():
        load = ", ".join(f"{value:.1f}" for value in result.load)
        yield f"## {database}, {result.events:,} events; load of the machine {load}"
        yield ""
        if result.filling.events:
            added = result.filling
            yield (
                f"Filled with {added.events:,} events by `ledger.capture`, one process: "
                f"{added.events / added.seconds:,.0f} events/s, "
                f"{added.events / added.cpu_seconds:,.0f} for each second of its processor time."
            )
            yield ""
        yield f"| page of {PER_PAGE}, ms | {' | '.join(result.queries)} |"
        yield "|---" + "|--:" * len(result.queries) + "|"
        for name, of in _ROWS:
            yield f"| {name} | {' | '.join(of(measured) for measured in result.queries.values())} |"
        yield ""
        for question, measured in result.queries.items():
            yield f"{question}:"
            yield from ("", *(f"- `{step}`" for step in measured.plan), "")


def _three(times: Times) -> str:
    return f"{times.p50:.1f} / {times.p95:.1f} / {times.p99:.1f}"


_ROWS: tuple[tuple[str, Callable[[Measured], str]], ...] = (
    (f"service, {PAGES_DEEP} pages deep, p50 / p95 / p99", lambda m: _three(m.service)),
    (f"HTTP, {PAGES_DEEP} pages deep, p50 / p95 / p99", lambda m: _three(m.http)),
    ("page 1", lambda m: f"{m.first_page_ms:.1f}"),
    ("the far page", lambda m: f"{m.far_page_ms:.1f} (page {m.far_page:,})"),
    ("**ratio** of the far page to page 1", lambda m: f"{m.far_page_ms / m.first_page_ms:.2f}"),
    ("naive: the far page by OFFSET", lambda m: f"{m.offset_ms:,.1f}"),
    ("**ratio** to OFFSET", lambda m: f"{m.offset_ms / m.far_page_ms:,.0f}"),
    ("naive: each event asked, reckoned from a sample", lambda m: f"{m.scan_ms:,.0f}"),
    ("**ratio** to asking each event", lambda m: f"{m.scan_ms / m.service.p50:,.0f}"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.queries", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keeps the filled databases")
    parser.add_argument("--databases", nargs="+", choices=_DATABASES, default=_DATABASES)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results", metavar="FOLDER")
    asked = parser.parse_args(arguments)
    results = {}
    with ExitStack() as stack:
        folder = asked.keep or Path(stack.enter_context(TemporaryDirectory(prefix="suyuan-bench-")))
        for database in asked.databases:
            url = postgres_url(folder / "postgresql-server", stack) if database == "postgresql" else ""
            say = _sayer(database)
            results[database] = run(url, folder / database, asked.events, say)
    print(write_report(results, asked.results))
    whole = [
        f"{database}: {step}"
        for database, result in results.items()
        for measured in result.queries.values()
        for step in measured.reads_whole
        if result.events >= _SMALL_LOG
    ]
    print(*(f"reads a whole table: {step}" for step in whole), sep="\n", end="", file=sys.stderr)
    return 1 if whole else 0


_DATABASES = ("sqlite", "postgresql")


def _sayer(database: str) -> Say:
    return lambda line: print(f"{database}: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
