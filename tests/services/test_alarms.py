"""Alarms from the reading to a webhook and a mailbox: told until acknowledged, over failures and kills."""

import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ledger.alarm_runner import AlarmRunner
from ledger.alarms import (
    acknowledge,
    get_alarm,
    list_alarms,
    list_policies,
    put_policy,
    remove_policy,
    telling_views,
)
from ledger.carriers import unbind_carrier
from ledger.domain.alarms import ATTEMPTS_MAX
from ledger.domain.commitment import item_key
from ledger.domain.errors import Conflict, Invalid, NotFound
from ledger.node import Node
from ledger.ports import AlarmRecord, ApiKey
from ledger.verify import Verified
from tests.carriers import LOGGER, degrees
from tests.services.mail_server import PASSWORD, run_mail_server
from tests.services.receiver import HANG, Receiver, run_receiver
from tests.services.test_excursions import MINUTE, Shipment
from tests.services.world import SSCC, START_MS, World

FORMATS = Path(__file__).parents[2] / "ledger/FORMATS.md"
DAY_MS = 86_400_000
WORDS = {"name": "李梅", "reason": "The door stood open; it is closed."}


@dataclass
class Desk:
    """A shipment, a policy of its party, and who is told."""

    shipment: Shipment
    node: Node
    receiver: Receiver

    @property
    def world(self) -> World:
        return self.shipment.world

    @property
    def key(self) -> ApiKey:
        return self.shipment.key

    def policy(self, *steps: dict[str, Any], **members: Any) -> None:
        webhook = {"webhook": self.receiver.url, "signature_token": "token"}
        put_policy(self.node, self.key, "desk", {"steps": list(steps) or [webhook], **members})

    def settle(self, minutes: float = 0) -> None:
        """Let time pass, and tell what is due at its end."""
        self.world.clock.now_ms += round(minutes * MINUTE)
        runner = AlarmRunner(self.node, timeout_seconds=5.0)
        runner.turn()
        while due := self.node.store.due_tellings(self.world.clock.now_ms, limit=100):
            for telling in due:
                runner.tell(telling)

    def alarms(self, *, is_open: bool = True) -> list[AlarmRecord]:
        return list_alarms(self.node, self.key, is_open=is_open, limit=100)

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(received.body) for received in self.receiver.received]


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    settings = replace(world.node.settings, webhook_local_hosts="127.0.0.1")
    node = replace(world.node, settings=settings)
    shipment = Shipment(replace(world, node=node))
    world.clock.now_ms = START_MS + 10 * MINUTE
    with run_receiver() as receiver:
        yield Desk(shipment, node, receiver)


# --------------------------------------------------------------------------- from the reading to the receiver


def test_an_excursion_is_told_to_the_webhook_signed_and_once(desk: Desk) -> None:
    desk.policy()
    desk.shipment.measure(0, 5, 9)
    desk.settle()
    desk.settle(60)
    (received,) = desk.receiver.received
    (told,) = desk.told
    assert (told["kind"], told["rule"], told["value"], told["to"]) == ("excursion", "heat", 9, SSCC)
    assert (told["carrier"], told["state"], told["began_ms"]) == (LOGGER, "lasting", START_MS + MINUTE)
    example = re.search(r"\. Alarm\n.*?```json\n(.*?)```", FORMATS.read_text(), re.S)
    assert example
    assert told.keys() == json.loads(example[1]).keys()
    digest = hmac.new(b"token", received.body, hashlib.sha256).hexdigest()
    assert received.headers["gs1-signature"] == f"sha256={digest}"
    assert received.delivery_id == f"{told['id']}-desk-0"


