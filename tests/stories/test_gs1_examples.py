"""GS1's own EPCIS examples, captured by one running node: each anchored in time, each item proved.

Three of them break a rule. Which ones is worked out here from the rules, not listed: a document that
gives a JSON key twice is refused, and so is one that gives new content to an eventID of an earlier one.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ledger.capture import capture
from ledger.domain.bundle import item_uris
from ledger.store import open_store
from ledger.verify import JsonRpcChain, Verified, verify
from tests.chain.nodes import Anvil
from tests.services.world import open_world
from tests.stories.conftest import ended
from tests.stories.node_process import NodeProcess
from tests.vectors import vectors

pytestmark = pytest.mark.slow

ANCHORED_SECONDS = 15


class RepeatedKey(Exception):
    """The JSON gives one key two values; the key is the argument."""


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise RepeatedKey(key)
    return dict(pairs)


@dataclass
class Examples:
    """The documents by the rule that they keep or break, in the order in which they are captured."""

    good: list[Path] = field(default_factory=list)
    repeating: dict[Path, str] = field(default_factory=dict)  # -> the repeated key
    contradicting: list[Path] = field(default_factory=list)


def events_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    body = document["epcisBody"]
    found: list[dict[str, Any]] = (
        body["eventList"] if "eventList" in body else body["queryResults"]["resultsBody"]["eventList"]
    )
    return found


def sort_out(paths: list[Path]) -> Examples:
    examples = Examples()
    known: dict[tuple[str, str], dict[str, Any]] = {}
    for path in paths:
        try:
            document = json.loads(path.read_bytes(), object_pairs_hook=once_each)
        except RepeatedKey as repeated:
            examples.repeating[path] = str(repeated)
            continue
        named = {
            (event["eventID"], event.get("errorDeclaration", {}).get("declarationTime", "")): event
            for event in events_of(document)
            if "eventID" in event
        }
        if any(known.get(identity, event) != event for identity, event in named.items()):
            examples.contradicting.append(path)
        else:
            known |= named
            examples.good.append(path)
    return examples


@pytest.fixture(scope="module")
def examples() -> Examples:
    found = sort_out(sorted(vectors("gs1-epcis", "JSON").rglob("*.jsonld")))
    assert len(found.good) > 40
    return found


@pytest.fixture(scope="module")
def node(examples: Examples, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node that captured the good examples over HTTP; the last one less than 15 seconds ago."""
    with ended(NodeProcess(tmp_path_factory.mktemp("gs1") / "node")) as node:
        node.start()
        for path in examples.good:
            answer = node.capture(path.read_bytes(), node.admin_key)
            assert answer.status_code == 202, f"{path.name}: {answer.text}"
        node.wait_until_anchored(ANCHORED_SECONDS)
        yield node


def bodies(node: NodeProcess) -> list[dict[str, Any]]:
    with node.store() as store:
        return [json.loads(event.body or b"{}") for event in store.events_between(0, store.log_size())]


def test_every_event_that_names_itself_is_in_the_log(node: NodeProcess, examples: Examples) -> None:
    named = [event for path in examples.good for event in events_of(json.loads(path.read_bytes()))]
    assert {event["eventID"] for event in named if "eventID" in event} <= {
        body["eventID"] for body in bodies(node)
    }


def test_every_item_of_the_examples_gets_a_bundle_that_verifies(node: NodeProcess) -> None:
    chain, trust = JsonRpcChain(f"http://127.0.0.1:{node.chain_port}"), node.trust
    items = set[str]().union(*(item_uris(body) for body in bodies(node)))
    assert len(items) > 50
    for item in sorted(items):
        verdict = verify(node.get("/proof/item", id=item).content, trust, chain)
        assert isinstance(verdict, Verified), f"{item}: {verdict}"


def test_every_event_of_the_examples_gets_a_bundle_that_verifies(node: NodeProcess) -> None:
    chain, trust = JsonRpcChain(f"http://127.0.0.1:{node.chain_port}"), node.trust
    for event_id in {body["eventID"] for body in bodies(node)}:
        verdict = verify(node.get("/proof/event", id=event_id).content, trust, chain)
        assert isinstance(verdict, Verified), f"{event_id}: {verdict}"


def test_examples_that_break_a_rule_are_refused_with_the_reason(
    node: NodeProcess, examples: Examples
) -> None:
    size = node.log_size()
    assert examples.repeating
    for path, key in examples.repeating.items():
        answer = node.capture(path.read_bytes(), node.admin_key)
        assert answer.status_code == 400, path.name
        assert key in answer.text
    assert examples.contradicting
    for path in examples.contradicting:
        answer = node.capture(path.read_bytes(), node.admin_key)
        assert answer.status_code == 409, path.name
        assert "already stands with other content" in answer.json()["detail"]
    assert node.log_size() == size


def test_examples_that_contradict_an_earlier_one_stand_well_in_a_log_of_their_own(
    examples: Examples, anvil: Anvil, tmp_path: Path
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'suyuan.db'}")
    try:
        world = open_world(store, anvil, tmp_path / "node")
        for path in examples.contradicting:
            capture(world.node, world.keys["node"], path.read_bytes())
        world.anchor()
        for event in store.events_between(0, store.log_size()):
            assert isinstance(world.verify_event(event.identity.event_id), Verified)
            for link in store.event_links(event.log_index):
                assert isinstance(world.verify_item(link.uri), Verified), link.uri
    finally:
        store.close()
