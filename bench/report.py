"""Results as a table for people and as JSON for programs: medians over the repeats."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.capture import Capture, Naive, Results, Sizes


def write_report(results: Mapping[str, Results], sizes: Sizes, machine: str, folder: Path) -> str:
    """Write capture.json and capture.md into `folder`; the text of capture.md."""
    folder.mkdir(parents=True, exist_ok=True)
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    figures = {
        "date": date,
        "machine": machine,
        "sizes": asdict(sizes),
        "results": {name: asdict(measured) for name, measured in results.items()},
    }
    (folder / "capture.json").write_text(json.dumps(figures, indent=2) + "\n")
    tables = [line for name, measured in results.items() for line in _table(name, measured)]
    text = "\n".join([*tables, f"{date}, {machine}, {_sizes(sizes)}.", ""])
    (folder / "capture.md").write_text(text)
    return text


def _sizes(sizes: Sizes) -> str:
    documents = f"{sizes.documents} documents of {sizes.events_per_document} events"
    return f"{sizes.repeats} repeats with {documents} over {sizes.connections} connections"


def _table(database: str, results: Results) -> Iterator[str]:
    yield f"## {database}"
    yield ""
    yield f"| median of the repeats | {' | '.join(results.captures)} |"
    yield "|---" + "|--:" * len(results.captures) + "|"
    for name, digits, of in _CAPTURE:
        yield _row(name, digits, [median(map(of, captures)) for captures in results.captures.values()])
    for name, of_naive in _NAIVE:
        rate = median(map(of_naive, results.naive))
        yield _row(f"naive: {name}, events/s", 0, [rate] * len(results.captures))
    for name, of_naive in _NAIVE:
        ratios = [_ratio(captures, results.naive, of_naive) for captures in results.captures.values()]
        yield _row(f"**ratio** to {name}", 0, ratios)
    yield ""
    yield "| of the whole run | |"
    yield "|---|--:|"
    gas = results.gas_per_anchor
    yield f"| gas of an anchor, up to {results.log_size:,} events in the log | {min(gas):,} to {max(gas):,} |"
    yield f"| gas of an anchor at 1,000,000 events (`contracts/gas`) | {results.gas_at_a_million_events:,} |"
    for process, mib in results.peak_memory_mib.items():
        yield f"| peak memory, {process} | {mib:,.0f} MiB |"
    yield f"| peak memory, together | {sum(results.peak_memory_mib.values()):,.0f} MiB |"
    yield f"| other programs' share of the machine's processor time | {results.others_cpu_percent:.0f} % |"
    yield f"| load of the machine | {', '.join(f'{load:.1f}' for load in results.load)} |"
    yield ""


def _row(name: str, digits: int, values: Iterable[float]) -> str:
    return f"| {name} | {' | '.join(f'{value:,.{digits}f}' for value in values)} |"


def _ratio(captures: list[Capture], naive: list[Naive], of: Callable[[Naive], float]) -> float:
    """Compared within each repeat, because other work on the machine slows both."""
    pairs = zip(captures, naive, strict=True)
    return median(capture.events_per_second / of(naively) for capture, naively in pairs)


def _per_cpu_second(capture: Capture) -> float:
    return 1000 / capture.api_cpu_ms_per_event if capture.api_cpu_ms_per_event else 0.0


_CAPTURE: tuple[tuple[str, int, Callable[[Capture], float]], ...] = (
    ("captured, events/s", 0, lambda capture: capture.events_per_second),
    ("captured, links/s", 0, lambda capture: capture.links_per_second),
    ("processor time of the API, ms/event", 2, lambda capture: capture.api_cpu_ms_per_event),
    ("processor time of PostgreSQL, ms/event", 2, lambda capture: capture.database_cpu_ms_per_event),
    ("processor time of the anchor worker, ms/event", 2, lambda capture: capture.worker_cpu_ms_per_event),
    ("processor time of the rest, ms/event", 2, lambda capture: capture.rest_cpu_ms_per_event),
    ("captured for each second of the API's processor time", 0, _per_cpu_second),
    (
        "from the last event captured until it is anchored, s",
        1,
        lambda capture: capture.seconds_until_anchored,
    ),
)
_NAIVE: tuple[tuple[str, Callable[[Naive], float]], ...] = (
    ("a contract call for each event", lambda naive: naive.contract_calls_per_second),
    ("the cheapest tx for each event", lambda naive: naive.hashes_per_second),
)
