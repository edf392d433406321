"""The EPCIS server that is examined, seen only through HTTP.

Nothing here knows whose server it is: capture may be asynchronous, and what was captured may take a
while to be found. What a server says it does not offer makes a test skip, with the server's own words.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urljoin

import httpx
import pytest

from tests.conformance.samples import Event, document

WAIT_SECONDS = 30.0
"""How long a capture may run, and an event may take until queries find it."""

JSON = "application/json"
JSON_LD = "application/ld+json"
XML = "application/xml"

_NOT_OFFERED = {404, 405, 501}
_PAGES_MAX = 1000

T = TypeVar("T")


@dataclass(frozen=True)
class Server:
    """Paths are those of the REST binding: "/capture" lies below the URL of the service."""

    client: httpx.Client
    has_key: bool

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        json: object = None,
        **headers: str,
    ) -> httpx.Response:
        """Header names are written with underscores: `GS1_EPC_Format`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, path, params=params, content=content, json=json, headers=named)

    def get(self, path: str, params: Mapping[str, str] | None = None, **headers: str) -> httpx.Response:
        return self.request("GET", path, params=params, **headers)

    def options(self, path: str) -> httpx.Response:
        return self.request("OPTIONS", path)

    def url(self, location: str) -> str:
        """The absolute URL of what a Location or Link header names."""
        return urljoin(str(self.client.base_url), location)

    def needs(self, path: str) -> None:
        """Skip the test when the server says that it has no such resource."""
        answer = self.options(path)
        if answer.status_code in _NOT_OFFERED:
            pytest.skip(f"OPTIONS {path} answers {answer.status_code}: the server does not offer it")

    def declares(self, header: str, *values: str, path: str = "/capture") -> None:
        """Skip the test when OPTIONS announces something else than one of `values`."""
        announced = self.options(path).headers.get(header)
        if announced is not None and announced not in values:
            pytest.skip(f"OPTIONS {path} announces {header}: {announced}")

    # ------------------------------------------------------------------------------ capture

    def post(self, path: str, body: bytes | Mapping[str, Any], **headers: str) -> httpx.Response:
        if isinstance(body, bytes):
            return self.request("POST", path, content=body, **{"Content_Type": JSON, **headers})
        return self.request("POST", path, json=body, **headers)

    def job_of(self, answer: httpx.Response) -> dict[str, Any]:
        """The finished capture job behind a 202."""
        assert answer.status_code == 202, answer.text
        where = self.url(answer.headers["location"])

        def finished() -> dict[str, Any] | None:
            job = self.client.get(where)
            assert job.status_code == 200, job.text
            fields: dict[str, Any] = job.json()
            return None if fields["running"] else fields

        return wait_for(finished, f"{where} to finish")

    def capture(self, *events: Event, **headers: str) -> dict[str, Any]:
        """The job that captured all `events`; skips when this key may not capture them."""
        answer = self.post("/capture", document(*events), **headers)
        if answer.status_code == 403:
            pytest.skip(f"this key may not capture the sample events: {answer.text}")
        job = self.job_of(answer)
        assert job["success"] is True, job
        return job

    # ------------------------------------------------------------------------------ query

    def event(self, event_id: str, **headers: str) -> dict[str, Any]:
        """The one captured event with this eventID, as soon as the server finds it."""
        (found,) = self.wait_for_events({"EQ_eventID": event_id}, 1, **headers)
        return found

    def wait_for_events(self, params: Mapping[str, str], count: int, **headers: str) -> list[dict[str, Any]]:
        """The events that match, as soon as there are `count`."""

        def enough() -> list[dict[str, Any]] | None:
            events = self.query(params, **headers)
            return events if len(events) >= count else None

        return wait_for(enough, f"{count} events that match {dict(params)}")

    def query(self, params: Mapping[str, str], path: str = "/events", **headers: str) -> list[dict[str, Any]]:
        """All events that match, over all pages."""
        return [event for page in self.pages(path, params, **headers) for event in events_in(page)]

    def pages(
        self, path: str, params: Mapping[str, str] | None = None, **headers: str
    ) -> Iterator[httpx.Response]:
        """Each page of a list, by following rel="next"."""
        answer = self.get(path, params, **headers)
        for _ in range(_PAGES_MAX):
            assert answer.status_code == 200, f"{answer.request.url}: {answer.status_code} {answer.text}"
            yield answer
            following = next_link(answer)
            if following is None:
                return
            answer = self.request("GET", self.url(following), **headers)
        raise AssertionError(f"{path} has more than {_PAGES_MAX} pages")

    def members(self, path: str, **headers: str) -> list[str]:
        """The members of a collection, over all pages."""
        return [member for page in self.pages(path, **headers) for member in page.json()["member"]]


def events_in(answer: httpx.Response) -> list[dict[str, Any]]:
    """The events of an EPCISQueryDocument."""
    assert answer.status_code == 200, f"{answer.request.url}: {answer.status_code} {answer.text}"
    found: list[dict[str, Any]] = answer.json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    return found


def next_link(answer: httpx.Response) -> str | None:
    link = answer.links.get("next")
    return link["url"] if link else None


def item_path(*steps: str) -> str:
    """A path whose steps may hold any character: a `/` in a value is not a step."""
    return "".join("/" + quote(step, safe="") for step in steps)


def assert_problem(answer: httpx.Response, status: int, *names: str) -> dict[str, Any]:
    """The answer is a problem document (RFC 9457) of this status and one of these EPCIS exceptions."""
    assert answer.status_code == status, f"{answer.request.url}: {answer.status_code} {answer.text}"
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    assert media_type == "application/problem+json", media_type
    problem: dict[str, Any] = answer.json()
    assert problem["type"] in {f"epcisException:{name}" for name in names}, problem
    assert problem["title"]
    assert problem.get("status", status) == status
    return problem


def wait_for(read: Callable[[], T | None], what: str) -> T:
    deadline = time.monotonic() + WAIT_SECONDS
    pause = 0.01
    while (value := read()) is None:
        assert time.monotonic() < deadline, f"waited {WAIT_SECONDS} s for {what}"
        time.sleep(pause)
        pause = min(2 * pause, 1.0)
    return value


def ids_of(events: Sequence[Mapping[str, Any]]) -> list[str]:
    return [event["eventID"] for event in events]
