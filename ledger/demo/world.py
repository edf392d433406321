"""The demonstration's companies, places, products, documents and logger, as typed values.

The data are JSON files in `data/`, described in its README. Here they are only read: nobody's account, key
or prefix is made, and nothing is captured. Temperatures are degrees Celsius, coordinates degrees (WGS 84).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final

from ledger.domain.cold_chain.reading import Reading, to_milli
from ledger.domain.event_facts import to_ms
from ledger.ports import Role

_READING_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Company:
    """A party of the story. `gln` names it as an organisation; `company_prefix` begins its identifiers."""

    party_id: str
    name: str
    name_zh: str
    gln: str
    company_prefix: str
    role: Role

    @property
    def uri(self) -> str:
        """As source and destination lists name it."""
        return f"https://id.gs1.org/417/{self.gln}"


@dataclass(frozen=True, slots=True)
class Place:
    """A site, or a spot within one: read points and business locations. A ship has no coordinates."""

    uri: str
    name: str
    name_zh: str
    city: str
    city_zh: str
    latitude: Decimal | None = None
    longitude: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """A trade item with the storage range its maker allows, both ends included; None is an open end."""

    gtin: str
    name: str
    name_zh: str
    net_content: str
    celsius_min: Decimal | None = None
    celsius_max: Decimal | None = None

    @property
    def uri(self) -> str:
        return f"https://id.gs1.org/01/{self.gtin}"


@dataclass(frozen=True, slots=True)
class CompanyDocument:
    """An EPCISDocument (JSON-LD) as one company captures it."""

    path: str  # "vaccine/01-yunqi-commission.json"
    party_id: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class TripMessage:
    """What the logger sends at once: readings in order of time. Numbers that are left out never arrived."""

    number: int
    battery_percent: int
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class Trip:
    """A logger goes with goods: one company lends it, another watches the goods by it, from one moment until
    another."""

    carrier_id: str
    device: Mapping[str, str | int]  # members of an enrolment
    lent_by: str
    party_id: str  # who watches
    to: str
    profile: str
    from_ms: int
    until_ms: int
    after: str  # the document behind which it is told
    messages: tuple[TripMessage, ...]


@dataclass(frozen=True, slots=True)
class Highlights:
    """Canonical identifiers of the items worth opening first."""

    vial: str
    retail_pack: str
    pallet: str


@dataclass(frozen=True, slots=True)
class World:
    companies: tuple[Company, ...]
    places: tuple[Place, ...]
    products: tuple[Product, ...]
    documents: tuple[CompanyDocument, ...]  # in the order in which they are captured
    trip: Trip
    highlights: Highlights


def load_world() -> World:
    """All demonstration data, read from the package."""
    folder = files("ledger.demo") / "data"
    text = (folder / "world.json").read_text(encoding="utf-8")
    world = json.loads(text, parse_int=Decimal, parse_float=Decimal)
    trip = (folder / world["trip"]).read_text(encoding="utf-8")
    return World(
        companies=tuple(Company(**row) for row in world["companies"]),
        places=tuple(Place(**row) for row in world["places"]),
        products=tuple(Product(**row) for row in world["products"]),
        documents=tuple(
            CompanyDocument(**row, raw=(folder / row["path"]).read_bytes()) for row in world["documents"]
        ),
        trip=_read_trip(json.loads(trip, parse_float=Decimal)),
        highlights=Highlights(**world["highlights"]),
    )


def _read_trip(told: dict[str, Any]) -> Trip:
    begins, ends = told.pop("begins"), told.pop("ends")
    messages = tuple(_read_message(**row) for row in told.pop("messages"))
    return Trip(from_ms=_ms(begins), until_ms=_ms(ends), messages=messages, **told)


def _read_message(number: int, battery: int, begins: str, celsius: list[Decimal]) -> TripMessage:
    times = (datetime.fromisoformat(begins) + n * _READING_EVERY for n in range(len(celsius)))
    readings = (
        Reading(to_ms(at), "temperature", to_milli(value)) for at, value in zip(times, celsius, strict=True)
    )
    return TripMessage(number, battery, tuple(readings))


def _ms(text: str) -> int:
    return to_ms(datetime.fromisoformat(text))
