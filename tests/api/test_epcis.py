"""What our node promises below /epcis beyond the standard: tests/conformance holds it to that."""

import gzip
import json
import socket

import httpx
import pytest

from tests.api.conftest import Serve
from tests.services.world import SGTIN, World, document, made, seen

EVENTS = "/epcis/events"


@pytest.fixture
def client(world: World, serve: Serve) -> httpx.Client:
    client = serve(world.node)
    client.headers["Authorization"] = f"Bearer {world.texts['factory']}"
    return client


def found(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    events = answer.json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    return [epc for event in events for epc in event["epcList"]]


def test_every_wrong_parameter_is_named(client: httpx.Client) -> None:
    answer = client.get(EVENTS, params={"EQ_colour": "red", "GE_eventTime": "noon", "EQ_bizStep": "packing"})

    assert (answer.status_code, answer.json()["type"]) == (400, "epcisException:QueryParameterException")
    assert [problem["pointer"] for problem in answer.json()["problems"]] == ["/EQ_colour", "/GE_eventTime"]


def test_a_uri_over_16_kilobytes_is_too_long(client: httpx.Client) -> None:
    answer = client.get(EVENTS, params={"EQ_eventID": "x:" + "y" * 16 * 1024})
    assert (answer.status_code, answer.json()["type"]) == (414, "epcisException:URITooLongException")


def test_the_next_page_keeps_an_encoded_path(client: httpx.Client, world: World) -> None:
    world.capture(seen("S1"), seen("S1", bizStep="packing"))
    path = "/epcis/epcs/" + (SGTIN + "S1").replace("/", "%2F").replace(":", "%3A") + "/events"
    first = client.get(path, params={"perPage": "1"})
    second = client.get(first.links["next"]["url"])

    assert first.links["next"]["url"].partition("?")[0].endswith(path)
    assert found(first) == found(second) == [SGTIN + "S1"]
    assert "next" not in second.links


def test_a_token_is_good_for_its_own_query_only(client: httpx.Client, world: World) -> None:
    world.capture(seen("S1"), seen("S2"))
    link = client.get(EVENTS, params={"EQ_bizStep": "receiving", "perPage": "1"}).links["next"]["url"]
    assert found(client.get(link)) == [SGTIN + "S2"]
    answer = client.get(link.replace("receiving", "shipping"))
    assert answer.status_code == 400
    assert answer.json()["problems"][0]["pointer"] == "/nextPageToken"


def test_private_values_are_written_with_the_clients_prefix(client: httpx.Client, world: World) -> None:
    world.capture(seen("S1", bizStep="https://ns.example/steps/thawing"))
    headers = {"GS1-Extensions": "my=https://ns.example/steps/"}
    answer = client.get("/epcis/bizSteps", params={"perPage": "1000"}, headers=headers)

    assert "my:thawing" in answer.json()["member"]
    assert answer.json()["@context"][1] == {"my": "https://ns.example/steps/"}
    assert found(client.get("/epcis/bizSteps/my:thawing/events", headers=headers)) == [SGTIN + "S1"]


def test_known_items_and_places_are_listed_as_urns_when_asked(client: httpx.Client, world: World) -> None:
    world.capture(
        seen(
            epcList=["urn:epc:id:sgtin:9506000.013435.S1"],
            readPoint={"id": "urn:epc:id:sgln:9506000.00001.0"},
        )
    )
    headers = {"GS1-EPC-Format": "Always_EPC_URN"}

    def members(collection: str) -> list[str]:
        return list(client.get(f"/epcis/{collection}", headers=headers).json()["member"])

    assert members("epcs") == ["urn:epc:id:sgtin:9506000.013435.S1"]
    assert members("readPoints") == ["urn:epc:id:sgln:9506000.00001.0"]


@pytest.mark.parametrize("path", ["bizSteps/flying", "eventTypes/PartyEvent", "epcs/no%20uri"])
def test_a_value_that_cannot_be_is_not_found(client: httpx.Client, path: str) -> None:
    for below in (path, f"{path}/events"):
        answer = client.get(f"/epcis/{below}")
        assert (answer.status_code, answer.json()["type"]) == (404, "epcisException:NoSuchResourceException")


def test_one_event_comes_back_as_it_is_stored_with_the_way_to_its_receipt(
    client: httpx.Client, world: World
) -> None:
    answer = client.post(EVENTS, json=seen("S1"))
    job = client.get(answer.links["describedby"]["url"]).json()

    assert answer.status_code == 201
    assert answer.json()["epcList"] == [SGTIN + "S1"]
    assert answer.json()["eventID"] in world.node.signer.key.opens(job["receipt"])


def test_one_event_of_others_is_not_captured(client: httpx.Client, world: World) -> None:
    answer = client.post(
        EVENTS, json=made("S1"), headers={"Authorization": f"Bearer {world.texts['carrier']}"}
    )
    assert (answer.status_code, answer.json()["type"]) == (403, "epcisException:SecurityException")
    assert world.node.store.log_size() == 0


def test_jobs_of_other_parties_are_not_listed(client: httpx.Client, world: World) -> None:
    ours, theirs = world.capture(seen("S1")), world.capture(seen("S2"), party="carrier")

    def listed(party: str) -> list[str]:
        headers = {"Authorization": f"Bearer {world.texts[party]}"}
        return [job["captureID"] for job in client.get("/epcis/capture", headers=headers).json()]

    assert listed("factory") == [ours.capture_id]
    assert listed("carrier") == [theirs.capture_id]
    assert set(listed("node")) == {ours.capture_id, theirs.capture_id}


def test_the_newest_jobs_come_first(client: httpx.Client, world: World) -> None:
    captured = []
    for number in range(5):
        world.clock.now_ms += 1000
        captured.append(world.capture(seen(f"S{number}")).capture_id)
    pages = []
    answer = client.get("/epcis/capture", params={"perPage": "2"})
    while True:
        pages.append([job["captureID"] for job in answer.json()])
        if "next" not in answer.links:
            break
        answer = client.get(answer.links["next"]["url"])

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [job for page in pages for job in page] == captured[::-1]


def test_a_capture_job_comes_as_xml_too(client: httpx.Client, world: World) -> None:
    job = world.capture(seen("S1"))
    answer = client.get(f"/epcis/capture/{job.capture_id}", headers={"Accept": "application/xml"})

    assert answer.headers["content-type"].partition(";")[0] == "application/xml"
    assert f'captureID="{job.capture_id}"' in answer.text
    assert "EPCISCaptureJob" in answer.text


# ------------------------------------------------------------------------------ hostile requests


def test_a_compressed_body_is_not_unpacked(client: httpx.Client) -> None:
    answer = client.post(
        "/epcis/capture",
        content=gzip.compress(b" " * 10_000_000),
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )
    assert (answer.status_code, answer.json()["type"]) == (
        415,
        "epcisException:UnsupportedMediaTypeException",
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"type": "ObjectEvent", "type": "ObjectEvent"}',
        b'{"quantity": NaN}',
        b'{"type": "\\ud800"}',
        b"\xff\xfe",
        json.dumps(seen(*[str(n) for n in range(100_001)])).encode(),
    ],
    ids=["deep_lists", "deep_objects", "double_key", "nan", "lone_surrogate", "not_utf8", "100001_epcs"],
)
@pytest.mark.parametrize("path", ["/epcis/capture", EVENTS])
def test_a_poisonous_body_is_refused(client: httpx.Client, path: str, raw: bytes) -> None:
    answer = client.post(path, content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 413)


