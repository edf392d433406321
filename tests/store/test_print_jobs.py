"""Print jobs: a serial stands in one job, and no change is lost to another."""

from dataclasses import replace

import pytest

from ledger.domain.errors import Conflict, NotFound
from ledger.domain.print_job import PrintJob, Serials, claim, pause
from ledger.store import SqlStore

JOB = PrintJob(
    job_id="j1",
    party_id="maker",
    key_id=b"key",
    printer="dock",
    template="product-50x30",
    fields='{"name_zh": "苗"}',
    dpi=203,
    gtin="09506000134352",
    serials=Serials("SN", 18, 10**18 - 100_000, 100_000),
    reprint_of="",
    reason="",
    created_ms=1_000,
)


def other(job_id: str, **changes: object) -> PrintJob:
    return replace(JOB, job_id=job_id, **changes)  # type: ignore[arg-type]


def test_a_job_is_kept_as_it_was_given(store: SqlStore) -> None:
    store.add_print_job(JOB)
    assert store.print_job("j1") == JOB
    assert store.print_job("j2") is None


def test_a_serial_stands_in_one_job_unless_it_is_printed_again(store: SqlStore) -> None:
    store.add_print_job(JOB)
    end = JOB.serials.first + JOB.serials.total
    with pytest.raises(Conflict, match="print job j1 has some of them"):
        store.add_print_job(other("j2", serials=Serials("SN", 18, end - 1, 1)))
    with pytest.raises(Conflict):
        store.add_print_job(other("j2", serials=Serials("SN", 18, JOB.serials.first - 1, 2)))
    store.add_print_job(other("j3", reprint_of="j1", reason="torn"))
    store.add_print_job(other("j4", serials=Serials("SN", 18, JOB.serials.first - 1, 1)))
    store.add_print_job(other("j5", serials=Serials("SN", 17, 1, 9)))
    store.add_print_job(other("j6", gtin="09506000134369"))


def test_a_change_of_a_job_that_was_changed_meanwhile_is_refused(store: SqlStore) -> None:
    store.add_print_job(JOB)
    paused = store.change_print_job(JOB, pause(JOB))
    with pytest.raises(NotFound, match="not as it was"):
        store.change_print_job(JOB, claim(JOB, 1.0))
    assert store.print_job("j1") == paused == replace(JOB, paused=True, revision=1)


def test_active_jobs_are_the_oldest_first_and_listed_jobs_the_newest(store: SqlStore) -> None:
    for number, state in enumerate(
        ("done", "waiting", "doubt", "printing", "recording", "stopped", "cancelled")
    ):
        job = other(f"j{number}", created_ms=number // 2, gtin=f"{number}", state=state)
        store.add_print_job(replace(job, party_id="maker" if number % 2 else "shop"))
    assert [job.job_id for job in store.active_print_jobs(limit=9)] == ["j1", "j3", "j4"]
    listed: list[str] = []
    while page := store.print_jobs(party_id=None, after=listed[-1] if listed else "", limit=3):
        listed += [job.job_id for job in page]
    assert listed == ["j6", "j5", "j4", "j3", "j2", "j1", "j0"]
    assert [job.job_id for job in store.print_jobs(party_id="shop", after="j4", limit=9)] == ["j2", "j0"]


def test_one_process_at_a_time_prints(store: SqlStore) -> None:
    with store.hold_print_lock() as alone, store.hold_print_lock() as second:
        assert (alone, second) == (True, False)
