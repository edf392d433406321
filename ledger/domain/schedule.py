"""When a standing query runs: the QuerySchedule of EPCIS 2.0, section 8.2.5.3.

Six fields, `second` to `dayOfWeek`, each a list of numbers and ranges: "0", "0,30", "[9-17]",
"0,[10-20],45". A moment matches when every field that is given matches. A field that is not given
matches everything, unless it is finer than all that are given: then it is its smallest value, so that
{"hour": "1", "minute": "5"} means 01:05:00 once and not sixty times. Times are UTC.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import dropwhile
from typing import Final

from ledger.domain.errors import Invalid, Problem

_RANGES: Final = {
    "second": range(60),
    "minute": range(60),
    "hour": range(24),
    "dayOfWeek": range(1, 8),  # 1 is Monday
    "dayOfMonth": range(1, 32),
    "month": range(1, 13),
}
"""The fields with their values, the finer before the coarser."""

_ELEMENT: Final = re.compile(r"([0-9]{1,2})|\[([0-9]{1,2})-([0-9]{1,2})\]")
_TEXT_MAX: Final = 400
_LONGEST_MONTHS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The values that each field may have, sorted, and `fields`, the schedule as it was written."""

    fields: tuple[tuple[str, str], ...]
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days_of_week: tuple[int, ...]
    days_of_month: tuple[int, ...]
    months: tuple[int, ...]

    def to_json(self) -> dict[str, str]:
        return dict(self.fields)


def parse_schedule(fields: Mapping[str, object]) -> Schedule:
    """The schedule that `fields` describe; a number is taken for its text.

    Raises Invalid, with a problem for each wrong field: unknown, not a list of numbers and ranges, out
    of range; also for no field at all, and for a day that no month has, such as 30 February.
    """
    problems = [Problem(f"/{name}", _unknown(name)) for name in fields if name not in _RANGES]
    values: dict[str, tuple[int, ...]] = {}
    for name in _RANGES.keys() & fields.keys():
        try:
            values[name] = _parse_field(name, fields[name])
        except Invalid as error:
            problems.append(Problem(f"/{name}", str(error)))
    if not fields:
        problems.append(Problem("", f"an empty schedule never runs: give one of {', '.join(_RANGES)}"))
    if problems:
        raise Invalid("the schedule is wrong", sorted(problems, key=lambda problem: problem.pointer))
    given = tuple((name, str(fields[name])) for name in reversed(_RANGES) if name in fields)
    schedule = Schedule(given, *(_values_of(name, values) for name in _RANGES))
    if all(min(schedule.days_of_month) > _LONGEST_MONTHS[month - 1] for month in schedule.months):
        raise Invalid("the schedule is wrong", [Problem("/dayOfMonth", "none of its months is that long")])
    return schedule


def next_time(schedule: Schedule, after: datetime) -> datetime:
    """The first whole second later than `after` (aware) that matches, in UTC."""
    first = after.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
    if _runs_on(schedule, first.date()):
        later_today = dropwhile(lambda moment: moment < first, _moments(schedule, first.date()))
        if (moment := next(later_today, None)) is not None:
            return moment
    day = first.date() + timedelta(days=1)
    # Any day of the year falls on any day of the week within 40 years, 29 February too.
    while not _runs_on(schedule, day):
        day += timedelta(days=1)
    return next(_moments(schedule, day))


def _unknown(name: str) -> str:
    return f"{name!r} is no field of a schedule; there are {', '.join(_RANGES)}"


def _parse_field(name: str, value: object) -> tuple[int, ...]:
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > _TEXT_MAX:
        raise Invalid("should be a text such as '0', '0,30' or '[9-17]'")
    return tuple(
        sorted({number for element in str(value).split(",") for number in _parse_element(name, element)})
    )


def _parse_element(name: str, element: str) -> range:
    match = _ELEMENT.fullmatch(element.strip())
    if match is None:
        raise Invalid(f"{element!r} should be a number such as 5, or a range such as [5-10]")
    low, high = (match[1], match[1]) if match[1] else (match[2], match[3])
    allowed = _RANGES[name]
    if not allowed.start <= int(low) <= int(high) < allowed.stop:
        raise Invalid(f"{element!r} should lie between {allowed.start} and {allowed.stop - 1}, rising")
    return range(int(low), int(high) + 1)


def _values_of(name: str, given: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    if name in given:
        return given[name]
    finest = next(field for field in _RANGES if field in given)
    names = list(_RANGES)
    is_finer = names.index(name) < names.index(finest)
    # Of the two fields for the day, the month alone fixes one: its first day, whatever weekday that is.
    if not is_finer or name == "dayOfWeek":
        return tuple(_RANGES[name])
    return (_RANGES[name].start,)


def _runs_on(schedule: Schedule, day: date) -> bool:
    return (
        day.month in schedule.months
        and day.day in schedule.days_of_month
        and day.isoweekday() in schedule.days_of_week
    )


def _moments(schedule: Schedule, day: date) -> Iterator[datetime]:
    """The moments of a day on which the schedule runs, in order."""
    for hour in schedule.hours:
        for minute in schedule.minutes:
            for second in schedule.seconds:
                yield datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=UTC)
