"""The mail server that the operator named: SUYUAN_SMTP_URL, `smtps://user:password@mail.example:465`."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import unquote

from ledger.domain.errors import Invalid

Security = Literal["tls", "starttls", "none"]

_SECURITY: Final[dict[str, Security]] = {"smtps": "tls", "smtp": "starttls", "smtp+plain": "none"}
_PORTS: Final[dict[Security, int]] = {"tls": 465, "starttls": 587, "none": 25}
_PORT_MAX: Final = 65_535
_MAILBOX_MAX: Final = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets
_url: Final = re.compile(
    r"(?P<scheme>smtps|smtp|smtp\+plain)://(?:(?P<user>[^:@/]+):(?P<password>[^@/]*)@)?"
    r"(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?"
).fullmatch
_mailbox: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"
).fullmatch


@dataclass(frozen=True, slots=True)
class MailServer:
    host: str
    port: int
    security: Security
    user: str
    password: str = field(repr=False)

    def __str__(self) -> str:
        """Without user and password."""
        return f"{self.host}:{self.port}"


def parse_mail_server(text: str) -> MailServer | None:
    """The server; None for "". Raises Invalid, and says nothing of the password.

    A user and password are refused without TLS: they would go in the clear.
    """
    if not text:
        return None
    match = _url(text)
    security = _SECURITY[match["scheme"]] if match else "none"
    port = int(match["port"] or _PORTS[security]) if match else 0
    if match is None or not 0 < port <= _PORT_MAX:
        raise Invalid(
            "write the mail server as smtps://user:password@host:465 (TLS from the start), "
            "smtp://user:password@host:587 (STARTTLS) or smtp+plain://host:25 (no TLS, no password), "
            "with %40 for an @ in user and password"
        )
    if match["user"] and security == "none":
        raise Invalid("a password is not sent without TLS: write smtps:// or smtp://, or no user")
    user, password = (unquote(match[name] or "") for name in ("user", "password"))
    return MailServer(match["host"].strip("[]"), port, security, user, password)


def is_mailbox(text: str) -> bool:
    """Whether this is an e-mail address of ASCII letters, without a name (RFC 5321, 4.1.2)."""
    return len(text) <= _MAILBOX_MAX and bool(_mailbox(text))
