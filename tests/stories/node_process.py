"""A whole node as its users meet it: real processes, a real chain, HTTP and the command line."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx

from ledger.config import Settings
from ledger.parties import new_key
from ledger.ports import Store
from ledger.store import open_store
from ledger.verify import Trust

T = TypeVar("T")

SUYUAN = Path(sys.executable).with_name("suyuan")
READY = "Ctrl-C stops everything"
SECONDS_MAX = 180.0
"""Longest wait for anything; what takes longer has failed."""

PARTS = {
    "supervisor": "suyuan serve",
    "chain": "server.cjs",
    "worker": "-m ledger.worker",
    "deliverer": "-m ledger.deliver",
    "listener": "-m ledger.listen",
    "api": "-m api",
}
"""What tells a node's processes from one another on their command lines."""


def _hear_ctrl_c() -> None:
    """A shell that runs the tests in the background has Ctrl-C ignored, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


_ports = count(20_000 + os.getpid() % 40 * 250)


def free_port() -> int:
    """A port that nothing listens on, never the same twice.

    It lies below those that the system hands to outgoing connections, so none of them takes it meanwhile.
    """
    for port in _ports:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("count() has no end")


def wait_for(what: str, look: Callable[[], T | None], seconds: float = SECONDS_MAX) -> T:
    """The first answer of `look` that is true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


@dataclass
class NodeProcess:
    """One data folder, and the processes that serve it; stopped, killed and started again.

    `settings` are SUYUAN_* variables beside folder and ports.
    """

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    chain_port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def env(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith("SUYUAN_")}
        ours = {
            "SUYUAN_DATA_DIR": str(self.folder),
            "SUYUAN_PORT": str(self.port),
            "SUYUAN_CHAIN_PORT": str(self.chain_port),
            "SUYUAN_ANCHOR_INTERVAL_SECONDS": "0.5",
        }
        return others | ours | self.settings

    # ------------------------------------------------------------------ processes

    def launch(self, *options: str) -> None:
        """`suyuan serve`, without waiting for it; what it says stands in `said`."""
        with self._said_path.open("wb") as said:
            self.process = subprocess.Popen(
                [SUYUAN, "serve", *options],
                env=self.env,
                stdout=said,
                stderr=said,
                start_new_session=True,
                preexec_fn=_hear_ctrl_c,
            )

    def start(self, *options: str) -> "NodeProcess":
        """`suyuan serve`, until it says that it runs."""
        self.launch(*options)
        wait_for("the node runs", lambda: READY in self.said or self._exit_code is not None)
        assert READY in self.said, self.said
        return self

    def exit_code(self) -> int:
        """Of the supervisor, once it has ended."""
        assert self.process
        return self.process.wait(SECONDS_MAX)

    @property
    def _exit_code(self) -> int | None:
        assert self.process
        return self.process.poll()

    @property
    def said(self) -> str:
        return self._said_path.read_text()

    @property
    def _said_path(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.said")

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """As Ctrl-C does; the exit code."""
        assert self.process
        self.process.send_signal(number)
        return self.exit_code()

    def processes(self) -> dict[str, int]:
        """The running processes of this node: part -> process id."""
        found = {}
        mark = f"SUYUAN_DATA_DIR={self.folder}\0".encode()
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended meanwhile, or is another user's
                if mark in (entry / "environ").read_bytes():
                    command = (entry / "cmdline").read_text().replace("\0", " ")
                    part = next((part for part, words in PARTS.items() if words in command), command)
                    found[part] = int(entry.name)
        return found

    def kill(self, *parts: str) -> None:
        """SIGKILL these parts, all at once; all of the node when none is named."""
        running = self.processes()
        for part in parts or running:
            with suppress(ProcessLookupError):
                os.kill(running[part], signal.SIGKILL)
        if self.process and "supervisor" in (parts or running):
            self.process.wait()

    def wait_until_gone(self) -> None:
        wait_for("all processes of the node end", lambda: not self.processes())

    # ------------------------------------------------------------------ its users

    def suyuan(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """One command, on this node's folder."""
        return subprocess.run(
            [SUYUAN, *arguments], env=self.env, capture_output=True, text=True, timeout=SECONDS_MAX
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **query: str) -> httpx.Response:
        return httpx.get(self.url + path, params=query or None, timeout=SECONDS_MAX)

    def capture(self, raw: bytes, key: str, **headers: str) -> httpx.Response:
        """POST a document, as the holder of this API key."""
        given = {"Authorization": f"Bearer {key}", "Content-Type": "application/ld+json"} | headers
        return httpx.post(f"{self.url}/epcis/capture", content=raw, headers=given, timeout=SECONDS_MAX)

    @contextmanager
    def store(self) -> Iterator[Store]:
        """The node's database, beside the node."""
        opened = open_store(Settings.from_env(self.env).store_url)
        try:
            yield opened
        finally:
            opened.close()

    @cached_property
    def admin_key(self) -> str:
        """A new API key of the operator, who owns the root of every scheme."""
        with self.store() as store:
            return new_key(store, "node", "admin", 0, secrets.token_bytes)

    def demo_key(self, role: str) -> str:
        keys = json.loads((self.folder / "demo-keys.json").read_text())
        return str(keys[role])

    @property
    def trust(self) -> Trust:
        return Trust.parse((self.folder / "trust.json").read_text())

    def anchors(self) -> list[dict[str, Any]]:
        """As /log/anchors lists them."""
        listed: list[dict[str, Any]] = self.get("/log/anchors", limit="1000").json()["anchors"]
        return listed

    def log_size(self) -> int:
        return int(self.get("/readyz").json()["logSize"])

    def is_anchored(self) -> bool:
        final = [anchor["size"] for anchor in self.anchors() if anchor["state"] == "final"]
        return max(final, default=0) == self.log_size()

    def wait_until_anchored(self, seconds: float = SECONDS_MAX) -> None:
        wait_for("everything captured is anchored", self.is_anchored, seconds)
