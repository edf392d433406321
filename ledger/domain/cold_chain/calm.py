"""Many readings folded at once: nearly all of them are in range and change nothing but sums.

A reading is calm when no rule has a breach, it is out by none, the one before it still stood, and no window
of MKT ended since. Nothing is found by calm readings, and those of two quantities do not touch each other.
So their sums are kept in plain numbers until one comes that is not calm, which is for `fold`. The watch is
the one, digit for digit, that `fold` makes of each in turn.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from ledger.domain.cold_chain.kinetics import add_ageing, add_decay
from ledger.domain.cold_chain.profile import Profile
from ledger.domain.cold_chain.reading import Quantity, Reading
from ledger.domain.cold_chain.watch import Found, Series, Tally, Warmth, Watch, fold

_FAR: Final = 10**18  # beyond every value and every time


def fold_all(
    profile: Profile, readings: Iterable[Reading], watch: Watch | None = None
) -> tuple[Watch, tuple[Found, ...]]:
    """As `fold` for many readings, which are in order of time."""
    watch, found = watch or Watch(), list[Found]()
    stretch = _Stretch(profile, watch)
    for reading in readings:
        if not stretch.takes(reading):
            watch, new = fold(profile, stretch.watch(), reading)
            found += new
            stretch = _Stretch(profile, watch)
    return stretch.watch(), tuple(found)


class _Stretch:
    """Calm readings that follow a watch."""

    def __init__(self, profile: Profile, watch: Watch) -> None:
        self._profile, self._watch = profile, watch
        self._sums: Mapping[Quantity, _Sum] = {}
        if not any(tally.breach for tally in watch.tallies.values()):
            self._sums = {q: _Sum(profile, watch, q, series) for q, series in watch.series.items()}

    def takes(self, reading: Reading) -> bool:
        """Count the reading in when it is calm."""
        of_quantity = self._sums.get(reading.quantity)
        return of_quantity is not None and of_quantity.takes(reading)

    def watch(self) -> Watch:
        """The watch with all that was counted in."""
        counted = {q: of_quantity for q, of_quantity in self._sums.items() if of_quantity.count}
        if not counted:
            return self._watch
        series = {q: of_quantity.series() for q, of_quantity in counted.items()}
        rules = (rule.name for rule in self._profile.rules if rule.quantity in counted)
        watch = replace(
            self._watch,
            series={**self._watch.series, **series},
            tallies={**dict.fromkeys(rules, Tally()), **self._watch.tallies},
        )
        warm = counted.get("temperature")
        return watch if warm is None else replace(watch, warmth=warm.warmth(), aged_ms=warm.aged_ms)


class _Sum:
    """What calm readings of one quantity add up to."""

    def __init__(self, profile: Profile, watch: Watch, quantity: Quantity, series: Series) -> None:
        is_thermal = quantity == "temperature"
        self._hold_ms = profile.hold_ms
        self._life, self._mkt = (profile.shelf_life, profile.mkt) if is_thermal else (None, None)
        self._lowest, self._highest = _range(profile, quantity)
        self._window = series.until_ms // self._mkt.window_ms if self._mkt else 0
        self._window_end_ms = (self._window + 1) * self._mkt.window_ms if self._mkt else _FAR
        self._first_ms, self._gap_ms, self._count_before = series.first_ms, series.gap_ms, series.count
        self._at_ms, self._until_ms, self._milli = series.at_ms, series.until_ms, series.milli
        self._min, self._max, self._known_ms = series.milli_min, series.milli_max, series.known_ms
        has_begun = bool(watch.warmth) and watch.warmth[-1].window == self._window
        self._earlier = watch.warmth[:-1] if has_begun else watch.warmth
        self._warm_ms = watch.warmth[-1].known_ms if has_begun else 0
        self._decayed = watch.warmth[-1].decayed if has_begun else Decimal(0)
        self.aged_ms = watch.aged_ms
        self.count = 0

    def takes(self, reading: Reading) -> bool:
        at_ms, milli = reading.at_ms, reading.milli
        lasted_ms = at_ms - self._until_ms
        is_in_order = lasted_ms >= 0 and at_ms > self._at_ms
        stands = at_ms <= self._at_ms + self._hold_ms and at_ms < self._window_end_ms
        if not (is_in_order and stands and self._lowest <= milli <= self._highest):
            return False
        if lasted_ms and self._life:
            self.aged_ms = add_ageing(self.aged_ms, self._life, self._milli, lasted_ms)
        if lasted_ms and self._mkt:
            self._decayed = add_decay(self._decayed, self._milli, lasted_ms)
            self._warm_ms += lasted_ms
        self._known_ms += lasted_ms
        self._at_ms = self._until_ms = at_ms
        self._milli = milli
        self._min, self._max = min(self._min, milli), max(self._max, milli)
        self.count += 1
        return True

    def series(self) -> Series:
        return Series(
            self._first_ms,
            self._at_ms,
            self._milli,
            self._until_ms,
            self._count_before + self.count,
            self._min,
            self._max,
            self._known_ms,
            self._gap_ms,
        )

    def warmth(self) -> tuple[Warmth, ...]:
        last = (Warmth(self._window, self._warm_ms, self._decayed),) if self._warm_ms else ()
        return (*self._earlier, *last)


def _range(profile: Profile, quantity: Quantity) -> tuple[int, int]:
    """The lowest and the highest value that is out by no rule while there is no breach."""
    lowest, highest = -_FAR, _FAR
    for rule in profile.rules:
        if rule.quantity == quantity:
            match rule.bound.comparison:
                case "above":
                    highest = min(highest, rule.bound.milli)
                case "at_least":
                    highest = min(highest, rule.bound.milli - 1)
                case "below":
                    lowest = max(lowest, rule.bound.milli)
                case "at_most":
                    lowest = max(lowest, rule.bound.milli + 1)
    return lowest, highest
