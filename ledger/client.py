"""A client for the HTTP interface of a node, with the standard library alone.

    client = Client("https://node.example", "suyuan_...")
    job = client.capture([event, event])
    for event in client.events(MATCH_epc="urn:epc:id:sgtin:9506000.013435.S1"):
        ...

A call that the node did not answer is made again: asking twice is harmless, and so is capturing twice,
because an event with the same eventID, or with the same content, is captured once. Safe to use from several
threads.
"""

import http.client
import json
import random
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode, urljoin, urlsplit

from ledger.domain.errors import Conflict, Invalid, LedgerError, NotAllowed, NotFound, Problem
from ledger.intake import Fault

Json = Mapping[str, Any]

_AGAIN: Final = frozenset({408, 425, 429, 502, 503, 504})
_PAUSE_SECONDS_MAX: Final = 60.0
_POLL_SECONDS: Final = 0.5
_ANSWER_BYTES_MAX: Final = 256 * 1024 * 1024


class NodeUnavailable(LedgerError):
    """The node did not answer, time and again: try later. Nothing is captured twice by that."""


class KeyRefused(LedgerError):
    """The node does not take this API key: give another."""


@dataclass(frozen=True, slots=True)
class Job:
    """A capture job: what became of one captured document."""

    capture_id: str
    running: bool
    success: bool
    faults: tuple[Fault, ...]
    receipt: str


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Message
    body: bytes
    url: str


