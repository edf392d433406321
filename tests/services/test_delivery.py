"""Deliveries to a real receiver that fails, hangs and comes back: nothing skipped, nothing out of order."""

import asyncio
import hashlib
import hmac
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import text

from ledger.capture import capture
from ledger.delivery import ATTEMPTS_MAX, Deliverer
from ledger.domain.errors import NotFound
from ledger.node import Node
from ledger.ports import Delivery, Subscription
from ledger.standing import parse_controls, reports, start
from ledger.store import SqlStore
from ledger.subscriptions import (
    create_query,
    create_subscription,
    delete_query,
    delete_subscription,
    event_query,
    get_query,
    list_dead_letters,
    send_again,
)
from ledger.xml import parse_xml
from tests.services.receiver import DROP, HANG, Receiver, run_receiver
from tests.services.world import World, document, made, seen

HOUR_MS = 3_600_000
STEPS_MAX = 2_000


@dataclass
class Desk:
    """A node with a named query for events of the factory's making, its deliverer, and a receiver."""

    world: World
    node: Node
    receiver: Receiver
    deliverer: Deliverer

    def subscribe(self, **changes: Any) -> Subscription:
        formats = {name: changes.pop(name) for name in ("media_type", "epc_format") if name in changes}
        body = {
            "dest": self.receiver.url,
            **(changes if "schedule" in changes else {"stream": True, **changes}),
        }
        return create_subscription(self.node, self.world.keys["carrier"], "made", body, **formats)

    def capture(self, *serials: str) -> None:
        """Each serial in an event of its own, all in one document, and one that nobody asked for."""
        events = [made(serial) for serial in serials]
        capture(self.node, self.world.keys["factory"], document(seen(f"other{serials[0]}"), *events))

    def settle(self) -> None:
        """Take steps until nothing is due at this moment."""
        for _ in range(STEPS_MAX):
            due = self.node.store.due_subscriptions(self.world.clock.now_ms, limit=100)
            if not due:
                return
            for subscription in due:
                self.deliverer.step(subscription.subscription_id)
        raise AssertionError("the deliverer did not come to rest")

    def wait(self, ms: int) -> None:
        """Let time pass, second by second where that matters to nobody, and deliver what falls due."""
        self.world.clock.now_ms += ms
        self.settle()

    def waiting(self, subscriptions: Iterable[Subscription]) -> list[Delivery]:
        store = self.node.store
        return [d for s in subscriptions for d in store.deliveries(s.subscription_id, dead=False, limit=9)]

    def is_idle(self, subscriptions: Iterable[Subscription]) -> bool:
        size = self.node.store.log_size()
        at_end = all(self.subscription(s).progress.position == size for s in subscriptions)
        return at_end and not self.waiting(subscriptions)

    def subscription(self, subscription: Subscription) -> Subscription:
        found = self.node.store.subscription(subscription.subscription_id)
        assert found
        return found


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    settings = replace(world.node.settings, webhook_local_hosts="127.0.0.1")
    node = replace(world.node, settings=settings)
    create_query(node, world.keys["factory"], {"name": "made", "query": {"EQ_bizStep": "commissioning"}})
    with run_receiver() as receiver:
        yield Desk(world, node, receiver, Deliverer(node, timeout_seconds=5.0))


# ------------------------------------------------------------------------------ streams


def test_a_stream_delivers_matching_events_in_the_order_of_capture(desk: Desk) -> None:
    desk.capture("0")
    subscription = desk.subscribe()
    desk.settle()
    assert desk.receiver.received == []

    desk.capture("1", "2")
    desk.settle()
    desk.capture("3")
    desk.settle()
    assert [received.serials for received in desk.receiver.received] == [["1", "2"], ["3"]]
    assert desk.subscription(subscription).last_notified_ms == desk.world.clock.now_ms


