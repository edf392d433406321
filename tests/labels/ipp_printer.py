"""An IPP printer that is not ours: `ippeveprinter` of CUPS, on a port of this machine.

It announces itself over D-Bus and Avahi and does not start without a bus, so it gets one of its own, on which
nobody listens. What it does with a document is a shell script that the test can change.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from ledger.domain.printer_address import IppAddress
from tests.stories.node_process import free_port

_START_SECONDS = 20
_PORTS_TRIED = 3  # another program may take a port that was free a moment ago
_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>custom</type><listen>unix:path={socket}</listen>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>
"""


@dataclass
class IppPrinter:
    """What it prints lies in `paper`, a file for each job."""

    port: int
    folder: Path
    process: "subprocess.Popen[bytes]"

    @property
    def address(self) -> IppAddress:
        return IppAddress("localhost", self.port)

    @property
    def paper(self) -> Path:
        return self.folder / "paper"

    @property
    def spool(self) -> Path:
        """Without it, the printer refuses every job."""
        return self.folder / "spool"

    def printed(self) -> list[bytes]:
        return [file.read_bytes() for file in sorted(self.paper.iterdir())]

    def behave(self, *lines: str) -> None:
        """What it does with a document before it prints it; a line as "STATE: +media-empty" is its state."""
        script = ["#!/bin/sh", *lines, f'cp "$1" "{self.paper}/$IPP_JOB_NAME"', ""]
        (self.folder / "print.sh").write_text("\n".join(script))


@contextmanager
def run_ipp_printer(folder: Path, media_type: str = "application/pdf") -> Iterator[IppPrinter]:
    programs = [shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in _PROGRAMS]
    if not all(programs):
        pytest.skip("no IPP printer to test with: apt-get install cups-ipp-utils dbus")
    bus_program, printer_program = map(str, programs)
    with ExitStack() as stack:
        socket = Path(stack.enter_context(TemporaryDirectory()), "bus")  # its path must be short
        (folder / "bus.conf").write_text(_BUS.format(socket=socket))
        (folder / "paper").mkdir()
        (folder / "spool").mkdir()
        _start(stack, [bus_program, f"--config-file={folder / 'bus.conf'}", "--nofork"], {})
        _wait(socket.exists)
        printer = _start_printer(stack, printer_program, folder, media_type, socket)
        yield printer


_PROGRAMS = ("dbus-daemon", "ippeveprinter")


def _start_printer(stack: ExitStack, program: str, folder: Path, media_type: str, bus: Path) -> IppPrinter:
    for _ in range(_PORTS_TRIED):
        port = free_port()
        command = [program, "-p", str(port), "-n", "localhost", "-r", "off", "-f", media_type]
        command += ["-c", str(folder / "print.sh"), "-d", str(folder / "spool"), "Test"]
        process = _start(stack, command, {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={bus}"})
        printer = IppPrinter(port, folder, process)
        printer.behave()
        (folder / "print.sh").chmod(0o755)
        _wait(lambda: process.poll() is not None or _answers(port))  # noqa: B023  # called in this turn
        if process.poll() is None:
            return printer
    pytest.fail(f"the IPP printer ended at once, on {_PORTS_TRIED} ports")


def _start(stack: ExitStack, command: list[str], env: dict[str, str]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        command,
        env=os.environ | env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def end() -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # and the script that it runs
        process.wait()

    stack.callback(end)
    return process


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://localhost:{port}/", timeout=2):
            return True
    except (URLError, OSError):
        return False


def _wait(done: Callable[[], bool]) -> None:
    until = time.monotonic() + _START_SECONDS
    while not done():
        assert time.monotonic() < until, "it did not start in time"
        time.sleep(0.05)
