"""Audit: read every fact again and say where the store, the log and the chain disagree.

The caches (log nodes, map tiles, mini-logs) are not believed: roots are computed from the events
and compared with what the anchors say and what the chain holds. Memory grows with the number of
items; about 10,000 links a second.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ledger.domain import canonical_json, item_map
from ledger.domain.anchor import NO_ANCHOR
from ledger.domain.bundle import item_uris
from ledger.domain.commitment import LeafEntry, commit, ids_root, item_key, link_leaf, map_value
from ledger.domain.errors import Invalid
from ledger.domain.item_map import Tile
from ledger.domain.merkle import Frontier
from ledger.domain.records import RECORD_CHANGE, change_body, read_kept
from ledger.ports import AnchorRecord, AnchorState, Chain, RecordedMonth, Store, StoredEvent, StoredRecord

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement: where it is, and what was found against what was expected."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass
class _Replay:
    """Log and item map as they grow when the events are read again."""

    log: Frontier = field(default_factory=Frontier)
    items: dict[bytes, Frontier] = field(default_factory=dict)
    tiles: dict[str, Tile] = field(default_factory=dict)
    map_root: bytes = item_map.ABSENT
    records: dict[str, int] = field(default_factory=dict)
    """Where the newest change of each identifier's record stands."""

    def add(self, events: Sequence[StoredEvent], keys: Sequence[set[bytes]]) -> None:
        self.log = self.log.extended(event.leaf_hash for event in events)
        touched = set[bytes]().union(*keys)
        for event, keys_of_event in zip(events, keys, strict=True):
            link = link_leaf(event.log_index, event.leaf_hash)
            for key in keys_of_event:
                self.items[key] = self.items.get(key, Frontier()).extended([link])
        changes = {key: map_value(self.items[key].size, self.items[key].root) for key in touched}
        update = item_map.update(changes, self._read_tiles)
        self.tiles.update(update.tiles)
        self.records.update(filter(None, map(_changed_record, events)))
        self.map_root = update.root

    def _read_tiles(self, prefixes: Sequence[str]) -> dict[str, Tile]:
        return {prefix: self.tiles[prefix] for prefix in prefixes if prefix in self.tiles}


def audit(store: Store, chain: Chain | None) -> Iterator[Finding]:
    """All disagreements, in the order of the log; none when all is well.

    Without a chain the anchors are only checked against the events and each other. Of an archived
    event all is checked but its body.
    """
    replay, previous = _Replay(), NO_ANCHOR
    archived = [month for month in store.months() if month.archived]
    for record in _final_anchors(store):
        yield from _replay_to(store, replay, record.anchor.size, archived)
        yield from _check_anchor(record, replay, previous)
        if chain is not None:
            yield from _check_chain(record, chain)
        previous = record.anchor.hash
    yield from _replay_to(store, replay, store.log_size(), archived)
    yield from _check_records(store, replay.records)
    for key, log_index in store.loose_links(_PAGE):
        yield Finding(f"link of item {key.hex()} to event {log_index}", "the item or the event is not there")


def _final_anchors(store: Store) -> Iterator[AnchorRecord]:
    start = 1
    while page := store.anchors(start=start, limit=_PAGE):
        yield from (record for record in page if record.state is AnchorState.FINAL)
        start += len(page)


def _replay_to(
    store: Store, replay: _Replay, size: int, archived: Sequence[RecordedMonth]
) -> Iterator[Finding]:
    while replay.log.size < size:
        start, stop = replay.log.size, min(size, replay.log.size + _PAGE)
        events = store.events_between(start, stop)
        if [event.log_index for event in events] != list(range(start, stop)):
            yield Finding(f"events {start} to {stop - 1}", f"only {len(events)} of them are in the store")
            return
        keys = _linked_keys(store, start, stop)
        for event, keys_of_event in zip(events, keys, strict=True):
            yield from _check_event(event, keys_of_event, archived)
        replay.add(events, keys)


def _linked_keys(store: Store, start: int, stop: int) -> list[set[bytes]]:
    """The item keys that the index rows give each event."""
    keys: list[set[bytes]] = [set() for _ in range(start, stop)]
    for key, log_index in store.links_between(start, stop):
        keys[log_index - start].add(key)
    return keys


