"""Curves against all readings: the same dots at their width, and no line over a time without data."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.cold_chain.calm import fold_all
from ledger.domain.cold_chain.curve import Band, Curve, Point, bands, figures, find_gaps, thin
from ledger.domain.cold_chain.reading import Reading
from ledger.profiles import find_profile

HOLD = 10
VACCINE = replace(find_profile("vaccine-2-8"), hold_ms=HOLD)

celsius = st.integers(-3, 12).map(lambda degrees: 1000 * degrees)
points = st.dictionaries(st.integers(-50, 350), celsius, max_size=80).map(lambda of: sorted(of.items()))
Dots = list[tuple[Fraction, Fraction] | None]


def lines(of: Sequence[Point]) -> list[list[Point]]:
    """All readings, cut at the times without data: what thinning must look like."""
    cut: list[list[Point]] = []
    for number, point in enumerate(of):
        if number == 0 or point[0] - of[number - 1][0] > HOLD:
            cut.append([])
        cut[-1].append(point)
    return cut


def dots(of: Sequence[Sequence[Point]], from_ms: int, to_ms: int, columns: int) -> Dots:
    """From where to where each column is painted by lines; by definition, exactly."""
    painted: Dots = []
    for column in range(columns):
        left, right = (from_ms + Fraction((column + n) * (to_ms - from_ms), columns) for n in (0, 1))
        heights = [Fraction(milli) for line in of for at_ms, milli in line if left <= at_ms < right]
        for line in of:
            for (a_ms, a), (b_ms, b) in pairwise(line):
                start, end = max(left, Fraction(a_ms)), min(right, Fraction(b_ms))
                if start < end:
                    heights += [a + (b - a) * (at - a_ms) / (b_ms - a_ms) for at in (start, end)]
        painted.append((min(heights), max(heights)) if heights else None)
    return painted


@given(points, st.integers(1, 40), st.integers(1, 200), st.integers(0, 100))
def test_a_thinned_curve_paints_the_same_dots_as_all_readings(
    of: list[Point], columns: int, span: int, start: int
) -> None:
    window = start, start + span
    curve = thin(of, *window, columns, HOLD)
    assert dots(curve.stretches, *window, columns) == dots(lines(of), *window, columns)
    assert sum(map(len, curve.stretches)) <= 10 * (columns + 2)


@given(points, st.integers(1, 40))
def test_no_line_leads_over_a_time_without_data(of: list[Point], columns: int) -> None:
    curve = thin(of, 0, 300, columns, HOLD)
    for line in curve.stretches:
        for (a_ms, _), (b_ms, _) in pairwise(line):
            between = [at_ms for at_ms, _ in of if a_ms <= at_ms <= b_ms]
            assert all(b - a <= HOLD for a, b in pairwise(between))


@given(points)
def test_figures_are_those_of_the_watch_and_of_every_millisecond(of: list[Point]) -> None:
    told = figures(of, 0, 300, VACCINE, "temperature")
    stands = [next((m for at, m in reversed(of) if at <= ms < at + HOLD), None) for ms in range(300)]
    assert told.known_ms == 300 - stands.count(None)
    assert told.gap_ms == stands.count(None)
    assert told.out_ms == sum(m is not None and not 2000 <= m <= 8000 for m in stands)
    assert sum(end - start for start, end in find_gaps([at for at, _ in of], 0, 300, HOLD)) == told.gap_ms
    inside = [(at, m) for at, m in of if 0 <= at < 300]
    watch, _ = fold_all(VACCINE, [Reading(at, "temperature", m) for at, m in inside])
    series = watch.series.get("temperature")
    assert told.count == (series.count if series else 0)
    assert (told.milli_min, told.milli_max) == (
        (series.milli_min, series.milli_max) if series else (None, None)
    )


def test_figures_of_a_shipment_by_hand() -> None:
    profile = find_profile("vaccine-2-8")  # a reading stands for ten minutes
    minute = 60_000
    of = [(0, 5000), (5 * minute, 9000), (10 * minute, 5000), (60 * minute, 8000)]
    told = figures(of, 0, 65 * minute, profile, "temperature")
    assert (told.count, told.milli_min, told.milli_max, told.milli_mean) == (4, 5000, 9000, 6750)
    assert (told.known_ms, told.gap_ms, told.gaps) == (25 * minute, 40 * minute, 1)
    assert told.out_ms == 5 * minute  # 8 °C is on the bound, and in
    assert told.mkt is not None
    assert Decimal(6) < told.mkt < Decimal(7)
    assert figures([], 0, minute, profile, "temperature").mkt is None


def test_the_innermost_bounds_make_the_band() -> None:
    assert bands(find_profile("vaccine-2-8")) == {"temperature": Band(2000, 8000)}
    assert bands(find_profile("who-pqs-type-1")) == {"temperature": Band(-500, 30_000)}
    assert bands(find_profile("frozen"))["temperature"].milli_low is None


def test_without_readings_the_whole_time_is_a_gap() -> None:
    assert thin([], 0, 100, 10, HOLD) == Curve((), ((0, 100),))
