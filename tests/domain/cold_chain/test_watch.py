"""The watch against its own definition, second by second, and the cases that people argue about."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.cold_chain.calm import fold_all
from ledger.domain.cold_chain.kinetics import ShelfLife, ageing_rate, mean_kinetic_temperature
from ledger.domain.cold_chain.profile import (
    AccuracyBand,
    Bound,
    MktLimit,
    Profile,
    Rule,
    profile_of_range,
)
from ledger.domain.cold_chain.reading import Quantity, Reading
from ledger.domain.cold_chain.watch import (
    Change,
    Condition,
    Excursion,
    Gap,
    Watch,
    advance,
    condition,
    condition_of,
    fold,
    mkt_now,
    shelf_life_now,
    watch_from_json,
    watch_to_json,
)
from ledger.domain.errors import Invalid
from ledger.domain.temperature import Reading as Reported
from ledger.domain.temperature import TemperatureRange, find_excursions
from ledger.profiles import find_profile

MINUTE, HOUR = 60, 3600
HOLD = 30


def profile(*rules: Rule, hold: int = HOLD, **more: object) -> Profile:
    return replace(Profile("test", "T", "T", "S", 1000 * hold, rules), **more)  # type: ignore[arg-type]


def readings(*pairs: tuple[int, float], quantity: Quantity = "temperature") -> list[Reading]:
    """Readings from (second, value)."""
    return [Reading(1000 * second, quantity, round(1000 * value)) for second, value in pairs]


def changes(rules: Profile, of: Sequence[Reading]) -> list[tuple[str, str]]:
    _, found = fold_all(rules, sorted(of))
    return [(change.kind, change.excursion.rule) for change in found if isinstance(change, Change)]


# --------------------------------------------------------------------------- the slow definition


@dataclass
class Slow:
    """One rule, kept second by second: what the first lines of watch.py say, and nothing clever."""

    rule: Rule
    breach: Excursion | None = None
    spent_ms: int = 0

    def read(self, second: int, milli: int) -> Iterator[Change]:
        was_out = self.breach is not None
        if not self.rule.bound.is_out(milli, was_out=was_out):
            if self.breach and self.breach.opened_ms is not None:
                yield Change("closed", replace(self.breach, closed_ms=1000 * second))
            if self.rule.mode != "cumulative":
                self.spent_ms = 0
            self.breach = None
        elif self.breach is None:
            self.breach = Excursion(self.rule.name, 1000 * second, None, None, milli, 1000 * second)
            yield from self.open_if_due(second)
        elif self.rule.bound.worse(milli, self.breach.peak_milli) != self.breach.peak_milli:
            self.breach = replace(self.breach, peak_milli=milli, peak_ms=1000 * second)
            if self.breach.opened_ms is not None:
                yield Change("updated", self.breach)

    def open_if_due(self, second: int) -> Iterator[Change]:
        assert self.breach
        if self.breach.opened_ms is None and self.spent_ms >= self.rule.delay_ms:
            self.breach = replace(self.breach, opened_ms=1000 * second)
            yield Change("opened", self.breach)

    def pass_second(self, second: int, *, known: bool) -> Iterator[Change]:
        if self.breach:
            if known:
                self.spent_ms += 1000
                self.breach = replace(self.breach, out_ms=self.breach.out_ms + 1000)
            else:
                self.breach = replace(self.breach, gap_ms=self.breach.gap_ms + 1000)
            yield from self.open_if_due(second + 1)


def slow_changes(rules: Profile, of: Sequence[Reading], end: int) -> list[Change]:
    at = {reading.at_ms // 1000: reading for reading in of}
    kept = [Slow(rule) for rule in rules.rules]
    found: list[Change] = []
    last: int | None = None
    for second in range(end + 1):
        if second in at:
            last = second
            for slow in kept:
                found += slow.read(second, at[second].milli)
        if second < end and last is not None:
            for slow in kept:
                found += slow.pass_second(second, known=second - last < rules.hold_ms // 1000)
    return found


def timeless(found: Sequence[Change]) -> list[tuple[str, str, int, int | None, int | None, int, int]]:
    """What is compared, by rule: the length of a breach when it opens depends on when one looks."""
    by_rule = sorted(found, key=lambda change: change.excursion.rule)
    return [
        (c.kind, e.rule, e.began_ms, e.opened_ms, e.closed_ms, e.peak_milli, e.peak_ms)
        for c in by_rule
        for e in (c.excursion,)
    ]


bounds = st.builds(
    Bound,
    st.sampled_from(["above", "at_least", "below", "at_most"]),
    st.sampled_from([2000, 5000, 8000]),
    st.sampled_from([0, 1000, 2000]),
)
modes = st.one_of(
    st.tuples(st.just("instant"), st.just(0)),
    st.tuples(st.sampled_from(["consecutive", "cumulative"]), st.integers(1, 90).map(lambda s: 1000 * s)),
)
profiles = st.lists(st.tuples(bounds, modes), min_size=1, max_size=3).map(
    lambda rules: profile(
        *(
            Rule(f"rule {number}", "temperature", bound, mode, delay_ms)  # type: ignore[arg-type]
            for number, (bound, (mode, delay_ms)) in enumerate(rules)
        )
    )
)
journeys = st.lists(st.tuples(st.integers(1, 70), st.integers(0, 10)), min_size=1, max_size=30).map(
    lambda steps: [
        Reading(1000 * sum(pause for pause, _ in steps[: n + 1]), "temperature", 1000 * celsius)
        for n, (_, celsius) in enumerate(steps)
    ]
)


@given(profiles, journeys)
def test_excursions_are_those_of_the_second_by_second_definition(
    rules: Profile, journey: list[Reading]
) -> None:
    watch, found = fold_all(rules, journey)
    end = journey[-1].at_ms // 1000 + 200
    watch, later = advance(rules, watch, 1000 * end)

    expected = slow_changes(rules, journey, end)
    got = [change for change in (*found, *later) if isinstance(change, Change)]
    assert timeless(got) == timeless(expected)
    closed = [c.excursion for c in got if c.kind == "closed"]
    assert sorted(closed, key=str) == sorted((c.excursion for c in expected if c.kind == "closed"), key=str)


two_quantities = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["temperature", "humidity"]), st.integers(3, 9)),
    max_size=30,
)


@given(profiles, two_quantities, st.booleans())
def test_many_readings_folded_at_once_come_to_what_each_in_turn_comes_to(
    rules: Profile, steps: list[tuple[int, Quantity, int]], is_calm: bool
) -> None:
    limits = [Rule(r.name + "h", "humidity", r.bound, r.mode, r.delay_ms) for r in rules.rules]
    wide = (
        Rule("heat", "temperature", Bound("at_least", 9000), "instant"),
        Rule("cold", "temperature", Bound("below", 3000), "instant"),
    )
    rules = replace(
        rules,
        rules=wide if is_calm else (*rules.rules, *limits),
        mkt=MktLimit(7000, 60_000, 3),
        shelf_life=ShelfLife("q10", 10**9, 5000, Decimal(3)),
    )
    at_ms = [1000 * sum(pause for pause, _, _ in steps[: n + 1]) for n in range(len(steps))]
    found = {(ms, quantity): 1000 * value for ms, (_, quantity, value) in zip(at_ms, steps, strict=True)}
    journey = [Reading(*place, milli) for place, milli in sorted(found.items())]
    in_turn, told = Watch(), list[object]()
    for reading in journey:
        in_turn, new = fold(rules, in_turn, reading)
        told += new
    assert fold_all(rules, journey) == (in_turn, tuple(told))


@given(profiles, journeys, st.data())
def test_a_watch_that_was_written_and_read_at_any_point_goes_on_to_the_same_end(
    rules: Profile, journey: list[Reading], data: st.DataObject
) -> None:
    rules = replace(
        rules,
        mkt=MktLimit(5000, 60_000, 3),
        shelf_life=ShelfLife("q10", 10**9, 5000, Decimal(3)),
    )
    stop = data.draw(st.integers(0, len(journey)))
    whole, found = fold_all(rules, journey)

    half, first = fold_all(rules, journey[:stop])
    again = watch_from_json(json.loads(json.dumps(watch_to_json(half))))
    assert again == half
    end, second = fold_all(rules, journey[stop:], again)
    assert (end, first + second) == (whole, found)


@given(profiles, journeys, st.integers(0, 10**6))
def test_looking_ahead_in_two_steps_shows_what_one_step_shows(
    rules: Profile, journey: list[Reading], wait_ms: int
) -> None:
    rules = replace(rules, mkt=MktLimit(5000, 60_000, 3))
    watch, _ = fold_all(rules, journey)
    half_way, first = advance(rules, watch, journey[-1].at_ms + wait_ms)
    stepped, second = advance(rules, half_way, journey[-1].at_ms + 2 * wait_ms)
    whole, found = advance(rules, watch, journey[-1].at_ms + 2 * wait_ms)
    in_steps, at_once = ([c for c in f if isinstance(c, Change)] for f in (first + second, found))
    assert timeless(in_steps) == timeless(at_once)
    assert stepped.series == whole.series
    assert stepped.tallies == whole.tallies


@given(journeys)
def test_time_is_known_or_a_gap_and_gaps_are_reported(journey: list[Reading]) -> None:
    watch, found = fold_all(profile(), journey)
    series = watch.series["temperature"]
    assert series.known_ms + series.gap_ms == series.at_ms - series.first_ms
    assert sum(gap.ended_ms - gap.began_ms for gap in found if isinstance(gap, Gap)) == series.gap_ms


@given(journeys)
def test_the_mkt_is_that_of_all_seconds_of_the_windows_that_count(journey: list[Reading]) -> None:
    limit = MktLimit(10**6, 60_000, 3)
    rules = profile(mkt=limit)
    watch, _ = fold_all(rules, journey)
    now = journey[-1].at_ms
    oldest = (now // limit.window_ms - limit.count + 1) * limit.window_ms
    seconds = [
        reading.milli
        for reading, following in pairwise(journey)
        for at_ms in range(reading.at_ms, min(following.at_ms, reading.at_ms + rules.hold_ms), 1000)
        if at_ms >= oldest
    ]
    mkt = mkt_now(watch)
    assert (mkt is None) == (not seconds)
    if mkt is not None:
        assert mkt == pytest.approx(mean_kinetic_temperature((milli, 1) for milli in seconds))


@given(journeys)
def test_shelf_life_is_used_up_second_by_second_and_unknown_time_is_told(journey: list[Reading]) -> None:
    life = ShelfLife("q10", 10**9, 5000, Decimal(3))
    rules = profile(shelf_life=life)
    estimate = shelf_life_now(rules, fold_all(rules, journey)[0])
    assert estimate
    known = [
        (reading, min(following.at_ms - reading.at_ms, rules.hold_ms))
        for reading, following in pairwise(journey)
    ]
    used = sum(ageing_rate(life, reading.milli) * lasted for reading, lasted in known)
    assert estimate.remaining_ms == pytest.approx(10**9 - float(used), abs=1)
    assert estimate.unknown_ms == journey[-1].at_ms - journey[0].at_ms - sum(lasted for _, lasted in known)


# --------------------------------------------------------------------------- the profiles, on their bounds


def every(seconds: int, *spells: tuple[int, float]) -> list[Reading]:
    """A reading each so many seconds: so many times each value."""
    values = [value for times, value in spells for _ in range(times)]
    return readings(*((seconds * n, value) for n, value in enumerate(values)))


@pytest.mark.parametrize("name", ["who-pqs-type-1", "who-pqs-type-2"])
@pytest.mark.parametrize(
    ("journey", "rule"),
    [
        (every(600, (7, 45.0)), "hot"),  # 1 h at a stretch, the bound itself alarms
        (every(600, (6, 45.0)), None),  # 50 minutes
        (every(600, (7, 44.9)), None),
        (every(600, (7, -0.5)), "freeze"),
        (every(600, (7, -0.4)), None),
        (every(600, (3, -0.5), (1, 4), (4, -0.5)), None),  # not at a stretch
        (every(600, (30, 30.0), (9, 5), (31, 30.0)), "heat"),  # 10 h in all
        (every(600, (30, 30.0), (9, 5), (30, 30.0)), None),  # 9 h 50
        (every(600, (30, 29.9), (9, 5), (31, 29.9)), None),
    ],
)
def test_who_pqs_alarms_on_the_bound_and_after_the_time(
    name: str, journey: list[Reading], rule: str | None
) -> None:
    opened = [rule for kind, rule in changes(find_profile(name), journey) if kind == "opened"]
    assert opened == ([rule] if rule else [])


def test_who_pqs_type_2_alarms_after_twenty_hours_at_ten_degrees_and_type_1_does_not() -> None:
    journey = every(600, (121, 10.0))
    assert changes(find_profile("who-pqs-type-2"), journey) == [("opened", "warm")]
    assert changes(find_profile("who-pqs-type-2"), every(600, (120, 10.0))) == []
    assert changes(find_profile("who-pqs-type-2"), every(600, (121, 9.9))) == []
    assert changes(find_profile("who-pqs-type-1"), journey) == []


@pytest.mark.parametrize(
    ("name", "fine", "out"),
    [
        ("frozen", [-18.0, -40], [-17.999]),
        ("chilled", [8.0, 0.001], [8.001, 0.0]),
        ("vaccine-2-8", [2.0, 8.0], [1.999, 8.001]),
        ("crt-15-25", [15.0, 25.0], [14.999, 25.001]),
    ],
)
def test_a_reading_on_the_bound_is_in_range_and_one_beside_it_is_not(
    name: str, fine: list[float], out: list[float]
) -> None:
    for value in fine:
        assert changes(find_profile(name), readings((0, value))) == []
    for value in out:
        assert [kind for kind, _ in changes(find_profile(name), readings((0, value)))] == ["opened"]


def test_a_month_of_warm_days_breaks_the_mkt_limit_though_no_reading_is_out() -> None:
    loose = replace(find_profile("usp-crt"), hold_ms=86_400_000)
    warm = every(6 * HOUR, (4 * 31, 26.0))
    assert changes(loose, warm)[0] == ("opened", "mkt")
    assert changes(loose, every(6 * HOUR, (4 * 31, 25.0))) == []
    cooled = [*warm, *readings(*((31 * 86_400 + 6 * HOUR * n, 16.0) for n in range(40)))]
    assert changes(loose, cooled)[-1] == ("closed", "mkt")


def test_a_transient_to_forty_degrees_is_allowed_for_less_than_a_day() -> None:
    usp = find_profile("usp-crt")
    short = [change for change in changes(usp, every(600, (143, 40.0), (1, 20.0))) if change[1] != "mkt"]
    long = [change for change in changes(usp, every(600, (144, 40.0), (1, 20.0))) if change[1] != "mkt"]
    assert (short, long) == ([], [("opened", "heat"), ("closed", "heat")])


def test_a_door_that_stays_open_is_an_excursion_and_one_that_is_shut_in_time_is_none() -> None:
    rule = Rule("door", "door", Bound("at_least", 1000), "consecutive", 300_000)
    rules = profile(rule, hold=600)
    assert changes(rules, readings((0, 1), (299, 0), (400, 1), (600, 0), quantity="door")) == []
    assert changes(rules, readings((0, 1), (300, 0), quantity="door")) == [
        ("opened", "door"),
        ("closed", "door"),
    ]


def test_each_quantity_has_rules_and_time_of_its_own() -> None:
    rules = profile(
        Rule("damp", "humidity", Bound("above", 75_000), "instant"),
        Rule("drop", "shock", Bound("at_least", 10_000), "instant"),
        Rule("opened box", "light", Bound("above", 5000), "instant"),
    )
    journey = [
        *readings((0, 80), (9, 60), quantity="humidity"),
        *readings((3, 12), (4, 0.1), quantity="shock"),
        *readings((5, 4), (6, 300), quantity="light"),
    ]
    assert changes(rules, journey) == [
        ("opened", "damp"),
        ("opened", "drop"),
        ("closed", "drop"),
        ("opened", "opened box"),
        ("closed", "damp"),
    ]


# --------------------------------------------------------------------------- no data

HEAT = Rule("heat", "temperature", Bound("above", 8000), "consecutive", 60_000)


def test_no_data_is_never_in_range() -> None:
    rules = profile(HEAT)
    assert condition(rules, Watch(), 0) is Condition.NO_DATA
    watch, _ = fold(rules, Watch(), readings((100, 5))[0])
    assert condition(rules, watch, 99_999) is Condition.NO_DATA
    assert condition(rules, watch, 100_000) is Condition.IN_RANGE
    assert condition(rules, watch, 129_999) is Condition.IN_RANGE
    assert condition(rules, watch, 130_000) is Condition.NO_DATA


def test_a_profile_is_in_range_only_when_all_that_it_asks_for_is_measured() -> None:
    rules = profile(HEAT, Rule("damp", "humidity", Bound("above", 75_000), "instant"))
    watch, _ = fold_all(rules, readings((0, 5)))
    assert condition_of(rules, watch, "temperature", 0) is Condition.IN_RANGE
    assert condition(rules, watch, 0) is Condition.NO_DATA
    watch, _ = fold_all(rules, readings((0, 40), quantity="humidity"), watch)
    assert condition(rules, watch, 0) is Condition.IN_RANGE


def test_silence_neither_ends_a_breach_nor_counts_as_time_out() -> None:
    rules = profile(HEAT)
    journey = readings((0, 9), (500, 9), (529, 9))
    watch, found = fold_all(rules, journey)
    assert found == (Gap("temperature", 30_000, 500_000),)
    assert condition(rules, watch, 529_000) is Condition.OUT
    later, opened = advance(rules, watch, 530_000)
    assert [change.kind for change in opened if isinstance(change, Change)] == ["opened"]
    breach = later.tallies["heat"].breach
    assert breach
    assert (breach.opened_ms, breach.out_ms, breach.gap_ms) == (530_000, 60_000, 470_000)
    assert condition(rules, later, 10**9) is Condition.EXCURSION


def test_the_condition_goes_from_range_over_out_to_excursion_and_back() -> None:
    rules = profile(HEAT)
    watch = Watch()
    seen = []
    for reading in readings((0, 5), (20, 9), (40, 9), (60, 9), (80, 9), (100, 5)):
        watch, _ = fold(rules, watch, reading)
        seen.append(condition(rules, watch, reading.at_ms))
    assert seen == [
        Condition.IN_RANGE,
        Condition.OUT,
        Condition.OUT,
        Condition.OUT,
        Condition.EXCURSION,
        Condition.IN_RANGE,
    ]


def test_a_reading_that_comes_late_is_refused_and_changes_nothing() -> None:
    rules = profile(HEAT)
    watch, _ = fold_all(rules, readings((10, 5)))
    for second in (10, 9):
        with pytest.raises(Invalid, match="fold again from an earlier watch"):
            fold(rules, watch, readings((second, 9))[0])
    ahead, _ = advance(rules, watch, 15_000)
    with pytest.raises(Invalid, match="not later than what was folded, 15000 ms"):
        fold(rules, ahead, readings((12, 9))[0])


@pytest.mark.parametrize("value", [{}, {"series": 1}, {"series": {"warmth": {}}, "tallies": {}}])
def test_what_is_no_watch_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        watch_from_json(value)


def test_a_long_silence_costs_no_more_than_a_short_one() -> None:
    rules = profile(mkt=MktLimit(5000, 3_600_000, 24))
    watch, _ = fold_all(rules, readings((0, 4), (100 * 365 * 86_400, 4)))
    assert [w.window for w in watch.warmth] == []


# --------------------------------------------------------------------------- with temperature.py


@given(st.lists(st.integers(-5, 15), min_size=1, max_size=10), st.booleans())
def test_a_product_s_range_judges_readings_as_the_item_page_does(values: list[int], open_end: bool) -> None:
    allowed = TemperatureRange(None if open_end else Decimal(2), Decimal(8))
    reported = [
        Reported(Decimal(v), Decimal(v), datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=n))
        for n, v in enumerate(values)
    ]
    rules = profile_of_range("range", allowed, 30_000)
    watch, out = Watch(), []
    for n, v in enumerate(values):
        watch, _ = fold(rules, watch, readings((n, v))[0])
        out.append(condition(rules, watch, 1000 * n) is Condition.EXCURSION)
    outside = find_excursions(reported, allowed)
    assert [r in outside for r in reported] == out


def test_an_accuracy_that_the_profile_asks_for_is_data_like_the_rest() -> None:
    assert find_profile("vaccine-2-8").accuracy == (AccuracyBand(0, 40_000, 500),)
