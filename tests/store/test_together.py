"""Work of several threads on the log, done in one transaction where it waits together."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from ledger.domain.errors import Conflict, StoreUnavailable
from ledger.ports import Append
from ledger.store import SqlStore, together
from tests.store.samples import event, link

Do = Callable[[Append], Any]


def add_one(name: str) -> Do:
    """Work that appends an event with this eventID, and tells in which transaction."""

    def do(batch: Append) -> Append:
        batch.add([(event(batch.size, name, recorded_at_ms=1_700_000_000_000), [link(name)])])
        return batch

    return do


def do_at_once(store: SqlStore, *work: Do) -> list[Future[Any]]:
    """All of it, after it has waited together for the log."""
    with ThreadPoolExecutor(len(work)) as threads, store.append():
        futures = []
        for number, do in enumerate(work, start=1):
            futures.append(threads.submit(store.append_together, do))
            wait_until(lambda number=number: len(store._together._waiting) == number)  # type: ignore[misc]
    return futures


def wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.001)


def in_log(store: SqlStore) -> list[str]:
    return [found.identity.event_id for found in store.events_between(0, store.log_size())]


def test_what_waits_together_is_done_in_one_transaction_in_turn(store: SqlStore) -> None:
    futures = do_at_once(store, *(add_one(f"urn:{n}") for n in range(8)))
    assert len({id(future.result()) for future in futures}) == 1
    assert in_log(store) == [f"urn:{n}" for n in range(8)]
    assert [index for index, _ in store.item_links(link("urn:5").key, 8)] == [5]


def test_a_transaction_takes_no_more_than_fits(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "_EVENTS_MAX", 3)
    batches = [future.result() for future in do_at_once(store, *(add_one(f"urn:{n}") for n in range(8)))]
    assert [batch.size for batch in batches] == [3, 3, 3, 6, 6, 6, 8, 8]
    assert len(in_log(store)) == 8


def test_work_that_fails_before_it_appends_fails_alone(store: SqlStore) -> None:
    def fail(_: Append) -> None:
        raise ZeroDivisionError

    before, failed, after = do_at_once(store, add_one("urn:a"), fail, add_one("urn:b"))
    assert before.result() is after.result()
    with pytest.raises(ZeroDivisionError):
        failed.result()
    assert in_log(store) == ["urn:a", "urn:b"]


@pytest.mark.parametrize("others", [0, 2])
def test_of_work_that_fails_half_way_nothing_stays(store: SqlStore, others: int) -> None:
    def fail(batch: Append) -> None:
        add_one("urn:half")(batch)
        raise ZeroDivisionError

    failed, *done = do_at_once(store, fail, *(add_one(f"urn:{n}") for n in range(others)))
    with pytest.raises(ZeroDivisionError):
        failed.result()
    for future in done:
        future.result()
    assert in_log(store) == [f"urn:{n}" for n in range(others)]


def test_of_two_that_say_the_same_one_is_refused(store: SqlStore) -> None:
    first, second, other = do_at_once(store, add_one("urn:a"), add_one("urn:a"), add_one("urn:b"))
    first.result()
    other.result()
    with pytest.raises(Conflict, match="event_id"):
        second.result()
    assert in_log(store) == ["urn:a", "urn:b"]


def test_when_the_log_cannot_be_opened_that_is_told_and_later_work_is_done(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise StoreUnavailable("store: gone")

    with monkeypatch.context() as patch:
        patch.setattr(store._together, "_append", away)
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="gone"):
                store.append_together(add_one("urn:a"))
    store.append_together(add_one("urn:c"))
    assert in_log(store) == ["urn:c"]


def test_nobody_waits_for_ever(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "WAIT_SECONDS", 0.05)
    started, go_on = threading.Event(), threading.Event()

    def take_long(batch: Append) -> None:
        started.set()
        assert go_on.wait(10)
        add_one("urn:slow")(batch)

    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(store.append_together, take_long)
        assert started.wait(10)
        with pytest.raises(StoreUnavailable, match="try again"):
            store.append_together(add_one("urn:late"))
        go_on.set()
        slow.result()
    assert in_log(store) == ["urn:slow"]


def test_many_threads_at_once_leave_no_gap_and_lose_nothing(store: SqlStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(lambda n: store.append_together(add_one(f"urn:{n}")), range(200)))
    assert len(done) == 200
    assert sorted(in_log(store)) == sorted(f"urn:{n}" for n in range(200))
