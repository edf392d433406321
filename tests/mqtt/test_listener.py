"""Messages of carriers through a real broker: nothing is lost, whoever is stopped or killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.mqtt import UNACKNOWLEDGED_MAX
from tests.anchoring import Fault, Faults
from tests.carriers import degrees, reported
from tests.certificates import self_signed
from tests.mqtt.broker import Broker
from tests.mqtt.conftest import Site
from tests.services.world import START_MS, World

TAKEN = "all messages were taken"


def messages(start: int, stop: int) -> list[bytes]:
    return [reported("one", n, START_MS, *degrees(START_MS - n * 1000, 4)) for n in range(start, stop)]


def test_what_the_broker_has_is_taken_and_acknowledged(site: Site) -> None:
    with site.listening():
        site.wait_until("the listener is there", lambda _: _subscribed(site))
        site.broker.send(messages(0, 50))
        site.wait_until(TAKEN, lambda heard: heard.messages == 50)
    with site.listening():  # nothing was left to be sent again
        site.broker.send(messages(50, 51))
        heard = site.wait_until(TAKEN, lambda heard: heard.messages == 51)
    assert (heard.missing, heard.refused) == (0, {})


def test_what_came_while_the_node_was_away_is_taken_when_it_is_back(site: Site) -> None:
    with site.listening():
        site.wait_until("the listener is there", lambda _: _subscribed(site))
    count = 2 * UNACKNOWLEDGED_MAX + 10
    site.broker.send(messages(0, count))
    with site.listening():
        heard = site.wait_until(TAKEN, lambda heard: heard.messages == count)
    assert (heard.missing, heard.refused) == (0, {})


def test_a_restart_of_the_broker_loses_nothing(site: Site) -> None:
    with site.listening():
        site.wait_until("the listener is there", lambda _: _subscribed(site))
    site.broker.send(messages(0, 20))
    site.broker.stop()
    site.broker.start()
    with site.listening():
        site.wait_until(TAKEN, lambda heard: heard.messages == 20)
        site.broker.stop()
        site.broker.start()
        site.broker.send(messages(20, 40))
        heard = site.wait_until(TAKEN, lambda heard: heard.messages == 40)
    assert heard.missing == 0


def test_nothing_is_acknowledged_while_the_database_is_away(site: Site) -> None:
    away = Fault("add_telemetry", took_effect=False)
    with site.listening(Faults([away])):
        site.wait_until("the listener is there", lambda _: _subscribed(site))
        site.broker.send(messages(0, 3))
        heard = site.wait_until(TAKEN, lambda heard: heard.messages == 3)
    assert (away.hits, heard.missing, heard.refused) == (1, 0, {})


@pytest.mark.slow
@pytest.mark.parametrize(("moment", "repeated"), [("before", 0), ("after", 5)])
def test_a_node_that_is_killed_around_the_commit_loses_nothing_and_counts_nothing_twice(
    site: Site, moment: str, repeated: int
) -> None:
    with site.listening():
        site.wait_until("the listener is there", lambda _: _subscribed(site))
    site.broker.send(messages(0, 5))
    url = f"mqtt://127.0.0.1:{site.broker.port}"
    child = [sys.executable, "-m", "tests.listen_child", str(site.world.node.settings.data_dir)]
    killed = subprocess.run([*child, site.database_url, url, moment], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert site.heard().messages == repeated
    with site.listening():
        site.broker.send(messages(5, 6))
        heard = site.wait_until(TAKEN, lambda heard: heard.messages == 6)
    assert (heard.missing, heard.refused) == (0, {"repeated": repeated} if repeated else {})


@pytest.mark.slow
def test_a_listener_process_killed_again_and_again_loses_nothing(site: Site) -> None:
    url = f"mqtt://127.0.0.1:{site.broker.port}"
    settings = site.world.node.settings
    env = os.environ | {
        "SUYUAN_DATA_DIR": str(settings.data_dir),
        "SUYUAN_DATABASE_URL": site.database_url,
        "SUYUAN_MQTT_URL": url,
    }
    with site.listening():
        site.wait_until("the listener is there", lambda _: _subscribed(site))
    total = 0
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-m", "ledger.listen"], env=env, stdin=subprocess.PIPE)
        try:
            before = site.heard().messages
            site.broker.send(messages(total, total + 300))
            total += 300
            site.wait_until("some were taken", lambda heard, before=before: heard.messages > before)  # type: ignore[misc]
        finally:
            process.kill()
            process.wait()
            assert process.stdin
            process.stdin.close()
    with site.listening():
        heard = site.wait_until(TAKEN, lambda heard: heard.messages == total)
    assert heard.missing == 0
    assert set(heard.refused) <= {"repeated"}


def test_payloads_that_are_no_messages_are_left_out_and_forged_ones_counted(site: Site) -> None:
    forged = reported("thief", 9, START_MS, *degrees(START_MS, 30))
    with site.listening():
        site.wait_until("the listener is there", lambda _: _subscribed(site))
        site.broker.send([b"hello", b"", forged, b"".join(messages(0, 3)), *messages(3, 4)])
        heard = site.wait_until(TAKEN, lambda heard: heard.messages == 4)
    assert heard.refused == {"forged": 1}


def _subscribed(site: Site) -> bool:
    """Whether the broker's log tells of our subscription."""
    return "suyuan/telemetry/#" in (site.folder / "broker" / "mosquitto.log").read_text()


# --------------------------------------------------------------------------- TLS and who may connect


# paho leaves the socket of a failed handshake to the collector.
@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
def test_tls_and_user_and_password_are_used_and_a_wrong_password_is_said(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    pem, key_pem = self_signed(folder)
    passwords = folder / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "node", "s3cret"], check=True)
    broker = Broker(folder, f"certfile {pem}", f"keyfile {key_pem}", f"password_file {passwords}")
    site = Site(world, tmp_path, broker)
    try:
        wrong, right = (f"mqtts://node:{word}@127.0.0.1:{broker.port}" for word in ("wr0ng", "s3cret"))
        with site.listening(mqtt_url=wrong, mqtt_ca=str(pem)):
            site.wait_until("the refusal is said", lambda _: "refuses us" in caplog.text)
        assert not _subscribed(site)
        with site.listening(mqtt_url=right):
            site.wait_until("the certificate is not trusted", lambda _: "CERTIFICATE_VERIFY" in caplog.text)
        with site.listening(mqtt_url=right, mqtt_ca=str(pem)):
            site.wait_until("the listener is there", lambda _: _subscribed(site))
            login = {"username": "node", "password": "s3cret"}
            broker.send(messages(0, 3), auth=login, tls={"ca_certs": str(pem)})
            site.wait_until(TAKEN, lambda heard: heard.messages == 3)
        assert "wr0ng" not in caplog.text
        assert "s3cret" not in caplog.text
    finally:
        broker.stop()
