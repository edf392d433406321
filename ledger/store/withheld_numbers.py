"""Numbers of messages that were removed by policy, which stay used.

They are kept as stretches from one number to another, which are few, as carriers count up.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, and_, delete, or_, select

from ledger.store import tables
from ledger.store.bulk import insert_rows

_NUMBERS = tables.withheld_numbers.c
_STRETCH = select(_NUMBERS.first, _NUMBERS.last)


def withheld_among(connection: Connection, carrier_id: str, sequences: Sequence[int]) -> set[int]:
    """Which of these numbers, at least one, a message had that was removed by policy."""
    near = (_NUMBERS.first <= max(sequences), _NUMBERS.last >= min(sequences))
    found = connection.execute(_STRETCH.where(_NUMBERS.carrier_id == carrier_id, *near))
    stretches = [range(first, last + 1) for first, last in found]
    return {number for number in sequences if any(number in stretch for stretch in stretches)}


def add_numbers(connection: Connection, carrier_id: str, numbers: Iterable[int]) -> None:
    """Add them as stretches, grown together with those that they touch; hold the carrier's lock."""
    for first, last in _stretches(numbers):
        touching = and_(
            _NUMBERS.carrier_id == carrier_id, or_(_NUMBERS.last == first - 1, _NUMBERS.first == last + 1)
        )
        ends = [first, last]
        for stretch in connection.execute(_STRETCH.where(touching)):
            ends += stretch
        connection.execute(delete(tables.withheld_numbers).where(touching))
        insert_rows(connection, tables.withheld_numbers, [(carrier_id, min(ends), max(ends))])


def _stretches(numbers: Iterable[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return found
