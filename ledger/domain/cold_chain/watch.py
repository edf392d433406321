"""The watch: readings of one thing folded, one after another, into what stands of its profile.

What holds at every moment, the definition that the tests hold this file to, second by second:

* A reading stands from its time until the next one of its quantity, but for `hold_ms` at most. After that
  there is no data, which is a state of its own: never in range, and never the end of an excursion.
* A value is out by the bound of a rule (`Bound.is_out`, with hysteresis). A breach begins at the first
  reading that is out and ends at the first that is not. Only time with data counts as time out.
* A breach is an excursion from the moment when the time out reaches the rule's delay: the time out of this
  breach (instant, consecutive), or of all breaches so far (cumulative).

A watch is a value: it can be written as JSON, read in another process and folded on, to the same end.
Readings of a quantity must come in order of time; who gets them late folds again from an earlier watch.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Literal

from ledger.domain.canonical_json import JsonValue
from ledger.domain.cold_chain.kinetics import (
    ShelfLifeEstimate,
    add,
    add_ageing,
    add_decay,
    estimate_shelf_life,
    mkt_of_sum,
)
from ledger.domain.cold_chain.profile import MKT_RULE, MktLimit, Profile, Rule
from ledger.domain.cold_chain.reading import Quantity, Reading, parse_quantity
from ledger.domain.errors import Invalid


class Condition(Enum):
    """How one quantity, or a whole profile, stands at a moment."""

    IN_RANGE = "in_range"
    OUT = "out"  # a value is out, not yet for as long as its rule allows
    NO_DATA = "no_data"
    EXCURSION = "excursion"


@dataclass(frozen=True, slots=True)
class Excursion:
    """A breach of one rule; an excursion proper once `opened_ms` is set."""

    rule: str
    began_ms: int  # the first reading that was out
    opened_ms: int | None  # when the delay was reached
    closed_ms: int | None  # the first reading that was not out any more
    peak_milli: int  # the value furthest out
    peak_ms: int
    out_ms: int = 0  # how long values were out
    gap_ms: int = 0  # how long there was no data meanwhile


@dataclass(frozen=True, slots=True)
class Change:
    """What a reading, or the time up to it, did to an excursion. `updated`: it went further out."""

    kind: Literal["opened", "updated", "closed"]
    excursion: Excursion


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without data, known to be over."""

    quantity: Quantity
    began_ms: int
    ended_ms: int


@dataclass(frozen=True, slots=True)
class Series:
    """All readings of one quantity, summed up. `until_ms` is how far time was counted."""

    first_ms: int
    at_ms: int
    milli: int
    until_ms: int
    count: int
    milli_min: int
    milli_max: int
    known_ms: int = 0
    gap_ms: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """How one rule stands. `spent_ms`: time out in breaches that are over, of a cumulative rule."""

    breach: Excursion | None = None
    spent_ms: int = 0


@dataclass(frozen=True, slots=True)
class Warmth:
    """The sum of MKT in one window of the profile's MKT limit: window number, known time, Σ w·e^(−ΔH/RT)."""

    window: int
    known_ms: int
    decayed: Decimal


@dataclass(frozen=True, slots=True)
class Watch:
    """What is known after the readings so far. Start with `Watch()`."""

    series: Mapping[Quantity, Series] = field(default_factory=dict)
    tallies: Mapping[str, Tally] = field(default_factory=dict)
    warmth: tuple[Warmth, ...] = ()  # the windows that still count, the oldest first
    aged_ms: Decimal = Decimal(0)  # used up shelf life, by the model


Found = Change | Gap


