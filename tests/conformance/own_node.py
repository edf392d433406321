"""Our own node as the server to examine: a real store and log, the API over HTTP on a free port."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ledger.delivery import Deliverer
from ledger.node import Node, now_ms
from ledger.store import open_store
from tests.api.conftest import serving
from tests.chain.nodes import Anvil
from tests.services.world import open_world

LIMIT_EVENTS, LIMIT_BYTES = 200, 500_000


@contextmanager
def serve_own_node(anvil: Anvil, folder: Path) -> Iterator[tuple[str, str]]:
    """The URL of the EPCIS service and the key of its operator; limits so low that they can be reached."""
    store = open_store(f"sqlite:///{folder / 'suyuan.db'}")
    try:
        world = open_world(store, anvil, folder / "node")
        settings = replace(
            world.node.settings,
            capture_limit_events=LIMIT_EVENTS,
            capture_limit_bytes=LIMIT_BYTES,
            webhook_local_hosts="127.0.0.1",
        )
        node = replace(world.node, settings=settings, clock=now_ms)
        with serving(node) as client, _delivering(node):
            yield f"{str(client.base_url).rstrip('/')}/epcis", world.texts["node"]
    finally:
        store.close()


@contextmanager
def _delivering(node: Node) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=Deliverer(node).run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
