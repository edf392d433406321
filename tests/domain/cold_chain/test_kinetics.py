import math
from decimal import Decimal

import pytest

from ledger.domain.cold_chain.kinetics import (
    ShelfLife,
    add_ageing,
    ageing_rate,
    estimate_shelf_life,
    mean_kinetic_temperature,
)
from ledger.domain.errors import Invalid

DAY_MS = 86_400_000


# Computed outside this program from the formula of USP <1160>.
@pytest.mark.parametrize(
    ("spells", "celsius"),
    [
        ([(5, 1)], "5.0000"),
        ([(2, 1), (8, 1)], "5.5364"),
        ([(5, 23), (25, 1)], "7.7564"),
        ([(20, 1), (25, 1), (30, 1)], "25.8582"),
        ([(-18, 95), (-5, 5)], "-16.3605"),
    ],
)
def test_the_mean_kinetic_temperature_is_that_of_the_book(
    spells: list[tuple[int, int]], celsius: str
) -> None:
    assert mean_kinetic_temperature((1000 * c, lasted) for c, lasted in spells) == Decimal(celsius)


def test_the_mean_kinetic_temperature_of_no_time_is_refused() -> None:
    with pytest.raises(Invalid, match="at least one reading that lasted"):
        mean_kinetic_temperature([(5000, 0)])


def test_absolute_zero_ages_nothing_and_is_no_division_by_zero() -> None:
    assert mean_kinetic_temperature([(-273_150, 1)]) == Decimal("-273.15")
    arrhenius = ShelfLife("arrhenius", DAY_MS, 5000, Decimal(80))
    assert ageing_rate(arrhenius, -273_150) == 0


@pytest.mark.parametrize(("celsius", "rate"), [(5, 1), (15, 3), (25, 9), (-5, Decimal(1) / 3)])
def test_q10_multiplies_the_rate_each_ten_degrees(celsius: int, rate: Decimal) -> None:
    life = ShelfLife("q10", DAY_MS, 5000, Decimal(3))
    assert ageing_rate(life, 1000 * celsius) == pytest.approx(rate)


def test_arrhenius_is_one_at_the_reference_and_follows_the_energy() -> None:
    life = ShelfLife("arrhenius", DAY_MS, 25_000, Decimal("83.144"))
    assert ageing_rate(life, 25_000) == 1
    assert float(ageing_rate(life, 35_000)) == pytest.approx(math.exp(10_000 * (1 / 298.15 - 1 / 308.15)))


def test_remaining_life_falls_to_zero_and_not_below() -> None:
    life = ShelfLife("q10", 10 * DAY_MS, 5000, Decimal(2))
    used = add_ageing(Decimal(0), life, 15_000, 4 * DAY_MS)
    assert estimate_shelf_life(life, used, 0).remaining_ms == 2 * DAY_MS
    assert estimate_shelf_life(life, used * 2, 0).remaining_ms == 0


def test_a_shelf_life_of_nothing_is_refused() -> None:
    with pytest.raises(Invalid, match="greater than 0"):
        ShelfLife("q10", 0, 5000, Decimal(3))
