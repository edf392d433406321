"""What each user does in the first five minutes, on one node with its demonstration."""

import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest
import zxingcpp
from PIL import Image

import ganache
from ledger.demo.world import Highlights, load_world
from tests.services.world import document, made, seen
from tests.stories.node_process import NodeProcess, free_port, wait_for

OURS = "https://id.gs1.org/01/09527101001015/21/"
"""Serials of the vaccine vial, whose prefix the demonstration's manufacturer owns."""


@pytest.fixture(scope="module")
def highlights() -> Highlights:
    return load_world().highlights


def by_serial(*serials: str) -> dict[str, list[str]]:
    return {"epcList": [OURS + serial for serial in serials]}


def test_a_manufacturer_captures_over_http_and_gets_a_receipt(demo: NodeProcess, tmp_path: Path) -> None:
    answer = demo.capture(document(made(**by_serial("NEW1", "NEW2"))), demo.demo_key("manufacturer"))
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert job["success"]

    kind, promise = demo.trust.log_key.opens(job["receipt"]).splitlines()
    assert kind == "suyuan-receipt/1"
    (receipted,) = json.loads(promise)["events"]

    demo.wait_until_anchored()
    bundle = tmp_path / "event.bundle.json"
    bundle.write_bytes(demo.get("/proof/event", id=receipted["eventID"]).content)
    assert demo.suyuan("verify", bundle, "--trust", demo.folder / "trust.json").returncode == 0
    (proven,) = json.loads(bundle.read_bytes())["events"]
    assert proven["index"] == receipted["index"]


def test_a_manufacturer_captures_a_file_and_proves_it_on_the_command_line(
    demo: NodeProcess, tmp_path: Path
) -> None:
    file, bundle, trust = tmp_path / "made.json", tmp_path / "bundle.json", demo.folder / "trust.json"
    file.write_bytes(document(made(**by_serial("CLI1"))))
    captured = demo.suyuan("capture", file, "--role", "manufacturer")
    assert captured.returncode == 0, captured.stderr
    assert "suyuan-receipt/1" in captured.stdout

    demo.wait_until_anchored()
    assert demo.suyuan("prove", OURS + "CLI1", "-o", bundle).returncode == 0
    verified = demo.suyuan("verify", bundle, "--trust", trust)
    assert verified.returncode == 0
    assert verified.stdout.splitlines()[-1] == "Verified"

    bundle.write_bytes(bundle.read_bytes().replace(b"commissioning", b"receiving"))
    refuted = demo.suyuan("verify", bundle, "--trust", trust)
    assert refuted.returncode == 1
    assert "the body was changed" in refuted.stdout


def test_logistics_staff_without_the_right_may_observe_but_not_commission(demo: NodeProcess) -> None:
    key = demo.demo_key("logistics")
    refused = demo.capture(document(made(**by_serial("NOTOURS"))), key)
    assert refused.status_code == 403
    (problem,) = refused.json()["problems"]
    assert problem["pointer"] == "/epcisBody/eventList/0"
    assert "prefix 9527101 is registered to another account" in problem["message"]
    assert "action OBSERVE" in problem["message"]

    assert demo.capture(document(seen(**by_serial("NOTOURS"))), key).status_code == 202


@pytest.mark.parametrize(
    ("party", "scheme", "prefix", "epc"),
    [
        ("acme", "gs1", "0614141", "https://id.gs1.org/01/10614141000415/21/1"),
        ("huaxing", "handle", "88.118.1001", "hdl:88.118.1001/YJ-417"),
    ],
)
def test_a_new_company_gets_its_prefix_and_speaks_for_it(
    demo: NodeProcess, party: str, scheme: str, prefix: str, epc: str
) -> None:
    serials = {"epcList": [epc]}
    account = "0x" + party.encode().ljust(20, b"\0").hex()
    added = demo.suyuan("keys", "add", party, "manufacturer", "--name", "New", "--account", account)
    assert added.returncode == 0, added.stderr
    key = added.stdout.strip()
    assert demo.capture(document(made(**serials)), key).status_code == 403

    allocated = demo.suyuan("registry", "allocate", prefix, party, "--scheme", scheme)
    assert allocated.returncode == 0, allocated.stderr
    assert f"{prefix:<16} active    {account} {party}" in demo.suyuan("registry", "list").stdout
    wait_for(
        "the node learns of the prefix",
        lambda: demo.capture(document(made(**serials)), key).status_code == 202,
    )

    assert demo.suyuan("keys", "revoke", key).returncode == 0
    assert demo.capture(document(seen(**serials)), key).status_code == 401


