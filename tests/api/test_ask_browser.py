"""What the pages that ask with an API key share, in a browser: the key kept in a tab, and what is wrong."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.conftest import Serve
from tests.api.test_browser import browser
from tests.services.world import SSCC, World

__all__ = ["browser"]
PAGES = {"fleet": "/fleet?", "resolution": "/resolution?", "shipment": f"/shipment?id={SSCC}&"}
WRONG = {"zh": "请输入有效的 API 密钥。", "en": "Enter a valid API key."}
UNREACHED = {
    "zh": "无法连接本节点，请稍后再试。",
    "en": "The node cannot be reached: try again later.",
}


@pytest.fixture
def client(world: World, serve: Serve) -> httpx.Client:
    return serve(world.node)


@pytest.fixture
def page(browser: Browser, client: httpx.Client) -> Iterator[Page]:
    context = browser.new_context(base_url=str(client.base_url))
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []


def ask_with(page: Page, key: str) -> None:
    page.locator("#key").fill(key)
    page.locator("#key").press("Enter")


@pytest.mark.parametrize("language", WRONG)
@pytest.mark.parametrize("name", PAGES)
def test_a_wrong_key_and_a_node_out_of_reach_are_said_in_the_language_of_the_page(
    page: Page, name: str, language: str
) -> None:
    page.goto(f"{PAGES[name]}lang={language}")
    for key in ("suyuan_a_b", "密钥"):  # what no header may hold is a wrong key too
        ask_with(page, key)
        expect(page.locator(".said.bad:visible")).to_have_text(WRONG[language])
    assert page.locator("[hidden]:visible").count() == 0  # an empty list of alarms says there is none
    page.reload()
    expect(page.locator("#key")).to_have_value("")
    page.route("**/*", lambda route: route.abort())
    ask_with(page, "suyuan_a_b")
    expect(page.locator(".said.bad:visible")).to_have_text(UNREACHED[language])


def test_the_key_that_the_node_took_serves_all_pages_of_the_tab_and_no_other_tab(
    page: Page, world: World
) -> None:
    page.goto("/resolution")
    ask_with(page, world.texts["factory"])
    expect(page.locator("#found")).to_be_visible()
    for path in (*PAGES.values(), "/links?"):
        page.goto(path)
        expect(page.locator("#key")).to_have_value(world.texts["factory"])
    page.evaluate("key => localStorage.setItem('scan-key', key)", world.texts["carrier"])
    other = page.context.new_page()
    other.goto("/links")
    expect(other.locator("#key")).to_have_value(world.texts["carrier"])  # that of the scan page
