"""Plain requests are answered as FastAPI's routes answer them, and never with what was true before."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from ledger.domain.errors import StoreUnavailable
from ledger.domain.master_data import MasterData
from ledger.domain.records import Change, parse_values
from ledger.links import link_rows, put_links
from ledger.records import change_record
from ledger.store import open_store
from tests.api.conftest import Serve
from tests.services.world import World, allocate_handles

GTIN = "/01/09506000134352"
ROUTES = {"Cookie": "a=b"}
"""With it a request is not plain: the routes answer it."""


@pytest.fixture(params=["with a glimpse", "without"])
def client(
    request: pytest.FixtureRequest, world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> httpx.Client:
    """On a database where the revision is seen at once, and on one where it is not, as PostgreSQL."""
    if request.param == "without":
        monkeypatch.setattr(world.node.store, "glimpse_revision", lambda: None)
    allocate_handles(world, factory="88.118.1001")
    put(world, 1)
    set_url(world, "a", "https://maker.example/1")
    client = serve(world.node)
    client.headers.pop("Accept-Language")
    return client


def put(world: World, version: int, **fields: Any) -> None:
    link = {
        "id": "(01)09506000134352",
        "linkType": "gs1:pip",
        "href": f"https://shop.example/{version}",
        "title": "米",
        "default": ["defaultLink"],
    }
    put_links(world.node, world.keys["factory"], link_rows(link | fields))


def set_url(world: World, name: str, url: str) -> None:
    values = parse_values(
        [
            {"index": 1, "type": "URL", "data": url},
            {"index": 2, "type": "NOTE", "data": "hidden", "permissions": "1100"},
        ]
    )
    change_record(world.node, world.keys["factory"], Change(f"hdl:88.118.1001/{name}", "put", values))


PATHS = [
    GTIN,
    f"{GTIN}/",
    f"{GTIN}/10/L1/21/S%2F1",
    "/01/09506000134353",
    "/01/09506000134352/99/x",
    "/01/nonsense",
    "/8003/00614141123452ABC",
    "/01/09506000134352/IWJLU",
    "/api/handles/88.118.1001/a",
    "/api/handles/88.118.1001/none",
    "/api/handles/88.118.1001/%E8%8C%B6",
    "/api/handles/no-handle",
]


@pytest.mark.parametrize("accept", ["*/*", "application/linkset+json", "application/json;q=0.5, text/plain"])
def test_a_plain_answer_is_that_of_the_route(client: httpx.Client, accept: str) -> None:
    for path in PATHS:
        theirs = client.get(path, headers=ROUTES | {"Accept": accept})
        for _ in ("fresh", "remembered"):
            ours = client.get(path, headers={"Accept": accept})
            assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content), path
            assert told(ours) == told(theirs), path


def told(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "date"}


def test_what_is_remembered_is_never_older_than_the_request(world: World, client: httpx.Client) -> None:
    beside = open_store(f"sqlite:///{world.node.settings.data_dir.parent / 'suyuan.db'}")  # another process
    for version in range(2, 20):
        assert client.get(GTIN).headers["location"] == f"https://shop.example/{version - 1}"
        for link in beside.links_at(["https://id.gs1.org/01/09506000134352"]):
            beside.remove_link(link.link_id)
        assert client.get(GTIN).headers["location"].startswith("/item?")
        put(world, version)
        set_url(world, "a", f"https://maker.example/{version}")
        values = client.get("/api/handles/88.118.1001/a").json()["values"]
        assert [value["data"]["value"] for value in values] == [f"https://maker.example/{version}"]
    linkset = {"Accept": "application/linkset+json"}
    assert "Tea" not in client.get(GTIN, headers=linkset).text
    beside.put_master_data([MasterData("https://id.gs1.org/01/09506000134352", "gtin", "Tea", "", {})])
    assert "Tea" in client.get(GTIN, headers=linkset).text
    beside.close()


def test_each_of_many_at_once_gets_its_own_answer(world: World, client: httpx.Client) -> None:
    paths = [f"{GTIN}/21/S{n}" if n % 2 else f"/api/handles/88.118.1001/{n}" for n in range(120)]
    for number in range(0, 120, 2):
        set_url(world, str(number), f"https://maker.example/{number}")
    for number in range(1, 120, 2):
        put(world, number, id=f"(01)09506000134352(21)S{number}")
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(client.get, paths * 2))
    for number, answer in enumerate(answers):
        where = answer.headers.get("location") or answer.json()["values"][0]["data"]["value"]
        assert where.rpartition("/")[2] == str(number % 120)


def test_without_a_database_there_is_no_answer_and_with_it_again_there_is(
    world: World, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise StoreUnavailable("store: gone")

    with monkeypatch.context() as patch:
        patch.setattr(world.node.store, "answering", away)
        answer = client.get(GTIN)
        assert (answer.status_code, answer.json()["type"]) == (503, "suyuan:StoreUnavailable")
        answer = client.get("/api/handles/88.118.1001/a")
        assert (answer.status_code, answer.json()["responseCode"]) == (503, 3)
    assert client.get(GTIN).status_code == 307
    assert client.get("/api/handles/88.118.1001/a").status_code == 200

    def mistake() -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(world.node.store, "answering", mistake)
        assert client.get(f"{GTIN}/21/new").status_code == 500
    assert client.get(f"{GTIN}/21/new").status_code == 307


def test_a_person_a_key_and_another_method_go_by_the_routes(world: World, client: httpx.Client) -> None:
    serial = f"{GTIN}/21/S1"
    client.get(serial)
    browser = {"Accept": "text/html,*/*", "User-Agent": "Mozilla/5.0", "Accept-Language": "en"}
    assert client.get(serial, headers=browser).status_code == 307
    scans = world.node.store.label_scans("https://id.gs1.org/01/09506000134352/21/S1", limit=9)
    assert len(scans) == 1
    client.get("/api/handles/88.118.1001/a")
    key = {"Authorization": f"Bearer {world.texts['factory']}"}
    assert len(client.get("/api/handles/88.118.1001/a", headers=key).json()["values"]) == 2
    assert client.head("/api/handles/88.118.1001/a").status_code == 405
    assert client.head(serial).status_code == 307


def test_what_was_remembered_is_counted_as_such(world: World, client: httpx.Client) -> None:
    for _ in range(3):
        client.get(GTIN)
    key = {"Authorization": f"Bearer {world.texts['node']}"}
    days = {"from": "2026-11-22T00:00:00Z", "until": "2026-11-23T00:00:00Z"}
    rows = client.get("/resolution/statistics", params=days, headers=key).json()["rows"]
    assert {(row["prefix"], row["source"]): row["count"] for row in rows} == {
        ("9506000", "local"): 1,
        ("9506000", "cached"): 2,
    }
