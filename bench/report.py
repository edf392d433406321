"""Results as a table for people and as JSON for programs: medians over the repeats."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from statistics import median

from bench.capture import Capture, Results, Sizes


def write_report(results: Results, sizes: Sizes, conditions: dict[str, str], folder: Path) -> str:
    """Write capture.json and capture.md into `folder`; the table in capture.md."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"conditions": conditions, "sizes": asdict(sizes), "results": asdict(results)}
    (folder / "capture.json").write_text(json.dumps(figures, indent=2) + "\n")
    table = "\n".join(_table(results))
    told = "\n".join(f"* {name}: {value}" for name, value in conditions.items())
    (folder / "capture.md").write_text(f"{table}\n\n{told}\n")
    return table


def _table(results: Results) -> Iterator[str]:
    few, many = results.captures[1], results.captures[20]
    naive = median(results.naive_per_second)
    yield "| median of the repeats | 1 EPC and lot in an event | 20 EPCs and lot in an event |"
    yield "|---|--:|--:|"
    for name, of, digits in _FIGURES:
        yield f"| {name} | {_median(few, of):,.{digits}f} | {_median(many, of):,.{digits}f} |"
    yield f"| one tx for each event, events/s | {naive:,.0f} | {naive:,.0f} |"
    yield f"| **ratio** | **{_ratio(results, 1):,.0f}** | **{_ratio(results, 20):,.0f}** |"
    yield ""
    yield "| | |"
    yield "|---|--:|"
    yield f"| gas of an anchor, up to {results.log_size:,} events in the log | {_gas(results)} |"
    yield f"| gas of an anchor at 1,000,000 events (`contracts/gas`) | {results.gas_at_a_million_events:,} |"
    for process, mib in results.peak_memory_mib.items():
        yield f"| peak memory, {process} | {mib:,.0f} MiB |"
    yield f"| peak memory, together | {sum(results.peak_memory_mib.values()):,.0f} MiB |"


_Figure = Callable[[Capture], float]
_FIGURES: tuple[tuple[str, _Figure, int], ...] = (
    ("captured events/s", lambda capture: capture.events_per_second, 0),
    ("captured links/s", lambda capture: capture.links_per_second, 0),
    ("API processor time, ms/event", lambda capture: capture.api_cpu_ms_per_event, 2),
    ("last event captured until anchored, s", lambda capture: capture.seconds_until_anchored, 1),
)


def _median(captures: list[Capture], of: _Figure) -> float:
    return median(map(of, captures))


def _ratio(results: Results, epcs: int) -> float:
    """How many times the naive way, compared within each repeat because other work slows both."""
    pairs = zip(results.captures[epcs], results.naive_per_second, strict=True)
    return median(capture.events_per_second / naive for capture, naive in pairs)


def _gas(results: Results) -> str:
    gas = results.gas_per_anchor
    return f"{min(gas):,} to {max(gas):,}"
