"""Sees every resolution pass, and counts it: how it ended, how long it took, by registered prefix.

Plain ones are answered here (`api.answers`). Routes that resolve say of what with `note_resolved`; what fails
before that is counted without a prefix.
"""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from time import perf_counter_ns
from typing import Final, cast

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers import HANDLES, Answers, plain_key
from api.dependencies import NOTED
from ledger.domain.ai_table import QUALIFIERS
from ledger.domain.resolution_counts import Counted, Interface, Source, outcome_of
from ledger.resolution_counts import ResolutionCounter

_EXACT: Final = frozenset({"/records", "/resolve"})
_KEYS: Final = frozenset(QUALIFIERS)
_UNREAD: Final[tuple[str, str, Source]] = ("", "", "local")


class CountResolutions:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, counter: ResolutionCounter, answers: Answers) -> None:
        self._app = app
        self._counter = counter
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        interface = _interface_of(scope)
        if interface is None:
            await self._app(scope, receive, send)
            return
        if interface in ("gs1", "handles") and scope["method"] == "GET" and (key := plain_key(scope)):
            began = perf_counter_ns()
            answer = await self._answers.ask(key, cast(Interface, interface), scope)
            self._counter.add(answer.counted, (perf_counter_ns() - began) // 1000)
            head = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
            await send(head)
            await send({"type": "http.response.body", "body": answer.body})
            return
        began, status, took_ns = perf_counter_ns(), 500, 0

        async def watch(message: Message) -> None:
            nonlocal status, took_ns
            if message["type"] == "http.response.start":
                status, took_ns = message["status"], perf_counter_ns() - began
            await send(message)

        state = scope.setdefault("state", {})
        try:
            await self._app(scope, receive, watch)
        finally:
            noted: tuple[str, str, Source] | None = state.get(NOTED)
            if noted or interface != "compressed":
                scheme, prefix, source = noted or _UNREAD
                door = cast(Interface, "gs1" if interface == "compressed" else interface)
                counted = Counted(scheme, prefix, door, source, outcome_of(status))
                self._counter.add(counted, (took_ns or perf_counter_ns() - began) // 1000)


def _interface_of(scope: Scope) -> str | None:
    """The interface by which an identifier is asked for; "compressed" for what may be a compressed link."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
        return None
    path: str = scope["path"]
    if path.startswith(HANDLES) and len(path) > len(HANDLES):
        return "handles"
    if path in _EXACT:
        return path[1:]
    first, _, rest = path[1:].partition("/")
    if not rest:
        return "compressed"
    return "gs1" if first in _KEYS else None


def saving(counter: ResolutionCounter) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """The lifespan of an application that saves its counts while it runs, and at its end."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=counter.run, args=(stop,), name="resolution counts")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    return lifespan
