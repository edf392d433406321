"""Load the demonstration: companies with prefixes of their own capture their own documents."""

import json
import secrets
import time
from collections.abc import Callable

from ledger.capture import capture
from ledger.chain import account_of
from ledger.config import Settings
from ledger.demo.trip import tell_trip
from ledger.demo.world import Company, Product, World, load_world
from ledger.domain.access import GS1
from ledger.domain.errors import ChainUnavailable
from ledger.domain.master_data import MasterData
from ledger.node import Node, load_secret, write_private
from ledger.parties import authenticate, new_key
from ledger.ports import ApiKey, Party, Registry
from ledger.registry import refresh_prefixes
from ledger.setup import ADMIN, Account, connect_registry, registry_writer

_FINAL_SECONDS = 120
_LOOK_SECONDS = 0.2

Say = Callable[[str], None]


def load_demo(node: Node, account: Account, say: Say) -> World:
    """Register the companies on chain, make their API keys, capture their documents in order, and what the
    logger on the pallet measured in its place.

    May be repeated: what is there already stays as it is, only the keys are new.
    """
    world = load_world()
    say(f"Registering {len(world.companies)} companies and their identifier prefixes on chain ...")
    _register(node, account, world, say)
    node.store.put_master_data(_master_data(world))
    keys = _make_keys(node, world)
    capturing = {document.party_id for document in world.documents}
    say(f"{len(capturing)} of them capture {len(world.documents)} documents ...")
    for document in world.documents:
        capture(node, keys[document.party_id], document.raw)
        if document.path == world.trip.after:
            tell_trip(node, keys[world.trip.lent_by], keys[world.trip.party_id], world.trip)
    say(f"{node.store.log_size()} events are in the log.")
    return world


def _register(node: Node, account: Account, world: World, say: Say) -> None:
    store, settings = node.store, node.settings
    writer = registry_writer(settings, store, account)
    for company in world.companies:
        owner = account_of(_account_key(settings, company, account))
        store.put_party(Party(company.party_id, company.name, company.name_zh, owner))
        writer.allocate(GS1, company.company_prefix, owner)
    registry = connect_registry(settings, store, account)
    _wait_until_final(node, registry, {company.company_prefix for company in world.companies}, say)
    node.prefixes.forget()


def _wait_until_final(node: Node, registry: Registry, prefixes: set[str], say: Say) -> None:
    """Until a final block holds these prefixes and the copy here has them: only then they count."""
    if prefixes <= _final_prefixes(node, registry):
        return
    say("Waiting until the block that holds them is final ...")
    until = time.monotonic() + _FINAL_SECONDS
    while time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
        if prefixes <= _final_prefixes(node, registry):
            return
    raise ChainUnavailable(
        f"the prefixes are on chain, but in no final block after {_FINAL_SECONDS} s: start again later; on a "
        "chain that never replaces blocks, set SUYUAN_FINALITY to instant"
    )


def _final_prefixes(node: Node, registry: Registry) -> set[str]:
    refresh_prefixes(node.store, registry, node.clock())
    return {entry.text for entry in node.store.prefixes() if entry.scheme == GS1}


def _account_key(settings: Settings, company: Company, account: Account) -> bytes:
    if company.party_id == ADMIN:
        return account.key
    path = settings.data_dir / "keys" / "parties" / f"{company.party_id}.key"
    return load_secret(path, lambda: secrets.token_bytes(32))


def _make_keys(node: Node, world: World) -> dict[str, ApiKey]:
    """A key for each company; demo-keys.json gets the one of the first company in each role."""
    texts: dict[str, str] = {}
    keys: dict[str, ApiKey] = {}
    for company in world.companies:
        text = new_key(node.store, company.party_id, company.role, node.clock(), node.random_bytes)
        keys[company.party_id] = authenticate(node.store, text)
        texts.setdefault(company.role, text)
    write_private(node.settings.demo_keys_path, json.dumps(texts, indent=2) + "\n")
    return keys


def _master_data(world: World) -> list[MasterData]:
    parties = [MasterData(c.uri, "party", c.name, c.name_zh, {}) for c in world.companies]
    places = [
        MasterData(p.uri, "place", p.name, p.name_zh, {"city": p.city, "city_zh": p.city_zh})
        for p in world.places
    ]
    products = [MasterData(p.uri, "product", p.name, p.name_zh, _product_details(p)) for p in world.products]
    return [*parties, *places, *products]


def _product_details(product: Product) -> dict[str, str]:
    """A missing end of the storage range is left out."""
    ends = {"celsius_min": product.celsius_min, "celsius_max": product.celsius_max}
    return {"net_content": product.net_content} | {k: str(v) for k, v in ends.items() if v is not None}
