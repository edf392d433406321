"""Business rules at capture: what is known of an item comes from the store, on both databases."""

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from ledger.capture import ErrorBehaviour, capture
from ledger.domain.errors import Invalid
from ledger.domain.master_data import MasterData
from ledger.ports import CaptureJob
from tests.services.world import SGTIN, SSCC, World, document, made, seen

PALLET = "https://id.gs1.org/00/095060000000000022"
DOCK, ROOM = "https://id.gs1.org/414/9506000000008", "https://id.gs1.org/414/9506000000008/254/R1"
LATER = "2026-11-02T09:00:00.000Z"


def captured(
    world: World, rules: str, *events: dict[str, Any], behaviour: ErrorBehaviour = "rollback"
) -> CaptureJob:
    node = replace(world.node, settings=replace(world.node.settings, rules=rules))
    return capture(node, world.keys["factory"], document(*events), behaviour)


def warnings(job: CaptureJob) -> list[tuple[str, str]]:
    return [(e["warning"], e["pointer"]) for e in json.loads(job.errors) if "warning" in e]


def packing(parent: str, *serials: str, **fields: Any) -> dict[str, Any]:
    children = [SGTIN + serial for serial in serials]
    event = made(type="AggregationEvent", parentID=parent, childEPCs=children, **fields)
    return {name: value for name, value in event.items() if name != "epcList"} | {"bizStep": "packing"}


def test_rules_are_off_unless_switched_on(world: World) -> None:
    assert warnings(captured(world, "", seen("S1"))) == []


def test_a_warning_stands_in_the_job_and_the_event_in_the_log(world: World) -> None:
    job = captured(world, "commissioned=warn", seen("S1"))

    assert job.success
    assert job.receipt
    assert warnings(job) == [("commissioned", "/epcisBody/eventList/0")]


def test_a_report_is_for_the_operator_alone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ledger.rules"):
        job = captured(world, "commissioned=report", seen("S1"))

    assert job.errors == "[]"
    assert "rule commissioned: /epcisBody/eventList/0" in caplog.text


def test_a_refused_event_takes_its_document_along(world: World) -> None:
    with pytest.raises(Invalid) as refused:
        captured(world, "commissioned=refuse", made("S1"), seen("S1", eventTime=LATER), seen("S2"))

    assert [problem.pointer for problem in refused.value.problems] == ["/epcisBody/eventList/2"]
    assert world.node.store.log_size() == 0


def test_or_is_left_out_of_it(world: World) -> None:
    job = captured(world, "commissioned=refuse", made("S1"), seen("S2"), behaviour="proceed")

    assert not job.success
    assert world.node.store.log_size() == 1


def test_what_was_captured_before_is_known(world: World) -> None:
    captured(world, "", made("S1"))

    assert warnings(captured(world, "commissioned=warn", seen("S1", eventTime=LATER))) == []


def test_a_captured_event_may_be_sent_again_whatever_the_rules_say_now(world: World) -> None:
    captured(world, "", seen("S1"))

    assert captured(world, "commissioned=refuse", seen("S1")).success


def test_no_shipping_after_destruction(world: World) -> None:
    end = made("S1", action="DELETE", bizStep="destroying", eventTime="2026-11-02T08:30:00.000Z")
    captured(world, "", made("S1"), end)

    job = captured(world, "not_destroyed=warn", seen("S1", eventTime=LATER), seen("S1"))

    assert warnings(job) == [("not_destroyed", "/epcisBody/eventList/0")]


def test_one_parent_at_a_time(world: World) -> None:
    captured(world, "", made("S1", "S2"), packing(SSCC, "S1", "S2"))

    again = captured(world, "one_parent=warn", packing(PALLET, "S2", eventTime=LATER))

    assert warnings(again) == [("one_parent", "/epcisBody/eventList/0/childEPCs/0")]


@pytest.mark.parametrize("children", [["S2"], []])
def test_what_was_unpacked_may_be_packed_again(world: World, children: list[str]) -> None:
    unpacking = packing(SSCC, *children, action="DELETE", eventTime="2026-11-02T08:30:00.000Z")
    captured(world, "", made("S1", "S2"), packing(SSCC, "S1", "S2"), unpacking)

    job = captured(world, "one_parent=warn", packing(PALLET, "S2", eventTime=LATER))

    assert warnings(job) == []


