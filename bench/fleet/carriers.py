"""`python -m bench.fleet.carriers`: a fleet of signed carriers, which sends to a broker until its time is up.

Carriers measure steadily and sign 60 readings in a message. A gateway each sends for up to 50 of them, over
one MQTT connection with QoS 1. Each gateway is away once, for some seconds: its carriers go on measuring, and
what they have is sent when it is back. Of ten carriers one is out of its range for some readings of every
twentieth message.

Lines on standard output: "out CARRIER OPENED_MS ACKNOWLEDGED_MS" for each time that a carrier was out; in the
end "sent" and, as JSON, how many messages of each carrier the broker acknowledged.
"""

import argparse
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from bench.trade import COMPANY
from ledger.domain.cold_chain.reading import Reading
from ledger.domain.telemetry import READINGS_MAX, signed_bytes, write_message
from ledger.node import now_ms

CARRIERS_PER_GATEWAY = 50
_AWAY_SECONDS = 10
_LOOK_SECONDS = 0.02
_LAST_SECONDS = 120  # for the broker to acknowledge what is left
_OUT_EVERY, _OUT_AT = 20, range(20, 26)  # of messages, and the readings of one
_USUAL_MILLI, _OUT_MILLI = 5_000, 9_000


@dataclass(frozen=True, slots=True)
class Sent:
    number: int
    out_ms: int | None  # the first reading that is out


def carrier_id(number: int) -> str:
    return f"https://id.gs1.org/8004/{COMPANY}L{number:06}"


@cache
def secret_of(number: int) -> Ed25519PrivateKey:
    """The same in each process, so that nothing secret is handed around: these carriers are known to all."""
    return Ed25519PrivateKey.from_private_bytes(sha256(f"bench fleet {number}".encode()).digest())


class Carrier:
    """One carrier: its number in the fleet, and when its next message is due, by the monotonic clock."""

    def __init__(self, number: int, interval_seconds: float, begin: float) -> None:
        self._number, self._interval_seconds = number, interval_seconds
        self._begin, self._begin_ms = begin, now_ms()
        self.due = begin + interval_seconds * (1 + (number * 0.618) % 1)  # they do not all send at once
        self._sequence = 0

    def message(self) -> tuple[bytes, Sent]:
        """What it measured in the time before it is due, signed."""
        until_ms, number = self._begin_ms + round(1000 * (self.due - self._begin)), self._number
        is_out = number % 10 == 7 and (self._sequence + number // 10) % _OUT_EVERY == _OUT_EVERY // 2
        step_ms = round(1000 * self._interval_seconds) // READINGS_MAX
        times = [until_ms - step_ms * (READINGS_MAX - 1 - n) for n in range(READINGS_MAX)]
        readings = [
            Reading(at_ms, "temperature", self._milli(at_ms, is_out=is_out and n in _OUT_AT))
            for n, at_ms in enumerate(times)
        ]
        secret = secret_of(number)
        public = secret.public_key().public_bytes_raw()
        unsigned = write_message(carrier_id(number), public, self._sequence, until_ms, 80, readings)
        self._sequence += 1
        self.due += self._interval_seconds
        sent = Sent(number, times[_OUT_AT.start] if is_out else None)
        return unsigned + secret.sign(signed_bytes(unsigned)), sent

    def _milli(self, at_ms: int, *, is_out: bool) -> int:
        return (_OUT_MILLI if is_out else _USUAL_MILLI) + (at_ms * 7 + self._number) % 100 * 10


class Gateway:
    """Sends for its carriers, and keeps what the broker has not acknowledged."""

    def __init__(self, name: str, port: int) -> None:
        self._port = port
        self._topic = f"suyuan/telemetry/{name}"
        self._acknowledged: deque[tuple[int, int]] = deque()  # packet number, when
        self._waiting: dict[int, Sent] = {}
        self._client = Client(
            CallbackAPIVersion.VERSION2, name, clean_session=False, protocol=MQTTProtocolVersion.MQTTv311
        )
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(1, 2)
        self._client.on_publish = self._on_publish

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def join(self) -> None:
        self._client.connect_async("127.0.0.1", self._port, keepalive=10)
        self._client.loop_start()

    def leave(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def send(self, payload: bytes, sent: Sent) -> None:
        """Now, or when there is a connection again."""
        self._waiting[self._client.publish(self._topic, payload, qos=1).mid] = sent

    def acknowledged(self) -> Iterator[tuple[Sent, int]]:
        """What the broker has acknowledged since the last call, and when it did."""
        while self._acknowledged:
            packet, at_ms = self._acknowledged.popleft()
            yield self._waiting.pop(packet), at_ms

    def _on_publish(self, _client: Client, _userdata: Any, packet: int, *_: Any) -> None:
        self._acknowledged.append((packet, now_ms()))


def run(port: int, count: int, interval_seconds: float, seconds: float) -> Counter[str]:
    """Play the fleet for so long, then wait for what is left; messages acknowledged, by carrier."""
    begin = time.monotonic()
    carriers = [Carrier(number, interval_seconds, begin) for number in range(count)]
    gateways = [Gateway(f"gateway{n}", port) for n in range(-(-count // CARRIERS_PER_GATEWAY))]
    leaves = [begin + seconds * (n + 1) / (len(gateways) + 1) for n in range(len(gateways))]
    acknowledged: Counter[str] = Counter()
    for gateway in gateways:
        gateway.join()
    is_away = [False] * len(gateways)
    while (now := time.monotonic()) < begin + seconds:
        for number, gateway in enumerate(gateways):
            if is_away[number] != (leaves[number] <= now < leaves[number] + _AWAY_SECONDS):
                (gateway.join if is_away[number] else gateway.leave)()
                is_away[number] = not is_away[number]
        for number, carrier in enumerate(carriers):
            if carrier.due <= now:
                gateways[number // CARRIERS_PER_GATEWAY].send(*carrier.message())
        _tell(gateways, acknowledged)
        time.sleep(_LOOK_SECONDS)
    print("sent", flush=True)
    for number, gateway in enumerate(gateways):
        if is_away[number]:
            gateway.join()
    while any(gateway.waiting for gateway in gateways) and time.monotonic() < begin + seconds + _LAST_SECONDS:
        _tell(gateways, acknowledged)
        time.sleep(_LOOK_SECONDS)
    for gateway in gateways:
        gateway.leave()
    _tell(gateways, acknowledged)
    return acknowledged


def _tell(gateways: list[Gateway], acknowledged: Counter[str]) -> None:
    for gateway in gateways:
        for sent, at_ms in gateway.acknowledged():
            acknowledged[carrier_id(sent.number)] += 1
            if sent.out_ms is not None:
                print("out", carrier_id(sent.number), sent.out_ms, at_ms, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet.carriers", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--carriers", type=int, required=True)
    parser.add_argument("--interval", type=float, required=True, help="seconds between messages of a carrier")
    parser.add_argument("--seconds", type=float, required=True)
    given = parser.parse_args()
    print(json.dumps(run(given.port, given.carriers, given.interval, given.seconds)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
