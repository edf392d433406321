"""Links of identifiers: each once, one default an anchor, read by anchor and by party."""

from dataclasses import replace

import pytest

from ledger.domain.errors import Conflict, NotFound
from ledger.domain.links import LINKS_MAX, Link
from ledger.store import SqlStore

FULL = Link(
    "a/1",
    "type",
    "https://x.example/é,\"{}'\\",
    "产品",
    ("zh-CN", "en"),
    "text/html",
    ("CN", "LK"),
    True,
    True,
)


def link(anchor: str, name: str, **given: bool) -> Link:
    return Link(anchor, "type", f"https://x.example/{name}", name, **given)


def titles(links: list[Link]) -> list[str]:
    return [one.title for one in links]


def test_a_link_is_read_as_it_was_put(store: SqlStore) -> None:
    store.put_links([FULL, link("a/2", "bare")], "factory", 1)
    assert store.links_at(["a/1"]) == [FULL]
    assert store.link(FULL.link_id) == FULL
    assert store.link("none") is None
    assert store.links_at(["a/3"]) == store.links_at([]) == []


def test_a_link_takes_the_place_of_the_one_with_its_id(store: SqlStore) -> None:
    changed = replace(FULL, title="another", contexts=(), is_default=False)
    store.put_links([FULL], "factory", 1)
    store.put_links([changed], "owner now", 2)
    assert store.links_at(["a/1"]) == [changed]
    assert store.links_of("factory", after="", limit=9) == []
    assert store.links_of("owner now", after="", limit=9) == [changed]


def test_an_anchor_has_one_default_and_it_is_the_newest(store: SqlStore) -> None:
    store.put_links([link("a", "old", is_default=True), link("b", "other", is_default=True)], "factory", 1)
    store.put_links([link("a", "new", is_default=True), link("a", "plain")], "factory", 2)
    defaults = [one for one in store.links_at(["a", "b"]) if one.is_default]
    assert titles(defaults) == ["other", "new"]
    assert len(store.links_at(["a"])) == 3


def test_an_anchor_with_too_many_links_is_refused_whole(store: SqlStore) -> None:
    store.put_links([link("a", str(n)) for n in range(LINKS_MAX)], "factory", 1)
    with pytest.raises(Conflict, match="more than 100 links"):
        store.put_links([link("b", "first"), link("a", "one more")], "factory", 2)
    assert store.links_at(["b"]) == []
    store.put_links([link("a", "7")], "factory", 3)
    assert len(store.links_at(["a"])) == LINKS_MAX


def test_the_links_of_a_party_come_in_pages(store: SqlStore) -> None:
    links = [link(anchor, name) for anchor in ("b", "a", "C") for name in "123"]
    store.put_links(links, "factory", 1)
    store.put_links([link("a", "4")], "carrier", 1)
    found: list[Link] = []
    while page := store.links_of("factory", after=found[-1].link_id if found else "", limit=2):
        found += page
    assert found == sorted(links, key=lambda one: (one.anchor, one.link_id))


def test_a_removed_link_is_gone(store: SqlStore) -> None:
    store.put_links([FULL], "factory", 1)
    store.remove_link(FULL.link_id)
    assert store.links_at(["a/1"]) == []
    with pytest.raises(NotFound, match="there is none with this id"):
        store.remove_link(FULL.link_id)
