"""Profiles: what must hold, as data. `parse_profile` reads one from TOML and says what is wrong with it.

title = "Vaccines, 2–8 °C"
title_zh = "疫苗，2–8 °C"
source = "where the numbers are from"
hold_seconds = 1800         # so long a reading stands for what follows it; after that there is no data

[[rule]]                    # any number of them
name = "heat"
quantity = "temperature"    # humidity, light, shock, door
above = 8                   # or at_least, below, at_most: whether the bound itself is out
mode = "cumulative"         # instant, consecutive
delay_seconds = 36000       # so long out until it is an excursion
hysteresis = 0.5            # so far back inside until it is over

[[accuracy]]                # what sensors must do, at most `error` wrong from ... to ...
from = 0
to = 40
error = 0.5

[mkt]                       # mean kinetic temperature over the last `count` whole days (or hours), UTC
celsius_max = 25
window = "day"
count = 30

[shelf_life]                # a model; q10, or arrhenius with its energy in kJ/mol
model = "q10"
factor = 3
days = 365
reference = 5
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal, TypeVar, cast

from ledger.domain.cold_chain.kinetics import ShelfLife
from ledger.domain.cold_chain.reading import QUANTITIES, Quantity, parse_quantity, show, to_milli
from ledger.domain.errors import Invalid
from ledger.domain.temperature import TemperatureRange

Comparison = Literal["above", "at_least", "below", "at_most"]
Mode = Literal["instant", "consecutive", "cumulative"]

PROFILE_CHARACTERS_MAX: Final = 50_000
RULES_MAX: Final = 50
MKT_RULE: Final = "mkt"
"""The name of the rule that a profile's MKT limit is; no other has it."""

_COMPARISONS: Final[tuple[Comparison, ...]] = ("above", "at_least", "below", "at_most")
_WINDOWS_MS: Final = {"hour": 3_600_000, "day": 86_400_000}
_WINDOW_COUNT_MAX: Final = 400
_HOLD_SECONDS_MAX: Final = 86_400
_DELAY_SECONDS_MAX: Final = 10 * 366 * 86_400


@dataclass(frozen=True, slots=True)
class Bound:
    """A threshold, and the side on which a value is out; `at_least` and `at_most` count the threshold."""

    comparison: Comparison
    milli: int
    hysteresis_milli: int = 0

    def is_out(self, milli: int, *, was_out: bool = False) -> bool:
        """Whether the value is out; one that was out before stays so until it is back by the hysteresis."""
        edge = self.milli if not was_out else self.milli - self._side * self.hysteresis_milli
        beyond = (milli - edge) * self._side
        return beyond > 0 or (beyond == 0 and self.comparison in ("at_least", "at_most"))

    def worse(self, a: int, b: int) -> int:
        """The one of two values that is further out."""
        return max(a, b) if self._side > 0 else min(a, b)

    def is_certain(self, milli: int, error_milli: int) -> bool:
        """Whether the value is out even when the sensor was wrong by `error_milli`."""
        return self.is_out(milli - self._side * error_milli)

    @property
    def _side(self) -> int:
        return 1 if self.comparison in ("above", "at_least") else -1

    def __str__(self) -> str:
        sign = {"above": ">", "at_least": "≥", "below": "<", "at_most": "≤"}[self.comparison]
        return f"{sign} {show(self.milli)}"


@dataclass(frozen=True, slots=True)
class Rule:
    """An excursion opens when values were out for `delay_ms`: at once, at a stretch, or all together."""

    name: str
    quantity: Quantity
    bound: Bound
    mode: Mode
    delay_ms: int = 0


@dataclass(frozen=True, slots=True)
class AccuracyBand:
    """From one value to another, ends included, the sensor is at most `error_milli` wrong."""

    from_milli: int
    to_milli: int
    error_milli: int


