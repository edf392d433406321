"""A deliverer in a process of its own that kills itself at a chosen call of the store.

python -m tests.deliver_child DATA_FOLDER DATABASE_URL METHOD before|after
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from ledger.config import Settings
from ledger.delivery import Deliverer
from ledger.domain.errors import StoreUnavailable
from ledger.node import open_node
from ledger.store import open_store
from tests.anchoring import Faults
from tests.services.world import START_MS


def main(data_dir: str, database_url: str, method: str, moment: str) -> None:
    def watch(name: str, now: str) -> None:
        if (name, now) == (method, moment):
            os.kill(os.getpid(), signal.SIGKILL)

    store = open_store(database_url)
    settings = Settings(data_dir=Path(data_dir), database_url=database_url, webhook_local_hosts="127.0.0.1")
    node = replace(
        open_node(settings, store),
        store=Faults(watch=watch).around(store, StoreUnavailable),
        clock=lambda: START_MS,
    )
    deliverer = Deliverer(node)
    while due := store.due_subscriptions(START_MS, limit=10):
        for subscription in due:
            deliverer.step(subscription.subscription_id)


if __name__ == "__main__":
    main(*sys.argv[1:])
