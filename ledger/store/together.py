"""Work of several threads in one transaction: whoever waits for the log meanwhile comes along.

Locking the log, one statement for each table and making it durable take as long for a thousand rows as for
ten. So the first thread that gets its turn does what all others wait for, and each gets its own result.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, TypeVar

from ledger.domain.errors import StoreUnavailable
from ledger.ports import Append
from ledger.store.append import SqlAppend
from ledger.store.database import WAIT_SECONDS

T = TypeVar("T")
_EVENTS_MAX = 2_000
"""In one transaction; the work that reaches it is the last one."""


class _Work:
    __slots__ = ("do", "error", "is_done", "result")

    def __init__(self, do: Callable[[Append], Any]) -> None:
        self.do = do
        self.is_done = False
        self.result: Any = None
        self.error: Exception | None = None


class Together:
    """Does work on one log. `append` opens a transaction in which nobody else can extend it."""

    def __init__(self, append: Callable[[], AbstractContextManager[SqlAppend]]) -> None:
        self._append = append
        self._waiting: deque[_Work] = deque()
        self._leading = threading.Lock()

    def do(self, do: Callable[[Append], T]) -> T:
        """What `do` returns, once all that it appended is durable. Raises what it raises."""
        mine = _Work(do)
        self._waiting.append(mine)
        if not self._leading.acquire(timeout=WAIT_SECONDS):
            with suppress(ValueError):
                self._waiting.remove(mine)
            raise StoreUnavailable(f"store: others wrote to the log for {WAIT_SECONDS} s; try again")
        try:
            while not mine.is_done:
                self._lead(mine)
        finally:
            self._leading.release()
        if mine.error is not None:
            raise mine.error
        result: T = mine.result
        return result

    def _lead(self, mine: _Work) -> None:
        """Do what waits. After it `mine` is done, or some that waited longer."""
        group: list[_Work] = []
        try:
            self._do_together(group)
        except Exception as error:  # noqa: BLE001  # it is raised where the result is awaited
            if len(group) > 1 and not isinstance(error, StoreUnavailable):
                self._do_one_by_one(group)
            else:
                _fail(group or [mine], error)
        finally:
            _fail([work for work in group if not work.is_done], StoreUnavailable("store: stopped; try again"))
        with suppress(ValueError):
            if mine.is_done:
                self._waiting.remove(mine)

    def _do_together(self, group: list[_Work]) -> None:
        """Do what waits, and put it into `group`. Raises when rows do not fit, or work fails half-way."""
        with self._append() as batch:
            first = batch.size
            while self._waiting and batch.size - first < _EVENTS_MAX:
                work, changes = self._waiting.popleft(), batch.changes
                group.append(work)
                try:
                    work.result = work.do(batch)
                except Exception as error:
                    if batch.changes != changes:
                        raise
                    work.error = error
        for work in group:
            work.is_done = True

    def _do_one_by_one(self, group: Sequence[_Work]) -> None:
        for work in group:
            work.error = None
            try:
                with self._append() as batch:
                    work.result = work.do(batch)
            except Exception as error:  # noqa: BLE001
                work.error = error
            work.is_done = True


def _fail(group: Sequence[_Work], error: Exception) -> None:
    for work in group:
        work.error, work.is_done = error, True
