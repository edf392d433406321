"""The curve of a temperature report, drawn with lines and areas, and the words on its paper."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from labels.paper import GREY, INNER, MARGIN, Colour, Paper
from ledger.domain.cold_chain.curve import Band, bands
from ledger.domain.cold_chain.reading import QUANTITIES, Quantity, show
from ledger.domain.identifiers import class_uri, element_string
from ledger.domain.master_data import MasterData
from ledger.shipment import Shipment, Stretch
from ledger.words import REPORT, Language

GREEN: Final[Colour] = (0.11, 0.42, 0.35)
_BOUND: Final[Colour] = (0.36, 0.62, 0.55)
_BAND: Final[Colour] = (0.88, 0.95, 0.91)
RED: Final[Colour] = (0.64, 0.125, 0.09)
_PINK: Final[Colour] = (0.96, 0.86, 0.85)
_HATCH: Final[Colour] = (0.6, 0.64, 0.71)
_LILAC: Final[Colour] = (0.29, 0.235, 0.55)
_GRID: Final[Colour] = (0.85, 0.88, 0.87)


@dataclass(frozen=True, slots=True)
class Wording:
    """What is written, in one language and one time zone."""

    language: Language
    zone: timezone
    known: Mapping[str, MasterData]

    def say(self, key: str, **blanks: object) -> str:
        chinese, english = REPORT[key]
        return self.pick(chinese, english).format(**blanks)

    def pick(self, chinese: str, english: str) -> str:
        return (chinese or english) if self.language == "zh" else (english or chinese)

    def time(self, at_ms: int | None) -> str:
        if at_ms is None:
            return self.say("still")
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms)
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M}"

    def lasting(self, milliseconds: int) -> str:
        minutes = round(milliseconds / 60_000)
        parts = (("days", minutes // 1440), ("hours", minutes // 60 % 24), ("minutes", minutes % 60))
        told = [self.say(unit, count=count) for unit, count in parts if count]
        return " ".join(told[:2]) or self.say("minutes", count=0)

    def value(self, milli: int | None, quantity: Quantity) -> str:
        return "–" if milli is None else f"{show(milli)} {QUANTITIES[quantity].symbol}".strip()

    def name(self, uri: str) -> str:
        """The registered name of an item or a place, with its city, and its identifier."""
        entry = self.known.get(uri) or self.known.get(class_uri(uri))
        if entry is None:
            return element_string(uri)
        city = self.pick(entry.details.get("city_zh", ""), entry.details.get("city", ""))
        return " · ".join(filter(None, (self.pick(entry.name_zh, entry.name), city, element_string(uri))))


class Chart:
    """One quantity of the whole shipment, 198 points high below the cursor of the paper."""

    def __init__(self, paper: Paper, shipment: Shipment, quantity: Quantity, words: Wording) -> None:
        self._paper = paper
        self._shipment = shipment
        self._quantity = quantity
        self._words = words
        self._stretches = [stretch for stretch in shipment.stretches if quantity in stretch.series]
        self._left, self._right = MARGIN + 30, MARGIN + INNER - 4
        self._top, self._bottom = paper.y + 26, paper.y + 198
        self._low, self._high = self._range()

    def draw(self) -> None:
        paper, words = self._paper, self._words
        width, height = self._right - self._left, self._bottom - self._top
        unit = QUANTITIES[self._quantity].symbol
        paper.put(MARGIN, self._top - 26, f"{words.say(self._quantity)} {unit}".strip(), 8, colour=GREY)
        paper.clip(self._left, self._top, width, height)
        for stretch in self._stretches:
            self._ground(stretch)
        for value in _steps(self._low, self._high):
            paper.line([(self._left, self._y(value)), (self._right, self._y(value))], 0.3, _GRID)
        for stretch in self._stretches:
            self._lines(stretch)
        paper.unclip()
        for value in _steps(self._low, self._high):
            paper.put(self._left - 4, self._y(value) - 4, show(value), 7.5, colour=GREY, align=1)
        self._marks()
        corners = [(self._left, self._top), (self._right, self._top), (self._right, self._bottom)]
        paper.line([*corners, (self._left, self._bottom), (self._left, self._top)], 0.6, GREY)
        self._times()
        paper.y = self._bottom + 16

    def _range(self) -> tuple[int, int]:
        values = []
        for stretch in self._stretches:
            _, curve = stretch.series[self._quantity]
            band = self._band(stretch)
            values += [milli for line in curve.stretches for _, milli in line]
            values += [milli for milli in (band.milli_low, band.milli_high) if milli is not None]
        low, high = min(values, default=0), max(values, default=1000)
        room = (high - low) // 10 or 1000
        return low - room, high + room

    def _band(self, stretch: Stretch) -> Band:
        return bands(stretch.leg.profile).get(self._quantity, Band(None, None))

    def _x(self, at_ms: int) -> float:
        shipment = self._shipment
        part = (at_ms - shipment.from_ms) / (shipment.to_ms - shipment.from_ms)
        return self._left + part * (self._right - self._left)

    def _y(self, milli: int) -> float:
        return self._bottom - (milli - self._low) / (self._high - self._low) * (self._bottom - self._top)

    def _edges(self, stretch: Stretch) -> tuple[float, float]:
        """The upper and lower edge of the band."""
        band = self._band(stretch)
        upper = self._top if band.milli_high is None else self._y(band.milli_high)
        return upper, self._bottom if band.milli_low is None else self._y(band.milli_low)

    def _ground(self, stretch: Stretch) -> None:
        paper, height = self._paper, self._bottom - self._top
        left, right = self._x(stretch.from_ms), self._x(stretch.to_ms)
        upper, lower = self._edges(stretch)
        paper.area(left, upper, right - left, lower - upper, _BAND)
        for excursion in stretch.excursions:
            start = self._x(excursion.began_ms)
            end = self._x(stretch.to_ms if excursion.closed_ms is None else excursion.closed_ms)
            paper.area(start, self._top, max(0.6, end - start), height, _PINK)
        for from_ms, to_ms in stretch.series[self._quantity][1].gaps:
            self._gap(self._x(from_ms), self._x(to_ms))
        for edge in (upper, lower):
            paper.line([(left, edge), (right, edge)], 0.6, _BOUND, dash="4 3")

    def _gap(self, left: float, right: float) -> None:
        paper, height = self._paper, self._bottom - self._top
        paper.clip(left, self._top, right - left, height)
        paper.area(left, self._top, right - left, height, (0.94, 0.945, 0.96))
        at = left - height
        while at < right:
            paper.line([(at, self._bottom), (at + height, self._top)], 0.4, _HATCH)
            at += 6
        paper.unclip()
        word = self._words.say("no_readings")
        if right - left > 45:
            paper.put((left + right) / 2, self._bottom - 14, word, 7.5, align=0.5)

    def _lines(self, stretch: Stretch) -> None:
        """The line in two colours: what lies in the band, and what lies outside."""
        upper, lower = self._edges(stretch)
        width = self._right - self._left
        parts = ((upper, lower, GREEN), (self._top, upper, RED), (lower, self._bottom, RED))
        for top, bottom, colour in parts:
            self._paper.clip(self._left, top, width, bottom - top)
            for line in stretch.series[self._quantity][1].stretches:
                self._paper.line([(self._x(at), self._y(milli)) for at, milli in line], 0.6, colour)
            self._paper.unclip()

    def _marks(self) -> None:
        """Custody as vertical marks, with the numbers that it has in its table."""
        taken = -1.0
        for number, custody in enumerate(self._shipment.custody, start=1):
            at = self._x(custody.at_ms)
            if not self._left <= at <= self._right:
                continue
            self._paper.line([(at, self._top - 4), (at, self._bottom)], 0.6, _LILAC)
            if at - 4 > taken:
                self._paper.put(at, self._top - 13, f"{number}", 7.5, colour=_LILAC, align=0.5)
                taken = at + 5

    def _times(self) -> None:
        span_ms = self._shipment.to_ms - self._shipment.from_ms
        for n in range(6):
            at_ms = self._shipment.from_ms + n * span_ms // 5
            align = 0.0 if n == 0 else 1.0 if n == 5 else 0.5
            x = self._x(at_ms)
            self._paper.line([(x, self._bottom), (x, self._bottom + 3)], 0.6, GREY)
            self._paper.put(x, self._bottom + 4, self._words.time(at_ms), 7, colour=GREY, align=align)


def _steps(low: int, high: int) -> list[int]:
    """Round values between, about six."""
    rough = max(1, (high - low) // 6)
    power = 10 ** (len(str(rough)) - 1)
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return list(range(-(-low // step) * step, high + 1, step))
