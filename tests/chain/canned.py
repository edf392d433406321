"""An HTTP server that answers as it is told: for nodes that are broken, slow, or of a kind we cannot run."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str], tuple[int, bytes]]
"""JSON-RPC method -> HTTP status and body."""


@contextmanager
def serve(answer: Answer) -> Iterator[str]:
    """The URL of a server that answers every POST by `answer`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = answer(request["method"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # the client has enough
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def node(results: Mapping[str, Any]) -> Answer:
    """A node that knows only the methods of `results`."""

    def answer(method: str) -> tuple[int, bytes]:
        said: dict[str, Any] = {"jsonrpc": "2.0", "id": 1}
        if method in results:
            said["result"] = results[method]
        else:
            said["error"] = {"code": -32601, "message": f"the method {method} does not exist"}
        return 200, json.dumps(said).encode()

    return answer