def test_a_delivery_is_a_query_document_that_names_query_and_subscription(desk: Desk) -> None:
    subscription = desk.subscribe()
    desk.capture("1")
    desk.settle()

    (received,) = desk.receiver.received
    assert received.headers["content-type"] == "application/json"
    assert received.headers["gs1-epcis-version"] == "2.0.0"
    assert received.results["queryName"] == "made"
    assert received.results["subscriptionID"] == subscription.subscription_id
    (event,) = received.results["resultsBody"]["eventList"]
    assert event["recordTime"] == "2026-11-22T16:00:00.000Z"


def test_a_delivery_is_xml_when_that_was_asked_for(desk: Desk) -> None:
    subscription = desk.subscribe(media_type="application/xml")
    desk.capture("1")
    desk.settle()

    (received,) = desk.receiver.received
    assert received.headers["content-type"] == "application/xml"
    assert f"<subscriptionID>{subscription.subscription_id}</subscriptionID>" in received.body.decode()
    assert len(parse_xml(received.body).events) == 1


def test_a_delivery_spells_identifiers_as_was_asked_for(desk: Desk) -> None:
    desk.subscribe(epc_format="Always_EPC_URN")
    event = {**made("1"), "epcList": ["urn:epc:id:sgtin:9506000.013435.1"]}
    capture(desk.node, desk.world.keys["factory"], document(event))
    desk.world.node.prefixes.forget()
    desk.settle()

    (received,) = desk.receiver.received
    assert received.headers["gs1-epc-format"] == "Always_EPC_URN"
    (delivered,) = received.results["resultsBody"]["eventList"]
    assert delivered["epcList"] == ["urn:epc:id:sgtin:9506000.013435.1"]


def test_the_signature_is_the_hmac_of_the_body_by_the_token(desk: Desk) -> None:
    desk.subscribe(signatureToken="秘密")
    desk.capture("1")
    desk.settle()

    (received,) = desk.receiver.received
    expected = hmac.new("秘密".encode(), received.body, hashlib.sha256).hexdigest()
    assert received.headers["gs1-signature"] == f"sha256={expected}"


def test_without_a_token_nothing_is_signed(desk: Desk) -> None:
    desk.subscribe()
    desk.capture("1")
    desk.settle()
    assert "gs1-signature" not in desk.receiver.received[0].headers


def test_many_events_make_several_deliveries_in_order(desk: Desk) -> None:
    desk.subscribe()
    serials = [str(number) for number in range(250)]
    desk.capture(*serials)
    desk.settle()
    assert [len(received.serials) for received in desk.receiver.received] == [100, 100, 50]
    assert desk.receiver.serials == serials


def test_large_events_make_several_deliveries(desk: Desk) -> None:
    desk.subscribe()
    notes = {f"ex:note{number}": "x" * 60_000 for number in range(25)}
    note = {"@context": [{"ex": "https://ns.example/"}], **notes}
    events = [made(str(number), **note) for number in range(5)]
    for event in events:
        capture(desk.node, desk.world.keys["factory"], document(event))
    desk.settle()
    assert [received.serials for received in desk.receiver.received] == [["0", "1"], ["2", "3"], ["4"]]


def test_a_stream_has_no_empty_reports(desk: Desk) -> None:
    desk.subscribe(reportIfEmpty=True)
    capture(desk.node, desk.world.keys["factory"], document(seen("1")))
    desk.settle()
    assert desk.receiver.received == []


def test_subscriptions_do_not_share_their_progress(desk: Desk) -> None:
    first = desk.subscribe()
    desk.capture("1")
    desk.settle()
    second = desk.subscribe(initialRecordTime="2000-01-01T00:00:00Z")
    desk.capture("2")
    desk.settle()
    by_subscription = {
        subscription.subscription_id: [
            serial
            for received in desk.receiver.received
            if received.results["subscriptionID"] == subscription.subscription_id
            for serial in received.serials
        ]
        for subscription in (first, second)
    }
    assert by_subscription == {first.subscription_id: ["1", "2"], second.subscription_id: ["1", "2"]}


