"""The Handle proxy's API: what pyhandle, unmodified, does with it, and the codes of every answer."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from pyhandle.client.resthandleclient import RESTHandleClient
from pyhandle.handleexceptions import (
    GenericHandleError,
    HandleAlreadyExistsException,
    HandleAuthenticationError,
    HandleNotFoundException,
)

from ledger.domain.records import RECORD_CHANGE, Change, parse_values
from ledger.records import change_record
from ledger.verify import Verified
from tests.api.conftest import Serve
from tests.services.world import World, allocate_handles

PREFIX = "88.118.1001"
USER = f"300:{PREFIX}/admin"
TEA = f"{PREFIX}/tea-1"
SHOP = "https://maker.example/tea-1"
URL = {"index": 1, "type": "URL", "data": SHOP}


@pytest.fixture
def client(world: World, serve: Serve) -> httpx.Client:
    """A served node with the handle of pyhandle's user, which that client wants to see first."""
    allocate_handles(world, factory=PREFIX, carrier="88.118.1002")
    user = parse_values([{"index": 1, "type": "DESC", "data": "Factory, writes its handles"}])
    change_record(world.node, world.keys["factory"], Change(f"hdl:{PREFIX}/admin", "register", user))
    return serve(world.node)


@pytest.fixture
def pyhandle(world: World, client: httpx.Client) -> Iterator[RESTHandleClient]:
    opened = connect(client, world.texts["factory"])
    yield opened
    close(opened)


def connect(client: httpx.Client, password: str, **config: Any) -> RESTHandleClient:
    url = str(client.base_url)
    return RESTHandleClient.instantiate_with_username_and_password(url, USER, password, **config)


def close(opened: RESTHandleClient) -> None:
    """The client has no way to close its two sessions."""
    connector = opened._RESTHandleClient__handlesystemconnector
    connector._HandleSystemConnector__session.close()
    opened._RESTHandleClient__searcher._Searcher__session.close()


def test_pyhandle_takes_a_handle_through_its_life(world: World, pyhandle: RESTHandleClient) -> None:
    assert pyhandle.retrieve_handle_record(TEA) is None
    assert pyhandle.register_handle(TEA, SHOP, CHECKSUM="f00d") == TEA
    record = pyhandle.retrieve_handle_record(TEA)
    assert record["URL"] == SHOP
    assert "200" in record["HS_ADMIN"]
    assert pyhandle.get_value_from_handle(TEA, "CHECKSUM") == "f00d"
    with pytest.raises(HandleAlreadyExistsException):
        pyhandle.register_handle(TEA, SHOP)
    assert pyhandle.register_handle(TEA, SHOP + "?v=2", overwrite=True, CHECKSUM="f00d") == TEA

    assert pyhandle.modify_handle_value(TEA, CHECKSUM="cafe", AUTHOR="刘") == TEA
    changed = pyhandle.retrieve_handle_record(TEA)
    assert (changed["URL"], changed["CHECKSUM"], changed["AUTHOR"]) == (SHOP + "?v=2", "cafe", "刘")
    assert pyhandle.add_handle_value(TEA, COLOR="green") == TEA
    assert pyhandle.delete_handle_value(TEA, ["AUTHOR", "COLOR"]) == TEA
    assert set(pyhandle.retrieve_handle_record(TEA)) == {"URL", "CHECKSUM", "HS_ADMIN"}
    by_type = pyhandle.retrieve_handle_record_json(TEA, type=["URL"])
    assert [value["type"] for value in by_type["values"]] == ["URL"]

    assert pyhandle.delete_handle(TEA) == TEA
    assert pyhandle.retrieve_handle_record(TEA) is None
    with pytest.raises(HandleNotFoundException):
        pyhandle.delete_handle(TEA)
    with pytest.raises(HandleNotFoundException):
        pyhandle.modify_handle_value(TEA, URL=SHOP)

    world.anchor()
    assert isinstance(world.verify_item(f"hdl:{TEA}"), Verified)


