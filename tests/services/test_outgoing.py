"""Requests to servers that somebody else named: where they never go, and how much of an answer is read."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from ledger.domain.errors import Invalid
from ledger.outgoing import InsideNetwork, LocalHosts, NoAnswer, asked, check_target, read_whole
from tests.services.receiver import DRIP, Receiver, run_receiver

VARIABLE = "SUYUAN_SOME_HOSTS"
NOWHERE = LocalHosts.parse("", VARIABLE)
HERE = LocalHosts.parse("127.0.0.1, LocalHost", VARIABLE)
EVERYWHERE = LocalHosts.parse("*", VARIABLE)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as receiver:
        yield receiver


def ask(url: str, local_hosts: LocalHosts, timeout_seconds: float = 5.0, bytes_max: int = 4) -> bytes:
    with asked("POST", url, b"", {}, local_hosts, timeout_seconds) as response:
        return read_whole(response, bytes_max)


def test_an_answer_is_read_whole_or_not_at_all(receiver: Receiver) -> None:
    assert ask(receiver.url, HERE) == b"told"
    with pytest.raises(NoAnswer, match="the answer has more than 3 bytes"):
        ask(receiver.url, HERE, bytes_max=3)


def test_an_answer_that_breaks_off_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                line.recv(1000)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntold")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NoAnswer, match="broke off, 5 bytes before its end"):
            ask(f"http://127.0.0.1:{listener.getsockname()[1]}/", HERE, bytes_max=100)
        thread.join()


def test_a_server_that_never_ends_its_answer_is_left_in_time(receiver: Receiver) -> None:
    receiver.answers = [DRIP]
    began = time.monotonic()
    with pytest.raises(NoAnswer, match=r"no answer within 0\.3 s"):
        ask(receiver.url, HERE, timeout_seconds=0.3)
    assert time.monotonic() - began < 2


INSIDE = [
    "http://localhost/",
    "http://LOCALHOST./",
    "http://api.localhost/",
    "http://127.0.0.1/",
    "http://127.8.8.8/",
    "http://0.0.0.0/",
    "http://10.1.2.3/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://100.64.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[::1]/",
    "http://[::]/",
    "http://[fe80::1]/",
    "http://[fc00::1]/",
    "http://[ff02::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[2002:7f00:1::]/",
    "http://[64:ff9b::7f00:1]/",
]


@pytest.mark.parametrize("url", INSIDE)
def test_an_address_inside_the_network_is_refused(url: str) -> None:
    with pytest.raises(InsideNetwork, match="is inside this network"):
        check_target(url, NOWHERE)
    with pytest.raises(InsideNetwork, match=VARIABLE):
        ask(url, NOWHERE)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
def test_another_spelling_of_an_inside_address_is_refused_when_it_is_resolved(
    receiver: Receiver, host: str
) -> None:
    with pytest.raises(InsideNetwork, match="is inside this network"):
        ask(f"http://{host}:{receiver.port}/", NOWHERE)
    assert receiver.received == []


def test_what_a_name_leads_to_is_checked_before_the_line_is_opened(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, receiver.port))
        for address in ("93.184.215.14", "127.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(InsideNetwork, match=r"shop\.example is inside this network \(127\.0\.0\.1\)"):
        ask(f"http://shop.example:{receiver.port}/", NOWHERE)
    assert receiver.received == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nowhere",
        "//shop.example/",
        "file:///etc/passwd",
        "ftp://shop.example/",
        "http://",
        "http:///path",
        "http://shop.example:99999/",
        "http://shop.example:http/",
        "http://user:secret@shop.example/",
        "http://user@shop.example/",
        "http://shop.example/#part",
        "http://shop.example/a b",
        "http://shop.example/\r\nX: y",
        "http://溯源.example/",
        "http://[::1/",
        "http://shop.example/" + "a" * 2048,
    ],
)
def test_what_is_no_plain_http_url_is_refused(url: str) -> None:
    with pytest.raises(Invalid):
        check_target(url, EVERYWHERE)
    with pytest.raises(Invalid):
        ask(url, EVERYWHERE)


@pytest.mark.parametrize(
    "url", ["https://shop.example", "http://shop.example:8080/a?b=c", "https://8.8.8.8/"]
)
def test_a_public_target_is_accepted_without_asking_a_name_server(url: str) -> None:
    check_target(url, NOWHERE)


def test_a_host_that_the_operator_lists_may_be_inside() -> None:
    check_target("http://localhost:8080/", HERE)
    check_target("http://erp.lan/", LocalHosts.parse("erp.lan", VARIABLE))
    check_target("http://10.1.2.3/", EVERYWHERE)
    with pytest.raises(InsideNetwork):
        check_target("http://10.1.2.3/", HERE)
