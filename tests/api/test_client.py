"""The client for Python programs: against a node that is really served, and against misbehaving servers."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ledger.client import Client, KeyRefused, NodeUnavailable
from ledger.domain.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.api.conftest import Serve
from tests.services.world import SGTIN, World, document, made, seen


def client_of(world: World, serve: Serve, key: str | None = None) -> Client:
    return Client(str(serve(world.node).base_url), world.texts["factory"] if key is None else key)


def test_events_are_captured_with_a_receipt_and_found_again(world: World, serve: Serve) -> None:
    client = client_of(world, serve)

    job = client.capture([made("S1"), seen("S1", eventTime="2026-11-02T09:00:00.000Z")])

    assert job.success
    assert "suyuan-receipt/1" in job.receipt
    assert client.job(job.capture_id) == job
    found = list(client.events(MATCH_epc=SGTIN + "S1", orderBy="eventTime", orderDirection="ASC"))
    assert [event["action"] for event in found] == ["ADD", "OBSERVE"]
    assert client.event(found[0]["eventID"])["epcList"] == [SGTIN + "S1"]


def test_all_pages_of_an_answer_are_read(world: World, serve: Serve) -> None:
    client = client_of(world, serve)
    client.capture([made(f"S{n}") for n in range(7)])

    found = list(client.events(perPage=3, EQ_action=["ADD", "DELETE"]))

    assert len({event["eventID"] for event in found}) == 7


def test_the_bundles_of_the_client_verify(world: World, serve: Serve) -> None:
    client = client_of(world, serve)
    client.capture(document(made("S1")))
    world.anchor()

    assert world.verify(client.item_bundle(SGTIN + "S1")).exit_code == 0
    (event,) = client.events()
    assert world.verify(client.event_bundle(event["eventID"])).exit_code == 0


def test_what_the_node_refuses_is_refused_here_with_its_problems(world: World, serve: Serve) -> None:
    client = client_of(world, serve)

    with pytest.raises(Invalid) as refused:
        client.capture([made("S1", action="LOOK")])
    assert [problem.pointer for problem in refused.value.problems] == ["/0/action"]
    with pytest.raises(NotAllowed):
        client_of(world, serve, world.texts["carrier"]).capture([made("S1")])
    with pytest.raises(KeyRefused):
        client_of(world, serve, "suyuan_no_key").capture([made("S1")])
    with pytest.raises(NotFound):
        client.job("0" * 32)
    client.capture([made("S1", eventID="urn:x:1")])
    with pytest.raises(Conflict):
        client.capture([made("S2", eventID="urn:x:1")])


def test_with_proceed_the_job_lists_the_faults(world: World, serve: Serve) -> None:
    job = client_of(world, serve).capture([made("S1"), made("S2", action="LOOK")], "proceed")

    assert not job.success
    assert [fault.pointer for fault in job.faults] == ["/1/action"]


def test_a_node_has_a_web_address() -> None:
    with pytest.raises(Invalid):
        Client("file:///etc/passwd")


# --- servers that misbehave

Answer = Callable[[BaseHTTPRequestHandler, int], None]


@contextmanager
def server(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """A server that answers request number n with `answer(handler, n)`; its URL, and the requests it got."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            got.append(f"{self.command} {self.path} {body.decode()}".strip())
            answer(self, len(got))

        do_GET = do_POST = _handle  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}", got
        finally:
            http.shutdown()
            thread.join()


def send(handler: BaseHTTPRequestHandler, status: int, body: object = None, **headers: str) -> None:
    raw = json.dumps(body).encode()
    handler.send_response(status)
    for name, value in ({"Content-Length": str(len(raw))} | headers).items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(raw)


DONE = {"captureID": "1", "running": False, "success": True, "errors": [], "warnings": [], "receipt": ""}


def test_a_call_is_made_again_until_it_is_answered() -> None:
    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        if number == 1:
            handler.close_connection = True  # hung up without a word
        elif number == 2:
            send(handler, 503, Retry_After="7")
        elif number == 3:
            send(handler, 429)
        else:
            send(handler, 202, DONE, Location="/epcis/capture/1")

    pauses: list[float] = []
    with server(answer) as (url, got):
        assert Client(url, pause=pauses.append).capture([{"a": 1}]).success

    assert got == ['POST /epcis/capture [{"a": 1}]'] * 4
    assert pauses[1] == 7
    assert 0.25 <= pauses[0] <= 0.5
    assert 1 <= pauses[2] <= 2


def test_after_some_attempts_the_node_is_unavailable() -> None:
    pauses: list[float] = []
    with server(lambda handler, _: send(handler, 503)) as (url, got):
        with pytest.raises(NodeUnavailable, match="no answer in 3 attempts: status 503"):
            Client(url, attempts=3, pause=pauses.append).job("1")
        assert len(got) == 3
    with pytest.raises(NodeUnavailable, match="refused"):
        Client(url, attempts=2, pause=pauses.append).job("1")
    assert len(pauses) == 3


def test_a_fault_of_the_request_is_not_repeated() -> None:
    with server(lambda handler, _: send(handler, 400, {"detail": "no"})) as (url, got):
        with pytest.raises(Invalid, match="400: no"):
            Client(url).job("1")
        assert len(got) == 1


def test_a_job_that_runs_is_waited_for() -> None:
    def answer(handler: BaseHTTPRequestHandler, number: int) -> None:
        send(handler, 202, DONE | {"running": number < 3}, Location="/epcis/capture/1")

    pauses: list[float] = []
    with server(answer) as (url, got):
        assert Client(url, pause=pauses.append).capture(b"<x/>").success
    assert got == ["POST /epcis/capture <x/>", "GET /epcis/capture/1", "GET /epcis/capture/1"]
    assert len(pauses) == 2


def test_the_api_key_goes_to_no_other_host() -> None:
    with server(lambda handler, _: send(handler, 200, DONE)) as (other, other_got):
        with (
            server(lambda handler, _: send(handler, 307, Location=f"{other}/x")) as (url, _),
            pytest.raises(Invalid, match="307"),
        ):
            Client(url, "suyuan_secret_key").job("1")
        page = {
            "type": "EPCISQueryDocument",
            "epcisBody": {"queryResults": {"resultsBody": {"eventList": []}}},
        }
        with (
            server(lambda handler, _: send(handler, 200, page, Link=f'<{other}/x>; rel="next"')) as (url, _),
            pytest.raises(Invalid, match="another host"),
        ):
            list(Client(url, "suyuan_secret_key").events())
        assert other_got == []
