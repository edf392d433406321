"""Links over HTTP: anybody reads them, whoever speaks for the identifier puts and removes them."""

from typing import Any

import httpx
import pytest

from tests.api.conftest import Serve
from tests.services.world import World

GTIN = "(01)09506000134352"
LINK: dict[str, Any] = {
    "id": GTIN,
    "linkType": "gs1:pip",
    "href": "https://shop.example/rice",
    "title": "米",
    "hreflang": ["zh"],
}


@pytest.fixture
def client(world: World, serve: Serve) -> httpx.Client:
    client = serve(world.node)
    client.headers["Authorization"] = f"Bearer {world.texts['factory']}"
    return client


def listed(client: httpx.Client, identifier: str = GTIN) -> list[dict[str, Any]]:
    answer = client.get("/links", params={"id": identifier}, headers={"Authorization": ""})
    assert answer.status_code == 200, answer.text
    links: list[dict[str, Any]] = answer.json()["links"]
    return links


def test_a_link_is_put_listed_followed_and_removed(client: httpx.Client) -> None:
    assert client.post("/links", json=LINK).json() == {"added": 1, "changed": 0, "same": 0}
    assert client.post("/links", json=[LINK]).json() == {"added": 0, "changed": 0, "same": 1}
    (link,) = listed(client)
    assert {name: link[name] for name in LINK} == {**LINK, "id": "https://id.gs1.org/01/09506000134352"}
    assert listed(client, "09506000134352") == [link]
    assert listed(client, f"{GTIN}(10)L1") == []
    followed = client.get("/01/09506000134352/10/L1?linkType=gs1:pip")
    assert followed.headers["location"] == "https://shop.example/rice?linkType=gs1:pip"

    assert client.delete(f"/links/{link['linkID']}").status_code == 204
    assert client.delete(f"/links/{link['linkID']}").status_code == 404
    assert listed(client) == []
    assert client.get("/01/09506000134352?linkType=gs1:pip").status_code == 404


def test_a_table_is_put_and_every_faulty_cell_is_told(client: httpx.Client) -> None:
    head = "id;linkType;href;title\n"
    good = f"{head}{GTIN};gs1:pip;https://x.example/;Rice\n{GTIN}(10)L1;gs1:faqs;https://x.example/f;FAQ\n"
    csv = {"Content-Type": "text/csv"}
    checked = client.post("/links", params={"dry_run": True}, content=good.encode(), headers=csv)
    assert checked.json()["added"] == 2
    assert listed(client) == []
    assert client.post("/links", content=good.encode(), headers=csv).json()["added"] == 2

    bad = f"{head}{GTIN};gs1:pip;/relative;Rice\n(01)1;gs1:pip;https://x.example/;\n"
    answer = client.post("/links", content=bad.encode(), headers=csv)
    assert answer.status_code == 400
    assert [one["pointer"] for one in answer.json()["problems"]] == [
        "row 2, href",
        "row 3, id",
        "row 3, title",
    ]


def test_the_links_of_a_party_come_in_pages(client: httpx.Client) -> None:
    client.post("/links", json=[{**LINK, "id": f"{GTIN}(10)L{n}"} for n in range(3)])
    first = client.get("/links", params={"limit": 2}).json()
    rest = client.get("/links", params={"limit": 2, "after": first["next"]}).json()
    assert [len(page["links"]) for page in (first, rest)] == [2, 1]
    assert (first["next"], rest["next"]) == (first["links"][1]["linkID"], "")


@pytest.mark.parametrize("key", ["", "Bearer suyuan_no_key"])
def test_without_a_key_nothing_is_changed(client: httpx.Client, key: str) -> None:
    headers = {"Authorization": key}
    assert client.post("/links", json=LINK, headers=headers).status_code == 401
    assert client.delete("/links/abc", headers=headers).status_code == 401
    assert client.get("/links", headers=headers).status_code == 401
    assert listed(client) == []


def test_another_party_s_identifier_is_not_redirected(world: World, client: httpx.Client) -> None:
    carrier = {"Authorization": f"Bearer {world.texts['carrier']}"}
    answer = client.post("/links", json=LINK, headers=carrier)
    assert (answer.status_code, answer.json()["problems"][0]["pointer"]) == (403, "/id")
    client.post("/links", json=LINK)
    (link,) = listed(client)
    assert client.delete(f"/links/{link['linkID']}", headers=carrier).status_code == 403
    assert listed(client) == [link]


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"7", "application/json", 400),
        (b"id\xff", "text/csv", 400),
        (b"", "text/csv", 400),
        (b"{}", "text/plain", 415),
        (b" " * (16 * 1024 * 1024 + 1), "text/csv", 413),
    ],
)
def test_a_wrong_body_is_refused(client: httpx.Client, content: bytes, media_type: str, status: int) -> None:
    answer = client.post("/links", content=content, headers={"Content-Type": media_type})
    assert answer.status_code == status, answer.text
