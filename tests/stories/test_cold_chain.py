"""A pallet of vaccine gets warm: from the logger's signature, over MQTT, to the proof of a vial."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ledger.domain.cold_chain.excursion_event import time_text
from tests.carriers import LOGGER, degrees, public_of, reported, says
from tests.mqtt.broker import Broker
from tests.services.receiver import run_receiver
from tests.services.world import SGTIN, SSCC, document, made
from tests.stories.conftest import ended
from tests.stories.node_process import NodeProcess, wait_for

CASE, VIAL = "https://id.gs1.org/00/095060000000000022", SGTIN + "V1"
ALARM_SECONDS = 10
BY_ID = {"id": LOGGER}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    (tmp_path / "broker").mkdir()
    broker = Broker(tmp_path / "broker", "allow_anonymous true")
    yield broker
    broker.stop()


def packed(parent: str, child: str) -> dict[str, Any]:
    return {
        "type": "AggregationEvent",
        "action": "ADD",
        "eventTime": "2026-11-02T09:00:00.000Z",
        "eventTimeZoneOffset": "+00:00",
        "parentID": parent,
        "childEPCs": [child],
    }


@pytest.mark.slow
def test_a_vial_on_a_warm_pallet_proves_it_although_the_listener_was_killed(
    tmp_path: Path, broker: Broker
) -> None:
    settings = {
        "SUYUAN_MQTT_URL": f"mqtt://127.0.0.1:{broker.port}",
        "SUYUAN_WEBHOOK_LOCAL_HOSTS": "127.0.0.1",
    }
    node = NodeProcess(tmp_path / "node", settings)
    with ended(node), httpx.Client(base_url=node.url, timeout=60) as client, run_receiver() as desk:
        node.start()
        client.headers["Authorization"] = f"Bearer {node.admin_key}"
        history = document(made("V1"), packed(CASE, VIAL), packed(SSCC, CASE))
        assert node.capture(history, node.admin_key).status_code == 202

        # The logger answers a challenge, and is fixed to the pallet.
        enrolment = {"id": LOGGER, "key": public_of("one"), "model": "TL-1"}
        assert client.post("/carriers", json=enrolment).status_code == 201
        asked = client.post("/carriers/challenge", params=BY_ID).json()
        answer = says("one", asked["challenge"]["challenge"], asked["enrolled_ms"])
        assert client.post("/carriers/answer", params=BY_ID, json=answer).status_code == 200
        binding = {"to": SSCC, "profile": "vaccine-2-8"}
        from_ms = client.post("/carriers/bindings", params=BY_ID, json=binding).json()["from_ms"]

        policy = {"steps": [{"webhook": desk.url}]}
        assert client.put("/alarms/policies/desk", json=policy).status_code == 200

        # It measures each second; the listener is killed on the way, and started again by the node.
        readings = degrees(from_ms, 5, 6, 8.5, 9.5, step_ms=1000)
        first = reported("one", 1, from_ms + 1000, *readings[:2])

        def is_heard() -> bool:
            broker.send([first])  # again and again: a broker keeps nothing before the first to subscribe came
            return bool(telemetry(client)["messages"] == 1)

        wait_for("the first readings", is_heard)
        node.kill("listener")
        broker.send([reported("one", 2, from_ms + 3000, *readings[2:])])
        wait_for("the readings after the kill", lambda: telemetry(client)["messages"] == 2)
        (told,) = wait_for("the alarm", lambda: desk.received, ALARM_SECONDS)
        (event,) = wait_for("its event", lambda: sensor_events(client), ALARM_SECONDS)
        assert (event["eventTime"], event["disposition"]) == (time_text(from_ms + 2000), "non_conformant")
        alarm = json.loads(told.body)
        assert (alarm["to"], alarm["rule"], alarm["began_ms"]) == (SSCC, "heat", from_ms + 2000)
        broker.send([reported("one", 3, from_ms + 4000, *degrees(from_ms + 4000, 5))])
        wait_for("the end of it", lambda: len(sensor_events(client)) == 2)

        # The receiver scans the vial, and a regulator proves what it says.
        (watch,) = client.get("/carriers/watches", params=BY_ID).json()
        assert [(e["rule"], e["peak"]) for e in watch["excursions"]] == [("heat", 9.5)]
        words = {"name": "李梅", "reason": "the door stood open"}
        done = client.post(f"/alarms/{alarm['id']}/acknowledge", json=words).json()
        assert (done["state"], done["acknowledged"]["event"]) == ("over", "captured")
        assert len(desk.received) == 1
        bundle = wait_for("the bundle", lambda: bundle_of_vial(client, events=4))
        path = tmp_path / "vial.bundle.json"
        path.write_bytes(bundle)
        assert node.suyuan("verify", path, "--trust", node.folder / "trust.json").returncode == 0
        assert b"9.5" in bundle


def telemetry(client: httpx.Client) -> dict[str, Any]:
    told: dict[str, Any] = client.get("/carriers/carrier", params=BY_ID).json()["telemetry"]
    return told


def sensor_events(client: httpx.Client) -> list[dict[str, Any]]:
    query = {"MATCH_anyEPC": VIAL, "EQ_bizStep": "sensor_reporting"}
    found = client.get("/epcis/events", params=query).json()
    events: list[dict[str, Any]] = found["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    return events


def bundle_of_vial(client: httpx.Client, events: int) -> bytes | None:
    """The bundle of the vial once it has so many events."""
    answer = client.get("/proof/item", params={"id": VIAL})
    if answer.status_code != 200 or len(json.loads(answer.content)["events"]) < events:
        return None
    return answer.content
