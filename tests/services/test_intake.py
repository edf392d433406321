"""Whole files are captured: in pieces, going on after a stop, with the rows that fail beside them."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from ledger.capture import capture
from ledger.commands.node import capture_here
from ledger.domain.errors import Conflict, Invalid, NotFound, StoreUnavailable
from ledger.intake import (
    EVENTS_A_PIECE,
    Captured,
    Tally,
    capture_document,
    capture_pieces,
    errors_path,
    progress_path,
)
from ledger.mapping import parse_mapping
from ledger.watch import Handled, Watcher, watch
from tests.services.world import SGTIN, World, document, made, seen

MAPPING = parse_mapping("""
[event]
type = "ObjectEvent"
action = "ADD"
bizStep = "commissioning"
eventTime = "2026-11-02T08:00:00.000Z"
eventTimeZoneOffset = "+08:00"
epcList = ["https://id.gs1.org/01/{gtin|14}/21/{serial}"]
""")


class Submitter:
    """Captures on the node of a world, and fails as the node does when it cannot."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.calls = 0
        self.fails_at: int | None = None

    def __call__(self, document: bytes, error_behaviour: Literal["rollback", "proceed"]) -> Captured:
        self.calls += 1
        if self.calls == self.fails_at:
            raise StoreUnavailable("store: the disk is full")
        return capture_here(self._world.node, self._world.keys["factory"], document, error_behaviour)


@pytest.fixture
def submitter(world: World) -> Submitter:
    return Submitter(world)


def lines(path: Path, *events: dict[str, Any] | str) -> Path:
    path.write_text("".join((e if isinstance(e, str) else json.dumps(e)) + "\n" for e in events), "utf-8")
    return path


def failed_rows(path: Path) -> list[tuple[str, str, str]]:
    with errors_path(path).open(encoding="utf-8-sig", newline="") as file:
        return [(row["row"], row["pointer"], row["level"]) for row in csv.DictReader(file)]


def test_every_line_of_ndjson_is_an_event(world: World, submitter: Submitter, tmp_path: Path) -> None:
    path = lines(tmp_path / "day.ndjson", made("S1"), "", seen("S1"))

    assert capture_pieces(submitter, path) == Tally(2, 0, 0)
    assert world.node.store.log_size() == 2
    assert not errors_path(path).exists()
    assert not progress_path(path).exists()


def test_a_bad_line_does_not_hold_up_the_others(world: World, submitter: Submitter, tmp_path: Path) -> None:
    bad = [
        made("S2", action="LOOK"),
        "{",
        "[1]",
        made("S9", epcList=["https://id.gs1.org/01/09506001000007/21/S9"]),
    ]
    path = lines(tmp_path / "day.ndjson", made("S1"), *bad, made("S3"))

    assert capture_pieces(submitter, path) == Tally(2, 4, 0)
    assert sorted(failed_rows(path)) == [("2", "/action", ""), ("3", "", ""), ("4", "", ""), ("5", "", "")]


def test_rows_of_a_table_that_fail_are_written_with_their_fault(submitter: Submitter, tmp_path: Path) -> None:
    path = tmp_path / "goods.csv"
    path.write_text("gtin,serial\n9506000134352,S1\n9506000134353,S2\n", "utf-8")

    assert capture_pieces(submitter, path, MAPPING) == Tally(1, 1, 0)

    with errors_path(path).open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["gtin"], row["serial"], row["row"], row["pointer"]) == (
        "9506000134353",
        "S2",
        "3",
        "/epcList/0",
    )
    assert "check digit" in row["fault"]


def test_an_error_file_that_was_corrected_is_a_table_again(submitter: Submitter, tmp_path: Path) -> None:
    path = tmp_path / "goods.csv"
    path.write_text("gtin,serial\n9506000134353,S2\n", "utf-8")
    capture_pieces(submitter, path, MAPPING)
    corrected = tmp_path / "corrected.csv"
    corrected.write_text(errors_path(path).read_text("utf-8-sig").replace("134353", "134352"), "utf-8")

    assert capture_pieces(submitter, corrected, MAPPING) == Tally(1, 0, 0)


