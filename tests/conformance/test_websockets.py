"""Named queries over a WebSocket, which a server may offer (section 12.8.3)."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.conformance.samples import RUN, new_id, observed, place
from tests.conformance.server import WAIT_SECONDS, Server, ids_of, item_path

_NOT_OFFERED = {400, 404, 405, 426, 501}


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """A named query about a read point of its own, `place(name)`."""
    server.needs("/queries")
    name = f"w{RUN}{new_id()[-6:]}"
    answer = server.post("/queries", {"name": name, "query": {"EQ_readPoint": [place(name)]}})
    assert answer.status_code == 201, answer.text
    yield name
    server.request("DELETE", item_path("queries", name))


def open_socket(server: Server, name: str, **controls: str) -> connect:
    url = server.client.base_url
    scheme = {"http": "ws", "https": "wss"}[url.scheme]
    path = f"{url.path.rstrip('/')}{item_path('queries', name, 'events')}?{urlencode(controls)}"
    return connect(
        f"{scheme}://{url.netloc.decode()}{path}",
        additional_headers={"Authorization": server.client.headers.get("Authorization", "")},
        open_timeout=WAIT_SECONDS,
    )


@contextmanager
def subscribed(server: Server, name: str, **controls: str) -> Iterator[ClientConnection]:
    """An open socket; skips the test when the server offers none."""
    with ExitStack() as stack:
        try:
            socket = stack.enter_context(open_socket(server, name, **controls))
        except InvalidStatus as error:
            if error.response.status_code in _NOT_OFFERED:
                pytest.skip(f"the server offers no WebSocket: it answers {error.response.status_code}")
            raise
        yield socket


def refusal(server: Server, name: str, **controls: str) -> int:
    """The status with which the server refuses to open a socket."""
    with pytest.raises(InvalidStatus) as refused, open_socket(server, name, **controls):
        pass
    return refused.value.response.status_code


def receive(socket: ClientConnection) -> dict[str, Any]:
    results: dict[str, Any] = json.loads(socket.recv(WAIT_SECONDS))["epcisBody"]["queryResults"]
    return results


def test_12_8_3_a_socket_streams_each_event_that_matches(server: Server, name: str) -> None:
    with subscribed(server, name, stream="true") as socket:
        for _ in range(2):
            event = observed(readPoint={"id": place(name)})
            server.capture(observed(), event)
            results = receive(socket)
            assert ids_of(results["resultsBody"]["eventList"]) == [event["eventID"]]
            assert results["queryName"] == name


def test_12_8_3_a_socket_reports_by_schedule(server: Server, name: str) -> None:
    with subscribed(server, name, second="[0-59]", reportIfEmpty="true") as socket:
        assert receive(socket)["resultsBody"]["eventList"] == []


def test_12_8_3_each_socket_gets_each_event(server: Server, name: str) -> None:
    with subscribed(server, name, stream="true") as one, subscribed(server, name, stream="true") as other:
        event = observed(readPoint={"id": place(name)})
        server.capture(event)
        for socket in (one, other):
            assert ids_of(receive(socket)["resultsBody"]["eventList"]) == [event["eventID"]]


@pytest.mark.parametrize(
    "controls",
    [{}, {"stream": "true", "second": "1"}, {"second": "61"}],
    ids=["neither", "both", "no_such_second"],
)
def test_12_8_3_a_socket_with_wrong_controls_is_400(
    server: Server, name: str, controls: dict[str, str]
) -> None:
    with subscribed(server, name, stream="true"):
        assert refusal(server, name, **controls) == 400


def test_12_8_3_a_socket_to_a_query_that_nobody_named_is_404(server: Server, name: str) -> None:
    with subscribed(server, name, stream="true"):
        assert refusal(server, f"no{RUN}", stream="true") == 404


def test_12_8_3_to_remove_a_query_closes_its_sockets(server: Server, name: str) -> None:
    with subscribed(server, name, stream="true") as socket:
        assert server.request("DELETE", item_path("queries", name)).status_code == 204
        assert list(socket) == []  # ends when the server closes it
