"""Messages of carriers over HTTP, as a gateway sends them."""

import httpx

from tests.api.conftest import Serve
from tests.api.test_carriers_over_http import BY_ID, ENROLMENT, bearer
from tests.carriers import LOGGER, degrees, reported, says
from tests.services.world import SSCC, START_MS, World


def gateway(world: World, serve: Serve) -> httpx.Client:
    """A client of the factory, whose logger is active."""
    client = serve(world.node)
    client.headers.update(bearer(world))
    client.post("/carriers", json=ENROLMENT)
    challenge = client.post("/carriers/challenge", params=BY_ID).json()["challenge"]["challenge"]
    client.post("/carriers/answer", params=BY_ID, json=says("one", challenge, START_MS)).raise_for_status()
    return client


def send(client: httpx.Client, *messages: bytes) -> httpx.Response:
    headers = {"Content-Type": "application/octet-stream"}
    return client.post("/telemetry", content=b"".join(messages), headers=headers)


def test_one_message_and_a_batch_are_taken_and_read_back(world: World, serve: Serve) -> None:
    client = gateway(world, serve)
    first, second, third = (
        reported("one", n, START_MS, *degrees(START_MS - n * 60_000, 4 + n)) for n in (1, 2, 3)
    )
    assert send(client, first).json() == {"accepted": 1, "repeated": 0, "refused": []}
    assert send(client, first, second, third).json() == {"accepted": 2, "repeated": 1, "refused": []}
    asked = BY_ID | {"from_ms": str(START_MS - 120_000), "to_ms": str(START_MS)}
    assert client.get("/telemetry", params=asked).json() == [
        {"at_ms": START_MS - 120_000, "quantity": "temperature", "value": 6.0},
        {"at_ms": START_MS - 60_000, "quantity": "temperature", "value": 5.0},
    ]
    assert client.get("/carriers/carrier", params=BY_ID).json()["telemetry"]["messages"] == 3


def test_a_logger_file_is_imported_and_its_readings_say_so(world: World, serve: Serve) -> None:
    client = gateway(world, serve)
    content = b"Date,Time,Temperature\n2026-11-22,23:59:00,4.5\n"
    asked = BY_ID | {"mapping": "comma", "offset": "+08:00", "file": "a.csv"}
    csv = {"Content-Type": "text/csv"}
    tried = client.post(
        "/telemetry/imports", params=asked | {"dry_run": "true"}, content=content, headers=csv
    )
    assert tried.json() == {"added": 1, "repeated": 0, "dry_run": True}
    done = client.post("/telemetry/imports", params=asked, content=content, headers=csv)
    assert done.json() == {"added": 1, "repeated": 0, "dry_run": False}
    within = BY_ID | {"from_ms": str(START_MS - 120_000), "to_ms": str(START_MS)}
    assert client.get("/telemetry", params=within).json() == [
        {"at_ms": START_MS - 60_000, "quantity": "temperature", "value": 4.5, "imported_by": "factory"}
    ]
    assert client.get("/telemetry/imports", params=BY_ID).json()[0]["file"] == "a.csv"
    wrong = client.post(
        "/telemetry/imports", params=asked, content=content.replace(b"4.5", b"?"), headers=csv
    )
    assert (wrong.status_code, "line 2" in wrong.text) == (400, True)
    others = client.post(
        "/telemetry/imports", params=asked, content=content, headers=csv | bearer(world, "carrier")
    )
    assert others.status_code == 404


def test_any_party_may_bring_what_a_carrier_signed(world: World, serve: Serve) -> None:
    client = gateway(world, serve)
    client.headers.update(bearer(world, "carrier"))
    assert send(client, reported("one", 1, START_MS, *degrees(START_MS, 4))).json()["accepted"] == 1


def test_messages_that_are_all_refused_are_forbidden_and_a_mixed_batch_names_them(
    world: World, serve: Serve
) -> None:
    client = gateway(world, serve)
    bad, good = (reported(name, 1, START_MS, *degrees(START_MS, 4)) for name in ("thief", "one"))
    refused = send(client, bad)
    assert (refused.status_code, refused.json()["type"]) == (403, "suyuan:AllRefused")
    mixed = send(client, bad, good)
    assert (mixed.status_code, mixed.json()["accepted"]) == (200, 1)
    assert mixed.json()["refused"][0]["pointer"] == "/0"


def test_bytes_that_are_no_messages_are_answered_with_their_place_and_nothing_is_taken(
    world: World, serve: Serve
) -> None:
    client = gateway(world, serve)
    answer = send(client, reported("one", 1, START_MS, *degrees(START_MS, 4)), b"\x07")
    assert (answer.status_code, "byte 168" in answer.json()["detail"]) == (400, True)
    assert client.get("/carriers/carrier", params=BY_ID).json()["telemetry"]["messages"] == 0


def test_a_key_and_the_right_format_are_needed(world: World, serve: Serve) -> None:
    client = gateway(world, serve)
    assert client.post("/telemetry", json={}).status_code == 415
    del client.headers["Authorization"]
    assert send(client, b"").status_code == 401


def test_the_curve_of_an_item_is_for_any_party_that_has_a_key(world: World, serve: Serve) -> None:
    client = gateway(world, serve)
    client.post("/carriers/bindings", params=BY_ID, json={"to": SSCC, "profile": "vaccine-2-8"})
    readings = degrees(START_MS, 5, 9.5)
    world.clock.now_ms += 3_600_000
    send(client, reported("one", 1, START_MS + 60_000, *readings))
    client.headers.update(bearer(world, "carrier"))
    asked = {"id": SSCC, "from_ms": str(START_MS), "to_ms": str(START_MS + 120_000), "lang": "zh"}
    shown = client.get("/telemetry/curve", params=asked).json()
    (leg,) = shown["legs"]
    assert (leg["carrier"], leg["profile"]["title"]) == (LOGGER, "疫苗，2–8 °C")
    temperature = leg["quantities"]["temperature"]
    assert (temperature["low"], temperature["high"], temperature["max"]) == (2, 8, 9.5)
    assert temperature["lines"] == [[[START_MS, 5], [START_MS + 60_000, 9.5]]]
    assert client.get("/telemetry/curve", params=asked | {"columns": "0"}).status_code == 400
    report = client.get("/telemetry/report", params=asked)
    assert (report.headers["content-type"], report.content[:8]) == ("application/pdf", b"%PDF-1.7")
    del client.headers["Authorization"]
    for path in ("/telemetry/curve", "/telemetry/report"):
        assert client.get(path, params=asked).status_code == 401


def test_a_record_is_exported_as_json_and_csv(world: World, serve: Serve) -> None:
    client = gateway(world, serve)
    asked = {"id": SSCC, "profile": "en-12830-gdp"}
    assert {"name": "receiver", "from": "an event of the item that says: destination"} in (
        client.get("/telemetry/export", params=asked).json()["missing"]
    )
    table = client.get("/telemetry/export", params=asked | {"format": "csv"})
    assert table.headers["content-type"].startswith("text/csv")
    assert client.get("/telemetry/export", params=asked | {"profile": "none"}).status_code == 404