def test_a_running_node_tells_within_ten_seconds_of_the_reading_although_a_receiver_hangs(desk: Desk) -> None:
    stop = threading.Event()
    node = replace(desk.node, clock=lambda: time.time_ns() // 1_000_000)
    runs = (desk.shipment.watcher.run, AlarmRunner(node, timeout_seconds=1.0).run)
    threads = [threading.Thread(target=run, args=(stop,)) for run in runs]
    with run_receiver(Receiver(answers=[HANG])) as hanging:
        desk.policy({"webhook": hanging.url}, {"webhook": desk.receiver.url})
        for thread in threads:
            thread.start()
        try:
            desk.shipment.report(degrees(START_MS, 5, 9))
            began = time.monotonic()
            while not desk.receiver.received:
                assert time.monotonic() - began < 10
                time.sleep(0.05)
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def test_an_alarm_goes_to_a_mailbox_by_starttls_and_by_tls_and_the_password_stands_in_no_text(
    desk: Desk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk.shipment.measure(0, 5)
    for number, implicit_tls in enumerate((False, True)):
        with run_mail_server(tmp_path / f"mail{number}", implicit_tls=implicit_tls) as mail:
            change = {"smtp_url": mail.url, "smtp_from": "node@suyuan.example", "smtp_ca": str(mail.ca_file)}
            desk.node = replace(desk.node, settings=replace(desk.node.settings, **change))
            desk.policy({"email": "duty@example.com"})
            mail.answers.append("451 busy, come again")
            desk.shipment.measure(1 + 2 * number, 9, 5)
            desk.settle()
            assert mail.taken == []
            desk.settle(1)
            (message,) = mail.taken
        alarm = desk.alarms()[0].alarm
        assert (message["From"], message["To"]) == ("node@suyuan.example", "duty@example.com")
        assert message["Subject"] == f"警报 Alarm: {SSCC}"
        assert message["Message-ID"] == f"<{alarm.alarm_id}-desk-0@suyuan.example>"
        assert "at worst 9.000 °C" in message.get_content()
        (telling,) = telling_views(desk.node, alarm.alarm_id)
        assert telling["state"] == "told"
        assert ["451 busy" in each["problem"] for each in telling["tries"]] == [True, False]  # type: ignore[union-attr, index, call-overload, operator]
    assert PASSWORD not in caplog.text


def test_a_mail_server_that_is_not_trusted_gets_no_password(desk: Desk, tmp_path: Path) -> None:
    with run_mail_server(tmp_path / "mail") as mail:
        change = {"smtp_url": mail.url, "smtp_from": "node@suyuan.example"}
        desk.node = replace(desk.node, settings=replace(desk.node.settings, **change))
        desk.policy({"email": "duty@example.com"})
        desk.shipment.measure(0, 9)
        desk.settle()
        (telling,) = telling_views(desk.node, desk.alarms()[0].alarm.alarm_id)
        assert "CERTIFICATE_VERIFY_FAILED" in str(telling["problem"])
        assert mail.taken == []


def test_failures_are_tried_again_with_growing_pauses_recorded_and_given_up_at_the_end(desk: Desk) -> None:
    desk.policy()
    desk.receiver.answers = [500] * ATTEMPTS_MAX
    desk.shipment.measure(0, 9)
    for _ in range(ATTEMPTS_MAX + 5):
        desk.settle(10)
    (telling,) = telling_views(desk.node, desk.alarms()[0].alarm.alarm_id)
    assert (telling["state"], telling["problem"]) == ("given_up", "answered 500: told")
    tries: Any = telling["tries"]
    assert len(tries) == len(desk.receiver.received) == ATTEMPTS_MAX
    assert len({received.delivery_id for received in desk.receiver.received}) == 1


@pytest.mark.parametrize(
    ("method", "moment", "times"),
    [
        ("plan_alarm", "before", 1),
        ("plan_alarm", "after", 1),
        ("save_telling", "before", 2),
        ("save_telling", "after", 1),
    ],
)
def test_a_runner_killed_at_any_save_tells_what_it_saved_as_told_no_more(
    desk: Desk, store_url: str, method: str, moment: str, times: int
) -> None:
    desk.policy()
    desk.shipment.measure(0, 9)
    now = str(desk.world.clock.now_ms)
    arguments = [sys.executable, "-m", "tests.alarm_child", str(desk.node.settings.data_dir), store_url, now]
    killed = subprocess.run([*arguments, method, moment], timeout=60, check=False, env=dict(os.environ))
    assert killed.returncode == -signal.SIGKILL
    desk.settle()
    desk.settle(60)
    assert len(desk.receiver.received) == times
    assert len({received.delivery_id for received in desk.receiver.received}) == 1


# --------------------------------------------------------------------------- escalation, repetition


def test_an_alarm_escalates_until_somebody_acknowledges_it_which_is_an_event_in_the_log(desk: Desk) -> None:
    url = desk.receiver.url
    desk.policy(*({"webhook": f"{url}/{n}", "after_minutes": n} for n in (0, 15, 30)))
    desk.shipment.measure(0, 9)
    desk.settle()
    desk.settle(14)
    assert len(desk.told) == 1
    desk.settle(1)
    assert [told["step"] for told in desk.told] == [0, 1]

    alarm_id = desk.alarms()[0].alarm.alarm_id
    done = acknowledge(desk.node, desk.key, alarm_id, WORDS).acknowledgement
    desk.settle(60)
    assert len(desk.told) == 2
    assert desk.alarms() == []
    assert done
    assert (done.state, done.name) == ("captured", "李梅")
    (*_, event) = desk.node.store.item_events(item_key(SSCC), desk.node.store.log_size(), limit=100)
    body = json.loads(event.body or b"")
    assert body["eventID"] == done.event_id
    assert body["suyuan:acknowledgedAlarm"]["suyuan:reason"] == WORDS["reason"]
    desk.world.anchor()
    assert isinstance(desk.world.verify_event(done.event_id), Verified)
    with pytest.raises(Conflict, match="acknowledged before"):
        acknowledge(desk.node, desk.key, alarm_id, WORDS)


def test_an_acknowledgement_that_was_stopped_before_its_event_is_captured_by_the_runner(desk: Desk) -> None:
    desk.shipment.measure(0, 9)
    (record,) = desk.alarms()
    desk.node.settings.halt_path.write_text("a fork")
    halted = acknowledge(desk.node, desk.key, record.alarm.alarm_id, WORDS)
    assert halted.acknowledgement
    assert halted.acknowledgement.state == "due"
    desk.settle()  # it goes on telling
    desk.node.settings.halt_path.unlink()
    desk.settle()
    done = get_alarm(desk.node, desk.key, record.alarm.alarm_id).acknowledgement
    assert done
    assert done.state == "captured"
    assert len(desk.node.store.events_by_id(done.event_id)) == 1


def test_what_comes_and_goes_at_the_bound_is_told_once_in_a_while(desk: Desk) -> None:
    desk.policy(repeat_minutes=30)
    for minute in range(0, 40, 4):
        desk.shipment.measure(minute, 9, 9, 5, 5)
        desk.settle(4)
    assert len(desk.alarms()) == 10
    assert [told["began_ms"] - START_MS for told in desk.told] == [0, 32 * MINUTE]


def test_a_repetition_that_lasts_is_told_when_the_pause_is_over(desk: Desk) -> None:
    desk.policy(repeat_minutes=30)
    desk.shipment.measure(0, 9, 5)
    desk.settle()
    desk.shipment.measure(2, 9)
    desk.settle(2)
    assert len(desk.told) == 1
    desk.settle(28)
    assert [told["state"] for told in desk.told] == ["over", "lasting"]


def test_what_late_readings_undo_is_told_no_more(desk: Desk) -> None:
    desk.policy({"webhook": desk.receiver.url, "after_minutes": 5})
    readings = degrees(START_MS, 9, 9, 9)
    desk.shipment.report(readings[1:])
    desk.shipment.watch()
    desk.shipment.report(readings[:1])  # it began earlier than we thought
    desk.shipment.watch()
    desk.settle(5)
    assert [told["began_ms"] for told in desk.told] == [START_MS]
    assert sorted(record.standing.state for record in desk.alarms()) == ["lasting", "withdrawn"]


# --------------------------------------------------------------------------- silence


def test_a_bound_carrier_that_falls_silent_is_an_alarm_until_it_is_heard_again(desk: Desk) -> None:
    desk.policy({"webhook": desk.receiver.url}, {"webhook": desk.receiver.url, "after_minutes": 10})
    desk.shipment.measure(0, 5)
    desk.world.clock.now_ms = START_MS + DAY_MS - 1
    desk.settle()
    assert desk.alarms() == []
    desk.world.clock.now_ms += 5_000
    desk.settle()
    (told,) = desk.told
    assert (told["kind"], told["began_ms"], told["state"]) == ("no_data", START_MS, "lasting")
    desk.settle(1)
    assert len(desk.alarms()) == 1

    desk.shipment.measure(24 * 60, 5)
    desk.settle(10)  # the second step finds data
    assert len(desk.told) == 1
    assert [record.standing.state for record in desk.alarms()] == ["over"]
    desk.settle(24 * 60)
    assert len(desk.alarms()) == 2


def test_a_carrier_that_is_bound_to_nothing_may_be_silent(desk: Desk) -> None:
    unbind_carrier(desk.node, desk.key, LOGGER)
    desk.shipment.watch()
    desk.settle(3 * 24 * 60)
    assert desk.alarms() == []


# --------------------------------------------------------------------------- who may


def test_others_see_neither_alarms_nor_policies(desk: Desk) -> None:
    desk.policy()
    desk.shipment.measure(0, 9)
    stranger = desk.world.keys["carrier"]
    (record,) = desk.alarms()
    assert list_alarms(desk.node, stranger, is_open=True, limit=9) == list_policies(desk.node, stranger) == []
    assert len(list_alarms(desk.node, desk.world.keys["node"], is_open=True, limit=9)) == 1
    with pytest.raises(NotFound):
        acknowledge(desk.node, stranger, record.alarm.alarm_id, WORDS)
    with pytest.raises(NotFound):
        remove_policy(desk.node, stranger, "desk")
    remove_policy(desk.node, desk.key, "desk")
    assert list_policies(desk.node, desk.key) == []


def test_a_policy_that_could_reach_nobody_is_refused(desk: Desk) -> None:
    steps = [{"webhook": "http://10.0.0.9/"}, {"email": "duty@example.com"}]
    with pytest.raises(Invalid) as caught:
        put_policy(desk.node, desk.key, "desk", {"steps": steps})
    first, second = caught.value.problems
    assert (first.pointer, second.pointer) == ("/steps/0/webhook", "/steps/1/email")
    assert "SUYUAN_SMTP_URL" in second.message
