"""An archived month is told as archived: by proofs, queries, captures, reports and the audit."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from ledger.audit import audit
from ledger.domain.errors import Archived, Conflict, NotFound
from ledger.domain.month import Month
from ledger.domain.query import parse_query
from ledger.prove import prove_event
from ledger.query import find_new, run_query
from ledger.store import SqlStore
from ledger.verify import Verified
from tests.chain.nodes import Anvil
from tests.services.world import SGTIN, START_MS, World, made, open_world, seen
from tests.store.test_months import fresh_postgres

FIRST = Month.of(START_MS)
FIRST_ID, LATER_ID = "urn:uuid:first", "urn:uuid:later"


@pytest.fixture
def archived(postgres_database: str, anvil: Anvil, tmp_path: Path) -> Iterator[World]:
    """An item made in one month and seen in the next; the first of them is archived."""
    with fresh_postgres(postgres_database) as store:
        world = open_world(store, anvil, tmp_path / "node")
        world.capture(made("S1", eventID=FIRST_ID))
        world.clock.now_ms = FIRST.next.start_ms
        world.capture(seen("S1", eventID=LATER_ID))
        world.anchor()
        store.detach_month(FIRST)
        yield world


def store_of(world: World) -> SqlStore:
    assert isinstance(world.node.store, SqlStore)
    return world.node.store


def test_the_history_of_an_item_is_still_proved_complete(archived: World) -> None:
    verdict = archived.verify_item(SGTIN + "S1")
    assert isinstance(verdict, Verified)
    assert verdict.steps[1].detail == "1 withheld"


def test_the_proof_of_an_archived_event_is_refused_as_archived(archived: World) -> None:
    with pytest.raises(Archived, match=f"recorded in {FIRST}, which are archived"):
        prove_event(archived.node, FIRST_ID)
    assert isinstance(archived.verify_event(LATER_ID), Verified)
    with pytest.raises(NotFound):
        prove_event(archived.node, "urn:uuid:unknown")


def test_a_query_that_meets_archived_events_says_so_and_how_to_go_on(archived: World) -> None:
    with pytest.raises(Archived) as refused:
        run_query(archived.node, parse_query({}))
    name, _, time = str(refused.value).split()[-1].partition("=")
    later = run_query(archived.node, parse_query({name: time}))
    assert [event.identity.event_id for event in later.events] == [LATER_ID]
    assert len(run_query(archived.node, parse_query({"EQ_bizStep": "receiving"})).events) == 1


def test_a_page_that_archived_events_are_not_on_is_answered(archived: World) -> None:
    newest_first = parse_query({"orderBy": "recordTime", "orderDirection": "DESC"})
    page = run_query(archived.node, newest_first, per_page=1)
    assert [event.identity.event_id for event in page.events] == [LATER_ID]
    with pytest.raises(Archived):
        run_query(archived.node, newest_first, per_page=1, page_token=page.next_token)


def test_a_standing_query_waits_for_archived_events_and_skips_none(archived: World) -> None:
    with pytest.raises(Archived):
        find_new(archived.node, parse_query({}), 0, limit=9)
    found, reached = find_new(archived.node, parse_query({}), 1, limit=9)
    assert ([event.identity.event_id for event in found], reached) == ([LATER_ID], 2)


def test_an_archived_event_that_is_captured_again_is_recognised(archived: World) -> None:
    job = archived.capture(made("S1", eventID=FIRST_ID))
    assert job.success
    assert archived.node.store.log_size() == 2
    with pytest.raises(Conflict, match="other content"):
        archived.capture(made("S2", eventID=FIRST_ID))


def test_the_audit_finds_nothing_wrong_with_an_archived_month(archived: World) -> None:
    assert list(audit(archived.node.store, archived.chain)) == []


def test_a_body_that_is_gone_without_an_archive_is_found(world: World) -> None:
    world.capture(made("S1"), seen("S1"))
    with store_of(world).writing() as connection:
        connection.execute(text("DELETE FROM event_body WHERE log_index = 1"))
    (finding,) = audit(world.node.store, None)
    assert "neither erased nor archived" in str(finding)


def test_all_is_as_before_when_the_month_is_back(archived: World) -> None:
    store_of(archived).attach_month(FIRST)
    assert isinstance(archived.verify_event(FIRST_ID), Verified)
    verdict = archived.verify_item(SGTIN + "S1")
    assert isinstance(verdict, Verified)
    assert verdict.steps[1].detail == ""
    assert len(run_query(archived.node, parse_query({})).events) == 2
    assert list(audit(archived.node.store, archived.chain)) == []


def test_a_body_changed_in_the_archive_is_refuted(archived: World) -> None:
    store = store_of(archived)
    with store.writing() as connection:
        table = f"event_body_{FIRST.year}_{FIRST.number:02}"
        changed = (
            f"UPDATE {table} SET body = convert_to(replace(convert_from(body, 'UTF8'), '+08', '+09'), 'UTF8')"
        )
        connection.execute(text(changed))
    store.attach_month(FIRST)
    assert not isinstance(archived.verify_item(SGTIN + "S1"), Verified)
    assert list(audit(store, archived.chain))


def test_captures_across_the_end_of_a_month_are_all_proved(world: World) -> None:
    world.clock.now_ms = FIRST.next.start_ms - 1
    world.capture(made("S1"))
    world.clock.now_ms += 1
    world.capture(seen("S1"))
    world.anchor()
    assert [month.stop for month in world.node.store.months()] == [1, 2]
    assert isinstance(world.verify_item(SGTIN + "S1"), Verified)
