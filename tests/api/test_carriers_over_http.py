"""The carriers' part of the API, as a gateway and an owner call it."""

from tests.api.conftest import Serve
from tests.carriers import LOGGER, public_of, says
from tests.services.world import SSCC, World

ENROLMENT = {"id": LOGGER, "key": public_of("one"), "model": "TL-1", "sim": "89860012345678901234"}
BY_ID = {"id": LOGGER}


def bearer(world: World, party: str = "factory") -> dict[str, str]:
    return {"Authorization": f"Bearer {world.texts[party]}"}


def test_a_device_s_life_over_http(world: World, serve: Serve) -> None:
    client = serve(world.node)
    client.headers.update(bearer(world))
    enrolled = client.post("/carriers", json=ENROLMENT)
    assert (enrolled.status_code, enrolled.json()["flags"]) == (201, ["no_key", "never_seen"])

    challenge = client.post("/carriers/challenge", params=BY_ID).json()["challenge"]["challenge"]
    answer = says("one", challenge, world.clock.now_ms, 42)
    answered = client.post("/carriers/answer", params=BY_ID, json=answer).json()
    assert (answered["flags"], answered["seen"]["battery"]) == ([], 42)
    replayed = client.post("/carriers/answer", params=BY_ID, json=answer)
    assert (replayed.status_code, replayed.json()["type"]) == (403, "suyuan:Refused")

    offered = client.post("/carriers/key", params=BY_ID, json={"key": public_of("two")})
    assert [key["key"] for key in offered.json()["keys"]] == [public_of("one"), public_of("two")]
    assert client.post("/carriers/bindings", params=BY_ID, json={"to": SSCC}).status_code == 201
    assert client.delete("/carriers/bindings", params=BY_ID).status_code == 204
    assert [b["to"] for b in client.get("/carriers/bindings", params=BY_ID).json()] == [SSCC]
    revoked = client.post("/carriers/revocation", params=BY_ID).json()
    assert revoked["flags"] == ["no_key", "replayed"]
    assert [c["id"] for c in client.get("/carriers").json()] == [LOGGER]

    given = client.post("/carriers/transfer", params=BY_ID, json={"party": "carrier"})
    assert given.json()["party"] == "carrier"
    assert client.get("/carriers/carrier", params=BY_ID).status_code == 404
    assert client.get("/carriers").json() == []
    assert client.get("/carriers/carrier", params=BY_ID, headers=bearer(world, "carrier")).status_code == 200


def test_carriers_are_for_those_with_a_key(world: World, serve: Serve) -> None:
    client = serve(world.node)
    assert client.get("/carriers").status_code == 401
    assert client.post("/carriers", json=ENROLMENT).status_code == 401
    assert world.node.store.carrier(LOGGER) is None


def test_a_wrong_enrolment_is_answered_with_its_problems(world: World, serve: Serve) -> None:
    client = serve(world.node)
    answer = client.post("/carriers", json=ENROLMENT | {"key": "ab"}, headers=bearer(world))
    assert answer.status_code == 400
    assert [problem["pointer"] for problem in answer.json()["problems"]] == ["/key"]


def test_a_carrier_is_bound_by_a_profile_and_shown_without_data(world: World, serve: Serve) -> None:
    client = serve(world.node)
    client.headers.update(bearer(world))
    client.post("/carriers", json=ENROLMENT)
    bound = client.post("/carriers/bindings", params=BY_ID, json={"to": SSCC, "profile": "vaccine-2-8"})
    assert (bound.status_code, bound.json()["profile"]) == (201, "vaccine-2-8")
    (watch,) = client.get("/carriers/watches", params=BY_ID).json()
    assert (watch["to"], watch["condition"], watch["excursions"]) == (SSCC, "no_data", [])
    unknown = client.post("/carriers/bindings", params=BY_ID, json={"to": SSCC, "profile": "lukewarm"})
    assert unknown.status_code == 404
