"""The API of a node in processes of its own, as `suyuan serve` starts them."""

import os
import signal
import ssl
from pathlib import Path

import httpx

from ledger.lifeline import Child, start_child
from tests.services.world import World
from tests.stories.node_process import free_port, wait_for


class Remote:
    """The API of `world`'s node, one process or several, killed and started again. With `tls`, the files of a
    certificate and its key, it speaks https."""

    def __init__(self, world: World, workers: int = 1, tls: tuple[Path, Path] | None = None) -> None:
        settings = world.node.settings
        self.port = free_port()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._verify = ssl.create_default_context(cafile=tls[0]) if tls else True
        self._env = {name: value for name, value in os.environ.items() if not name.startswith("SUYUAN_")} | {
            "SUYUAN_DATA_DIR": str(settings.data_dir),
            "SUYUAN_DATABASE_URL": f"sqlite:///{settings.data_dir.parent / 'suyuan.db'}",
            "SUYUAN_ORIGIN": settings.origin,
            "SUYUAN_PORT": str(self.port),
            "SUYUAN_API_WORKERS": str(workers),
            "SUYUAN_PUBLIC_URL": self.url,
        }
        if tls:
            both = settings.data_dir / "tls.pem"
            both.write_bytes(b"".join(file.read_bytes() for file in tls))
            self._env["SUYUAN_TLS_CERTIFICATE"] = str(both)
        self._workers = workers
        self._children: list[Child] = []

    def start(self) -> None:
        self._children = [start_child(["-m", "api"], self._env) for _ in range(self._workers)]
        wait_for("the API", self._answers)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", verify=self._verify).status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        for child in self._children:
            child.process.send_signal(signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        for child in self._children:
            child.stop()
