"""The bundle: one file that proves an event, or the complete history of an item.

A bundle is canonical JSON (RFC 8785) and carries nothing that verification does not check:
no field is optional, nothing unknown is allowed, and there is one way to write each value.
Example and field list: ledger/FORMATS.md.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ledger.domain import canonical_json
from ledger.domain.anchor import Anchor
from ledger.domain.commitment import LeafEntry
from ledger.domain.errors import Invalid
from ledger.domain.item_map import ABSENT, KEY_BITS, Leaf, MapProof

FORMAT = "suyuan-bundle/1"
BYTES_MAX = 64 * 1024 * 1024
EVENTS_MAX = 100_000
PATH_MAX = 64

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class IdsProof:
    """Where the item's key stands among a withheld event's identifiers."""

    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ProvenEvent:
    """One event of the log. Body and salt are None together when they are withheld or erased."""

    index: int
    entry: LeafEntry
    body: Mapping[str, Any] | None
    salt: bytes | None
    ids: IdsProof | None  # of a withheld event only: a body names its identifiers itself
    path: tuple[bytes, ...]  # inclusion path in the log


@dataclass(frozen=True, slots=True)
class ItemProof:
    """What the item map says of the item: how many events it has, and the root over them."""

    key: bytes
    size: int
    root: bytes | None  # None when the map has no such item
    proof: MapProof


@dataclass(frozen=True, slots=True)
class Placement:
    """Where on chain the anchor is."""

    tx_hash: bytes
    block_number: int
    block_hash: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    subject: str  # the item's identifier URI, or the eventID
    item: ItemProof | None  # None in the bundle of a single event
    anchor: Anchor
    anchor_hash: bytes
    placement: Placement
    checkpoint: str  # signed note
    events: tuple[ProvenEvent, ...]

    def to_bytes(self) -> bytes:
        """The bundle file."""
        return canonical_json.encode(_bundle_json(self))


def _hex_or_none(raw: bytes | None) -> str | None:
    return None if raw is None else raw.hex()


def _bundle_json(bundle: Bundle) -> dict[str, Any]:
    anchor, placement = bundle.anchor, bundle.placement
    return {
        "format": FORMAT,
        "subject": {"event" if bundle.item is None else "item": bundle.subject},
        "anchor": {
            "chainId": anchor.chain_id,
            "contract": anchor.contract.hex(),
            "logId": anchor.log_id.hex(),
            "number": anchor.number,
            "previous": anchor.previous.hex(),
            "size": anchor.size,
            "logRoot": anchor.log_root.hex(),
            "mapRoot": anchor.map_root.hex(),
            "hash": bundle.anchor_hash.hex(),
            "tx": placement.tx_hash.hex(),
            "block": {"number": placement.block_number, "hash": placement.block_hash.hex()},
        },
        "checkpoint": bundle.checkpoint,
        "map": None if bundle.item is None else _item_json(bundle.item),
        "events": [_event_json(event) for event in bundle.events],
    }


def _item_json(item: ItemProof) -> dict[str, Any]:
    other = item.proof.other
    return {
        "key": item.key.hex(),
        "size": item.size,
        "root": _hex_or_none(item.root),
        "siblings": [_hex_or_none(sibling) for sibling in item.proof.siblings],
        "other": None if other is None else {"key": other.key.hex(), "value": other.value.hex()},
    }


def _event_json(event: ProvenEvent) -> dict[str, Any]:
    entry = event.entry
    return {
        "index": event.index,
        "leaf": {
            "commitment": entry.commitment.hex(),
            "recordedAt": entry.recorded_at_ms,
            "submitter": entry.submitter_key_id.hex(),
            "idsCount": entry.ids_count,
            "idsRoot": entry.ids_root.hex(),
        },
        "body": event.body,
        "salt": _hex_or_none(event.salt),
        "ids": None
        if event.ids is None
        else {"index": event.ids.index, "path": [node.hex() for node in event.ids.path]},
        "path": [node.hex() for node in event.path],
    }


# ----------------------------------------------------------------------------- reading


def read_bundle(raw: bytes) -> Bundle:
    """The bundle in `raw`. Raises Invalid for whatever is not exactly a bundle of this format."""
    if len(raw) > BYTES_MAX:
        raise Invalid(f"bundle has {len(raw)} bytes, at most {BYTES_MAX} are read")
    value = canonical_json.parse(raw)
    if canonical_json.encode(value) != raw:
        raise Invalid("bundle is not canonical JSON (RFC 8785): it was reformatted or altered")
    top = _Reader(value, "")
    top.exactly("format", "subject", "anchor", "checkpoint", "map", "events")
    if top.text("format") != FORMAT:
        raise Invalid(f"format is {top.text('format')[:40]!r}, this verifier reads {FORMAT!r}")
    return _read_top(top)


def _read_top(top: "_Reader") -> Bundle:
    subject = top.child("subject")
    item = top.maybe("map", _read_item)
    name = "event" if item is None else "item"
    subject.exactly(name)
    anchor = top.child("anchor")
    events = top.each("events", _read_event, EVENTS_MAX)
    if item is None and (len(events) != 1 or events[0].body is None):
        raise Invalid("the bundle of an event shows that event, one and with its body")
    return Bundle(
        subject=subject.text(name),
        item=item,
        anchor=_read_anchor(anchor),
        anchor_hash=anchor.hex("hash", 32),
        placement=_read_placement(anchor),
        checkpoint=top.text("checkpoint"),
        events=events,
    )


def _read_anchor(reader: "_Reader") -> Anchor:
    fields = ("chainId", "contract", "logId", "number", "previous", "size", "logRoot", "mapRoot")
    reader.exactly(*fields, "hash", "tx", "block")
    return Anchor(
        chain_id=reader.count("chainId"),
        contract=reader.hex("contract", 20),
        log_id=reader.hex("logId", 32),
        number=reader.count("number"),
        previous=reader.hex("previous", 32),
        size=reader.count("size"),
        log_root=reader.hex("logRoot", 32),
        map_root=reader.hex("mapRoot", 32),
    )


def _read_placement(anchor: "_Reader") -> Placement:
    block = anchor.child("block")
    block.exactly("number", "hash")
    return Placement(anchor.hex("tx", 32), block.count("number"), block.hex("hash", 32))


def _read_item(reader: "_Reader") -> ItemProof:
    reader.exactly("key", "size", "root", "siblings", "other")
    root = reader.hex_or_none("root", 32)
    if (reader.count("size") == 0) != (root is None):
        raise Invalid("map: an item has events and a root, or neither")
    siblings = reader.each("siblings", lambda at: at.hex_or_none("", 32), KEY_BITS)
    if ABSENT in siblings:
        raise Invalid("map: an absent child is written null, not as zeros")
    proof = MapProof(siblings, reader.maybe("other", _read_leaf))
    return ItemProof(reader.hex("key", 32), reader.count("size"), root, proof)


def _read_leaf(reader: "_Reader") -> Leaf:
    reader.exactly("key", "value")
    return Leaf(reader.hex("key", 32), reader.hex("value", 32))


def _read_event(reader: "_Reader") -> ProvenEvent:
    reader.exactly("index", "leaf", "body", "salt", "ids", "path")
    body = reader.maybe("body", lambda at: at.object)
    salt = reader.hex_or_none("salt", 32)
    ids = reader.maybe("ids", _read_ids)
    if not (body is None) == (salt is None) == (ids is not None):
        raise Invalid(f"{reader.pointer}: an event has body and salt, or is withheld and has ids")
    return ProvenEvent(
        index=reader.count("index"),
        entry=_read_entry(reader.child("leaf")),
        body=body,
        salt=salt,
        ids=ids,
        path=_read_path(reader),
    )


def _read_entry(reader: "_Reader") -> LeafEntry:
    reader.exactly("commitment", "recordedAt", "submitter", "idsCount", "idsRoot")
    return LeafEntry(
        commitment=reader.hex("commitment", 32),
        recorded_at_ms=reader.count("recordedAt"),
        submitter_key_id=reader.hex("submitter", 32),
        ids_count=reader.count("idsCount", 2**32),
        ids_root=reader.hex("idsRoot", 32),
    )


def _read_ids(reader: "_Reader") -> IdsProof:
    reader.exactly("index", "path")
    return IdsProof(reader.count("index"), _read_path(reader))


def _read_path(reader: "_Reader") -> tuple[bytes, ...]:
    return reader.each("path", lambda at: at.hex("", 32), PATH_MAX)


_HEX = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)


class _Reader:
    """Reads one JSON object strictly; each fault says where it is. The name "" is the value itself."""

    def __init__(self, value: object, pointer: str) -> None:
        self.value = value
        self.pointer = pointer

    @property
    def object(self) -> dict[str, Any]:
        if not isinstance(self.value, dict):
            raise Invalid(f"{self.pointer or '/'}: not an object")
        return self.value

    def exactly(self, *names: str) -> None:
        if self.object.keys() != set(names):
            odd = sorted(self.object.keys() ^ set(names))[0]
            raise Invalid(f"{self.pointer}/{odd[:40]}: {'unknown' if odd in self.object else 'missing'}")

    def child(self, name: str) -> "_Reader":
        return _Reader(self.object[name], f"{self.pointer}/{name}") if name else self

    def maybe(self, name: str, read: Callable[["_Reader"], T]) -> T | None:
        at = self.child(name)
        return None if at.value is None else read(at)

    def text(self, name: str) -> str:
        at = self.child(name)
        if not isinstance(at.value, str):
            raise Invalid(f"{at.pointer}: not text")
        return at.value

    def count(self, name: str, below: int = 2**53) -> int:
        at = self.child(name)
        if not isinstance(at.value, int) or isinstance(at.value, bool) or not 0 <= at.value < below:
            raise Invalid(f"{at.pointer}: not a whole number from 0 to {below - 1}")
        return at.value

    def hex(self, name: str, length: int) -> bytes:
        text = self.text(name)
        if len(text) != 2 * length or not _HEX.fullmatch(text):
            raise Invalid(f"{self.child(name).pointer}: not {length} bytes in lower-case hex")
        return bytes.fromhex(text)

    def hex_or_none(self, name: str, length: int) -> bytes | None:
        return None if self.child(name).value is None else self.hex(name, length)

    def each(self, name: str, read: Callable[["_Reader"], T], count_max: int) -> tuple[T, ...]:
        at = self.child(name)
        if not isinstance(at.value, list) or len(at.value) > count_max:
            raise Invalid(f"{at.pointer}: not a list of at most {count_max}")
        return tuple(read(_Reader(value, f"{at.pointer}/{i}")) for i, value in enumerate(at.value))


# ----------------------------------------------------------------------------- identifiers of a body

_EPC_FIELDS = ("parentID", "epcList", "childEPCs", "inputEPCList", "outputEPCList")
_QUANTITY_FIELDS = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")


def item_uris(body: Mapping[str, Any]) -> set[str]:
    """The identifiers that make a stored event part of an item's history, read off its JSON.

    The verifier needs no EPCIS parser: the stored form has canonical identifiers in fixed places.
    """
    uris: set[str] = set()
    for field in _EPC_FIELDS:
        value = body.get(field, [])
        uris.update(_texts([value] if isinstance(value, str) else value))
    for field in _QUANTITY_FIELDS:
        quantities = body.get(field, [])
        if isinstance(quantities, list):
            uris.update(_texts([q.get("epcClass") for q in quantities if isinstance(q, dict)]))
    return uris


def _texts(values: object) -> Sequence[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []
