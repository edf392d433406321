"""A small log with its item map and a chain, built from the formats alone, to make bundles with."""

from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.domain import canonical_json, item_map, merkle
from ledger.domain.anchor import NO_ANCHOR, Anchor, log_id_of
from ledger.domain.bundle import Bundle, IdsProof, ItemProof, Placement, ProvenEvent, item_uris
from ledger.domain.checkpoint import Checkpoint, LogSigner
from ledger.domain.commitment import LeafEntry, commit, ids_root, item_key, link_leaf, map_value
from ledger.domain.errors import ChainUnavailable
from ledger.domain.merkle import Frontier
from ledger.verify import AnchorNotice, Trust

ORIGIN = "node.example/suyuan"
CONTRACT = b"\xc0" * 20
PLACEMENT = Placement(b"\x7a" * 32, 9, b"\xb1" * 32)

APPLE, PEAR, CRATE = (f"https://id.gs1.org/01/09506000134352/21/{name}" for name in ("A", "P", "C"))
BODIES: list[dict[str, Any]] = [
    {"type": "ObjectEvent", "eventID": "urn:uuid:1", "action": "ADD", "epcList": [APPLE, PEAR]},
    {"type": "AggregationEvent", "eventID": "urn:uuid:2", "parentID": CRATE, "childEPCs": [APPLE]},
    {"type": "ObjectEvent", "eventID": "urn:uuid:3", "action": "OBSERVE", "epcList": [PEAR]},
    {"type": "ObjectEvent", "eventID": "urn:uuid:4", "action": "OBSERVE", "epcList": [APPLE]},
]


@dataclass
class World:
    """The whole truth about a log, and a chain on which it is anchored."""

    bodies: list[dict[str, Any]]
    signer: LogSigner = field(
        default_factory=lambda: LogSigner(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"k" * 32))
    )

    def __post_init__(self) -> None:
        self.entries = [self._entry(body) for body in self.bodies]
        self.leaves = [entry.hash for entry in self.entries]
        self.tiles: dict[str, item_map.Tile] = {}
        values = {key: map_value(f.size, f.root) for key, f in self._mini_logs().items()}
        update = item_map.update(values, self.read_tiles)
        self.tiles.update(update.tiles)
        size, root = len(self.leaves), merkle.tree_root(self.leaves)
        self.anchor = Anchor(1337, CONTRACT, log_id_of(ORIGIN), 3, NO_ANCHOR, size, root, update.root)
        self.note = self.signer.sign(str(Checkpoint(ORIGIN, size, root)))
        self.trust = Trust(1337, CONTRACT, self.signer.key, None, None)
        self.chain = Chain({3: self.anchor.hash})

    def _entry(self, body: dict[str, Any]) -> LeafEntry:
        keys = {item_key(uri) for uri in item_uris(body)}
        commitment = commit(self.salt, canonical_json.encode(body))
        return LeafEntry(commitment, 1_795_363_200_000, b"\x5b" * 32, len(keys), ids_root(keys))

    salt = b"\x5a" * 32

    def indices_of(self, uri: str) -> list[int]:
        return [index for index, body in enumerate(self.bodies) if uri in item_uris(body)]

    def _mini_logs(self) -> dict[bytes, Frontier]:
        uris = set().union(*(item_uris(body) for body in self.bodies))
        return {
            item_key(uri): Frontier().extended(link_leaf(i, self.leaves[i]) for i in self.indices_of(uri))
            for uri in uris
        }

    def read_tiles(self, prefixes: Any) -> dict[str, item_map.Tile]:
        return {prefix: self.tiles[prefix] for prefix in prefixes if prefix in self.tiles}

    def item_bundle(self, uri: str) -> Bundle:
        key = item_key(uri)
        _, proof = item_map.prove(key, self.read_tiles)
        mini_log = self._mini_logs().get(key)
        item = ItemProof(key, mini_log.size if mini_log else 0, mini_log.root if mini_log else None, proof)
        return self._bundle(uri, item, self.indices_of(uri))

    def event_bundle(self, index: int) -> Bundle:
        return self._bundle(self.bodies[index]["eventID"], None, [index])

    def _bundle(self, subject: str, item: ItemProof | None, indices: list[int]) -> Bundle:
        events = tuple(self._proven(index) for index in indices)
        return Bundle(subject, item, self.anchor, self.anchor.hash, PLACEMENT, self.note, events)

    def _proven(self, index: int) -> ProvenEvent:
        path = tuple(merkle.inclusion_path(index, len(self.leaves), self.read_log))
        return ProvenEvent(index, self.entries[index], self.bodies[index], self.salt, None, path)

    def read_log(self, level: int, index: int) -> bytes:
        return merkle.tree_root(self.leaves[index << level : (index + 1) << level])

    def withheld(self, event: ProvenEvent, uri: str) -> ProvenEvent:
        keys = sorted(item_key(u) for u in item_uris(self.bodies[event.index]))
        leaves = [merkle.leaf_hash(key) for key in keys]
        at = keys.index(item_key(uri))
        path = merkle.inclusion_path(
            at, len(leaves), lambda level, i: merkle.tree_root(leaves[i << level : (i + 1) << level])
        )
        return replace(event, body=None, salt=None, ids=IdsProof(at, tuple(path)))


@dataclass
class Chain:
    """A chain that holds these anchors, each with its notice at PLACEMENT."""

    anchors: dict[int, bytes]
    id: int = 1337
    newest: int = 20
    final: int = 20
    down: bool = False

    def chain_id(self) -> int:
        if self.down:
            raise ChainUnavailable("connection refused")
        return self.id

    def anchor_hash(self, contract: bytes, log_id: bytes, number: int) -> bytes:
        known = contract == CONTRACT and log_id == log_id_of(ORIGIN)
        return self.anchors.get(number, bytes(32)) if known else bytes(32)

    def notice(self, contract: bytes, log_id: bytes, number: int, block_number: int) -> AnchorNotice | None:
        held = self.anchor_hash(contract, log_id, number)
        at_block = block_number == PLACEMENT.block_number and held != bytes(32)
        return AnchorNotice(held, PLACEMENT) if at_block else None

    def newest_block(self) -> int:
        return self.newest

    def final_block(self) -> int:
        return self.final
