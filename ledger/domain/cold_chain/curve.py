"""Curves: the readings of one quantity, thinned to what a picture of some columns shows, and their figures.

Of each column of time the first, the lowest, the highest and the last reading are kept: a line through them
covers the same dots as one through all readings (M4; Jugel, Jerzak, Hackenbroich and Markl, VLDB 2014). The
line is cut where a reading no longer stands for what follows it (`hold_ms`, as in `watch`), and so never
leads over a time without data.

Points are (milliseconds since 1970, thousandths of the unit), in order of time.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from typing import Final

from ledger.domain.cold_chain.kinetics import mean_kinetic_temperature
from ledger.domain.cold_chain.profile import Profile
from ledger.domain.cold_chain.reading import Quantity

Point = tuple[int, int]

COLUMNS_MAX: Final = 4000


@dataclass(frozen=True, slots=True)
class Curve:
    """`stretches` are lines, of one point or more. `gaps` are the times without data (from, to) that are at
    least a column wide."""

    stretches: tuple[tuple[Point, ...], ...]
    gaps: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """What the readings of a time come to: `count` of them; without any there is no lowest, highest and mean.

    `known_ms` and `gap_ms` together are the time. There were `gaps` times without data; `lead_ms` is the
    one before the first reading. `out_ms`: how long values stood outside the bounds of a rule, whatever its
    delay and hysteresis. `mkt`: mean kinetic temperature in °C, by how long each reading stood.
    """

    count: int
    milli_min: int | None
    milli_max: int | None
    milli_mean: int | None
    known_ms: int
    gap_ms: int
    lead_ms: int
    gaps: int
    out_ms: int
    mkt: Decimal | None


@dataclass(frozen=True, slots=True)
class Band:
    """Where a quantity has to be, by the innermost bounds of all rules; None: there is no bound."""

    milli_low: int | None
    milli_high: int | None


def bands(profile: Profile) -> dict[Quantity, Band]:
    """The band of each quantity that the profile has rules for."""
    found: dict[Quantity, Band] = {}
    for quantity in dict.fromkeys(rule.quantity for rule in profile.rules):
        bounds = [rule.bound for rule in profile.rules if rule.quantity == quantity]
        low = [bound.milli for bound in bounds if bound.comparison in ("below", "at_most")]
        high = [bound.milli for bound in bounds if bound.comparison in ("above", "at_least")]
        found[quantity] = Band(max(low, default=None), min(high, default=None))
    return found


def thin(points: Sequence[Point], from_ms: int, to_ms: int, columns: int, hold_ms: int) -> Curve:
    """The curve from `from_ms` to before `to_ms`: at most ten points a column, however many readings.

    Points before and behind that time lead the line in and out; they count as one column each.
    """
    assert from_ms < to_ms, "a curve needs some time"
    assert 1 <= columns <= COLUMNS_MAX, "the caller limits the columns"
    times = [at_ms for at_ms, _ in points]
    values = [milli for _, milli in points]
    breaks = [n for n, (a, b) in enumerate(pairwise(times), start=1) if b - a > hold_ms]
    span_ms = to_ms - from_ms
    # A column begins at the first millisecond that lies in it, so the division rounds up.
    edges = [bisect_left(times, from_ms - (-column * span_ms // columns)) for column in range(columns + 1)]
    stretches: list[list[Point]] = []
    for first, stop in pairwise([0, *edges, len(times)]):
        if first == stop:
            continue
        cuts = breaks[bisect_right(breaks, first) : bisect_left(breaks, stop)]
        if not stretches or times[first] - times[first - 1] > hold_ms:
            stretches.append([])
        stretches[-1] += [points[n] for n in _kept(values, first, cuts[0] if cuts else stop)]
        if cuts:
            # Stretches that begin and end in this column are narrower than it: their extremes stand alone.
            stretches += [[points[n]] for n in _extremes(values, cuts[0], cuts[-1])]
            stretches.append([points[n] for n in _kept(values, cuts[-1], stop)])
    gaps = find_gaps(times, from_ms, to_ms, hold_ms)
    wide = [(start, end) for start, end in gaps if (end - start) * columns >= span_ms]
    return Curve(tuple(map(tuple, stretches)), tuple(wide))


def find_gaps(times: Sequence[int], from_ms: int, to_ms: int, hold_ms: int) -> list[tuple[int, int]]:
    """The times without data from `from_ms` to `to_ms`, by the times of readings."""
    ends = [from_ms, *(at_ms + hold_ms for at_ms in times)]
    return [
        (max(end, from_ms), min(start, to_ms))
        for end, start in zip(ends, [*times, to_ms], strict=True)
        if end < start and end < to_ms and start > from_ms
    ]


def figures(
    points: Sequence[Point], from_ms: int, to_ms: int, profile: Profile, quantity: Quantity
) -> Figures:
    """The figures of the time from `from_ms` to before `to_ms`; a reading before it may still stand there."""
    times = [at_ms for at_ms, _ in points]
    lasted: Counter[int] = Counter()
    for (at_ms, milli), next_ms in zip(points, [*times[1:], to_ms], strict=False):
        lasted_ms = min(next_ms, at_ms + profile.hold_ms, to_ms) - max(at_ms, from_ms)
        if lasted_ms > 0:
            lasted[milli] += lasted_ms
    values = [milli for _, milli in points[bisect_left(times, from_ms) : bisect_left(times, to_ms)]]
    gaps = find_gaps(times, from_ms, to_ms, profile.hold_ms)
    bounds = [rule.bound for rule in profile.rules if rule.quantity == quantity]
    return Figures(
        count=len(values),
        milli_min=min(values, default=None),
        milli_max=max(values, default=None),
        milli_mean=_mean(values) if values else None,
        known_ms=lasted.total(),
        gap_ms=sum(end - start for start, end in gaps),
        lead_ms=next((end - start for start, end in gaps if start == from_ms), 0),
        gaps=len(gaps),
        out_ms=sum(ms for milli, ms in lasted.items() if any(bound.is_out(milli) for bound in bounds)),
        mkt=mean_kinetic_temperature(lasted.items()) if quantity == "temperature" and lasted else None,
    )


def _kept(values: Sequence[int], start: int, end: int) -> list[int]:
    return sorted({start, *_extremes(values, start, end), end - 1})


def _extremes(values: Sequence[int], start: int, end: int) -> list[int]:
    """Where the lowest and the highest value stand; one place when they are the same, none of nothing."""
    if start == end:
        return []
    part = values[start:end]
    return sorted({start + part.index(min(part)), start + part.index(max(part))})


def _mean(values: Sequence[int]) -> int:
    return int((Decimal(sum(values)) / len(values)).quantize(Decimal(1), ROUND_HALF_EVEN))