def fold(profile: Profile, watch: Watch, reading: Reading) -> tuple[Watch, tuple[Found, ...]]:
    """The watch with one reading more, and what it changed, in order of time.

    A quantity that the profile does not ask for is summed up all the same. Raises Invalid for a reading that
    is not later than the last one of its quantity.
    """
    last = watch.series.get(reading.quantity)
    found: list[Found] = []
    if last is None:
        series = Series(
            reading.at_ms, reading.at_ms, reading.milli, reading.at_ms, 1, reading.milli, reading.milli
        )
        watch = _put_series(watch, reading.quantity, series)
    else:
        if reading.at_ms <= last.at_ms or reading.at_ms < last.until_ms:
            raise Invalid(
                f"{reading.quantity} at {reading.at_ms} ms is not later than what was folded, "
                f"{max(last.at_ms, last.until_ms)} ms: fold again from an earlier watch"
            )
        watch, found = _count_time(profile, watch, reading.quantity, reading.at_ms)
        if (gap_from := last.at_ms + profile.hold_ms) < reading.at_ms:
            found.append(Gap(reading.quantity, gap_from, reading.at_ms))
        watch = _put_series(watch, reading.quantity, _with(watch.series[reading.quantity], reading))
    judged = [
        (rule, *_judge(rule, watch.tallies.get(rule.name, Tally()), reading))
        for rule in _rules(profile, reading)
    ]
    tallies = {rule.name: tally for rule, tally, _ in judged}
    found += [change for _, _, change in judged if change]
    return replace(watch, tallies={**watch.tallies, **tallies}), tuple(found)


def advance(profile: Profile, watch: Watch, now_ms: int) -> tuple[Watch, tuple[Found, ...]]:
    """The watch as it stands at `now_ms` when no further reading came until then.

    To look at, not to keep: a reading from before `now_ms` can no longer be folded into it.
    """
    found: list[Found] = []
    for quantity, series in watch.series.items():
        if series.until_ms < now_ms:
            watch, new = _count_time(profile, watch, quantity, now_ms)
            found += new
    return watch, tuple(found)


def unsettled_from(profile: Profile, watch: Watch) -> dict[str, int]:
    """Rule -> from when on a breach begins, or has begun, on which later readings have a bearing."""
    quantities: dict[str, Quantity] = {rule.name: rule.quantity for rule in profile.rules}
    found = {}
    for rule, quantity in (quantities | {MKT_RULE: parse_quantity("temperature")}).items():
        breach, series = watch.tallies.get(rule, Tally()).breach, watch.series.get(quantity)
        counted_ms = series.until_ms + 1 if series else 0
        found[rule] = breach.began_ms if breach else counted_ms
    return found


def condition_of(profile: Profile, watch: Watch, quantity: Quantity, now_ms: int) -> Condition:
    """How one quantity stands at `now_ms`, by what was counted so far: call `advance` first."""
    breaches = [
        tally.breach
        for rule in profile.rules
        if rule.quantity == quantity and (tally := watch.tallies.get(rule.name)) and tally.breach
    ]
    if quantity == "temperature" and (tally := watch.tallies.get(MKT_RULE)) and tally.breach:
        breaches.append(tally.breach)
    if any(breach.opened_ms is not None for breach in breaches):
        return Condition.EXCURSION
    series = watch.series.get(quantity)
    if series is None or not series.at_ms <= now_ms < series.at_ms + profile.hold_ms:
        return Condition.NO_DATA
    return Condition.OUT if breaches else Condition.IN_RANGE


_WORST: Final = (Condition.EXCURSION, Condition.NO_DATA, Condition.OUT, Condition.IN_RANGE)


def condition(profile: Profile, watch: Watch, now_ms: int) -> Condition:
    """The worst of what the profile asks for; in range only when all of it is measured and in range."""
    found = {condition_of(profile, watch, quantity, now_ms) for quantity in profile.quantities}
    return next(worst for worst in _WORST if worst in found)


def mkt_now(watch: Watch) -> Decimal | None:
    """MKT in °C over the windows that still count and the one under way; None while nothing is known."""
    return _mkt(watch.warmth)


def shelf_life_now(profile: Profile, watch: Watch) -> ShelfLifeEstimate | None:
    """What the profile's model says is left; None when it has none, or nothing was measured."""
    series = watch.series.get("temperature")
    if profile.shelf_life is None or series is None:
        return None
    return estimate_shelf_life(profile.shelf_life, watch.aged_ms, series.gap_ms)


# --------------------------------------------------------------------------- time passes


