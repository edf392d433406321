"""Records over HTTP: batches that are made whole or not at all, and records that lead to their proofs."""

import json
from typing import Any

import httpx
import pytest

from ledger.records import BATCHES_KEPT_MS
from tests.api.conftest import Serve
from tests.services.world import SGTIN, World, allocate_handles

SHOP = "https://maker.example/tea-1"


@pytest.fixture
def client(world: World, serve: Serve) -> httpx.Client:
    allocate_handles(world, factory="88.118.1001", carrier="88.118.1002")
    return serve(world.node)


def change(name: str, action: str = "put", **fields: Any) -> dict[str, Any]:
    values = {} if action in ("remove", "delete") else {"values": [{"index": 1, "type": "URL", "data": SHOP}]}
    return {"id": name, "action": action} | values | fields


def post(
    world: World, client: httpx.Client, *changes: Any, party: str = "factory", query: str = ""
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {world.texts[party]}"}
    return client.post(f"/records{query}", json={"changes": changes}, headers=headers)


def test_a_batch_changes_records_of_any_scheme_and_its_receipt_names_them(
    world: World, client: httpx.Client
) -> None:
    answer = post(world, client, change("88.118.1001/a"), change("(01)09506000134352(21)S1"))
    assert answer.status_code == 200
    outcomes = [(o["id"], o["outcome"], o["version"], o["logIndex"]) for o in answer.json()["outcomes"]]
    assert outcomes == [("hdl:88.118.1001/a", "registered", 1, 0), (SGTIN + "S1", "registered", 1, 1)]
    promise = json.loads(world.node.signer.key.opens(answer.json()["receipt"]).split("\n")[1])
    assert [event["index"] for event in promise["events"]] == [0, 1]
    answer = post(
        world,
        client,
        change(
            "88.118.1001/a", "add", values=[{"index": 2, "type": "NOTE", "data": "x", "permissions": "1100"}]
        ),
        change(SGTIN + "S1", "delete"),
    )
    assert [o["outcome"] for o in answer.json()["outcomes"]] == ["updated", "deleted"]
    seen = client.get("/records", params={"id": "88.118.1001/a"}).json()
    assert ([value["index"] for value in seen["values"]], seen["version"], seen["salts"]) == ([1], 2, {})
    key = {"Authorization": f"Bearer {world.texts['factory']}"}
    own = client.get("/records", params={"id": "88.118.1001/a"}, headers=key).json()
    assert list(own["salts"]) == ["2"]
    assert client.get("/records", params={"id": SGTIN + "S1"}).status_code == 404
    removed = post(world, client, change("88.118.1001/a", "remove", indices=[2]))
    assert removed.json()["outcomes"][0]["version"] == 3


def test_a_fault_keeps_the_batch_out_or_is_told_beside_what_was_made(
    world: World, client: httpx.Client
) -> None:
    batch = (change("88.118.1001/a"), change("88.118.1002/b"), change("88.118.1001/c", "delete"))
    refused = post(world, client, *batch)
    assert refused.status_code == 400
    assert [problem["pointer"] for problem in refused.json()["problems"]] == ["/1", "/2"]
    assert world.node.store.log_size() == 0
    outcomes = post(world, client, *batch, query="?errors=proceed").json()["outcomes"]
    assert outcomes[0]["outcome"] == "registered"
    assert "may not speak for" in outcomes[1]["fault"]
    assert "not registered" in outcomes[2]["fault"]
    assert post(world, client, change("88.118.1002/b")).status_code == 403


@pytest.mark.parametrize(
    ("wrong", "at", "said"),
    [
        (7, "/changes/0", "a change is an object"),
        (change("no identifier"), "/changes/0", "not an identifier"),
        (change("88.118.1001/a", "erase"), "/changes/0", "action is one of register, put"),
        (change("88.118.1001/a", "remove"), "/changes/0", "indices is a list"),
        (change("88.118.1001/a", color="red"), "/changes/0", "unknown: color"),
        (change("88.118.1001/a", values=[{}]), "/changes/0/values/0/type", "expected text"),
    ],
)
def test_what_is_no_change_is_refused_where_it_is_wrong(
    world: World, client: httpx.Client, wrong: Any, at: str, said: str
) -> None:
    refused = post(world, client, wrong, query="?errors=proceed")
    assert refused.status_code == 400
    (problem,) = refused.json()["problems"]
    assert problem["pointer"] == at
    assert said in problem["message"]


def test_a_batch_takes_a_key_and_has_at_most_two_thousand_changes(world: World, client: httpx.Client) -> None:
    assert client.post("/records", json={"changes": [change("88.118.1001/a")]}).status_code == 401
    assert post(world, client, *[change("88.118.1001/a")] * 2_001).status_code == 400
    assert post(world, client).status_code == 400


def test_a_batch_that_is_sent_again_under_its_name_is_not_made_again(
    world: World, client: httpx.Client
) -> None:
    key = {"Authorization": f"Bearer {world.texts['factory']}", "Idempotency-Key": "monday/1"}
    sent = {"changes": [change("88.118.1001/a"), change("88.118.1002/of-another")]}
    first = client.post("/records?errors=proceed", json=sent, headers=key)
    assert first.json()["outcomes"][0]["outcome"] == "registered"
    assert "may not speak for" in first.json()["outcomes"][1]["fault"]
    post(world, client, change("88.118.1001/a", "delete"))

    assert client.post("/records?errors=proceed", json=sent, headers=key).json() == first.json()
    assert client.get("/records", params={"id": "88.118.1001/a"}).status_code == 404
    other = {"changes": [change("88.118.1001/b")]}
    assert client.post("/records?errors=proceed", json=other, headers=key).status_code == 409
    carrier = key | {"Authorization": f"Bearer {world.texts['carrier']}"}
    theirs = client.post("/records?errors=proceed", json=sent, headers=carrier).json()["outcomes"]
    assert [outcome.get("outcome") for outcome in theirs] == [None, "registered"]

    world.clock.now_ms += BATCHES_KEPT_MS + 1
    again = client.post("/records?errors=proceed", json=sent, headers=key).json()["outcomes"][0]
    assert (again["outcome"], again["version"]) == ("registered", 3)


def test_a_dry_run_says_what_would_be_and_changes_nothing(world: World, client: httpx.Client) -> None:
    told = post(world, client, change("88.118.1001/a"), query="?dry_run=true").json()
    assert (told["outcomes"][0]["outcome"], told["receipt"]) == ("registered", "")
    refused = post(world, client, change("88.118.1002/a"), query="?dry_run=true")
    assert refused.status_code == 403
    assert world.node.store.log_size() == 0
