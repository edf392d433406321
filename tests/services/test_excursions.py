"""Excursions from signed readings to the history of every vial on the pallet."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from ledger.carriers import (
    bind_carrier,
    list_bindings,
    unbind_carrier,
)
from ledger.domain.cold_chain.reading import Reading
from ledger.domain.commitment import item_key
from ledger.domain.errors import NotFound
from ledger.domain.telemetry import read_messages
from ledger.excursions import Watcher, watch_views
from ledger.ports import StoredEvent
from ledger.telemetry import take_messages
from ledger.verify import Verified
from tests.carriers import LOGGER, activate, degrees, reported
from tests.services.world import SGTIN, SSCC, START_MS, World, made

MINUTE = 60_000
CASE = "https://id.gs1.org/00/095060000000000022"
VIAL, OTHER = SGTIN + "V1", SGTIN + "V2"


class Shipment:
    """A vial in a case on a pallet, and a logger on the pallet by the 2-8 °C profile."""

    def __init__(self, world: World, to: str = SSCC, profile: str = "vaccine-2-8") -> None:
        self.world, self.node, self.key = world, world.node, world.keys["factory"]
        self.watcher = Watcher(world.node)
        self._sequence = 0
        world.capture(made("V1", "V2", eventTime="2026-10-01T08:00:00.000Z"))
        self.pack(CASE, VIAL)
        self.pack(SSCC, CASE)
        activate(world)
        bind_carrier(self.node, self.key, LOGGER, to, profile)
        world.clock.now_ms += 30 * 24 * 60 * MINUTE

    def pack(self, parent: str, *children: str, at: str = "2026-10-02T08:00:00.000Z", **fields: Any) -> None:
        packing = {
            "type": "AggregationEvent",
            "action": "ADD",
            "eventTime": at,
            "eventTimeZoneOffset": "+00:00",
            "parentID": parent,
            "childEPCs": list(children),
        }
        self.world.capture(packing | fields)

    def report(self, readings: Sequence[Reading]) -> None:
        self._sequence += 1
        message = reported("one", self._sequence, max(r.at_ms for r in readings), *readings)
        taken = take_messages(self.node, read_messages(message))
        assert taken.accepted == 1

    def measure(self, minute: int, *celsius: float) -> None:
        """A reading each minute from `minute` on; and the watcher works until it has nothing to do."""
        self.report(degrees(START_MS + minute * MINUTE, *celsius))
        self.watch()

    def watch(self) -> None:
        while self.watcher.turn():
            pass

    def events(self, uri: str) -> list[dict[str, Any]]:
        """What sensors reported of an item, in log order."""
        found = self.node.store.item_events(item_key(uri), self.node.store.log_size(), limit=100)
        return [body for event in found if (body := _body(event)).get("bizStep") == "sensor_reporting"]

    def view(self) -> dict[str, Any]:
        return dict(watch_views(self.node, self.key, LOGGER)[0])


def _body(event: StoredEvent) -> dict[str, Any]:
    assert event.body
    body: dict[str, Any] = json.loads(event.body)
    return body


def standing(events: list[dict[str, Any]]) -> list[str]:
    """The times of events that no other one declares in error."""
    wrong = {event["eventID"] for event in events if "errorDeclaration" in event}
    return [event["eventTime"][11:16] for event in events if event["eventID"] not in wrong]


def clock_time(minute: int) -> str:
    """START_MS is 2026-11-22T16:00Z."""
    return f"{16 + minute // 60:02d}:{minute % 60:02d}"


@pytest.fixture
def shipment(world: World) -> Shipment:
    return Shipment(world)


def test_an_excursion_opens_and_closes_as_an_event_of_pallet_case_and_vial(shipment: Shipment) -> None:
    shipment.measure(0, 5, 6, 7)
    assert shipment.events(VIAL) == []
    shipment.measure(3, 8, 8.5, 9)
    shipment.measure(6, 8.2, 8, 7)

    opened, closed = shipment.events(VIAL)
    assert [clock_time(4), clock_time(7)] == [event["eventTime"][11:16] for event in (opened, closed)]
    assert shipment.events(SSCC) == shipment.events(CASE) == [opened, closed]
    assert shipment.events(OTHER) == []
    assert set(opened["epcList"]) == {SSCC, CASE, VIAL}
    assert {e["disposition"] for e in (opened, closed)} == {"non_conformant"}
    (element,) = closed["sensorElementList"]
    assert element["sensorMetadata"]["deviceID"] == LOGGER
    assert element["sensorMetadata"]["bizRules"] == "urn:suyuan:profile:vaccine-2-8:heat"
    (report,) = element["sensorReport"]
    assert (report["type"], report["value"], report["uom"]) == ("Temperature", 9, "CEL")
    assert (report["exception"], report["time"][11:16]) == ("ALARM_CONDITION", clock_time(5))

    (excursion,) = shipment.view()["excursions"]
    assert (excursion["peak"], excursion["out_ms"]) == (9, 3 * MINUTE)
    assert excursion["closed_ms"] == START_MS + 7 * MINUTE


def test_an_excursion_is_proved_from_the_bundle_of_the_vial(shipment: Shipment) -> None:
    shipment.measure(0, 5, 9, 5)
    shipment.world.anchor()
    verdict = shipment.world.verify_item(VIAL)
    assert isinstance(verdict, Verified)


def test_what_is_packed_while_it_is_warm_is_in_the_closing(shipment: Shipment) -> None:
    shipment.measure(0, 5, 9)
    shipment.pack(SSCC, OTHER, at="2026-11-22T16:02:00.000Z")
    shipment.measure(2, 9, 5)
    assert [e["eventTime"][11:16] for e in shipment.events(OTHER)] == [clock_time(3)]
    assert len(shipment.events(VIAL)) == 2


def test_what_left_before_it_was_warm_is_not_concerned(shipment: Shipment) -> None:
    shipment.pack(CASE, VIAL, at="2026-11-22T15:00:00.000Z", action="DELETE")
    shipment.measure(0, 5, 9, 5)
    assert shipment.events(VIAL) == []
    assert len(shipment.events(CASE)) == 2


def test_a_reading_on_the_bound_is_in_range_and_one_beyond_it_is_not(shipment: Shipment) -> None:
    shipment.measure(0, 8, 2)
    assert shipment.view()["excursions"] == []
    shipment.measure(2, 8.001)
    assert [excursion["rule"] for excursion in shipment.view()["excursions"]] == ["heat"]


@pytest.mark.parametrize("at_once", [True, False], ids=["one_turn", "a_turn_each"])
def test_messages_in_any_order_come_to_the_same_events(shipment: Shipment, at_once: bool) -> None:
    celsius = [5, 9, 9, 9, 5, 5, 1, 5]
    readings = degrees(START_MS, *celsius)
    for n in (6, 0, 3, 1, 7, 2, 5, 4):
        shipment.report([readings[n]])
        if not at_once:
            shipment.watch()
    shipment.watch()
    assert sorted(standing(shipment.events(VIAL))) == [clock_time(n) for n in (1, 4, 6, 7)]
    view = shipment.view()
    assert view["quantities"]["temperature"]["count"] == 8
    assert [(e["rule"], e["out_ms"]) for e in view["excursions"]] == [("cold", MINUTE), ("heat", 3 * MINUTE)]


def test_what_late_readings_undo_is_declared_in_error(shipment: Shipment) -> None:
    readings = degrees(START_MS, 5, 9, 5, 9, 5)
    shipment.report([readings[1], readings[3], readings[4]])
    shipment.watch()
    assert standing(shipment.events(VIAL)) == [clock_time(1), clock_time(4)]

    shipment.report([readings[2]])  # back in range between the two
    shipment.watch()
    events = shipment.events(VIAL)
    assert sorted(standing(events)) == [clock_time(n) for n in (1, 2, 3, 4)]
    assert [e["errorDeclaration"]["reason"] for e in events if "errorDeclaration" in e] == ["incorrect_data"]
    assert len(shipment.view()["excursions"]) == 2


def test_a_late_reading_that_went_further_out_has_the_closing_told_again(shipment: Shipment) -> None:
    readings = degrees(START_MS, 5, 9, 12, 9, 5)
    shipment.report([r for r in readings if r != readings[2]])
    shipment.watch()
    shipment.report([readings[2]])
    shipment.watch()
    last = shipment.events(VIAL)[-1]
    assert last["sensorElementList"][0]["sensorReport"][0]["value"] == 12
    assert standing(shipment.events(VIAL)) == [clock_time(1), clock_time(4)]


def test_readings_count_for_what_the_carrier_was_bound_to_then(shipment: Shipment) -> None:
    node, clock = shipment.node, shipment.world.clock
    shipment.measure(0, 5, 5)
    clock.now_ms = START_MS + 10 * MINUTE
    bind_carrier(node, shipment.key, LOGGER, "urn:truck:7", "frozen")
    clock.now_ms = START_MS + 20 * MINUTE
    shipment.measure(12, -20, -10)
    shipment.measure(3, 9, 5)  # back-filled: it was on the pallet then
    truck, pallet = watch_views(node, shipment.key, LOGGER)
    assert [e["peak"] for e in truck["excursions"]] == [-10]  # type: ignore[union-attr, index, call-overload]
    assert [e["peak"] for e in pallet["excursions"]] == [9]  # type: ignore[union-attr, index, call-overload]
    assert len(shipment.events(VIAL)) == 2
    assert [event["epcList"] for event in shipment.events("urn:truck:7")] == [["urn:truck:7"]]


def test_readings_from_after_the_end_of_a_binding_do_not_count(shipment: Shipment) -> None:
    shipment.measure(0, 5, 9)
    shipment.world.clock.now_ms = START_MS + MINUTE
    unbind_carrier(shipment.node, shipment.key, LOGGER)  # its clock was a minute ahead
    shipment.watch()
    assert shipment.view()["excursions"] == []
    assert standing(shipment.events(VIAL)) == []
    shipment.world.clock.now_ms += 60 * MINUTE
    shipment.measure(2, 20, 20)
    assert shipment.view()["excursions"] == []


def test_silence_is_no_data_and_never_in_range(shipment: Shipment) -> None:
    shipment.measure(0, 5)
    shipment.world.clock.now_ms = START_MS + MINUTE
    assert shipment.view()["condition"] == "in_range"
    shipment.world.clock.now_ms = START_MS + 24 * 60 * MINUTE
    view = shipment.view()
    assert (view["condition"], view["quantities"]["temperature"]["condition"]) == ("no_data", "no_data")
    assert view["quantities"]["temperature"]["gap_ms"] > 0


def test_before_the_first_reading_there_is_no_data(shipment: Shipment) -> None:
    assert shipment.view()["condition"] == "no_data"


def test_a_profile_holds_as_it_was_when_the_carrier_was_bound(world: World, tmp_path: Path) -> None:
    folder = world.node.settings.profiles_path
    folder.mkdir()
    profile = (
        'title="t"\ntitle_zh="t"\nsource="s"\nhold_seconds=600\n[[rule]]\nname="heat"\n'
        'quantity="temperature"\nabove=8\nmode="instant"\n'
    )
    (folder / "own.toml").write_text(profile)
    shipment = Shipment(world, profile="own")
    (folder / "own.toml").write_text(profile.replace("above=8", "above=30"))
    shipment.measure(0, 9)
    assert len(shipment.view()["excursions"]) == 1


def test_a_carrier_is_not_bound_by_an_unknown_profile(shipment: Shipment) -> None:
    with pytest.raises(NotFound, match="vaccine-2-8"):
        bind_carrier(shipment.node, shipment.key, LOGGER, SSCC, "lukewarm")
    assert len(list_bindings(shipment.node, shipment.key, LOGGER)) == 1


def test_of_a_carrier_in_a_room_the_room_is_where_it_happened(world: World) -> None:
    room = "https://id.gs1.org/414/9506000134369/254/ROOM"
    shipment = Shipment(world, to=room)
    shipment.measure(0, 5, 9)
    bodies = map(_body, world.node.store.events_between(0, 99))
    (event,) = (body for body in bodies if body.get("bizStep") == "sensor_reporting")
    assert (event["readPoint"]["id"], event.get("epcList")) == (room, None)


def test_an_excursion_is_captured_also_when_the_key_that_bound_was_revoked(shipment: Shipment) -> None:
    shipment.node.store.revoke_api_key(shipment.key.key_id, START_MS)
    shipment.measure(0, 5, 9)
    assert len(shipment.events(VIAL)) == 1


def test_a_watcher_that_was_stopped_between_saving_and_capturing_captures_once(shipment: Shipment) -> None:
    shipment.report(degrees(START_MS, 5, 9, 5))
    (watched,) = shipment.node.store.due_watches(limit=9)
    shipment.watcher.fold([watched])
    (opened, closed) = shipment.node.store.due_excursion_events(limit=9)
    shipment.watcher.capture(opened)
    shipment.node.store.finish_excursion_event(opened.number, "due")  # stopped before this was saved

    shipment.watcher = Watcher(shipment.node)
    shipment.watch()
    assert standing(shipment.events(VIAL)) == [clock_time(1), clock_time(2)]
    assert shipment.node.store.due_excursion_events(limit=9) == []
    assert closed.moment.kind == "closed"


def test_readings_that_come_while_others_are_folded_are_folded_too(shipment: Shipment) -> None:
    shipment.report(degrees(START_MS, 5, 6))
    (watched,) = shipment.node.store.due_watches(limit=9)
    shipment.report(degrees(START_MS + 2 * MINUTE, 9))
    shipment.watcher.fold([watched])
    assert [w.watch for w in shipment.node.store.due_watches(limit=9)] == [watched.watch]
    shipment.watch()
    assert shipment.view()["quantities"]["temperature"]["count"] == 3
    assert len(shipment.events(VIAL)) == 1


def test_altered_messages_of_one_carrier_do_not_stop_the_watch_over_the_others(
    shipment: Shipment, store_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    other = LOGGER + "2"
    activate(shipment.world, carrier_id=other)
    bind_carrier(shipment.node, shipment.key, other, "urn:truck:7", "vaccine-2-8")
    now_ms = shipment.world.clock.now_ms + MINUTE
    shipment.report(degrees(now_ms, 9))
    engine = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE telemetry SET raw = substr(raw, 2)"))
    engine.dispose()
    message = reported("one", 1, now_ms, *degrees(now_ms, 9), of=other)
    take_messages(shipment.node, read_messages(message))
    shipment.watch()
    assert len(shipment.events("urn:truck:7")) == 1
    assert f"the readings of {LOGGER} cannot be folded" in caplog.text


def test_an_event_that_capture_refuses_is_kept_with_its_problem_and_does_not_stop_the_others(
    shipment: Shipment,
) -> None:
    shipment.report(degrees(START_MS, 5, 9, 5))
    (watched,) = shipment.node.store.due_watches(limit=9)
    shipment.watcher.fold([watched])
    opened, _ = shipment.node.store.due_excursion_events(limit=9)
    document = json.loads(opened.document)
    document["epcisBody"]["eventList"][0]["disposition"] = "lukewarm"
    clash = document["epcisBody"]["eventList"][0] | {"disposition": "unknown"}
    shipment.world.capture(clash)  # somebody took its eventID
    shipment.watch()
    events = shipment.node.store.excursion_events(LOGGER, watched.binding.from_ms)
    assert [event.state for event in events] == ["refused", "captured"]
    assert "already stands with other content" in events[0].problem
