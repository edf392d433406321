from decimal import Decimal

import pytest

from ledger.domain.errors import Invalid
from ledger.domain.temperature import (
    Reading,
    TemperatureRange,
    find_excursions,
    find_readings,
    parse_range,
    to_celsius,
)


def event(*reports: dict[str, object], time: str | None = None) -> dict[str, object]:
    metadata = {"sensorMetadata": {"time": time}} if time else {}
    return {"sensorElementList": [{**metadata, "sensorReport": list(reports)}]}


def test_a_reading_spans_all_values_of_its_report() -> None:
    report = {"type": "Temperature", "minValue": 2.1, "maxValue": 12.4, "meanValue": 5, "uom": "CEL"}
    assert find_readings(event(report, time="2026-03-01T08:00:00.000Z")) == (
        Reading(Decimal("2.1"), Decimal("12.4"), "2026-03-01T08:00:00.000Z"),
    )


def test_the_report_s_own_time_comes_before_the_element_s() -> None:
    report = {"type": "gs1:Temperature", "value": 4, "uom": "CEL", "time": "2026-03-01T09:00:00.000Z"}
    (reading,) = find_readings(event(report, time="2026-03-01T08:00:00.000Z"))
    assert reading.time == "2026-03-01T09:00:00.000Z"


@pytest.mark.parametrize(
    ("value", "unit", "celsius"), [(212, "FAH", 100), (0, "KEL", "-273.15"), (-18, "CEL", -18)]
)
def test_other_units_are_converted(value: int, unit: str, celsius: int | str) -> None:
    assert to_celsius(Decimal(value), unit) == Decimal(celsius)


def test_what_is_no_temperature_is_passed_over() -> None:
    assert find_readings({}) == ()
    assert find_readings(event({"type": "RelativeHumidity", "value": 40, "uom": "A93"})) == ()
    assert find_readings(event({"type": "Temperature", "value": 40, "uom": "P1"})) == ()
    assert (
        find_readings(event({"type": "Temperature", "booleanValue": True, "value": True, "uom": "CEL"})) == ()
    )
    assert find_readings({"sensorElementList": [{"sensorReport": "cold"}, "cold"]}) == ()


def test_an_excursion_is_any_reading_that_left_the_range_at_either_end() -> None:
    cold, right, warm = (Reading(Decimal(a), Decimal(b), "") for a, b in ((1, 3), (2, 8), (5, 9)))
    assert find_excursions((cold, right, warm), TemperatureRange(Decimal(2), Decimal(8))) == (cold, warm)
    assert find_excursions((cold, right, warm), TemperatureRange(None, Decimal(8))) == (warm,)


def test_a_product_without_a_range_has_none() -> None:
    assert parse_range({"brand": "A"}) is None
    assert parse_range({"celsius_max": "-18"}) == TemperatureRange(None, Decimal(-18))


@pytest.mark.parametrize("text", ["cold", "NaN", "Infinity"])
def test_a_range_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="celsius_min is"):
        parse_range({"celsius_min": text})


def test_an_empty_range_is_refused() -> None:
    with pytest.raises(Invalid, match="empty: 8 to 2"):
        parse_range({"celsius_min": "8", "celsius_max": "2"})
