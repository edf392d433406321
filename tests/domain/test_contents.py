"""What was inside a thing during a while."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.domain.contents import ITEMS_MAX, Contents, contents
from ledger.domain.event_parser import parse_event
from ledger.domain.trace import LoggedEvent

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
PALLET, CASE, OTHER_CASE = (f"urn:test:{name}" for name in ("pallet", "case", "other-case"))
VIAL, OTHER_VIAL = "urn:test:vial", "urn:test:other-vial"
LOT = "https://id.gs1.org/01/09506000134352/10/L1"


class Packings:
    """A log of packings, each at a minute past noon."""

    def __init__(self) -> None:
        self._events: list[tuple[str, dict[str, Any]]] = []

    def add(self, minute: int, action: str, parent: str, *children: str, **fields: Any) -> "Packings":
        event = {
            "type": "AggregationEvent",
            "action": action,
            "parentID": parent,
            "childEPCs": list(children),
            "eventTime": (NOON + timedelta(minutes=minute)).isoformat(),
            "eventTimeZoneOffset": "+00:00",
            "eventID": f"urn:uuid:{len(self._events):032x}",
            **fields,
        }
        self._events.append((parent, event))
        return self

    def declare_wrong(self, number: int) -> "Packings":
        parent, event = self._events[number]
        declaration = {"declarationTime": NOON.isoformat(), "reason": "did_not_occur"}
        self._events.append((parent, event | {"errorDeclaration": declaration}))
        return self

    def of(self, uri: str) -> list[LoggedEvent]:
        return [
            LoggedEvent(index, parse_event(event))
            for index, (parent, event) in enumerate(self._events)
            if parent == uri
        ]

    def inside(self, since: int, until: int, uri: str = PALLET) -> Contents:
        window = NOON + timedelta(minutes=since), NOON + timedelta(minutes=until)
        return contents(uri, *window, self.of)

    def epcs(self, since: int, until: int, uri: str = PALLET) -> set[str]:
        found = self.inside(since, until, uri)
        assert found.complete
        return set(found.epcs)


def test_units_in_cases_on_a_pallet_are_inside_the_pallet() -> None:
    packed = Packings().add(0, "ADD", CASE, VIAL, OTHER_VIAL).add(1, "ADD", PALLET, CASE)
    assert packed.epcs(2, 3) == {CASE, VIAL, OTHER_VIAL}
    assert packed.epcs(2, 3, CASE) == {VIAL, OTHER_VIAL}
    assert packed.epcs(2, 3, VIAL) == set()


@pytest.mark.parametrize(
    ("since", "until", "is_inside"),
    [(0, 9, False), (0, 10, True), (15, 16, True), (19, 30, True), (20, 30, False), (0, 60, True)],
)
def test_what_was_inside_at_any_moment_of_the_while_was_inside(
    since: int, until: int, is_inside: bool
) -> None:
    packed = Packings().add(10, "ADD", PALLET, CASE).add(20, "DELETE", PALLET, CASE)
    assert (CASE in packed.epcs(since, until)) == is_inside


def test_a_unit_taken_out_of_the_case_before_the_case_came_was_not_on_the_pallet() -> None:
    packed = Packings().add(0, "ADD", CASE, VIAL, OTHER_VIAL).add(5, "DELETE", CASE, VIAL)
    packed.add(10, "ADD", PALLET, CASE)
    assert packed.epcs(0, 60) == {CASE, OTHER_VIAL}


def test_an_unpacking_that_names_nothing_unpacks_all() -> None:
    packed = Packings().add(0, "ADD", PALLET, CASE, OTHER_CASE).add(5, "DELETE", PALLET)
    assert packed.epcs(6, 7) == set()


def test_what_came_back_is_inside_again() -> None:
    packed = Packings().add(0, "ADD", PALLET, CASE).add(5, "DELETE", PALLET, CASE).add(9, "ADD", PALLET, CASE)
    assert (packed.epcs(6, 8), packed.epcs(6, 9)) == (set(), {CASE})


def test_a_packing_that_was_declared_in_error_packed_nothing() -> None:
    packed = Packings().add(0, "ADD", PALLET, CASE).declare_wrong(0)
    assert packed.epcs(1, 2) == set()


def test_goods_without_serials_are_inside_as_classes() -> None:
    packed = Packings().add(0, "ADD", CASE, childQuantityList=[{"epcClass": LOT, "quantity": 20}])
    packed.add(1, "ADD", PALLET, CASE)
    assert packed.inside(2, 3) == Contents((CASE,), (LOT,), True)


def test_a_ring_of_packings_ends() -> None:
    packed = Packings().add(0, "ADD", PALLET, CASE).add(1, "ADD", CASE, PALLET)
    assert packed.inside(2, 3).epcs == (CASE,)


def test_more_than_can_be_followed_is_said_to_be_incomplete() -> None:
    packed = Packings().add(0, "ADD", PALLET, *(f"urn:test:{n}" for n in range(ITEMS_MAX + 1)))
    found = packed.inside(1, 2)
    assert (len(found.epcs), found.complete) == (ITEMS_MAX, False)
