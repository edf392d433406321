"""The page of links in a real browser: an owner registers, imports and removes, on a phone and on a desk."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.conftest import Serve
from tests.api.test_browser import DESK, FAINT_TEXT, PHONE, browser
from tests.services.world import World

__all__ = ["browser"]
GTIN = "(01)09506000134352"


@pytest.fixture
def client(world: World, serve: Serve) -> httpx.Client:
    return serve(world.node)


@pytest.fixture
def page(browser: Browser, client: httpx.Client) -> Iterator[Page]:
    """A page that must not call another host, nor raise an error."""
    opened = browser.new_page(base_url=str(client.base_url), locale="en-GB")
    requested: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda request: requested.append(request.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("dialog", lambda dialog: dialog.accept())
    yield opened
    opened.close()
    assert errors == []
    assert all(url.startswith(str(client.base_url)) for url in requested)


def fill(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        page.locator(f"#add [name={name}]").fill(value)


def test_an_owner_registers_a_link_which_the_label_then_opens_and_removes_it(
    world: World, client: httpx.Client, page: Page
) -> None:
    page.goto("/links")
    page.locator("#id").fill(GTIN)
    fill(
        page,
        key=world.texts["factory"],
        href="https://shop.example/rice",
        title="<b>米</b>",
        hreflang="zh, en",
    )
    page.locator("#add [name=default]").select_option("defaultLink")
    page.get_by_role("button", name="Register").click()

    expect(page.locator("#message")).to_have_text("1 added, 0 changed, 0 the same.")
    expect(page.locator("#list li")).to_have_count(1)
    expect(page.locator("#list b")).to_have_text("<b>米</b>")
    opened = client.get("/01/09506000134352/21/S1", headers={"Accept-Language": ""})
    assert opened.headers["location"] == "https://shop.example/rice"

    page.get_by_role("button", name="Remove").click()
    expect(page.locator("#message")).to_have_text("The link is removed.")
    expect(page.locator("#none")).to_be_visible()


def test_what_is_wrong_is_said_and_nothing_is_registered(
    world: World, client: httpx.Client, page: Page
) -> None:
    page.goto("/links?id=(01)09506000134352&lang=en")
    expect(page.locator("#none")).to_be_visible()
    fill(page, key=world.texts["carrier"], href="https://shop.example/rice", title="Rice")
    page.get_by_role("button", name="Register").click()
    expect(page.locator("#message")).to_contain_text("Not allowed: 1 links, none was registered: carrier")
    fill(page, key=world.texts["factory"], hreflang="english")
    page.get_by_role("button", name="Register").click()
    expect(page.locator("#faults li")).to_have_text("/hreflang: 'english' is no language like zh or zh-CN")
    assert client.get("/links", params={"id": GTIN}).json()["links"] == []


def test_a_table_is_checked_and_then_imported(
    world: World, client: httpx.Client, page: Page, tmp_path: Path
) -> None:
    table = tmp_path / "links.csv"
    table.write_text(
        f"id,linkType,href,title\n{GTIN},gs1:pip,https://x.example/,Rice\n{GTIN},gs1:faqs,x,FAQ\n"
    )
    page.goto("/links")
    fill(page, key=world.texts["factory"])
    page.locator("#import [name=file]").set_input_files(table)
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#faults li")).to_have_text("row 3, href: should be an absolute http or https URL")

    table.write_text(table.read_text().replace(",x,", ",https://x.example/f,"))
    page.locator("#import [name=file]").set_input_files(table)
    page.get_by_role("button", name="Only check").click()
    expect(page.locator("#message")).to_contain_text("2 would be added")
    assert client.get("/links", params={"id": GTIN}).json()["links"] == []
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#message")).to_have_text("2 added, 0 changed, 0 the same.")
    assert len(client.get("/links", params={"id": GTIN}).json()["links"]) == 2


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_page_fits_and_can_be_read(
    world: World, client: httpx.Client, page: Page, width: int, language: str
) -> None:
    links = [
        {
            "id": GTIN,
            "linkType": f"gs1:{name}",
            "href": f"https://shop.example/{'long/' * 30}",
            "title": "米 " * 40,
        }
        for name in ("pip", "faqs")
    ]
    key = {"Authorization": f"Bearer {world.texts['factory']}"}
    assert client.post("/links", json=links, headers=key).status_code == 200
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/links?id={GTIN}&lang={language}")
    expect(page.locator("#list li")).to_have_count(2)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(FAINT_TEXT) == []
    unnamed = page.locator("input:visible, select:visible").evaluate_all(
        "inputs => inputs.filter(input => !input.labels.length).map(input => input.name)"
    )
    assert unnamed == []
