"""A receiver of webhooks: a real HTTP server that answers, fails, hangs or drops the line as it is told."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANG = -1
DROP = -2
DRIP = -3


@dataclass(frozen=True)
class Received:
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def delivery_id(self) -> str:
        return self.headers["suyuan-delivery"]

    @property
    def results(self) -> dict[str, Any]:
        results: dict[str, Any] = json.loads(self.body)["epcisBody"]["queryResults"]
        return results

    @property
    def serials(self) -> list[str]:
        """The serial of the first item of each event."""
        return [event["epcList"][0].rpartition("/")[2] for event in self.results["resultsBody"]["eventList"]]


@dataclass
class Receiver:
    """`answers` are the statuses of the next requests (or HANG, DROP, DRIP); after them it answers 200."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/inbox"

    @property
    def serials(self) -> list[str]:
        """Of all events that were received, in order."""
        return [serial for received in self.received for serial in received.serials]


@contextmanager
def run_receiver(receiver: Receiver | None = None) -> Iterator[Receiver]:
    """Listen until the block ends; a receiver that is given listens again where it did."""
    receiver = receiver or Receiver()
    receiver.released.clear()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, body))
            status = receiver.answers.pop(0) if receiver.answers else 200
            if status == HANG:
                receiver.released.wait(30)
            elif status == DROP:
                self.close_connection = True
            elif status == DRIP:
                self.drip()
            else:
                self.send_response(status)
                self.send_header("Location", receiver.url + "/elsewhere")
                self.send_header("Content-Length", "4")
                self.end_headers()
                self.wfile.write(b"told")

        def drip(self) -> None:
            """A byte of a header now and then, without an end."""
            try:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                while not receiver.released.wait(0.02):
                    self.wfile.write(b"x")
                    self.wfile.flush()
            except OSError:
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            pass

    with Server(("127.0.0.1", receiver.port), Handler) as server:
        receiver.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.released.set()
            server.shutdown()
            thread.join()
