"""What is offered after a scan, and when a cold chain counts as kept."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ledger.domain.events import AggregationEvent, AssociationEvent, Event, ObjectEvent, Quantity
from ledger.domain.next_steps import (
    ALL_STEPS,
    ColdChain,
    is_class,
    judge_cold_chain,
    likely_steps,
    parent_of,
)
from ledger.domain.temperature import Reading, TemperatureRange

VIAL = "https://id.gs1.org/01/09506000134352/21/S1"
LOT = "https://id.gs1.org/01/09506000134352/10/L1"
CASE, PALLET = "https://id.gs1.org/00/095060000000000015", "https://id.gs1.org/00/095060000000000022"
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
COLD = TemperatureRange(Decimal(2), Decimal(8))


def step(biz_step: str | None, action: str = "OBSERVE", **fields: object) -> Event:
    base = ObjectEvent(event_time=NOON, time_zone_offset="+08:00", epcs=(VIAL,), biz_step=biz_step)
    return replace(base, action=action, **fields)  # type: ignore[arg-type]


def packed(action: str, parent: str | None, *children: str) -> AggregationEvent:
    return AggregationEvent(
        event_time=NOON,
        time_zone_offset="+08:00",
        action=action,  # type: ignore[arg-type]
        parent_id=parent,
        child_epcs=children,
    )


def reading(low: int, high: int) -> Reading:
    return Reading(Decimal(low), Decimal(high), NOON + timedelta(hours=1))


MADE = step("commissioning", "ADD")


def test_an_item_that_nobody_recorded_is_offered_every_step() -> None:
    assert likely_steps([], [], None) == ALL_STEPS


@pytest.mark.parametrize("left", ["shipping", "departing", "transporting", "loading"])
def test_what_set_off_arrives_next_and_does_not_depart_again(left: str) -> None:
    steps = likely_steps([MADE, step(left)], [], None)
    assert steps[0] == "arriving"
    assert "departing" not in steps


def test_what_arrived_departs_next() -> None:
    events = [MADE, step("shipping"), step("inspecting"), step("receiving")]
    assert likely_steps(events, events, None)[0] == "departing"


def test_an_item_travels_with_what_holds_it() -> None:
    assert likely_steps([MADE], [MADE, step("shipping", epcs=(CASE,))], CASE)[0] == "arriving"


def test_only_what_is_packed_can_be_unpacked() -> None:
    inside, loose = likely_steps([MADE], [], CASE), likely_steps([MADE], [], None)
    assert "unpacking" in inside
    assert "packing" not in inside
    assert "packing" in loose
    assert "unpacking" not in loose


@pytest.mark.parametrize(
    "end",
    [
        step("destroying"),
        step("decommissioning"),
        step(None, disposition="destroyed"),
        step("other", "DELETE"),
    ],
)
def test_nothing_comes_after_the_end(end: Event) -> None:
    assert likely_steps([MADE, end, step("receiving")], [], None) == ()


def test_the_end_of_what_held_it_is_not_its_own_end() -> None:
    assert likely_steps([MADE], [MADE, step("destroying", epcs=(CASE,))], None) != ()


def test_the_parent_is_the_last_that_it_was_put_into() -> None:
    assert parent_of(VIAL, [MADE]) is None
    assert parent_of(VIAL, [packed("ADD", CASE, VIAL)]) == CASE
    assert parent_of(VIAL, [packed("ADD", CASE, VIAL), packed("DELETE", CASE, VIAL)]) is None
    assert parent_of(VIAL, [packed("ADD", CASE, VIAL), packed("DELETE", CASE)]) is None
    assert parent_of(VIAL, [packed("ADD", CASE, VIAL), packed("DELETE", PALLET)]) == CASE
    assert parent_of(VIAL, [packed("ADD", CASE, VIAL), packed("ADD", PALLET, VIAL)]) == PALLET


def test_holding_others_is_not_being_held() -> None:
    assert parent_of(CASE, [packed("ADD", CASE, VIAL)]) is None


def test_a_lot_is_packed_by_its_quantity() -> None:
    event = replace(packed("ADD", CASE), child_quantities=(Quantity(LOT),))
    assert parent_of(LOT, [event]) == CASE


def test_a_sensor_that_is_attached_packs_nothing() -> None:
    event = AssociationEvent(
        event_time=NOON, time_zone_offset="+08:00", action="ADD", parent_id=CASE, child_epcs=(VIAL,)
    )
    assert parent_of(VIAL, [event]) is None


def test_a_lot_is_a_class_and_a_serial_is_none() -> None:
    assert is_class(LOT)
    assert is_class("https://id.gs1.org/01/09506000134352")
    assert not is_class(VIAL)
    assert not is_class(CASE)


def test_no_data_is_never_in_range() -> None:
    assert judge_cold_chain([], [], COLD, complete=True) is ColdChain.NO_DATA
    assert judge_cold_chain([reading(3, 4)], [], None, complete=True) is ColdChain.NO_RANGE
    assert judge_cold_chain([reading(3, 4)], [], COLD, complete=False) is ColdChain.INCOMPLETE
    assert judge_cold_chain([reading(3, 4)], [], COLD, complete=True) is ColdChain.IN_RANGE


def test_one_excursion_counts_whatever_else_is_missing() -> None:
    warm = reading(3, 12)
    assert judge_cold_chain([], [warm], None, complete=False) is ColdChain.OUT_OF_RANGE
    assert judge_cold_chain([warm], [warm], COLD, complete=True) is ColdChain.OUT_OF_RANGE
