"""Subscriptions to named queries, delivered to a webhook.

The server under test has to reach this machine: set CONFORMANCE_CALLBACK_HOST to the name or address by
which it can. Without it only a server on this machine is asked to deliver.
"""

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.conformance.samples import RUN, new_id, observed, place
from tests.conformance.server import Server, assert_problem, ids_of, item_path, wait_for

LOCAL = {"127.0.0.1", "localhost", "::1"}
FAULTS = ("SubscriptionControlsException", "ValidationException")
SECRET = "13df38d8275b13f05704629e5f1cf3d45d6132d5"


@dataclass
class Inbox:
    """What was delivered to `url`: headers and document of each."""

    url: str = ""
    deliveries: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)

    def wait_for(self, event_id: str) -> tuple[dict[str, str], dict[str, Any]]:
        """The delivery that brings this event."""

        def find() -> tuple[dict[str, str], dict[str, Any]] | None:
            for headers, sent in self.deliveries:
                results = sent["epcisBody"]["queryResults"]
                if event_id in ids_of(results["resultsBody"]["eventList"]):
                    return headers, results
            return None

        return wait_for(find, f"the delivery of {event_id}")


@pytest.fixture
def inbox(server: Server) -> Iterator[Inbox]:
    host = os.environ.get("CONFORMANCE_CALLBACK_HOST")
    if host is None and server.client.base_url.host not in LOCAL:
        pytest.skip("CONFORMANCE_CALLBACK_HOST does not tell how the server can call back")
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            inbox.deliveries.append(({k.lower(): v for k, v in self.headers.items()}, json.loads(raw)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("0.0.0.0" if host else "127.0.0.1", 0), Handler) as listener:
        inbox.url = f"http://{host or '127.0.0.1'}:{listener.server_port}/inbox"
        thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
        thread.start()
        yield inbox
        listener.shutdown()
        thread.join()


@dataclass(frozen=True)
class Named:
    """A query of ours, and the read point it asks about."""

    name: str
    read_point: str
    path: str


@pytest.fixture
def query(server: Server) -> Iterator[Named]:
    server.needs("/queries")
    name = f"s{RUN}{new_id()[-6:]}"
    query = Named(name, place(name), item_path("queries", name, "subscriptions"))
    definition = {"name": name, "query": {"EQ_readPoint": [query.read_point]}}
    answer = server.post("/queries", definition)
    assert answer.status_code == 201, answer.text
    yield query
    server.request("DELETE", item_path("queries", name))


def test_12_8_3_a_webhook_subscription_is_made(server: Server, query: Named, inbox: Inbox) -> None:
    answer = server.post(query.path, {"dest": inbox.url, "signatureToken": SECRET, "stream": True})

    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["subscriptionID"] in answer.headers["location"]
    assert made["dest"] == inbox.url
    assert made["createdAt"]
    assert SECRET not in answer.text


def test_12_8_3_a_subscription_can_be_read_and_is_listed(server: Server, query: Named, inbox: Inbox) -> None:
    answer = server.post(query.path, {"dest": inbox.url, "stream": True})
    subscription = answer.json()["subscriptionID"]

    assert server.client.get(server.url(answer.headers["location"])).json()["subscriptionID"] == subscription
    listed = [entry["subscriptionID"] for page in server.pages(query.path) for entry in page.json()]
    assert listed == [subscription]


def test_12_8_3_a_stream_delivers_each_event_that_matches(server: Server, query: Named, inbox: Inbox) -> None:
    answer = server.post(query.path, {"dest": inbox.url, "signatureToken": SECRET, "stream": True})
    event = observed(readPoint={"id": query.read_point})
    server.capture(event, observed())
    headers, results = inbox.wait_for(event["eventID"])

    assert ids_of(results["resultsBody"]["eventList"]) == [event["eventID"]]
    assert results["queryName"] == query.name
    assert results["subscriptionID"] == answer.json()["subscriptionID"]
    assert headers["gs1-signature"]
    assert SECRET not in headers["gs1-signature"]


def test_12_8_3_a_stream_delivers_an_event_once(server: Server, query: Named, inbox: Inbox) -> None:
    server.post(query.path, {"dest": inbox.url, "stream": True})
    events = [observed(readPoint={"id": query.read_point}) for _ in range(5)]
    for event in events:
        server.capture(event)
    for event in events:
        inbox.wait_for(event["eventID"])
    delivered = [
        event_id
        for _, sent in inbox.deliveries
        for event_id in ids_of(sent["epcisBody"]["queryResults"]["resultsBody"]["eventList"])
    ]
    assert sorted(delivered) == sorted(event["eventID"] for event in events)


def test_12_8_3_a_schedule_delivers_what_was_captured_since(
    server: Server, query: Named, inbox: Inbox
) -> None:
    answer = server.post(query.path, {"dest": inbox.url, "schedule": {"second": "[0-59]"}})
    assert answer.status_code == 201, answer.text
    event = observed(readPoint={"id": query.read_point})
    server.capture(event)
    inbox.wait_for(event["eventID"])


def test_12_8_3_an_empty_result_is_delivered_when_asked_for(
    server: Server, query: Named, inbox: Inbox
) -> None:
    controls = {"dest": inbox.url, "schedule": {"second": "[0-59]"}, "reportIfEmpty": True}
    assert server.post(query.path, controls).status_code == 201
    _, sent = wait_for(lambda: inbox.deliveries[0] if inbox.deliveries else None, "an empty delivery")
    assert sent["epcisBody"]["queryResults"]["resultsBody"]["eventList"] == []


def test_12_8_3_initial_record_time_reaches_back(server: Server, query: Named, inbox: Inbox) -> None:
    event = observed(readPoint={"id": query.read_point})
    server.capture(event)
    server.event(event["eventID"])
    controls = {
        "dest": inbox.url,
        "schedule": {"second": "[0-59]"},
        "initialRecordTime": "2001-01-01T00:00:00.000Z",
    }
    assert server.post(query.path, controls).status_code == 201
    inbox.wait_for(event["eventID"])


@pytest.mark.parametrize(
    "controls",
    [
        {},
        {"stream": True, "schedule": {"hour": "1"}},
        {"schedule": {"hour": "25"}},
        {"schedule": {"second": "often"}},
        {"schedule": {}},
        {"stream": True, "initialRecordTime": "noon"},
    ],
    ids=["neither", "both", "no_such_hour", "no_number", "empty_schedule", "no_time"],
)
def test_12_8_3_wrong_controls_are_400(
    server: Server, query: Named, inbox: Inbox, controls: dict[str, Any]
) -> None:
    assert_problem(server.post(query.path, {"dest": inbox.url, **controls}), 400, *FAULTS)


@pytest.mark.parametrize("dest", [None, "nowhere", "file:///etc/passwd"], ids=["none", "no_uri", "file"])
def test_12_8_3_a_subscription_needs_somewhere_to_deliver(
    server: Server, query: Named, dest: str | None
) -> None:
    controls = {"stream": True} | ({"dest": dest} if dest else {})
    assert_problem(server.post(query.path, controls), 400, *FAULTS)


def test_12_8_3_a_removed_subscription_delivers_nothing_more(
    server: Server, query: Named, inbox: Inbox
) -> None:
    answer = server.post(query.path, {"dest": inbox.url, "stream": True})
    where = server.url(answer.headers["location"])
    assert server.client.delete(where).status_code == 204
    assert_problem(server.client.get(where), 404, "NoSuchResourceException", "NoSuchNameException")

    kept = server.post(query.path, {"dest": inbox.url + "/kept", "stream": True})
    assert kept.status_code == 201
    event = observed(readPoint={"id": query.read_point})
    server.capture(event)
    _, results = inbox.wait_for(event["eventID"])
    assert results["subscriptionID"] == kept.json()["subscriptionID"]
    assert len(inbox.deliveries) == 1


def test_12_8_3_to_remove_a_query_removes_its_subscriptions(
    server: Server, query: Named, inbox: Inbox
) -> None:
    answer = server.post(query.path, {"dest": inbox.url, "stream": True})
    assert server.request("DELETE", item_path("queries", query.name)).status_code == 204
    where = server.url(answer.headers["location"])
    assert_problem(server.client.get(where), 404, "NoSuchResourceException", "NoSuchNameException")
