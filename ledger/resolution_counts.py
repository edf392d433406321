"""Counting resolutions in memory, saving the counts every few seconds, and what they come to.

Statistics, no record: a process that is killed loses its last seconds, and a save whose outcome is not known
is made again. Nothing in them tells who asked, from where, or for which identifier.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ledger.domain.errors import Invalid, LedgerError
from ledger.domain.resolution_counts import (
    BOUNDS_US,
    NOTHING,
    OTHER_PREFIX,
    Counted,
    Tally,
    class_of,
)
from ledger.node import Node
from ledger.ports import ApiKey

SAVE_SECONDS: Final = 5.0
PREFIXES_MAX: Final = 5_000
"""So many prefixes a process counts apart in one hour; those that come later are counted together."""

ROWS_MAX: Final = 1_000
_HOUR_S: Final = 3_600
_DAY_S: Final = 24 * _HOUR_S

logger = logging.getLogger("suyuan.resolutions")


class ResolutionCounter:
    """Counts what this process resolves. Safe to use from several threads."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._saving = threading.Lock()
        self._hour_s = self._hour()
        self._prefixes: set[tuple[str, str]] = set()
        self._counts: dict[Counted, list[int]] = {}

    def add(self, counted: Counted, microseconds: int) -> None:
        """Count one resolution. It costs a microsecond or two, and no I/O."""
        with self._lock:
            numbers = self._counts.get(counted)
            if numbers is None:
                numbers = self._counts.setdefault(
                    self._within_limit(counted), [0] * (2 + len(NOTHING.classes))
                )
            numbers[0] += 1
            numbers[1] += microseconds
            numbers[2 + class_of(microseconds)] += 1

    def _within_limit(self, counted: Counted) -> Counted:
        name = (counted.scheme, counted.prefix)
        if name in self._prefixes or len(self._prefixes) < PREFIXES_MAX:
            self._prefixes.add(name)
            return counted
        return counted._replace(prefix=OTHER_PREFIX)

    def save(self) -> None:
        """Add what was counted to the sums in the store. When that raises StoreUnavailable, it stays here."""
        with self._saving:
            hour_s = self._hour()
            with self._lock:
                counts, self._counts = self._counts, {}
                if hour_s != self._hour_s:
                    self._hour_s, self._prefixes = hour_s, set()
            if not counts:
                return
            tallies = {counted: _tally(numbers) for counted, numbers in counts.items()}
            kept_from_s = hour_s - self._node.settings.resolution_days * _DAY_S
            try:
                self._node.store.add_resolutions(tallies, hour_s, kept_from_s=kept_from_s)
            except LedgerError:
                self._put_back(counts)
                raise

    def _hour(self) -> int:
        now_s = self._node.clock() // 1000
        return now_s - now_s % _HOUR_S

    def _put_back(self, counts: Mapping[Counted, list[int]]) -> None:
        with self._lock:
            for counted, numbers in counts.items():
                there = self._counts.get(counted) or [0] * len(numbers)
                self._counts[counted] = [old + new for old, new in zip(there, numbers, strict=True)]

    def run(self, stop: threading.Event) -> None:
        """Save every few seconds until `stop` is set, and then a last time."""
        while not stop.wait(SAVE_SECONDS):
            self._try_to_save()
        self._try_to_save()

    def _try_to_save(self) -> None:
        try:
            self.save()
        except LedgerError as error:
            logger.error("%s", error)


def _tally(numbers: list[int]) -> Tally:
    return Tally(numbers[0], numbers[1], tuple(numbers[2:]))


@dataclass(frozen=True, slots=True)
class Statistics:
    """What was resolved in whole hours with start <= time < stop."""

    start_s: int
    stop_s: int
    total: Tally
    rows: tuple[tuple[Counted, Tally], ...]
    """The largest first, at most 1,000."""
    rows_left_out: int
    hours: tuple[tuple[int, int], ...]
    """Beginning of each hour that had any, and how many."""


