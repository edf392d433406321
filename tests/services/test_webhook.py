"""One POST to somebody else's server: what it sends, when it gives up, where it never goes."""

import socket
import time
from collections.abc import Iterator

import pytest

from ledger.domain.errors import Invalid
from ledger.webhook import LocalHosts, NotDelivered, check_target, post
from tests.services.receiver import DRIP, DROP, HANG, Receiver, run_receiver

NOWHERE = LocalHosts.parse("")
HERE = LocalHosts.parse("127.0.0.1, LocalHost")


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
    with pytest.raises(Invalid, match="is inside this network"):
        check_target(url, NOWHERE)
    with pytest.raises(NotDelivered):
        post(url, b"", {}, NOWHERE, 1.0)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
def test_another_spelling_of_an_inside_address_is_refused_when_it_is_resolved(
    receiver: Receiver, host: str
) -> None:
    with pytest.raises(NotDelivered, match="is inside this network"):
        send(f"http://{host}:{receiver.port}/", NOWHERE)
    assert receiver.received == []


def test_what_a_name_leads_to_is_checked_before_the_line_is_opened(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, receiver.port))
        for address in ("93.184.215.14", "127.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(NotDelivered, match=r"shop\.example is inside this network \(127\.0\.0\.1\)"):
        send(f"http://shop.example:{receiver.port}/", NOWHERE)
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
        check_target(url, LocalHosts.parse("*"))
    with pytest.raises(NotDelivered):
        post(url, b"", {}, LocalHosts.parse("*"), 1.0)


@pytest.mark.parametrize(
    "url", ["https://shop.example", "http://shop.example:8080/a?b=c", "https://8.8.8.8/"]
)
def test_a_public_target_is_accepted_without_asking_a_name_server(url: str) -> None:
    check_target(url, NOWHERE)


def test_a_host_that_the_operator_lists_may_be_inside() -> None:
    check_target("http://localhost:8080/", HERE)
    check_target("http://erp.lan/", LocalHosts.parse("erp.lan"))
    check_target("http://10.1.2.3/", LocalHosts.parse("*"))
    with pytest.raises(Invalid):
        check_target("http://10.1.2.3/", HERE)
