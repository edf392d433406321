"""An anchor worker in a process of its own that kills itself at a chosen call.

python -m tests.anchor_child RPC_URL CONTRACT DATABASE_URL ORIGIN METHOD before|after
"""

import os
import signal
import sys
import time

from ledger.anchor import AnchorWorker
from ledger.chain import connect
from ledger.domain.errors import ChainUnavailable, StoreUnavailable
from ledger.store import open_store
from tests.anchoring import INSTANT, Faults, anchor_all, signer_of
from tests.chain.nodes import WRITER


def main(rpc_url: str, contract: str, database_url: str, origin: str, method: str, moment: str) -> None:
    def watch(name: str, now: str) -> None:
        if (name, now) == (method, moment):
            os.kill(os.getpid(), signal.SIGKILL)

    faults = Faults(watch=watch)
    worker = AnchorWorker(
        faults.around(open_store(database_url), StoreUnavailable),
        faults.around(connect(rpc_url, bytes.fromhex(contract), WRITER, options=INSTANT), ChainUnavailable),
        signer_of(origin),
        lambda: time.time_ns() // 1_000_000,
    )
    anchor_all(worker)


if __name__ == "__main__":
    main(*sys.argv[1:])
