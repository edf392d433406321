"""A label printer on a port of this machine that keeps its promises: it answers ~HS, prints whole labels,
and remembers them. Its labels are read with a ZPL interpreter and a decoder that know nothing of ours."""

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import zplkit
import zxingcpp
from PIL import Image

_LABEL = re.compile(rb"\^XA.*?\^XZ", re.DOTALL)
_LINGER_NONE = struct.pack("ii", 1, 0)


@dataclass
class FakePrinter:
    """What the test wants it to be, and what it has printed."""

    port: int
    faults: set[str] = field(default_factory=set)  # of "paper", "pause", "head", "ribbon"
    answers_status: bool = True
    closes_after_labels: int | None = None  # then it breaks off
    never_closes: bool = False
    prints: threading.Event = field(default_factory=lambda: _set(threading.Event()))  # while it is set
    taken: list[bytes] = field(default_factory=list)
    connections: int = 0
    _stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def serials(self, dpi: int = 203) -> list[str]:
        """The serials on paper, in the order of printing."""
        return [read_label(label, dpi).rpartition("/21/")[2] for label in self.taken]

    def status(self) -> bytes:
        def flag(name: str) -> str:
            return str(int(name in self.faults))

        strings = (
            f"030,{flag('paper')},{flag('pause')},0240,000,0,0,0,000,0,0,0",
            f"000,0,{flag('head')},{flag('ribbon')},0,2,6,0,00000000,1,000",
            "1234,0",
        )
        return b"".join(b"\x02" + text.encode() + b"\x03\r\n" for text in strings)

    def serve(self, listener: socket.socket) -> None:
        while not self._stopped.is_set():
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer:
                self.connections += 1
                self._talk(peer)

    def _talk(self, peer: socket.socket) -> None:
        received = b""
        peer.settimeout(5)
        while chunk := _receive(peer):
            received += chunk
            if received.startswith(b"~HS"):
                received = received[3:]
                if self.answers_status:
                    peer.sendall(self.status())
            labels = _LABEL.findall(received)
            if self.closes_after_labels is not None and len(labels) >= self.closes_after_labels:
                self.taken += labels[: self.closes_after_labels]
                peer.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE
                )  # a reset, as when it crashes
                return
        self.prints.wait(60)
        self.taken += _LABEL.findall(received)
        if self.never_closes:
            self._stopped.wait(5)


def _set(event: threading.Event) -> threading.Event:
    event.set()
    return event


def _receive(peer: socket.socket) -> bytes:
    try:
        return peer.recv(65_536)
    except OSError:
        return b""


@contextmanager
def run_printer() -> Iterator[FakePrinter]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        printer = FakePrinter(listener.getsockname()[1])
        thread = threading.Thread(target=printer.serve, args=(listener,))
        thread.start()
        try:
            yield printer
        finally:
            printer._stopped.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@cache
def read_label(label: bytes, dpi: int) -> str:
    """The text of the label's QR code."""
    size = re.search(rb"\^PW(\d+)\^LL(\d+)", label)
    assert size
    printer = zplkit.Options(profile="specification", dpi=dpi, width=int(size[1]), height=int(size[2]))
    raster = zplkit.render(label, printer).labels[0].rasterize()
    image = Image.frombytes("L", (raster.width, raster.height), bytes(raster.pixels))
    (code,) = zxingcpp.read_barcodes(image, zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return code.text