def test_a_stream_that_begins_in_the_future_leaves_out_what_comes_before(desk: Desk) -> None:
    desk.subscribe(initialRecordTime="2026-11-22T17:00:00Z")
    desk.capture("1")
    desk.settle()
    desk.world.clock.now_ms += HOUR_MS
    desk.capture("2")
    desk.settle()
    assert desk.receiver.serials == ["2"]


# ------------------------------------------------------------------------------ schedules


def test_a_schedule_delivers_what_is_new_at_each_of_its_times(desk: Desk) -> None:
    subscription = desk.subscribe(schedule={"minute": "0"})
    desk.capture("1", "2")
    desk.wait(HOUR_MS - 1)
    assert desk.receiver.received == []
    desk.wait(1)
    desk.capture("3")
    desk.wait(HOUR_MS)
    assert [received.serials for received in desk.receiver.received] == [["1", "2"], ["3"]]
    assert desk.subscription(subscription).progress.min_record_ms == desk.world.clock.now_ms


def test_an_empty_run_is_reported_when_that_was_asked_for(desk: Desk) -> None:
    desk.subscribe(schedule={"minute": "0"}, reportIfEmpty=True)
    desk.wait(HOUR_MS)
    desk.capture("1")
    desk.wait(HOUR_MS)
    desk.wait(HOUR_MS)
    assert [received.serials for received in desk.receiver.received] == [[], ["1"], []]


def test_an_empty_run_is_silent_otherwise(desk: Desk) -> None:
    desk.subscribe(schedule={"minute": "0"})
    desk.wait(HOUR_MS)
    assert desk.receiver.received == []


def test_a_run_of_exactly_full_deliveries_has_no_empty_report_behind_it(desk: Desk) -> None:
    desk.subscribe(schedule={"minute": "0"}, reportIfEmpty=True)
    desk.capture(*map(str, range(200)))
    desk.wait(HOUR_MS)
    assert [len(received.serials) for received in desk.receiver.received] == [100, 100]


def test_runs_that_were_missed_are_made_up_for_by_one(desk: Desk) -> None:
    desk.subscribe(schedule={"minute": "0"}, reportIfEmpty=True)
    desk.capture("1")
    desk.wait(5 * HOUR_MS)
    assert [received.serials for received in desk.receiver.received] == [["1"]]
    desk.wait(HOUR_MS)
    assert len(desk.receiver.received) == 2


# ------------------------------------------------------------------------------ failures


@pytest.mark.parametrize("failure", [500, 503, 404, 302, HANG, DROP])
def test_what_was_not_taken_is_sent_again_with_the_same_id_and_bytes(desk: Desk, failure: int) -> None:
    desk.subscribe()
    desk.receiver.answers = [failure]
    desk.capture("1")
    desk.settle()
    desk.capture("2")
    desk.settle()
    assert len(desk.receiver.received) == 1, "what comes later waits"

    desk.wait(1_000)
    first, again, later = desk.receiver.received
    assert (first.delivery_id, first.body) == (again.delivery_id, again.body)
    assert (again.serials, later.serials) == (["1"], ["2"])
    assert later.delivery_id > again.delivery_id


def test_the_pauses_between_attempts_double(desk: Desk) -> None:
    desk.subscribe()
    desk.receiver.answers = [500] * 4
    desk.capture("1")
    desk.settle()
    for attempts, pause_ms in enumerate([1_000, 2_000, 4_000, 8_000], 1):
        assert len(desk.receiver.received) == attempts
        desk.wait(pause_ms - 1)
        assert len(desk.receiver.received) == attempts
        desk.wait(1)
    assert len(desk.receiver.received) == 5


def test_a_receiver_that_is_down_gets_everything_when_it_is_back(desk: Desk) -> None:
    with ExitStack() as stack:
        other = Receiver()
        with run_receiver(other):
            pass  # it had its port, and is down now
        desk.receiver = other
        desk.subscribe()
        for serial in "123":
            desk.capture(serial)
            desk.wait(10_000)
        stack.enter_context(run_receiver(other))
        desk.wait(HOUR_MS)
    assert other.serials == ["1", "2", "3"]


