"""A mail server for tests: real SMTP with STARTTLS or TLS, a password, and refusals when told."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.certificates import self_signed
from tests.stories.node_process import free_port

USER, PASSWORD = "node", "s3cret"


@dataclass
class MailServer:
    """`answers` are what it says to the next messages; after them it takes them."""

    port: int
    ca_file: Path
    implicit_tls: bool = False
    answers: list[str] = field(default_factory=list)
    taken: list[EmailMessage] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        scheme = "smtps" if self.implicit_tls else "smtp"
        return f"{scheme}://{USER}:{PASSWORD}@127.0.0.1:{self.port}"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answers:
            return self.answers.pop(0)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        assert envelope.rcpt_tos == [message["To"]]
        self.taken.append(message)
        self.arrived.set()
        return "250 taken"


@contextmanager
def run_mail_server(folder: Path, *, implicit_tls: bool = False) -> Iterator[MailServer]:
    """Listen on 127.0.0.1 until the block ends; there is no way in without TLS, and none with a wrong
    password."""
    folder.mkdir(exist_ok=True)
    certificate, key = self_signed(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = MailServer(free_port(), certificate, implicit_tls)

    def authenticate(_server: SMTP, _session: Any, _envelope: Any, _how: str, login: Any) -> AuthResult:
        good = isinstance(login, LoginPassword) and login == LoginPassword(USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=server.port,
        ssl_context=context if implicit_tls else None,
        tls_context=None if implicit_tls else context,
        require_starttls=not implicit_tls,
        auth_required=not implicit_tls,  # the library warns of it where it does not see the TLS
        auth_require_tls=not implicit_tls,
        authenticator=authenticate,
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
