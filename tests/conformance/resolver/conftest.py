"""Which resolver is examined: that of the Digital Link in RESOLVER_URL, else our own node."""

import os
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.chain.nodes import Anvil
from tests.conformance.report import Report, Suite, sentence
from tests.conformance.resolver.resolver import Resolver

_TIMEOUT_SECONDS = 30
_NAME = re.compile(r"test_(shall|should|may)_(\d+)_(.*)")


def clause_of(name: str) -> tuple[str, str]:
    """`test_shall_5_a_wrong_uri_gets_400` -> ("5 SHALL", "a wrong uri gets 400")."""
    match = _NAME.match(name)
    assert match, f"{name} does not begin with its clause"
    return f"{match[2]} {match[1].upper()}", sentence(match[3])


def pytest_configure(config: pytest.Config) -> None:
    suite = Suite("GS1-Conformant Resolver 1.0", Path(__file__).parent, clause_of)
    config.pluginmanager.register(Report(suite, os.environ.get("RESOLVER_REPORT")), "resolver-report")


@pytest.fixture(scope="session")
def resolver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resolver]:
    url = os.environ.get("RESOLVER_URL")
    if url:
        yield from _connected(url, ssl.create_default_context())
        return
    from tests.conformance.resolver.own_node import serve_own_node

    anvil: Anvil = request.getfixturevalue("anvil")
    with serve_own_node(anvil, tmp_path_factory.mktemp("resolver")) as (url, trust):
        yield from _connected(url, trust)


def _connected(url: str, trust: ssl.SSLContext) -> Iterator[Resolver]:
    with httpx.Client(timeout=_TIMEOUT_SECONDS, headers={"Accept": "*/*"}, verify=trust) as client:
        yield Resolver(client, url.partition("?")[0].rstrip("/"))
