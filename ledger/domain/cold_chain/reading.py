"""What a sensor says: one value of one quantity at one moment.

Values are whole thousandths of the quantity's unit: exact, small in a table and the same bytes everywhere
when they are signed and hashed. Times are milliseconds since 1970, UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Final, Literal, cast

from ledger.domain.errors import Invalid

Quantity = Literal["temperature", "humidity", "light", "shock", "door"]


@dataclass(frozen=True, slots=True)
class Unit:
    """How a quantity is measured. `milli_min` and `milli_max` are what nature allows."""

    symbol: str
    rec_20: str  # UN/ECE Recommendation 20
    milli_min: int
    milli_max: int


_MILLI_MAX: Final = 10**12

QUANTITIES: Final[Mapping[Quantity, Unit]] = MappingProxyType(
    {
        "temperature": Unit("°C", "CEL", -273_150, 2_000_000),
        "humidity": Unit("% RH", "P1", 0, 100_000),
        "light": Unit("lx", "LUX", 0, _MILLI_MAX),
        "shock": Unit("g", "K40", 0, _MILLI_MAX),  # K40: standard acceleration of free fall
        "door": Unit("", "C62", 0, 1000),  # 0 closed, 1 open
    }
)


@dataclass(frozen=True, slots=True, order=True)
class Reading:
    """Raises Invalid for a value that the quantity cannot have."""

    at_ms: int
    quantity: Quantity
    milli: int

    def __post_init__(self) -> None:
        unit = QUANTITIES[self.quantity]
        if not unit.milli_min <= self.milli <= unit.milli_max:
            raise Invalid(
                f"{self.quantity} {show(self.milli)}: should lie between {show(unit.milli_min)} and "
                f"{show(unit.milli_max)} {unit.symbol}".rstrip()
            )


def parse_quantity(text: object) -> Quantity:
    """Raises Invalid naming those there are."""
    if text not in QUANTITIES:
        raise Invalid(f"quantity {text!r}: there are {', '.join(QUANTITIES)}")
    return cast(Quantity, text)


def to_milli(value: Decimal | int | str) -> int:
    """A value in thousandths. Raises Invalid for no number, and for one that thousandths cannot hold."""
    try:
        milli = Decimal(value) * 1000
    except InvalidOperation:
        milli = Decimal("NaN")
    if not milli.is_finite() or abs(milli) > _MILLI_MAX or milli != int(milli):
        raise Invalid(f"{value!s}: should be a number with at most three decimals")
    return int(milli)


def from_milli(milli: int) -> Decimal:
    return Decimal(milli).scaleb(-3)


def show(milli: int) -> str:
    """The value without trailing zeros: 8.5, -18, 0."""
    return f"{from_milli(milli).normalize():f}"
