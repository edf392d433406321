import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import jsonschema_rs
import pytest

from ledger.domain.ai_table import QUALIFIERS
from ledger.domain.compressed_link import expand_link
from ledger.label import item_label
from ledger.links import link_rows, put_links
from tests.api.conftest import Demo, Serve
from tests.services.world import World
from tests.vectors import vectors

GTIN = "/01/09506000134352"
SERIAL = f"{GTIN}/10/L1/21/S1"
VOC = "https://ref.gs1.org/voc/"
PDF = "application/pdf"


@pytest.mark.parametrize(
    ("path", "item"),
    [
        ("/01/09506000134352/21/S1", "https://id.gs1.org/01/09506000134352/21/S1"),
        ("/01/09506000134352/10/L1/21/S1", "https://id.gs1.org/01/09506000134352/21/S1"),
        ("/01/09506000134352/10/L1", "https://id.gs1.org/01/09506000134352/10/L1"),
        ("/01/09506000134352", "https://id.gs1.org/01/09506000134352"),
        ("/00/106141412345678908", "https://id.gs1.org/00/106141412345678908"),
        ("/414/0614141000005/254/A%2FB", "https://id.gs1.org/414/0614141000005/254/A%2FB"),
        ("/8003/00614141123452ABC", "https://id.gs1.org/8003/00614141123452ABC"),
        ("/8004/0614141ABC", "https://id.gs1.org/8004/0614141ABC"),
    ],
)
def test_a_label_s_link_leads_to_the_item(demo: Demo, path: str, item: str) -> None:
    for method in ("GET", "HEAD"):
        answer = demo.client.request(method, path)
        assert answer.status_code == 307
        target = httpx.URL(answer.headers["location"])
        assert (target.path, target.params["id"]) == ("/item", item)


def test_every_gs1_key_is_resolved(demo: Demo) -> None:
    described = demo.client.get("/.well-known/gs1resolver").json()
    assert set(described["supportedPrimaryKeys"]) == set(QUALIFIERS)
    for key in QUALIFIERS:
        assert demo.client.get(f"/{key}/nonsense").status_code == 400


def test_the_query_is_passed_on_and_cannot_name_another_item(demo: Demo) -> None:
    target = demo.client.get("/01/09506000134352/21/S1?17=271231&lang=zh&id=(00)106141412345678908&label=x")
    page = demo.client.get(target.headers["location"])

    assert "17=271231&lang=zh" in target.headers["location"]
    assert page.headers["content-language"] == "zh"
    assert "(01) 09506000134352 (21) S1" in page.text
    assert "106141412345678908" not in page.text.partition("<main")[2]


def test_a_wrong_link_is_explained_to_programs_and_to_people(demo: Demo) -> None:
    wrong = "/01/09506000134353/21/S1"
    for_programs = demo.client.get(wrong)
    for_people = demo.client.get(wrong, headers={"Accept": "text/html"})

    assert for_programs.status_code == for_people.status_code == 400
    assert for_programs.json()["type"] == "suyuan:Invalid"
    assert "check digit is 3, should be 2" in for_programs.json()["detail"]
    assert "<h1>This is not a valid request</h1>" in for_people.text
    assert "check digit is 3, should be 2" in for_people.text


def test_a_path_that_names_no_gs1_key_is_not_found(demo: Demo) -> None:
    answer = demo.client.get("/99/123")
    assert (answer.status_code, answer.json()["type"]) == (404, "suyuan:NOT_FOUND")


def test_what_a_printed_label_opens_is_the_item_s_page(demo: Demo) -> None:
    svg = demo.client.get("/labels", params={"id": demo.highlights.vial})
    link = demo.node.settings.label_url + demo.highlights.vial.removeprefix("https://id.gs1.org")
    opened = demo.client.get(httpx.URL(link).raw_path.decode(), follow_redirects=True)

    assert svg.headers["content-type"] == "image/svg+xml"
    assert item_label(demo.node, link).link == link
    assert "Influenza vaccine (split virion), vial" in opened.text


# --- registered links


def link(href: str, level: str = GTIN, **given: Any) -> dict[str, Any]:
    given.setdefault("linkType", "gs1:pip")
    return {
        "id": f"https://id.gs1.org{level}",
        "href": f"https://shop.example/{href}",
        "title": href,
        **given,
    }