def test_a_run_that_was_stopped_goes_on_where_it_was(
    world: World, submitter: Submitter, tmp_path: Path
) -> None:
    events = [made(f"S{n}") for n in range(EVENTS_A_PIECE + 3)]
    events[1]["action"] = "LOOK"
    path = lines(tmp_path / "day.ndjson", *events)
    submitter.fails_at = 2
    with pytest.raises(StoreUnavailable):
        capture_pieces(submitter, path)
    assert world.node.store.log_size() == EVENTS_A_PIECE - 1

    assert capture_pieces(submitter, path) == Tally(EVENTS_A_PIECE + 2, 1, 0)

    assert submitter.calls == 3
    assert failed_rows(path) == [("2", "/action", "")]
    assert world.node.store.log_size() == EVENTS_A_PIECE + 2


def test_what_is_done_counts_only_for_the_same_content(
    world: World, submitter: Submitter, tmp_path: Path
) -> None:
    path = lines(tmp_path / "day.ndjson", *(made(f"S{n}") for n in range(EVENTS_A_PIECE + 1)))
    submitter.fails_at = 2
    with pytest.raises(StoreUnavailable):
        capture_pieces(submitter, path)

    lines(path, made("T1"), made("T2"))
    assert capture_pieces(submitter, path) == Tally(2, 0, 0)


@pytest.mark.parametrize("damage", ["", "{", '{"digest": 1}', "[]"])
def test_lost_progress_captures_nothing_twice(
    world: World, submitter: Submitter, tmp_path: Path, damage: str
) -> None:
    path = lines(tmp_path / "day.ndjson", made("S1"), made("S2"))
    capture_pieces(submitter, path)
    progress_path(path).write_text(damage)

    assert capture_pieces(submitter, path) == Tally(2, 0, 0)
    assert world.node.store.log_size() == 2


def test_a_table_needs_a_mapping_and_a_file_a_name_that_tells(submitter: Submitter, tmp_path: Path) -> None:
    for name, error in (("a.csv", Invalid), ("a.txt", Invalid), ("none.ndjson", NotFound)):
        if error is Invalid:
            (tmp_path / name).write_text("a\n1\n")
        with pytest.raises(error):
            capture_pieces(submitter, tmp_path / name)


def test_a_document_is_captured_as_it_is(submitter: Submitter, tmp_path: Path) -> None:
    path = tmp_path / "doc.jsonld"
    path.write_bytes(document(made("S1"), made("S2")))

    assert capture_document(submitter, path, "rollback").events == 2
    assert capture_document(submitter, path, "rollback").events == 2


def test_a_document_may_be_xml(world: World, submitter: Submitter, tmp_path: Path) -> None:
    path = tmp_path / "doc.xml"
    path.write_text(
        """<?xml version="1.0"?>
        <epcis:EPCISDocument xmlns:epcis="urn:epcglobal:epcis:xsd:2" schemaVersion="2.0"
            creationDate="2026-11-02T08:00:00Z"><EPCISBody><EventList><ObjectEvent>
          <eventTime>2026-11-02T08:00:00Z</eventTime><eventTimeZoneOffset>+08:00</eventTimeZoneOffset>
          <epcList><epc>urn:epc:id:sgtin:9506000.013435.S1</epc></epcList>
          <action>ADD</action><bizStep>urn:epcglobal:cbv:bizstep:commissioning</bizStep>
        </ObjectEvent></EventList></EPCISBody></epcis:EPCISDocument>"""
    )

    assert capture_document(submitter, path, "rollback").events == 1
    # The same event as JSON is the same event.
    assert world.capture(made("S1")).success
    assert world.node.store.log_size() == 1


# --- the watched folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def outcomes(handled: list[Handled]) -> list[tuple[str, str]]:
    return [(entry.path.name, entry.outcome) for entry in handled]


def look_twice(watcher: Watcher) -> list[Handled]:
    return [*watcher.look(), *watcher.look()]


