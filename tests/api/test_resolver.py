import httpx
import pytest

from ledger.domain.ai_table import QUALIFIERS
from ledger.label import item_label
from tests.api.conftest import Demo


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
    target = demo.client.get("/01/09506000134352/21/S1?17=271231&lang=zh&id=(00)106141412345678908")
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