def _count_time(profile: Profile, watch: Watch, quantity: Quantity, to_ms: int) -> tuple[Watch, list[Found]]:
    """Count the time from the series' `until_ms` to `to_ms`, in which no reading came."""
    series = watch.series[quantity]
    known_to_ms = max(series.until_ms, min(to_ms, series.at_ms + profile.hold_ms))
    known_ms, gap_ms = known_to_ms - series.until_ms, to_ms - known_to_ms
    tallies, found = dict(watch.tallies), list[Found]()
    for rule in profile.rules:
        tally = tallies.get(rule.name)
        if rule.quantity == quantity and tally and tally.breach:
            breach, change = _lengthen(rule, tally, tally.breach, series.until_ms, known_ms, gap_ms)
            tallies[rule.name] = replace(tally, breach=breach)
            found += [change] if change else []
    counted = replace(
        series, until_ms=to_ms, known_ms=series.known_ms + known_ms, gap_ms=series.gap_ms + gap_ms
    )
    watch = replace(_put_series(watch, quantity, counted), tallies=tallies)
    if quantity == "temperature":
        watch, warm = _count_warmth(profile, watch, series, known_to_ms, to_ms)
        found += warm
    return watch, found


def _lengthen(
    rule: Rule, tally: Tally, breach: Excursion, from_ms: int, known_ms: int, gap_ms: int
) -> tuple[Excursion, Change | None]:
    missing_ms = rule.delay_ms - tally.spent_ms - breach.out_ms
    breach = replace(breach, out_ms=breach.out_ms + known_ms, gap_ms=breach.gap_ms + gap_ms)
    if breach.opened_ms is not None or missing_ms > known_ms:
        return breach, None
    breach = replace(breach, opened_ms=from_ms + missing_ms)
    return breach, Change("opened", breach)


def _count_warmth(
    profile: Profile, watch: Watch, series: Series, known_to_ms: int, to_ms: int
) -> tuple[Watch, list[Found]]:
    """Age the shelf life, add to the windows of MKT, and judge each window that ended."""
    if (life := profile.shelf_life) and (known_ms := known_to_ms - series.until_ms):
        watch = replace(watch, aged_ms=add_ageing(watch.aged_ms, life, series.milli, known_ms))
    found: list[Found] = []
    if (limit := profile.mkt) is None:
        return watch, found
    from_ms = series.until_ms
    while from_ms < to_ms:
        window = from_ms // limit.window_ms
        end_ms = min((window + 1) * limit.window_ms, to_ms)
        if lasted_ms := max(0, min(end_ms, known_to_ms) - from_ms):
            watch = replace(watch, warmth=_warm(watch.warmth, window, series.milli, lasted_ms))
        if end_ms == (window + 1) * limit.window_ms:
            warmth = tuple(w for w in watch.warmth if w.window > window - limit.count)
            tally, change = _judge_mkt(limit, watch.tallies.get(MKT_RULE, Tally()), _mkt(warmth), end_ms)
            # The next window has room for as many less one.
            warmth = tuple(w for w in warmth if w.window > window + 1 - limit.count)
            watch = replace(watch, warmth=warmth, tallies={**watch.tallies, MKT_RULE: tally})
            found += [change] if change else []
        if not watch.warmth and end_ms >= known_to_ms:
            break  # nothing is known of what follows, however long it is
        from_ms = end_ms
    return watch, found


def _warm(warmth: tuple[Warmth, ...], window: int, milli: int, lasted_ms: int) -> tuple[Warmth, ...]:
    last = warmth[-1] if warmth and warmth[-1].window == window else Warmth(window, 0, Decimal(0))
    rest = warmth[:-1] if warmth and warmth[-1].window == window else warmth
    return (*rest, Warmth(window, last.known_ms + lasted_ms, add_decay(last.decayed, milli, lasted_ms)))


def _mkt(warmth: Iterable[Warmth]) -> Decimal | None:
    known_ms, decayed = 0, Decimal(0)
    for window in warmth:
        known_ms, decayed = known_ms + window.known_ms, add(decayed, window.decayed)
    return mkt_of_sum(decayed, known_ms) if known_ms else None


