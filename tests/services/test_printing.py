"""Print jobs: no serial is on paper twice unless reprinted with a reason, and each is recorded once."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from labels import printing
from labels.symbol import LEVELS, Symbol, encode
from ledger.domain.check_digits import check_digit
from ledger.domain.errors import Conflict, Invalid, NotAllowed, NotFound, StoreUnavailable
from ledger.domain.print_job import CHUNK_LABELS, PrintJob
from ledger.lifeline import start_child
from ledger.node import Node
from ledger.ports import Store
from ledger.printing import (
    PrintOrder,
    PrintRunner,
    SsccOrder,
    cancel_job,
    confirm_job,
    create_job,
    create_sscc_job,
    find_job,
    pause_job,
    reprint_job,
    resume_job,
)
from tests.anchoring import Faults
from tests.labels.fake_printer import FakePrinter, run_printer
from tests.labels.ipp_printer import run_ipp_printer
from tests.labels.renderers import render_pages
from tests.services.test_prove import change
from tests.services.world import World

GTIN = "09506000134352"
PREFIX = "09506000"
TOTAL = CHUNK_LABELS + 3
STEPS_MAX = 60


@dataclass
class Desk:
    """A node with a printer, and its runner."""

    world: World
    node: Node
    printer: FakePrinter
    runner: PrintRunner

    def order(self, first: str = "SN0001", count: int = TOTAL, **more: Any) -> PrintJob:
        return create_job(self.node, self.key, PrintOrder(GTIN, first, count, "dock", **more))

    def order_sscc(self, count: int, stem: str = PREFIX, **more: Any) -> PrintJob:
        return create_sscc_job(self.node, self.key, SsccOrder(stem, count, "dock", **more))

    @property
    def key(self) -> Any:
        return self.world.keys["factory"]

    def job(self, job: PrintJob) -> PrintJob:
        return find_job(self.node, self.key, job.job_id)

    def use_printer(self, address: str) -> None:
        self.node = replace(self.node, settings=replace(self.node.settings, printers=f"dock={address}"))
        self.runner = PrintRunner(self.node, send_seconds=20)

    def work(self, job: PrintJob) -> PrintJob:
        """Take steps until the job rests: done, in doubt, stopped, paused or postponed."""
        for _ in range(STEPS_MAX):
            if self.runner.step(job.job_id) not in ("printed", "recorded"):
                return self.job(job)
        raise AssertionError("the runner did not come to rest")

    def events(self) -> list[dict[str, Any]]:
        store = self.node.store
        return [json.loads(event.body or b"") for event in store.events_between(0, store.log_size())]

    def check(self, *jobs: PrintJob) -> None:
        """The promise, for jobs that are done."""
        expected = [job.serials[number] for job in jobs for number in range(job.serials.total)]
        events = self.events()
        recorded = Counter(_serials(event) for event in events if event["action"] == "ADD")
        assert Counter(s for group in recorded.elements() for s in group) == Counter(expected)
        excused = Counter(
            serial for event in events if event["action"] == "OBSERVE" for serial in _serials(event)
        )
        assert all(event["suyuan:reprintReason"] for event in events if event["action"] == "OBSERVE")
        paper = Counter(self.printer.serials())
        assert set(paper) == set(expected)
        assert not paper - Counter(expected) - excused, "on paper twice without a reason"


def _serials(event: dict[str, Any]) -> tuple[str, ...]:
    return tuple(uri.rpartition("/21/")[2] for uri in event["epcList"])


@pytest.fixture
def desk(world: World, store_url: str) -> Iterator[Desk]:
    with run_printer() as printer:
        settings = replace(world.node.settings, printers=f"dock={printer.address}", database_url=store_url)
        node = replace(world.node, settings=settings)
        yield Desk(world, node, printer, PrintRunner(node, send_seconds=5))


def test_every_label_is_printed_in_order_and_recorded(desk: Desk) -> None:
    job = desk.order(fields={"lot": "L1", "expiry": "2027-12-31"})
    done = desk.work(job)
    assert (done.state, done.start, done.problem) == ("done", TOTAL, "")
    assert 0.8 <= done.quality <= 1
    assert desk.printer.serials() == [f"SN{number:04}" for number in range(1, TOTAL + 1)]
    desk.check(job)
    assert [event["bizStep"] for event in desk.events()] == ["commissioning"] * 2
    assert [event["ilmd"] for event in desk.events()] == [{"cbvmda:lotNumber": "L1"}] * 2


def test_a_spool_folder_gets_a_file_for_each_chunk(desk: Desk, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    desk.use_printer(f"spool://{spool}")
    job = desk.order()
    assert desk.work(job).state == "done"
    files = sorted(spool.iterdir())
    assert [path.name for path in files] == [f"{job.job_id}-{n:06}-0.zpl" for n in (0, CHUNK_LABELS)]
    assert [path.read_bytes().count(b"^XZ") for path in files] == [CHUNK_LABELS, 3]


def test_a_spool_folder_gets_pdf_when_the_operator_says_so(desk: Desk, tmp_path: Path) -> None:
    desk.use_printer(f"spool://{tmp_path}?format=pdf")
    job = desk.order(count=2)
    assert desk.work(job).state == "done"
    (file,) = tmp_path.glob("*-0.pdf")
    assert _serials_on(file.read_bytes()) == ["SN0001", "SN0002"]


def test_an_ipp_printer_prints_a_job_and_what_it_refused_without_a_doubt(desk: Desk, tmp_path: Path) -> None:
    with run_ipp_printer(tmp_path) as printer:
        desk.use_printer(printer.address.uri)
        job = desk.order()
        printer.spool.rename(tmp_path / "elsewhere")
        waiting = desk.work(job)
        assert (waiting.state, waiting.position, desk.events()) == ("waiting", 0, [])
        assert "the printer refused" in waiting.problem
        (tmp_path / "elsewhere").rename(printer.spool)
        desk.world.clock.now_ms += 1_000
        assert desk.work(job).state == "done"
        documents = printer.printed()
    printed = [serial for document in documents for serial in _serials_on(document)]
    assert printed == [job.serials[number] for number in range(TOTAL)]
    assert [len(event["epcList"]) for event in desk.events()] == [CHUNK_LABELS, TOTAL - CHUNK_LABELS]


def _serials_on(document: bytes) -> list[str]:
    pages = (zxingcpp.read_barcode(page) for page in render_pages(document, 203))
    return [code.text.rpartition("/21/")[2] for code in pages if code]


def test_logistic_labels_get_the_next_ssccs_and_are_commissioned(desk: Desk, tmp_path: Path) -> None:
    desk.use_printer(f"spool://{tmp_path}?format=pdf")
    fields = {"content": "09506000134352", "count": "24", "lot": "L1"}
    cold = {
        "name_zh": "疫苗", "produced": "2026-11-15", "expiry": "2027-12-31", "lot": "L1",
        "celsius_min": "2", "celsius_max": "8", "registration_number": "1",
    }  # fmt: skip
    first = desk.order_sscc(2, fields=fields)
    second = desk.order_sscc(3, template="cold-chain-100x150", fields=cold)
    assert desk.work(first).state == "done"
    assert desk.work(second).state == "done"
    expected = [f"{PREFIX}{number:09}" for number in range(5)]
    ssccs = [f"{number}{check_digit(number)}" for number in expected]
    (logistic,), (chilled,) = (tmp_path.glob(f"{job.job_id}-*.pdf") for job in (first, second))
    pages = render_pages(logistic.read_bytes(), 203) + render_pages(chilled.read_bytes(), 203)
    for page, sscc in zip(pages, ssccs, strict=True):
        codes = zxingcpp.read_barcodes(page)
        assert {code.bytes for code in codes if code.symbology_identifier == "]C1"} >= {b"00" + sscc.encode()}
        (link,) = [code.text for code in codes if code.symbology_identifier == "]Q1"]
        assert link.partition("?")[0].endswith(f"/00/{sscc}")
    assert all("ilmd" not in event and event["action"] == "ADD" for event in desk.events())
    commissioned = [uri.rpartition("/00/")[2] for event in desk.events() for uri in event["epcList"]]
    assert commissioned == ssccs
    again = reprint_job(desk.node, desk.key, second.job_id, "torn", ssccs[3])
    assert desk.work(again).state == "done"
    assert (desk.events()[-1]["action"], desk.events()[-1]["epcList"][0][-18:]) == ("OBSERVE", ssccs[3])


def test_ssccs_are_given_once_under_longer_and_shorter_prefixes_alike(desk: Desk) -> None:
    taken = [desk.order_sscc(10), desk.order_sscc(5, stem=f"{PREFIX}0000")]
    taken += [desk.order_sscc(7, first="20"), desk.order_sscc(1)]
    numbers = [job.serials[n] for job in taken for n in range(job.serials.total)]
    assert len(set(numbers)) == 23
    assert [int(job.serials[0][-9:]) for job in taken] == [0, 10, 20, 27]
    assert desk.order_sscc(1, stem=f"1{PREFIX[1:]}").serials[0] == f"1{PREFIX[1:]}{0:09}"


def test_two_orders_at_the_same_time_get_different_ssccs(desk: Desk) -> None:
    with ThreadPoolExecutor(4) as threads:
        jobs = list(threads.map(lambda _: desk.order_sscc(2), range(8)))
    assert len({job.serials.first for job in jobs}) == 8


def test_ssccs_that_cannot_be_given_are_refused(desk: Desk) -> None:
    for stem, first, count in (
        ("0950600x", "", 1),
        ("0950", "", 1),
        ("0" * 14, "", 1),
        (PREFIX, "-1", 1),
        (PREFIX, "1234567890", 1),
        (PREFIX, "999999999", 2),
        (PREFIX, "", 0),
        (PREFIX, "", 100_001),
    ):
        with pytest.raises(Invalid):
            desk.order_sscc(count, stem=stem, first=first)
    with pytest.raises(NotAllowed, match="may not give serials"):
        desk.order_sscc(1, stem="09506001")
    desk.order_sscc(1, first="999999998")
    with pytest.raises(Conflict, match="1 serial references are left for 2 labels"):
        desk.order_sscc(2)


# ------------------------------------------------------------------ whatever is lost

MOMENTS = [(call, when) for call in range(6) for when in ("before", "after")]
"""The six saves of two chunks: claim, take, finish, claim, take, finish. Before each "finish" the events are
captured already."""


def stopped_at(desk: Desk, call: int, when: str) -> PrintRunner:
    """A runner that ends at a save, as if it was killed there."""
    seen = Counter[str]()

    def watch(name: str, moment: str) -> None:
        if name == "change_print_job":
            seen[moment] += 1
            if moment == when and seen[moment] == call + 1:
                raise StoreUnavailable("the runner was killed")

    store: Store = Faults(watch=watch).around(desk.node.store, StoreUnavailable)
    return PrintRunner(replace(desk.node, store=store), send_seconds=5)


@pytest.mark.slow
@pytest.mark.parametrize(("call", "when"), MOMENTS)
def test_stopped_at_any_save_and_put_right_by_who_looked_no_serial_is_printed_twice(
    desk: Desk, call: int, when: str
) -> None:
    job, runner = desk.order(), desk.runner
    desk.runner = stopped_at(desk, call, when)
    with pytest.raises(StoreUnavailable):
        desk.work(job)
    desk.runner = runner
    while (now := desk.work(job)).state == "doubt":
        on_paper = set(desk.printer.serials())
        chunk = {now.serials[number] for number in range(now.start, now.position)}
        assert chunk <= on_paper or not chunk & on_paper
        if chunk <= on_paper:
            confirm_job(desk.node, desk.key, job.job_id)
        else:
            reprint_job(desk.node, desk.key, job.job_id, "nothing came out")
    assert now.state == "done"
    assert Counter(desk.printer.serials()).most_common(1)[0][1] == 1
    desk.check(job)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("call", "when", "in_doubt"), [(0, "after", True), (1, "after", False), (2, "before", False)]
)
def test_a_job_goes_on_after_its_runner_was_killed(
    desk: Desk, store_url: str, call: int, when: str, in_doubt: bool
) -> None:
    job = desk.order()
    settings = desk.node.settings
    child = [sys.executable, "-m", "tests.print_child", str(settings.data_dir), store_url, settings.printers]
    assert subprocess.run([*child, job.job_id, str(call), when], check=False).returncode == -signal.SIGKILL
    now = desk.work(job)
    assert (now.state == "doubt") == in_doubt
    if in_doubt:
        assert desk.printer.serials() == []
        reprint_job(desk.node, desk.key, job.job_id, "the node was killed and nothing came out")
        now = desk.work(job)
    assert now.state == "done"
    assert Counter(desk.printer.serials()).most_common(1)[0][1] == 1
    desk.check(job)


@pytest.mark.parametrize("call", [0, 1, 4])
def test_a_chunk_in_doubt_that_is_sent_again_is_excused_by_a_recorded_reason(desk: Desk, call: int) -> None:
    job, runner = desk.order(), desk.runner
    desk.runner = stopped_at(desk, call, "after" if call == 0 else "before")
    with pytest.raises(StoreUnavailable):
        desk.work(job)
    desk.runner = runner
    assert desk.work(job).state == "doubt"
    assert desk.runner.step(job.job_id) == "idle", "it is never sent again by itself"
    reprint_job(desk.node, desk.key, job.job_id, " smeared ")
    assert desk.work(job).state == "done"
    reasons = [e["suyuan:reprintReason"] for e in desk.events() if e["action"] == "OBSERVE"]
    assert reasons == ["smeared"]
    desk.check(job)


def test_a_printer_that_closes_midway_leaves_nothing_half_recorded(desk: Desk) -> None:
    desk.printer.closes_after_labels = 7
    job = desk.order()
    doubtful = desk.work(job)
    assert (doubtful.state, doubtful.start, doubtful.position) == ("doubt", 0, CHUNK_LABELS)
    assert "broke off" in doubtful.problem
    assert "confirm them all, or reprint" in doubtful.problem
    assert desk.events() == []
    desk.printer.closes_after_labels = None
    reprint_job(desk.node, desk.key, job.job_id, "cable pulled out after 7 labels")
    assert desk.work(job).state == "done"
    desk.check(job)


def test_out_of_paper_is_shown_and_printing_goes_on_when_there_is_some(desk: Desk) -> None:
    desk.printer.faults.add("paper")
    job = desk.order()
    waiting = desk.work(job)
    assert (waiting.state, waiting.position) == ("waiting", 0)
    assert "out of paper" in waiting.problem
    assert desk.runner.due_jobs() == [], "it rests before the next attempt"
    desk.printer.faults.clear()
    desk.world.clock.now_ms += 1_000
    assert [due.job_id for due in desk.runner.due_jobs()] == [job.job_id]
    assert desk.work(job).state == "done"
    desk.check(job)


def test_an_unreachable_printer_is_named_and_tried_again_with_growing_pauses(desk: Desk) -> None:
    job = desk.order(count=1)
    desk.use_printer("tcp://127.0.0.1:1")
    pauses = []
    for _ in range(8):
        now = desk.work(job)
        pauses.append(now.due_ms - desk.world.clock.now_ms)
    assert "cannot reach 127.0.0.1:1" in now.problem
    assert pauses == [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]
    assert desk.events() == []


def test_what_is_printed_while_recording_is_refused_is_recorded_later(desk: Desk) -> None:
    job = desk.order()
    assert desk.runner.step(job.job_id) == "printed"
    desk.node.settings.halt_path.write_text("chain and store disagree")
    waiting = desk.work(job)
    assert waiting.state == "recording"
    assert "printed, but not recorded yet" in waiting.problem
    desk.node.settings.halt_path.unlink()
    assert desk.work(job).state == "done"
    desk.check(job)


@pytest.mark.slow
def test_stopped_in_the_midst_of_a_chunk_the_process_ends_and_records_it_first(desk: Desk) -> None:
    job = desk.order()
    desk.printer.prints.clear()
    settings = desk.node.settings.to_env()
    child = start_child(["-m", "ledger.deliver"], os.environ | settings, stop_seconds=60)
    stopping = threading.Thread(target=child.stop)
    try:
        _wait_until(lambda: desk.job(job).state == "printing")
        stopping.start()
        with pytest.raises(subprocess.TimeoutExpired):
            child.process.wait(0.5)
        desk.printer.prints.set()
        stopping.join()
    finally:
        desk.printer.prints.set()
        child.stop()
    now = desk.job(job)
    assert child.exit_code == 0
    assert (now.state, now.start, now.position, now.problem) == ("waiting", CHUNK_LABELS, CHUNK_LABELS, "")
    assert [len(event["epcList"]) for event in desk.events()] == [CHUNK_LABELS]
    assert desk.work(job).state == "done"
    desk.check(job)


def _wait_until(done: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_chunk_whose_event_was_erased_meanwhile_stops_its_job_and_says_so(desk: Desk) -> None:
    job, runner = desk.order(count=1), desk.runner
    desk.runner = stopped_at(desk, 2, "before")  # its event is captured, and that is not saved
    with pytest.raises(StoreUnavailable):
        desk.work(job)
    change(desk.world, "DELETE FROM event_body")
    change(desk.world, "UPDATE event SET salt = NULL")
    desk.runner = runner
    for _ in range(2):
        stopped = desk.work(job)
        assert stopped.state == "stopped"
        assert re.search("cannot be recorded: .*event urn:uuid:.* was captured, and erased", stopped.problem)
        assert runner.due_jobs() == [], "it does not keep the printer from other jobs"
        assert resume_job(desk.node, desk.key, job.job_id).state == "recording"
    assert len(desk.printer.taken) == 1


# ------------------------------------------------------------------ orders


def test_a_serial_is_given_to_one_job_only(desk: Desk) -> None:
    desk.order("SN0001", 53)
    for first, count in (("SN0053", 1), ("SN0001", 53), ("SN0000", 2)):
        with pytest.raises(Conflict, match="has some of them"):
            desk.order(first, count)
    desk.order("SN0054", 2)
    desk.order("SN00001", 2)  # another length, so other serials


def test_only_labels_on_paper_can_be_printed_again_and_only_with_a_reason(desk: Desk) -> None:
    job = desk.order()
    with pytest.raises(Invalid, match="not all among the 0 labels"):
        reprint_job(desk.node, desk.key, job.job_id, "torn", "SN0001")
    desk.work(job)
    for reason, first in (("", "SN0001"), ("torn", "SN0053x"), ("torn", "SN0054"), ("torn", "SM0001")):
        with pytest.raises(Invalid):
            reprint_job(desk.node, desk.key, job.job_id, reason, first)
    again = reprint_job(desk.node, desk.key, job.job_id, "torn", "SN0052", 2)
    assert desk.work(again).state == "done"
    assert desk.printer.serials()[-2:] == ["SN0052", "SN0053"]
    last = desk.events()[-1]
    assert (last["action"], last["bizStep"], last["suyuan:reprintReason"]) == ("OBSERVE", "encoding", "torn")
    desk.check(job)


def test_a_paused_job_begins_no_chunk_until_it_is_resumed(desk: Desk) -> None:
    job = desk.order()
    assert desk.runner.step(job.job_id) == "printed"
    pause_job(desk.node, desk.key, job.job_id)
    now = desk.work(job)
    assert (now.shown_state, now.start) == ("paused", CHUNK_LABELS), "the chunk in hand is recorded"
    assert desk.runner.due_jobs() == []
    resume_job(desk.node, desk.key, job.job_id)
    assert desk.work(job).state == "done"
    desk.check(job)


def test_a_cancelled_job_prints_no_more_and_keeps_its_serials(desk: Desk) -> None:
    job = desk.order()
    cancel_job(desk.node, desk.key, job.job_id)
    assert desk.runner.step(job.job_id) == "idle"
    with pytest.raises(Conflict):
        resume_job(desk.node, desk.key, job.job_id)
    with pytest.raises(Conflict):
        desk.order()


def test_jobs_of_one_printer_are_printed_one_after_another(desk: Desk) -> None:
    first = desk.order("A01", 3)
    desk.world.clock.now_ms += 1
    second = desk.order("B01", 3)
    assert [job.job_id for job in desk.runner.due_jobs()] == [first.job_id]
    pause_job(desk.node, desk.key, first.job_id)
    assert [job.job_id for job in desk.runner.due_jobs()] == [second.job_id]


def test_a_job_whose_key_was_revoked_stops_until_another_key_resumes_it(desk: Desk) -> None:
    job = desk.order()
    desk.node.store.revoke_api_key(job.key_id, desk.world.clock())
    stopped = desk.work(job)
    assert stopped.state == "stopped"
    assert "revoked" in stopped.problem
    assert desk.printer.taken == []


def test_a_template_that_no_longer_fits_stops_the_job_before_anything_is_sent(desk: Desk) -> None:
    folder = desk.node.settings.templates_path
    folder.mkdir()
    (folder / "own.toml").write_text((Path("labels/templates/product-50x30.toml")).read_text())
    job = desk.order(template="own")
    (folder / "own.toml").unlink()
    stopped = desk.work(job)
    assert stopped.state == "stopped"
    assert "no label template 'own'" in stopped.problem
    assert desk.printer.taken == []


Draw = Callable[[Symbol, int, int], bytes]
DRAW: Draw = printing._draw


def _draw_nothing(symbol: Symbol, module: int, row_height: int) -> bytes:
    return bytes(len(DRAW(symbol, module, row_height)))


def _draw_the_label_before(symbol: Symbol, module: int, row_height: int) -> bytes:
    before = replace(symbol.payload, text=symbol.payload.text.replace("SN0052", "SN0051"))
    alike = next(drawn for level in LEVELS if (drawn := encode(before, level)).columns == symbol.columns)
    return DRAW(alike, module, row_height)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (_draw_nothing, "cannot be read back; it should say"),
        (_draw_the_label_before, "reads back as ]Q1 b'http.*/21/SN0051', should be qr"),
    ],
    ids=["nothing", "another_serial"],
)
def test_a_label_that_reads_back_wrong_stops_the_job_before_its_chunk_is_sent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, fault: Draw, says: str
) -> None:
    def draw(symbol: Symbol, module: int, row_height: int) -> bytes:
        return (fault if symbol.payload.text.endswith("SN0052") else DRAW)(symbol, module, row_height)

    job = desk.order()
    monkeypatch.setattr(printing, "_draw", draw)  # the fault of a renderer, in the midst of the second chunk
    stopped = desk.work(job)
    assert (stopped.state, stopped.start, stopped.position) == ("stopped", CHUNK_LABELS, CHUNK_LABELS)
    assert re.fullmatch(f"serial SN0052: QR code: {says} b'http.*/21/SN0052'", stopped.problem)
    assert len(desk.printer.taken) == CHUNK_LABELS
    assert desk.runner.step(job.job_id) == "idle"
    monkeypatch.undo()
    resume_job(desk.node, desk.key, job.job_id)
    assert desk.work(job).state == "done"
    desk.check(job)


def test_a_job_keeps_the_worst_quality_of_its_labels(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw(symbol: Symbol, module: int, row_height: int) -> bytes:
        dots = DRAW(symbol, module, row_height)
        if not symbol.payload.text.endswith("SN0002"):
            return dots
        size = (symbol.columns * module, symbol.rows * row_height)
        image = Image.frombytes("1", size, dots, "raw", "1;I")
        image.paste(printing.WHITE, (size[0] // 2, size[1] // 2, size[0] * 3 // 4, size[1] * 3 // 4))
        return image.tobytes("raw", "1;I")

    monkeypatch.setattr(printing, "_draw", draw)
    done = desk.work(desk.order())
    assert done.state == "done"
    assert 0 < done.quality < 0.6


def test_orders_that_cannot_be_printed_are_refused(desk: Desk) -> None:
    node, factory, carrier = desk.node, desk.key, desk.world.keys["carrier"]
    for order, error in (
        (PrintOrder(GTIN, "SN0001", 1, "roof"), NotFound),
        (PrintOrder(GTIN, "SN0001", 1, "dock", template="none"), NotFound),
        (PrintOrder(GTIN, "SN0001", 1, "dock", dpi=72), Invalid),
        (PrintOrder(GTIN, "SN", 1, "dock"), Invalid),
        (PrintOrder(GTIN, "SN01", 100, "dock"), Invalid),
        (PrintOrder(GTIN, "SN0000001", 100_001, "dock"), Invalid),
        (PrintOrder(GTIN, "SN01", 0, "dock"), Invalid),
        (PrintOrder("09506000134353", "SN01", 1, "dock"), Invalid),
        (PrintOrder(GTIN, "SN01", 1, "dock", fields={"expiry": "soon"}), Invalid),
    ):
        with pytest.raises(error):
            create_job(node, factory, order)
    with pytest.raises(NotAllowed, match="may not give serials"):
        create_job(node, carrier, PrintOrder(GTIN, "SN01", 1, "dock"))
    job = desk.order()
    with pytest.raises(NotFound):
        find_job(node, carrier, job.job_id)
    with pytest.raises(NotAllowed):
        pause_job(node, desk.world.keys["node"], job.job_id)


def test_the_runner_prints_until_it_is_told_to_stop(desk: Desk) -> None:
    job = desk.order()
    stop = threading.Event()
    thread = threading.Thread(target=desk.runner.run, args=(stop,))
    thread.start()
    try:
        for _ in range(600):
            if desk.job(job).state == "done":
                break
            stop.wait(0.05)
    finally:
        stop.set()
        thread.join()
    desk.check(job)
