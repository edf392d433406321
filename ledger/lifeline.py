"""Child processes that do not outlive their parent, however it ends.

The parent keeps the child's standard input open and never closes it early; when the parent is
gone, even by SIGKILL, the child reads the end of the file.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

_STOP_SECONDS = 10


def start_child(arguments: Sequence[str], env: Mapping[str, str], first_line: bytes = b"") -> "Child":
    """Start `python <arguments>` with `first_line` on its standard input, away from our Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, *arguments], env=dict(env), stdin=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin
    process.stdin.write(first_line)
    process.stdin.flush()
    return Child(process)


class Child:
    """A running child process."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self.process.poll()

    def stop(self) -> None:
        """Ask it to end, and end it when it does not. Safe to call twice."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def when_parent_ends(act: Callable[[], None]) -> None:
    """In a child: call `act` once when the parent is gone or has stopped us."""

    def wait() -> None:
        # Not through sys.stdin: Python aborts when it ends while a thread holds that file's lock.
        while os.read(0, 1024):
            pass
        act()

    threading.Thread(target=wait, name="lifeline", daemon=True).start()