def test_pyhandle_makes_up_handles_and_lists_them(world: World, client: httpx.Client) -> None:
    pyhandle = connect(client, world.texts["factory"])
    made = {pyhandle.generate_and_register_handle(PREFIX, f"{SHOP}?{n}") for n in range(3)}
    assert set(pyhandle.search_handle(URL="https://maker.example/*", prefix=PREFIX)) == made
    assert pyhandle.search_handle(URL="*none*") == []
    close(pyhandle)
    listed = client.get("/api/handles", params={"prefix": PREFIX}, headers=bearer(world)).json()
    assert set(listed["handles"]) == {*made, f"{PREFIX}/admin"}


def test_pyhandle_is_told_when_its_key_is_wrong_or_the_prefix_another_s(
    world: World, client: httpx.Client
) -> None:
    stranger = connect(client, "suyuan_no_such")
    with pytest.raises(HandleAuthenticationError):
        stranger.register_handle(TEA, SHOP)
    carrier = connect(client, world.texts["carrier"])
    with pytest.raises(GenericHandleError, match=r"may not speak for hdl:88\.118\.1001/tea-1"):
        carrier.register_handle(TEA, SHOP)
    for opened in (stranger, carrier):
        close(opened)
    assert world.node.store.log_size() == 1


# --- the answers themselves


def bearer(world: World, party: str = "factory") -> dict[str, str]:
    return {"Authorization": f"Bearer {world.texts[party]}"}


def put(world: World, client: httpx.Client, handle: str, *values: Any, query: str = "") -> httpx.Response:
    return client.put(f"/api/handles/{quote(handle)}{query}", json={"values": values}, headers=bearer(world))


