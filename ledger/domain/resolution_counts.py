"""How often identifiers were resolved, and how fast: by registered prefix, not by who asked or for which one.

Latencies are whole microseconds, from the request's arrival until its answer begins.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from ledger.domain.access import PrefixIndex
from ledger.domain.identifiers import scheme_of

Interface = Literal["gs1", "handles", "records", "resolve"]
"""By which door: the GS1 resolver, the Handle API, /records, or /resolve."""

Source = Literal["local", "cached", "peer"]
"""Whence the answer: from the database here, from memory, or from another node."""

Outcome = Literal["found", "not_found", "invalid", "refused", "failed"]

BOUNDS_US: Final = (500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000)
"""Inclusive upper bounds of the histogram's classes; one more class holds what took longer."""

OTHER_PREFIX: Final = "*"
"""Stands for the prefixes beyond those that are counted apart; no registered prefix is spelled so."""


class Counted(NamedTuple):
    """What resolutions are told apart by; a tuple, because one is made for each of them."""

    scheme: str  # "" when the identifier could not be read
    prefix: str  # the longest registered one; "" for none, and for the root of the scheme
    interface: Interface
    source: Source
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Tally:
    """How many, how long together, and how many in each class of the histogram."""

    count: int
    total_us: int
    classes: tuple[int, ...]

    def __post_init__(self) -> None:
        assert len(self.classes) == len(BOUNDS_US) + 1
        assert sum(self.classes) == self.count

    def __add__(self, other: "Tally") -> "Tally":
        classes = tuple(map(sum, zip(self.classes, other.classes, strict=True)))
        return Tally(self.count + other.count, self.total_us + other.total_us, classes)

    def bound_us(self, share: float) -> int | None:
        """Within which bound at least this share was answered; None when that takes the open class, or there
        was nothing."""
        wanted, reached = share * self.count, 0
        for bound, number in zip(BOUNDS_US, self.classes, strict=False):
            reached += number
            if reached and reached >= wanted:
                return bound
        return None


NOTHING: Final = Tally(0, 0, (0,) * (len(BOUNDS_US) + 1))


def class_of(microseconds: int) -> int:
    """In which class of the histogram a latency falls."""
    return bisect_left(BOUNDS_US, microseconds)


def counted_prefix(prefixes: PrefixIndex, uri: str) -> tuple[str, str]:
    """The scheme of a canonical URI, and the longest registered prefix above it, or ""."""
    above = prefixes.above(uri)
    return scheme_of(uri).name, above[0].text if above else ""


def outcome_of(status: int) -> Outcome:
    """What an HTTP status says."""
    if status < 400:
        return "found"
    if status >= 500:
        return "failed"
    return _OUTCOMES.get(status, "invalid")


_OUTCOMES: Final[dict[int, Outcome]] = {401: "refused", 403: "refused", 404: "not_found"}
