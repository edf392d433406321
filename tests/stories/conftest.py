"""Nodes for stories. Each is gone, with every process of it, when its test is over."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ganache.node import installed
from tests.stories.node_process import NodeProcess

NewNode = Callable[..., NodeProcess]


@pytest.fixture(autouse=True, scope="session")
def needs_ganache() -> None:
    if not installed():
        pytest.skip("Ganache is not here: run `python -m ganache.install`")


@contextmanager
def ended(node: NodeProcess) -> Iterator[NodeProcess]:
    """Ends `node` with Ctrl-C if it still runs; leaves no process of it."""
    try:
        yield node
        if "supervisor" in node.processes():
            assert node.stop() == 0, node.said
        assert node.processes() == {}, node.said
    finally:
        node.kill()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    """A node that was never started."""
    with ended(NodeProcess(tmp_path / "node")) as node:
        yield node


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """One node with its demonstration, for all stories that only add to it."""
    with ended(NodeProcess(tmp_path_factory.mktemp("demo") / "node")) as node:
        yield node.start("--demo")
