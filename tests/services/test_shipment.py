"""A shipment: legs of carriers by what the item was inside, their curves, and whose hands it went through."""

import pytest

from ledger.carriers import bind_carrier, enrol_carrier
from ledger.domain.cold_chain.reading import Reading
from ledger.domain.cold_chain.watch import Condition
from ledger.domain.decision import Decision
from ledger.domain.errors import Conflict, Invalid
from ledger.domain.telemetry import read_messages
from ledger.shipment import has_legs, look_up_shipment, record_decision
from ledger.telemetry import take_messages
from tests.carriers import LOGGER, degrees, public_of, reported
from tests.services.test_excursions import CASE, MINUTE, OTHER, VIAL, Shipment
from tests.services.world import SGTIN, SSCC, START_MS, World, seen

DOCK = "https://id.gs1.org/414/9506000134369"


@pytest.fixture
def shipment(world: World) -> Shipment:
    return Shipment(world)


def test_a_vial_shows_what_the_logger_on_its_pallet_measured(shipment: Shipment) -> None:
    shipment.measure(0, *[5] * 10, 9, 9, *[5] * 10)
    found = look_up_shipment(shipment.node, VIAL, START_MS, START_MS + 22 * MINUTE)
    (leg,) = found.stretches
    assert [via.uri for via in leg.leg.path] == [CASE, SSCC]
    told, curve = leg.series["temperature"]
    assert (told.count, told.milli_max, told.out_ms, told.gaps) == (22, 9000, 2 * MINUTE, 0)
    assert curve.stretches[0][0] == (START_MS, 5000)
    assert curve.gaps == ()
    assert [(e.rule, e.out_ms) for e in leg.excursions] == [("heat", 2 * MINUTE)]
    assert leg.condition is Condition.EXCURSION
    assert found.complete
    assert [has_legs(shipment.node, uri) for uri in (VIAL, SSCC, OTHER)] == [True, True, False]


def test_only_the_time_in_which_the_item_was_with_the_carrier_is_shown(shipment: Shipment) -> None:
    shipment.pack(CASE, VIAL, at="2026-11-22T16:05:30.000Z", action="DELETE")
    shipment.measure(0, 5, 5, 5, 5, 9, 9, 12, 5, 5)
    (leg,) = look_up_shipment(shipment.node, VIAL).stretches
    assert (leg.leg.from_ms, leg.leg.until_ms) == (START_MS, START_MS + 5 * MINUTE + 30_000)
    told, curve = leg.series["temperature"]
    assert (told.count, told.milli_max) == (6, 9000)
    assert all(at_ms < leg.leg.until_ms for line in curve.stretches for at_ms, _ in line)
    (excursion,) = leg.excursions  # it went on, and further out, without the vial
    assert (excursion.closed_ms, excursion.peak_milli, excursion.out_ms) == (leg.leg.until_ms, None, None)


def test_a_time_without_data_is_a_gap_and_never_in_range(shipment: Shipment) -> None:
    shipment.measure(0, 5, 5)
    shipment.measure(31, 5)
    whole = look_up_shipment(shipment.node, VIAL, START_MS, START_MS + 32 * MINUTE)
    told, curve = whole.stretches[0].series["temperature"]
    assert curve.gaps == ((START_MS + 11 * MINUTE, START_MS + 31 * MINUTE),)  # a reading stands ten minutes
    assert len(curve.stretches) == 2
    assert told.gap_ms == 20 * MINUTE
    assert whole.stretches[0].condition is Condition.NO_DATA
    part = look_up_shipment(shipment.node, VIAL, START_MS, START_MS + 5 * MINUTE)
    assert part.stretches[0].condition is Condition.IN_RANGE
    with pytest.raises(Invalid, match="the end should be later"):
        look_up_shipment(shipment.node, VIAL, START_MS, START_MS)


def test_two_carriers_one_after_another_are_two_legs(shipment: Shipment) -> None:
    world, node, key = shipment.world, shipment.node, shipment.key
    second = LOGGER.replace("LOGGER1", "LOGGER2")
    enrol_carrier(node, key, {"id": second, "key": public_of("two"), "model": "TL-2"})
    world.clock.now_ms = START_MS + 60 * MINUTE
    bind_carrier(node, key, LOGGER, "urn:truck:7", "frozen")
    bind_carrier(node, key, second, CASE, "vaccine-2-8")
    world.clock.now_ms += 60 * MINUTE
    found = look_up_shipment(node, VIAL)
    assert [(leg.leg.binding.carrier_id, leg.leg.from_ms, leg.leg.until_ms) for leg in found.stretches] == [
        (LOGGER, START_MS, START_MS + 60 * MINUTE),
        (second, START_MS + 60 * MINUTE, None),
    ]
    assert found.to_ms == world.clock.now_ms


def test_custody_is_each_step_at_a_place_of_the_item_and_of_what_it_was_inside(shipment: Shipment) -> None:
    world = shipment.world
    at_dock = {"readPoint": {"id": DOCK}, "eventTimeZoneOffset": "+00:00"}
    moved = {"epcList": [SSCC], "bizStep": "departing", "eventTime": "2026-11-22T17:00:00.000Z"}
    world.capture(seen("X", **(at_dock | moved)))
    world.capture(seen("V1", **(at_dock | {"eventTime": "2026-11-23T17:00:00.000Z"})))
    shipment.measure(0, 9, 9)
    found = look_up_shipment(shipment.node, VIAL).custody
    assert [(custody.event.biz_step, custody.place) for custody in found] == [
        ("departing", DOCK),
        ("receiving", DOCK),
    ]
    assert [via.uri for via in found[0].path] == [CASE, SSCC]


def test_more_readings_than_are_read_are_said_to_be_cut_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.shipment.READINGS_MAX", 3)
    shipment = Shipment(world)
    shipment.measure(0, 5, 5, 5, 5)
    shipment.report([Reading(START_MS + 26 * 60 * MINUTE, "temperature", 30_000)])
    found = look_up_shipment(shipment.node, VIAL)
    (leg,) = found.stretches
    assert not found.complete
    assert (leg.complete, leg.to_ms) == (False, START_MS + 24 * 60 * MINUTE)
    assert leg.series["temperature"][0].count == 4


def test_messages_that_tell_one_reading_twice_count_it_once(shipment: Shipment) -> None:
    shipment.measure(0, 5, 6)
    again = reported("one", 99, START_MS + MINUTE, *degrees(START_MS, 9, 9))
    take_messages(shipment.node, read_messages(again))
    (leg,) = look_up_shipment(shipment.node, SGTIN + "V1", START_MS, START_MS + 2 * MINUTE).stretches
    assert (leg.series["temperature"][0].count, leg.series["temperature"][0].milli_max) == (2, 6000)


def test_a_decision_is_recorded_once_and_stands_in_the_custody(shipment: Shipment) -> None:
    node, key = shipment.node, shipment.world.keys["carrier"]
    decision = Decision("reject", "9.5 °C", "Li")
    event_id = "urn:uuid:00000000-0000-4000-8000-000000000001"
    for _ in range(2):
        assert record_decision(node, key, VIAL, decision, "", event_id) == event_id
        shipment.world.clock.now_ms += MINUTE
    for uri, other in ((VIAL, Decision("accept", "9.5 °C", "Li")), (CASE, decision)):
        with pytest.raises(Conflict):
            record_decision(node, key, uri, other, "", event_id)
    assert [custody.decision for custody in look_up_shipment(node, VIAL).custody] == [decision]
