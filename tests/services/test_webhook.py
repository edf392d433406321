"""One POST to a subscriber: what it sends and when it gives up. Where it never goes: `test_outgoing`."""

import socket
import time
from collections.abc import Iterator

import pytest

from ledger.outgoing import LocalHosts
from ledger.webhook import NotDelivered, post
from tests.services.receiver import DRIP, DROP, HANG, Receiver, run_receiver

HERE = LocalHosts.parse("127.0.0.1, LocalHost", "SUYUAN_WEBHOOK_LOCAL_HOSTS")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as receiver:
        yield receiver


def send(url: str, local_hosts: LocalHosts = HERE, timeout_seconds: float = 5.0) -> None:
    post(url, b"hello", {"Content-Type": "text/plain", "X-Own": "1"}, local_hosts, timeout_seconds)


def test_body_headers_path_and_query_arrive(receiver: Receiver) -> None:
    send(receiver.url + "/a%20b?c=d&e")

    (received,) = receiver.received
    assert received.body == b"hello"
    assert received.path == "/inbox/a%20b?c=d&e"
    assert received.headers["x-own"] == "1"
    assert received.headers["content-length"] == "5"
    assert received.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_2xx_is_taken_for_received(receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    send(receiver.url)


@pytest.mark.parametrize("status", [301, 302, 307, 400, 404, 413, 500, 503])
def test_every_other_status_is_not(receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    with pytest.raises(NotDelivered, match=f"answered {status}: told") as refused:
        send(receiver.url)
    assert refused.value.status == status


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers = [307]
    with pytest.raises(NotDelivered):
        send(receiver.url)
    assert len(receiver.received) == 1


@pytest.mark.parametrize("answer", [HANG, DRIP])
def test_a_receiver_that_never_ends_its_answer_is_left_in_time(receiver: Receiver, answer: int) -> None:
    receiver.answers = [answer]
    began = time.monotonic()
    with pytest.raises(NotDelivered, match=r"no answer within 0\.3 s"):
        send(receiver.url, timeout_seconds=0.3)
    assert time.monotonic() - began < 2


def test_a_line_that_drops_is_no_answer(receiver: Receiver) -> None:
    receiver.answers = [DROP]
    with pytest.raises(NotDelivered, match="RemoteDisconnected"):
        send(receiver.url)


def test_a_port_where_nobody_listens_is_no_answer() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(NotDelivered, match="ConnectionRefusedError"):
            send(f"http://127.0.0.1:{bound.getsockname()[1]}/")


def test_https_without_a_certificate_is_no_answer(receiver: Receiver) -> None:
    with pytest.raises(NotDelivered, match="SSL"):
        send(receiver.url.replace("http:", "https:"))
    assert receiver.received == []
