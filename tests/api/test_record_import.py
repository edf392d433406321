"""Tables of records for a node elsewhere: over a network that fails, from a program that is killed."""

import csv
import json
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.errors import Conflict, Invalid, NotFound, Problem
from ledger.domain.records import BATCH_MAX
from ledger.record_queue import import_through_queue, queue_path
from ledger.record_table import Imported
from ledger.tabular import write_table
from tests.api.conftest import Serve
from tests.api.remote import Remote
from tests.services.world import World, allocate_handles
from tests.stories.node_process import SUYUAN, wait_for

ROWS = 2 * BATCH_MAX + 500


def table(path: Path, count: int, prefix: str = "88.118.1001") -> Path:
    rows = [{"id": f"{prefix}/{n}", "1:URL": f"https://maker.example/{n}"} for n in range(count)]
    write_table(path, ["id", "1:URL"], rows)
    return path


# --- a node in a process of its own, behind a network that we can cut


Act = Callable[[], None]


class Network(ThreadingHTTPServer):
    """Passes requests on. What `lost` has for the n-th answer is done instead of passing it on."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Hop)
        self.port, self.lost, self.names = port, dict[int, Act](), list[str]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Hop(BaseHTTPRequestHandler):
    server: Network

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        names = ("Authorization", "Content-Type", "Idempotency-Key")
        node = HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            node.request("POST", self.path, body, {name: self.headers[name] for name in names})
            answer = node.getresponse()
            told = answer.read()
        except OSError:
            return  # as a network that leads nowhere
        finally:
            node.close()
        self.server.names.append(self.headers["Idempotency-Key"])
        if act := self.server.lost.get(len(self.server.names)):
            act()
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def remote(world: World) -> Iterator[Remote]:
    allocate_handles(world, factory="88.118.1001", carrier="88.118.1002")
    remote = Remote(world)
    yield remote
    remote.stop()


@pytest.fixture
def network(remote: Remote) -> Iterator[Network]:
    with Network(remote.port) as network:
        thread = threading.Thread(target=network.serve_forever)
        thread.start()
        yield network
        network.shutdown()
        thread.join()


@pytest.mark.slow
def test_killed_nodes_and_programs_and_lost_answers_make_no_record_twice(
    world: World, remote: Remote, network: Network, tmp_path: Path
) -> None:
    path = table(tmp_path / "tea.csv", ROWS)
    command = [SUYUAN, "records", "import", path, "--url", network.url]
    remote.start()
    program = subprocess.Popen([*command, "--key", world.texts["factory"]], stderr=subprocess.DEVNULL)
    # The first batch is made and the node dies; the second is made and the program dies.
    network.lost = {1: remote.kill, 3: program.kill}
    wait_for("the first batch, whose answer is lost", lambda: network.names)
    remote.start()
    assert program.wait(60) == -signal.SIGKILL
    assert world.node.store.log_size() == 2 * BATCH_MAX
    assert queue_path(path).exists()

    again = subprocess.run(
        [*command, "--key", world.texts["factory"]], capture_output=True, text=True, check=False
    )

    assert again.stdout == f"{path}: {ROWS} registered, 0 updated, 0 unchanged, 0 failed\n", again.stderr
    assert again.returncode == 0
    assert len(network.names) == 5
    assert len(set(network.names)) == 3
    assert world.node.store.log_size() == ROWS
    assert not queue_path(path).exists()


# --- the queue, with a node that a test plays


class Node:
    """Takes batches as `POST /records` does."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.batches: list[tuple[str, list[str]]] = []

    def __call__(self, batch: bytes, name: str) -> list[dict[str, Any]]:
        ids = [change["id"] for change in json.loads(batch)["changes"]]
        problems = [Problem(f"/changes/{n}", "no") for n, uri in enumerate(ids) if uri in self.refused]
        if problems:
            raise Invalid("wrong", problems)
        self.batches.append((name, ids))
        return [{"id": uri, "outcome": "registered", "version": 1, "logIndex": 0} for uri in ids]


def unreachable(batch: bytes, name: str) -> list[dict[str, Any]]:
    raise OSError("no network")


