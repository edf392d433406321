"""`python -m ledger.deliver`: sends what subscriptions report, prints labels, watches the cold chain.

It ends when its standard input ends, or at SIGTERM: after the reports and the chunks of labels that
are under way; what was printed is recorded first.
"""

import logging
import signal
import sys
import threading

from ledger.config import Settings
from ledger.delivery import Deliverer
from ledger.domain.errors import LedgerError
from ledger.excursions import Watcher
from ledger.lifeline import when_parent_ends
from ledger.node import open_node
from ledger.printing import PrintRunner
from ledger.seals import Sealer
from ledger.store import open_store

logger = logging.getLogger(__name__)


def main() -> int:
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
        runs = {"print": PrintRunner(node).run, "watch": Watcher(node).run, "seal": Sealer(node).run}
        others = [threading.Thread(target=run, args=(stop,), name=name) for name, run in runs.items()]
        for other in others:
            other.start()
        try:
            Deliverer(node).run(stop)
        finally:
            stop.set()
            for other in others:
                other.join()
    except LedgerError as error:
        logger.error("%s", error)
        return 1
    finally:
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
