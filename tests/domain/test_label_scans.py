"""Questions that the scans of one label raise, held against slow definitions."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.errors import Invalid
from ledger.domain.label_scans import (
    DEVICES_MAX,
    LabelScan,
    Place,
    device_hash,
    distance_km,
    find_alerts,
    parse_place,
)

HOUR = 3_600_000
SHANGHAI, GUANGZHOU = Place("CN-31", 31.2, 121.5), Place("CN-44", 23.1, 113.3)
PARIS, NOWHERE = Place("FR", 48.9, 2.4), Place()


def scan(at_hours: float, place: Place = NOWHERE, device: str = "") -> LabelScan:
    return LabelScan(round(at_hours * HOUR), place, "public", device_hash(device))


def kinds(*scans: LabelScan) -> list[str]:
    return sorted(alert.kind for alert in find_alerts(scans))


def angle_km(one: Place, other: Place) -> float:
    """The distance by vectors, another way than the haversine formula."""

    def vector(place: Place) -> tuple[float, float, float]:
        lat, lon = math.radians(place.latitude or 0), math.radians(place.longitude or 0)
        return math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)

    a, b = vector(one), vector(other)
    cross = (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
    return 6371.0 * math.atan2(math.hypot(*cross), sum(x * y for x, y in zip(a, b, strict=True)))


positions = st.builds(Place, st.just(""), st.floats(-90, 90), st.floats(-180, 180))
travels = st.lists(st.tuples(st.integers(0, 40 * HOUR), positions | st.just(NOWHERE)), max_size=8)


@given(travels)
def test_impossible_travel_is_any_two_scans_that_an_airliner_cannot_join(
    entries: list[tuple[int, Place]],
) -> None:
    scans = [LabelScan(at, place, "public", b"") for at, place in sorted(entries, key=lambda e: e[0])]
    pairs = [(a, b) for i, b in enumerate(scans) for a in scans[:i] if NOWHERE not in (a.place, b.place)]
    margins = [angle_km(a.place, b.place) - 100 - 900 * (b.at_ms - a.at_ms) / HOUR for a, b in pairs]
    if not any(abs(margin) < 0.001 for margin in margins):
        assert ("impossible_travel" in kinds(*scans)) == any(margin > 0 for margin in margins)


@given(positions, positions)
def test_a_distance_is_that_of_the_vectors(one: Place, other: Place) -> None:
    assert distance_km(one, other) == pytest.approx(angle_km(one, other), abs=0.5)


def test_known_distances_are_right() -> None:
    assert distance_km(SHANGHAI, GUANGZHOU) == pytest.approx(1214, abs=15)
    assert distance_km(SHANGHAI, PARIS) == pytest.approx(9270, abs=60)
    assert distance_km(SHANGHAI, NOWHERE) is None


@pytest.mark.parametrize(
    ("scans", "expected"),
    [
        ((), []),
        ((scan(0, SHANGHAI),), []),
        ((scan(0, SHANGHAI), scan(0.5, PARIS)), ["impossible_travel", "two_regions"]),
        ((scan(0, SHANGHAI), scan(2, PARIS)), ["impossible_travel"]),
        ((scan(0, SHANGHAI), scan(2), scan(4, PARIS)), ["impossible_travel"]),
        ((scan(0, SHANGHAI), scan(12, PARIS)), []),
        ((scan(0, SHANGHAI), scan(2, GUANGZHOU)), []),
        ((scan(0, SHANGHAI), scan(0.1, replace(SHANGHAI, latitude=31.9))), []),
        ((scan(0, Place("CN-31")), scan(1, Place("CN-44"))), ["two_regions"]),
        ((scan(0, Place("CN-31")), scan(1.01, Place("CN-44"))), []),
        ((scan(0, Place("CN-31")), scan(1, Place("CN"))), []),
        ((scan(0, Place("CN-31")), scan(1)), []),
        ((scan(0, Place("DE"), "phone"), scan(0.2, Place("FR"), "phone")), []),
        ((scan(0, Place("DE"), "phone"), scan(0.2, Place("FR"), "other")), ["two_regions"]),
    ],
)
def test_alerts_are_raised_for_two_places_at_once(scans: tuple[LabelScan, ...], expected: list[str]) -> None:
    assert kinds(*scans) == expected


def test_too_many_devices_raise_an_alert_and_scans_without_a_token_do_not() -> None:
    scans = [scan(n * 100, device=f"device {n}") for n in range(DEVICES_MAX + 1)]
    assert kinds(*scans) == ["many_devices"]
    assert kinds(*scans[:-1]) == []
    assert kinds(*[scan(n) for n in range(100)]) == []


def test_an_alert_shows_the_two_scans_and_each_kind_comes_once() -> None:
    scans = [scan(0, SHANGHAI), scan(2, PARIS), scan(4, SHANGHAI), scan(6, PARIS)]
    (alert,) = find_alerts(scans)
    assert (alert.first, alert.second) == (scans[0], scans[1])


def test_a_place_is_rounded_to_a_tenth_of_a_degree() -> None:
    assert parse_place("CN-31", 31.23456, 121.47654) == Place("CN-31", 31.2, 121.5)
    assert parse_place("", None, None) == NOWHERE
    assert str(SHANGHAI) == "CN-31 31.2°, 121.5°"


@pytest.mark.parametrize(
    ("region", "latitude", "longitude"),
    [
        ("cn", None, None),
        ("<b>", None, None),
        ("CN-", None, None),
        ("CN\n", None, None),
        ("", 90.1, 0.0),
        ("", 0.0, -180.1),
        ("", math.nan, 0.0),
        ("", math.inf, 0.0),
        ("", 1.0, None),
        ("", None, 1.0),
    ],
)
def test_what_is_no_place_on_earth_is_refused(
    region: str, latitude: float | None, longitude: float | None
) -> None:
    with pytest.raises(Invalid):
        parse_place(region, latitude, longitude)


def test_of_a_device_only_a_hash_is_kept() -> None:
    assert device_hash("") == b""
    assert len(device_hash("token")) == 16
    assert device_hash("token") != device_hash("token2")
    with pytest.raises(Invalid):
        device_hash("x" * 201)
