"""What the helpers of `suyuan serve` do alike: they open the node, run until told to stop, and end as one."""

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

from ledger.config import Settings
from ledger.domain.errors import LedgerError
from ledger.lifeline import when_parent_ends
from ledger.node import Node, open_node
from ledger.store import open_store

Run = Callable[[threading.Event], None]
"""Works until the event is set."""

logger = logging.getLogger(__name__)


def run_child(*makers: Callable[[Node], Run]) -> int:
    """Run what each maker makes of the node of this folder, side by side; the exit code.

    It ends when standard input ends, at SIGTERM, or with the first of them that ends.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    when_parent_ends(stop.set)
    try:
        settings = Settings.from_env()
        store = open_store(settings.store_url)
    except LedgerError as error:
        logger.error("%s", error)
        return 1
    try:
        node = open_node(settings, store)
        run_together([make(node) for make in makers], stop)
    except LedgerError as error:
        logger.error("%s", error)
        return 1
    finally:
        store.close()
    return 0


def run_together(runs: Sequence[Run], stop: threading.Event) -> None:
    """Run all until `stop` is set. One that ends early stops the others, and its exception is raised here:
    a part that silently does nothing any more would be worse than a restart."""
    with ThreadPoolExecutor(len(runs)) as pool:
        futures = [pool.submit(run, stop) for run in runs]
        wait(futures, return_when=FIRST_COMPLETED)
        stop.set()
    for future in futures:
        future.result()
