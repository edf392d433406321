"""Records of identifiers: changed by who may, proved by bundles that are out there already, in batches."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ledger.audit import audit
from ledger.domain import canonical_json
from ledger.domain.bundle import read_bundle
from ledger.domain.errors import Conflict, Invalid, LedgerError, NotAllowed, NotFound, TooLarge
from ledger.domain.records import Action, Change, hidden_commitment, parse_values
from ledger.history import item_history
from ledger.prove import prove_item
from ledger.records import Changed, change_record, change_records, list_records, read_record
from ledger.verify import JsonRpcChain, Refuted, Verified
from tests.services.test_prove import change as change_database
from tests.services.world import SGTIN, World, allocate_handles, made

TEA = "hdl:88.118.1001/tea-1"
SHOP = "https://maker.example/tea-1"


@pytest.fixture(autouse=True)
def handle_prefixes(world: World) -> None:
    allocate_handles(world, factory="88.118.1001", carrier="88.118.1002")


def values(*texts: str, **fields: Any) -> Any:
    return parse_values(
        [{"index": n, "type": "URL", "data": text, **fields} for n, text in enumerate(texts, 1)]
    )


def change(
    world: World,
    action: Action,
    uri: str = TEA,
    given: Any = (),
    at: tuple[int, ...] = (),
    party: str = "factory",
) -> Changed:
    return change_record(world.node, world.keys[party], Change(uri, action, given, frozenset(at)))


def bodies(raw: bytes) -> list[Any]:
    return [event.body for event in read_bundle(raw).events]


def test_a_record_is_registered_changed_and_deleted_and_its_bundle_proves_each_version(world: World) -> None:
    assert change(world, "register", given=values(SHOP)) == Changed(TEA, "registered", 1, 0)
    world.clock.now_ms += 60_000
    assert change(world, "merge", given=values(SHOP + "?v=2")) == Changed(TEA, "updated", 2, 1)
    record = read_record(world.node, "88.118.1001/tea-1")
    assert [value.data.value for value in record.values] == [SHOP + "?v=2"]
    assert change(world, "delete") == Changed(TEA, "deleted", 3, 2)
    with pytest.raises(NotFound):
        read_record(world.node, TEA)
    assert change(world, "register", given=values(SHOP)).version == 4
    world.anchor()
    raw = prove_item(world.node, TEA)
    assert isinstance(world.verify(raw), Verified)
    assert [(body["version"], len(body["values"])) for body in bodies(raw)] == [
        (1, 1),
        (2, 1),
        (3, 0),
        (4, 1),
    ]
    assert isinstance(world.verify_event(bodies(raw)[1]["eventID"]), Verified)
    assert list(audit(world.node.store, world.chain)) == []


def test_a_changed_record_is_refuted_and_a_withheld_change_too(world: World) -> None:
    change(world, "register", given=values(SHOP))
    change(world, "put", given=values("https://forged.example"))
    world.anchor()
    bundle = json.loads(prove_item(world.node, TEA))
    bundle["events"].pop()
    verdict = world.verify(canonical_json.encode(bundle))
    assert isinstance(verdict, Refuted)
    assert verdict.step == 5
    body = (world.node.store.event(1).body or b"").replace(b"forged", b"forget")
    change_database(world, "UPDATE event_body SET body = :body WHERE log_index = 1", body=body)
    assert any("body was changed" in str(finding) for finding in audit(world.node.store, None))


def test_the_audit_finds_a_record_that_says_otherwise_than_the_log(world: World) -> None:
    hidden = parse_values([{"index": 7, "type": "NOTE", "data": "for us alone", "permissions": "1100"}])
    for name in ("a", "b", "c", "d", "e"):
        change(world, "register", f"hdl:88.118.1001/{name}", (*values(SHOP), *hidden))
    change(world, "delete", "hdl:88.118.1001/e")
    assert list(audit(world.node.store, None)) == []
    table = "identifier_record"
    for statement in (
        f"UPDATE {table} SET kept = replace(kept, 'maker', 'faker') WHERE uri LIKE '%/a'",
        f"UPDATE {table} SET kept = replace(kept, 'alone', 'alike') WHERE uri LIKE '%/b'",
        f"UPDATE {table} SET log_index = 0 WHERE uri LIKE '%/c'",
        f"DELETE FROM {table} WHERE uri LIKE '%/d'",
        f"UPDATE {table} SET kept = 'nonsense' WHERE uri LIKE '%/e'",
        f"INSERT INTO {table} SELECT '{TEA}', 1, 0, party_id, kept FROM {table} WHERE uri LIKE '%/c'",
    ):
        change_database(world, statement)
    told = {finding.where[-1]: finding.what for finding in audit(world.node.store, None)}
    assert told == {
        "a": "says otherwise than its newest change, entry 0",
        "b": "says otherwise than its newest change, entry 1",
        "c": "is of entry 0, its newest change is entry 2",
        "d": "is not in the store, but was changed in entry 3",
        "e": "says otherwise than its newest change, entry 5",
        "1": "no entry of the log says so",
    }


def test_a_record_whose_newest_change_was_erased_is_no_finding(world: World) -> None:
    change(world, "register", given=values(SHOP))
    change(world, "put", given=values(SHOP + "?v=2"))
    change_database(world, "DELETE FROM event_body WHERE log_index = 1")
    change_database(world, "UPDATE event SET salt = NULL WHERE log_index = 1")
    assert list(audit(world.node.store, None)) == []


def test_what_is_the_same_makes_no_entry(world: World) -> None:
    first = change(world, "put", given=values(SHOP))
    world.clock.now_ms += 60_000
    assert change(world, "put", given=values(SHOP)) == Changed(TEA, "unchanged", 1, first.log_index)
    assert world.node.store.log_size() == 1
    with pytest.raises(Conflict):
        change(world, "register", given=values(SHOP))


def test_only_who_speaks_for_the_identifier_changes_its_record(world: World) -> None:
    with pytest.raises(NotAllowed, match=r"carrier may not speak for .*prefix 88.118.1001 is registered"):
        change(world, "register", given=values(SHOP), party="carrier")
    change(world, "register", given=values(SHOP))
    with pytest.raises(NotAllowed):
        change(world, "delete", party="carrier")
    assert world.node.store.log_size() == 1


def test_a_hidden_value_is_for_its_owner_and_the_log_commits_to_it(world: World) -> None:
    change(world, "register", given=values(SHOP))
    hidden = parse_values([{"index": 7, "type": "NOTE", "data": "for us alone", "permissions": "1100"}])
    change(world, "merge", given=hidden)
    assert [value.index for value in read_record(world.node, TEA).values] == [1]
    assert [value.index for value in read_record(world.node, TEA, world.keys["carrier"]).values] == [1]
    _, secret = read_record(world.node, TEA, world.keys["factory"]).kept
    assert secret.value.data.value == "for us alone"
    assert [
        value.index for record in list_records(world.node, "hdl:88.118.1001/") for value in record.values
    ] == [1]
    world.anchor()
    raw = prove_item(world.node, TEA)
    assert b"for us alone" not in raw
    shown = bodies(raw)[-1]["values"][1]
    assert secret.salt is not None
    assert shown == {"index": 7, "commitment": hidden_commitment(secret.salt, secret.value).hex()}
    change(world, "merge", given=values(SHOP + "?v=2"))
    assert read_record(world.node, TEA, world.keys["factory"]).kept[1] == secret


def test_identifiers_of_every_scheme_have_records(world: World) -> None:
    change(world, "register", SGTIN + "S1", values(SHOP))
    assert read_record(world.node, "(01)09506000134352(21)S1").uri == SGTIN + "S1"
    assert [record.uri for record in list_records(world.node, SGTIN)] == [SGTIN + "S1"]


def test_a_record_and_events_of_one_item_are_proved_together_and_only_events_are_its_history(
    world: World,
) -> None:
    world.capture(made("S1"))
    change(world, "register", SGTIN + "S1", values(SHOP))
    history = item_history(world.node, SGTIN + "S1", None)
    assert len(history.entries) == 1
    world.anchor()
    history = item_history(world.node, SGTIN + "S1", JsonRpcChain(world.url))
    assert [entry.log_index for entry in history.entries] == [0]
    assert isinstance(history.verdict, Verified)
    assert len(read_bundle(prove_item(world.node, SGTIN + "S1")).events) == 2


# --- batches


def puts(count: int, prefix: str = "88.118.1001") -> list[Change]:
    return [Change(f"hdl:{prefix}/{n}", "put", values(f"{SHOP}/{n}")) for n in range(count)]


def test_a_batch_of_two_thousand_is_one_transaction_with_one_receipt(world: World) -> None:
    batch = change_records(world.node, world.keys["factory"], puts(2_000))
    assert [outcome.log_index for outcome in batch.outcomes if isinstance(outcome, Changed)] == list(
        range(2_000)
    )
    promise = json.loads(world.node.signer.key.opens(batch.receipt).split("\n")[1])
    stored = world.node.store.events_between(0, 2_000)
    assert [event["commitment"] for event in promise["events"]] == [
        event.commitment.hex() for event in stored
    ]
    world.anchor()
    assert isinstance(world.verify_item("hdl:88.118.1001/1999"), Verified)
    again = change_records(world.node, world.keys["factory"], puts(2_000))
    assert again.receipt == ""
    assert world.node.store.log_size() == 2_000
    with pytest.raises(TooLarge, match="at most 2000"):
        change_records(world.node, world.keys["factory"], puts(2_001))


def test_one_bad_change_keeps_the_whole_batch_out_unless_told_to_proceed(world: World) -> None:
    changes = [*puts(2), *puts(1, "88.118.1002"), puts(1)[0], Change("hdl:88.118.1001/x", "delete")]
    with pytest.raises(Invalid, match="3 of 5 changes cannot be made, so none was") as refused:
        change_records(world.node, world.keys["factory"], changes)
    assert [problem.pointer for problem in refused.value.problems] == ["/2", "/3", "/4"]
    assert world.node.store.log_size() == 0
    batch = change_records(world.node, world.keys["factory"], changes, "proceed")
    failed = [str(outcome) for outcome in batch.outcomes if isinstance(outcome, LedgerError)]
    assert ["may not speak" in failed[0], "stands twice" in failed[1], "not registered" in failed[2]] == [
        True
    ] * 3
    assert world.node.store.log_size() == 2


def test_a_batch_of_others_identifiers_is_not_allowed(world: World) -> None:
    with pytest.raises(NotAllowed):
        change_records(world.node, world.keys["factory"], puts(3, "88.118.1002"))


def test_two_who_register_at_once_make_one_record(world: World) -> None:
    def register(target: str) -> Changed | Conflict:
        try:
            return change(world, "register", given=values(target))
        except Conflict as error:
            return error

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(register, (f"{SHOP}?{n}" for n in range(8))))
    assert sum(isinstance(outcome, Changed) for outcome in outcomes) == 1
    assert world.node.store.log_size() == 1


# --- templates

TEMPLATE = "hdl:88.118.1001/template-tea"


def version(index: int, *items: dict[str, Any]) -> Any:
    text = json.dumps({"name": "Tea", "items": items})
    return parse_values([{"index": index, "type": "TEMPLATE", "data": text, "permissions": "1010"}])


def item(index: int, kind: str, **fields: Any) -> dict[str, Any]:
    told = {"name": kind, "nameZh": kind, "dataType": "string", "required": True, "disabled": False}
    return {"index": index, "type": kind} | told | fields


def of_template(number: str, **texts: str) -> Any:
    rows = [(1000, "TEMPLATE_ID", "88.118.1001/template-tea"), (1001, "TEMPLATE_VERSION", number)]
    rows += [(2000 + n, kind, text) for n, (kind, text) in enumerate(texts.items())]
    return parse_values([{"index": i, "type": kind, "data": text} for i, kind, text in rows])


def test_records_fit_the_version_of_the_template_that_they_name(world: World) -> None:
    change(world, "register", TEMPLATE, version(1, item(2000, "NAME")))
    change(world, "register", given=of_template("1", NAME="龙井"))
    with pytest.raises(Invalid, match="/2000: missing: NAME"):
        change(world, "put", given=of_template("1"))
    with pytest.raises(Invalid, match="registered here are versions 1"):
        change(world, "put", given=of_template("2", NAME="龙井"))
    change(world, "merge", TEMPLATE, version(2, item(2000, "NAME"), item(2001, "AREA")))
    with pytest.raises(Invalid, match="/2001: missing: AREA"):
        change(world, "put", given=of_template("2", NAME="龙井"))
    assert change(world, "put", given=of_template("2", NAME="龙井", AREA="西湖")).version == 2


def test_a_version_of_a_template_never_changes(world: World) -> None:
    change(world, "register", TEMPLATE, version(1, item(2000, "NAME")))
    for action in ("put", "merge"):
        with pytest.raises(Conflict, match="neither changed nor removed"):
            change(world, action, TEMPLATE, version(1, item(2000, "TITLE")))
    with pytest.raises(Conflict):
        change(world, "delete", TEMPLATE)
    with pytest.raises(Invalid, match="can only be disabled"):
        change(world, "merge", TEMPLATE, version(2, item(2001, "AREA")))


def test_a_halted_node_changes_nothing(world: World) -> None:
    world.node.settings.halt_path.write_text("two histories")
    with pytest.raises(LedgerError, match="does not write"):
        change(world, "register", given=values(SHOP))
    assert world.node.store.log_size() == 0
