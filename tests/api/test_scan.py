"""The scan page over HTTP: what it asks for, and the files that it is made of."""

import json
import re
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from ledger.carriers import bind_carrier
from ledger.domain.master_data import MasterData
from tests.api.conftest import Demo, Serve
from tests.api.test_history import at
from tests.carriers import LOGGER, activate
from tests.services.world import SGTIN, SSCC, World, made, seen

STATIC = Path(__file__).parents[2] / "api" / "static"
GS = "\x1d"


def scan(client: httpx.Client, text: str, **params: str) -> httpx.Response:
    return client.get("/scan/item", params={"text": text, **params})


def test_a_scanned_vial_is_told_with_its_verdict_and_its_excursion(demo: Demo) -> None:
    found = scan(demo.client, f"]d20109527101001015{'10YQ260901'}{GS}21YQ7H4001", lang="en")
    item = found.json()

    assert found.headers["cache-control"] == "no-store"
    assert item["uri"] == demo.highlights.vial
    assert item["name"] == "Influenza vaccine (split virion), vial"
    assert item["verdict"]["kind"] == "verified"
    assert item["verdict"]["sentence"].startswith("All 6 events")
    assert item["cold_chain"]["state"] == "out_of_range"


def test_every_spelling_of_a_scan_names_the_same_item(demo: Demo) -> None:
    for text in (
        demo.highlights.vial,
        "(01)09527101001015(21)YQ7H4001",
        "urn:epc:id:sgtin:9527101.000101.YQ7H4001",
        f"]C10109527101001015{GS}21YQ7H4001",
        f"]Q1{demo.highlights.vial}",
    ):
        assert scan(demo.client, text).json()["uri"] == demo.highlights.vial


def test_an_unknown_item_has_no_verdict_and_no_temperature(demo: Demo) -> None:
    item = scan(demo.client, SGTIN + "NEVER").json()
    assert item["verdict"]["kind"] == "unknown_item"
    assert item["cold_chain"] == {"state": "no_data", "sentence": "No temperature data"}


@pytest.mark.parametrize("text", ["(01)09527101001016(21)S1", "hello", "", "]C110LOT1", "]X9abc"])
def test_a_scan_that_names_no_item_is_told_so(demo: Demo, text: str) -> None:
    answer = scan(demo.client, text)
    assert answer.status_code == 400
    assert answer.json()["detail"]


def test_the_steps_follow_the_history(world: World, serve: Serve) -> None:
    client = serve(world.node)
    world.capture(made("S1", **at(1)))
    assert scan(client, SGTIN + "S1").json()["steps"][0] == "departing"
    case = {"type": "AggregationEvent", "bizStep": "packing", "parentID": SSCC, "childEPCs": [SGTIN + "S1"]}
    world.capture({name: value for name, value in made(**at(2)).items() if name != "epcList"} | case)
    packed = scan(client, SGTIN + "S1").json()
    assert (packed["parent"], "unpacking" in packed["steps"]) == (SSCC, True)
    world.capture(seen("S1", **{**at(3), "bizStep": "destroying", "disposition": "destroyed"}))
    assert scan(client, SGTIN + "S1").json()["steps"] == []


def test_places_are_for_those_with_a_key(demo: Demo, world: World, serve: Serve) -> None:
    assert demo.client.get("/scan/places").status_code == 401
    client = serve(world.node)
    answer = client.get("/scan/places", headers={"Authorization": f"Bearer {world.texts['carrier']}"})
    assert answer.json() == {"places": [], "next": ""}


def test_places_are_searched_by_name_or_identifier_in_pages(world: World, serve: Serve) -> None:
    docks = [
        MasterData(f"https://id.gs1.org/414/9506001000007/254/D{n}", "place", f"Dock {n}", f"{n}号月台", {})
        for n in range(3)
    ]
    world.node.store.put_master_data(docks)
    client = serve(world.node)
    client.headers["Authorization"] = f"Bearer {world.texts['carrier']}"

    def found(**params: str | int) -> tuple[list[str], str]:
        answer = client.get("/scan/places", params={"lang": "zh", **params}).json()
        return [place["name"] for place in answer["places"]], answer["next"]

    for text in (
        " dock 1 ",
        "1号月",
        "254/D1",
        "(414)9506001000007(254)D1",
        "http://x.example/414/9506001000007/254/D1",
    ):
        assert found(text=text) == (["1号月台"], "")
    names, after = found(text="dock", limit=2)
    assert names == ["0号月台", "1号月台"]
    assert found(text="dock", limit=2, after=after) == (["2号月台"], "")
    assert client.get("/scan/places", params={"limit": 1001}).status_code == 400


def test_the_page_needs_no_other_host_and_runs_no_script_of_its_text(demo: Demo) -> None:
    page = demo.client.get("/scan")
    policy = page.headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy
    assert "http" not in policy
    assert "camera=(self)" in page.headers["permissions-policy"]
    assert json.loads(re.findall(r'id="texts"[^>]*>(.*?)</script>', page.text)[0])["do_arriving"] == "Arrive"


def test_the_phone_keeps_every_file_that_the_page_is_made_of(demo: Demo) -> None:
    worker = demo.client.get("/scan/worker.js")
    kept = set(json.loads(re.findall(r"const FILES = (\[.*?\]);", worker.text)[0]))
    made_of = {
        f"/static/{path.relative_to(STATIC).as_posix()}"
        for path in (STATIC / "scan").rglob("*")
        if path.is_file() and path.name not in {"worker.js", "LICENSE"}
    }

    assert worker.headers["service-worker-allowed"] == "/scan"
    assert kept == made_of | {f"/static/{name}" for name in ("suyuan.css", "icon.svg", "ask.js", "parts.js")}
    for url in sorted(kept):
        assert demo.client.get(url).status_code == 200
    assert (
        demo.client.get("/static/scan/zxing/zxing_reader.wasm").headers["content-type"] == "application/wasm"
    )


def test_the_page_can_be_installed(demo: Demo) -> None:
    manifest = demo.client.get("/scan/manifest.webmanifest")
    told = manifest.json()
    assert manifest.headers["content-type"] == "application/manifest+json"
    assert (told["start_url"], told["scope"], told["display"]) == ("/scan", "/scan", "standalone")
    for icon in told["icons"]:
        assert demo.client.get(icon["src"]).headers["content-type"] == icon["type"]


def test_the_decoder_is_zxing_wasm_3_1_4_as_it_was_published() -> None:
    held = {
        path.name: sha256(path.read_bytes()).hexdigest() for path in (STATIC / "scan" / "zxing").iterdir()
    }
    assert held == {
        "LICENSE": "fb506e4ade12d7a9efa67c9d76a9a28c8e15d347ca49a69e48e29b40b34ad2ab",
        "reader.js": "d33d09ce132a692faffbed0dce656c36cb2573b4b843885a6e036390d1071d95",
        "zxing_reader.wasm": "e8af31edb56d0522f4de74495839385ef019ba8bc90d38e5ecb2f18795d86fb2",
    }


def test_a_scan_says_whether_there_is_a_curve_of_the_way(world: World, serve: Serve) -> None:
    client = serve(world.node)
    activate(world)
    bind_carrier(world.node, world.keys["factory"], LOGGER, SSCC, "vaccine-2-8")
    assert [scan(client, text).json()["has_curve"] for text in (SSCC, SGTIN + "S1")] == [True, False]
