"""E-mail to servers that misbehave: a sentence that says so, in time."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ledger.domain.mail_server import MailServer
from ledger.mail import send_mail, write_mail
from ledger.webhook import NotDelivered

MESSAGE = write_mail("id", "node@suyuan.example", "duty@example.com", "Alarm 警报", "text", 0)


@contextmanager
def listening(says: bytes) -> Iterator[MailServer]:
    """A server that says this again and again, and nothing else."""
    stop = threading.Event()

    def serve() -> None:
        with listener, listener.accept()[0] as line:
            while not stop.wait(0.02):
                try:
                    line.sendall(says)
                except OSError:
                    return

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield MailServer("127.0.0.1", listener.getsockname()[1], "none", "", "")
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("says", [b"", b"220-wait\r\n"], ids=["silent", "dripping"])
def test_a_server_that_does_not_come_to_an_end_is_cut_off(says: bytes) -> None:
    began = time.monotonic()
    with listening(says) as server, pytest.raises(NotDelivered, match=r"no answer within 0\.3 s"):
        send_mail(server, "", MESSAGE, 0.3)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("says", "told"), [(b"554 no\r\n", "answered 554 no"), (b"\xff" * 9000 + b"\r\n", "answered 500")]
)
def test_a_server_that_refuses_is_quoted(says: bytes, told: str) -> None:
    with listening(says) as server, pytest.raises(NotDelivered, match=told):
        send_mail(server, "", MESSAGE, 2.0)


def test_no_server_and_no_ca_are_said() -> None:
    nobody = MailServer("127.0.0.1", 9, "none", "", "")
    with pytest.raises(NotDelivered, match="ConnectionRefusedError"):
        send_mail(nobody, "", MESSAGE, 2.0)
    with pytest.raises(NotDelivered, match="FileNotFoundError"):
        send_mail(nobody, "/no/such/ca.pem", MESSAGE, 2.0)
