"""A whole node for tests: a real store, a real chain, companies with prefixes of their own."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.anchor import AnchorWorker
from ledger.capture import ErrorBehaviour, capture
from ledger.chain import EthereumChain
from ledger.config import Settings
from ledger.domain.access import GS1, URI, PrefixEntry
from ledger.node import Node, Prefixes, load_signer
from ledger.parties import authenticate, new_key
from ledger.ports import ApiKey, CaptureJob, Party, Store
from ledger.prove import prove_event, prove_item
from ledger.verify import JsonRpcChain, Trust, Verdict, verify
from tests.anchoring import anchor_all
from tests.chain.nodes import Anvil

START_MS = 1_795_363_200_000
SGTIN = "https://id.gs1.org/01/09506000134352/21/"
SSCC = "https://id.gs1.org/00/095060000000000015"
OWNERS = {"node": "", "factory": "9506000", "carrier": "9506001"}
CONTEXT = ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld"]


class Clock:
    """The node's clock; nothing moves it but the test."""

    now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


@dataclass(frozen=True)
class World:
    node: Node
    chain: EthereumChain
    url: str
    keys: dict[str, ApiKey]
    texts: dict[str, str]
    clock: Clock

    def capture(
        self, *events: dict[str, Any], party: str = "factory", behaviour: ErrorBehaviour = "rollback"
    ) -> CaptureJob:
        return capture(self.node, self.keys[party], document(*events), behaviour)

    def anchor(self) -> None:
        """Take the worker's steps until everything captured is anchored."""
        anchor_all(AnchorWorker(self.node.store, self.chain, self.node.signer, self.clock))

    def verify_item(self, uri: str) -> Verdict:
        return self.verify(prove_item(self.node, uri))

    def verify_event(self, event_id: str) -> Verdict:
        return self.verify(prove_event(self.node, event_id))

    def verify(self, bundle: bytes) -> Verdict:
        return verify(bundle, self.node.trust, JsonRpcChain(self.url))


def open_world(store: Store, anvil: Anvil, folder: Path) -> World:
    """A node whose log is new on this chain; its operator owns the roots, two companies a prefix each."""
    origin = f"{secrets.token_hex(8)}.example/suyuan"
    chain = anvil.open_log(origin)
    signer = load_signer(folder, origin)
    trust = Trust(chain.chain_id, chain.contract, signer.key, anvil.url, 0)
    settings = Settings(data_dir=folder, origin=origin)
    folder.mkdir(exist_ok=True)
    settings.trust_path.write_text(trust.to_json())
    clock = Clock()
    node = Node(settings, store, signer, trust, Prefixes(store, clock), clock, secrets.token_bytes)
    accounts = {party: party.encode().ljust(20, b"\0") for party in OWNERS}
    for party, account in accounts.items():
        store.put_party(Party(party, party.title(), "", account))
    entries = [
        PrefixEntry(f"{GS1}{text}".encode().ljust(32, b"\0"), GS1, text, accounts[party], True, ())
        for party, text in OWNERS.items()
    ]
    root = PrefixEntry(b"uri".ljust(32, b"\0"), URI, "", accounts["node"], True, ())
    store.replace_prefixes([*entries, root], 1)
    texts = {
        party: new_key(
            store, party, "admin" if party == "node" else "manufacturer", START_MS, secrets.token_bytes
        )
        for party in OWNERS
    }
    keys = {party: authenticate(store, text) for party, text in texts.items()}
    return World(node, chain, anvil.url, keys, texts, clock)


def allocate_handles(world: World, **prefixes: str) -> None:
    """Give parties a handle prefix each."""
    entries = [
        PrefixEntry(
            f"handle{text}".encode().ljust(32, b"\0"),
            "handle",
            text,
            party.encode().ljust(20, b"\0"),
            True,
            (),
        )
        for party, text in prefixes.items()
    ]
    store = world.node.store
    store.replace_prefixes([*store.prefixes(), *entries], 2)
    world.node.prefixes.forget()


def document(*events: dict[str, Any]) -> bytes:
    return json.dumps(
        {
            "@context": CONTEXT,
            "type": "EPCISDocument",
            "schemaVersion": "2.0",
            "creationDate": "2026-11-02T08:00:00.000Z",
            "epcisBody": {"eventList": list(events)},
        }
    ).encode()


def made(*serials: str, **fields: Any) -> dict[str, Any]:
    """An event in which the factory makes these serials."""
    return {
        "type": "ObjectEvent",
        "action": "ADD",
        "bizStep": "commissioning",
        "eventTime": "2026-11-02T08:00:00.000Z",
        "eventTimeZoneOffset": "+08:00",
        "epcList": [SGTIN + serial for serial in serials],
        **fields,
    }


def seen(*serials: str, **fields: Any) -> dict[str, Any]:
    """An event in which somebody sees these serials."""
    return made(*serials, **{"action": "OBSERVE", "bizStep": "receiving", **fields})
