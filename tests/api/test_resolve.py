"""Two nodes on one chain: one resolves the identifiers of the other over HTTP, and says what it could prove.

Each has its own database, log, clock and server; the prefixes are in a real `PrefixRegistry`.
"""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from ledger.chain import ChainOptions, EthereumRegistry, RegistryWriter, connect_signer, node_id
from ledger.cli import main
from ledger.domain.records import Action, Change, parse_values
from ledger.domain.resolution import DOWN_SECONDS, STALE_SECONDS_MAX
from ledger.node import Prefixes
from ledger.ports import Party
from ledger.records import change_record
from ledger.registry import refresh_prefixes
from ledger.store import SqlStore, open_store
from tests.api.conftest import serving
from tests.chain.nodes import ADMIN, Anvil
from tests.services.world import World, open_world, seen

SECOND_MS = 1_000
_prefixes = count(2001)


@dataclass
class Nodes:
    """Node A, which has a prefix, and node B, which is asked. Both live as long as the test."""

    a: World
    b: World
    ask_a: httpx.Client
    ask_b: httpx.Client
    writer: RegistryWriter
    registry: EthereumRegistry
    prefix: str
    stop_a: Callable[[], None]

    @property
    def id(self) -> str:
        return f"{self.prefix}/tea-1"

    @property
    def uri(self) -> str:
        return f"hdl:{self.id}"

    @property
    def node(self) -> bytes:
        return node_id("handle", self.prefix)

    @property
    def a_url(self) -> str:
        return str(self.ask_a.base_url)

    def follow(self) -> None:
        for world in (self.a, self.b):
            refresh_prefixes(world.node.store, self.registry, world.clock())
            world.node.prefixes.forget()

    def point_to(self, endpoint: str, log_id: bytes | None = None) -> None:
        """Register who answers for the prefix, by default with A's log."""
        log = self.a.node.trust.log_id if log_id is None else log_id
        self.writer.set_endpoint(self.node, endpoint, log)
        self.follow()

    def change(self, action: Action, *values: dict[str, Any]) -> None:
        read = parse_values(list(values)) if values else ()
        change_record(self.a.node, self.a.keys["factory"], Change(self.uri, action, read))

    def resolve(self, other: str = "") -> dict[str, Any]:
        answer = self.ask_b.get("/resolve", params={"id": other or self.id})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def refuse(self, status: int, other: str = "") -> str:
        answer = self.ask_b.get("/resolve", params={"id": other or self.id})
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        return str(answer.json()["detail"])

    def wait(self, seconds: float) -> None:
        self.b.clock.now_ms += int(seconds * SECOND_MS)


def url(target: str, **fields: Any) -> dict[str, Any]:
    return {"index": 1, "type": "URL", "data": target, "ttl": 600, **fields}


TEA, NEW_TEA = url("https://maker.example/tea"), url("https://maker.example/new-tea")
HIDDEN = {"index": 7, "type": "NOTE", "data": "for us alone", "permissions": "1100"}


def open_node(anvil: Anvil, database: Path, folder: Path) -> World:
    folder.mkdir()
    shutil.copy(database, folder / "suyuan.db")
    world = open_world(open_store(f"sqlite:///{folder / 'suyuan.db'}"), anvil, folder / "node")
    settings = replace(world.node.settings, resolve_local_hosts="127.0.0.1", resolve_timeout_seconds=60.0)
    return replace(world, node=replace(world.node, settings=settings))


@pytest.fixture
def nodes(anvil: Anvil, sqlite_database: Path, tmp_path: Path) -> Iterator[Nodes]:
    with ExitStack() as stack:
        worlds = [open_node(anvil, sqlite_database, tmp_path / name) for name in ("a", "b")]
        for world in worlds:
            stack.callback(world.node.store.close)
        a, b = worlds
        served_a = stack.enter_context(ExitStack())
        ask_a = served_a.enter_context(serving(a.node))
        ask_b = stack.enter_context(serving(b.node))
        deployment = anvil.deployment
        admin = connect_signer(anvil.url, ADMIN, options=ChainOptions(finality="instant"))
        writer = RegistryWriter(admin, deployment.prefix_registry)
        registry = EthereumRegistry(admin, deployment.prefix_registry, deployment.block_number)
        prefix = f"88.118.{next(_prefixes)}"
        writer.open_scheme("handle", ".", admin.account)
        writer.allocate("handle", prefix, admin.account)
        a.node.store.put_party(Party("factory", "Factory", "", admin.account))
        nodes = Nodes(a, b, ask_a, ask_b, writer, registry, prefix, served_a.close)
        nodes.point_to(nodes.a_url)
        nodes.change("register", TEA, HIDDEN)
        a.anchor()
        yield nodes