def resolution_statistics(node: Node, reader: ApiKey, start_s: int, stop_s: int) -> Statistics:
    """What was resolved of the reader's own prefixes and those below them; for an admin, of all.

    Raises Invalid for a time that ends before it begins, or is longer than counts are kept.
    """
    if not 0 <= start_s < stop_s:
        raise Invalid("the time ends before it begins: let `from` be earlier than `until`")
    if stop_s - start_s > node.settings.resolution_days * _DAY_S + _HOUR_S:
        raise Invalid(f"counts are kept for {node.settings.resolution_days} days: ask for a shorter time")
    start_s -= start_s % _HOUR_S
    prefixes = None if reader.role == "admin" else _own_prefixes(node, reader)
    sums = node.store.resolutions(start_s, stop_s, prefixes=prefixes)
    hours = node.store.resolutions_by_hour(start_s, stop_s, prefixes=prefixes)
    rows = sorted(sums.items(), key=lambda row: (-row[1].count, row[0]))
    total = sum(sums.values(), NOTHING)
    left_out = max(0, len(rows) - ROWS_MAX)
    return Statistics(start_s, stop_s, total, tuple(rows[:ROWS_MAX]), left_out, tuple(hours.items()))


def _own_prefixes(node: Node, reader: ApiKey) -> dict[str, list[str]]:
    party = node.store.party(reader.party_id)
    own: dict[str, list[str]] = {}
    for entry in node.prefixes.index().below(party.account) if party else []:
        own.setdefault(entry.scheme, []).append(entry.text)
    return own


def resolution_metrics(node: Node, *, by_prefix: bool) -> list[str]:
    """The sums since ever as lines of Prometheus text; `by_prefix`, the largest 1,000 by prefix as well."""
    ever = node.store.resolutions_ever()
    latencies: dict[tuple[str, ...], Tally] = {}
    for counted, tally in ever.items():
        where: tuple[str, ...] = (counted.interface, counted.source)
        latencies[where] = latencies.get(where, NOTHING) + tally
    names = tuple(name for name in Counted._fields if name != "prefix")
    counts: dict[tuple[str, ...], int] = {
        (c.scheme, c.interface, c.source, c.outcome): tally.count for c, tally in ever.items()
    }
    lines = _counter("suyuan_resolutions_total", "Identifiers resolved.", names, counts)
    if by_prefix:
        sums = node.store.most_resolved(limit=ROWS_MAX)
        largest: dict[tuple[str, ...], int] = {counted: tally.count for counted, tally in sums.items()}
        help_text = "Identifiers resolved, by registered prefix; the largest."
        lines += _counter("suyuan_prefix_resolutions_total", help_text, Counted._fields, largest)
    lines += [
        "# HELP suyuan_resolution_seconds From a request's arrival until its answer began.",
        "# TYPE suyuan_resolution_seconds histogram",
    ]
    for place, tally in sorted(latencies.items()):
        lines += _histogram(place, tally)
    return lines


def _counter(
    name: str, help_text: str, labels: tuple[str, ...], counts: Mapping[tuple[str, ...], int]
) -> list[str]:
    values = [f"{name}{_labels(labels, told)} {count}" for told, count in sorted(counts.items())]
    return [f"# HELP {name} {help_text}", f"# TYPE {name} counter", *values]


def _histogram(where: tuple[str, ...], tally: Tally) -> list[str]:
    names, reached, lines = ("interface", "source"), 0, []
    for bound, number in zip((*(f"{b / 1e6:g}" for b in BOUNDS_US), "+Inf"), tally.classes, strict=True):
        reached += number
        labels = _labels((*names, "le"), (*where, bound))
        lines.append(f"suyuan_resolution_seconds_bucket{labels} {reached}")
    labels = _labels(names, where)
    lines.append(f"suyuan_resolution_seconds_sum{labels} {tally.total_us / 1e6}")
    lines.append(f"suyuan_resolution_seconds_count{labels} {tally.count}")
    return lines


def _labels(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    escaped = (value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for value in values)
    return "{" + ",".join(f'{name}="{value}"' for name, value in zip(names, escaped, strict=True)) + "}"
