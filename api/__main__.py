"""`python -m api`: serve the node of this folder. Ends when its standard input ends.

Several such processes may serve one port (`SUYUAN_API_WORKERS`): the system parts the connections among them.
"""

import gc
import logging
import os
import signal
import socket
import sys

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from ledger.config import Settings
from ledger.domain.errors import LedgerError
from ledger.lifeline import when_parent_ends
from ledger.node import open_node
from ledger.store import open_store

_DRAIN_SECONDS = 5
"""How long requests under way may take when we are asked to stop."""

_NEW_OBJECTS = 20_000
"""Between two searches for objects that only refer to each other. Documents are many objects, and trees."""

logger = logging.getLogger("suyuan.api")


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    gc.set_threshold(_NEW_OBJECTS)
    when_parent_ends(lambda: os.kill(os.getpid(), signal.SIGTERM))
    try:
        settings = Settings.from_env()
        store = open_store(settings.store_url)
    except LedgerError as error:
        logger.error("%s", error)
        return 1
    try:
        return serve_app(create_app(open_node(settings, store)), settings)
    except LedgerError as error:
        logger.error("%s", error)
        return 1
    finally:
        store.close()


def serve_app(app: FastAPI, settings: Settings) -> int:
    """Serve until we are told to stop; the exit code."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.tls_certificate or None,
        log_level="warning",
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    try:
        listener = _listen(settings)
    except OSError as error:
        logger.error("cannot listen on %s port %s: %s", settings.host, settings.port, error.strerror)
        return 1
    with listener:
        server = uvicorn.Server(config)
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            return 0
    return 0 if server.started else 1


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if settings.api_workers > 1:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((settings.host, settings.port))
    return listener


if __name__ == "__main__":
    sys.exit(main())