@dataclass(frozen=True, slots=True)
class MktLimit:
    """The MKT over the last `count` whole windows must not be above `milli_max`."""

    milli_max: int
    window_ms: int
    count: int


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    title: str
    title_zh: str
    source: str
    hold_ms: int
    rules: tuple[Rule, ...]
    accuracy: tuple[AccuracyBand, ...] = ()
    mkt: MktLimit | None = None
    shelf_life: ShelfLife | None = None

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What must be measured for this profile to say anything."""
        thermal: tuple[Quantity, ...] = ("temperature",) if self.mkt or self.shelf_life else ()
        return tuple(dict.fromkeys((*(rule.quantity for rule in self.rules), *thermal)))


def profile_of_range(name: str, allowed: TemperatureRange, hold_ms: int) -> Profile:
    """The profile of a product that has a storage range alone: each value outside is an excursion."""
    ends: tuple[tuple[str, Comparison, Decimal | None], ...] = (
        ("cold", "below", allowed.celsius_min),
        ("heat", "above", allowed.celsius_max),
    )
    rules = tuple(
        Rule(rule, "temperature", Bound(comparison, to_milli(end)), "instant")
        for rule, comparison, end in ends
        if end is not None
    )
    return Profile(name, str(allowed), str(allowed), "master data", hold_ms, rules)


def error_at(bands: Sequence[AccuracyBand], milli: int) -> int | None:
    """How wrong a sensor of these bands may be at a value; None where they say nothing."""
    errors = [band.error_milli for band in bands if band.from_milli <= milli <= band.to_milli]
    return min(errors, default=None)


def unmet_bands(required: Sequence[AccuracyBand], sensor: Sequence[AccuracyBand]) -> tuple[AccuracyBand, ...]:
    """Those of the required bands that the sensor's own do not cover with errors as small."""
    return tuple(band for band in required if not _covers(sensor, band))


def _covers(sensor: Sequence[AccuracyBand], band: AccuracyBand) -> bool:
    reached = band.from_milli
    for own in sorted(sensor, key=lambda own: own.from_milli):
        if own.error_milli <= band.error_milli and own.from_milli <= reached:
            reached = max(reached, own.to_milli)
            if reached >= band.to_milli:
                return own.to_milli >= band.from_milli
    return False


# --------------------------------------------------------------------------- reading TOML


def parse_profile(name: str, text: str) -> Profile:
    """The profile that a TOML document describes; `name` is its name, and stands in errors.

    Raises Invalid naming the rule: an unknown, missing or wrong key, two rules of one name, no rule at all.
    """
    if len(text) > PROFILE_CHARACTERS_MAX:
        raise Invalid(f"{name}: {len(text):,} characters, a profile has at most {PROFILE_CHARACTERS_MAX:,}")
    try:
        # Numbers stay as they are written: 0.1 is no float.
        document = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise Invalid(f"{name}: not TOML: {error}") from error
    table = _Table(document, name)
    profile = Profile(
        name=name,
        title=table.text("title"),
        title_zh=table.text("title_zh"),
        source=table.text("source"),
        hold_ms=1000 * table.whole("hold_seconds", _HOLD_SECONDS_MAX),
        rules=tuple(map(_parse_rule, table.tables("rule"))),
        accuracy=tuple(map(_parse_band, table.tables("accuracy"))),
        mkt=table.within("mkt", _parse_mkt),
        shelf_life=table.within("shelf_life", _parse_shelf_life),
    )
    table.check_all_read()
    _check_rules(profile)
    return profile


_T = TypeVar("_T")
_ABSENT: Final = object()


