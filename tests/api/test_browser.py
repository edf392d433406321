"""Pages in a real browser, headless Chromium: on a phone and on a desk, in both languages."""

import shutil
from collections.abc import Iterator
from io import BytesIO
from itertools import pairwise

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.api.conftest import Demo
from tests.services.world import SGTIN

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, DESK = 360, 1280

# Text whose contrast with what is painted behind it is below WCAG 2.1 AA (1.4.3).
FAINT_TEXT = """() => {
  const channels = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const linear = [r, g, b].map(c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ground = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = channels(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const faint = [];
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest('.skip')) continue;
    const style = getComputedStyle(element);
    const [a, b] = [light(channels(style.color)), light(ground(element))].sort((x, y) => y - x);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if ((a + 0.05) / (b + 0.05) < (large ? 3 : 4.5)) faint.push(walker.currentNode.data.trim());
  }
  return faint;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, demo: Demo) -> Iterator[Page]:
    """A page that must not call another host, nor complain on its console."""
    opened = browser.new_page(base_url=str(demo.client.base_url))
    requested: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda request: requested.append(request.url))
    opened.on("console", lambda message: complaints.append(message.text))
    yield opened
    opened.close()
    assert all(url.startswith(str(demo.client.base_url)) for url in requested), requested
    assert complaints == []


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_page_fits_the_screen_and_can_be_read(page: Page, demo: Demo, width: int, language: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    registry = ("/registry", "/registry?scheme=gs1&prefix=9527101")
    for path in (
        *registry,
        "/",
        "/docs",
        f"/item?id={demo.highlights.vial}",
        f"/item?id={demo.highlights.retail_pack}",
    ):
        page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}")
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")

        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(FAINT_TEXT) == []


def test_the_verdict_is_the_first_thing_on_a_phone(page: Page, demo: Demo) -> None:
    page.set_viewport_size({"width": PHONE, "height": 640})
    page.goto(f"/item?id={demo.highlights.vial}&lang=zh")
    verdict = page.locator("h1").bounding_box()

    assert page.locator("h1").inner_text() == "已核验"
    assert verdict is not None
    assert verdict["y"] < 200


def test_headings_form_an_outline(page: Page, demo: Demo) -> None:
    page.goto(f"/item?id={demo.highlights.vial}&lang=en")
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_a_regulator_switches_language_looks_up_an_item_and_downloads_the_evidence(
    page: Page, demo: Demo
) -> None:
    page.goto("/?lang=zh")
    page.get_by_role("link", name="English").click()
    page.get_by_label("Look up an item").fill("(01)09527101001015(21)YQ7H4001")
    page.get_by_role("button", name="Look up").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the evidence").click()

    assert page.locator("h1").inner_text() == "Verified"
    assert download.value.suggested_filename.endswith(".bundle.json")
    assert download.value.path().read_bytes().startswith(b'{"anchor":')


def test_a_label_on_the_screen_can_be_scanned(page: Page, demo: Demo) -> None:
    page.set_viewport_size({"width": 800, "height": 600})
    page.goto(f"/labels?id={demo.highlights.vial}")
    (code,) = zxingcpp.read_barcodes(Image.open(BytesIO(page.screenshot())).convert("L"))
    assert code.text.startswith(f"{demo.node.settings.label_url}/01/09527101001015/")


def test_an_item_that_nobody_knows_is_told_calmly(browser: Browser, demo: Demo) -> None:
    opened = browser.new_page(base_url=str(demo.client.base_url), viewport={"width": PHONE, "height": 640})
    answer = opened.goto(f"/item?id={SGTIN}NEVER&lang=en")

    assert answer is not None
    assert answer.status == 404
    assert opened.locator("h1").inner_text() == "Nothing recorded"
    opened.close()
