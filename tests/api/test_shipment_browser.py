"""The page of a shipment in a real browser, on a phone and on a desk."""

from collections.abc import Iterator
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.conftest import Serve
from tests.api.test_browser import DESK, FAINT_TEXT, PHONE, browser
from tests.services.test_excursions import MINUTE, VIAL, Shipment
from tests.services.world import START_MS, World, seen

__all__ = ["browser"]
DOCK = "https://id.gs1.org/414/9506000134369"
PATH = f"/shipment?id={quote(VIAL, safe='')}"

# In which columns of the picture, in thousandths of its width, the line is drawn: its two colours.
LINE_COLUMNS = """canvas => {
  const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const isLine = at => (data[at] === 28 && data[at + 1] === 107 && data[at + 2] === 90)
    || (data[at] === 163 && data[at + 1] === 32 && data[at + 2] === 24);
  const found = new Set();
  for (let x = 0; x < width; x++) for (let y = 0; y < height; y++)
    if (isLine(4 * (y * width + x))) found.add(Math.round(1000 * x / width));
  return [...found].sort((a, b) => a - b);
}"""


@pytest.fixture
def client(world: World, serve: Serve) -> httpx.Client:
    """A vial that was warm for two minutes of an hour, and unheard of for half of it."""
    shipment = Shipment(world)
    world.capture(seen("V1", eventTime="2026-11-22T16:05:00.000Z", readPoint={"id": DOCK}))
    shipment.measure(0, *[5] * 8, 9.5, 9.5, *[5] * 5)
    shipment.measure(45, *[5] * 15)
    world.clock.now_ms = START_MS + 60 * MINUTE
    return serve(world.node)


@pytest.fixture
def page(browser: Browser, world: World, client: httpx.Client) -> Iterator[Page]:
    """A page with a party's key, which must not call another host, nor raise an error."""
    opened = browser.new_page(base_url=str(client.base_url), locale="en-GB")
    opened.add_init_script(f"sessionStorage.setItem('api-key', '{world.texts['carrier']}')")
    requested: list[str] = []
    complaints: list[str] = []
    opened.on("request", lambda request: requested.append(request.url))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    opened.close()
    assert complaints == []
    assert all(url.startswith(str(client.base_url)) for url in requested)


def test_the_item_leads_to_its_curve_where_gaps_stay_gaps_and_a_part_is_asked_for_again(page: Page) -> None:
    page.goto(f"/item?id={quote(VIAL, safe='')}&lang=en")
    page.get_by_role("link", name="Temperature curve of the shipment").click()
    figures = page.locator(".figures-table")
    expect(figures).to_contain_text("Highest9.5 °C")
    expect(figures).to_contain_text("Time out of range2 min")
    expect(figures).to_contain_text("Time without data (1 times)21 min")
    expect(page.locator(".state-of-leg")).to_have_text("Excursion")
    expect(page.locator("#excursions li")).to_contain_text("> 8 °C")
    expect(page.locator("#custody li")).to_contain_text("Received")
    # Readings stood until minute 24, and came again at minute 45; 54 pixels of the picture are no plot.
    wide = page.locator("#curve").evaluate("canvas => canvas.clientWidth")
    from_column, to_column = (1000 * (44 + (wide - 54) * minute / 60) / wide for minute in (24, 45))
    columns = page.locator("#curve").evaluate(LINE_COLUMNS)
    assert any(column < from_column for column in columns)
    assert any(column > to_column for column in columns)
    assert not [column for column in columns if from_column + 4 < column < to_column - 4]

    with page.expect_request("**/telemetry/curve?*from_ms*") as asked:
        page.get_by_role("button", name="Zoom in").click()
    query = parse_qs(urlsplit(asked.value.url).query)
    assert int(query["to_ms"][0]) - int(query["from_ms"][0]) == 30 * MINUTE
    box = page.locator("#curve").bounding_box()
    assert box
    with page.expect_request("**/telemetry/curve?*from_ms*") as asked:
        page.mouse.move(box["x"] + 100, box["y"] + 150)
        page.mouse.down()
        page.mouse.move(box["x"] + 200, box["y"] + 150)
        page.mouse.up()
    query = parse_qs(urlsplit(asked.value.url).query)
    assert 0 < int(query["to_ms"][0]) - int(query["from_ms"][0]) < 10 * MINUTE
    expect(figures).to_contain_text("Readings30")  # the figures are still those of all


def test_without_a_key_it_is_asked_for(page: Page, client: httpx.Client) -> None:
    page.add_init_script("sessionStorage.clear()")
    page.goto(f"{PATH}&lang=en")
    page.locator("#key").fill("wrong")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#message")).to_have_text("Enter a valid API key.")
    expect(page.locator("#shown")).to_be_hidden()


@pytest.mark.parametrize(("width", "language"), [(PHONE, "zh"), (DESK, "en")])
def test_the_page_fits_and_can_be_read(page: Page, width: int, language: str) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{PATH}&lang={language}")
    expect(page.locator(".figures-table")).to_be_visible()
    expect(page.locator("#none")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(FAINT_TEXT) == []


def test_a_receiver_rejects_the_vial_and_its_history_says_why_in_both_languages(
    page: Page, client: httpx.Client
) -> None:
    page.goto(f"{PATH}&lang=en")
    page.locator("[name=reason]").fill("9.5 °C <in> transit")
    page.locator("[name=name]").fill("Li Hua")
    page.get_by_role("button", name="Reject").click()
    expect(page.locator("#message")).to_have_text("The decision is recorded.")
    expect(page.locator("#decisions li")).to_contain_text("9.5 °C <in> transit")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the temperature report").click()
    assert download.value.path().read_bytes().startswith(b"%PDF")
    english, chinese = (
        client.get("/item", params={"id": VIAL, "lang": language}).text for language in ("en", "zh")
    )
    for text, words in ((english, ("Rejected", "Decided by")), (chinese, ("拒收", "决定人"))):
        assert all(word in text for word in (*words, "9.5 °C &lt;in&gt; transit", "Li Hua"))
