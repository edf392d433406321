"""What the scans of one label tell: whether the same serial seems to be in two places at once.

A scan names no person: it has its time, the place that the scanner gave (none, a region, coordinates to 0.1°)
and the hash of a device's token where a program sent one. Distances are in km on a sphere, times in ms since
1970. An alert is a question for the brand's owner, never a proof: a place is what the scanner says.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from ledger.domain.errors import Invalid

Scanner = Literal["public", "staff"]
AlertKind = Literal["impossible_travel", "two_regions", "many_devices"]

SPEED_KMH_MAX: Final = 900  # an airliner
SLACK_KM: Final = 100  # coordinates are rounded to 0.1°, and a phone may know its cell only
REGIONS_MS: Final = 3_600_000
"""Two regions within this time are not one label; a border can be crossed, so one device may."""
DEVICES_MAX: Final = 20
"""A label that more devices than this have scanned stands on more than one thing, or on a billboard."""

_EARTH_RADIUS_KM: Final = 6371.0
_HALF_WAY_ROUND_MS: Final = math.ceil(math.pi * _EARTH_RADIUS_KM / SPEED_KMH_MAX * 3_600_000)
_MS_PER_HOUR: Final = 3_600_000
_DEVICE_LENGTH_MAX: Final = 200
_region: Final = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?").fullmatch  # ISO 3166-1, 3166-2


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody scanned, as coarse as the scanner chose to say. Made by `parse_place`."""

    region: str = ""  # ISO 3166: "CN", "CN-31"
    latitude: float | None = None  # degrees, to 0.1°; both or none
    longitude: float | None = None

    def __str__(self) -> str:
        position = "" if self.latitude is None else f"{self.latitude:.1f}°, {self.longitude:.1f}°"
        return " ".join(filter(None, (self.region, position)))


@dataclass(frozen=True, slots=True)
class LabelScan:
    at_ms: int
    place: Place
    scanner: Scanner
    device: bytes  # `device_hash` of its token; empty when it sent none


@dataclass(frozen=True, slots=True)
class ScanAlert:
    """A question about one label, and the two scans that raise it."""

    kind: AlertKind
    first: LabelScan
    second: LabelScan


def parse_place(region: str, latitude: float | None, longitude: float | None) -> Place:
    """The place, its coordinates rounded. Raises Invalid for what is no place on Earth."""
    if region and not _region(region):
        raise Invalid(f"region is {region[:20]!r}: write it as in ISO 3166, CN or CN-31")
    if latitude is None and longitude is None:
        return Place(region)
    if latitude is None or longitude is None:
        raise Invalid("give latitude and longitude together, or neither")
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise Invalid(f"{latitude}, {longitude}: latitude goes from -90 to 90, longitude from -180 to 180")
    return Place(region, round(latitude, 1), round(longitude, 1))


def device_hash(token: str) -> bytes:
    """What is kept of a device's token: 16 bytes; empty for no token. Raises Invalid for a very long one."""
    if len(token) > _DEVICE_LENGTH_MAX:
        raise Invalid(f"a device token of {len(token)} characters: at most {_DEVICE_LENGTH_MAX}")
    return sha256(b"suyuan-device\n" + token.encode()).digest()[:16] if token else b""


def find_alerts(scans: Sequence[LabelScan]) -> list[ScanAlert]:
    """At most one alert of each kind, the first of its kind, over scans in order of time."""
    found: dict[AlertKind, ScanAlert] = {}
    for alert in _alerts(scans):
        found.setdefault(alert.kind, alert)
    return list(found.values())


def distance_km(one: Place, other: Place) -> float | None:
    """Along the great circle; None when one of them has no coordinates. Source: the haversine formula."""
    if None in (one.latitude, one.longitude, other.latitude, other.longitude):
        return None
    degrees = (one.latitude, one.longitude, other.latitude, other.longitude)
    lat1, lon1, lat2, lon2 = (math.radians(value or 0.0) for value in degrees)
    half = math.sin((lat2 - lat1) / 2) ** 2
    half += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, half)))


def _alerts(scans: Sequence[LabelScan]) -> Iterator[ScanAlert]:
    devices: set[bytes] = set()
    for number, scan in enumerate(scans):
        for before in _recent(scans, number):
            if _is_too_fast(before, scan):
                yield ScanAlert("impossible_travel", before, scan)
            if _are_two_regions(before, scan):
                yield ScanAlert("two_regions", before, scan)
        devices |= {scan.device} - {b""}
        if len(devices) > DEVICES_MAX:
            yield ScanAlert("many_devices", scans[0], scan)


def _recent(scans: Sequence[LabelScan], number: int) -> Iterator[LabelScan]:
    """The scans before this one from which an airliner could not have come everywhere on Earth."""
    for before in reversed(scans[:number]):
        if scans[number].at_ms - before.at_ms > _HALF_WAY_ROUND_MS:
            return
        yield before


def _is_too_fast(before: LabelScan, after: LabelScan) -> bool:
    distance = distance_km(before.place, after.place)
    hours = (after.at_ms - before.at_ms) / _MS_PER_HOUR
    return distance is not None and distance > SLACK_KM + SPEED_KMH_MAX * hours


def _are_two_regions(before: LabelScan, after: LabelScan) -> bool:
    one, other = before.place.region, after.place.region
    # CN and CN-31 may be one place.
    differ = bool(one and other) and not (one.startswith(other) or other.startswith(one))
    same_device = before.device == after.device != b""
    return differ and not same_device and after.at_ms - before.at_ms <= REGIONS_MS
