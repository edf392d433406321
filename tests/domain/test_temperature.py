from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ledger.domain.errors import Invalid
from ledger.domain.events import ObjectEvent, SensorElement, SensorMetadata, SensorReport
from ledger.domain.temperature import (
    Reading,
    TemperatureRange,
    find_distinct,
    find_excursions,
    find_readings,
    parse_range,
    to_celsius,
)

EVENT_TIME = datetime(2026, 3, 1, 7, tzinfo=UTC)
EIGHT = datetime(2026, 3, 1, 8, tzinfo=UTC)
NINE = datetime(2026, 3, 1, 9, tzinfo=UTC)


def event(report: SensorReport, metadata: SensorMetadata | None = None) -> ObjectEvent:
    return ObjectEvent(
        event_time=EVENT_TIME,
        time_zone_offset="+08:00",
        sensor_elements=(SensorElement((report,), metadata),),
    )


def test_a_reading_spans_all_values_of_its_report() -> None:
    report = SensorReport(
        type="Temperature",
        min_value=Decimal("2.1"),
        max_value=Decimal("12.4"),
        mean_value=Decimal(5),
        uom="CEL",
    )
    assert find_readings(event(report)) == (Reading(Decimal("2.1"), Decimal("12.4"), EVENT_TIME),)


def test_the_report_s_own_time_comes_before_that_of_its_element() -> None:
    silent = SensorReport(type="Temperature", value=Decimal(4), uom="CEL")
    timed = SensorReport(type="Temperature", value=Decimal(4), uom="CEL", time=NINE)
    metadata = SensorMetadata(time=EIGHT)

    assert [reading.time for reading in find_readings(event(silent, metadata))] == [EIGHT]
    assert [reading.time for reading in find_readings(event(timed, metadata))] == [NINE]


@pytest.mark.parametrize(
    ("value", "unit", "celsius"), [(212, "FAH", 100), (0, "KEL", "-273.15"), (-18, "CEL", -18)]
)
def test_other_units_are_converted(value: int, unit: str, celsius: int | str) -> None:
    assert to_celsius(Decimal(value), unit) == Decimal(celsius)


@pytest.mark.parametrize(
    "report",
    [
        SensorReport(type="RelativeHumidity", value=Decimal(40), uom="A93"),
        SensorReport(type="Temperature", value=Decimal(40), uom="P1"),
        SensorReport(type="Temperature", value=Decimal(40)),
        SensorReport(type="Temperature", string_value="cold"),
    ],
)
def test_what_is_no_temperature_is_passed_over(report: SensorReport) -> None:
    assert find_readings(event(report)) == ()


def test_an_excursion_is_any_reading_that_left_the_range_at_either_end() -> None:
    cold, right, warm = (Reading(Decimal(a), Decimal(b), EIGHT) for a, b in ((1, 3), (2, 8), (5, 9)))
    assert find_excursions((cold, right, warm), TemperatureRange(Decimal(2), Decimal(8))) == (cold, warm)
    assert find_excursions((cold, right, warm), TemperatureRange(None, Decimal(8))) == (warm,)


def test_an_alarm_is_an_excursion_whatever_the_product_allows() -> None:
    warm, unclear = (
        find_readings(
            event(SensorReport(type="Temperature", exception=kind, value=Decimal("9.5"), uom="CEL"))
        )
        for kind in ("ALARM_CONDITION", "ERROR_CONDITION")
    )
    assert find_excursions(warm + unclear, None) == warm
    assert find_excursions(warm, TemperatureRange(None, Decimal(20))) == warm


def reported(sensor: str | None, minutes: tuple[int, int] | None) -> Reading:
    """A reading of 9.5 °C in a window of minutes past eight."""
    started, ended = (EIGHT + timedelta(minutes=m) for m in minutes) if minutes else (None, None)
    metadata = SensorMetadata(device_id=sensor, start_time=started, end_time=ended)
    (found,) = find_readings(
        event(SensorReport(type="Temperature", value=Decimal("9.5"), uom="CEL"), metadata)
    )
    return found


@pytest.mark.parametrize(
    ("windows", "counted"),
    [
        ([("a", (5, 5)), ("a", (5, 45)), ("a", (5, 45)), ("a", (0, 60))], (1,)),
        ([("a", (5, 15)), ("a", (30, 40)), ("a", (0, 60))], (0, 1)),
        ([("a", (5, 15)), ("b", (5, 15)), ("b", (10, 20))], (0, 1, 2)),
        ([("a", None), ("a", None), (None, (5, 15)), (None, (5, 15))], (0, 1, 2, 3)),
    ],
    ids=["told_when_it_began_and_ended", "summed_up", "other_sensors_and_times", "nobody_says_of_what"],
)
def test_reports_of_one_excursion_count_once(
    windows: list[tuple[str | None, tuple[int, int] | None]], counted: tuple[int, ...]
) -> None:
    assert find_distinct([reported(*window) for window in windows]) == counted


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