class _Table:
    """One TOML table, whose keys are each read once; what is left is unknown."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self.where = where
        self._values = dict(values)

    def fail(self, key: str, found: object, expected: str) -> Invalid:
        said = "is missing" if found is _ABSENT else f"is {found!s}"
        return Invalid(f"{self.where}: {key} {said}; it should be {expected}")

    def take(self, key: str) -> Any:
        return self._values.pop(key, _ABSENT)

    def has(self, key: str) -> bool:
        return key in self._values

    def text(self, key: str) -> str:
        value = self.take(key)
        if not isinstance(value, str) or not value.strip() or len(value) > 300:
            raise self.fail(key, value, "a text of 1 to 300 signs")
        return value

    def choice(self, key: str, choices: Sequence[str]) -> str:
        value = self.take(key)
        if value not in choices:
            raise self.fail(key, value, f"one of {', '.join(choices)}")
        return cast(str, value)

    def number(self, key: str) -> Decimal:
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
            raise self.fail(key, value, "a number")
        return Decimal(value)

    def milli(self, key: str) -> int:
        value = self.number(key)
        try:
            return to_milli(value)
        except Invalid as error:
            raise self.fail(key, value, "a number with at most three decimals") from error

    def whole(self, key: str, highest: int) -> int:
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= highest:
            raise self.fail(key, value, f"a whole number from 1 to {highest}")
        return value

    def tables(self, key: str) -> list["_Table"]:
        found = self.take(key) if self.has(key) else []
        if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
            raise Invalid(f"{self.where}: write each {key} as [[{key}]]")
        if len(found) > RULES_MAX:
            raise Invalid(f"{self.where}: {len(found)} times [[{key}]], at most {RULES_MAX} fit")
        return [
            _Table(table, f"{self.where}: {table.get('name') or f'{key} {number}'}")
            for number, table in enumerate(found, start=1)
        ]

    def within(self, key: str, parse: Callable[["_Table"], _T]) -> _T | None:
        if not self.has(key):
            return None
        found = self.take(key)
        if not isinstance(found, dict):
            raise Invalid(f"{self.where}: write {key} as [{key}]")
        return parse(_Table(found, f"{self.where}: {key}"))

    def check_all_read(self) -> None:
        if self._values:
            raise Invalid(f"{self.where}: unknown {', '.join(sorted(self._values))}")


def _parse_rule(table: _Table) -> Rule:
    name = table.text("name")
    if name == MKT_RULE:
        raise Invalid(f"{table.where}: {MKT_RULE!r} is the name of the MKT limit; choose another")
    given = [comparison for comparison in _COMPARISONS if table.has(comparison)]
    if len(given) != 1:
        raise Invalid(
            f"{table.where}: give one of {', '.join(_COMPARISONS)}, found {', '.join(given) or 'none'}"
        )
    quantity = parse_quantity(table.choice("quantity", tuple(QUANTITIES)))
    threshold = table.milli(given[0])
    hysteresis = table.milli("hysteresis") if table.has("hysteresis") else 0
    if hysteresis < 0:
        raise table.fail("hysteresis", show(hysteresis), "0 or more")
    mode = cast(Mode, table.choice("mode", ("instant", "consecutive", "cumulative")))
    delay_seconds = 0 if mode == "instant" else table.whole("delay_seconds", _DELAY_SECONDS_MAX)
    table.check_all_read()
    return Rule(name, quantity, Bound(given[0], threshold, hysteresis), mode, 1000 * delay_seconds)


def _parse_band(table: _Table) -> AccuracyBand:
    band = AccuracyBand(table.milli("from"), table.milli("to"), table.milli("error"))
    table.check_all_read()
    if band.from_milli > band.to_milli or band.error_milli < 0:
        raise Invalid(f"{table.where}: from should not be above to, and error not below 0")
    return band


def _parse_mkt(table: _Table) -> MktLimit:
    window_ms = _WINDOWS_MS[table.choice("window", tuple(_WINDOWS_MS))]
    limit = MktLimit(table.milli("celsius_max"), window_ms, table.whole("count", _WINDOW_COUNT_MAX))
    table.check_all_read()
    return limit


def _parse_shelf_life(table: _Table) -> ShelfLife:
    model = cast(Literal["q10", "arrhenius"], table.choice("model", ("q10", "arrhenius")))
    life_ms = table.whole("days", 100 * 366) * 86_400_000
    life = ShelfLife(model, life_ms, table.milli("reference"), table.number("factor"))
    table.check_all_read()
    return life


def _check_rules(profile: Profile) -> None:
    names = [rule.name for rule in profile.rules]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Invalid(f"{profile.name}: two rules are called {', '.join(twice)}")
    if not names and not profile.mkt:
        raise Invalid(f"{profile.name}: a profile needs at least one [[rule]], or [mkt]")