LINKS = [
    link("default?a=1#top", default=["defaultLink"]),
    link("zh", linkType="gs1:instructions", hreflang=["zh"], default=["defaultLinkMulti"]),
    link("en", linkType="gs1:instructions", hreflang=["en"], default=["defaultLinkMulti"]),
    link("en.pdf", linkType="gs1:instructions", hreflang=["en"], type=PDF),
    link("recall", f"{GTIN}/10/L1", linkType="gs1:recallStatus"),
    link("serial", f"{GTIN}/21/S1", linkType="gs1:dpp"),
    link("one", linkType="gs1:review"),
    link("two", linkType="gs1:review"),
]


@pytest.fixture
def client(world: World, serve: Serve) -> httpx.Client:
    put_links(world.node, world.keys["factory"], link_rows(LINKS))
    client = serve(world.node)
    client.headers.update({"Accept-Language": "", "Accept": "*/*"})
    return client


def target(client: httpx.Client, path: str, **headers: str) -> str:
    answer = client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status_code == 307, answer.text
    return answer.headers["location"].removeprefix("https://shop.example/")


def test_the_owner_s_default_wins_over_our_page(client: httpx.Client) -> None:
    assert target(client, GTIN) == target(client, SERIAL) == "default?a=1#top"
    assert target(client, f"{SERIAL}/") == "default?a=1#top"
    assert target(client, f"{SERIAL}?17=271231&x=%20") == "default?a=1&17=271231&x=%20#top"
    own = target(client, f"{SERIAL}?linkType=gs1:traceability&17=271231")
    assert own.startswith("/item?label=%2F01%2F09506000134352%2F10%2FL1%2F21%2FS1%3F17%3D271231&id=")
    assert own.endswith("&linkType=gs1:traceability&17=271231")
    assert target(client, "/01/09506001000007").startswith("/item?")


def test_link_type_language_format_and_context_choose(client: httpx.Client) -> None:
    assert target(client, SERIAL, Accept_Language="zh-CN,zh;q=0.9") == "zh"
    assert target(client, SERIAL, Accept_Language="de") == "default?a=1#top"
    asked = f"{SERIAL}?linkType=gs1:instructions"
    assert target(client, asked, Accept_Language="zh") == "zh?linkType=gs1:instructions"
    assert target(client, asked, Accept_Language="en", Accept=PDF).startswith("en.pdf?")
    for spelling in ("gs1:dpp", "https://gs1.org/voc/dpp", "https%3A%2F%2Fref.gs1.org%2Fvoc%2Fdpp"):
        assert target(client, f"{SERIAL}?linkType={spelling}").startswith("serial?")


@pytest.mark.parametrize(
    "link_type", ["gs1:dpp", "gs1:nosuchlt", "nonsense", "a%20b", "gs1:", "javascript:x"]
)
def test_a_type_without_a_link_is_not_found(client: httpx.Client, link_type: str) -> None:
    assert client.get(f"{GTIN}?linkType={link_type}").status_code == 404


def test_links_that_nothing_tells_apart_are_listed_with_300(client: httpx.Client) -> None:
    answer = client.get(f"{SERIAL}?linkType=gs1:review")
    assert answer.status_code == 300
    (level,) = answer.json()["linkset"]
    assert {one["title"] for one in level[f"{VOC}review"]} == {"one", "two"}


