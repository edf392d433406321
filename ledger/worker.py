"""`python -m ledger.worker`: the anchor worker, a process of its own beside the API.

It reads one line from its standard input, the account to write with, so that no key stands on
a command line or in an environment. It ends when that input ends.
"""

import gc
import json
import logging
import sys
import threading

from ledger.anchor import AnchorWorker
from ledger.config import Settings
from ledger.domain.errors import ForkDetected, LedgerError
from ledger.lifeline import when_parent_ends
from ledger.node import now_ms, open_node, write_private
from ledger.setup import Account, connect_chain, connect_registry
from ledger.store import open_store

FORKED = 3
"""Exit code when chain and store tell two histories; the reason stands in the halt file."""

_NEW_OBJECTS = 100_000
"""Between two searches for objects that only refer to each other. An anchor makes many objects, all trees:
searching among them took a fifth of its time."""

logger = logging.getLogger(__name__)


def encode_account(account: Account) -> bytes:
    """What the worker expects on its standard input."""
    return json.dumps({"rpc_url": account.rpc_url, "key": account.key.hex()}).encode() + b"\n"


def _read_account() -> Account:
    fields = json.loads(sys.stdin.buffer.readline())
    return Account(fields["rpc_url"], bytes.fromhex(fields["key"]))


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("ledger").setLevel(logging.INFO)
    gc.set_threshold(_NEW_OBJECTS)
    settings = Settings.from_env()
    stop = threading.Event()
    account = _read_account()
    when_parent_ends(stop.set)
    store = open_store(settings.store_url)
    try:
        node = open_node(settings, store)
        chain = connect_chain(settings, store, account)
        registry = connect_registry(settings, store, account)
        worker = AnchorWorker(store, chain, node.signer, now_ms)
        worker.run(stop, settings.anchor_interval_seconds, registry)
        if worker.health.halted:
            raise ForkDetected(worker.health.problem)
    except ForkDetected as fork:
        write_private(settings.halt_path, str(fork))
        return FORKED
    except LedgerError as error:
        logger.error("%s", error)
        return 1
    finally:
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
