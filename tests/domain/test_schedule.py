"""Schedules of standing queries, held to the slow definition: try every second, one after another."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from itertools import takewhile

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ledger.domain.errors import Invalid
from ledger.domain.schedule import next_time, parse_schedule

BOUNDS = {
    "month": (1, 12),
    "dayOfMonth": (1, 31),
    "dayOfWeek": (1, 7),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
}
FINEST_FIRST = ("second", "minute", "hour", "dayOfMonth", "month")
SOME_TIME = datetime(2026, 11, 2, 8, 30, 15, tzinfo=UTC)  # a Monday


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def following(fields: Mapping[str, object], after: datetime, count: int = 1) -> list[datetime]:
    schedule = parse_schedule(fields)
    found: list[datetime] = []
    for _ in range(count):
        after = next_time(schedule, after)
        found.append(after)
    return found


# ------------------------------------------------------------------- the slow definition


def is_in(text: str, value: int) -> bool:
    for element in text.split(","):
        low, _, high = element.strip("[]").partition("-")
        if int(low) <= value <= int(high or low):
            return True
    return False


def slow_matches(fields: Mapping[str, str], moment: datetime) -> bool:
    values = {
        "month": moment.month,
        "dayOfMonth": moment.day,
        "dayOfWeek": moment.isoweekday(),
        "hour": moment.hour,
        "minute": moment.minute,
        "second": moment.second,
    }
    given = {"dayOfMonth" if name == "dayOfWeek" else name for name in fields}
    finer = takewhile(lambda name: name not in given, FINEST_FIRST)
    return all(is_in(text, values[name]) for name, text in fields.items()) and all(
        values[name] == BOUNDS[name][0] for name in finer
    )


def expand(name: str, text: str | None) -> set[int]:
    low, high = BOUNDS[name]
    return {value for value in range(low, high + 1) if text is None or is_in(text, value)}


@st.composite
def field_texts(draw: st.DrawFn, name: str) -> str:
    low, high = BOUNDS[name]
    numbers = st.integers(low, high)
    ranges = st.tuples(numbers, numbers).map(lambda pair: f"[{min(pair)}-{max(pair)}]")
    return ",".join(draw(st.lists(numbers.map(str) | ranges, min_size=1, max_size=3)))


@st.composite
def schedules(draw: st.DrawFn, names: tuple[str, ...] = tuple(BOUNDS)) -> dict[str, str]:
    chosen = draw(st.sets(st.sampled_from(names), min_size=1))
    fields = {name: draw(field_texts(name)) for name in sorted(chosen)}
    days, months = (expand(name, fields.get(name)) for name in ("dayOfMonth", "month"))
    assume(min(days) <= 29 or (min(days) == 30 and months != {2}) or months & {1, 3, 5, 7, 8, 10, 12})
    return fields


times = st.datetimes(datetime(2000, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))


@settings(deadline=None, max_examples=50)
@given(schedules(("hour", "minute", "second")), times)
def test_within_a_day_the_next_time_is_the_first_second_that_matches(
    fields: dict[str, str], after: datetime
) -> None:
    moment = after.replace(microsecond=0) + timedelta(seconds=1)
    while not slow_matches(fields, moment):
        moment += timedelta(seconds=1)

    assert next_time(parse_schedule(fields), after) == moment


@settings(deadline=None)
@given(schedules(), times)
def test_the_next_time_matches_and_no_day_before_it_could(fields: dict[str, str], after: datetime) -> None:
    schedule = parse_schedule(fields)
    found = next_time(schedule, after)
    assert found > after
    assert slow_matches(fields, found)

    days = {name: text for name, text in fields.items() if name in ("month", "dayOfMonth", "dayOfWeek")}
    day = (after + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    while days and day.date() < found.date():
        assert not slow_matches(days, day), "a whole day was passed over"
        day += timedelta(days=1)
    if not days:
        assert found - after <= timedelta(days=1, seconds=1)


# ------------------------------------------------------------------- by example


def test_hour_and_minute_name_one_moment_of_each_day() -> None:
    assert following({"hour": "1", "minute": "5"}, SOME_TIME, 2) == [
        at("2026-11-03T01:05:00"),
        at("2026-11-04T01:05:00"),
    ]


def test_a_minute_alone_comes_every_hour() -> None:
    assert following({"minute": "0"}, SOME_TIME, 2) == [at("2026-11-02T09:00:00"), at("2026-11-02T10:00:00")]


def test_lists_and_ranges_are_united() -> None:
    found = following({"second": "50,[10-12],11"}, at("2026-11-02T08:00:00"), 5)
    assert [moment.second for moment in found] == [10, 11, 12, 50, 10]


def test_a_time_that_matches_is_not_its_own_successor() -> None:
    assert following({"minute": "30", "second": "15"}, SOME_TIME) == [at("2026-11-02T09:30:15")]


def test_days_of_week_count_from_monday() -> None:
    assert following({"dayOfWeek": "1,7"}, SOME_TIME, 3) == [
        at("2026-11-08T00:00:00"),
        at("2026-11-09T00:00:00"),
        at("2026-11-15T00:00:00"),
    ]


def test_a_month_alone_means_the_start_of_its_first_day() -> None:
    assert following({"month": "3"}, SOME_TIME, 2) == [at("2027-03-01T00:00:00"), at("2028-03-01T00:00:00")]


def test_a_month_without_the_day_is_passed_over() -> None:
    assert following({"dayOfMonth": "31"}, SOME_TIME, 3) == [
        at("2026-12-31T00:00:00"),
        at("2027-01-31T00:00:00"),
        at("2027-03-31T00:00:00"),
    ]


def test_a_29_february_on_a_chosen_weekday_is_found_across_a_century_without_a_leap_year() -> None:
    fields = {"month": "2", "dayOfMonth": "29", "dayOfWeek": "7"}
    assert following(fields, at("2088-01-01T00:00:00")) == [at("2088-02-29T00:00:00")]
    assert following(fields, at("2088-03-01T00:00:00")) == [at("2128-02-29T00:00:00")]


def test_times_of_other_zones_are_taken_as_utc() -> None:
    beijing = timezone(timedelta(hours=8))
    assert following({"hour": "1"}, datetime(2026, 11, 2, 8, 59, tzinfo=beijing)) == [
        at("2026-11-02T01:00:00")
    ]


def test_a_schedule_is_written_as_it_was_read() -> None:
    fields = {"month": "[3-5],7", "hour": "1"}
    assert parse_schedule(fields).to_json() == fields
    assert parse_schedule({"hour": 1}) == parse_schedule({"hour": "1"})


@pytest.mark.parametrize(
    ("fields", "pointer", "message"),
    [
        ({}, "", "an empty schedule never runs"),
        ({"hours": "1"}, "/hours", "no field of a schedule"),
        ({"hour": "24"}, "/hour", "between 0 and 23"),
        ({"dayOfMonth": "0"}, "/dayOfMonth", "between 1 and 31"),
        ({"dayOfWeek": "8"}, "/dayOfWeek", "between 1 and 7"),
        ({"second": "0/30"}, "/second", "'0/30' should be a number such as 5, or a range"),
        ({"second": "*"}, "/second", "should be a number"),
        ({"second": ""}, "/second", "should be a number"),
        ({"second": "1,"}, "/second", "should be a number"),
        ({"second": "[5-1]"}, "/second", "rising"),
        ({"second": "-1"}, "/second", "should be a number"),
        ({"second": "١"}, "/second", "should be a number"),
        ({"second": True}, "/second", "should be a text"),
        ({"second": None}, "/second", "should be a text"),
        ({"second": "1," * 300 + "1"}, "/second", "should be a text"),
        ({"month": "2", "dayOfMonth": "30"}, "/dayOfMonth", "none of its months is that long"),
        ({"month": "4,6", "dayOfMonth": "31"}, "/dayOfMonth", "none of its months is that long"),
    ],
)
def test_a_wrong_schedule_is_refused_and_the_field_named(
    fields: dict[str, object], pointer: str, message: str
) -> None:
    with pytest.raises(Invalid) as refused:
        parse_schedule(fields)
    (problem,) = refused.value.problems
    assert problem.pointer == pointer
    assert message in problem.message


def test_every_wrong_field_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        parse_schedule({"hour": "25", "minute": "x", "day": "1"})
    assert [problem.pointer for problem in refused.value.problems] == ["/day", "/hour", "/minute"]
