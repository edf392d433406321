"""Addresses of host names, by a time that is ours: the system gives a name server as long as it likes.

A look-up cannot be stopped. So each has a thread of its own, which is left behind when the time is over and
ends when the system gives up. One that hangs makes room for others at once; when too many hang, no more are
begun, so that names whose servers never answer do not fill this process with threads.
"""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

LookUp = Callable[[str, int], list[str]]
"""(host, port) -> its addresses. Raises OSError, and ValueError for what is no host name."""

AT_ONCE_MAX: Final = 32
HANGING_MAX: Final = 64


def _ask_system(host: str, port: int) -> list[str]:
    return [str(address[0]) for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Lookups:
    """Looks names up. Threads may share it."""

    def __init__(self, look_up: LookUp = _ask_system) -> None:
        self._look_up = look_up
        self._places = threading.BoundedSemaphore(AT_ONCE_MAX)
        self._lock = threading.Lock()
        self._hanging: set[Future[list[str]]] = set()

    def addresses(self, host: str, port: int, until: float) -> list[str]:
        """The addresses of a host, at least one, in the system's order.

        `until` is a time of `time.monotonic`. Raises TimeoutError, which says why there is no answer by
        then, and what the look-up raises.
        """
        unanswered = f"{host} could not be looked up in time: the name server does not answer"
        if not self._places.acquire(timeout=max(0.0, until - time.monotonic())):
            raise TimeoutError(unanswered)
        try:
            found = self._begin(host, port)
            try:
                return found.result(max(0.0, until - time.monotonic()))
            except TimeoutError:
                self._leave(found)
                raise TimeoutError(unanswered) from None
        finally:
            self._places.release()

    def _begin(self, host: str, port: int) -> Future[list[str]]:
        with self._lock:
            if len(self._hanging) >= HANGING_MAX:
                raise TimeoutError(
                    f"{host} is not looked up: {HANGING_MAX} look-ups of names hang, for which no name "
                    "server answers: try again later, or see to the name server of this machine"
                )
        found: Future[list[str]] = Future()
        # A process that stops does not wait for a daemon.
        threading.Thread(target=self._run, args=(found, host, port), daemon=True).start()
        return found

    def _run(self, found: Future[list[str]], host: str, port: int) -> None:
        try:
            found.set_result(self._look_up(host, port))
        except BaseException as error:  # noqa: BLE001  whatever it is, who asked is told, and it hangs no more
            found.set_exception(error)
        finally:
            with self._lock:
                self._hanging.discard(found)

    def _leave(self, found: Future[list[str]]) -> None:
        with self._lock:
            if not found.done():
                self._hanging.add(found)
