import json
from dataclasses import replace

import httpx
import pytest

from ledger.verify import Verified
from tests.api.conftest import Serve
from tests.services.world import SGTIN, World, document, made, seen

EVENT_ID = "urn:uuid:11111111-2222-4333-8444-555555555555"
JSON_LD = "application/ld+json"


@pytest.fixture
def client(world: World, serve: Serve) -> httpx.Client:
    return serve(world.node)


def post(
    client: httpx.Client,
    world: World,
    raw: bytes,
    *,
    party: str = "factory",
    media_type: str = JSON_LD,
    **headers: str,
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {world.texts[party]}", "Content-Type": media_type, **headers}
    return client.post("/epcis/capture", content=raw, headers=headers)


def test_a_manufacturer_captures_over_http_and_can_prove_it(client: httpx.Client, world: World) -> None:
    answer = post(client, world, document(made("S1")))
    job = answer.json()

    assert answer.status_code == 202
    assert answer.headers["location"] == f"/epcis/capture/{job['captureID']}"
    assert (job["running"], job["success"], job["errors"]) == (False, True, [])
    assert world.node.signer.key.opens(job["receipt"]).startswith("suyuan-receipt/1\n")
    world.anchor()
    bundle = client.get("/proof/item", params={"id": SGTIN + "S1"})
    assert isinstance(world.verify(bundle.content), Verified)


def test_a_capture_job_is_read_by_its_own_party_only(client: httpx.Client, world: World) -> None:
    location = post(client, world, document(made("S1"))).headers["location"]

    def read(party: str) -> httpx.Response:
        return client.get(location, headers={"Authorization": f"Bearer {world.texts[party]}"})

    assert read("factory").json()["success"] is True
    assert read("node").status_code == 200
    assert read("carrier").status_code == 404
    assert client.get(location).status_code == 401


def test_every_fault_of_a_document_is_listed_and_nothing_is_captured(
    client: httpx.Client, world: World
) -> None:
    answer = post(
        client, world, document(made("S1"), made("S2", action="MAYBE"), made("S3", eventTime="noon"))
    )
    problem = answer.json()

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == "epcisException:ValidationException"
    assert [entry["pointer"] for entry in problem["problems"]] == [
        "/epcisBody/eventList/1/action",
        "/epcisBody/eventList/2/eventTime",
    ]
    assert world.node.store.log_size() == 0


def test_with_proceed_the_good_events_are_captured_and_the_job_names_the_others(
    client: httpx.Client, world: World
) -> None:
    raw = document(made("S1"), made("S2", action="MAYBE"))
    job = post(client, world, raw, **{"GS1-Capture-Error-Behaviour": "proceed"}).json()

    assert job["success"] is False
    assert job["captureErrorBehaviour"] == "proceed"
    assert [error["pointer"] for error in job["errors"]] == ["/epcisBody/eventList/1/action"]
    assert world.node.store.log_size() == 1


def test_what_is_no_json_is_refused(client: httpx.Client, world: World) -> None:
    answer = post(client, world, b"{]")
    assert (answer.status_code, answer.json()["type"]) == (400, "epcisException:ValidationException")


def test_an_unknown_error_behaviour_is_refused(client: httpx.Client, world: World) -> None:
    answer = post(client, world, document(made("S1")), **{"GS1-Capture-Error-Behaviour": "maybe"})
    assert answer.status_code == 400
    assert "should be rollback or proceed" in answer.json()["detail"]


@pytest.mark.parametrize("authorization", [None, "Bearer suyuan_wrong_key", "Basic Zm9vOmJhcg=="])
def test_nobody_captures_without_a_known_key(
    client: httpx.Client, world: World, authorization: str | None
) -> None:
    headers = {"Content-Type": JSON_LD} | ({"Authorization": authorization} if authorization else {})
    answer = client.post("/epcis/capture", content=document(made("S1")), headers=headers)

    assert (answer.status_code, answer.json()["type"]) == (401, "epcisException:SecurityException")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert world.node.store.log_size() == 0


def test_a_party_may_observe_but_not_make_the_goods_of_others(client: httpx.Client, world: World) -> None:
    forged = post(client, world, document(made("S1")), party="carrier")
    observed = post(client, world, document(seen("S1")), party="carrier")

    assert (forged.status_code, forged.json()["type"]) == (403, "epcisException:SecurityException")
    assert forged.json()["problems"][0]["message"].startswith("party carrier may not speak for")
    assert observed.status_code == 202


def test_other_content_under_a_known_event_id_is_a_conflict(client: httpx.Client, world: World) -> None:
    assert post(client, world, document(made("S1", eventID=EVENT_ID))).status_code == 202
    assert post(client, world, document(made("S1", eventID=EVENT_ID))).status_code == 202  # the same again
    answer = post(client, world, document(made("S2", eventID=EVENT_ID)))

    assert (answer.status_code, answer.json()["type"]) == (
        409,
        "epcisException:ResourceAlreadyExistsException",
    )


@pytest.mark.parametrize("media_type", ["application/pdf", "text/plain", ""])
def test_a_format_that_is_not_read_here_is_refused_by_name(
    client: httpx.Client, world: World, media_type: str
) -> None:
    answer = post(client, world, document(made("S1")), media_type=media_type)
    assert (answer.status_code, answer.json()["type"]) == (
        415,
        "epcisException:UnsupportedMediaTypeException",
    )
    assert "application/ld+json" in answer.json()["detail"]


def test_a_body_over_the_limit_is_refused_while_it_arrives(world: World, serve: Serve) -> None:
    client = serve(replace(world.node, settings=replace(world.node.settings, capture_limit_bytes=1000)))

    def endless() -> "list[bytes]":
        return [b" " * 400] * 4

    answer = client.post(
        "/epcis/capture",
        content=iter(endless()),  # chunked: no length is announced
        headers={"Authorization": f"Bearer {world.texts['factory']}", "Content-Type": JSON_LD},
    )
    assert (answer.status_code, answer.json()["type"]) == (
        413,
        "epcisException:CaptureLimitExceededException",
    )
    assert "larger than 1000 bytes" in answer.json()["detail"]


def test_the_limits_are_told_before_anything_is_sent(client: httpx.Client, world: World) -> None:
    answer = client.options("/epcis/capture")
    assert answer.status_code == 204
    assert answer.headers["gs1-epcis-capture-limit"] == str(world.node.settings.capture_limit_events)
    assert answer.headers["gs1-epcis-capture-file-size-limit"] == str(world.node.settings.capture_limit_bytes)


def test_an_event_is_read_by_its_event_id_with_the_time_of_its_recording(
    client: httpx.Client, world: World
) -> None:
    world.capture(made("S1", eventID=EVENT_ID))
    answer = client.get(f"/epcis/events/{EVENT_ID}").json()
    (event,) = answer["epcisBody"]["queryResults"]["resultsBody"]["eventList"]

    assert answer["type"] == "EPCISQueryDocument"
    assert (event["eventID"], event["epcList"]) == (EVENT_ID, [SGTIN + "S1"])
    assert event["recordTime"] == "2026-11-22T16:00:00.000Z"


def test_an_event_id_with_slash_and_question_mark_is_found(client: httpx.Client, world: World) -> None:
    event_id = "ni:///sha-256;df7bb3c352fef055578554f09f5e2aa41782150ced7bd0b8af24dd3ccb30ba69?ver=CBV2.0"
    world.capture(made("S1", eventID=event_id))
    assert client.get("/epcis/events/" + event_id.replace("?", "%3F")).status_code == 200


def test_an_unknown_event_is_not_found(client: httpx.Client) -> None:
    answer = client.get(f"/epcis/events/{EVENT_ID}")
    assert (answer.status_code, answer.json()["type"]) == (404, "epcisException:NoSuchResourceException")


def test_the_answer_document_can_be_captured_by_another_node(client: httpx.Client, world: World) -> None:
    world.capture(made("S1", eventID=EVENT_ID))
    raw = client.get(f"/epcis/events/{EVENT_ID}").content
    again = post(client, world, raw)

    assert again.status_code == 202
    assert (
        json.loads(world.node.signer.key.opens(again.json()["receipt"]).split("\n")[1])["events"][0]["index"]
        == 0
    )
