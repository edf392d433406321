"""A pallet of vaccine was warm for forty minutes: the alarm, the receiver's phone, the regulator."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from ledger.alarm_runner import AlarmRunner
from ledger.alarms import put_policy
from ledger.domain.cold_chain.seal import proven_message
from ledger.prove import prove_item
from ledger.seals import Sealer, prove_reading
from ledger.verify import Verified
from tests.api.test_scan_browser import WAIT_MS, Server, film, open_page, phone, playwright, server
from tests.carriers import LOGGER
from tests.services.receiver import run_receiver
from tests.services.test_excursions import MINUTE, VIAL, Shipment
from tests.services.world import SSCC, START_MS, World, seen

__all__ = ["playwright", "server"]
pytestmark = pytest.mark.slow

ALARM_SECONDS = 10
WARM_MINUTES = 40


@contextmanager
def telling(runner: AlarmRunner) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_warm_pallet_alarms_is_seen_on_a_vial_and_proved_by_its_raw_readings(
    playwright: Playwright, server: Server, world: World, tmp_path: Path
) -> None:
    shipment = Shipment(world)
    world.clock.now_ms = START_MS + 90 * MINUTE
    world.capture(seen("V1", eventTime="2026-11-22T15:55:00.000Z", bizStep="shipping"))
    settings = replace(world.node.settings, webhook_local_hosts="127.0.0.1")
    node = replace(world.node, settings=settings)
    with run_receiver() as desk, telling(AlarmRunner(node)):
        put_policy(node, world.keys["factory"], "desk", {"steps": [{"webhook": desk.url}]})
        shipment.measure(0, *[5] * 20)
        assert desk.received == []
        confirmed = time.monotonic()
        shipment.measure(20, 8.5)
        while not desk.received and time.monotonic() < confirmed + ALARM_SECONDS:
            time.sleep(0.05)
        (told,) = desk.received
        assert json.loads(told.body)["began_ms"] == START_MS + 20 * MINUTE
    shipment.measure(21, *[9.5] * (WARM_MINUTES - 1), *[5] * 10)
    world.clock.now_ms += 60 * MINUTE
    while Sealer(world.node).turn():
        pass
    world.anchor()

    with phone(playwright, server, film(tmp_path / "clip.mjpeg", "qr", text=VIAL)) as context:
        page = open_page(context, world)
        page.get_by_role("button", name="Open the camera").tap()
        expect(page.locator("#verdict")).to_have_text("Verified", timeout=WAIT_MS)
        expect(page.locator("#cold")).to_contain_text("Was outside the allowed temperature")
        page.get_by_role("link", name="Temperature curve of the shipment").tap()
        figures = page.locator(".figures-table")
        expect(figures).to_contain_text("Highest9.5 °C")
        expect(figures).to_contain_text(f"Time out of range{WARM_MINUTES} min")
        page.locator("[name=reason]").fill("warm for 40 minutes")
        page.locator("[name=name]").fill("Li Hua")
        page.get_by_role("button", name="Reject").tap()
        expect(page.locator("#decisions li")).to_contain_text("warm for 40 minutes")

    # The regulator has the pallet's bundle, and from the carrier's owner the messages with their proofs.
    bundle = prove_item(world.node, SSCC)
    assert isinstance(world.verify(bundle), Verified)
    bodies = [event["body"] for event in json.loads(bundle)["events"]]
    warm = [
        reading
        for number in (1, 2, 3)
        for reading in proven_message(
            bodies, dict(prove_reading(world.node, world.keys["factory"], LOGGER, number))
        ).readings()
        if reading.milli > 8_000
    ]
    assert [reading.at_ms for reading in sorted(warm)] == [
        START_MS + (20 + minute) * MINUTE for minute in range(WARM_MINUTES)
    ]
