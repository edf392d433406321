"""What resolution reads for many requests at once, and the revision that tells whether it is still so."""

from collections.abc import Callable

import pytest

from ledger.domain.errors import Conflict, NotFound
from ledger.domain.links import LINKS_MAX
from ledger.domain.master_data import MasterData
from ledger.ports import StoredRecord
from ledger.store import SqlStore, open_store
from tests.store.test_links import FULL, link


def put_record(store: SqlStore) -> None:
    with store.append() as batch:
        batch.put_records([StoredRecord("hdl:88.1/a", 1, 0, "maker", "[]")])


WRITES: dict[str, Callable[[SqlStore], None]] = {
    "put links": lambda store: store.put_links([FULL], "maker", 1),
    "remove a link": lambda store: store.remove_link(FULL.link_id),
    "put records": put_record,
    "put master data": lambda store: store.put_master_data([MasterData("a/1", "gtin", "Tea", "茶", {})]),
}


def test_every_write_that_changes_answers_changes_the_revision_for_every_process(
    store: SqlStore, store_url: str
) -> None:
    beside, seen = open_store(store_url), set()
    for write in WRITES.values():
        write(store)
        with beside.answering() as reads:
            assert reads.revision not in seen
            seen.add(reads.revision)
            assert beside.glimpse_revision() in (None, reads.revision)
    with beside.answering() as reads:
        assert reads.revision in seen
    assert (beside.glimpse_revision() is None) is store_url.startswith("postgres")
    beside.close()


def test_a_write_that_fails_or_writes_nothing_changes_no_revision(store: SqlStore) -> None:
    with store.answering() as reads:
        before = reads.revision
    with pytest.raises(NotFound):
        store.remove_link("none")
    with pytest.raises(Conflict):
        store.put_links([link("a/1", f"{n}") for n in range(LINKS_MAX + 1)], "maker", 1)
    with store.append() as batch:  # a capture without master data
        batch.put_master_data([])
    with store.answering() as reads:
        assert reads.revision == before


def test_links_and_records_of_many_are_read_as_one_by_one(store: SqlStore) -> None:
    links = [link(f"a/{n}", name) for n in range(700) for name in ("x", "y")]
    store.put_links(links, "maker", 1)
    put_record(store)
    with store.answering() as reads:
        found = reads.links_at([f"a/{n}" for n in range(701)])
        records = reads.records(["hdl:88.1/a", "hdl:88.1/b"])
    for anchor in ("a/0", "a/699"):
        assert [one for one in found if one.anchor == anchor] == store.links_at([anchor])
    assert len(found) == 1_400
    assert records == store.records(["hdl:88.1/a"])
