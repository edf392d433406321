"""Bundles: the proof of one event, and the complete history of one item.

Everything is proved against the newest final anchor. A bundle is made from what the store
holds, checked here only as far as needed to be of one moment; whether it is true is for
`ledger.verify` to say, which a tampered store cannot convince.
"""

import json

from ledger.archive import refuse_archived
from ledger.domain import item_map, merkle
from ledger.domain.bundle import EVENTS_MAX, Bundle, IdsProof, ItemProof, Placement, ProvenEvent
from ledger.domain.commitment import LeafEntry, item_key
from ledger.domain.errors import NotFound, NotYetAnchored
from ledger.domain.identifiers import parse_identifier
from ledger.domain.merkle import Frontier
from ledger.node import Node
from ledger.ports import AnchorRecord, AnchorState, StoredEvent

_ATTEMPTS = 5
"""How often the map may move under us, when anchors become final, before we say so."""


def prove_item(node: Node, text: str) -> bytes:
    """The bundle of all events of an item, or of its absence, as of the newest final anchor.

    Events that are erased or archived are withheld in it: it proves that they stood there.
    Raises Invalid for a wrong identifier and NotYetAnchored before the first final anchor.
    """
    uri = parse_identifier(text).uri
    key = item_key(uri)
    for _ in range(_ATTEMPTS):
        record = _newest_final(node)
        frontier = node.store.item_frontiers([key]).get(key, Frontier())
        value, proof = item_map.prove(key, node.store.read_tiles)
        events = node.store.item_events(key, record.anchor.size, limit=EVENTS_MAX)
        if _newest_final(node).anchor.number == record.anchor.number:
            break
    else:
        raise NotYetAnchored("anchors become final faster than the proof is made: ask again")
    known = value is not None
    item = ItemProof(key, frontier.size if known else 0, frontier.root if known else None, proof)
    return _bundle(node, uri, item, record, events)


def prove_event(node: Node, event_id: str) -> bytes:
    """The bundle of one event; of its newest error declaration where it was declared in error.

    Raises NotFound for an event that is unknown or erased, Archived, and NotYetAnchored.
    """
    found = node.store.events_by_id(event_id)
    if not found:
        raise NotFound(f"no event {event_id} was captured here")
    record = _newest_final(node)
    anchored = [event for event in found if event.log_index < record.anchor.size]
    if not anchored:
        raise NotYetAnchored(f"event {event_id} is captured and waits for the next anchor")
    refuse_archived(anchored[-1:])
    if anchored[-1].body is None:
        raise NotFound(f"event {event_id} was erased; the histories of its items still prove that it stood")
    return _bundle(node, event_id, None, record, anchored[-1:])


def _newest_final(node: Node) -> AnchorRecord:
    record = node.store.newest_anchor(AnchorState.FINAL)
    if record is None:
        raise NotYetAnchored("no anchor is final yet: ask again in a few seconds")
    return record


def _bundle(
    node: Node, subject: str, item: ItemProof | None, record: AnchorRecord, events: list[StoredEvent]
) -> bytes:
    assert record.tx_hash is not None
    assert record.block is not None
    read = merkle.reader(node.store.read_hashes)
    return Bundle(
        subject=subject,
        item=item,
        anchor=record.anchor,
        anchor_hash=record.anchor.hash,
        placement=Placement(record.tx_hash, record.block.number, record.block.hash),
        checkpoint=record.note,
        events=tuple(_proven(node, item, event, record.anchor.size, read) for event in events),
    ).to_bytes()


def _proven(
    node: Node, item: ItemProof | None, event: StoredEvent, size: int, read: merkle.ReadHashes
) -> ProvenEvent:
    entry = LeafEntry(
        commitment=event.commitment,
        recorded_at_ms=event.recorded_at_ms,
        submitter_key_id=event.submitter_key_id,
        ids_count=event.ids_count,
        ids_root=event.ids_root,
    )
    withheld = event.body is None or event.salt is None
    return ProvenEvent(
        index=event.log_index,
        entry=entry,
        body=None if event.body is None or withheld else json.loads(event.body),
        salt=None if withheld else event.salt,
        ids=_ids_proof(node, item, event) if withheld and item else None,
        path=tuple(merkle.inclusion_path(event.log_index, size, read)),
    )


def _ids_proof(node: Node, item: ItemProof, event: StoredEvent) -> IdsProof:
    keys = sorted({link.key for link in node.store.event_links(event.log_index)})
    leaves = [merkle.leaf_hash(key) for key in keys]

    def read(level: int, index: int) -> bytes:
        return merkle.tree_root(leaves[index << level : (index + 1) << level])

    index = keys.index(item.key)
    return IdsProof(index, tuple(merkle.inclusion_path(index, len(leaves), read)))