BOMB = (
    "<!DOCTYPE a ["
    + "".join(f'<!ENTITY e{n} "&e{n - 1};&e{n - 1};">' for n in range(1, 60))
    + "]><a>&e59;</a>"
)
STOLEN = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'


@pytest.mark.parametrize(
    "xml",
    [BOMB, STOLEN, "<a>" * 100_000, "<a" + " b='c'" * 100_000 + "/>", "<a>", "<a/>"],
    ids=["billion_laughs", "external_entity", "deep", "attributes", "cut", "no_epcis"],
)
def test_poisonous_xml_is_refused(client: httpx.Client, xml: str) -> None:
    answer = client.post("/epcis/capture", content=xml, headers={"Content-Type": "application/xml"})
    assert (answer.status_code, answer.json()["type"]) == (400, "epcisException:ValidationException")
    assert "root:" not in answer.text


@pytest.mark.parametrize(
    "target",
    [
        b"/epcis/events?EQ_bizStep=\xff\xfe",
        b"/epcis/events?EQ_bizStep=%ff%fe%00",
        b"/epcis/events?perPage=99999999999999999999",
        b"/epcis/events?nextPageToken=%ff",
        b"/epcis/capture?nextPageToken=W10",
        b"/epcis/epcs?nextPageToken=W10",
        b"/epcis/events/%00",
        b"/epcis/capture/%00",
        b"/epcis/epcs/%00/events",
        b"/epcis/bizSteps/%f0%9f/events",
    ],
)
def test_raw_bytes_in_a_uri_are_no_mistake_of_ours(client: httpx.Client, world: World, target: bytes) -> None:
    key = world.texts["factory"].encode()
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=10) as connection:
        connection.sendall(
            b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Authorization: Bearer " + key + b"\r\n\r\n"
        )
        status = int(connection.makefile("rb").readline().split()[1])
    assert status in (200, 400, 404)


def test_captures_of_a_document_and_of_its_events_say_the_same(client: httpx.Client, world: World) -> None:
    event = seen("S1", eventID="urn:uuid:11111111-2222-4333-8444-555555555555")
    assert client.post(EVENTS, json=event).status_code == 201
    raw = document(event)
    answer = client.post("/epcis/capture", content=raw, headers={"Content-Type": "application/ld+json"})
    assert answer.status_code == 202
    assert world.node.store.log_size() == 1
