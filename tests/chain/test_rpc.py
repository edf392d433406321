"""What comes back from a chain node, however broken it is, is an answer or one of our errors."""

import socket
import threading

import pytest

from ledger.chain.rpc import Refused, Rpc
from ledger.domain.errors import ChainUnavailable, Invalid
from tests.chain.canned import node, serve


def test_the_result_is_returned_as_the_node_gives_it() -> None:
    with serve(node({"eth_chainId": "0x539"})) as url:
        assert Rpc(url).call("eth_chainId") == "0x539"
        assert Rpc(url).quantity("eth_chainId") == 1337


def test_a_node_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(
            ChainUnavailable, match=r"did not answer eth_chainId: no connection; is it running\?"
        ):
            Rpc(url).call("eth_chainId")


def test_a_node_that_takes_too_long_is_unavailable() -> None:
    slow = threading.Event()

    def hang(_: str) -> tuple[int, bytes]:
        slow.wait(10)
        return 200, b"{}"

    with serve(hang) as url:
        with pytest.raises(ChainUnavailable, match="it took too long"):
            Rpc(url, answer_seconds=0.05).call("eth_chainId")
        slow.set()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"<html>proxy</html>"),
        (200, b"\xff\xfe"),
        (200, b"[]"),
        (200, b'"ok"'),
        (200, b"{}"),
        (200, b'{"error": "text"}'),
        (200, b'{"result": '),
        (429, b"slow down"),
        (500, b'{"result": "0x1"}'),
        (503, b""),
    ],
)
def test_an_answer_that_is_none_is_unavailable(status: int, body: bytes) -> None:
    with serve(lambda _: (status, body)) as url, pytest.raises(ChainUnavailable):
        Rpc(url).call("eth_chainId")


@pytest.mark.parametrize("result", [None, "", "0x", "zz", 7, {}, []])
def test_a_number_that_is_none_is_unavailable(result: object) -> None:
    with serve(node({"eth_gasPrice": result})) as url, pytest.raises(ChainUnavailable, match="eth_gasPrice"):
        Rpc(url).quantity("eth_gasPrice")


def test_an_error_of_the_node_is_told_in_its_words() -> None:
    with serve(node({})) as url, pytest.raises(Refused, match="the method eth_x does not exist"):
        Rpc(url).call("eth_x")


@pytest.mark.parametrize("url", ["", "localhost:8545", "ws://localhost", "http://", "http://host:port", "/x"])
def test_an_rpc_address_that_is_none_is_invalid(url: str) -> None:
    with pytest.raises(Invalid, match="RPC address"):
        Rpc(url)


def test_messages_do_not_show_the_secrets_in_an_rpc_address() -> None:
    with serve(lambda _: (500, b"")) as url:
        secret = url.replace("http://", "http://user:hidden1@") + "/hidden2?key=hidden3"
        with pytest.raises(ChainUnavailable) as caught:
            Rpc(secret).call("eth_chainId")
    assert "127.0.0.1" in str(caught.value)
    assert "hidden" not in str(caught.value)