# --- what another node is asked, and what it proves


def test_an_identifier_of_another_node_is_resolved_with_proof(nodes: Nodes) -> None:
    found = nodes.resolve()
    assert (found["standing"], found["reason"], found["id"]) == ("proven", "", nodes.uri)
    assert found["node"] == nodes.a_url
    assert found["log"] == f"0x{nodes.a.node.trust.log_id.hex()}"
    assert found["prefix"] == {"scheme": "handle", "text": nodes.prefix}
    assert found["anchor"] == {"number": 1, "size": 1}
    assert found["record"]["version"] == 1
    assert [value["data"]["value"] for value in found["record"]["values"]] == ["https://maker.example/tea"]
    assert (found["ageSeconds"], found["ttlSeconds"]) == (0, 600)
    assert nodes.a.verify(httpx.get(found["proof"]).content).exit_code == 0

    own = nodes.ask_a.get("/resolve", params={"id": nodes.id}).json()
    assert (own["standing"], own["node"]) == ("proven", None)
    assert (own["record"], own["anchor"]) == (found["record"], found["anchor"])


def test_whence_an_answer_came_is_counted(nodes: Nodes) -> None:
    nodes.resolve()
    nodes.resolve()
    admin = {"Authorization": f"Bearer {nodes.b.texts['node']}"}
    span = {"from": "2026-11-22T00:00:00Z", "until": "2026-11-23T00:00:00Z"}
    told = nodes.ask_b.get("/resolution/statistics", params=span, headers=admin).json()
    counts = {(row["prefix"], row["source"]): row["count"] for row in told["rows"]}
    assert counts == {(nodes.prefix, "peer"): 1, (nodes.prefix, "cached"): 1}


def test_what_happened_to_an_item_is_counted_and_its_spelling_does_not_matter(nodes: Nodes) -> None:
    crate = f"hdl:{nodes.prefix}/crate"
    nodes.a.capture(seen(epcList=[crate]), seen(epcList=[crate], eventTime="2026-11-02T09:00:00.000Z"))
    nodes.a.anchor()
    found = nodes.resolve(f"https://hdl.handle.net/{nodes.prefix}/crate")
    assert (found["standing"], found["events"], found["record"]) == ("proven", 2, None)


def test_a_change_that_waits_for_its_anchor_is_unproven_until_then(nodes: Nodes) -> None:
    nodes.change("put", NEW_TEA)
    found = nodes.resolve()
    assert found["standing"] == "unproven"
    assert "waits for the next anchor" in found["reason"]
    nodes.a.anchor()
    nodes.wait(found["ttlSeconds"])
    found = nodes.resolve()
    assert (found["standing"], found["record"]["version"]) == ("proven", 2)


def test_what_the_responsible_node_does_not_know_is_not_found_and_proven_so(nodes: Nodes) -> None:
    assert "is not known at" in (detail := nodes.refuse(404, f"{nodes.prefix}/nothing"))
    assert "proven by anchor 1" in detail
    nodes.change("delete")
    nodes.a.anchor()
    assert "is deleted at" in (detail := nodes.refuse(404))
    assert "proven by anchor 2" in detail


# --- another name of the same thing


@dataclass
class Twin:
    """An OID and the handle that carries it, under prefixes that both owners call equivalent."""

    oid: str
    handle: str
    prefix: bytes
    world: World  # whose log has what is recorded under the OID

    def change(self, action: Action, *values: dict[str, Any], uri: str = "") -> None:
        read = parse_values(list(values)) if values else ()
        change_record(self.world.node, self.world.keys["factory"], Change(uri or self.oid, action, read))
        self.world.anchor()


