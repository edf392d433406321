"""The fleet that plays carriers with outages: what it finds lost would be lost, what it counts is there."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.fleet.__main__ import Alarm, Results, Sizes, run, write_report
from bench.fleet.broker import MOSQUITTO


@pytest.mark.slow
def test_a_fleet_loses_nothing_when_broker_listener_and_network_fail(tmp_path: Path) -> None:
    if MOSQUITTO is None:
        pytest.skip("MQTT: mosquitto is not installed here")
    sizes = Sizes(20, 2400, 8, broker_restarts=1, listener_kills=1, network_cuts=1, cut_seconds=1)
    results = run("", tmp_path, sizes, lambda _line: None)
    assert results.is_whole
    assert results.stored == results.acknowledged > 100
    assert len(results.failures_ms) == 3
    assert results.alarms
    assert "| **lost** | 0 |" in write_report(results, sizes, "sqlite", tmp_path / "results")


@pytest.mark.parametrize(
    "fault", [{"lost": 1}, {"folded": 5_940}, {"unseen": 1}, {"stored": 99}, {"acknowledged": 0}]
)
def test_a_run_in_which_something_is_missing_is_not_whole(fault: dict[str, int]) -> None:
    whole = Results(acknowledged=100, stored=100, folded=6_000)
    assert whole.is_whole
    assert not replace(whole, **fault).is_whole  # type: ignore[arg-type]


def test_an_event_counts_as_late_by_a_failure_for_half_a_minute() -> None:
    alarms = [Alarm("a", 0, at_ms - 2_000, at_ms) for at_ms in (9_000, 11_000, 40_001)]
    results = Results(alarms=alarms, failures_ms=[10_000])
    assert results.latencies(undisturbed=False) == [2.0, 2.0, 2.0]
    assert results.latencies(undisturbed=True) == [2.0, 2.0]
