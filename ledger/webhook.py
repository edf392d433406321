"""One POST to a subscriber's webhook, by the rules of `ledger.outgoing`."""

from collections.abc import Mapping
from typing import Final

from ledger.config import Settings, variable_of
from ledger.domain.errors import Invalid, LedgerError
from ledger.outgoing import LocalHosts, NoAnswer, asked

_EXCERPT_BYTES: Final = 300


class NotDelivered(LedgerError):
    """The receiver could not be reached, or did not take the message: try again later.
    `status` is its HTTP status; None when it gave none."""

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


def webhook_hosts(settings: Settings) -> LocalHosts:
    """The hosts inside the network that webhooks may call."""
    return LocalHosts.parse(settings.webhook_local_hosts, variable_of("webhook_local_hosts"))


def post(
    url: str, body: bytes, headers: Mapping[str, str], local_hosts: LocalHosts, timeout_seconds: float
) -> None:
    """Send `body` and wait for an answer with a 2xx status, `timeout_seconds` for all of it.

    Raises NotDelivered. The receiver may have taken the message nevertheless.
    """
    try:
        with asked("POST", url, body, headers, local_hosts, timeout_seconds) as response:
            status = response.status
            excerpt = "" if status < 300 else response.read(_EXCERPT_BYTES).decode(errors="replace")
    except (NoAnswer, Invalid) as error:
        raise NotDelivered(str(error)) from error
    if not 200 <= status < 300:
        raise NotDelivered(f"answered {status}: {excerpt}".rstrip(": "), status)
