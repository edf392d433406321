"""A node over SQLite whose factory has an active logger, and a real broker."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.carriers import Heard
from ledger.domain.errors import StoreUnavailable
from ledger.mqtt import Listener
from ledger.node import Node
from ledger.store import open_store
from tests.anchoring import Faults
from tests.carriers import LOGGER, activate
from tests.chain.nodes import Anvil
from tests.mqtt.broker import Broker
from tests.services.world import World, open_world
from tests.stories.node_process import wait_for


@dataclass
class Site:
    """A node and its broker; the listener runs while a `listening` block lasts."""

    world: World
    folder: Path
    broker: Broker

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.folder / 'suyuan.db'}"

    def heard(self) -> Heard:
        return self.world.node.store.heard([LOGGER]).get(LOGGER, Heard())

    def wait_until(self, what: str, is_so: Callable[[Heard], bool]) -> Heard:
        return wait_for(what, lambda: heard if is_so(heard := self.heard()) else None)

    def node(self, faults: Faults | None = None, **settings: Any) -> Node:
        url = {"mqtt_url": f"mqtt://127.0.0.1:{self.broker.port}"}
        node = self.world.node
        store = faults.around(node.store, StoreUnavailable) if faults else node.store
        return replace(node, settings=replace(node.settings, **(url | settings)), store=store)

    @contextmanager
    def listening(self, faults: Faults | None = None, **settings: Any) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=Listener(self.node(faults, **settings)).run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@pytest.fixture
def world(anvil: Anvil, tmp_path: Path) -> Iterator[World]:
    store = open_store(f"sqlite:///{tmp_path / 'suyuan.db'}")
    opened = open_world(store, anvil, tmp_path / "node")
    activate(opened)
    yield opened
    store.close()


@pytest.fixture
def site(world: World, tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "broker").mkdir()
    broker = Broker(tmp_path / "broker", "allow_anonymous true")
    yield Site(world, tmp_path, broker)
    broker.stop()
