"""Months begin and end where UTC says."""

import pytest

from ledger.domain.errors import Invalid
from ledger.domain.month import Month

MARCH_MS = 1_772_323_200_000  # 2026-03-01T00:00:00Z


def test_a_month_has_its_first_millisecond_and_not_the_next_months() -> None:
    assert Month.of(MARCH_MS - 1) == Month(2026, 2)
    assert Month.of(MARCH_MS) == Month(2026, 3)
    assert Month(2026, 3).start_ms == Month(2026, 2).next.start_ms == MARCH_MS


def test_january_follows_december() -> None:
    assert Month(2026, 12).next == Month(2027, 1)
    assert Month(2026, 12) < Month(2027, 1)


def test_a_month_reads_as_it_is_written() -> None:
    assert Month.parse("2026-03") == Month(2026, 3)
    assert str(Month(2026, 3)) == "2026-03"


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-3", "2026-13", "2026-00", "0000-01", "2026-03-01", "２026-03"]
)
def test_anything_else_is_no_month(text: str) -> None:
    with pytest.raises(Invalid, match="such as 2026-03"):
        Month.parse(text)
