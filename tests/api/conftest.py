"""A node served on a free port, over a real SQLite store and a real chain."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
import uvicorn

from api.app import create_app
from ledger.anchor import AnchorWorker
from ledger.chain import account_of
from ledger.config import Settings
from ledger.demo.load import load_demo
from ledger.demo.world import Highlights
from ledger.node import Node, now_ms
from ledger.setup import Account, connect_chain, set_up
from ledger.store import open_store
from tests.anchoring import anchor_all
from tests.chain.nodes import Anvil
from tests.services.world import World, open_world

Serve = Callable[[Node], httpx.Client]


@dataclass(frozen=True)
class Demo:
    """The demonstration, captured and anchored; only read by tests."""

    node: Node
    highlights: Highlights
    client: httpx.Client


@contextmanager
def serving(node: Node) -> Iterator[httpx.Client]:
    """A client of `node` on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            create_app(node), log_level="critical", ws="websockets-sansio", lifespan="off"
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            while not server.started:
                time.sleep(0.005)
            with httpx.Client(base_url=url, timeout=30, headers={"Accept-Language": "en"}) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve a node until the test ends; gives a client that speaks English."""
    with ExitStack() as stack:
        yield lambda node: stack.enter_context(serving(node))


@pytest.fixture
def world(anvil: Anvil, tmp_path: Path) -> Iterator[World]:
    store = open_store(f"sqlite:///{tmp_path / 'suyuan.db'}")
    yield open_world(store, anvil, tmp_path / "node")
    store.close()


@pytest.fixture(scope="package")
def served_demo(anvil: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("demo"), origin="demo.example/suyuan", finality="instant"
    )
    operator = Account(anvil.url, sha256(b"operator of the demonstration").digest())
    anvil.call("anvil_setBalance", f"0x{account_of(operator.key).hex()}", hex(10**24))
    store = open_store(settings.store_url)
    node = set_up(settings, store, operator)
    story = load_demo(node, operator, lambda sentence: None)
    anchor_all(AnchorWorker(store, connect_chain(settings, store, operator), node.signer, now_ms))
    with serving(node) as client:
        yield Demo(node, story.highlights, client)
    store.close()


@pytest.fixture
def demo(served_demo: Demo) -> Demo:
    served_demo.client.cookies.clear()  # the language that another test chose
    return served_demo
