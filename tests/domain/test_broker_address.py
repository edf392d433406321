"""The broker of SUYUAN_MQTT_URL."""

import pytest

from ledger.config import Settings
from ledger.domain.broker_address import BrokerAddress, parse_broker
from ledger.domain.errors import Invalid


@pytest.mark.parametrize(
    ("text", "broker"),
    [
        ("", None),
        ("mqtt://broker", BrokerAddress("broker", 1883, False, "", "")),
        ("mqtts://broker/", BrokerAddress("broker", 8883, True, "", "")),
        ("mqtts://node:p%40ss:w@10.0.0.9:9883", BrokerAddress("10.0.0.9", 9883, True, "node", "p@ss:w")),
        ("mqtt://node@[::1]:1", BrokerAddress("::1", 1, False, "node", "")),
    ],
)
def test_a_broker_is_read(text: str, broker: BrokerAddress | None) -> None:
    assert parse_broker(text) == broker


@pytest.mark.parametrize(
    "text", ["broker", "http://broker", "mqtt://", "mqtt://b:0", "mqtt://b:65536", "mqtt://b/topic"]
)
def test_a_wrong_broker_is_a_wrong_setting(text: str) -> None:
    with pytest.raises(Invalid, match="SUYUAN_MQTT_URL: write the broker as"):
        Settings(mqtt_url=text)


def test_a_password_stands_in_no_text() -> None:
    broker = parse_broker("mqtt://node:secret@broker")
    assert "secret" not in f"{broker} {broker!r}"
    with pytest.raises(Invalid) as caught:
        parse_broker("mqtt://node:secret@broker:0")
    assert "secret" not in str(caught.value)
