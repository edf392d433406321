"""The live fleet in a real browser: states that are not mistaken for each other, an alarm acknowledged."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from ledger.carriers import answer_challenge, bind_carrier, challenge_carrier, enrol_carrier
from ledger.domain.telemetry import read_messages
from ledger.excursions import Watcher
from ledger.telemetry import take_messages
from tests.api.conftest import Serve
from tests.api.test_browser import DESK, FAINT_TEXT, PHONE, browser
from tests.carriers import degrees, public_of, reported, says
from tests.services.world import SSCC, START_MS, World

__all__ = ["browser"]
MINUTE = 60_000
KEY = "sessionStorage.setItem('api-key', '{}')"


@dataclass
class Fleet:
    """Carriers of the factory by name, on pallets of their own, as they report."""

    world: World
    sequence: int = 0

    def add(self, name: str, profile: str | None = "vaccine-2-8", **device: Any) -> None:
        node, key, carrier_id = self.world.node, self.world.keys["factory"], self.id_of(name)
        enrol_carrier(node, key, {"id": carrier_id, "key": public_of(name), "model": "TL-1"} | device)
        challenge = challenge_carrier(node, key, carrier_id).challenge
        assert challenge
        answer_challenge(
            node, key, carrier_id, says(name, challenge.value_hex, self.world.clock.now_ms, to=carrier_id)
        )
        if profile is not None:
            bind_carrier(node, key, carrier_id, SSCC, profile)

    def report(self, name: str, *celsius: float, battery: int = 80) -> None:
        self.sequence += 1
        now = self.world.clock.now_ms
        readings = degrees(now - 1000 * (len(celsius) - 1), *celsius, step_ms=1000)
        message = reported(name, self.sequence, now, *readings, battery=battery, of=self.id_of(name))
        assert take_messages(self.world.node, read_messages(message)).accepted == 1
        while Watcher(self.world.node).turn():
            pass

    @staticmethod
    def id_of(name: str) -> str:
        return f"https://id.gs1.org/8004/9506000{name.upper()}"


@pytest.fixture
def fleet(world: World) -> Fleet:
    """One of each state."""
    fleet = Fleet(world)
    for name in ("cool", "warm", "mute"):
        fleet.add(name)
    fleet.add("late", "who-pqs-type-1")
    fleet.add("idle", None)
    world.clock.now_ms = START_MS + 2 * MINUTE
    fleet.report("mute", 5)
    world.clock.now_ms += 30 * MINUTE
    fleet.report("cool", 4.5, 5)
    fleet.report("warm", 5, 9.5, battery=8)
    fleet.report("late", 46)
    fleet.report("idle", 21)
    return fleet


@pytest.fixture
def client(world: World, serve: Serve) -> httpx.Client:
    return serve(world.node)


@pytest.fixture
def page(browser: Browser, client: httpx.Client, world: World) -> Iterator[Page]:
    """A page that has the factory's key, must not call another host, nor raise an error."""
    opened = browser.new_page(base_url=str(client.base_url), locale="en-GB")
    opened.add_init_script(KEY.format(world.texts["factory"]))
    requested: list[str] = []
    errors: list[str] = []
    opened.on("request", lambda request: requested.append(request.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    opened.close()
    assert errors == []
    assert all(url.startswith(str(client.base_url)) for url in requested)


def state_of(page: Page, name: str) -> Any:
    return page.locator(f"tr[id='{Fleet.id_of(name)}'] .badge")


def test_each_state_is_its_own_and_an_alarm_is_acknowledged(
    fleet: Fleet, client: httpx.Client, page: Page
) -> None:
    page.goto("/fleet?lang=en")
    for name, state in (
        ("warm", "Excursion"),
        ("mute", "No data"),
        ("late", "Out, within its time"),
        ("cool", "In range"),
        ("idle", "Not watched"),
    ):
        expect(state_of(page, name)).to_have_text(state)
    assert page.locator("tbody tr").first.get_attribute("id") == Fleet.id_of("warm")
    warm = page.locator(f"tr[id='{Fleet.id_of('warm')}']")
    expect(warm).to_contain_text("9.5 °C")
    expect(warm).to_contain_text("8 %")
    expect(warm).to_contain_text("battery low")
    expect(warm).to_contain_text("1 open")
    expect(page.locator(f"tr[id='{Fleet.id_of('idle')}']")).to_contain_text("21 °C")

    expect(page.locator("#alarm-list > li")).to_have_count(1)
    expect(page.get_by_role("link", name=SSCC).first).to_have_attribute(
        "href", f"/shipment?id={quote(SSCC, safe='')}"
    )
    page.get_by_role("button", name="Acknowledge: Temperature out of range, 9.5 °C at worst").click()
    page.get_by_label("Your name").fill("李梅")
    # What comes meanwhile is shown, and what somebody is writing stays.
    fleet.world.clock.now_ms += MINUTE
    fleet.report("mute", 5)
    expect(state_of(page, "mute")).to_have_text("In range", timeout=15_000)
    page.get_by_label("Reason").fill("<b>closed</b> the door")
    page.locator("#alarm-list form").get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#message")).to_have_text("The alarm is acknowledged, and that is in the log.")
    expect(page.locator("#no-alarms")).to_be_visible()
    key = {"Authorization": f"Bearer {fleet.world.texts['factory']}"}
    (alarm,) = client.get("/alarms", params={"open": False}, headers=key).json()
    assert (alarm["acknowledged"]["name"], alarm["acknowledged"]["reason"]) == (
        "李梅",
        "<b>closed</b> the door",
    )


def test_what_is_not_renewed_is_said_to_be_old(fleet: Fleet, page: Page) -> None:
    page.goto("/fleet?lang=en")
    expect(page.locator("#status")).to_contain_text("As of")
    page.route("**/fleet?*", lambda route: route.abort())
    expect(page.locator("#status")).to_contain_text("Not renewed since", timeout=15_000)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_page_fits_and_can_be_read(fleet: Fleet, page: Page, width: int, language: str) -> None:
    fleet.add("x" * 23, module="m" * 200)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/fleet?lang={language}")
    expect(page.locator("tbody tr")).to_have_count(6)
    page.locator("#alarm-list button").first.click()

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(FAINT_TEXT) == []
    unnamed = page.locator("input:visible").evaluate_all(
        "inputs => inputs.filter(input => !input.labels.length).map(input => input.name)"
    )
    assert unnamed == []
