"""The page of resolutions in a real browser, on a phone and on a desk, in both languages."""

import pytest
from playwright.sync_api import Browser, expect

from ledger.domain.resolution_counts import NOTHING, Counted, Tally
from tests.api.conftest import Serve
from tests.api.test_browser import DESK, FAINT_TEXT, PHONE, browser
from tests.services.world import START_MS, World

__all__ = ["browser"]
WIDTHS = {"zh": PHONE, "en": DESK}


def tally(number: int, where: int) -> Tally:
    classes = list(NOTHING.classes)
    classes[where] = number
    return Tally(number, number * 700, tuple(classes))


def fill(world: World) -> None:
    for hour in range(24):
        counts = {
            Counted("gs1", "9506000", "gs1", "cached", "found"): tally(90 + hour % 7 * 20, 0),
            Counted("gs1", "9506000", "gs1", "local", "found"): tally(20 + hour, 1),
            Counted("gs1", "9506000", "gs1", "local", "not_found"): tally(3, 4),
            Counted("gs1", "9506001", "handles", "peer", "failed"): tally(1, 10),
        }
        world.node.store.add_resolutions(counts, START_MS // 1000 - 3600 * hour, kept_from_s=0)


@pytest.mark.parametrize("language", WIDTHS)
def test_an_owner_sees_how_its_prefixes_are_resolved(
    world: World, serve: Serve, browser: Browser, language: str
) -> None:
    fill(world)
    client = serve(world.node)
    page = browser.new_page(
        base_url=str(client.base_url), viewport={"width": WIDTHS[language], "height": 900}, locale="en-GB"
    )
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto(f"/resolution?lang={language}")
    page.locator("#key").fill(world.texts["factory"])
    page.get_by_role("button").click()

    expect(page.locator("#rows tr")).to_have_count(3)
    expect(page.locator("#rows")).to_contain_text({"zh": "内存缓存", "en": "memory"}[language])
    expect(page.locator("#rows")).not_to_contain_text("9506001")
    expect(page.locator("#hours li")).to_have_count(25)
    expect(page.locator("#total")).to_contain_text("4,3")
    assert page.locator("#latency .bar").first.bounding_box()["width"] > 40  # type: ignore[index]
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[language]
    assert page.evaluate(FAINT_TEXT) == []
    assert errors == []
    page.close()
