"""The scan page in a real browser: its camera films our own symbols, its server goes away and comes back."""

import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path

import pytest
import uvicorn
from PIL import Image, ImageFilter
from playwright.sync_api import BrowserContext, Page, Playwright, Route, expect, sync_playwright

from api.app import create_app
from labels.payload import Carrier, Payload
from labels.symbol import encode
from ledger.domain.digital_link import Element
from ledger.domain.errors import Invalid
from ledger.domain.identifiers import parse_identifier
from ledger.domain.master_data import MasterData
from ledger.domain.next_steps import is_class
from ledger.domain.scan import normalise_scan
from ledger.node import Node
from tests.api.test_browser import ARGUMENTS, DESK, FAINT_TEXT, PHONE
from tests.api.test_history import at
from tests.services.world import SGTIN, SSCC, World, made, seen

pytestmark = pytest.mark.slow

DOCK = "https://id.gs1.org/414/9506001000007/254/DOCK3"
WAIT_MS = 15_000
GS = "\x1d"


class Server:
    """A node on one port that can go away and come back."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._running = ExitStack()
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._running.enter_context(self._serving())

    def stop(self) -> None:
        self._running.close()

    @contextmanager
    def _serving(self) -> Iterator[None]:
        with socket.create_server(("127.0.0.1", self.port)) as listener:
            config = uvicorn.Config(
                create_app(self._node), log_level="critical", ws="websockets-sansio", lifespan="off"
            )
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, args=([listener],))
            thread.start()
            try:
                while not server.started:
                    time.sleep(0.005)
                yield
            finally:
                server.should_exit = True
                thread.join()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    world.node.store.put_master_data(
        [
            MasterData(
                DOCK, "place", "Dock 3, cold store", "冷库三号月台", {"city": "Hefei", "city_zh": "合肥"}
            )
        ]
    )
    server = Server(world.node)
    server.start()
    yield server
    server.stop()


@contextmanager
def phone(playwright: Playwright, server: Server, clip: Path | None = None) -> Iterator[BrowserContext]:
    """A phone with a camera that films `clip`. No request may leave for another host, no script may fail."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not installed")
    camera = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    film = [f"--use-file-for-fake-video-capture={clip}"] if clip else []
    browser = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, *camera, *film])
    context = browser.new_context(
        base_url=server.url,
        viewport={"width": PHONE, "height": 800},
        permissions=["camera"],
        locale="en",
        has_touch=True,
    )
    requested: list[str] = []
    failures: list[str] = []
    context.on("request", lambda request: requested.append(request.url))
    context.on("weberror", lambda error: failures.append(str(error.error)))
    context.on(
        "console", lambda said: failures.append(said.text) if "Content Security" in said.text else None
    )
    yield context
    browser.close()
    assert all(url.startswith((server.url, "blob:" + server.url)) for url in requested), requested
    assert failures == []


def open_page(context: BrowserContext, world: World) -> Page:
    """The page with its key and place entered, and its service worker in charge."""
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto("/scan?lang=en")
    page.get_by_label("API key (kept on this device only)").fill(world.texts["carrier"])
    page.get_by_role("button", name="Save the key, list the places").click()
    page.get_by_label("Where I am").select_option(label="Dock 3, cold store · Hefei")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.wait_for_function("navigator.serviceWorker.controller !== null")
    return page


def enter(page: Page, text: str) -> None:
    page.get_by_label("Scanner or keyboard").fill(text)
    page.get_by_role("button", name="Look up").click()


def tap(page: Page, step: str) -> None:
    page.get_by_role("button", name=step, exact=True).tap()
    page.get_by_role("button", name=f"Record: {step}").tap()


def pending(page: Page, count: int) -> None:
    expect(page.locator("#pending-count")).to_have_text(str(count), timeout=WAIT_MS)


def steps_recorded(world: World) -> list[str | None]:
    """The business steps in the log, in its order."""
    stored = world.node.store.events_between(0, world.node.store.log_size())
    return [json.loads(event.body)["bizStep"] for event in stored if event.body]


