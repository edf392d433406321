"""An alarm runner in a process of its own that kills itself at a chosen call of the store.

python -m tests.alarm_child DATA_FOLDER DATABASE_URL NOW_MS METHOD before|after
"""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from ledger.alarm_runner import AlarmRunner
from ledger.config import Settings
from ledger.domain.errors import StoreUnavailable
from ledger.node import open_node
from ledger.store import open_store
from tests.anchoring import Faults


def main(data_dir: str, database_url: str, now_ms: str, method: str, moment: str) -> None:
    def watch(name: str, now: str) -> None:
        if (name, now) == (method, moment):
            os.kill(os.getpid(), signal.SIGKILL)

    store = open_store(database_url)
    settings = Settings(data_dir=Path(data_dir), database_url=database_url, webhook_local_hosts="127.0.0.1")
    node = replace(
        open_node(settings, store),
        store=Faults(watch=watch).around(store, StoreUnavailable),
        clock=lambda: int(now_ms),
    )
    runner = AlarmRunner(node)
    runner.turn()
    for telling in store.due_tellings(int(now_ms), limit=10):
        runner.tell(telling)


if __name__ == "__main__":
    main(*sys.argv[1:])