def test_a_receiver_that_asks_for_less_at_once_gets_less(desk: Desk) -> None:
    subscription = desk.subscribe()
    serials = [str(number) for number in range(100)]
    desk.receiver.answers = [413, 413]
    desk.capture(*serials)
    desk.settle()
    desk.receiver.received = desk.receiver.received[2:]
    assert desk.receiver.serials == serials
    assert [len(received.serials) for received in desk.receiver.received] == [25, 25, 50]
    assert desk.subscription(subscription).events_max == 25


def test_a_delivery_is_given_up_after_its_last_attempt_and_the_next_goes_on(desk: Desk) -> None:
    subscription = desk.subscribe()
    desk.receiver.answers = [500] * ATTEMPTS_MAX
    desk.capture("1")
    for _ in range(ATTEMPTS_MAX):
        desk.wait(HOUR_MS)
    desk.capture("2")
    desk.settle()
    assert len(desk.receiver.received) == ATTEMPTS_MAX + 1
    assert desk.receiver.received[-1].serials == ["2"]

    key = desk.world.keys["carrier"]
    (dead,) = list_dead_letters(desk.node, key, "made", subscription.subscription_id, limit=10)
    assert dead.dead
    assert dead.attempts == ATTEMPTS_MAX
    assert dead.problem == "answered 500: told"


def test_a_dead_letter_is_sent_again_when_that_is_asked_for(desk: Desk) -> None:
    subscription = desk.subscribe()
    desk.receiver.answers = [500] * ATTEMPTS_MAX
    desk.capture("1")
    for _ in range(ATTEMPTS_MAX):
        desk.wait(HOUR_MS)
    names = (desk.node, desk.world.keys["carrier"], "made", subscription.subscription_id)
    (dead,) = list_dead_letters(*names, limit=10)
    send_again(*names, dead.delivery_id)
    desk.settle()

    assert desk.receiver.received[-1].delivery_id == dead.delivery_id
    assert desk.receiver.received[-1].serials == ["1"]
    assert list_dead_letters(*names, limit=10) == []
    with pytest.raises(NotFound):
        send_again(*names, dead.delivery_id)


def test_a_receiver_inside_the_network_is_not_called_once_its_host_is_no_longer_listed(desk: Desk) -> None:
    desk.subscribe()
    desk.capture("1")
    strict = replace(desk.node, settings=replace(desk.node.settings, webhook_local_hosts=""))
    desk.deliverer = Deliverer(strict)
    desk.settle()
    assert desk.receiver.received == []


def test_an_event_that_was_erased_meanwhile_is_left_out(desk: Desk) -> None:
    desk.subscribe()
    desk.receiver.answers = [500]
    desk.capture("1", "2")
    desk.settle()
    store = desk.node.store
    assert isinstance(store, SqlStore)
    with store.writing() as connection:
        connection.execute(text("DELETE FROM event_body WHERE log_index = 1"))
        connection.execute(text("UPDATE event SET salt = NULL WHERE log_index = 1"))
    desk.wait(1_000)
    assert [received.serials for received in desk.receiver.received] == [["1", "2"], ["2"]]


def test_a_removed_subscription_delivers_nothing_more(desk: Desk) -> None:
    kept, removed = desk.subscribe(), desk.subscribe()
    desk.receiver.answers = [500, 500]
    desk.capture("1")
    desk.settle()
    delete_subscription(desk.node, desk.world.keys["carrier"], "made", removed.subscription_id)
    desk.wait(HOUR_MS)
    assert len(desk.receiver.received) == 3
    assert desk.receiver.received[-1].results["subscriptionID"] == kept.subscription_id


def test_a_removed_query_delivers_nothing_more(desk: Desk) -> None:
    subscription = desk.subscribe()
    desk.receiver.answers = [500]
    desk.capture("1")
    desk.settle()
    delete_query(desk.node, desk.world.keys["factory"], "made")
    desk.wait(HOUR_MS)
    assert len(desk.receiver.received) == 1
    assert desk.deliverer.step(subscription.subscription_id) == "removed"