def _check_event(
    event: StoredEvent, linked: set[bytes], archived: Sequence[RecordedMonth]
) -> Iterator[Finding]:
    where = f"event {event.log_index} ({event.identity.event_id})"
    entry = LeafEntry(
        event.commitment, event.recorded_at_ms, event.submitter_key_id, event.ids_count, event.ids_root
    )
    if entry.hash != event.leaf_hash:
        yield Finding(where, f"leaf hash is {event.leaf_hash.hex()}, its fields give {entry.hash.hex()}")
    if (len(linked), ids_root(linked)) != (event.ids_count, event.ids_root):
        yield Finding(where, "the index lists it under other items than the leaf commits to")
    if event.archived and not any(month.start <= event.log_index < month.stop for month in archived):
        yield Finding(where, "its body is gone, and it was neither erased nor archived")
    if event.body is None or event.salt is None:
        return
    if commit(event.salt, event.body) != event.commitment:
        yield Finding(where, "body and salt do not give the commitment: the body was changed")
    elif {item_key(uri) for uri in _uris(event.body)} != linked:
        yield Finding(where, "the body names other identifiers than the leaf commits to")


def _uris(body: bytes) -> set[str]:
    try:
        value = canonical_json.parse(body)
    except Invalid:
        return set()
    return item_uris(value) if isinstance(value, dict) else set()


def _changed_record(event: StoredEvent) -> tuple[str, int] | None:
    """Whose record the entry changes, going by its body, and where it stands; None for an event."""
    if event.event_type != RECORD_CHANGE or event.body is None:
        return None
    uris = _uris(event.body)
    return (uris.pop(), event.log_index) if len(uris) == 1 else None


def _check_records(store: Store, newest: dict[str, int]) -> Iterator[Finding]:
    """Whether the records that are served are what their newest entries say."""
    missing, last = dict(newest), ""
    while page := store.records_after(last, limit=_PAGE):
        entries = {event.log_index: event for event in store.events_at([row.log_index for row in page])}
        for row in page:
            where = f"record of {row.uri}"
            at, entry = missing.pop(row.uri, None), entries.get(row.log_index)
            if entry is not None and entry.event_type == RECORD_CHANGE and entry.body is None:
                continue  # erased: nothing is left to compare with
            if at is None:
                yield Finding(where, "no entry of the log says so")
            elif at != row.log_index:
                yield Finding(where, f"is of entry {row.log_index}, its newest change is entry {at}")
            elif entry is None or not _is_said(row, entry):
                yield Finding(where, f"says otherwise than its newest change, entry {at}")
        last = page[-1].uri
    for uri, at in sorted(missing.items()):
        yield Finding(f"record of {uri}", f"is not in the store, but was changed in entry {at}")


def _is_said(row: StoredRecord, entry: StoredEvent) -> bool:
    try:
        kept = read_kept(row.kept)
    except (Invalid, ValueError, KeyError, TypeError):
        return False
    return change_body(entry.identity.event_id, row.uri, row.version, kept) == entry.body


def _check_anchor(record: AnchorRecord, replay: _Replay, previous: bytes) -> Iterator[Finding]:
    anchor, where = record.anchor, f"anchor {record.anchor.number}"
    if (replay.log.size, replay.log.root) != (anchor.size, anchor.log_root):
        yield Finding(where, f"log root is {anchor.log_root.hex()}, the events give {replay.log.root.hex()}")
    if replay.map_root != anchor.map_root:
        yield Finding(where, f"map root is {anchor.map_root.hex()}, the events give {replay.map_root.hex()}")
    if anchor.previous != previous:
        yield Finding(where, "it does not follow the anchor before it")


def _check_chain(record: AnchorRecord, chain: Chain) -> Iterator[Finding]:
    anchor, where = record.anchor, f"anchor {record.anchor.number}"
    held = chain.anchor_hash(anchor.log_id, anchor.number)
    if held is None:
        yield Finding(where, "the chain has no such anchor")
    elif held != anchor.hash:
        yield Finding(where, f"the chain holds {held.hex()}, the store {anchor.hash.hex()}")
