"""Seals over a real store and chain: a raw reading is proved, a deleted one is noticed."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from ledger.carriers import bind_carrier
from ledger.cli import main
from ledger.domain.cold_chain.excursion_event import time_text
from ledger.domain.commitment import item_key
from ledger.domain.errors import Conflict, NotFound, NotYetAnchored
from ledger.domain.merkle import leaf_hash, root_from_inclusion
from ledger.domain.telemetry import read_messages
from ledger.prove import prove_item
from ledger.seals import Sealer, list_seals, prove_reading, sealed_messages
from ledger.telemetry import take_messages
from ledger.verify import Verified
from tests.carriers import LOGGER, activate, degrees, public_of, reported
from tests.services.world import SGTIN, SSCC, START_MS, World

HOUR = 3_600_000


@pytest.fixture
def bound(world: World) -> World:
    """The factory's logger, bound to a pallet."""
    activate(world)
    bind_carrier(world.node, world.keys["factory"], LOGGER, SSCC)
    return world


def send(world: World, *numbers: int) -> None:
    for number in numbers:
        raw = reported("one", number, START_MS, *degrees(START_MS - 60_000 * number, 4 + number))
        take_messages(world.node, read_messages(raw))


def seal(world: World) -> None:
    sealer = Sealer(world.node)
    while sealer.turn():
        pass


def seals(world: World) -> list[dict[str, Any]]:
    return [dict(view) for view in list_seals(world.node, world.keys["factory"], LOGGER)]


def prove(world: World, number: int) -> dict[str, Any]:
    return dict(prove_reading(world.node, world.keys["factory"], LOGGER, number))


def test_what_waited_an_hour_is_sealed_into_the_history_of_carrier_and_pallet(bound: World) -> None:
    send(bound, 2, 0, 1)
    seal(bound)
    assert seals(bound) == []
    with pytest.raises(NotYetAnchored, match="not sealed yet"):
        prove(bound, 1)
    bound.clock.now_ms += HOUR
    seal(bound)
    (sealed,) = seals(bound)
    assert (sealed["messages"], sealed["state"], sealed["intact"]) == (3, "captured", True)
    for uri in (LOGGER, SSCC):
        (event,) = bound.node.store.item_events(item_key(uri), 99, limit=9)
        assert event.identity.event_id == sealed["eventID"]


def test_one_raw_message_is_proved_from_the_bundle_of_the_event(bound: World) -> None:
    send(bound, *range(5))
    bound.clock.now_ms += HOUR
    seal(bound)
    bound.anchor()
    proof = prove(bound, 3)
    assert isinstance(bound.verify_event(proof["eventID"]), Verified)
    (event,) = bound.node.store.events_by_id(proof["eventID"])
    assert event.body
    root = json.loads(event.body)["sensorElementList"][0]["sensorReport"][-1]["hexBinaryValue"]
    raw, path = bytes.fromhex(proof["message"]), [bytes.fromhex(sibling) for sibling in proof["path"]]
    assert root_from_inclusion(leaf_hash(raw), proof["index"], proof["size"], path) == bytes.fromhex(root)
    assert read_messages(raw)[0].sequence == 3


