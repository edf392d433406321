"""The API of a node in processes of its own, as `suyuan serve` starts them."""

import os
import signal

import httpx

from ledger.lifeline import Child, start_child
from tests.services.world import World
from tests.stories.node_process import free_port, wait_for


class Remote:
    """The API of `world`'s node, one process or several, killed and started again."""

    def __init__(self, world: World, workers: int = 1) -> None:
        settings = world.node.settings
        self.port = free_port()
        self._env = {name: value for name, value in os.environ.items() if not name.startswith("SUYUAN_")} | {
            "SUYUAN_DATA_DIR": str(settings.data_dir),
            "SUYUAN_DATABASE_URL": f"sqlite:///{settings.data_dir.parent / 'suyuan.db'}",
            "SUYUAN_ORIGIN": settings.origin,
            "SUYUAN_PORT": str(self.port),
            "SUYUAN_API_WORKERS": str(workers),
        }
        self._workers = workers
        self._children: list[Child] = []

    def start(self) -> None:
        self._children = [start_child(["-m", "api"], self._env) for _ in range(self._workers)]
        wait_for("the API", self._answers)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        for child in self._children:
            child.process.send_signal(signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        for child in self._children:
            child.stop()
