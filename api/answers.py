"""Answers to the many plain requests of programs for a Digital Link or a handle, short of FastAPI.

Requests that wait together are answered together: in one thread, in one transaction, with one SELECT for all
of them. Answers are remembered, and never stale: after a request has arrived, the revision of all that
answers come from is read, and when it is another one, they are all forgotten.

Whatever is not plain goes the usual way and is answered the same there: a query, an API key, a browser (which
may be a person who scans a label, and that is recorded), a page on another host that asks.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from fastapi.responses import Response
from starlette.types import Scope

from api.errors import respond_to
from api.routes.handles import answer_handle, show_values, uri_of
from api.routes.resolver import answer_link, read_link_request
from ledger.domain.errors import LedgerError
from ledger.domain.links import Link, levels_of
from ledger.domain.resolution_counts import Counted, Interface, counted_prefix, outcome_of
from ledger.links import found_links
from ledger.node import Node
from ledger.ports import StoredRecord
from ledger.records import shown_record

HANDLES: Final = "/api/handles/"
REMEMBERED_MAX: Final = 20_000
_BODY_MAX: Final = 16 * 1024  # bytes of an answer that is remembered
_GROUP_MAX: Final = 200
_KEPT_STATUSES: Final = frozenset({200, 300, 307, 400, 404})

Key = tuple[bytes, bytes, bytes, bytes]
"""What an answer depends on: raw path, and the headers Accept, Accept-Language and Host."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, and what it is counted as."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes
    counted: Counted


def plain_key(scope: Scope) -> Key | None:
    """What the answer to a request depends on; None when the request is not plain."""
    if scope["query_string"]:
        return None
    accept = language = host = b""
    for name, value in scope["headers"]:
        if name == b"accept":
            accept = accept + b"," + value if accept else value
        elif name == b"accept-language":
            language = language + b"," + value if language else value
        elif name == b"host":
            host = value
        elif name in _NOT_PLAIN:
            return None
    return None if b"text/html" in accept else (scope["raw_path"], accept, language, host)


_NOT_PLAIN: Final = frozenset({b"authorization", b"cookie", b"origin"})


@dataclass(frozen=True, slots=True)
class _Question:
    key: Key
    interface: Interface
    scope: Scope
    answer: "asyncio.Future[Answer]"