def test_the_verifier_says_whose_message_it_is_what_it_says_and_that_it_is_sealed(
    bound: World,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    store_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send(bound, *range(5))
    bound.clock.now_ms += HOUR
    seal(bound)
    bound.anchor()
    monkeypatch.setenv("SUYUAN_DATA_DIR", str(bound.node.settings.data_dir))
    monkeypatch.setenv("SUYUAN_DATABASE_URL", store_url)
    path = tmp_path / "reading.json"
    assert main(["carriers", "proof", LOGGER, "3", "-o", str(path), "--key", bound.texts["factory"]]) == 0
    bundle, trust = tmp_path / "reading.bundle.json", str(bound.node.settings.trust_path)
    capsys.readouterr()

    def verified() -> tuple[int, list[str]]:
        code = main(["verify", str(bundle), "--trust", trust, "--reading", str(path)])
        return code, capsys.readouterr().out.splitlines()[9:]

    code, said = verified()
    assert (code, said[0]) == (0, "Verified")
    assert said[1] == f"Sealed in the bundle: message 3 of {LOGGER}, signed by its key {public_of('one')}"
    assert said[2:] == [f"{time_text(START_MS - 180_000)}  temperature 7 °C"]

    proof = json.loads(path.read_text())
    for change in (
        {"index": 2},
        {"root": "00" * 32},
        {"message": proof["message"][:-2] + "00"},
        {"path": proof["path"][1:]},
        {"size": 0},
        {"message": proof["message"] * 2},
    ):
        path.write_text(json.dumps(proof | change))
        code, said = verified()
        assert (code, said[0]) == (1, "Verified")
        assert said[1].startswith("Refuted: the message: ")
    path.write_text(json.dumps(proof))
    bundle.write_bytes(prove_item(bound.node, SGTIN + "S1"))
    assert verified()[0] == 1


def test_a_message_that_comes_late_is_in_the_next_seal(bound: World) -> None:
    send(bound, 1, 3)
    bound.clock.now_ms += HOUR
    seal(bound)
    first = prove(bound, 1)
    send(bound, 2)
    bound.clock.now_ms += HOUR
    seal(bound)
    assert [view["messages"] for view in seals(bound)] == [1, 2]
    assert prove(bound, 1) == first
    assert prove(bound, 2)["eventID"] != first["eventID"]


@pytest.mark.parametrize("change", ["DELETE FROM telemetry", "UPDATE telemetry SET raw = received_raw"])
def test_a_message_that_was_deleted_or_altered_is_noticed(bound: World, store_url: str, change: str) -> None:
    send(bound, 0, 1, 2)
    bound.clock.now_ms += HOUR
    seal(bound)
    altered = reported("one", 1, START_MS, *degrees(START_MS, 4)).hex()
    literal = f"x'{altered}'" if store_url.startswith("sqlite") else f"'\\x{altered}'"
    engine = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text(f"{change.replace('received_raw', literal)} WHERE sequence = 1"))
    engine.dispose()
    (sealed,) = seals(bound)
    assert not sealed["intact"]
    with pytest.raises(Conflict, match="deleted or altered"):
        prove(bound, 2)


def test_the_messages_of_a_seal_are_given_as_they_were_signed(bound: World) -> None:
    send(bound, 1, 0)
    bound.clock.now_ms += HOUR
    seal(bound)
    factory, (sealed,) = bound.keys["factory"], seals(bound)
    raw = sealed_messages(bound.node, factory, LOGGER, sealed["seal"])
    assert [message.sequence for message in read_messages(raw)] == [0, 1]
    for seal_id in ("", "none"):
        with pytest.raises(NotFound):
            sealed_messages(bound.node, factory, LOGGER, seal_id)
    with pytest.raises(NotFound, match="has sent no message 9"):
        prove(bound, 9)
    with pytest.raises(NotFound):
        prove_reading(bound.node, bound.keys["carrier"], LOGGER, 0)


def test_a_sealer_that_was_stopped_before_capturing_captures_once(bound: World) -> None:
    send(bound, 0)
    bound.clock.now_ms += HOUR
    seal(bound)
    (sealed,) = bound.node.store.seals(LOGGER, limit=9)
    bound.node.store.finish_seal(sealed.seal_id, "due")  # stopped before this was saved
    seal(bound)
    assert len(bound.node.store.item_events(item_key(SSCC), 99, limit=9)) == 1


def test_readings_of_a_carrier_that_was_never_bound_wait(world: World) -> None:
    activate(world)
    send(world, 1)
    world.clock.now_ms += HOUR
    seal(world)
    assert seals(world) == []


def test_messages_that_were_altered_before_they_were_sealed_do_not_stop_the_others(
    bound: World, store_url: str
) -> None:
    send(bound, 0)
    engine = create_engine(store_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE telemetry SET raw = CAST('rubbish' AS " + _BYTES[store_url[0]] + ")"))
    engine.dispose()
    bound.clock.now_ms += HOUR
    assert not Sealer(bound.node).turn()
    assert seals(bound) == []


_BYTES = {"s": "BLOB", "p": "BYTEA"}