# ------------------------------------------------------------------------------ processes


@pytest.mark.parametrize(
    ("method", "moment", "times_sent"),
    [
        ("save_progress", "before", 1),
        ("save_progress", "after", 1),
        ("finish_delivery", "before", 2),
        ("finish_delivery", "after", 1),
    ],
)
def test_a_deliverer_killed_at_any_save_skips_nothing_and_repeats_only_by_id(
    desk: Desk, store_url: str, method: str, moment: str, times_sent: int
) -> None:
    desk.subscribe()
    desk.capture("1", "2")
    data_dir = str(desk.node.settings.data_dir)
    arguments = [sys.executable, "-m", "tests.deliver_child", data_dir, store_url, method, moment]
    killed = subprocess.run(arguments, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL

    desk.capture("3")
    desk.settle()
    sent = {received.delivery_id: received.serials for received in desk.receiver.received}
    assert list(sent.values()) in ([["1", "2"], ["3"]], [["1", "2", "3"]])
    assert len(desk.receiver.received) == len(sent) + times_sent - 1


def test_the_deliverer_runs_until_it_is_told_to_stop(desk: Desk) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=Deliverer(desk.node, 5.0).run, args=(stop,))
    thread.start()
    try:
        subscriptions = [desk.subscribe() for _ in range(3)]
        desk.receiver.answers = [200, HANG]
        for serial in "12":
            desk.capture(serial)
        until(lambda: any(waiting.attempts for waiting in desk.waiting(subscriptions)))
        desk.world.clock.now_ms += HOUR_MS
        until(lambda: desk.is_idle(subscriptions))
    finally:
        stop.set()
        thread.join(30)
    assert not thread.is_alive()
    for subscription in subscriptions:
        sent = [
            r for r in desk.receiver.received if r.results["subscriptionID"] == subscription.subscription_id
        ]
        assert list({r.delivery_id: r.serials for r in sent}.values()) in ([["1"], ["2"]], [["1", "2"]])


def test_the_process_delivers_and_ends_when_its_parent_is_gone(desk: Desk, store_url: str) -> None:
    desk.subscribe()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SUYUAN_")},
        **replace(desk.node.settings, database_url=store_url).to_env(),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "ledger.deliver"], env=environment, stdin=subprocess.PIPE
    ) as process:
        try:
            desk.capture("1")
            until(lambda: desk.receiver.serials == ["1"])
            assert process.stdin
            process.stdin.close()
            assert process.wait(20) == 0
        finally:
            process.kill()


def until(holds: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if holds():
            return
        pause.wait(0.02)
    raise AssertionError("it did not happen within 20 s")


# ------------------------------------------------------------------------------ WebSockets


def test_the_reports_of_a_websocket_come_as_events_are_captured(desk: Desk) -> None:
    query = event_query(get_query(desk.node, "made"))
    standing, progress = start(desk.node, query, parse_controls({"stream": True}))

    async def listen() -> list[list[int]]:
        seen_events: list[list[int]] = []
        async for report, _ in reports(desk.node, "made", standing, progress):
            seen_events.append([event.log_index for event in report.events])
            if len(seen_events) == 1:
                desk.capture("3")
            else:
                delete_query(desk.node, desk.world.keys["factory"], "made")
        return seen_events

    desk.capture("1", "2")
    assert asyncio.run(listen()) == [[1, 2], [4]]


def test_the_reports_of_a_websocket_follow_a_schedule(desk: Desk) -> None:
    query = event_query(get_query(desk.node, "made"))
    controls = parse_controls({"schedule": {"minute": "0"}, "reportIfEmpty": True})
    standing, progress = start(desk.node, query, controls)
    desk.world.clock.now_ms += HOUR_MS

    async def listen() -> int:
        async for report, _ in reports(desk.node, "made", standing, progress):
            delete_query(desk.node, desk.world.keys["factory"], "made")
            return len(report.events)
        return -1

    assert asyncio.run(listen()) == 0
