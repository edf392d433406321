"""A listener in a process of its own that kills itself around the commit.

python -m tests.listen_child DATA_FOLDER DATABASE_URL BROKER_URL before|after
"""

import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

from ledger.config import Settings
from ledger.domain.errors import StoreUnavailable
from ledger.mqtt import Listener
from ledger.node import open_node
from ledger.store import open_store
from tests.anchoring import Faults
from tests.services.world import START_MS


def main(data_dir: str, database_url: str, mqtt_url: str, moment: str) -> None:
    def watch(name: str, now: str) -> None:
        if (name, now) == ("add_telemetry", moment):
            os.kill(os.getpid(), signal.SIGKILL)

    store = open_store(database_url)
    settings = Settings(data_dir=Path(data_dir), database_url=database_url, mqtt_url=mqtt_url)
    node = replace(
        open_node(settings, store),
        store=Faults(watch=watch).around(store, StoreUnavailable),
        clock=lambda: START_MS,
    )
    Listener(node).run(threading.Event())


if __name__ == "__main__":
    main(*sys.argv[1:])
