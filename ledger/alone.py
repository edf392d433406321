"""Work that one process at a time does on a database, however many nodes serve it."""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from ledger.domain.errors import LedgerError


def run_alone(
    hold: Callable[[], AbstractContextManager[bool]],
    work: Callable[[threading.Event], None],
    stop: threading.Event,
    *,
    rest_seconds: float,
    logger: logging.Logger,
) -> None:
    """Call `work` whenever `hold` gives the lock, until `stop` is set.

    A LedgerError is logged and ends that try; after `rest_seconds` comes the next.
    """
    while not stop.is_set():
        try:
            with hold() as alone:
                if alone:
                    work(stop)
        except LedgerError as error:
            logger.error("%s", error)
        stop.wait(rest_seconds)


def repeat(turn: Callable[[], bool], *, poll_seconds: float) -> Callable[[threading.Event], None]:
    """Work in turns until it is stopped, with a rest of `poll_seconds` after one that found nothing."""

    def work(stop: threading.Event) -> None:
        while not stop.is_set():
            if not turn():
                stop.wait(poll_seconds)

    return work
