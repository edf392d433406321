"""Child processes that do not outlive their parent, however it ends.

The parent keeps the child's standard input open and never closes it early; when the parent is
gone, even by SIGKILL, the child reads the end of the file.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

STOP_SECONDS = 10.0


def start_child(
    arguments: Sequence[str],
    env: Mapping[str, str],
    first_line: bytes = b"",
    stop_seconds: float = STOP_SECONDS,
) -> "Child":
    """Start `python <arguments>` with `first_line` on its standard input, away from our Ctrl-C.

    Told to stop, it gets `stop_seconds` to do so.
    """
    process = subprocess.Popen(
        [sys.executable, *arguments], env=dict(env), stdin=subprocess.PIPE, start_new_session=True
    )
    assert process.stdin
    process.stdin.write(first_line)
    process.stdin.flush()
    return Child(process, stop_seconds)


class Child:
    """A running child process."""

    def __init__(self, process: "subprocess.Popen[bytes]", stop_seconds: float = STOP_SECONDS) -> None:
        self.process = process
        self._stop_seconds = stop_seconds

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
            self.process.wait(self._stop_seconds)
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
