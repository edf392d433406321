"""Capture: all or nothing, once, with a receipt, and only by who may speak."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from ledger.audit import audit
from ledger.capture import RECEIPT_FORMAT
from ledger.domain import merkle
from ledger.domain.errors import Conflict, ForkDetected, Invalid, NotAllowed
from ledger.node import PREFIXES_FRESH_MS
from ledger.ports import Party, StoredEvent
from ledger.verify import Verified
from tests.services.world import SGTIN, SSCC, World, made, seen

EVENT_ID = "urn:uuid:5f0a1b2c-0000-4000-8000-000000000001"


def stored(world: World) -> list[StoredEvent]:
    return world.node.store.events_between(0, world.node.store.log_size())


def test_a_manufacturer_captures_and_gets_a_receipt_that_the_log_keeps(world: World) -> None:
    job = world.capture(made("S1", "S2"), seen("S1"))
    assert job.success
    first_line, promise, _ = world.node.signer.key.opens(job.receipt).split("\n")
    assert first_line == RECEIPT_FORMAT
    promised = json.loads(promise)
    assert [event["commitment"] for event in promised["events"]] == [
        e.commitment.hex() for e in stored(world)
    ]
    assert promised["anchoredBy"] - promised["capturedAt"] == 600_000
    assert world.node.store.job(job.capture_id) == job


def test_a_repeated_request_captures_nothing_twice(world: World) -> None:
    first = world.capture(made("S1"), seen("S1"))
    again = world.capture(made("S1"), seen("S1"))
    assert world.node.store.log_size() == 2
    assert again.success
    promises = [json.loads(job.receipt.split("\n")[1])["events"] for job in (first, again)]
    assert promises[0] == promises[1]


def test_a_document_that_says_the_same_event_twice_captures_it_once(world: World) -> None:
    world.capture(made("S1"), made("S1"))
    assert world.node.store.log_size() == 1


def test_an_event_id_cannot_be_given_to_another_event(world: World) -> None:
    world.capture(made("S1", eventID=EVENT_ID))
    with pytest.raises(Conflict, match="declare the first one in error"):
        world.capture(made("S2", eventID=EVENT_ID))
    with pytest.raises(Conflict):
        world.capture(made("S3", eventID=EVENT_ID[:-1] + "2"), made("S4", eventID=EVENT_ID[:-1] + "2"))
    assert world.node.store.log_size() == 1


def test_an_error_declaration_shares_the_event_id_and_is_an_event_of_its_own(world: World) -> None:
    declaration = {"declarationTime": "2026-11-03T08:00:00.000Z", "reason": "incorrect_data"}
    world.capture(made("S1", eventID=EVENT_ID))
    for _ in range(2):
        world.capture(made("S1", eventID=EVENT_ID, errorDeclaration=declaration))
    events = world.node.store.events_by_id(EVENT_ID)
    assert [event.identity.declared_ms for event in events] == [None, 1_793_692_800_000]


def test_a_bad_event_keeps_the_whole_document_out_unless_told_to_proceed(world: World) -> None:
    bad = made("S2", eventTime="yesterday")
    with pytest.raises(Invalid) as refused:
        world.capture(made("S1"), bad)
    assert [problem.pointer for problem in refused.value.problems] == ["/epcisBody/eventList/1/eventTime"]
    assert world.node.store.log_size() == 0

    job = world.capture(made("S1"), bad, behaviour="proceed")
    assert not job.success
    assert [error["pointer"] for error in json.loads(job.errors)] == ["/epcisBody/eventList/1/eventTime"]
    assert world.node.store.log_size() == 1


def test_a_carrier_may_say_what_it_saw_but_not_make_the_factorys_goods(world: World) -> None:
    world.capture(seen("S1"), party="carrier")
    with pytest.raises(NotAllowed) as refused:
        world.capture(made("S2"), party="carrier")
    assert refused.value.problems[0].pointer == "/epcisBody/eventList/0"
    assert f"may not speak for {SGTIN}S2: prefix 9506000" in refused.value.problems[0].message
    world.capture(made("S2"), party="node")
    assert world.node.store.log_size() == 2


def test_a_party_speaks_by_the_account_that_it_has_now_or_had_two_seconds_ago(world: World) -> None:
    world.capture(made("S1"))
    world.node.store.put_party(Party("factory", "Factory", "", b"another account".ljust(20, b"\0")))
    world.clock.now_ms += PREFIXES_FRESH_MS
    with pytest.raises(NotAllowed):
        world.capture(made("S2"))
    assert world.node.store.log_size() == 1


def test_proceeding_leaves_out_what_the_party_may_not_say(world: World) -> None:
    job = world.capture(made("S1"), seen("S1"), party="carrier", behaviour="proceed")
    assert not job.success
    assert [event.action for event in stored(world)] == ["OBSERVE"]


def test_goods_of_others_may_be_packed_into_a_container_of_ones_own(world: World) -> None:
    packing = {
        "type": "AggregationEvent",
        "action": "ADD",
        "parentID": SSCC,
        "childEPCs": ["https://id.gs1.org/01/09506001000014/21/1"],
        "eventTime": "2026-11-02T08:00:00.000Z",
        "eventTimeZoneOffset": "+08:00",
    }
    world.capture(packing)
    with pytest.raises(NotAllowed):
        world.capture(packing | {"eventTime": "2026-11-02T09:00:00.000Z"}, party="carrier")


def test_too_many_events_in_one_document_are_refused(world: World) -> None:
    limit = world.node.settings.capture_limit_events
    with pytest.raises(Invalid, match=f"at most {limit}"):
        world.capture(*[made(f"S{i}") for i in range(limit + 1)])


def test_a_clock_that_jumps_back_does_not_turn_the_log_around(world: World) -> None:
    world.capture(made("S1"))
    world.clock.now_ms -= 3_600_000
    world.capture(made("S2"))
    times = [event.recorded_at_ms for event in stored(world)]
    assert times == sorted(times)


def test_captures_at_the_same_time_give_one_log_without_gaps(world: World) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: world.capture(*[made(f"S{n}-{i}") for i in range(5)]), range(12)))
    events = stored(world)
    assert [event.log_index for event in events] == list(range(60))
    world.anchor()
    assert not list(audit(world.node.store, world.chain))
    newest = world.node.store.newest_anchor()
    assert newest is not None
    assert newest.anchor.log_root == merkle.tree_root(event.leaf_hash for event in events)


def test_a_document_that_is_sent_many_times_at_once_is_captured_once(world: World) -> None:
    events = [made(f"S{n}") for n in range(20)]
    with ThreadPoolExecutor(8) as threads:
        jobs = list(threads.map(lambda _: world.capture(*events), range(16)))
    assert world.node.store.log_size() == 20
    assert {job.success for job in jobs} == {True}
    receipts = [world.node.signer.key.opens(job.receipt).split("\n")[1] for job in jobs]
    promised = [json.loads(receipt)["events"] for receipt in receipts]
    assert all(found == promised[0] for found in promised)


def test_a_halted_node_captures_nothing(world: World) -> None:
    world.node.settings.halt_path.write_text("chain is ahead")
    with pytest.raises(ForkDetected, match="chain is ahead"):
        world.capture(made("S1"))
    assert world.node.store.log_size() == 0


def test_the_stored_form_is_what_is_proved(world: World) -> None:
    world.capture(made("S1", eventID=EVENT_ID))
    world.anchor()
    assert isinstance(world.verify_event(EVENT_ID), Verified)
