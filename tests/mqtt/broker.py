"""The broker of the tests."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from paho.mqtt import publish

from bench.fleet.broker import MOSQUITTO
from bench.fleet.broker import Broker as Mosquitto

TOPIC = "suyuan/telemetry/logger1"


class Broker(Mosquitto):
    """Mosquitto, where it is installed."""

    def __init__(self, folder: Path, *lines: str) -> None:
        if MOSQUITTO is None:
            pytest.skip("MQTT: mosquitto is not installed here")
        super().__init__(folder, *lines)

    def send(self, payloads: Iterable[bytes], **connection: object) -> None:
        """Publish with QoS 1; the broker has all of them when this returns."""
        messages = [{"topic": TOPIC, "payload": payload, "qos": 1} for payload in payloads]
        publish.multiple(messages, "127.0.0.1", self.port, **connection)  # type: ignore[arg-type]
