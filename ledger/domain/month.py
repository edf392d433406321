"""Calendar months, by which what was recorded is kept and archived. All are of UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ledger.domain.errors import Invalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    year: int
    number: int  # 1 to 12

    @staticmethod
    def of(ms: int) -> "Month":
        """The month of a moment, in milliseconds since 1970."""
        moment = _EPOCH + timedelta(milliseconds=ms)
        return Month(moment.year, moment.month)

    @staticmethod
    def parse(text: str) -> "Month":
        """The month "2026-03". Raises Invalid for anything else."""
        found = _TEXT.fullmatch(text)
        if found is None or found[1] == "0000":
            raise Invalid(f"month {text!r}: write it as year and month, such as 2026-03")
        return Month(int(found[1]), int(found[2]))

    @property
    def start_ms(self) -> int:
        return (datetime(self.year, self.number, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)

    @property
    def next(self) -> "Month":
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"
