"""Which server is examined: that at CONFORMANCE_URL, with the API key CONFORMANCE_KEY, else our own node."""

import os
from collections.abc import Iterator

import httpx
import pytest

from tests.chain.nodes import Anvil
from tests.conformance.report import EPCIS, Report
from tests.conformance.server import Server

_TIMEOUT_SECONDS = 60


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Report(EPCIS, os.environ.get("CONFORMANCE_REPORT")), "conformance-report")


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    url, key = os.environ.get("CONFORMANCE_URL"), os.environ.get("CONFORMANCE_KEY")
    if url:
        yield from _connected(url, key)
        return
    from tests.conformance.own_node import serve_own_node

    anvil: Anvil = request.getfixturevalue("anvil")
    with serve_own_node(anvil, tmp_path_factory.mktemp("conformance")) as (url, key):
        yield from _connected(url, key)


def _connected(url: str, key: str | None) -> Iterator[Server]:
    headers = {"Accept": "application/json"}
    if key:
        headers["Authorization"] = key if " " in key else f"Bearer {key}"
    with httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT_SECONDS) as client:
        yield Server(client, has_key=bool(key))
