"""A line on a terminal that tells how far a long work is; nothing where nobody looks."""

import sys
import time
from typing import Final, TextIO

_WIDTH: Final = 30
_REDRAW_SECONDS: Final = 0.1


class ProgressBar:
    """Shows `done` of `total` (None when not known), what is counted, and how fast it goes."""

    def __init__(self, title: str, total: int | None, unit: str, stream: TextIO | None = None) -> None:
        self._title, self._total, self._unit = title, total, unit
        # Looked up now: what stands for sys.stderr may have changed since this module was loaded.
        self._stream = stream or sys.stderr
        self._shown = self._stream.isatty()
        self._began = time.monotonic()
        self._drawn = 0.0
        self._first: int | None = None

    def show(self, done: int) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = done  # a resumed work does not boast with what was done before
        if self._shown and now - self._drawn >= _REDRAW_SECONDS:
            self._drawn = now
            self._draw(done, now)

    def end(self, done: int) -> None:
        if self._shown:
            self._draw(done, time.monotonic())
            self._stream.write("\n")

    def _draw(self, done: int, now: float) -> None:
        rate = (done - (self._first or 0)) / max(now - self._began, 0.001)
        bar = ""
        if self._total:
            share = min(done / self._total, 1.0)
            filled = int(share * _WIDTH)
            bar = f" [{'█' * filled}{'░' * (_WIDTH - filled)}] {share:4.0%}"
        self._stream.write(f"\r{self._title}{bar} {done:,} {self._unit}, {rate:,.0f}/s ")
        self._stream.flush()
