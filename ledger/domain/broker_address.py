"""The MQTT broker that the operator named: SUYUAN_MQTT_URL, `mqtts://user:password@broker.example:8883`."""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from ledger.domain.errors import Invalid

_PORTS: Final = {"mqtt": 1883, "mqtts": 8883}
_PORT_MAX: Final = 65_535
_url: Final = re.compile(
    r"(?P<scheme>mqtts?)://(?:(?P<user>[^:@/]+)(?::(?P<password>[^@/]*))?@)?"
    r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?"
).fullmatch


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    host: str
    port: int
    uses_tls: bool
    user: str
    password: str = field(repr=False)

    def __str__(self) -> str:
        """Without user and password."""
        return f"{self.host}:{self.port}"


def parse_broker(text: str) -> BrokerAddress | None:
    """The broker; None for "". Raises Invalid, and says nothing of the password."""
    if not text:
        return None
    match = _url(text)
    port = int(match["port"] or _PORTS[match["scheme"]]) if match else 0
    if match is None or not 0 < port <= _PORT_MAX:
        raise Invalid(
            "write the broker as mqtt://host, mqtts://host:8883 or mqtts://user:password@host, "
            "with %40 for an @ in the password"
        )
    user, password = (unquote(match[name] or "") for name in ("user", "password"))
    return BrokerAddress(match["host"].strip("[]"), port, match["scheme"] == "mqtts", user, password)
