"""`python -m api`: serve the node of this folder. Ends when its standard input ends."""

import logging
import os
import signal
import sys

import uvicorn

from api.app import create_app
from ledger.config import Settings
from ledger.domain.errors import LedgerError
from ledger.lifeline import when_parent_ends
from ledger.node import open_node
from ledger.store import open_store

_DRAIN_SECONDS = 5
"""How long requests under way may take when we are asked to stop."""

logger = logging.getLogger("suyuan.api")


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    when_parent_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))
    try:
        settings = Settings.from_env()
        store = open_store(settings.store_url)
    except LedgerError as error:
        logger.error("%s", error)
        return 1
    try:
        uvicorn.run(
            create_app(open_node(settings, store)),
            host=settings.host,
            port=settings.port,
            log_level="warning",
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
    except LedgerError as error:
        logger.error("%s", error)
        return 1
    finally:
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
