"""Mosquitto, on a free port of 127.0.0.1, with its configuration, log and sessions in a folder of its own."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
_SECONDS_MAX = 20


class Broker:
    """Started and stopped, keeping its sessions and queues as an operator's broker would.

    `lines` are added to its configuration; `log_types` is what it logs. Raises RuntimeError when
    Mosquitto is not installed or does not start.
    """

    def __init__(self, folder: Path, *lines: str, log_types: str = "all") -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._log = folder / "mosquitto.log"
        config = (
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {folder}/",
            "max_queued_messages 0",
            f"log_dest file {self._log}",
            *(f"log_type {kind}" for kind in log_types.split()),
            "user root",  # started as root it would become a user who cannot write here
            *lines,
        )
        self._config.write_text("\n".join(config) + "\n")
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def start(self) -> None:
        if MOSQUITTO is None:
            raise RuntimeError("mosquitto is not installed here")
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + _SECONDS_MAX
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError(f"mosquitto ended: {self.log or 'no log'}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("mosquitto does not listen")

    def stop(self) -> None:
        """By SIGTERM: it saves what it holds. Safe to call twice."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(_SECONDS_MAX)
            self._process = None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
