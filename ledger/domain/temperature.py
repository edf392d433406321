"""What sensors reported about an item's temperature, against the range that its maker allows.

Input are events, output are readings and excursions. Temperatures are degrees Celsius, exact (`Decimal`);
reports in Fahrenheit and Kelvin are converted. Not here: how long an excursion lasted, which needs more than
the sparse readings of EPCIS events (EPCIS 2.0, 7.3.7.1); `cold_chain.watch` finds that in all readings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from ledger.domain.errors import Invalid
from ledger.domain.events import Event, SensorElement, SensorReport

_ALARM: Final = "ALARM_CONDITION"


@dataclass(frozen=True, slots=True)
class TemperatureRange:
    """The storage range on the product, both ends allowed; None is an open end."""

    celsius_min: Decimal | None
    celsius_max: Decimal | None

    def __post_init__(self) -> None:
        low, high = self.celsius_min, self.celsius_max
        if low is not None and high is not None and low > high:
            raise Invalid(f"temperature range is empty: {low} to {high} °C")

    def __contains__(self, celsius: Decimal) -> bool:
        return not (
            (self.celsius_min is not None and celsius < self.celsius_min)
            or (self.celsius_max is not None and celsius > self.celsius_max)
        )

    def __str__(self) -> str:
        """As it is printed: 2–8 °C, −25…−18 °C, ≤ −18 °C."""
        low, high = self.celsius_min, self.celsius_max
        if low is None or high is None:
            return f"≤ {show_celsius(high)}" if high is not None else f"≥ {show_celsius(low or Decimal(0))}"
        between = "–" if low >= 0 else "…"
        return f"{show_number(low)}{between}{show_celsius(high)}"


@dataclass(frozen=True, slots=True)
class Reading:
    """The coldest and the warmest that one sensor report names, and when that was.

    `is_alarm`: whoever watched says that it was not allowed (EPCIS 2.0, 7.3.7.2, `exception`). `window`: of
    which sensor, from when to when; None where the report does not say all three.
    """

    celsius_min: Decimal
    celsius_max: Decimal
    time: datetime
    is_alarm: bool = False
    window: tuple[str, datetime, datetime] | None = None


def parse_range(details: Mapping[str, str]) -> TemperatureRange | None:
    """The range in a product's master data (`celsius_min`, `celsius_max`); None when it has none.

    Raises Invalid when an end is not a number.
    """
    low, high = (_parse_end(details, name) for name in ("celsius_min", "celsius_max"))
    return None if low is None and high is None else TemperatureRange(low, high)


def find_readings(event: Event) -> tuple[Reading, ...]:
    """The temperature readings of one event, in its order.

    Reports of other quantities, and reports in units that are no temperature, are passed over. A report
    without a time of its own has that of its sensor element, and else that of the event.
    """
    return tuple(
        Reading(
            min(celsius),
            max(celsius),
            _time_of(report, element, event),
            report.exception == _ALARM,
            _window_of(report, element),
        )
        for element in event.sensor_elements
        for report in element.reports
        if report.type == "Temperature" and (celsius := _values(report))
    )


def find_excursions(readings: Sequence[Reading], allowed: TemperatureRange | None) -> tuple[Reading, ...]:
    """Those of `readings` that are alarms, or left the range at either end."""
    return tuple(r for r in readings if r.is_alarm or (allowed is not None and not _is_in(r, allowed)))


def find_distinct(excursions: Sequence[Reading]) -> tuple[int, ...]:
    """The places, in order, of those of `excursions` that count; the others tell of one that is counted.

    Of one sensor's reports that begin together the longest counts, as what began is reported when it is over
    again; and not one that holds the window of another, as what sums up hours holds what happened in them.
    """
    longest: dict[tuple[str, datetime], int] = {}
    for place, excursion in enumerate(excursions):
        if excursion.window:
            sensor, began, ended = excursion.window
            before = excursions[longest.setdefault((sensor, began), place)].window
            if before and ended > before[2]:
                longest[sensor, began] = place
    kept = set(longest.values())
    windows = [window for place in kept if (window := excursions[place].window)]
    kept = {place for place in kept if not any(_holds_other(excursions[place], w) for w in windows)}
    return tuple(p for p, excursion in enumerate(excursions) if p in kept or excursion.window is None)


def _holds_other(excursion: Reading, other: tuple[str, datetime, datetime]) -> bool:
    if excursion.window is None or excursion.window == other:
        return False
    sensor, began, ended = excursion.window
    return sensor == other[0] and began <= other[1] and other[2] <= ended


def _is_in(reading: Reading, allowed: TemperatureRange) -> bool:
    return reading.celsius_min in allowed and reading.celsius_max in allowed


def to_celsius(value: Decimal, unit: str) -> Decimal | None:
    """`value` in °C from a UN/ECE Rec 20 unit (CEL, FAH, KEL), rounded to 0.01; None for other units."""
    match unit:
        case "CEL":
            return value
        case "FAH":
            return ((value - 32) * 5 / 9).quantize(Decimal("0.01"))
        case "KEL":
            return value - Decimal("273.15")
        case _:
            return None


def show_number(value: Decimal) -> str:
    """A number as printed: no trailing zeros, a real minus sign."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", "−")


def show_celsius(value: Decimal) -> str:
    """A temperature as printed, with its unit."""
    return f"{show_number(value)} °C"


def _parse_end(details: Mapping[str, str], name: str) -> Decimal | None:
    if not (text := details.get(name, "")):
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise Invalid(f"{name} is {text!r}: a temperature in °C is a number")
    return value


def _values(report: SensorReport) -> list[Decimal]:
    values = (report.value, report.min_value, report.max_value, report.mean_value)
    converted = (to_celsius(value, report.uom or "") for value in values if value is not None)
    return [celsius for celsius in converted if celsius is not None]


def _time_of(report: SensorReport, element: SensorElement, event: Event) -> datetime:
    metadata = element.metadata
    measured = metadata and (metadata.time or metadata.end_time or metadata.start_time)
    return report.time or measured or event.event_time


def _window_of(report: SensorReport, element: SensorElement) -> tuple[str, datetime, datetime] | None:
    metadata = element.metadata
    if metadata is None or metadata.start_time is None or metadata.end_time is None:
        return None
    sensor = report.device_id or metadata.device_id
    return (sensor, metadata.start_time, metadata.end_time) if sensor else None