def add_twin(nodes: Nodes, world: World, endpoint: str) -> Twin:
    """An OID prefix of its own, served by `world` at `endpoint`."""
    text = f"1.2.156.{next(_prefixes)}"
    prefix, admin = node_id("oid", text), nodes.a.node.store.party("factory")
    assert admin
    world.node.store.put_party(admin)
    nodes.writer.open_scheme("oid", ".", admin.account)
    nodes.writer.allocate("oid", text, admin.account)
    nodes.writer.set_endpoint(prefix, endpoint, world.node.trust.log_id)
    for pair in ((prefix, nodes.node), (nodes.node, prefix)):
        nodes.writer.declare_equivalence(*pair)
    nodes.follow()
    return Twin(f"urn:oid:{text}.7", f"hdl:{nodes.prefix}/{text}.7", prefix, world)


def test_a_handle_without_a_record_is_answered_by_its_other_name_which_is_said(nodes: Nodes) -> None:
    twin = add_twin(nodes, nodes.b, str(nodes.ask_b.base_url))
    twin.change("register", TEA)
    for asked, node, absent_at in (
        (nodes.ask_b, None, nodes.a_url),
        (nodes.ask_a, str(nodes.ask_b.base_url), None),
    ):
        found = asked.get("/resolve", params={"id": twin.handle}).json()
        assert (found["id"], found["answeredBy"]) == (twin.handle, twin.oid)
        assert (found["standing"], found["node"], found["prefix"]["scheme"]) == ("proven", node, "oid")
        assert found["record"]["values"][0]["data"]["value"] == "https://maker.example/tea"
        assert found["log"] == f"0x{nodes.b.node.trust.log_id.hex()}"
        assert found["ttlSeconds"] == 60  # that the handle has none of its own holds no longer
        absence = found["absence"]
        assert (absence["node"], absence["prefix"]["scheme"]) == (absent_at, "handle")
        assert absence["log"] == f"0x{nodes.a.node.trust.log_id.hex()}"
        for world, proof in ((nodes.b, found["proof"]), (nodes.a, absence["proof"])):
            bundle = asked.get(proof) if proof.startswith("/") else httpx.get(proof)
            assert world.verify(bundle.content).exit_code == 0

    own = nodes.resolve(twin.oid)
    assert (own["id"], own["answeredBy"], own["absence"]) == (twin.oid, None, None)


def test_a_record_of_its_own_answers_and_one_that_was_deleted_is_not_replaced(nodes: Nodes) -> None:
    twin = add_twin(nodes, nodes.a, nodes.a_url)
    twin.change("register", TEA)
    assert nodes.resolve(twin.handle)["answeredBy"] == twin.oid
    twin.change("register", NEW_TEA, uri=twin.handle)
    nodes.wait(60)
    found = nodes.resolve(twin.handle)
    assert (found["answeredBy"], found["record"]["values"][0]["data"]["value"]) == (None, NEW_TEA["data"])
    twin.change("delete", uri=twin.handle)
    nodes.wait(600)
    assert "is deleted at" in nodes.refuse(404, twin.handle)


def test_two_names_without_a_record_are_asked_for_once_each(nodes: Nodes) -> None:
    with run_peer(relay(nodes)) as peer:
        nodes.point_to(peer.url)
        twin = add_twin(nodes, nodes.a, peer.url)
        for name in (twin.handle, twin.oid, twin.handle):
            assert f"{name} is not known at" in nodes.refuse(404, name)
        assert len(peer.paths) == 2 * len(("/resolve", "/proof/item"))


def test_another_name_answers_only_where_its_own_node_would(nodes: Nodes) -> None:
    twin = add_twin(nodes, nodes.a, "http://127.0.0.1:9")  # nobody listens there
    detail = nodes.refuse(504, twin.handle)
    assert f"{twin.handle} has no record of its own, and for {twin.oid}" in detail
    assert "could not be asked" in detail
    nodes.writer.set_endpoint(twin.prefix, nodes.a_url, nodes.a.node.trust.log_id)
    nodes.follow()
    twin.change("register", TEA)
    alter(nodes.a, "UPDATE identifier_record SET kept = replace(kept, 'maker', 'forger')")
    assert f"{twin.oid}: the answer of {nodes.a_url} is refuted" in nodes.refuse(502, twin.handle)
    nodes.writer.withdraw_equivalence(twin.prefix, nodes.node)
    nodes.follow()
    assert f"{twin.handle} is not known at" in nodes.refuse(404, twin.handle)


