"""The benchmark runs and tells its ratios. How fast it is, is not for a test."""

import json
import multiprocessing
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.documents import count_serials, make_documents
from ledger.domain.event_parser import parse_document

TINY = ["--documents=2", "--events-per-document=5", "--connections=2", "--naive-txs=3", "--repeats=1"]


@pytest.mark.parametrize("epcs_per_event", [1, 20])
def test_the_benchmark_sends_correct_events_with_the_links_that_it_counts(epcs_per_event: int) -> None:
    documents = [parse_document(raw) for raw in make_documents(count_serials(), 2, 10, epcs_per_event)]

    assert not any(document.problems for document in documents)
    events = [event for document in documents for _, event in document.events]
    assert len({event.event_id for event in events}) == 20
    assert {len(event.items()) for event in events} == {epcs_per_event + 1}
    assert {event.biz_step for event in events} == {"commissioning", "shipping"}


@pytest.mark.slow
def test_the_benchmark_prints_its_ratios_keeps_its_figures_and_leaves_nothing_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TINY, "--results", str(tmp_path)]) == 0

    assert "ratio" in capsys.readouterr().out
    results = json.loads((tmp_path / "capture.json").read_text())["results"]
    assert results["log_size"] == 2 * 5 * 2 + 5  # warming up, one EPC, and a third as many with 20
    assert all(
        capture["events_per_second"] > 0 for captures in results["captures"].values() for capture in captures
    )
    assert results["naive"][0]["contract_calls_per_second"] > 0
    assert not multiprocessing.active_children()
