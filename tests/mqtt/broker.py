"""Mosquitto for tests: one broker in a folder of its own, on a free port of 127.0.0.1."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from paho.mqtt import publish

from tests.stories.node_process import free_port

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
TOPIC = "suyuan/telemetry/logger1"
_SECONDS_MAX = 20


class Broker:
    """Started and stopped, keeping its sessions and queues as an operator's broker would."""

    def __init__(self, folder: Path, *lines: str) -> None:
        if MOSQUITTO is None:
            pytest.skip("MQTT: mosquitto is not installed here")
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._log = folder / "mosquitto.log"
        config = (
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {folder}/",
            "max_queued_messages 0",
            f"log_dest file {self._log}",
            "log_type all",
            "user root",  # started as root it would become a user who cannot write here
            *lines,
        )
        self._config.write_text("\n".join(config) + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        assert MOSQUITTO is not None
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + _SECONDS_MAX
        while time.monotonic() < until:
            assert self._process.poll() is None, self._log.read_text() if self._log.exists() else "no log"
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("mosquitto does not listen")

    def stop(self) -> None:
        """By SIGTERM: it saves what it holds."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_SECONDS_MAX)
            self._process = None

    def send(self, payloads: Iterable[bytes], **connection: object) -> None:
        """Publish with QoS 1; the broker has all of them when this returns."""
        messages = [{"topic": TOPIC, "payload": payload, "qos": 1} for payload in payloads]
        publish.multiple(messages, "127.0.0.1", self.port, **connection)  # type: ignore[arg-type]
