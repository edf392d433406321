"""Processes are killed while a company captures: nothing acknowledged is lost, nothing counts twice."""

import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event as Flag

import httpx
import pytest

from ganache import read_keys
from ledger.chain import connect
from ledger.domain.bundle import read_bundle
from ledger.verify import JsonRpcChain, Verified, verify
from tests.services.world import SGTIN, document, made, seen
from tests.stories.conftest import ended
from tests.stories.node_process import NodeProcess, wait_for

pytestmark = pytest.mark.slow

ROUNDS = 5


class Client:
    """A company that captures one small document after the other, and again what was not acknowledged."""

    def __init__(self, node: NodeProcess, key: str) -> None:
        self._node, self._key = node, key
        self._stop = Flag()
        self.documents = 0  # acknowledged ones; each makes and sees a serial
        self.acknowledged: dict[str, int] = {}  # eventID -> log index

    @contextmanager
    def capturing(self) -> Iterator[None]:
        """Captures meanwhile in a thread of its own, until the node does not answer any more."""
        self._stop.clear()
        with ThreadPoolExecutor(1) as thread:
            running = thread.submit(self._run)
            try:
                yield
            finally:
                self._stop.set()
            running.result()

    def _run(self) -> None:
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/ld+json"}
        with httpx.Client(base_url=self._node.url, headers=headers, timeout=30) as client:
            while not self._stop.is_set():
                serial = f"K{self.documents}"
                try:
                    answer = client.post("/epcis/capture", content=document(made(serial), seen(serial)))
                except httpx.TransportError:
                    return
                assert answer.status_code == 202, answer.text
                for event in json.loads(answer.json()["receipt"].splitlines()[1])["events"]:
                    self.acknowledged[event["eventID"]] = event["index"]
                self.documents += 1

    def grows(self, by: int = 5) -> None:
        """Wait until more was acknowledged."""
        aim = self.documents + by
        wait_for("captures are acknowledged", lambda: self.documents >= aim)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """One node, killed again and again; it anchors all the time, so that kills come between."""
    settings = {"SUYUAN_ANCHOR_INTERVAL_SECONDS": "0.05"}
    with ended(NodeProcess(tmp_path_factory.mktemp("kills") / "node", settings)) as node:
        yield node.start()


@pytest.fixture(scope="module")
def client(node: NodeProcess) -> Client:
    return Client(node, node.admin_key)


def check(node: NodeProcess, client: Client) -> None:
    """Everything acknowledged is in the log once, anchored once, and proved."""
    node.wait_until_anchored()
    with node.store() as store:
        events = store.events_between(0, store.log_size() + 1)
        anchors = store.anchors(limit=1000)
    assert [event.log_index for event in events] == list(range(len(events)))
    logged = {event.identity.event_id: event.log_index for event in events}
    assert len(logged) == len(events)
    assert len(client.acknowledged) == 2 * client.documents
    assert client.acknowledged.items() <= logged.items()

    trust = node.trust
    url = f"http://127.0.0.1:{node.chain_port}"
    chain = connect(url, trust.contract, read_keys(node.folder / "chain")[0])
    head = chain.head(trust.log_id)
    assert (head.count, head.size) == (len(anchors), len(events))
    assert head.anchor_hash == anchors[-1].anchor.hash

    assert node.suyuan("audit").stdout == f"{len(events)} events checked, 0 findings\n"
    for number in (0, client.documents // 2, client.documents - 1):
        bundle = node.get("/proof/item", id=f"{SGTIN}K{number}").content
        verdict = verify(bundle, trust, JsonRpcChain(url))
        assert isinstance(verdict, Verified), verdict
        assert len(read_bundle(bundle).events) == 2


def wait_for_another_worker(node: NodeProcess, killed: int) -> None:
    wait_for("another worker runs", lambda: node.processes().get("worker", killed) != killed)


def test_whatever_was_acknowledged_outlives_every_kill_of_the_whole_node(
    node: NodeProcess, client: Client
) -> None:
    moments = random.Random(20261122)
    for _ in range(ROUNDS):
        with client.capturing():
            client.grows()
            time.sleep(moments.uniform(0, 2))
            node.kill()
        node.wait_until_gone()
        node.start()
    assert len(node.anchors()) > 1
    check(node, client)


def test_a_killed_worker_is_started_again_while_captures_go_on(node: NodeProcess, client: Client) -> None:
    moments = random.Random(20261123)
    with client.capturing():
        for _ in range(2):
            killed = node.processes()["worker"]
            time.sleep(moments.uniform(0, 1))
            node.kill("worker")
            wait_for_another_worker(node, killed)
            client.grows()
    assert node.said.count("The anchor worker ended with exit code -9; starting it again.") == 2
    check(node, client)


@pytest.mark.parametrize(
    ("part", "sentence"),
    [("api", "The API ended with exit code -9; stopping."), ("chain", "The embedded chain ended")],
)
def test_a_node_that_lost_its_api_or_chain_says_so_and_stops(
    node: NodeProcess, client: Client, part: str, sentence: str
) -> None:
    with client.capturing():
        client.grows()
        node.kill(part)
        assert node.exit_code() == 1
    assert sentence in node.said
    assert "What was captured is kept: `suyuan serve` goes on from here." in node.said
    assert node.processes() == {}

    node.start()
    check(node, client)
