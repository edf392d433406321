"""One e-mail by the operator's mail server: over TLS, limited in time.

A message that the server took is on its way; what becomes of it after that is the server's.
"""

import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import format_datetime

from ledger.domain.cold_chain.excursion_event import moment_of
from ledger.domain.mail_server import MailServer
from ledger.webhook import NotDelivered


def send_mail(
    server: MailServer,
    ca_file: str,
    message: EmailMessage,
    timeout_seconds: float,
) -> None:
    """Hand `message` to the server, `timeout_seconds` for all of it; `ca_file` "": the CAs of the system.

    Raises NotDelivered, which says nothing of the password. The server may have taken the message all the
    same.
    """
    until = time.monotonic() + timeout_seconds
    try:
        own_name = str(message["From"]).rpartition("@")[2]
        context = ssl.create_default_context(cafile=ca_file or None)
        with _connected(server, context, own_name, until) as connection:
            if server.security == "starttls":
                connection.starttls(context=context)
            if server.user:
                connection.login(server.user, server.password)
            connection.send_message(message)
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else ""
        raise NotDelivered(f"{server} answered {error.smtp_code} {said[:300]}".strip()) from error
    except smtplib.SMTPRecipientsRefused as error:
        code, said_bytes = next(iter(error.recipients.values()))
        said = said_bytes.decode(errors="replace")[:300]
        raise NotDelivered(f"{server} refused the recipient: {code} {said}") from error
    except (OSError, smtplib.SMTPException, ValueError) as error:
        if time.monotonic() >= until:
            raise NotDelivered(f"{server}: no answer within {timeout_seconds:g} s") from error
        raise NotDelivered(f"{server}: {type(error).__name__}: {error}") from error


def write_mail(
    message_id: str, sender: str, recipient: str, subject: str, text: str, made_ms: int
) -> EmailMessage:
    """The message; its id stays the same at every try, so that mailboxes can recognise it."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message["Date"] = format_datetime(moment_of(made_ms))
    message["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes, please
    message.set_content(text)
    return message


@contextmanager
def _connected(
    server: MailServer, context: ssl.SSLContext, own_name: str, until: float
) -> Iterator[smtplib.SMTP]:
    """A connection that is cut at `until`: a timeout of the socket alone begins anew with each byte."""
    left = max(0.1, until - time.monotonic())
    if server.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(local_hostname=own_name, timeout=left, context=context)
    else:
        connection = smtplib.SMTP(local_hostname=own_name, timeout=left)
    # Certificates are held against this. smtplib sets it itself only when it connects in its constructor,
    # where nothing could cut it short.
    connection._host = server.host  # type: ignore[attr-defined]

    def cut() -> None:
        stream = connection.sock
        if stream is not None:
            with suppress(OSError):  # it ended by itself
                socket.socket.shutdown(stream, socket.SHUT_RDWR)  # below TLS, which may be at work

    timer = threading.Timer(left, cut)
    timer.daemon = True
    timer.start()
    try:
        connection.connect(server.host, server.port)
        yield connection
        with suppress(smtplib.SMTPException, OSError):  # it has the message already
            connection.quit()
    finally:
        timer.cancel()
        timer.join()
        connection.close()