def told(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["responseCode"]


def test_an_answer_is_as_a_handle_proxy_writes_it_and_leads_to_its_proof(
    world: World, client: httpx.Client
) -> None:
    assert told(put(world, client, TEA, URL)) == (201, 1)
    answer = client.get(f"/api/handles/{TEA}")
    assert answer.json() == {
        "responseCode": 1,
        "handle": TEA,
        "values": [
            {
                "index": 1,
                "type": "URL",
                "data": {"format": "string", "value": SHOP},
                "ttl": 86400,
                "timestamp": "2026-11-22T16:00:00Z",
            }
        ],
    }
    world.anchor()
    bundle = client.get(answer.links["describedby"]["url"])
    assert isinstance(world.verify(bundle.content), Verified)
    assert '\n  "responseCode": 1' in client.get(f"/api/handles/{TEA}?pretty").text


def test_values_are_chosen_by_index_and_type(world: World, client: httpx.Client) -> None:
    kinds = ["URL", "URL.MOBILE", "URLS", "EMAIL"]
    put(world, client, TEA, *({"index": n, "type": kind, "data": "x"} for n, kind in enumerate(kinds, 1)))

    def indices(query: str) -> list[int]:
        return [value["index"] for value in client.get(f"/api/handles/{TEA}?{query}").json()["values"]]

    assert indices("index=2&index=4") == [2, 4]
    assert indices("type=URL") == [1]
    assert indices("type=URL.") == [1, 2]
    assert indices("type=EMAIL&index=1") == [1, 4]
    assert told(client.get(f"/api/handles/{TEA}?type=PHONE")) == (200, 200)
    assert told(client.get(f"/api/handles/{TEA}?index=one")) == (400, 202)


def test_hidden_values_are_for_who_speaks_for_the_handle(world: World, client: httpx.Client) -> None:
    put(world, client, TEA, URL | {"permissions": "1100"})
    path = f"/api/handles/{TEA}"
    assert told(client.get(path)) == (200, 200)
    assert told(client.get(path, headers=bearer(world, "carrier"))) == (200, 200)
    (value,) = client.get(path, headers=bearer(world)).json()["values"]
    assert value["permissions"] == "1100"
    assert told(client.get(f"{path}?publicOnly=true", headers=bearer(world))) == (200, 200)
    assert told(client.get(path, headers={"Authorization": "Bearer suyuan_x_y"})) == (401, 402)


@pytest.mark.parametrize(
    "handle", [f"{PREFIX}/批次 1".replace(" ", "·"), f"{PREFIX}/a?b#c%/d", f"{PREFIX}/A"]
)
def test_a_handle_may_have_any_characters_and_is_answered_as_it_was_asked(
    world: World, client: httpx.Client, handle: str
) -> None:
    assert told(put(world, client, handle, URL)) == (201, 1)
    assert client.get(f"/api/handles/{quote(handle)}").json()["handle"] == handle
    assert told(client.get(f"/api/handles/{quote(handle.lower() + 'x')}")) == (404, 100)


def test_every_refusal_has_its_code(world: World, client: httpx.Client) -> None:
    key = bearer(world)
    assert told(client.get("/api/handles/88.118.1001")) == (400, 102)
    assert told(client.get(f"/api/handles/{TEA}")) == (404, 100)
    assert told(client.delete(f"/api/handles/{TEA}", headers=key)) == (404, 100)
    assert told(put(world, client, TEA, URL, query="?index=various")) == (404, 100)
    assert told(put(world, client, TEA, URL, URL)) == (400, 202)
    assert "/values/1/index index 1 stands twice" in put(world, client, TEA, URL, URL).json()["message"]
    assert told(client.put(f"/api/handles/{TEA}", content=b"{", headers=key)) == (400, 202)
    assert told(client.put(f"/api/handles/{TEA}", json=[URL])) == (401, 402)
    assert told(client.put(f"/api/handles/{TEA}", json=[URL], headers=bearer(world, "carrier"))) == (403, 401)
    assert told(client.put(f"/api/handles/{TEA}", json=[URL], headers=key)) == (201, 1)
    assert told(put(world, client, TEA, URL, query="?overwrite=false")) == (409, 101)
    assert told(put(world, client, TEA, URL, query="?overwrite=false&index=various")) == (409, 201)
    assert told(put(world, client, TEA, URL, query="?index=2")) == (400, 202)
    assert told(client.delete(f"/api/handles/{TEA}?index=7", headers=key)) == (400, 200)
    assert told(client.delete(f"/api/handles/{TEA}?index=various", headers=key)) == (400, 202)
    fixed = {"index": 9, "type": "NOTE", "data": "for ever", "permissions": "1010"}
    assert told(put(world, client, TEA, fixed, query="?index=9")) == (200, 1)
    assert told(client.delete(f"/api/handles/{TEA}?index=9", headers=key)) == (403, 401)
    world.node.settings.halt_path.write_text("two histories")
    assert told(put(world, client, TEA, URL)) == (500, 2)


@pytest.mark.parametrize(
    "authorization", ["Basic ?", "Basic " + "/w" * 8, 'Handle clientCert="true"', "Basic", "Digest x"]
)
def test_what_is_no_api_key_is_asked_for_one(client: httpx.Client, authorization: str) -> None:
    answer = client.put(f"/api/handles/{TEA}", json=[URL], headers={"Authorization": authorization})
    assert told(answer) == (401, 402)
    assert answer.headers["www-authenticate"] == 'Basic realm="handle"'


def test_handles_are_listed_in_pages_for_who_holds_the_prefix(world: World, client: httpx.Client) -> None:
    for n in range(5):
        put(world, client, f"{PREFIX}/{n}", URL)
    path = f"/api/handles?prefix={PREFIX}&pageSize=4&page="
    first, second = (client.get(f"{path}{page}", headers=bearer(world)).json() for page in (0, 1))
    assert first["handles"] + second["handles"] == [*(f"{PREFIX}/{n}" for n in range(5)), f"{PREFIX}/admin"]
    assert (first["totalCount"], second["page"], second["pageSize"]) == ("6", 1, 4)
    assert told(client.get(f"{path}0", headers=bearer(world, "carrier"))) == (403, 401)
    assert told(client.get(f"{path}0")) == (401, 402)
    assert told(client.get(f"{path}first", headers=bearer(world))) == (400, 202)


def test_a_body_that_is_too_large_is_refused_as_it_arrives(world: World, client: httpx.Client) -> None:
    large = b"[" + b" " * world.node.settings.capture_limit_bytes + b"]"
    assert told(client.put(f"/api/handles/{TEA}", content=large, headers=bearer(world))) == (413, 4)


def test_a_change_is_no_epcis_event(world: World, client: httpx.Client) -> None:
    (entry,) = world.node.store.events_between(0, 1)
    assert entry.event_type == RECORD_CHANGE
    event_id = quote(entry.identity.event_id, safe="")
    assert client.get(f"/epcis/events/{event_id}", headers=bearer(world)).status_code == 404
    listed = client.get("/epcis/events", headers=bearer(world)).json()
    assert listed["epcisBody"]["queryResults"]["resultsBody"]["eventList"] == []
