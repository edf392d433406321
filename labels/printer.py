"""Sending bytes to a printer, so that the sender knows what became of them.

`connect` raises NotReady while nothing was sent: the printer cannot be reached, has no paper, is paused.
After that `send` either returns, when the printer has taken everything, or raises InDoubt: some of it may be
on paper; or it raises NotReady, when the printer refused all of it. All waits are limited.

A TCP printer has taken everything when it closes the connection after we said that we are done. One that gets
ZPL is asked ~HS before (ZPL II Programming Guide, "~HS Host Status Return"): one that does not know ~HS says
nothing, and is then taken to be ready. An IPP printer tells its state, and has taken everything when it says
that the job is completed. In a spool folder a file is there whole or not at all.
"""

import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from labels.ipp import (
    GET_JOB_ATTRIBUTES,
    GET_PRINTER_ATTRIBUTES,
    PRINT_JOB,
    Answer,
    Attribute,
    NoAnswer,
    NotReached,
    ask,
)
from ledger.domain.printer_address import IppAddress, PrinterAddress, SpoolAddress, TcpAddress

CONNECT_SECONDS: Final = 5.0
STATUS_SECONDS: Final = 2.0
SEND_SECONDS: Final = 120.0
"""For a whole chunk: a printer takes only what it has memory for, and prints meanwhile."""

_STATUS_BYTES_MAX: Final = 400
_ETX: Final = b"\x03"
_STATUS_STRINGS: Final = 3


class NotReady(Exception):
    """Nothing was sent, or all of it was refused: try again later."""


class InDoubt(Exception):
    """It broke off: some of it may be on paper."""


class Connection(Protocol):
    """A printer that is ready."""

    def send(self, name: str, content: bytes) -> None:
        """Hand over `content`, all of it; `name` is for those who keep it.

        Raises InDoubt, and NotReady when the printer refused it.
        """


@contextmanager
def connect(address: PrinterAddress, send_seconds: float = SEND_SECONDS) -> Iterator[Connection]:
    """The printer, ready to take labels. Raises NotReady."""
    if isinstance(address, SpoolAddress):
        yield _spool(address)
        return
    if isinstance(address, IppAddress):
        _check_ipp(address)
        yield _Ipp(address, send_seconds)
        return
    with _reach(address) as peer:
        if address.format == "zpl":  # another printer would print the question
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


# ------------------------------------------------------------------ IPP

_MEDIA_TYPE: Final = "application/pdf"
_STOPPED: Final = 5  # printer-state, RFC 8011, 5.4.11
_JOB_ENDED_BADLY: Final = {7: "canceled", 8: "aborted"}  # job-state, RFC 8011, 5.3.7
_JOB_COMPLETED: Final = 9
_LOOK_SECONDS: Final = 0.5

_FAULTS: Final = {  # printer-state-reasons, RFC 8011, 5.4.12, that keep a printer from printing
    "media-empty": "out of paper",
    "media-needed": "out of paper",
    "media-jam": "paper jam",
    "paused": "paused",
    "cover-open": "cover open",
    "door-open": "door open",
    "interlock-open": "cover open",
    "marker-supply-empty": "out of ribbon or ink",
    "toner-empty": "out of toner",
    "spool-area-full": "its memory is full",
    "shutdown": "shut down",
    "timed-out": "does not answer the print server",
}
# What severity a printer gives to its only tray being empty differs from one to the next, CUPS calls it a
# warning: to wait where there was no need to is better than a chunk in doubt.
_severity: Final = re.compile("-(error|warning|report)$")


def _check_ipp(address: IppAddress) -> None:
    try:
        answer = _ask_printer(address)
    except NoAnswer as error:
        raise NotReady(
            f"cannot print on {address.uri}: {error}; switch the printer on and check its address"
        ) from error
    if not answer.is_ok:
        raise NotReady(f"{address.uri} does not tell its state: {answer.refusal}")
    formats = answer.texts("document-format-supported")
    if _MEDIA_TYPE not in formats:
        raise NotReady(f"{address.uri} takes {', '.join(formats) or 'nothing'}, and not {_MEDIA_TYPE}")
    if faults := read_ipp_faults(answer):
        raise NotReady(f"the printer is not ready: {', '.join(faults)}")


def _ask_printer(address: IppAddress) -> Answer:
    wanted = (
        "printer-state",
        "printer-state-reasons",
        "printer-is-accepting-jobs",
        "document-format-supported",
    )
    return ask(
        address,
        GET_PRINTER_ATTRIBUTES,
        [("keyword", "requested-attributes", name) for name in wanted],
        CONNECT_SECONDS,
    )


def read_ipp_faults(answer: Answer) -> list[str]:
    """What keeps a printer from printing; of one that has stopped, all that it says."""
    reasons = [_severity.sub("", reason) for reason in answer.texts("printer-state-reasons")]
    is_stopped = answer.number("printer-state") == _STOPPED
    faults = [_FAULTS.get(reason, reason) for reason in reasons if is_stopped or reason in _FAULTS]
    if answer.number("printer-is-accepting-jobs") == 0:
        faults.append("accepts no jobs")
    if is_stopped and faults == ["none"]:
        return ["stopped"]
    return list(dict.fromkeys(faults))


@dataclass(frozen=True, slots=True)
class _Ipp:
    address: IppAddress
    send_seconds: float

    def send(self, name: str, content: bytes) -> None:
        until = time.monotonic() + self.send_seconds
        job = self._hand_over(name, content)
        state = None
        while time.monotonic() < until:
            try:
                state = self._job_state(job)
            except NoAnswer:
                state = None  # it may answer again
            if state == _JOB_COMPLETED:
                return
            if state in _JOB_ENDED_BADLY:
                raise InDoubt(f"the printer has {_JOB_ENDED_BADLY[state]} its job {job}, {name}")
            time.sleep(_LOOK_SECONDS)
        raise InDoubt(
            f"the printer did not print all of {name}, its job {job}, within {self.send_seconds:g} s"
            f"{self._why()}; it may go on with it"
        )

    def _hand_over(self, name: str, content: bytes) -> int:
        """The printer's number for the job."""
        try:
            answer = ask(
                self.address,
                PRINT_JOB,
                [("name", "job-name", name), ("media-type", "document-format", _MEDIA_TYPE)],
                self.send_seconds,
                # A printer that fits the page to its paper prints modules of uneven dots (PWG 5100.16).
                job_attributes=[("keyword", "print-scaling", "none")],
                document=content,
            )
        except NotReached as error:
            raise NotReady(str(error)) from error
        except NoAnswer as error:
            raise InDoubt(f"the printer broke off in the midst of {name}: {error}") from error
        if not answer.is_ok:
            raise NotReady(f"the printer refused {name}: {answer.refusal}")
        job = answer.number("job-id")
        if job is None:
            raise InDoubt(f"the printer took {name} and did not tell its job-id")
        return job

    def _job_state(self, job: int) -> int | None:
        wanted: list[Attribute] = [
            ("integer", "job-id", job),
            ("keyword", "requested-attributes", "job-state"),
        ]
        answer = ask(self.address, GET_JOB_ATTRIBUTES, wanted, CONNECT_SECONDS)
        return answer.number("job-state") if answer.is_ok else None

    def _why(self) -> str:
        try:
            faults = read_ipp_faults(_ask_printer(self.address))
        except NoAnswer as error:
            return f": {error}"
        return f": {', '.join(faults)}" if faults else ""


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