class Client:
    """A node, as the holder of one API key sees it.

    Methods raise Invalid, NotAllowed, NotFound and Conflict as the node says, each with its problems;
    KeyRefused; and NodeUnavailable after `attempts` attempts with growing pauses between them.
    """

    def __init__(
        self,
        url: str,
        api_key: str = "",
        *,
        timeout_seconds: float = 60.0,
        attempts: int = 6,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise Invalid(f"{url!r} is no web address: begin it with https://")
        self._url = url.rstrip("/")
        self._api_key = api_key
        self._timeout_seconds = timeout_seconds
        self._attempts = attempts
        self._pause = pause

    def capture(
        self,
        document: bytes | Json | Sequence[Json],
        error_behaviour: Literal["rollback", "proceed"] = "rollback",
    ) -> Job:
        """Capture a document (JSON or XML as bytes), or events as Python objects; the finished job."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        is_xml = body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
        headers = {
            "Content-Type": "application/xml" if is_xml else "application/json",
            "GS1-Capture-Error-Behaviour": error_behaviour,
        }
        answer = self._request("POST", "/epcis/capture", headers, body)
        capture_id = answer.headers["Location"].rpartition("/")[2]
        job = _read_job(json.loads(answer.body)) if answer.body else self.job(capture_id)
        while job.running:
            self._pause(_POLL_SECONDS)
            job = self.job(capture_id)
        return job

    def job(self, capture_id: str) -> Job:
        """A capture job by its id."""
        return _read_job(self._get(f"/epcis/capture/{quote(capture_id, safe='')}"))

    def change_records(self, batch: bytes, name: str = "", *, dry_run: bool = False) -> list[dict[str, Any]]:
        """Make a batch of changes of records, {"changes": [...]}: the outcome of each, or its `fault`.

        With a name it is made once, however often it is sent within seven days.
        """
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": name} if name else {})
        query = urlencode({"errors": "proceed", "dry_run": str(dry_run).lower()})
        answer = self._request("POST", f"/records?{query}", headers, batch)
        outcomes: list[dict[str, Any]] = json.loads(answer.body)["outcomes"]
        return outcomes

    def event(self, event_id: str) -> Json:
        """One event by its eventID; of an event and its error declarations the first."""
        document = self._get(f"/epcis/events/{quote(event_id, safe='')}")
        events = _events_in(document)
        if not events:
            raise NotFound(f"event {event_id}: not in the answer of the node")
        return events[0]

    def events(self, **parameters: str | int | Sequence[str]) -> Iterator[Json]:
        """The events that match the parameters of the EPCIS query language, page by page as you go on."""
        query = {
            name: value if isinstance(value, str | int) else "|".join(value)
            for name, value in parameters.items()
        }
        url: str | None = f"{self._url}/epcis/events?{urlencode(query)}"
        while url is not None:
            answer = self._request("GET", url, {"Accept": "application/json"})
            yield from _events_in(json.loads(answer.body))
            url = _next_page(answer)

    def item_bundle(self, identifier: str) -> bytes:
        """The bundle that proves the history of an item; `suyuan verify` checks it."""
        return self._request("GET", f"/proof/item?{urlencode({'id': identifier})}", {}).body

    def event_bundle(self, event_id: str) -> bytes:
        """The bundle that proves one event."""
        return self._request("GET", f"/proof/event?{urlencode({'id': event_id})}", {}).body

    def _get(self, path: str) -> Json:
        document = json.loads(self._request("GET", path, {"Accept": "application/json"}).body)
        assert isinstance(document, dict)
        return document

    def _request(
        self, method: str, where: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> _Answer:
        url = where if where.startswith(("http://", "https://")) else self._url + where
        key = {"Authorization": f"Bearer {self._api_key}"} if self._api_key else {}
        reason, asked_to_wait = "", ""
        for attempt in range(self._attempts):
            if attempt:
                self._pause(_pause_seconds(attempt, asked_to_wait))
            request = urllib.request.Request(url, body, {**headers, **key}, method=method)  # noqa: S310
            try:
                answer = self._send(request)
            except (OSError, http.client.HTTPException) as error:
                reason = str(getattr(error, "reason", error)) or type(error).__name__
                continue
            if answer.status not in _AGAIN:
                _raise_for(answer)
                return answer
            reason, asked_to_wait = f"status {answer.status}", answer.headers.get("Retry-After", "")
        raise NodeUnavailable(f"{url}: no answer in {self._attempts} attempts: {reason}")

    def _send(self, request: urllib.request.Request) -> _Answer:
        try:
            with _OPENER.open(request, timeout=self._timeout_seconds) as response:
                return _Answer(response.status, response.headers, _read(response), request.full_url)
        except urllib.error.HTTPError as error:
            with error:
                return _Answer(error.code, error.headers, _read(error), request.full_url)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: following it would show the API key to whoever it leads to."""

    def redirect_request(self, *_: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_NoRedirects)


def _read(response: http.client.HTTPResponse | urllib.error.HTTPError) -> bytes:
    body: bytes = response.read(_ANSWER_BYTES_MAX + 1)
    if len(body) > _ANSWER_BYTES_MAX:
        raise Invalid(f"{response.url}: the answer has more than {_ANSWER_BYTES_MAX} bytes")
    return body


def _pause_seconds(attempt: int, asked_to_wait: str) -> float:
    """Twice as long each time, and never in step with other clients; what the node asks for comes first."""
    if asked_to_wait.isdecimal():
        return min(float(asked_to_wait), _PAUSE_SECONDS_MAX)
    return min(2.0**attempt / 4, _PAUSE_SECONDS_MAX) * random.uniform(0.5, 1.0)  # noqa: S311


def _raise_for(answer: _Answer) -> None:
    if answer.status < 300:
        return
    try:
        problem = json.loads(answer.body)
        detail = str(problem.get("detail") or problem.get("title"))
        listed = problem.get("problems", ())
        problems = tuple(Problem(str(p["pointer"]), str(p["message"])) for p in listed)
    except (ValueError, AttributeError, KeyError, TypeError):
        detail, problems = answer.body[:200].decode("utf-8", "replace"), ()
    message = f"{answer.url}: {answer.status}: {detail}"
    match answer.status:
        case 401:
            raise KeyRefused(message)
        case 403:
            raise NotAllowed(message, problems)
        case 404:
            raise NotFound(message)
        case 409:
            raise Conflict(message)
        case status if status < 500:
            raise Invalid(message, problems)
    raise NodeUnavailable(message)


def _read_job(job: Json) -> Job:
    errors = [Fault(e.get("pointer", ""), e.get("detail", "")) for e in job.get("errors", ())]
    warnings = [Fault(e["pointer"], e["message"], e["warning"]) for e in job.get("warnings", ())]
    return Job(
        str(job["captureID"]),
        bool(job.get("running")),
        bool(job.get("success")),
        (*errors, *warnings),
        str(job.get("receipt", "")),
    )


def _events_in(document: Json) -> Sequence[Json]:
    if document.get("type") != "EPCISQueryDocument":
        return [document]
    events: Sequence[Json] = document["epcisBody"]["queryResults"]["resultsBody"].get("eventList", [])
    return events


def _next_page(answer: _Answer) -> str | None:
    """The address of the next page (RFC 8288), which must be on the same node; None after the last."""
    for link in answer.headers.get_all("Link", []):
        match = _NEXT.search(link)
        if match is not None:
            url = urljoin(answer.url, match[1])
            if urlsplit(url)[:2] != urlsplit(answer.url)[:2]:
                raise Invalid(f"{answer.url}: the next page {url} is on another host")
            return str(url)
    return None


_NEXT: Final = re.compile(r'<([^<>]*)>[^<>]*?;\s*rel="?next"?(?=[\s;,]|$)')