def test_where_nobody_proves_that_there_is_none_another_name_does_not_answer(nodes: Nodes) -> None:
    twin = add_twin(nodes, nodes.a, nodes.a_url)
    twin.change("register", TEA)
    nodes.point_to(nodes.a_url, bytes(32))
    assert "unproven: the registry names no log" in nodes.refuse(404, twin.handle)


# --- a node that is gone


def test_a_node_that_is_gone_is_answered_for_as_long_as_its_answer_holds_and_then_clearly_stale(
    nodes: Nodes,
) -> None:
    record = nodes.resolve()["record"]
    nodes.stop_a()
    nodes.wait(599)
    found = nodes.resolve()
    assert (found["standing"], found["ageSeconds"], found["ttlSeconds"]) == ("proven", 599, 1)

    nodes.wait(2)
    stale = nodes.resolve()
    assert (stale["standing"], stale["wasProven"], stale["record"]) == ("stale", True, record)
    assert (stale["ageSeconds"], stale["ttlSeconds"]) == (601, 0)
    assert "could not be asked" in stale["reason"]
    assert "could not be asked" in nodes.refuse(504, f"{nodes.prefix}/never-asked")

    nodes.wait(STALE_SECONDS_MAX)
    nodes.refuse(504)


def test_a_node_that_is_back_is_asked_again(nodes: Nodes) -> None:
    nodes.point_to("http://127.0.0.1:9")  # nobody listens there
    nodes.refuse(504)
    nodes.point_to(nodes.a_url)
    assert nodes.resolve()["standing"] == "proven"


# --- a node whose database was altered


def test_an_altered_history_is_refuted(nodes: Nodes) -> None:
    assert nodes.resolve()["standing"] == "proven"
    alter(
        nodes.a, "UPDATE event_body SET body = CAST(replace(CAST(body AS TEXT), 'maker', 'forger') AS BLOB)"
    )
    nodes.wait(600)
    assert "is refuted: step 2" in (detail := nodes.refuse(502))
    assert nodes.a_url in detail


def test_an_altered_record_is_refuted(nodes: Nodes) -> None:
    alter(nodes.a, "UPDATE identifier_record SET kept = replace(kept, 'maker', 'forger')")
    assert "it was altered" in nodes.refuse(502)
    nodes.stop_a()
    nodes.wait(60)
    nodes.refuse(504)  # what was refuted is not shown as stale


def test_a_database_put_back_to_an_older_state_proves_nothing(nodes: Nodes, tmp_path: Path) -> None:
    """It hides what came after, and its old proofs are true in themselves."""
    with (
        closing(sqlite3.connect(tmp_path / "a" / "suyuan.db")) as now,
        closing(sqlite3.connect(tmp_path / "old.db")) as old,
    ):
        now.backup(old)
    for number in range(2):
        nodes.change("put", url(f"https://maker.example/{number}"))
        nodes.a.anchor()
    assert nodes.resolve()["record"]["version"] == 3

    node = nodes.a.node
    with closing(open_store(f"sqlite:///{tmp_path / 'old.db'}")) as store:
        put_back = replace(node, store=store, prefixes=Prefixes(store, node.clock))
        with serving(put_back) as client:
            nodes.point_to(str(client.base_url))
            found = nodes.resolve()
    assert (found["standing"], found["record"]["version"]) == ("unproven", 1)
    assert "its proof is of anchor 1" in found["reason"]


def alter(world: World, statement: str) -> None:
    store = world.node.store
    assert isinstance(store, SqlStore)
    with store.writing() as connection:
        assert connection.execute(text(statement)).rowcount


# --- a node that misbehaves


Answering = Callable[[str], tuple[int, dict[str, str], bytes]]