def test_what_a_node_does_not_read_is_told_and_the_rest_is_sent(tmp_path: Path) -> None:
    path = table(tmp_path / "tea.csv", 4)
    with path.open("a") as file:
        file.write("no identifier,https://maker.example\n")
    node = Node("hdl:88.118.1001/1", "hdl:88.118.1001/2")

    assert import_through_queue(node, path) == Imported(2, 0, 0, 3)

    assert [ids for _, ids in node.batches] == [["hdl:88.118.1001/0", "hdl:88.118.1001/3"]]
    with (tmp_path / "tea.csv.errors.csv").open(encoding="utf-8-sig", newline="") as file:
        told = [(row["row"], row["id"], row["pointer"], row["fault"][:16]) for row in csv.DictReader(file)]
    assert told == [
        ("3", "88.118.1001/1", "", "no"),
        ("4", "88.118.1001/2", "", "no"),
        ("6", "no identifier", "id", "'no identifier':"),
    ]


def test_a_changed_file_is_sent_after_what_was_queued_of_the_old_one(tmp_path: Path) -> None:
    path = table(tmp_path / "tea.csv", 2)
    with pytest.raises(OSError, match="no network"):
        import_through_queue(unreachable, path)
    table(path, 3)
    node = Node()
    assert import_through_queue(node, path) == Imported(3, 0, 0, 0)
    assert [len(ids) for _, ids in node.batches] == [2, 3]

    with pytest.raises(OSError, match="no network"):
        import_through_queue(unreachable, path)
    path.unlink()
    assert import_through_queue(node, path) == Imported(3, 0, 0, 0)
    with pytest.raises(NotFound):
        import_through_queue(node, path)


def test_two_programs_do_not_send_one_queue_and_no_other_file_is_taken_for_one(tmp_path: Path) -> None:
    path = table(tmp_path / "tea.csv", 2)

    def meanwhile(batch: bytes, name: str) -> list[dict[str, Any]]:
        with pytest.raises(Conflict, match="another program"):
            import_through_queue(Node(), path)
        return Node()(batch, name)

    assert import_through_queue(meanwhile, path) == Imported(2, 0, 0, 0)
    queue_path(path).write_text("a diary " * 200)
    with pytest.raises(Invalid, match="is no queue"):
        import_through_queue(Node(), path)
    assert queue_path(path).read_text().startswith("a diary")
    queue_path(path).unlink()
    path.write_text("URL\nx\n")
    with pytest.raises(Invalid, match="column 'URL'"):
        import_through_queue(Node(), path)
    assert not queue_path(path).exists()


def test_a_queue_that_was_being_filled_at_a_kill_is_filled_anew(tmp_path: Path) -> None:
    path = table(tmp_path / "tea.csv", 5)
    with pytest.raises(OSError, match="no network"):
        import_through_queue(unreachable, path)
    with sqlite3.connect(queue_path(path)) as connection:
        connection.execute("DELETE FROM source")  # as before the commit that ends the filling
        connection.execute("DELETE FROM line")
    connection.close()
    assert import_through_queue(Node(), path) == Imported(5, 0, 0, 0)


# --- tables over HTTP


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_table_is_put_over_http_with_each_fault_told(
    world: World, serve: Serve, tmp_path: Path, suffix: str
) -> None:
    allocate_handles(world, factory="88.118.1001")
    path = tmp_path / f"tea{suffix}"
    rows = [{"id": f"88.118.1001/{n}", "1:URL": "x"} for n in range(3)] + [
        {"id": "88.118.1002/1", "1:URL": "x"}
    ]
    write_table(path, ["id", "1:URL"], [*rows, {"id": "nothing", "1:URL": "x"}])
    kinds = {".csv": "text/csv", ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
    headers = {"Authorization": f"Bearer {world.texts['factory']}", "Content-Type": kinds[suffix]}
    client = serve(world.node)

    tried = client.post("/records/import?dry_run=true", content=path.read_bytes(), headers=headers).json()
    assert world.node.store.log_size() == 0
    done = client.post("/records/import", content=path.read_bytes(), headers=headers).json()

    assert done == tried
    assert (done["registered"], done["failed"]) == (3, 2)
    assert [(fault["row"], fault["column"]) for fault in done["faults"]] == [(6, "id"), (5, "")]
    again = client.post("/records/import", content=path.read_bytes(), headers=headers).json()
    assert (again["registered"], again["unchanged"], again["failed"]) == (0, 3, 2)
    wrong = client.post("/records/import", content=b"id;URL\nx;y\n", headers=headers)
    assert wrong.status_code == 400
    if suffix == ".xlsx":
        return
    many = "id,1:URL\n" + "".join(f"88.118.1001/{n},x\n" for n in range(20_001))
    assert client.post("/records/import", content=many.encode(), headers=headers).status_code == 413
    assert world.node.store.log_size() == 3
