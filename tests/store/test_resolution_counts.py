"""Sums of resolutions: every process adds to them, hours go in time, and the sums since ever stay."""

from dataclasses import replace

from ledger.domain.resolution_counts import BOUNDS_US, NOTHING, Counted, Tally, class_of
from ledger.store import SqlStore, open_store

FOUND = Counted("gs1", "9506000", "gs1", "local", "found")
OTHER = FOUND._replace(prefix='a"\\,{}', source="cached")
HOUR = 1_795_363_200


def tally(*latencies_us: int) -> Tally:
    classes = [0] * len(NOTHING.classes)
    for latency in latencies_us:
        classes[class_of(latency)] += 1
    return Tally(len(latencies_us), sum(latencies_us), tuple(classes))


def test_processes_add_to_the_same_sums(store: SqlStore, store_url: str) -> None:
    beside = open_store(store_url)
    store.add_resolutions({FOUND: tally(1, 600), OTHER: tally(9)}, HOUR, kept_from_s=0)
    beside.add_resolutions({FOUND: tally(30_000_000)}, HOUR, kept_from_s=0)
    beside.add_resolutions({FOUND: tally(5)}, HOUR + 3600, kept_from_s=0)
    beside.close()

    assert store.resolutions(HOUR, HOUR + 1) == {FOUND: tally(1, 600, 30_000_000), OTHER: tally(9)}
    assert store.resolutions(HOUR + 1, HOUR + 7200) == {FOUND: tally(5)}
    assert store.resolutions_by_hour(0, HOUR + 7200) == {HOUR: 4, HOUR + 3600: 1}
    assert list(store.most_resolved(limit=1).items()) == [(FOUND, tally(1, 600, 30_000_000, 5))]
    assert store.resolutions_ever() == {
        FOUND._replace(prefix=""): tally(1, 600, 30_000_000, 5),
        OTHER._replace(prefix=""): tally(9),
    }


def test_sums_are_read_of_some_prefixes(store: SqlStore) -> None:
    store.add_resolutions({FOUND: tally(1), OTHER: tally(2)}, HOUR, kept_from_s=0)
    many = {"gs1": [*map(str, range(1000)), OTHER.prefix], "oid": ["9506000"]}
    assert store.resolutions(HOUR, HOUR + 1, prefixes=many) == {OTHER: tally(2)}
    assert store.resolutions_by_hour(HOUR, HOUR + 1, prefixes=many) == {HOUR: 1}
    assert store.resolutions(HOUR, HOUR + 1, prefixes={}) == {}


def test_old_hours_go_and_their_sum_stays(store: SqlStore) -> None:
    store.add_resolutions({FOUND: tally(1)}, HOUR, kept_from_s=0)
    store.add_resolutions({FOUND: tally(2)}, HOUR + 3600, kept_from_s=HOUR + 1)
    assert store.resolutions_by_hour(0, HOUR + 7200) == {HOUR + 3600: 1}
    assert store.resolutions_ever() == {FOUND._replace(prefix=""): tally(1, 2)}


def test_a_share_is_answered_within_the_bound_that_is_told() -> None:
    quick = tally(*[400] * 98, 501, 20_000_000)
    assert (quick.bound_us(0.5), quick.bound_us(0.98), quick.bound_us(0.99)) == (500, 500, 1000)
    assert quick.bound_us(1) is None
    assert NOTHING.bound_us(0.5) is None
    assert tally(BOUNDS_US[-1]).bound_us(1) == BOUNDS_US[-1]
    assert replace(quick) == quick + NOTHING
