import httpx
import pytest

from ledger.domain.bundle import read_bundle
from ledger.domain.checkpoint import Checkpoint
from ledger.verify import JsonRpcChain, Trust, Verified, verify
from tests.api.conftest import Demo, Serve
from tests.services.world import SGTIN, World, made

EVENT_ID = "urn:uuid:11111111-2222-4333-8444-555555555555"


def test_a_buyer_verifies_a_downloaded_file_with_the_downloaded_trust(demo: Demo) -> None:
    evidence = demo.client.get("/proof/item", params={"id": demo.highlights.vial})
    trust = Trust.parse(demo.client.get("/log/trust").text)
    chain = JsonRpcChain(demo.node.trust.rpc_url or "")

    assert (
        'attachment; filename="id-gs1-org-01-09527101001015-21-YQ7H4001.bundle.json"'
        in evidence.headers.values()
    )
    assert isinstance(verify(evidence.content, trust, chain), Verified)


def test_the_rpc_url_of_the_node_is_not_given_away(demo: Demo) -> None:
    assert Trust.parse(demo.client.get("/log/trust").text).rpc_url is None


def test_one_event_is_proved_by_its_event_id(demo: Demo) -> None:
    raw = demo.client.get("/proof/item", params={"id": demo.highlights.vial}).content
    body = read_bundle(raw).events[0].body
    assert body is not None
    evidence = demo.client.get("/proof/event", params={"id": body["eventID"]})
    assert read_bundle(evidence.content).subject == body["eventID"]


def test_a_proof_says_to_wait_before_the_anchor_and_that_the_unknown_is_unknown(
    world: World, serve: Serve
) -> None:
    client = serve(world.node)
    world.capture(made("S1", eventID=EVENT_ID))
    waiting = client.get("/proof/event", params={"id": EVENT_ID})
    unknown = client.get("/proof/event", params={"id": "urn:uuid:0"})
    checkpoint = client.get("/log/checkpoint")

    assert (waiting.status_code, waiting.json()["type"]) == (404, "suyuan:NotYetAnchored")
    assert waiting.headers["retry-after"] == "5"
    assert (unknown.status_code, unknown.json()["type"]) == (404, "suyuan:NotFound")
    assert checkpoint.json()["type"] == "suyuan:NotYetAnchored"


def test_anybody_can_watch_the_log(demo: Demo) -> None:
    note = demo.client.get("/log/checkpoint")
    checkpoint = Checkpoint.parse(demo.node.signer.key.opens(note.text))
    anchors = demo.client.get("/log/anchors").json()["anchors"]

    assert note.headers["content-type"].startswith("text/plain")
    assert checkpoint.size == demo.node.store.log_size()
    assert (anchors[-1]["state"], anchors[-1]["size"]) == ("final", checkpoint.size)
    assert anchors[-1]["logRoot"] == checkpoint.root.hex()
    assert demo.client.get("/log/anchors", params={"start": 1000}).json() == {"anchors": []}


@pytest.mark.parametrize("params", [{"limit": "1001"}, {"start": "0"}, {"limit": "many"}])
def test_a_list_has_limits(demo: Demo, params: dict[str, str]) -> None:
    assert demo.client.get("/log/anchors", params=params).status_code == 400


def test_operators_see_how_far_the_ledger_is(demo: Demo) -> None:
    metrics = dict(
        line.split(" ") for line in demo.client.get("/metrics").text.splitlines() if not line.startswith("#")
    )
    size = str(demo.node.store.log_size())

    assert demo.client.get("/healthz").json() == {"status": "ok"}
    assert demo.client.get("/readyz").json()["logSize"] == int(size)
    assert metrics["suyuan_events_captured_total"] == metrics["suyuan_events_anchored_total"] == size
    assert float(metrics["suyuan_newest_anchor_age_seconds"]) >= 0


def test_other_web_pages_may_read_what_is_public(demo: Demo) -> None:
    answer = demo.client.get("/log/checkpoint", headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_proof_of_absence_is_a_proof(world: World, serve: Serve) -> None:
    world.capture(made("S1"))
    world.anchor()
    answer: httpx.Response = serve(world.node).get("/proof/item", params={"id": SGTIN + "NEVER"})
    assert isinstance(world.verify(answer.content), Verified)
    assert read_bundle(answer.content).events == ()
