"""`python -m ledger.listen`: takes the messages of carriers from the MQTT broker, beside the API.

It ends when its standard input ends.
"""

import logging
import sys
import threading

from ledger.config import Settings
from ledger.domain.errors import LedgerError
from ledger.lifeline import when_parent_ends
from ledger.mqtt import Listener
from ledger.node import open_node
from ledger.store import open_store

logger = logging.getLogger(__name__)


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    stop = threading.Event()
    when_parent_ends(stop.set)
    try:
        settings = Settings.from_env()
        store = open_store(settings.store_url)
    except LedgerError as error:
        logger.error("%s", error)
        return 1
    try:
        Listener(open_node(settings, store)).run(stop)
    except LedgerError as error:
        logger.error("%s", error)
        return 1
    finally:
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