def test_a_buyer_scans_the_label_and_lands_on_the_page(demo: NodeProcess, highlights: Highlights) -> None:
    label = demo.get("/labels", id=highlights.vial, format="png")
    (code,) = zxingcpp.read_barcodes(Image.open(BytesIO(label.content)).convert("L"))
    assert code.text == f"http://localhost:{demo.port}/01/09527101001015/21/YQ7H4001"

    languages = {"en": "Influenza vaccine (split virion), vial", "zh-CN": "流感病毒裂解疫苗"}
    for language, name in languages.items():
        page = httpx.get(code.text, headers={"Accept-Language": language}, follow_redirects=True, timeout=30)
        assert page.status_code == 200
        assert page.url.path == "/item"
        assert name in page.text
        assert 'class="verdict verified"' in page.text


def test_an_operator_prints_a_label_on_the_command_line(
    demo: NodeProcess, highlights: Highlights, tmp_path: Path
) -> None:
    file = tmp_path / "label.png"
    assert demo.suyuan("label", highlights.vial, "-o", file).returncode == 0
    (code,) = zxingcpp.read_barcodes(Image.open(file).convert("L"))
    assert code.text == f"http://localhost:{demo.port}/01/09527101001015/21/YQ7H4001"


def test_a_cold_chain_operator_sees_the_excursion(demo: NodeProcess, highlights: Highlights) -> None:
    page = httpx.get(f"{demo.url}/item", params={"id": highlights.vial}, headers={"Accept-Language": "en"})
    assert 'class="card temperature out"' in page.text
    assert "10.6" in page.text

    key = {"Authorization": f"Bearer {demo.demo_key('coldchain')}", "Accept": "application/json"}
    fleet = httpx.get(f"{demo.url}/fleet", headers=key).json()
    (alarm,) = fleet["alarms"]
    assert (alarm["kind"], alarm["to"], alarm["value"]) == ("excursion", highlights.pallet, 10.6)
    assert [carrier["flags"] for carrier in fleet["carriers"]] == [["missing_messages"]]
    curve = httpx.get(f"{demo.url}/telemetry/curve", params={"id": highlights.vial}, headers=key).json()
    (leg,) = curve["legs"]
    assert [(e["rule"], e["peak"], e["out_ms"]) for e in leg["excursions"]] == [("heat", 10.6, 2_400_000)]
    (seal,) = httpx.get(f"{demo.url}/telemetry/seals", params={"id": alarm["carrier"]}, headers=key).json()
    assert (seal["messages"], seal["intact"], seal["state"]) == (34, True, "captured")


@pytest.fixture
def evidence(demo: NodeProcess, highlights: Highlights, tmp_path: Path) -> Iterator[Path]:
    """A folder with what a regulator took along; the node is switched off meanwhile."""
    demo.wait_until_anchored()
    for name, path, query in (
        ("bundle.json", "/proof/item", {"id": highlights.vial}),
        ("trust.json", "/log/trust", {}),
    ):
        (tmp_path / name).write_bytes(demo.get(path, **query).content)
    assert demo.stop() == 0
    yield tmp_path
    demo.start("--demo")


def test_a_regulator_verifies_the_evidence_with_the_node_switched_off(
    demo: NodeProcess, evidence: Path
) -> None:
    files = (evidence / "bundle.json", "--trust", evidence / "trust.json")
    alone = demo.suyuan("verify", *files)
    assert alone.returncode == 2
    assert alone.stdout.splitlines()[-1].startswith("Undetermined: ")
    assert alone.stdout.count("passed") == 8

    with ganache.start(demo.folder / "chain") as chain:
        verified = demo.suyuan("verify", *files, "--rpc", chain.url)
    assert verified.returncode == 0, verified.stdout

    unreachable = demo.suyuan("verify", *files, "--rpc", f"http://127.0.0.1:{free_port()}")
    assert unreachable.returncode == 2
    assert "chain not checked" in unreachable.stdout