def test_a_packing_that_was_declared_in_error_holds_nothing(world: World) -> None:
    wrong = packing(SSCC, "S1", eventID="urn:uuid:404d95fc-9457-4a51-bd6a-0bba133845a8")
    declared = wrong | {"errorDeclaration": {"declarationTime": LATER}}
    captured(world, "", made("S1"), wrong, declared)

    assert warnings(captured(world, "one_parent=warn", packing(PALLET, "S1", eventTime=LATER))) == []


def test_the_future_is_what_the_clock_of_the_node_has_not_seen(world: World) -> None:
    job = captured(world, "not_future=warn", made("S1", eventTime="2036-11-02T08:00:00.000Z"))

    assert warnings(job) == [("not_future", "/epcisBody/eventList/0/eventTime")]


def test_a_place_is_known_by_itself_or_by_its_site(world: World) -> None:
    world.node.store.put_master_data([MasterData(DOCK, "place", "Dock", "", {})])
    places = [DOCK, ROOM, "geo:30.5,114.3", "https://id.gs1.org/414/9506001000007"]
    events = [made(f"S{n}", readPoint={"id": place}) for n, place in enumerate(places)]

    job = captured(world, "known_place=warn", *events)

    assert warnings(job) == [("known_place", "/epcisBody/eventList/3/readPoint/id")]


@pytest.mark.parametrize("details", [{"zone": "Europe/Berlin"}, {"part_of": "urn:x:site"}])
def test_a_place_has_the_zone_of_what_holds_it(world: World, details: dict[str, str]) -> None:
    site = MasterData("urn:x:site", "place", "Site", "", {"zone": "Europe/Berlin"})
    world.node.store.put_master_data([MasterData(DOCK, "place", "Dock", "", details), site])
    event = made("S1", readPoint={"id": ROOM}, eventTimeZoneOffset="+08:00")

    job = captured(world, "time_zone=warn", event)

    assert warnings(job) == [("time_zone", "/epcisBody/eventList/0/eventTimeZoneOffset")]


# --- master data in the header


def header(*elements: dict[str, Any]) -> dict[str, Any]:
    vocabulary = {
        "type": "urn:epcglobal:epcis:vtype:BusinessLocation",
        "vocabularyElementList": list(elements),
    }
    return {"epcisMasterData": {"vocabularyList": [vocabulary]}}


def place(uri: str, name: str) -> dict[str, Any]:
    return {"id": uri, "attributes": [{"id": "cbvmda:name", "attribute": name}]}


def capture_with_header(world: World, header: dict[str, Any], *events: dict[str, Any]) -> CaptureJob:
    value = json.loads(document(*events)) | {"epcisHeader": header}
    return capture(world.node, world.keys["factory"], json.dumps(value).encode(), "rollback")


def test_master_data_in_a_header_is_kept_and_adds_to_what_is_known(world: World) -> None:
    store = world.node.store
    store.put_master_data([MasterData(DOCK, "place", "Old", "码头", {"city": "Wuhan"})])

    job = capture_with_header(world, header(place(DOCK, "Dock 1")), made("S1"))

    assert job.success
    assert store.master_data([DOCK])[DOCK] == MasterData(DOCK, "place", "Dock 1", "码头", {"city": "Wuhan"})


def test_nobody_names_the_places_of_others(world: World) -> None:
    theirs = "https://id.gs1.org/414/9506001000007"

    job = capture_with_header(world, header(place(theirs, "Mine now")), made("S1"))

    assert job.success
    assert warnings(job) == [("master_data", "/epcisHeader")]
    assert world.node.store.master_data([theirs]) == {}


def test_a_document_that_is_refused_leaves_no_master_data(world: World) -> None:
    with pytest.raises(Invalid):
        capture_with_header(world, header(place(DOCK, "Dock")), made("S1", action="LOOK"))

    assert world.node.store.master_data([DOCK]) == {}
