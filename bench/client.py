"""The company that captures: several keep-alive connections, in a process of its own."""

import json
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from http.client import HTTPConnection

_ANSWER_SECONDS = 60


def start_client() -> ProcessPoolExecutor:
    """A process to call `send_documents` in, so that sending and serving do not share an interpreter."""
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))


def send_documents(port: int, api_key: str, documents: Sequence[bytes], connections: int) -> float:
    """Send all documents, each over the connection that is free first; the seconds until the last one was
    acknowledged.

    Raises RuntimeError with the node's words when one is not captured.
    """
    waiting = iter(documents)
    begun = time.perf_counter()
    with ThreadPoolExecutor(connections) as threads:
        for sending in [threads.submit(_send, port, api_key, waiting) for _ in range(connections)]:
            sending.result()
    return time.perf_counter() - begun


def _send(port: int, api_key: str, documents: Iterator[bytes]) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    for document in documents:
        kind = "application/xml" if document.startswith(b"<") else "application/json"
        headers = {"Authorization": f"Bearer {api_key}", "Content-Type": kind}
        connection.request("POST", "/epcis/capture", document, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 202 or not json.loads(answer)["success"]:
            raise RuntimeError(f"document was not captured, HTTP {response.status}: {answer[:500]!r}")
    connection.close()
