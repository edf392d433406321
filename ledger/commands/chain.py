"""What the commands of `suyuan` do that ask the chain, whose client takes a second to load.

Each returns its exit code.
"""

import argparse

import ganache
from ledger.audit import audit
from ledger.commands.node import opened_store
from ledger.config import Settings
from ledger.setup import Account, connect_chain, operator_account


def running_account(settings: Settings) -> Account:
    """The operator's account on the chain that is running now."""
    if settings.rpc_url:
        return operator_account(settings)
    keys = ganache.read_keys(settings.data_dir / "chain")
    return Account(f"http://127.0.0.1:{settings.chain_port}", keys[0])


def run_audit(arguments: argparse.Namespace) -> int:
    settings = Settings.from_env()
    with opened_store(settings) as store:
        chain = None if arguments.offline else connect_chain(settings, store, running_account(settings))
        findings = 0
        for finding in audit(store, chain):
            findings += 1
            print(finding)
        for month in store.months():
            if month.archived:
                bodies = f"bodies of events {month.start} to {month.stop - 1}"
                print(f"{month.month} is archived: {bodies} not checked")
        print(f"{store.log_size()} events checked, {findings} findings")
    return 1 if findings else 0
