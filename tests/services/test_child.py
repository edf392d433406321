"""What the helpers of a node do alike."""

import threading

import pytest

from ledger.child import run_together


def test_a_part_that_breaks_stops_the_others_and_is_heard() -> None:
    ended: list[str] = []

    def good(stop: threading.Event) -> None:
        assert stop.wait(30)
        ended.append("good")

    def broken(_: threading.Event) -> None:
        raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError, match="a fault of ours"):
        run_together([good, broken, good], threading.Event())
    assert ended == ["good", "good"]


def test_all_run_side_by_side_until_they_are_told_to_stop() -> None:
    stop, together = threading.Event(), threading.Barrier(3)

    def part(stop: threading.Event) -> None:
        if together.wait(30) == 0:
            stop.set()
        assert stop.wait(30)

    run_together([part, part, part], stop)
    assert stop.is_set()
