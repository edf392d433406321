"""The history of an item as the service gives it: proved where it can be, and never more than that."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text

from ledger.domain.commitment import item_key
from ledger.domain.errors import ChainUnavailable, Invalid
from ledger.domain.trace import Via
from ledger.history import ItemHistory, ProofState, item_history
from ledger.ports import MasterData
from ledger.store import SqlStore
from ledger.verify import AnchorNotice, JsonRpcChain, Refuted, Undetermined, Verified
from tests.services.world import SGTIN, SSCC, World, made, seen

PALLET = "https://id.gs1.org/00/095060000000000022"
LOT = "https://id.gs1.org/01/09506000134369/10/L7"
EVENT_ID = "urn:uuid:11111111-2222-4333-8444-555555555555"


def history(world: World, uri: str) -> ItemHistory:
    return item_history(world.node, uri, JsonRpcChain(world.url))


def packed(parent: str, *children: str, hour: int, **fields: Any) -> dict[str, Any]:
    return {
        "type": "AggregationEvent",
        "action": "ADD",
        "bizStep": "packing",
        "eventTime": f"2026-11-02T{hour:02}:00:00.000Z",
        "eventTimeZoneOffset": "+08:00",
        "parentID": parent,
        "childEPCs": list(children),
        **fields,
    }


def at(hour: int) -> dict[str, str]:
    return {"eventTime": f"2026-11-02T{hour:02}:00:00.000Z"}


def celsius(*values: float) -> list[dict[str, Any]]:
    return [{"sensorReport": [{"type": "Temperature", "value": value, "uom": "CEL"} for value in values]}]


def change(world: World, statement: str, **values: object) -> None:
    """What a database administrator can do."""
    store = world.node.store
    assert isinstance(store, SqlStore)
    with store.writing() as connection:
        connection.execute(text(statement), values)


def put_product(world: World, uri: str, low: str, high: str) -> None:
    details = {"celsius_min": low, "celsius_max": high}
    world.node.store.put_master_data([MasterData(uri, "product", "Vaccine", "疫苗", details)])


class Gone:
    """A chain that does not answer, and counts how often it was asked."""

    asked = 0

    def chain_id(self) -> int:
        self.asked += 1
        raise ChainUnavailable("nobody answers")

    def anchor_hash(self, contract: bytes, log_id: bytes, number: int) -> bytes:
        raise AssertionError("the first question has no answer")

    def notice(self, contract: bytes, log_id: bytes, number: int, block_number: int) -> AnchorNotice | None:
        raise AssertionError("the first question has no answer")

    def newest_block(self) -> int:
        raise AssertionError("the first question has no answer")

    def final_block(self) -> int:
        raise AssertionError("the first question has no answer")


def test_an_item_s_history_goes_on_with_its_case_and_pallet(world: World) -> None:
    world.capture(
        made("S1", **at(1)),
        packed(SSCC, SGTIN + "S1", hour=2),
        packed(PALLET, SSCC, hour=3),
        seen("S1", epcList=[PALLET], **at(4)),
    )
    world.anchor()
    found = history(world, SGTIN + "S1")

    assert isinstance(found.verdict, Verified)
    assert [entry.path for entry in found.entries] == [
        (),
        (),
        (Via("inside", SSCC),),
        (Via("inside", SSCC), Via("inside", PALLET)),
    ]
    assert [proof.uri for proof in found.proofs] == [SGTIN + "S1", SSCC, PALLET]
    assert {entry.state for entry in found.entries} == {ProofState.VERIFIED}
    assert found.complete


def test_who_recorded_an_event_is_read_from_the_log(world: World) -> None:
    world.capture(made("S1", **at(1)))
    world.capture(seen("S1", **at(2)), party="carrier")
    world.anchor()
    parties = [entry.party.name for entry in history(world, SGTIN + "S1").entries if entry.party]
    assert parties == ["Factory", "Carrier"]


def test_a_new_event_waits_while_the_older_ones_are_verified(world: World) -> None:
    world.capture(made("S1", **at(1)))
    world.anchor()
    world.capture(seen("S1", **at(2)))
    found = history(world, SGTIN + "S1")

    assert [entry.state for entry in found.entries] == [ProofState.VERIFIED, ProofState.WAITING]
    assert isinstance(found.verdict, Verified)
    assert found.waiting == 1


def test_before_the_first_anchor_everything_waits(world: World) -> None:
    world.capture(made("S1"))
    found = history(world, SGTIN + "S1")

    assert [entry.state for entry in found.entries] == [ProofState.WAITING]
    assert isinstance(found.verdict, Undetermined)
    assert found.proofs[0].bundle is None


def test_an_item_that_nobody_mentioned_has_a_proved_empty_history(world: World) -> None:
    world.capture(made("S1"))
    world.anchor()
    found = history(world, SGTIN + "NEVER")

    assert found.entries == ()
    assert isinstance(found.verdict, Verified)


def test_a_changed_body_refutes_the_history(world: World) -> None:
    world.capture(made("S1"), seen("S1", **at(9)))
    world.anchor()
    change(
        world,
        "UPDATE event_body SET body = CAST(replace(CAST(body AS TEXT), 'receiving', 'shipping') AS BLOB) "
        "WHERE log_index = 1",
    )
    found = history(world, SGTIN + "S1")

    assert isinstance(found.verdict, Refuted)
    assert found.verdict.step == 2
    assert {entry.state for entry in found.entries} == {ProofState.REFUTED}


def test_an_event_withheld_from_the_pallet_refutes_the_history_of_what_is_on_it(world: World) -> None:
    world.capture(packed(SSCC, SGTIN + "S1", hour=2), seen("S1", epcList=[SSCC], **at(3)))
    world.anchor()
    change(world, "DELETE FROM event_item WHERE item_key = :key AND log_index = 1", key=item_key(SSCC))
    found = history(world, SGTIN + "S1")

    assert isinstance(found.proofs[0].verdict, Verified)
    assert found.verdict is found.proofs[1].verdict
    assert isinstance(found.verdict, Refuted)


def test_a_body_altered_beyond_recognition_is_shown_as_withheld_and_refuted(world: World) -> None:
    world.capture(made("S1"))
    world.anchor()
    change(world, "UPDATE event_body SET body = :body", body=b'{"type":1}')
    found = history(world, SGTIN + "S1")

    assert [entry.event for entry in found.entries] == [None]
    assert isinstance(found.verdict, Refuted)


def test_an_erased_event_still_counts_and_its_item_stays_verified(world: World) -> None:
    world.capture(made("S1", **at(1)), seen("S1", **at(2)))
    world.anchor()
    change(world, "DELETE FROM event_body WHERE log_index = 1")
    change(world, "UPDATE event SET salt = NULL WHERE log_index = 1")
    found = history(world, SGTIN + "S1")

    assert [entry.event is None for entry in found.entries] == [False, True]
    assert isinstance(found.verdict, Verified)


def test_an_archived_event_is_told_as_archived_and_its_item_stays_verified(world: World) -> None:
    world.capture(made("S1", **at(1)), seen("S1", **at(2)))
    world.anchor()
    world.capture(seen("S1", **at(3)))
    change(world, "DELETE FROM event_body WHERE log_index >= 1")
    found = history(world, SGTIN + "S1")

    assert [(entry.event is None, entry.archived) for entry in found.entries] == [
        (False, False),
        (True, True),
        (True, True),
    ]
    assert isinstance(found.verdict, Verified)


def test_a_chain_that_is_away_is_asked_once_and_nothing_is_called_false(world: World) -> None:
    world.capture(packed(SSCC, SGTIN + "S1", hour=2), packed(PALLET, SSCC, hour=3))
    world.anchor()
    chain = Gone()
    found = item_history(world.node, SGTIN + "S1", chain)

    assert isinstance(found.verdict, Undetermined)
    assert {entry.state for entry in found.entries} == {ProofState.UNDETERMINED}
    assert (len(found.proofs), chain.asked) == (3, 1)


def test_an_event_declared_in_error_stands_once_with_the_reason(world: World) -> None:
    wrong = seen("S1", eventID=EVENT_ID, **at(2))
    declaration = {"declarationTime": "2026-11-03T08:00:00.000Z", "reason": "incorrect_data"}
    world.capture(made("S1", **at(1)), wrong)
    world.capture({**wrong, "errorDeclaration": declaration})
    world.anchor()
    first, second = history(world, SGTIN + "S1").entries

    assert first.declared is None
    assert second.declared is not None
    assert second.declared.reason == "incorrect_data"


def test_an_excursion_on_the_pallet_is_an_excursion_of_the_item(world: World) -> None:
    put_product(world, "https://id.gs1.org/01/09506000134352", "2", "8")
    world.capture(
        packed(SSCC, SGTIN + "S1", hour=2),
        seen("S1", epcList=[SSCC], sensorElementList=celsius(4.5, 10.6), **at(3)),
    )
    world.anchor()
    entry = history(world, SGTIN + "S1").entries[-1]

    assert [reading.celsius_max for reading in entry.readings] == [Decimal("4.5"), Decimal("10.6")]
    assert [reading.celsius_max for reading in entry.excursions] == [Decimal("10.6")]


def test_an_ingredient_is_judged_by_its_own_range(world: World) -> None:
    put_product(world, "https://id.gs1.org/01/09506000134352", "-30", "-18")
    put_product(world, "https://id.gs1.org/01/09506000134369", "-1", "4")
    lot = [{"epcClass": LOT, "quantity": 40, "uom": "KGM"}]
    fresh = made(epcList=[], quantityList=lot, bizStep="creating_class_instance", **at(1))
    warm = made(epcList=[], quantityList=lot, action="OBSERVE", sensorElementList=celsius(1.5, 6), **at(2))
    processing = {
        "type": "TransformationEvent",
        "inputQuantityList": lot,
        "outputEPCList": [SGTIN + "S1"],
        "bizStep": "commissioning",
        "eventTimeZoneOffset": "+08:00",
        **at(3),
    }
    world.capture(fresh, warm, processing)
    world.anchor()
    found = history(world, SGTIN + "S1")

    assert [entry.path for entry in found.entries] == [(Via("made_from", LOT),), (Via("made_from", LOT),), ()]
    assert [reading.celsius_max for reading in found.entries[1].excursions] == [Decimal(6)]


def test_an_item_with_very_many_events_is_shown_without_a_verdict(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.history.EVENTS_MAX", 3)
    world.capture(*[seen("S1", **at(hour)) for hour in range(5)])
    world.anchor()
    found = history(world, SGTIN + "S1")

    assert isinstance(found.verdict, Undetermined)
    assert {entry.state for entry in found.entries} == {ProofState.UNDETERMINED}


def test_what_is_no_identifier_is_refused(world: World) -> None:
    with pytest.raises(Invalid, match="check digit"):
        history(world, "https://id.gs1.org/01/09506000134353")


def test_a_history_needs_no_chain(world: World) -> None:
    world.capture(made("S1"))
    world.anchor()
    assert isinstance(item_history(world.node, SGTIN + "S1", None).verdict, Undetermined)
