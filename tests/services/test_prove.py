"""Proofs made from a real store and checked against a real chain."""

import json

import pytest
from sqlalchemy import text

from ledger.audit import audit
from ledger.domain.access import PrefixEntry
from ledger.domain.bundle import read_bundle
from ledger.domain.commitment import item_key
from ledger.domain.errors import Invalid, NotAllowed, NotFound, NotYetAnchored
from ledger.prove import prove_event, prove_item
from ledger.store import SqlStore
from ledger.verify import Refuted, Verified
from tests.services.world import SGTIN, SSCC, World, made, seen

EVENT_ID = "urn:uuid:5f0a1b2c-0000-4000-8000-000000000001"


def change(world: World, statement: str, **values: object) -> None:
    """What a database administrator can do."""
    store = world.node.store
    assert isinstance(store, SqlStore)
    with store.writing() as connection:
        connection.execute(text(statement), values)


def test_every_item_of_a_growing_log_has_a_verified_history(world: World) -> None:
    for round_ in range(4):
        world.capture(
            *[made(f"S{round_}-{i}") for i in range(20)],
            seen(*[f"S0-{i}" for i in range(20)], eventTime=f"2026-11-0{round_ + 3}T08:00:00Z"),
        )
        world.anchor()
        for i in range(0, 20, 7):
            for serial in {f"S0-{i}", f"S{round_}-{i}"}:
                verdict = world.verify_item(SGTIN + serial)
                assert isinstance(verdict, Verified), verdict
    assert len(read_bundle(prove_item(world.node, SGTIN + "S0-3")).events) == 5


def test_every_event_is_proved_by_its_id(world: World) -> None:
    job = world.capture(*[made(f"S{i}") for i in range(10)])
    world.anchor()
    for event in json.loads(job.receipt.split("\n")[1])["events"]:
        assert isinstance(world.verify_event(event["eventID"]), Verified)


def test_an_identifier_may_be_asked_for_in_any_spelling(world: World) -> None:
    world.capture(made("S1"))
    world.anchor()
    bundles = {
        prove_item(world.node, spelling)
        for spelling in (SGTIN + "S1", "urn:epc:id:sgtin:9506000.013435.S1", "(01)09506000134352(21)S1")
    }
    assert len(bundles) == 1


def test_an_item_of_another_scheme_is_captured_by_who_has_its_prefix_and_proved(world: World) -> None:
    handle = made(epcList=["hdl:88.118.1001/YJ-417"])
    with pytest.raises(NotAllowed, match="speak for identifiers of others"):
        world.capture(handle)
    store = world.node.store
    factory = store.party("factory")
    assert factory is not None
    entry = PrefixEntry(b"88".ljust(32, b"\0"), "handle", "88.118.1001", factory.account, True, ())
    store.replace_prefixes([*store.prefixes(), entry], 2)
    world.node.prefixes.forget()

    world.capture(handle)
    world.anchor()
    bundles = {
        prove_item(world.node, spelling)
        for spelling in ("88.118.1001/YJ-417", "hdl:88.118.1001/YJ-417", "info:hdl/88.118.1001/YJ-417")
    }
    (bundle,) = bundles
    assert isinstance(world.verify(bundle), Verified)
    assert len(read_bundle(bundle).events) == 1
    assert isinstance(world.verify_item("88.118.1001/yj-417"), Verified)  # another item, proved absent


def test_the_absence_of_an_item_is_proved(world: World) -> None:
    world.capture(made("S1"))
    world.anchor()
    verdict = world.verify_item(SSCC)
    assert isinstance(verdict, Verified)
    assert "no events" in verdict.steps[4].detail


def test_a_proof_waits_for_the_anchor(world: World) -> None:
    world.capture(made("S1", eventID=EVENT_ID))
    with pytest.raises(NotYetAnchored):
        prove_item(world.node, SGTIN + "S1")
    world.anchor()
    world.capture(made("S2", eventID=EVENT_ID[:-1] + "2"))
    with pytest.raises(NotYetAnchored):
        prove_event(world.node, EVENT_ID[:-1] + "2")
    assert isinstance(world.verify_item(SGTIN + "S2"), Verified)  # not there yet, and provably so


def test_what_is_not_here_or_not_an_identifier_is_said(world: World) -> None:
    world.capture(made("S1"))
    world.anchor()
    with pytest.raises(NotFound):
        prove_event(world.node, "urn:uuid:unknown")
    with pytest.raises(Invalid, match="check digit"):
        prove_item(world.node, "https://id.gs1.org/01/09506000134353/21/S1")


def test_an_erased_event_is_withheld_and_its_history_still_verifies(world: World) -> None:
    world.capture(made(*[f"S{i}" for i in range(300)], eventID=EVENT_ID), seen("S7"))
    world.anchor()
    change(world, "DELETE FROM event_body WHERE log_index = 0")
    change(world, "UPDATE event SET salt = NULL WHERE log_index = 0")
    verdict = world.verify_item(SGTIN + "S7")
    assert isinstance(verdict, Verified)
    assert verdict.steps[1].detail == "1 withheld"
    assert not list(audit(world.node.store, world.chain))
    with pytest.raises(NotFound, match="erased"):
        prove_event(world.node, EVENT_ID)


@pytest.mark.parametrize(
    ("statement", "step"),
    [
        ("UPDATE event_body SET body = :body WHERE log_index = 1", 2),
        ("UPDATE event SET commitment = salt WHERE log_index = 1", 2),
        ("UPDATE event SET recorded_at_ms = recorded_at_ms + 1 WHERE log_index = 1", 4),
        ("DELETE FROM event_item WHERE item_key = :key AND log_index = 1", 5),
        ("UPDATE anchor SET log_root = map_root WHERE number = 1", 4),
        ("UPDATE anchor SET map_root = log_root WHERE number = 1", 6),
    ],
    ids=["body", "commitment", "time", "link", "log root", "map root"],
)
def test_what_is_changed_in_sql_is_refuted_and_found_by_the_audit(
    world: World, statement: str, step: int
) -> None:
    world.capture(made("S1"), seen("S1"), seen("S1", bizStep="storing"))
    world.anchor()
    body = world.node.store.event(1).body
    assert body is not None
    values = {"key": item_key(SGTIN + "S1"), "body": body.replace(b"+08:00", b"+09:00")}
    change(world, statement, **{name: value for name, value in values.items() if f":{name}" in statement})
    verdict = world.verify_item(SGTIN + "S1")
    assert isinstance(verdict, Refuted)
    assert verdict.step == step
    assert list(audit(world.node.store, world.chain))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM item WHERE item_key = :key",
        "INSERT INTO event_item (item_key, log_index, role) VALUES (:key, 7, 'epc')",
    ],
    ids=["no item", "no event"],
)
def test_a_link_that_leads_nowhere_is_found_by_the_audit(world: World, statement: str) -> None:
    world.capture(made("S1"))
    assert not list(audit(world.node.store, None))
    key = item_key(SGTIN + "S1")
    change(world, statement, key=key)
    (finding,) = audit(world.node.store, None)
    assert finding.where.startswith(f"link of item {key.hex()} to event ")
