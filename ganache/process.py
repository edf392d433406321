"""The embedded chain as a child process: a Ganache whose blocks stay in a folder.

It is a real Ethereum chain with one block producer, for trying things out and for one
company. It gives no protection against whoever owns the machine; a network of several
validators does, and only `SUYUAN_RPC_URL` changes.

A killed Ganache keeps every block it acknowledged. Its keys are made once for each folder
and lie there, readable by the owner only.
"""

import contextlib
import json
import os
import secrets
import selectors
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ganache.node import FOLDER, find_node, installed
from ledger.domain.errors import ChainUnavailable, Invalid

CHAIN_ID = 1337
ACCOUNTS = 10
BALANCE_WEI = 10**24  # a million ether each

_KEYS_FILE = "keys.json"
_START_SECONDS = 60  # 2 s on a quiet machine
_STOP_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Ganache:
    """A running embedded chain. `keys` are the private keys of its funded accounts, 32 bytes each."""

    url: str
    keys: tuple[bytes, ...]
    process: subprocess.Popen[bytes]

    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """End the process, gently if it lets us. Safe to call twice."""
        assert self.process.stdin
        assert self.process.stdout
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self) -> "Ganache":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(data_dir: Path, port: int = 0) -> Ganache:
    """Start the chain kept in `data_dir` on 127.0.0.1 and return when it answers; port 0 means any.

    It ends with this process, even when that is killed. Raises Invalid when something must be
    changed first (no Node.js, packages not installed, port taken) and ChainUnavailable when it
    does not come up.
    """
    if not installed():
        raise Invalid("the embedded chain is not installed: run `python -m ganache.install`")
    node = find_node()
    data_dir.mkdir(parents=True, exist_ok=True)
    blocks, log = data_dir / "blocks", data_dir / "ganache.log"
    keys = _keys(data_dir / _KEYS_FILE, blocks)
    with log.open("wb") as log_file:
        process = subprocess.Popen(
            [*node, str(FOLDER / "server.cjs")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log_file,
            start_new_session=True,  # Ctrl-C is for us; we stop the chain after what depends on it
        )
    assert process.stdin
    assert process.stdout
    options = {
        "port": port,
        "chainId": CHAIN_ID,
        "dataDir": str(blocks),
        "keys": [f"0x{key.hex()}" for key in keys],
        "balanceWei": hex(BALANCE_WEI),
    }
    ganache = Ganache("", keys, process)
    try:
        process.stdin.write(json.dumps(options).encode() + b"\n")
        process.stdin.flush()
        served_port = _answered_port(process.stdout, port, blocks, log)
    except BaseException as error:
        ganache.stop()
        if isinstance(error, BrokenPipeError):
            raise ChainUnavailable(f"the embedded chain ended at once: see {log}") from error
        raise
    return Ganache(f"http://127.0.0.1:{served_port}", keys, process)


def _answered_port(answers: IO[bytes], port: int, blocks: Path, log: Path) -> int:
    with selectors.DefaultSelector() as selector:
        selector.register(answers, selectors.EVENT_READ)
        if not selector.select(_START_SECONDS):
            raise ChainUnavailable(
                f"the embedded chain did not start within {_START_SECONDS} s: see {log}, then start again"
            )
    line = answers.readline()
    answer = json.loads(line) if line else {"error": "no answer"}
    error = answer.get("error")
    if error is None:
        return int(answer["port"])
    if error == "EADDRINUSE":
        raise Invalid(f"port {port} is taken by another program: stop that program or choose another port")
    if "LOCK" in error:
        raise Invalid(f"another process is running the chain in {blocks}: stop it first")
    raise ChainUnavailable(f"the embedded chain did not start ({error}): see {log}")


def read_keys(data_dir: Path) -> tuple[bytes, ...]:
    """The private keys of the chain kept in `data_dir`. Invalid when it was never started."""
    file = data_dir / _KEYS_FILE
    if not file.exists():
        raise Invalid(f"{file} is not there: start the embedded chain once with `suyuan serve`")
    return tuple(bytes.fromhex(key) for key in json.loads(file.read_text()))


def _keys(file: Path, blocks: Path) -> tuple[bytes, ...]:
    """The chain's private keys, made on first use."""
    if not file.exists():
        if blocks.exists():
            raise Invalid(
                f"{file} is gone, and with it the accounts of the chain in {blocks}: put it back, "
                "or remove the folder to begin a new chain"
            )
        _write_once(file, json.dumps([secrets.token_hex(32) for _ in range(ACCOUNTS)]))
    return tuple(bytes.fromhex(key) for key in json.loads(file.read_text()))


def _write_once(file: Path, text: str) -> None:
    """Whole or not at all, and readable by the owner only."""
    unfinished = file.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.rename(file)
