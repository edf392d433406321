"""Scans of labels: limited, kept for a time, read in order."""

from ledger.domain.label_scans import LabelScan, Place
from ledger.store import SqlStore
from tests.store.samples import digest

PHONE, OTHER = digest("phone")[:16], digest("other")[:16]
MINUTE = 60_000


def scan(at_ms: int, device: bytes = b"", place: Place = Place()) -> LabelScan:  # noqa: B008 (frozen)
    return LabelScan(at_ms, place, "public", device)


def add(store: SqlStore, uri: str, *scans: LabelScan, **given: int) -> list[bool]:
    limits = {"minute_max": 100, "kept_max": 100, "kept_from_ms": 0} | given
    return [store.add_label_scan(uri, one, digest(uri, n)[:8], **limits) for n, one in enumerate(scans)]


def test_scans_are_read_in_order_of_time_with_all_they_hold(store: SqlStore) -> None:
    here = LabelScan(2_000, Place("CN-31", 31.2, -121.5), "staff", PHONE)
    assert add(store, "item:a", here, scan(1_000), scan(3_000)) == [True] * 3
    add(store, "item:b", scan(1_500))

    assert store.label_scans("item:a", limit=9) == [scan(1_000), here, scan(3_000)]
    assert store.label_scans("item:a", limit=2) == [here, scan(3_000)]
    assert store.label_scans("item:c", limit=9) == []
    assert store.first_label_scan_ms("item:a") == 1_000
    assert store.first_label_scan_ms("item:c") is None


def test_a_device_is_counted_so_many_times_a_minute(store: SqlStore) -> None:
    scans = [scan(MINUTE, PHONE), scan(MINUTE + 1, PHONE), scan(MINUTE + 2, PHONE), scan(MINUTE + 3, OTHER)]
    later = [scan(2 * MINUTE, PHONE), scan(2 * MINUTE + 1, PHONE)]
    assert add(store, "item:a", *scans, *later, minute_max=2) == [True, True, False, True, True, True]
    assert len(store.label_scans("item:a", limit=9)) == 5


def test_two_scans_in_one_millisecond_are_two(store: SqlStore) -> None:
    assert add(store, "item:a", scan(1), scan(1)) == [True, True]
    assert len(store.label_scans("item:a", limit=9)) == 2


def test_the_first_and_the_newest_scans_are_kept(store: SqlStore) -> None:
    add(store, "item:a", *(scan(at) for at in range(10)), kept_max=4)
    add(store, "item:b", *(scan(at) for at in range(3)), kept_max=4)
    assert [one.at_ms for one in store.label_scans("item:a", limit=99)] == [0, 7, 8, 9]
    assert len(store.label_scans("item:b", limit=99)) == 3


def test_old_scans_go(store: SqlStore) -> None:
    add(store, "item:a", scan(1_000), scan(2_000))
    add(store, "item:b", scan(3_000), kept_from_ms=2_000)
    assert [one.at_ms for one in store.label_scans("item:a", limit=9)] == [2_000]


def test_items_that_were_scanned_more_than_once_are_listed_in_pages(store: SqlStore) -> None:
    for name in ("c", "a", "B"):
        add(store, f"item:{name}", scan(1), scan(2))
    add(store, "item:once", scan(1))
    assert store.scanned_uris(after="", limit=9) == ["item:B", "item:a", "item:c"]
    assert store.scanned_uris(after="item:B", limit=1) == ["item:a"]
