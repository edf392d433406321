"""Sending bytes to a printer, so that the sender knows what became of them.

`connect` raises NotReady while nothing was sent: the printer cannot be reached, has no paper, is paused.
After that `send` either returns, when the printer has taken everything, or raises InDoubt: some of it may be
on paper.

A TCP printer has taken everything when it closes the connection after we said that we are done; all waits are
limited. Before that it is asked ~HS (ZPL II Programming Guide, "~HS Host Status Return"): one that does not
know ~HS says nothing, and is then taken to be ready. In a spool folder a file is there whole or not at all.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from ledger.domain.printer_address import PrinterAddress, SpoolAddress, TcpAddress

CONNECT_SECONDS: Final = 5.0
STATUS_SECONDS: Final = 2.0
SEND_SECONDS: Final = 120.0
"""For a whole chunk: a printer takes only what it has memory for, and prints meanwhile."""

_STATUS_BYTES_MAX: Final = 400
_ETX: Final = b"\x03"
_STATUS_STRINGS: Final = 3


class NotReady(Exception):
    """Nothing was sent: try again later."""


class InDoubt(Exception):
    """It broke off: some of it may be on paper."""


class Connection(Protocol):
    """A printer that is ready."""

    def send(self, name: str, content: bytes) -> None:
        """Hand over `content`, all of it; `name` is for those who keep it. Raises InDoubt."""


@contextmanager
def connect(address: PrinterAddress, send_seconds: float = SEND_SECONDS) -> Iterator[Connection]:
    """The printer, ready to take labels. Raises NotReady."""
    if isinstance(address, SpoolAddress):
        yield _spool(address)
        return
    with _reach(address) as peer:
        _check_status(address, peer)
        yield _Tcp(peer, send_seconds)


# ------------------------------------------------------------------ TCP


def _reach(address: TcpAddress) -> socket.socket:
    try:
        return socket.create_connection((address.host, address.port), CONNECT_SECONDS)
    except OSError as error:
        raise NotReady(
            f"cannot reach {address.host}:{address.port}: {error}; "
            "switch the printer on and check its address"
        ) from error


def _check_status(address: TcpAddress, peer: socket.socket) -> None:
    try:
        peer.sendall(b"~HS")
        faults = read_faults(_receive_status(peer))
    except OSError as error:
        raise NotReady(f"{address.host}:{address.port} closed the connection at once: {error}") from error
    if faults:
        raise NotReady(f"the printer is not ready: {', '.join(faults)}")


def _receive_status(peer: socket.socket) -> bytes:
    """The answer, or what came of it in time."""
    status, until = b"", time.monotonic() + STATUS_SECONDS
    while status.count(_ETX) < _STATUS_STRINGS and len(status) < _STATUS_BYTES_MAX:
        peer.settimeout(max(until - time.monotonic(), 0.001))
        try:
            received = peer.recv(_STATUS_BYTES_MAX)
        except TimeoutError:
            return status
        if not received:
            raise ConnectionResetError("before it took anything")
        status += received
    return status


def read_faults(status: bytes) -> list[str]:
    """What the answer to ~HS says is wrong; nothing when it is no answer to ~HS."""
    strings = [part.rpartition(b"\x02")[2].split(b",") for part in status.split(_ETX)[:_STATUS_STRINGS]]
    if len(strings) < _STATUS_STRINGS or len(strings[0]) < 12 or len(strings[1]) < 4:
        return []
    flags = {
        "out of paper": strings[0][1],
        "paused": strings[0][2],
        "buffer full": strings[0][5],
        "too cold": strings[0][10],
        "too hot": strings[0][11],
        "head open": strings[1][2],
        "out of ribbon": strings[1][3],
    }
    return [fault for fault, flag in flags.items() if flag == b"1"]


@dataclass(frozen=True, slots=True)
class _Tcp:
    peer: socket.socket
    send_seconds: float

    def send(self, name: str, content: bytes) -> None:
        until = time.monotonic() + self.send_seconds
        try:
            self.peer.settimeout(self.send_seconds)
            self.peer.sendall(content)
            self.peer.shutdown(socket.SHUT_WR)
            _wait_for_end(self.peer, until)
        except TimeoutError as error:
            raise InDoubt(f"the printer did not take all of {name} within {self.send_seconds:g} s") from error
        except OSError as error:
            raise InDoubt(f"the printer broke off in the midst of {name}: {error}") from error


def _wait_for_end(peer: socket.socket, until: float) -> None:
    """Until the printer closes too; whatever it says before is read, else its close would be a reset."""
    while True:
        peer.settimeout(max(until - time.monotonic(), 0.001))
        if not peer.recv(4096):
            return
        if time.monotonic() >= until:
            raise TimeoutError


# ------------------------------------------------------------------ spool folder


def _spool(address: SpoolAddress) -> "_Spool":
    folder = Path(address.folder)
    if not os.access(folder, os.W_OK | os.X_OK) or not folder.is_dir():
        raise NotReady(f"spool folder {folder}: is not there, or may not be written to")
    return _Spool(folder)


@dataclass(frozen=True, slots=True)
class _Spool:
    folder: Path

    def send(self, name: str, content: bytes) -> None:
        part = self.folder / f".{name}.part"
        try:
            with part.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.folder / name)
            _sync(self.folder)
        except OSError as error:
            raise InDoubt(f"spool folder {self.folder}: {error.strerror} at {name}") from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
