"""The benchmark runs and tells its ratios. How fast it is, is not for a test."""

import json
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest

from bench import print_run, queries, records, resolution
from bench.__main__ import main
from bench.documents import count_serials, make_documents, to_xml
from bench.machine import cpu_seconds, family_cpu_seconds
from bench.trade import trade_documents
from ledger.domain.event_hash import event_hashes
from ledger.domain.event_parser import parse_document
from ledger.xml import parse_xml

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
    assert set(results) == {"SQLite", "PostgreSQL"}
    for measured in results.values():
        assert (
            measured["log_size"] == 2 * 5 * 2 + 2 * 5
        )  # warming up, one EPC, a third as many with 20 and in XML
        assert all(
            capture["events_per_second"] > 0
            for captures in measured["captures"].values()
            for capture in captures
        )
        assert measured["naive"][0]["contract_calls_per_second"] > 0
    assert not multiprocessing.active_children()


def test_the_documents_in_xml_are_the_same_events_as_those_in_json() -> None:
    (document,) = make_documents(count_serials(), 1, 10, 20)

    in_xml = parse_xml(to_xml(document))

    assert not in_xml.problems
    assert b"urn:epc:id:sgtin:9506000.013435.S" in to_xml(document)
    in_json = parse_document(document)
    assert [event_hashes(event) for _, event in in_xml.events] == [
        event_hashes(event) for _, event in in_json.events
    ]


def test_the_processor_time_of_a_child_still_counts_when_it_has_ended() -> None:
    busy = "import subprocess, sys, time; subprocess.run([sys.executable, '-c', "
    busy += "'for _ in range(10_000_000): pass']); print(flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", busy], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert family_cpu_seconds(parent.pid) > 2 * cpu_seconds(parent.pid) > 0
        parent.kill()


def test_the_filled_trade_is_always_the_same_and_has_no_faults() -> None:
    documents = [parse_document(raw) for raw in trade_documents(0, 2_000)]

    assert list(trade_documents(1_000, 1_000)) == list(trade_documents(0, 2_000))[1:]
    assert not any(document.problems for document in documents)
    events = [event for document in documents for _, event in document.events]
    assert len({event.event_id for event in events}) == 2_000
    steps = {name: [event.biz_step for event in events].count(name) for name in ("shipping", "receiving")}
    assert steps == {"shipping": 400, "receiving": 400}


@pytest.mark.slow
def test_the_query_benchmark_goes_on_with_a_filled_database_and_tells_plans_and_ratios(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for events in (600, 1_000):
        keep, folder = tmp_path / "kept", tmp_path / str(events)
        arguments = [f"--events={events}", "--databases=sqlite", f"--keep={keep}", f"--results={folder}"]
        assert queries.main(arguments) == 0

    assert "ratio" in capsys.readouterr().out
    result = json.loads((tmp_path / "1000" / "queries.json").read_text())["results"]["sqlite"]
    assert result["events"] == 1_000
    assert result["filling"]["events"] == 400
    for measured in result["queries"].values():
        assert 0 < measured["service"]["p50"] <= measured["service"]["p95"]
        assert any("USING" in step for step in measured["plan"])
        assert not measured["reads_whole"]


@pytest.mark.slow
def test_a_print_job_whose_process_is_killed_on_the_way_prints_each_serial_once(tmp_path: Path) -> None:
    done = print_run.run(tmp_path, labels=420, kills=2)

    assert (done.printed.total(), done.kills) == (420, 2)
    assert done.is_whole(420)


def test_a_file_whose_writer_was_killed_is_not_on_paper(tmp_path: Path) -> None:
    (tmp_path / ".3f-000000-0.zpl.part").write_bytes(b"^XA^FDno label that anybody took^XZ")

    assert list(print_run.printed_serials(tmp_path)) == []


@pytest.mark.parametrize(
    ("step", "whole"),
    [
        ("Seq Scan on event read", True),
        ("Index Only Scan using event_by_biz_step on event read", False),
        ("Seq Scan on log_head", False),
        ("SCAN read", True),
        ("SCAN read USING INDEX event_by_time", False),
        ("SCAN page", False),
    ],
)
def test_a_plan_that_reads_a_big_table_whole_is_told_from_one_that_does_not(step: str, whole: bool) -> None:
    assert queries.reads_whole(step) is whole


def test_the_benchmark_of_records_registers_reads_and_tells_rates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--records=20", "--single=2", "--identifiers=50"]
    assert records.main([*sizes, "--results", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert told.strip() == (tmp_path / "records.md").read_text().strip()
    for name in ("SQLite: registered in batches", "PostgreSQL: registered one by one", "read: Digital Links"):
        assert name in told


@pytest.mark.slow
def test_the_benchmark_of_resolution_tells_ratios_and_leaves_nothing_running(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ["--identifiers=2000", "--seconds=0.2", "--repeats=1"]
    assert resolution.main([*sizes, "--results", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert told.strip() == (tmp_path / "resolution.md").read_text().strip()
    for name in ("bare", "Digital Links, cold", "Digital Links, hot", "handles, cold", "handles, hot"):
        assert f"| {name} |" in told
    assert not multiprocessing.active_children()
