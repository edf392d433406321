"""What the commands of `suyuan` do that ask the chain, whose client takes a second to load.

Each returns its exit code.
"""

import argparse

import ganache
from ledger.audit import audit
from ledger.commands import opened_store
from ledger.config import Settings
from ledger.domain.errors import NotFound
from ledger.node import now_ms
from ledger.ports import Party, Store
from ledger.registry import refresh_prefixes
from ledger.setup import Account, connect_chain, connect_registry, operator_account, registry_writer


def _account(settings: Settings) -> Account:
    """The operator's account on the chain that is running now."""
    if settings.rpc_url:
        return operator_account(settings)
    keys = ganache.read_keys(settings.data_dir / "chain")
    return Account(f"http://127.0.0.1:{settings.chain_port}", keys[0])


def run_audit(arguments: argparse.Namespace) -> int:
    settings = Settings.from_env()
    with opened_store(settings) as store:
        chain = None if arguments.offline else connect_chain(settings, store, _account(settings))
        findings = 0
        for finding in audit(store, chain):
            findings += 1
            print(finding)
        print(f"{store.log_size()} events checked, {findings} findings")
    return 1 if findings else 0


def run_registry_list(_: argparse.Namespace) -> int:
    settings = Settings.from_env()
    with opened_store(settings) as store:
        names = {party.account: party.party_id for party in store.parties()}
        refresh_prefixes(store, connect_registry(settings, store, _account(settings)), now_ms())
        entries, head = store.prefixes(), store.registry_head()
    for entry in sorted(entries, key=lambda e: (e.scheme, e.text)):
        state = "active" if entry.active else "inactive"
        owner = f"0x{entry.owner.hex()} {names.get(entry.owner, '')}"
        print(f"{entry.scheme:<8} {entry.text or '(root)':<16} {state:<9} {owner}")
    print(f"as of block {head.block.number if head.block else 0}")
    return 0


def run_registry_allocate(arguments: argparse.Namespace) -> int:
    settings = Settings.from_env()
    with opened_store(settings) as store:
        party = _party(store, arguments.party)
        writer = registry_writer(settings, store, _account(settings))
        writer.allocate(arguments.scheme, arguments.prefix, party.account)
    print(f"{arguments.scheme} {arguments.prefix} belongs to {party.party_id} now")
    return 0


def _party(store: Store, party_id: str) -> Party:
    party = store.party(party_id)
    if party is None:
        known = ", ".join(known.party_id for known in store.parties())
        raise NotFound(f"no party {party_id!r} here; there are {known}")
    return party