@dataclass
class Peer:
    """A server that somebody registered: it answers each path as the test says, and counts."""

    port: int
    paths: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def run_peer(answering: Answering) -> Iterator[Peer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            peer.paths.append(self.path)
            status, headers, body = answering(self.path)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # whoever asked had enough
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        peer = Peer(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield peer
        finally:
            server.shutdown()
            thread.join()


def relay(nodes: Nodes, change: Callable[[str, bytes], bytes] = lambda _, body: body) -> Answering:
    """A's answers, changed on the way."""

    def answer(path: str) -> tuple[int, dict[str, str], bytes]:
        answered = nodes.ask_a.get(path)
        return answered.status_code, {}, change(path, answered.content)

    return answer


def test_an_answer_that_is_changed_on_the_way_is_refuted(nodes: Nodes) -> None:
    def forge(path: str, body: bytes) -> bytes:
        return body.replace(b"maker", b"forger") if path.startswith("/resolve") else body

    with run_peer(relay(nodes, forge)) as peer:
        nodes.point_to(peer.url)
        assert "is refuted: version 1 of the record" in nodes.refuse(502)


def test_the_proof_of_another_item_proves_nothing(nodes: Nodes) -> None:
    other = nodes.ask_a.get("/proof/item", params={"id": f"{nodes.prefix}/other"}).content

    def swap(path: str, body: bytes) -> bytes:
        return other if path.startswith("/proof") else body

    with run_peer(relay(nodes, swap)) as peer:
        nodes.point_to(peer.url)
        assert "the proof is about" in nodes.resolve()["reason"]


@pytest.mark.parametrize(
    ("endpoint_log", "reason"),
    [(bytes(32), "names no log that could prove it"), (b"\7" * 32, "another log than the registry names")],
)
def test_without_the_registered_log_an_answer_is_unproven(
    nodes: Nodes, endpoint_log: bytes, reason: str
) -> None:
    nodes.point_to(nodes.a_url, endpoint_log)
    found = nodes.resolve()
    assert (found["standing"], found["record"]["version"]) == ("unproven", 1)
    assert reason in found["reason"]


MISBEHAVIOUR: dict[str, Answering] = {
    "answered 500": lambda _: (500, {}, b"no"),
    "answered 307": lambda _: (307, {"Location": "http://127.0.0.1:1/"}, b""),
    "answered something else": lambda _: (200, {"Content-Type": "text/html"}, b"<html>"),
    "more than 4194304 bytes": lambda _: (200, {}, b" " * 5_000_000),
    "broke off": lambda _: (200, {"Content-Length": "100"}, b"{}"),
}


@pytest.mark.parametrize("told", MISBEHAVIOUR)
def test_what_is_no_answer_is_told_as_such_and_not_asked_for_again_at_once(nodes: Nodes, told: str) -> None:
    with run_peer(MISBEHAVIOUR[told]) as peer:
        nodes.point_to(peer.url)
        for _ in range(2):
            assert told in nodes.refuse(504)
            assert len(peer.paths) == 1
        nodes.wait(DOWN_SECONDS)
        nodes.refuse(504)
        assert len(peer.paths) == 2


def test_one_identifier_does_not_make_its_node_look_down_for_the_others(nodes: Nodes) -> None:
    def break_one(path: str, body: bytes) -> bytes:
        return b" " * 5_000_000 if "huge" in path else body

    with run_peer(relay(nodes, break_one)) as peer:
        nodes.point_to(peer.url)
        assert "more than 4194304 bytes" in nodes.refuse(504, f"{nodes.prefix}/huge")
        assert nodes.resolve()["standing"] == "proven"
    nodes.wait(600)
    asked = len(peer.paths)
    assert nodes.resolve()["standing"] == "stale"
    assert "could not be asked" in nodes.refuse(504, f"{nodes.prefix}/other")  # it rests as a whole
    assert len(peer.paths) == asked


def test_a_question_that_comes_back_to_the_node_that_asks_ends_there(nodes: Nodes) -> None:
    nodes.point_to(str(nodes.ask_b.base_url))
    assert "leads in a circle" in nodes.refuse(504)

    def back_to_b(path: str) -> tuple[int, dict[str, str], bytes]:
        answered = nodes.ask_b.get(path.replace("&direct=true", ""), headers={"Via": via})
        return answered.status_code, {}, answered.content

    via = f"1.1 suyuan-{nodes.b.node.trust.log_id.hex()[:16]}"
    with run_peer(back_to_b) as peer:  # a node that asks others in turn
        nodes.point_to(peer.url)
        assert "leads in a circle" in nodes.refuse(504)
        assert len(peer.paths) == 1


def test_a_node_inside_the_network_is_not_asked_unless_the_operator_lists_it(nodes: Nodes) -> None:
    settings = replace(nodes.b.node.settings, resolve_local_hosts="")
    with run_peer(relay(nodes)) as peer, serving(replace(nodes.b.node, settings=settings)) as strict:
        for endpoint in (peer.url, peer.url.replace("127.0.0.1", "2130706433")):
            nodes.point_to(endpoint)
            answer = strict.get("/resolve", params={"id": nodes.id})
            assert answer.status_code == 504
            assert "is inside the network of the node that asks" in answer.json()["detail"]
            assert "SUYUAN_RESOLVE_LOCAL_HOSTS" in answer.json()["detail"]
        assert peer.paths == []


# --- many questions, and prefixes that are not in force


def test_questions_that_come_together_are_asked_once(nodes: Nodes) -> None:
    together = threading.Barrier(4)

    def slow(path: str, body: bytes) -> bytes:
        if path.startswith("/resolve"):
            asked.set()
            enough.wait(60)
        return body

    asked, enough = threading.Event(), threading.Event()
    with run_peer(relay(nodes, slow)) as peer, ThreadPoolExecutor(4) as askers:
        nodes.point_to(peer.url)
        url = f"{nodes.ask_b.base_url}/resolve?id={nodes.id}"

        def ask() -> str:
            together.wait(60)
            standing: str = httpx.get(url, timeout=60).json()["standing"]
            return standing

        answers = [askers.submit(ask) for _ in range(4)]
        assert asked.wait(60)
        enough.set()
        assert [answer.result(60) for answer in answers] == ["proven"] * 4
        assert [path.partition("?")[0] for path in peer.paths] == ["/resolve", "/proof/item"]


def test_nothing_is_resolved_below_a_prefix_that_is_suspended_or_revoked(nodes: Nodes) -> None:
    assert nodes.resolve()["standing"] == "proven"
    nodes.writer.suspend(nodes.node)
    nodes.follow()
    assert f"handle {nodes.prefix} is suspended" in nodes.refuse(410)
    nodes.writer.resume(nodes.node)
    nodes.follow()
    assert nodes.resolve()["standing"] == "proven"
    nodes.writer.revoke(nodes.node)
    nodes.follow()
    assert f"handle {nodes.prefix} is revoked" in nodes.refuse(410)


def test_where_the_registry_names_nobody_this_node_says_what_it_has(nodes: Nodes) -> None:
    nodes.point_to("", bytes(32))
    own = nodes.ask_a.get("/resolve", params={"id": nodes.id}).json()
    assert (own["standing"], own["node"], own["log"]) == ("proven", None, None)
    assert "is not known at this node" in nodes.refuse(404)
    assert nodes.ask_b.get("/resolve", params={"id": "no identifier"}).status_code == 400


def test_the_command_says_what_was_proven(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = nodes.b.node.settings
    monkeypatch.setenv("SUYUAN_DATA_DIR", str(settings.data_dir))
    monkeypatch.setenv("SUYUAN_DATABASE_URL", f"sqlite:///{settings.data_dir.parent / 'suyuan.db'}")
    assert main(["resolve", nodes.id]) == 2
    assert "SUYUAN_RESOLVE_LOCAL_HOSTS" in capsys.readouterr().err

    monkeypatch.setenv("SUYUAN_RESOLVE_LOCAL_HOSTS", "127.0.0.1")
    assert main(["resolve", nodes.id]) == 0
    said = capsys.readouterr().out
    assert f"{nodes.uri}: proven\n" in said
    assert 'URL "https://maker.example/tea"' in said
    assert main(["resolve", f"{nodes.prefix}/nothing"]) == 1
    nodes.change("put", NEW_TEA)
    assert main(["resolve", nodes.id]) == 2
    assert "waits for the next anchor" in capsys.readouterr().out

    twin = add_twin(nodes, nodes.a, nodes.a_url)
    twin.change("register", TEA)
    assert main(["resolve", twin.handle]) == 0
    said = capsys.readouterr().out
    assert f"{twin.oid}: proven\nanswers for {twin.handle}, another name of it" in said
