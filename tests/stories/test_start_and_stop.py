"""The operator's day: start, stop, start again, and what is said when something is in the way."""

import json
import shutil
import signal
import socket
import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.certificates import self_signed
from tests.services.world import document, made
from tests.stories.conftest import ended
from tests.stories.node_process import READY, NodeProcess, wait_for

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl_c", "sigterm"])
def test_ctrl_c_stops_every_process(node: NodeProcess, number: signal.Signals) -> None:
    node.start()
    assert set(node.processes()) == {"supervisor", "chain", "worker", "deliverer", "api"}
    assert node.stop(number) == 0
    assert node.processes() == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl_c", "sigterm"])
def test_ctrl_c_stops_a_node_that_is_still_starting(node: NodeProcess, number: signal.Signals) -> None:
    node.launch()
    wait_for("the chain is started", lambda: "chain" in node.processes())
    assert node.stop(number) == 130
    assert node.processes() == {}
    assert READY not in node.said


def test_no_process_outlives_a_supervisor_that_was_killed(node: NodeProcess) -> None:
    node.start().kill("supervisor")
    node.wait_until_gone()


@pytest.mark.parametrize(
    ("variable", "which"), [("SUYUAN_PORT", "port"), ("SUYUAN_CHAIN_PORT", "chain_port")]
)
def test_a_taken_port_is_said_in_one_sentence(node: NodeProcess, variable: str, which: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        setattr(node, which, port)
        refused = node.suyuan("serve")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"suyuan: cannot listen on 127.0.0.1 port {port} (Address already in use): stop the program "
        f"that uses it, or choose another port with {variable}\n"
    )


def test_an_unreachable_chain_is_said_in_one_sentence(node: NodeProcess) -> None:
    url = f"http://127.0.0.1:{node.chain_port}"
    node.settings["SUYUAN_RPC_URL"] = url
    refused = node.suyuan("serve")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"suyuan: chain node {url} did not answer eth_chainId: no connection; is it running?\n"
    )


def test_one_port_for_two_is_refused_before_anything_starts(node: NodeProcess) -> None:
    node.chain_port = node.port
    refused = node.suyuan("serve")
    assert refused.returncode == 1
    assert refused.stderr == (
        f"suyuan: SUYUAN_PORT and SUYUAN_CHAIN_PORT are both {node.port}: choose two ports\n"
    )


def test_a_misspelt_setting_is_named(node: NodeProcess) -> None:
    node.settings["SUYUAN_PRT"] = "8001"
    refused = node.suyuan("serve")
    assert refused.returncode == 1
    assert refused.stderr.startswith("suyuan: SUYUAN_PRT is not a setting; there are SUYUAN_")


def test_a_node_with_a_certificate_serves_https(node: NodeProcess, tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    node.settings["SUYUAN_TLS_CERTIFICATE"] = str(certificate)
    refused = node.suyuan("serve")
    assert refused.returncode == 1
    assert "server.pem is no PEM file with a certificate and its key" in refused.stderr
    certificate.write_bytes(certificate.read_bytes() + key.read_bytes())
    node.start()
    trust = ssl.create_default_context(cafile=certificate)
    assert httpx.get(node.url.replace("http:", "https:") + "/readyz", verify=trust).status_code == 200
    assert f"Console       https://localhost:{node.port}/" in node.said


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node that anchored one event and was stopped; older.db is its database from before that."""
    with ended(NodeProcess(tmp_path_factory.mktemp("original") / "node")) as node:
        node.start()
        with (
            closing(sqlite3.connect(node.folder / "suyuan.db")) as database,
            closing(sqlite3.connect(node.folder / "older.db")) as older,
        ):
            database.backup(older)
        assert node.capture(document(made("1")), node.admin_key).status_code == 202
        node.wait_until_anchored()
        node.stop()
        yield node


@pytest.fixture
def stopped(original: NodeProcess, tmp_path: Path) -> Iterator[NodeProcess]:
    """A copy of `original`, to be damaged."""
    shutil.copytree(original.folder, tmp_path / "node")
    with ended(replace(original, folder=tmp_path / "node", process=None)) as node:
        yield node


def test_the_node_goes_on_where_it_stopped(stopped: NodeProcess) -> None:
    kept = [stopped.folder / name for name in ("trust.json", "keys/log.key", "chain/keys.json")]
    before = [path.read_bytes() for path in kept]
    stopped.start()
    assert [path.read_bytes() for path in kept] == before
    (first,) = stopped.anchors()
    assert first["state"] == "final"

    assert stopped.capture(document(made("2")), stopped.admin_key).status_code == 202
    stopped.wait_until_anchored()
    assert [anchor["previous"] for anchor in stopped.anchors()][1:] == [first["hash"]]
    assert stopped.suyuan("audit").stdout == "2 events checked, 0 findings\n"


def refusal(node: NodeProcess) -> str:
    """What the node says when it does not start."""
    refused = node.suyuan("serve")
    assert refused.returncode == 1
    assert node.processes() == {}
    assert refused.stderr.count("\n") == 1, refused.stderr
    return refused.stderr


def lose_database(node: NodeProcess) -> None:
    for path in node.folder.glob("suyuan.db*"):
        path.unlink()


def test_a_node_whose_chain_was_erased_does_not_start(stopped: NodeProcess) -> None:
    shutil.rmtree(stopped.folder / "chain")
    said = refusal(stopped)
    assert "holds no TraceLog" in said
    assert "restore the chain, or begin a new ledger" in said


def test_a_node_with_an_older_copy_of_its_database_does_not_start(stopped: NodeProcess) -> None:
    lose_database(stopped)
    (stopped.folder / "older.db").rename(stopped.folder / "suyuan.db")
    said = refusal(stopped)
    assert "the chain has 1 anchors over 1 events, the store only 0" in said
    assert "restore the newest" in said


def test_a_node_that_lost_its_database_does_not_begin_a_second_history(stopped: NodeProcess) -> None:
    trust = stopped.trust
    lose_database(stopped)
    said = refusal(stopped)
    assert "restore that database" in said
    assert "SUYUAN_DATABASE_URL" in said
    assert stopped.trust == trust


def test_a_node_that_lost_its_signing_key_does_not_sign_with_another(stopped: NodeProcess) -> None:
    trust = stopped.trust
    (stopped.folder / "keys" / "log.key").unlink()
    assert "log.key is not the key that this log began with" in refusal(stopped)
    assert stopped.trust == trust


def test_the_demonstration_is_told_once_and_goes_on_after_a_kill(node: NodeProcess) -> None:
    node.launch("--demo")
    wait_for("the demonstration is being captured", lambda: "of them capture" in node.said)
    node.kill()
    node.start("--demo")
    told = node.said
    assert told.count("✓") == 4
    assert node.log_size() == 128
    assert "http://localhost" in told
    assert str(node.folder / "demo-keys.json") in told
    assert set(json.loads((node.folder / "demo-keys.json").read_text())) == {
        "admin",
        "manufacturer",
        "logistics",
        "coldchain",
        "regulator",
    }


def test_suyuan_demo_tells_the_story_leaves_nothing_and_exits_0(node: NodeProcess, tmp_path: Path) -> None:
    node.settings["TMPDIR"] = str(tmp_path)
    told = node.suyuan("demo")
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("✓") == 4
    assert list(tmp_path.iterdir()) == []
    assert node.processes() == {}
