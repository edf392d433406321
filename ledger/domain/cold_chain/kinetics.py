"""Two figures that weigh time and temperature: mean kinetic temperature, and used-up shelf life.

MKT (Haynes; USP <1160>): T_K = (ΔH/R) / −ln(Σ wᵢ·e^(−ΔH/(R·Tᵢ)) / Σ wᵢ), with ΔH = 83.144 kJ/mol and
R = 8.3144e-3 kJ/(mol·K). wᵢ is how long Tᵢ lasted; with equal times it is the formula of the book. It is not
meant for biologics, nor for what freezing spoils.

Decimal with a context of our own, so that everybody who computes a figure again gets the same digits.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache
from typing import Final, Literal

from ledger.domain.cold_chain.reading import from_milli
from ledger.domain.errors import Invalid

_C: Final = Context(prec=28)
_ZERO_KELVIN: Final = Decimal("273.15")
_GAS_CONSTANT: Final = Decimal("0.0083144")  # kJ/(mol·K)
_MKT_KELVIN: Final = Decimal("83.144") / _GAS_CONSTANT  # ΔH/R: 10,000 K
_MKT_STEP: Final = Decimal("0.0001")


@lru_cache(maxsize=8192)  # a shipment has a few hundred different temperatures
def decay(milli_celsius: int) -> Decimal:
    """e^(−ΔH/(R·T)), what a moment at this temperature adds to the sum of MKT. 0 at 0 K."""
    kelvin = from_milli(milli_celsius) + _ZERO_KELVIN
    return _C.exp(_C.divide(-_MKT_KELVIN, kelvin)) if kelvin else Decimal(0)


def add_decay(total: Decimal, milli_celsius: int, weight: int) -> Decimal:
    """`total`, and `weight` units of time more at this temperature."""
    return _C.fma(decay(milli_celsius), Decimal(weight), total)


def add(a: Decimal, b: Decimal) -> Decimal:
    return _C.add(a, b)


def mkt_of_sum(total: Decimal, weight: int) -> Decimal:
    """MKT in °C, rounded to 0.0001, from what `add_decay` summed up over `weight` units of time."""
    if not total:
        return -_ZERO_KELVIN
    kelvin = _C.divide(_MKT_KELVIN, -_C.ln(_C.divide(total, Decimal(weight))))
    return _C.quantize(kelvin - _ZERO_KELVIN, _MKT_STEP)


def mean_kinetic_temperature(spells: Iterable[tuple[int, int]]) -> Decimal:
    """MKT in °C, rounded to 0.0001, of (thousandths of °C, how long). Raises Invalid when no time passed."""
    total, weight = Decimal(0), 0
    for milli_celsius, lasted in spells:
        total = add_decay(total, milli_celsius, lasted)
        weight += lasted
    if weight <= 0:
        raise Invalid("a mean kinetic temperature needs at least one reading that lasted")
    return mkt_of_sum(total, weight)


@dataclass(frozen=True, slots=True)
class ShelfLife:
    """A MODEL of ageing, no measurement: how much faster life is used up than at the reference temperature.

    "q10": q10 times as fast each 10 °C up. "arrhenius": by the activation energy. Both hold only near the
    temperatures at which the maker tested them.
    """

    model: Literal["q10", "arrhenius"]
    life_ms: int  # at the reference temperature
    reference_milli: int
    factor: Decimal  # q10, or the activation energy in kJ/mol

    def __post_init__(self) -> None:
        if self.life_ms <= 0 or self.factor <= 0:
            raise Invalid("shelf life: life and factor should be greater than 0")


@lru_cache(maxsize=8192)
def ageing_rate(life: ShelfLife, milli_celsius: int) -> Decimal:
    """How many times as fast as at the reference temperature."""
    if life.model == "q10":
        return _C.power(
            life.factor, _C.divide(Decimal(milli_celsius - life.reference_milli), Decimal(10_000))
        )
    kelvin, reference = (from_milli(m) + _ZERO_KELVIN for m in (milli_celsius, life.reference_milli))
    if not kelvin or not reference:
        return Decimal(0)
    inverse = _C.subtract(_C.divide(Decimal(1), reference), _C.divide(Decimal(1), kelvin))
    return _C.exp(_C.multiply(_C.divide(life.factor, _GAS_CONSTANT), inverse))


def add_ageing(used_ms: Decimal, life: ShelfLife, milli_celsius: int, lasted_ms: int) -> Decimal:
    """`used_ms` of life at the reference temperature, and what `lasted_ms` at this one used up."""
    return _C.fma(ageing_rate(life, milli_celsius), Decimal(lasted_ms), used_ms)


@dataclass(frozen=True, slots=True)
class ShelfLifeEstimate:
    """What the model says. With time unknown it is an upper bound: nobody knows how warm it was then."""

    model: Literal["q10", "arrhenius"]
    remaining_ms: int  # at the reference temperature, never below 0
    unknown_ms: int  # time without data, not aged at all


def estimate_shelf_life(life: ShelfLife, used_ms: Decimal, unknown_ms: int) -> ShelfLifeEstimate:
    return ShelfLifeEstimate(life.model, max(0, life.life_ms - int(used_ms)), unknown_ms)
