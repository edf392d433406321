"""What sensors reported about an item's temperature, against the range that its maker allows.

Input is the stored form of events, output are readings and excursions. Temperatures are degrees Celsius,
exact (`Decimal`); reports in Fahrenheit and Kelvin are converted. Not here: how long an excursion lasted,
which needs more than the sparse readings of EPCIS events (EPCIS 2.0, 7.3.7.1).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from ledger.domain.errors import Invalid

_TYPES: Final = {"Temperature", "gs1:Temperature", "https://gs1.org/voc/Temperature"} | {
    "https://ref.gs1.org/voc/Temperature"
}
_VALUES: Final = ("value", "minValue", "maxValue", "meanValue")


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
    """The coldest and the warmest that one sensor report names; `time` as reported, "" when it names none."""

    celsius_min: Decimal
    celsius_max: Decimal
    time: str


def parse_range(details: Mapping[str, str]) -> TemperatureRange | None:
    """The range in a product's master data (`celsius_min`, `celsius_max`); None when it has none.

    Raises Invalid when an end is not a number.
    """
    low, high = (_parse_end(details, name) for name in ("celsius_min", "celsius_max"))
    return None if low is None and high is None else TemperatureRange(low, high)


def find_readings(event: Mapping[str, object]) -> tuple[Reading, ...]:
    """The temperature readings in the stored form of one event, in its order.

    Reports of other quantities, and reports in units that are no temperature, are passed over.
    """
    return tuple(
        reading
        for element in _objects(event.get("sensorElementList"))
        for report in _objects(element.get("sensorReport"))
        if (reading := _parse_report(report, element)) is not None
    )


def find_excursions(readings: Sequence[Reading], allowed: TemperatureRange) -> tuple[Reading, ...]:
    """Those of `readings` that left the range at either end."""
    return tuple(r for r in readings if r.celsius_min not in allowed or r.celsius_max not in allowed)


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


def _parse_report(report: Mapping[str, object], element: Mapping[str, object]) -> Reading | None:
    if report.get("type") not in _TYPES:
        return None
    unit = report.get("uom")
    raw = [Decimal(str(report[name])) for name in _VALUES if _is_number(report.get(name))]
    values = [celsius for value in raw if (celsius := to_celsius(value, str(unit))) is not None]
    if not values:
        return None
    metadata = element.get("sensorMetadata")
    time = report.get("time") or (metadata.get("time") if isinstance(metadata, Mapping) else None)
    return Reading(min(values), max(values), str(time or ""))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _objects(value: object) -> Iterable[Mapping[str, object]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