def _judge_mkt(limit: MktLimit, tally: Tally, mkt: Decimal | None, at_ms: int) -> tuple[Tally, Change | None]:
    """The MKT at the end of a window; where nothing is known, all stays as it was."""
    if mkt is None:
        return tally, None
    milli = round(mkt * 1000)
    is_out = mkt * 1000 > limit.milli_max
    if tally.breach is None:
        if not is_out:
            return tally, None
        breach = Excursion(MKT_RULE, at_ms, at_ms, None, milli, at_ms)
        return Tally(breach), Change("opened", breach)
    breach = replace(tally.breach, out_ms=at_ms - tally.breach.began_ms)
    if not is_out:
        return Tally(), Change("closed", replace(breach, closed_ms=at_ms))
    if milli <= breach.peak_milli:
        return Tally(breach), None
    breach = replace(breach, peak_milli=milli, peak_ms=at_ms)
    return Tally(breach), Change("updated", breach)


# --------------------------------------------------------------------------- a reading comes


def _rules(profile: Profile, reading: Reading) -> Iterator[Rule]:
    return (rule for rule in profile.rules if rule.quantity == reading.quantity)


def _put_series(watch: Watch, quantity: Quantity, series: Series) -> Watch:
    return replace(watch, series={**watch.series, quantity: series})


def _with(series: Series, reading: Reading) -> Series:
    return replace(
        series,
        at_ms=reading.at_ms,
        milli=reading.milli,
        count=series.count + 1,
        milli_min=min(series.milli_min, reading.milli),
        milli_max=max(series.milli_max, reading.milli),
    )


def _judge(rule: Rule, tally: Tally, reading: Reading) -> tuple[Tally, Change | None]:
    breach = tally.breach
    if rule.bound.is_out(reading.milli, was_out=breach is not None):
        return _begin(rule, tally, reading) if breach is None else _go_on(rule, tally, breach, reading)
    if breach is None:
        return tally, None
    spent_ms = tally.spent_ms + breach.out_ms if rule.mode == "cumulative" else 0
    closed = replace(breach, closed_ms=reading.at_ms)
    return Tally(None, spent_ms), None if breach.opened_ms is None else Change("closed", closed)


def _begin(rule: Rule, tally: Tally, reading: Reading) -> tuple[Tally, Change | None]:
    at_ms = reading.at_ms
    opened_ms = at_ms if tally.spent_ms >= rule.delay_ms else None
    breach = Excursion(rule.name, at_ms, opened_ms, None, reading.milli, at_ms)
    return replace(tally, breach=breach), None if opened_ms is None else Change("opened", breach)


def _go_on(rule: Rule, tally: Tally, breach: Excursion, reading: Reading) -> tuple[Tally, Change | None]:
    if rule.bound.worse(breach.peak_milli, reading.milli) == breach.peak_milli:
        return tally, None
    breach = replace(breach, peak_milli=reading.milli, peak_ms=reading.at_ms)
    return replace(tally, breach=breach), None if breach.opened_ms is None else Change("updated", breach)


# --------------------------------------------------------------------------- as JSON


def watch_to_json(watch: Watch) -> dict[str, JsonValue]:
    """The watch for `watch_from_json`; nothing in it is rounded."""
    return {
        "series": {quantity: asdict(series) for quantity, series in watch.series.items()},
        "tallies": {name: asdict(tally) for name, tally in watch.tallies.items()},
        "warmth": [[w.window, w.known_ms, str(w.decayed)] for w in watch.warmth],
        "aged_ms": str(watch.aged_ms),
    }


def watch_from_json(value: Mapping[str, Any]) -> Watch:
    """What `watch_to_json` wrote. Raises Invalid for anything else."""
    try:
        return Watch(
            {parse_quantity(quantity): Series(**series) for quantity, series in value["series"].items()},
            {name: _tally_from_json(tally) for name, tally in value["tallies"].items()},
            tuple(
                Warmth(window, known_ms, Decimal(decayed)) for window, known_ms, decayed in value["warmth"]
            ),
            Decimal(value["aged_ms"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise Invalid(f"not a watch as it was written: {error}") from error


def _tally_from_json(value: Mapping[str, Any]) -> Tally:
    breach = value["breach"]
    return Tally(Excursion(**breach) if breach else None, value["spent_ms"])