def film(path: Path, carrier: Carrier, *elements: tuple[str, str], text: str = "") -> Path:
    """A clip in which somebody holds a label before the camera, never quite still."""
    payload = Payload(carrier, text, tuple(Element(*pair) for pair in elements))
    symbol = encode(payload)
    modules = Image.frombytes("1", (symbol.columns, symbol.rows), symbol.bits, "raw", "1;I").convert("L")
    module = 2 if symbol.is_linear else 6
    size = (symbol.columns * module, 120 if symbol.is_linear else symbol.rows * module)
    label = modules.resize(size, Image.Resampling.NEAREST)
    frames = BytesIO()
    for number in range(20):
        frame = Image.new("L", (640, 480), 235)
        frame.paste(label, ((640 - size[0]) // 2 + number % 5, (480 - size[1]) // 2 - number % 3))
        turned = frame.rotate((number % 7 - 3) * 0.8, Image.Resampling.BICUBIC, fillcolor=235)
        turned.filter(ImageFilter.GaussianBlur(0.8)).save(frames, "JPEG", quality=90)
    path.write_bytes(frames.getvalue())  # MJPEG is JPEG after JPEG
    return path


SYMBOLS: list[tuple[Carrier, tuple[tuple[str, str], ...], str]] = [
    ("qr", (), SGTIN + "S1"),
    ("gs1-datamatrix", (("01", "09506000134352"), ("10", "L1"), ("21", "S1")), ""),
    ("gs1-128", (("01", "09506000134352"), ("21", "S1")), ""),
]


@pytest.mark.parametrize("symbol", SYMBOLS, ids=lambda symbol: symbol[0])
def test_a_label_before_the_camera_becomes_an_arrival_in_the_ledger(
    playwright: Playwright,
    server: Server,
    world: World,
    tmp_path: Path,
    symbol: tuple[Carrier, tuple, str],  # type: ignore[type-arg]
) -> None:
    world.capture(made("S1", **at(1)))
    world.capture(seen("S1", **{**at(2), "bizStep": "shipping"}))
    world.anchor()
    carrier, elements, text = symbol
    with phone(playwright, server, film(tmp_path / "clip.mjpeg", carrier, *elements, text=text)) as context:
        page = open_page(context, world)
        page.get_by_role("button", name="Open the camera").tap()
        expect(page.locator("#verdict")).to_have_text("Verified", timeout=WAIT_MS)
        expect(page.locator("#cold")).to_have_text("Cold chain: No temperature data")
        assert page.locator("#steps button").first.inner_text() == "Arrive"
        tap(page, "Arrive")
        expect(page.locator("#message")).to_contain_text("Sent: Arrive")
        pending(page, 0)

    assert steps_recorded(world) == ["commissioning", "shipping", "arriving"]


def test_without_a_signal_events_wait_survive_a_reload_and_are_sent_once_in_order(
    playwright: Playwright, server: Server, world: World
) -> None:
    world.capture(made("S1", "S2", **at(1)))
    world.anchor()
    with phone(playwright, server) as context:
        page = open_page(context, world)
        enter(page, SGTIN + "S1")
        expect(page.locator("#verdict")).to_have_text("Verified")
        server.stop()

        enter(page, SGTIN + "S1")
        expect(page.locator("#as-of")).to_contain_text("no signal now")
        tap(page, "Depart")
        enter(page, f"]d20109506000134352{GS}21S2")
        expect(page.locator("#verdict")).to_have_text("Not checked: no signal")
        assert page.locator("#verdict").get_attribute("class") == "answer undetermined"
        tap(page, "Inspect")
        pending(page, 2)
        page.goto("/scan?lang=en")
        pending(page, 2)
        assert steps_recorded(world) == ["commissioning"]

        server.start()
        page.reload()
        pending(page, 0)

    assert steps_recorded(world) == ["commissioning", "departing", "inspecting"]


def test_an_answer_that_was_lost_leaves_one_event(
    playwright: Playwright, server: Server, world: World
) -> None:
    world.capture(made("S1", **at(1)))
    sent: list[str] = []

    def lose_first(route: Route) -> None:
        sent.append(route.request.post_data or "")
        if len(sent) > 1:
            return route.continue_()
        assert route.fetch().status == 202
        route.abort()

    with phone(playwright, server) as context:
        page = open_page(context, world)
        page.route("**/epcis/capture", lose_first)
        enter(page, SGTIN + "S1")
        tap(page, "Depart")
        expect(page.locator("#pending-why")).to_contain_text("No signal")
        page.locator("#pending").tap()
        pending(page, 0)

    assert sent[0] == sent[1]
    assert steps_recorded(world) == ["commissioning", "departing"]


def test_two_tabs_send_each_event_once(playwright: Playwright, server: Server, world: World) -> None:
    world.capture(made("S1", **at(1)))
    with phone(playwright, server) as context:
        first, second = open_page(context, world), context.new_page()
        second.goto("/scan?lang=en")
        sent: list[str] = []
        context.on("request", lambda request: sent.append(request.url) if "/capture" in request.url else None)
        server.stop()
        enter(first, SGTIN + "S1")
        tap(first, "Depart")
        pending(second, 1)
        server.start()
        sent.clear()
        for page in (first, second):
            page.evaluate("window.dispatchEvent(new Event('online'))")
        pending(first, 0)
        pending(second, 0)

    assert len(sent) == 1
    assert steps_recorded(world) == ["commissioning", "departing"]


def test_a_refused_event_is_shown_and_does_not_stop_those_behind_it(
    playwright: Playwright, server: Server, world: World
) -> None:
    world.capture(made("S1", **at(1)))
    with phone(playwright, server) as context:
        page = open_page(context, world)
        enter(page, SGTIN + "S1")
        page.get_by_role("button", name="Pack", exact=True).tap()
        expect(page.locator("#message")).to_have_text("Now scan the container")
        expect(page.locator("#message")).to_be_in_viewport()
        expect(page.locator("#pending")).to_be_in_viewport()
        enter(page, SGTIN + "S1")
        expect(page.locator("#message")).to_have_text("The container cannot be the item itself.")
        enter(page, SSCC)
        expect(page.locator("#record")).to_have_text("Record: Pack · (00) 095060000000000015")
        page.get_by_role("button", name="Record: Pack").tap()
        expect(page.locator("#problem-list")).to_contain_text("Not accepted: Pack")
        expect(page.locator("#problem-list")).to_contain_text("Your company may not record this step")
        expect(page.locator("#problem-list")).to_contain_text("9506000")  # whose prefix it is
        enter(page, SGTIN + "S1")
        tap(page, "Depart")
        pending(page, 0)
        page.get_by_role("button", name="I have read it, remove").tap()
        expect(page.locator("#problems")).to_be_hidden()

    assert steps_recorded(world) == ["commissioning", "departing"]


def test_a_wrong_key_loses_nothing(playwright: Playwright, server: Server, world: World) -> None:
    world.capture(made("S1", **at(1)))
    with phone(playwright, server) as context:
        page = open_page(context, world)
        page.evaluate("localStorage.setItem('scan-key', 'wrong')")
        enter(page, SGTIN + "S1")
        tap(page, "Depart")
        expect(page.locator("#pending-why")).to_contain_text("key is not accepted")
        pending(page, 1)
        page.get_by_label("API key (kept on this device only)").fill(world.texts["carrier"])
        page.get_by_role("button", name="Save the key, list the places").tap()
        pending(page, 0)

    assert steps_recorded(world) == ["commissioning", "departing"]


def test_a_place_beyond_those_listed_is_searched_for_and_stays_without_a_signal(
    playwright: Playwright, server: Server, world: World
) -> None:
    far = "https://id.gs1.org/414/9506001000007/254/"
    world.node.store.put_master_data(
        [
            MasterData(f"{far}A{n:04}", "place", f"Bay {n}", f"{n}号库位", {}) for n in range(1000)
        ]  # before DOCK3
    )
    world.capture(made("S1", **at(1)))
    with phone(playwright, server) as context:
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.goto("/scan?lang=en")
        page.get_by_label("API key (kept on this device only)").fill(world.texts["carrier"])
        page.get_by_role("button", name="Save the key, list the places").click()
        expect(page.locator("#settings-says")).to_have_text("Places found: 1000. Choose yours above")
        places = page.get_by_label("Where I am")
        expect(places.locator("option", has_text="Dock 3")).to_have_count(0)
        page.get_by_role("button", name="More places").click()
        expect(places.locator("option", has_text="Dock 3")).to_have_count(1)
        expect(page.get_by_role("button", name="More places")).to_be_hidden()

        for text in ("dock", "三号月台", "254/dock3"):
            page.get_by_label("Find a place").fill(text)
            page.get_by_label("Find a place").press("Enter")
            expect(places.locator("option")).to_have_text(["—", "Dock 3, cold store · Hefei"])
        places.select_option(label="Dock 3, cold store · Hefei")
        page.get_by_label("Find a place").fill("nowhere")
        page.get_by_label("Find a place").press("Enter")
        expect(page.locator("#settings-says")).to_have_text("No place was found")
        expect(places).to_have_value(DOCK)  # where the phone is stays

        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        server.stop()
        page.reload()
        expect(places).to_have_value(DOCK)
        page.locator("#settings summary").click()
        page.get_by_label("Find a place").fill("bay 99")
        page.get_by_label("Find a place").press("Enter")
        expect(page.locator("#settings-says")).to_have_text("The node cannot be reached: try again later.")
        expect(places.locator("option")).to_have_count(2 + 11)  # Bay 99, Bay 990 to 999
        server.start()


def test_a_scanner_that_types_needs_no_field(playwright: Playwright, server: Server, world: World) -> None:
    world.capture(made("S1", **at(1)))
    with phone(playwright, server) as context:
        page = open_page(context, world)
        page.locator("h1").click()
        page.keyboard.type("(01)09506000134352(21)S1")
        page.keyboard.press("Enter")
        expect(page.locator("#item-code")).to_contain_text("(21) S1")


CODES = [
    SGTIN + "S1",
    SGTIN + "a%2Fb",
    "https://label.example/x/01/09506000134352/10/L1/21/S1?17=271115",
    "https://label.example/00/095060000000000015",
    "(01)09506000134352(10)L1",
    "(01)09506000134352(17)271115(21)S/1",
    "(00)095060000000000015",
    f"]C10109506000134352{'17271115'}10L1{GS}21S1",
    f"]d2010950600013435221S1{GS}10L1",
    "]C100095060000000000015",
    "095060000000000015",
    "09506000134352",
    "9506000134352",
    "urn:epc:id:sgtin:9506000.013435.S1",
    "urn:epc:id:sscc:9506000.0000000001",
    "urn:epc:class:lgtin:9506000.013435.L1",
    "(01)09506000134353(21)S1",
    "]C110L1",
    f"010950600013435221S1{GS}21S2",
    "]X9hello",
    "hello",
    "",
]


def test_the_phone_names_what_the_server_would_name_or_nothing(
    playwright: Playwright, server: Server, world: World
) -> None:
    with phone(playwright, server) as context:
        page = context.new_page()
        page.goto("/scan?lang=en")
        found = page.evaluate(
            "codes => import('/static/scan/codes.js').then(module => codes.map(module.identify))", CODES
        )
    for code, named in zip(CODES, found, strict=True):
        try:
            identifier = normalise_scan(code).identifier
        except Invalid:
            identifier = None
        if identifier is None:
            assert named is None, code
        else:
            assert parse_identifier(named["uri"]).uri == identifier.uri, code
            assert named["isClass"] == is_class(identifier.uri), code


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_every_target_is_large_and_every_text_can_be_read(
    playwright: Playwright, server: Server, world: World, width: int, language: str
) -> None:
    world.capture(made("S1", **at(1)))
    world.anchor()
    with phone(playwright, server) as context:
        page = open_page(context, world)
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(f"/scan?lang={language}")
        page.locator("#code").fill(SGTIN + "S1")
        page.locator("#code").press("Enter")
        page.locator("#item").wait_for()
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        heights = page.locator("main button:visible, main input:visible, main select:visible").evaluate_all(
            "targets => targets.map(target => target.getBoundingClientRect().height)"
        )

        assert min(heights) >= 64
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(FAINT_TEXT) == []