@pytest.mark.parametrize(
    ("query", "accept", "media_type"),
    [
        ("?linkType=linkset", "*/*", "application/linkset+json"),
        ("?linkType=all", "text/html,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("?linkType=all", "text/html", "application/json"),
        ("?linkType=all", "image/png", "application/linkset+json"),
        ("?linkType=linkset", "application/json", "application/json"),
        ("", "application/linkset+json", "application/linkset+json"),
        ("", "application/linkset, text/html;q=0.5", "application/linkset"),
    ],
)
def test_the_linkset_holds_every_level(
    client: httpx.Client, query: str, accept: str, media_type: str
) -> None:
    answer = client.get(f"{SERIAL}{query}", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == media_type
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"recall", "serial", "zh", "en.pdf"} <= set(answer.text.replace('"', "/").split("/"))


def test_a_linkset_is_of_our_own_links_and_fits_the_schema(world: World, client: httpx.Client) -> None:
    answer = client.get(f"{SERIAL}?linkType=linkset&17=271231")
    found = answer.json()
    schema = json.loads(vectors("digital-link", "linkset", "gs1-linkset-schema.json").read_text())
    jsonschema_rs.validator_for(schema).validate(found)

    root = world.node.settings.label_url
    assert [level["anchor"] for level in found["linkset"]] == [
        root + SERIAL,
        f"{root}{GTIN}/10/L1",
        root + GTIN,
    ]
    assert found["linkset"][2]["itemDescription"] == "(01)09506000134352"
    assert found["linkset"][2][f"{VOC}defaultLink"] == [
        {"href": LINKS[0]["href"], "title": LINKS[0]["title"]}
    ]
    (own,) = found["linkset"][2][f"{VOC}traceability"]
    assert own["href"].startswith(f"{root}/item?label=")
    context = client.get(httpx.URL(answer.links["http://www.w3.org/ns/json-ld#context"]["url"]).path)
    assert context.headers["content-type"] == "application/ld+json"
    assert context.json()["@context"]["linkset"] == "@graph"


def test_a_redirect_names_the_linkset(world: World, client: httpx.Client) -> None:
    for path in (SERIAL, f"{SERIAL}/?17=271231"):
        linkset = client.head(path).links["linkset"]
        assert linkset["url"] == f"{world.node.settings.label_url}{SERIAL}?linkType=linkset"
        assert linkset["type"] == "application/linkset+json"


def test_those_who_came_by_our_name_are_sent_on_by_it(world: World, client: httpx.Client) -> None:
    root = world.node.settings.label_url
    asked = client.get("/01/09506001000007", headers={"Host": urlsplit(root).netloc})
    listed = client.get("/01/09506001000007?linkType=linkset").json()["linkset"][0]
    assert asked.headers["location"] == listed[f"{VOC}defaultLink"][0]["href"]


def test_another_host_in_the_request_never_gets_into_an_answer(client: httpx.Client) -> None:
    for query in ("", "?linkType=linkset"):
        answer = client.get(
            f"/01/09506001000007{query}", headers={"Host": "evil.example", "X-Forwarded-Host": "evil"}
        )
        assert "evil" not in answer.text + str(answer.headers)


def test_what_may_be_asked_is_told(client: httpx.Client) -> None:
    answer = client.options(SERIAL)
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    preflight = client.options(
        SERIAL, headers={"Origin": "https://x.example", "Access-Control-Request-Method": "HEAD"}
    )
    assert preflight.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"


def test_opening_a_label_counts_whatever_it_leads_to_and_asking_for_a_link_does_not(
    world: World, client: httpx.Client
) -> None:
    for path in (SERIAL, f"{SERIAL}?linkType=gs1:dpp", f"{SERIAL}?linkType=linkset"):
        client.get(path, headers={"Accept": "text/html"})
    assert len(world.node.store.label_scans("https://id.gs1.org/01/09506000134352/21/S1", limit=9)) == 1


def test_the_description_fits_what_gs1_says_of_it(world: World, client: httpx.Client) -> None:
    found = client.get("/.well-known/gs1resolver").json()
    assert found["resolverRoot"] == world.node.settings.label_url
    assert found["supportedLinkType"] == [{"namespace": VOC, "prefix": "gs1:"}]
    assert set(found) <= {
        "name", "resolverRoot", "supportedPrimaryKeys", "supportedLinkType", "linkTypeDefaultCanBeLinkset",
        "jsonLdContextLocation",
    }  # fmt: skip


# --- compressed


@pytest.mark.parametrize("path", ["/DBFKk4XBoMSWo", "/01/09506000134352/IWJLU"])
def test_a_compressed_link_is_resolved_and_tells_what_it_is(
    world: World, client: httpx.Client, path: str
) -> None:
    expanded = expand_link(path)[0]
    answer = client.get(f"{path}?17=271231")
    root = world.node.settings.label_url
    assert answer.headers["location"] == "https://shop.example/default?a=1&17=271231#top"
    assert f'<{root}{expanded}?17=271231>; rel="owl:sameAs"' in answer.headers["link"]
    assert answer.links["linkset"]["url"] == f"{root}{expanded}?linkType=linkset"
    listed = client.get(f"{path}?linkType=linkset")
    assert listed.json()["linkset"][0]["anchor"] == root + expanded
    assert 'rel="owl:sameAs"' in listed.headers["link"]
    assert client.get(f"{path}/").headers["location"] == "https://shop.example/default?a=1#top"


def test_what_was_compressed_besides_elements_is_passed_on(client: httpx.Client) -> None:
    found = target(client, "/GhFKk4XBoIlXgoRv4KMDk?x=1")
    assert found == "default?a=1&17=271231&x=1#top"


def test_a_page_that_is_not_here_is_no_compressed_link_and_a_wrong_one_is_explained(
    client: httpx.Client,
) -> None:
    assert client.get("/wp-login").status_code == client.get("/nothing").status_code == 404
    wrong = client.get("/ARFKk4XBog")
    assert (wrong.status_code, wrong.json()["type"]) == (400, "suyuan:Invalid")
    assert client.get("/01/09506000134352/foobarfoobar").status_code == 400
    assert client.get("/healthz").status_code == 200
