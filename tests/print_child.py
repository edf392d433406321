"""A print runner in a process of its own that kills itself at a chosen save of the job.

python -m tests.print_child DATA_FOLDER DATABASE_URL PRINTERS JOB CALL before|after
"""

import os
import signal
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

from ledger.config import Settings
from ledger.domain.errors import StoreUnavailable
from ledger.node import open_node
from ledger.printing import PrintRunner
from ledger.store import open_store
from tests.anchoring import Faults
from tests.services.world import START_MS


def main(data_dir: str, database_url: str, printers: str, job_id: str, call: str, moment: str) -> None:
    calls = count()

    def watch(name: str, now: str) -> None:
        if (name, now) == ("change_print_job", moment) and next(calls) == int(call):
            os.kill(os.getpid(), signal.SIGKILL)

    store = open_store(database_url)
    settings = Settings(data_dir=Path(data_dir), database_url=database_url, printers=printers)
    node = replace(
        open_node(settings, store),
        store=Faults(watch=watch).around(store, StoreUnavailable),
        clock=lambda: START_MS,
    )
    runner = PrintRunner(node)
    while runner.step(job_id) in ("printed", "recorded"):
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
