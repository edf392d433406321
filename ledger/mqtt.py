"""The MQTT listener: takes the messages of carriers from a broker.

It subscribes with QoS 1 in a session that the broker keeps for us, and acknowledges a message only when it is
durable. So the broker holds whatever comes while we are away; killed at any moment we are sent again what was
not acknowledged, and a message that comes twice counts once. One thread does all of it, one thing after
another: an acknowledgement never meets another connection than the one that its message came by, whose
number the broker may have given to another message meanwhile.
"""

import logging
import threading
from collections.abc import Iterator
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from ledger.alone import run_alone
from ledger.domain.broker_address import parse_broker
from ledger.domain.errors import Invalid, LedgerError
from ledger.domain.telemetry import MESSAGES_MAX, Message, read_messages
from ledger.node import Node
from ledger.telemetry import take_messages

UNACKNOWLEDGED_MAX: Final = 200
"""So many payloads the broker sends before it waits for us; as many are taken in one transaction."""
PAYLOAD_BYTES_MAX: Final = 256 * 1024

_KEEP_ALIVE_SECONDS: Final = 60
_WAIT_SECONDS: Final = 0.1
_REST_SECONDS: Final = 1.0
_REST_SECONDS_MAX: Final = 30.0

logger = logging.getLogger(__name__)


class Listener:
    """Takes messages from the broker of the settings. Raises Invalid when there is none."""

    def __init__(self, node: Node) -> None:
        broker = parse_broker(node.settings.mqtt_url)
        if broker is None:
            raise Invalid("no broker: set SUYUAN_MQTT_URL")
        self._node = node
        self._broker = broker
        self._inbox: list[MQTTMessage] = []  # what this connection brought and we did not acknowledge
        self._client = self._new_client()

    def run(self, stop: threading.Event) -> None:
        """Listen until `stop` is set; waits while another process listens for this database."""
        hold = self._node.store.hold_listen_lock
        run_alone(hold, self._run_alone, stop, rest_seconds=_REST_SECONDS, logger=logger)

    def _run_alone(self, stop: threading.Event) -> None:
        rest_seconds = _REST_SECONDS
        while not stop.is_set():
            if self._connect():
                rest_seconds = _REST_SECONDS
                self._listen(stop)
            if not stop.is_set():
                logger.warning("no connection to the MQTT broker %s, trying again", self._broker)
                stop.wait(rest_seconds)
                rest_seconds = min(2 * rest_seconds, _REST_SECONDS_MAX)
        # What was not acknowledged stays with the broker.
        self._client.disconnect()

    def _connect(self) -> bool:
        self._inbox.clear()
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 0xFFFFFFFF
        session.ReceiveMaximum = UNACKNOWLEDGED_MAX
        session.MaximumPacketSize = PAYLOAD_BYTES_MAX
        try:
            self._client.connect(
                self._broker.host,
                self._broker.port,
                keepalive=_KEEP_ALIVE_SECONDS,
                clean_start=False,
                properties=session,
            )
        except (OSError, ValueError) as error:
            logger.error("MQTT broker %s: %s", self._broker, str(error))
            return False
        return True

    def _listen(self, stop: threading.Event) -> None:
        """Until the connection ends, or `stop` is set."""
        while not stop.is_set():
            before = len(self._inbox)
            wait_seconds = 0.0 if before else _WAIT_SECONDS
            if self._client.loop(wait_seconds) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            if self._inbox and (len(self._inbox) == before or before >= UNACKNOWLEDGED_MAX):
                self._take(stop)

    def _take(self, stop: threading.Event) -> None:
        messages = [message for payload in self._inbox for message in _messages_in(payload)]
        try:
            for start in range(0, len(messages), MESSAGES_MAX):
                take_messages(self._node, messages[start : start + MESSAGES_MAX])
        except LedgerError as error:
            logger.error("%s", error)
            stop.wait(_REST_SECONDS)  # they stay in the inbox, and with the broker
            return
        # Stopped here, we are sent them all again, and they count once.
        for payload in self._inbox:
            self._client.ack(payload.mid, payload.qos)
        self._inbox.clear()

    def _new_client(self) -> Client:
        # The name makes the session ours, on this broker and for this log.
        name = f"suyuan-{self._node.log.log_id.hex()[:16]}"
        client = Client(
            CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
        )
        settings = self._node.settings
        if self._broker.user:
            client.username_pw_set(self._broker.user, self._broker.password or None)
        if self._broker.uses_tls:
            try:
                client.tls_set(settings.mqtt_ca or None, settings.mqtt_certificate or None)
            except (OSError, ValueError) as error:
                raise Invalid(f"SUYUAN_MQTT_CA or SUYUAN_MQTT_CERTIFICATE: {error}") from error
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = lambda _client, _userdata, message: self._inbox.append(message)
        return client

    def _on_connect(
        self, client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Any
    ) -> None:
        if reason.is_failure:
            logger.error("the MQTT broker %s refuses us: %s", self._broker, reason)
            return
        client.subscribe(self._node.settings.mqtt_topic, qos=1)

    def _on_subscribe(
        self, _client: Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        for reason in reasons:
            if reason.is_failure:
                topic = self._node.settings.mqtt_topic
                logger.error("the MQTT broker %s refuses topic %s: %s", self._broker, topic, reason)
            else:
                logger.info("listening to the MQTT broker %s", self._broker)


def _messages_in(payload: MQTTMessage) -> Iterator[Message]:
    """What a payload holds; nothing when it is no messages: sent again it would be none either."""
    try:
        yield from read_messages(bytes(payload.payload))
    except Invalid as error:
        logger.warning("a payload of topic %s is left out: %s", payload.topic, error)