def test_files_go_to_done_or_to_failed_with_their_faults(folder: Path, submitter: Submitter) -> None:
    (folder / "good.json").write_bytes(document(made("S1")))
    (folder / "bad.json").write_bytes(document(made("S2", action="LOOK")))
    (folder / "rows.csv").write_text("gtin,serial\n9506000134352,S3\n9506000134353,S4\n")

    with watch(folder, submitter, MAPPING) as watcher:
        handled = look_twice(watcher)

    assert sorted(outcomes(handled)) == [
        ("bad.json", "failed"),
        ("good.json", "done"),
        ("rows.csv", "failed"),
    ]
    assert [path.name for path in (folder / "done").iterdir()] == ["good.json"]
    assert sorted(path.name for path in (folder / "failed").iterdir()) == [
        "bad.json",
        "bad.json.errors.csv",
        "rows.csv",
        "rows.csv.errors.csv",
    ]
    assert list((folder / "working").iterdir()) == []
    assert "/epcisBody/eventList/0/action" in (folder / "failed" / "bad.json.errors.csv").read_text(
        "utf-8-sig"
    )


def test_a_file_that_still_grows_or_is_hidden_is_left_alone(folder: Path, submitter: Submitter) -> None:
    growing = folder / "day.ndjson"
    (folder / ".day.part").write_text("{")
    with watch(folder, submitter) as watcher:
        lines(growing, made("S1"))
        assert list(watcher.look()) == []
        lines(growing, made("S1"), made("S2"))
        assert list(watcher.look()) == []
        (handled,) = watcher.look()

    assert handled.message == "2 events captured, 0 warnings"
    assert (folder / ".day.part").exists()


def test_when_the_node_fails_the_file_waits_and_is_captured_later(folder: Path, submitter: Submitter) -> None:
    lines(folder / "day.ndjson", made("S1"))
    submitter.fails_at = 1
    with watch(folder, submitter) as watcher:
        with pytest.raises(StoreUnavailable):
            look_twice(watcher)
        assert [path.name for path in (folder / "working").iterdir()] == ["day.ndjson"]

        assert outcomes(list(watcher.look())) == [("day.ndjson", "done")]


@pytest.mark.parametrize("crash_after_capture", [False, True])
def test_after_a_crash_nothing_is_lost_and_nothing_captured_twice(
    world: World, folder: Path, submitter: Submitter, crash_after_capture: bool
) -> None:
    # What a killed watcher leaves: the claimed file, captured or not.
    (folder / "working").mkdir()
    claimed = folder / "working" / "doc.json"
    claimed.write_bytes(document(made("S1")))
    if crash_after_capture:
        capture(world.node, world.keys["factory"], claimed.read_bytes())

    with watch(folder, submitter) as watcher:
        assert outcomes(list(watcher.look())) == [("doc.json", "done")]
    assert world.node.store.log_size() == 1


def test_files_of_one_name_stand_beside_each_other(folder: Path, submitter: Submitter) -> None:
    with watch(folder, submitter) as watcher:
        for serial in ("S1", "S2"):
            (folder / "doc.json").write_bytes(document(made(serial)))
            look_twice(watcher)

    assert sorted(path.name for path in (folder / "done").iterdir()) == ["doc (2).json", "doc.json"]


def test_one_folder_has_one_watcher(folder: Path, submitter: Submitter) -> None:
    with watch(folder, submitter), pytest.raises(Conflict), watch(folder, submitter):
        pass


def test_a_folder_that_is_not_there_is_not_found(tmp_path: Path, submitter: Submitter) -> None:
    with pytest.raises(NotFound), watch(tmp_path / "none", submitter):
        pass


def test_warnings_are_reported_and_fail_nothing(world: World, tmp_path: Path) -> None:
    path = lines(tmp_path / "day.ndjson", seen("S1"))
    node = replace(world.node, settings=replace(world.node.settings, rules="commissioned=warn"))

    def submit(document: bytes, error_behaviour: Literal["rollback", "proceed"]) -> Captured:
        return capture_here(node, world.keys["factory"], document, error_behaviour)

    assert capture_pieces(submit, path) == Tally(1, 0, 1)
    assert failed_rows(path) == [("1", "", "warning")]
    assert SGTIN in errors_path(path).read_text("utf-8-sig")
