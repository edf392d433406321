"""Raw readings removed by policy: what was found in them stays, and what was kept of them is still proved."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ledger.carriers import carrier_views, get_carrier, unbind_carrier
from ledger.cli import main
from ledger.domain.errors import Invalid, NotFound
from ledger.domain.month import Month
from ledger.domain.telemetry import read_messages
from ledger.retention import Retention
from ledger.seals import Sealer, list_seals, prove_from_file, prove_reading, sealed_messages
from ledger.store import SqlStore
from ledger.store.message_months import message_months
from ledger.telemetry import take_messages
from tests.carriers import LOGGER, activate, degrees, reported
from tests.services.test_excursions import MINUTE, VIAL, Shipment, clock_time, standing
from tests.services.world import START_MS, World

HOUR, DAY = 3_600_000, 86_400_000
POLICY_DAYS = 30
OTHER_LOGGER = LOGGER + "2"


class Kept(Shipment):
    """A shipment on a node that keeps raw readings for 30 days."""

    def __init__(self, world: World) -> None:
        settings = replace(world.node.settings, telemetry_days=POLICY_DAYS)
        super().__init__(replace(world, node=replace(world.node, settings=settings)))
        self.retention = Retention(self.node)

    def seal(self) -> None:
        self.world.clock.now_ms += HOUR
        sealer = Sealer(self.node)
        while sealer.turn():
            pass

    def retain(self, days: int = 0) -> None:
        self.world.clock.now_ms += days * DAY
        while self.retention.turn():
            pass

    def seals(self) -> list[dict[str, Any]]:
        return [dict(view) for view in list_seals(self.node, self.key, LOGGER)]

    def numbers(self) -> list[int]:
        """Of the messages that are here."""
        query = text("SELECT sequence FROM telemetry ORDER BY received_ms, sequence")
        with self.store.reading() as connection:
            return list(connection.execute(query).scalars())

    @property
    def store(self) -> SqlStore:
        assert isinstance(self.node.store, SqlStore)
        return self.node.store


@pytest.fixture
def kept(world: World) -> Kept:
    return Kept(world)


def test_what_is_sealed_anchored_and_old_is_removed_and_its_seal_says_since_when(kept: Kept) -> None:
    kept.measure(0, 5, 6)
    came = Month.of(kept.world.clock.now_ms)
    kept.seal()
    kept.world.anchor()
    kept.retain(POLICY_DAYS - 1)
    assert [seal["intact"] for seal in kept.seals()] == [True]
    kept.measure(60, 5)
    kept.seal()

    kept.retain(40)  # the month is over, too
    withheld_ms = kept.world.clock.now_ms
    newer, older = kept.seals()
    assert (older["state"], older["intact"], older["withheld_ms"]) == ("withheld", None, withheld_ms)
    assert (newer["state"], newer["intact"]) == ("captured", True)  # not anchored
    assert kept.numbers() == [2]
    with kept.store.reading() as connection:
        if connection.dialect.name == "postgresql":
            assert came not in message_months(connection)
    with pytest.raises(NotFound, match="was removed by policy"):
        prove_reading(kept.node, kept.key, LOGGER, 1)
    with pytest.raises(NotFound, match="withheld by policy since"):
        sealed_messages(kept.node, kept.key, LOGGER, older["seal"])
    prove_reading(kept.node, kept.key, LOGGER, 2)


def test_a_number_that_was_used_stays_used(kept: Kept) -> None:
    sent = [reported("one", n, START_MS + n, *degrees(START_MS + n, 5)) for n in (1, 2, 3, 5, 9)]
    take_messages(kept.node, [message for raw in sent for message in read_messages(raw)])
    kept.watch()
    kept.seal()
    kept.world.anchor()
    kept.retain(POLICY_DAYS + 40)
    again = [*sent, reported("one", 4, START_MS + 4, *degrees(START_MS + 4, 5))]
    taken = take_messages(kept.node, [message for raw in again for message in read_messages(raw)])
    assert taken.outcomes == (*["withheld_sequence"] * 5, "accepted")
    (view,) = carrier_views(kept.node, [get_carrier(kept.node, kept.key, LOGGER)])
    assert "reused_sequence" not in str(view["flags"])


def not_anchored(kept: Kept) -> None:
    kept.seal()


def altered(kept: Kept) -> None:
    kept.seal()
    kept.world.anchor()
    with kept.store.writing() as connection:
        connection.execute(text("DELETE FROM telemetry WHERE sequence = 1"))


def not_sealed(kept: Kept) -> None:
    """Nothing is done."""


def not_folded(kept: Kept) -> None:
    kept.seal()
    kept.world.anchor()
    kept.report(degrees(START_MS, 5))  # the watcher does not work


@pytest.mark.parametrize("so", [not_anchored, altered, not_sealed, not_folded])
def test_what_is_not_sealed_anchored_intact_and_folded_is_never_removed(
    kept: Kept, so: Callable[[Kept], None]
) -> None:
    kept.measure(0, 5, 6)
    kept.measure(2, 5, 6)
    so(kept)
    before = kept.numbers()
    kept.retain(400)
    assert kept.numbers() == before
    assert all(seal["intact"] is (so is not altered) for seal in kept.seals())


def test_of_a_month_that_holds_what_must_stay_the_rest_is_deleted(kept: Kept) -> None:
    activate(kept.world, "two", OTHER_LOGGER)  # never bound, so never sealed
    (never_sealed,) = read_messages(reported("two", 77, START_MS, *degrees(START_MS, 5), of=OTHER_LOGGER))
    take_messages(kept.node, [never_sealed])
    kept.measure(0, 5, 6)
    kept.seal()
    kept.world.anchor()
    kept.retain(POLICY_DAYS + 40)
    assert kept.numbers() == [77]


def test_late_readings_undo_nothing_of_which_the_readings_are_gone(kept: Kept) -> None:
    kept.measure(0, 5, 9, 9, 5)  # one that is over, from minute 1 to 3
    kept.measure(4, 5, 9, 9)  # and one that lasts, from minute 5
    kept.seal()
    kept.world.anchor()
    kept.retain(POLICY_DAYS + 40)
    assert kept.numbers() == []
    kept.measure(10, 9, 9, 9)
    kept.measure(8, 9)  # late, and changes nothing of what lasts
    assert standing(kept.events(VIAL)) == [clock_time(n) for n in (1, 3, 5)]
    assert [e["closed_ms"] is None for e in kept.view()["excursions"]] == [True, False]
    kept.measure(20, 5, 5)
    before, excursions = kept.events(VIAL), kept.view()["excursions"]
    assert standing(before) == [clock_time(n) for n in (1, 3, 5, 20)]

    kept.measure(2, 5)  # too late: it is kept, and changes nothing
    assert (kept.events(VIAL), kept.view()["excursions"]) == (before, excursions)
    assert kept.numbers()[-1] == 6

    kept.measure(12, 5)  # late, but of a time whose readings are here; it is there already
    kept.report(degrees(START_MS + 15 * MINUTE, 5))  # late: what lasts was over earlier
    kept.watch()
    assert standing(kept.events(VIAL)) == [clock_time(n) for n in (1, 3, 5, 15)]
    assert [(e["began_ms"] - START_MS) // MINUTE for e in kept.view()["excursions"]] == [5, 1]
    assert "errorDeclaration" in str(kept.events(VIAL))


def test_a_binding_that_ended_is_as_it_was_when_its_readings_are_gone(kept: Kept) -> None:
    kept.measure(0, 5, 9, 9)
    unbind_carrier(kept.node, kept.key, LOGGER)
    kept.world.clock.now_ms += HOUR
    kept.report(degrees(kept.world.clock.now_ms, 5))  # sealed with those of before, and of no binding
    kept.watch()
    kept.seal()
    kept.world.anchor()
    before, events = kept.view(), kept.events(VIAL)
    kept.retain(POLICY_DAYS + 40)
    assert kept.numbers() == []
    kept.measure(1, 5)
    assert (kept.view(), kept.events(VIAL)) == (before, events)


def test_a_reading_is_proved_from_a_file_that_was_kept_when_it_is_gone_here(
    kept: Kept, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.measure(0, 5, 6)
    kept.measure(2, 7)
    kept.seal()
    kept.world.anchor()
    monkeypatch.setenv("SUYUAN_DATA_DIR", str(kept.node.settings.data_dir))
    monkeypatch.setenv("SUYUAN_DATABASE_URL", store_url)
    (seal,) = kept.seals()
    file, proof = tmp_path / "messages", tmp_path / "reading.json"
    key = ["--key", kept.world.texts["factory"]]
    assert main(["carriers", "raw", LOGGER, seal["seal"], "-o", str(file), *key]) == 0
    at_that_time = prove_reading(kept.node, kept.key, LOGGER, 2)
    kept.retain(POLICY_DAYS + 40)
    assert kept.numbers() == []

    assert main(["carriers", "proof", LOGGER, "2", "-o", str(proof), *key]) == 1
    assert main(["carriers", "proof", LOGGER, "2", "--from", str(file), "-o", str(proof), *key]) == 0
    assert json.loads(proof.read_text()) == at_that_time
    trust = str(kept.node.settings.trust_path)
    bundle = str(tmp_path / "reading.bundle.json")
    assert main(["verify", bundle, "--trust", trust, "--reading", str(proof)]) == 0

    first, _ = read_messages(file.read_bytes())
    with pytest.raises(Invalid, match="not whole, or altered"):
        prove_from_file(kept.node, kept.key, LOGGER, 1, first.raw)
    with pytest.raises(NotFound, match="it has 1 to 2"):
        prove_from_file(kept.node, kept.key, LOGGER, 7, file.read_bytes())