class Answers:
    """Answers plain requests. `ask` belongs to one event loop."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._thread = ThreadPoolExecutor(1, "answers")
        self._waiting: list[_Question] = []
        self._is_running = False
        # Only the thread changes these: it forgets what it remembers before it takes another revision.
        self._remembered: OrderedDict[Key, Answer] = OrderedDict()
        self._revision = -1

    async def ask(self, key: Key, interface: Interface, scope: Scope) -> Answer:
        """The answer to a plain request. Raises what is no LedgerError: our own mistakes."""
        remembered = self._remembered.get(key)
        if remembered is not None and self._node.store.glimpse_revision() == self._revision:
            return remembered
        loop = asyncio.get_running_loop()
        question = _Question(key, interface, scope, loop.create_future())
        self._waiting.append(question)
        if not self._is_running:
            self._is_running = True
            # What else has arrived by now comes along.
            loop.call_soon(self._start, loop)
        return await question.answer

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        group, self._waiting = self._waiting[:_GROUP_MAX], self._waiting[_GROUP_MAX:]
        self._thread.submit(self._answer_group, loop, group)

    def _answer_group(self, loop: asyncio.AbstractEventLoop, group: Sequence[_Question]) -> None:
        try:
            answers: Iterable[Answer | Exception] = self._answers(group)
        except Exception as error:  # noqa: BLE001  # it is raised where the answer is awaited
            answers = [error] * len(group)
        loop.call_soon_threadsafe(self._hand_out, loop, list(zip(group, answers, strict=True)))

    def _hand_out(
        self, loop: asyncio.AbstractEventLoop, answered: Sequence[tuple[_Question, Answer | Exception]]
    ) -> None:
        for question, answer in answered:
            if question.answer.done():  # its client has gone
                continue
            if isinstance(answer, Exception):
                question.answer.set_exception(answer)
            else:
                question.answer.set_result(answer)
        self._is_running = bool(self._waiting)
        if self._is_running:
            self._start(loop)

    def _answers(self, group: Sequence[_Question]) -> list[Answer]:
        try:
            with self._node.store.answering() as reads:
                self._forget_unless(reads.revision)
                known = {q.key: answer for q in group if (answer := self._remembered.get(q.key))}
                drafts = {q.key: _draft(q) for q in group if q.key not in known}
                anchors = list(dict.fromkeys(anchor for d in drafts.values() for anchor in d.anchors))
                uris = [draft.uri for draft in drafts.values() if draft.needs_record]
                links = _by_anchor(reads.links_at(anchors)) if anchors else {}
                records = reads.records(uris) if uris else {}
        except LedgerError as error:
            drafts = {q.key: _failed(q, error) for q in group}
            known, links, records = {}, {}, {}
        for key, draft in drafts.items():
            known[key] = self._finish(key, draft, links, records)
        return [known[question.key] for question in group]

    def _finish(
        self, key: Key, draft: "_Draft", links: "_Links", records: Mapping[str, StoredRecord]
    ) -> Answer:
        response = draft.finish(self._node, links, records)
        # As the CORS middleware says of every answer: with an Origin it is another one.
        response.headers["Vary"] = ", ".join([*response.headers.getlist("Vary"), "Origin"])
        scheme, prefix = counted_prefix(self._node.prefixes.index(), draft.uri) if draft.uri else ("", "")
        outcome = outcome_of(response.status_code)
        status, headers, body = response.status_code, response.raw_headers, bytes(response.body)
        if status in _KEPT_STATUSES and len(body) <= _BODY_MAX:
            again = Counted(scheme, prefix, draft.interface, "cached", outcome)
            self._remembered[key] = Answer(status, headers, body, again)
            if len(self._remembered) > REMEMBERED_MAX:
                self._remembered.popitem(last=False)  # the oldest: those in demand come back at once
        return Answer(status, headers, body, Counted(scheme, prefix, draft.interface, "local", outcome))

    def _forget_unless(self, revision: int) -> None:
        if revision != self._revision:
            self._remembered.clear()
            self._revision = revision


# --- how each interface answers

_Links = Mapping[str, Sequence[Link]]
_Finish = Callable[[Node, _Links, Mapping[str, StoredRecord]], Response]


@dataclass(frozen=True, slots=True)
class _Draft:
    """What an answer needs to be read, and what it is then."""

    interface: Interface
    uri: str  # "" when it is no identifier
    anchors: Sequence[str]
    needs_record: bool
    finish: _Finish


def _draft(question: _Question) -> _Draft:
    request = Request(question.scope)
    try:
        return (_draft_link if question.interface == "gs1" else _draft_handle)(request)
    except LedgerError as error:
        return _failed(question, error)


def _failed(question: _Question, error: LedgerError) -> _Draft:
    request = Request(question.scope)
    if question.interface == "gs1":
        return _Draft("gs1", "", (), False, lambda *_: respond_to(request, error))

    def fail() -> Response:
        raise error

    return _Draft("handles", "", (), False, lambda *_: answer_handle(_handle_in(request), fail))


def _draft_link(request: Request) -> _Draft:
    asked = read_link_request(request)
    levels = levels_of(asked.link)

    def finish(node: Node, links: _Links, _: Mapping[str, StoredRecord]) -> Response:
        of_levels = [link for level in levels for link in links.get(level.anchor, ())]
        own = asked.item_page(node.settings.label_url, "")
        try:
            return answer_link(request, node, asked, found_links(levels, of_levels, own), own)
        except LedgerError as error:
            return respond_to(request, error)

    return _Draft("gs1", asked.identifier.uri, [level.anchor for level in levels], False, finish)


def _draft_handle(request: Request) -> _Draft:
    handle = _handle_in(request)
    uri = uri_of(handle)

    def finish(_: Node, __: _Links, records: Mapping[str, StoredRecord]) -> Response:
        return answer_handle(
            handle, lambda: show_values(request, handle, shown_record(uri, records.get(uri)))
        )

    return _Draft("handles", uri, (), True, finish)


def _handle_in(request: Request) -> str:
    path: str = request.scope["path"]
    return path[len(HANDLES) :]


def _by_anchor(links: Iterable[Link]) -> _Links:
    found: dict[str, list[Link]] = {}
    for link in links:
        found.setdefault(link.anchor, []).append(link)
    return found
