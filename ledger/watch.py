"""A watched folder: what is put there is captured, and moved to `done` or `failed`.

A file is claimed by moving it to `working`. Who puts files there writes them under a name that begins with a
dot and renames them when they are whole; besides, a file is left alone until it has kept its size for one
look. After a crash, what stands in `working` is captured again, which changes nothing of what was captured
before. Beside a failed file stands NAME.errors.csv, and beside a file with warnings as well.
"""

import csv
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ledger.domain.errors import Conflict, Invalid, NotAllowed, NotFound, Problem
from ledger.intake import (
    Capture,
    Tally,
    capture_document,
    capture_pieces,
    errors_path,
    is_document,
    progress_path,
)
from ledger.mapping import EventMapping

_OF_THE_FILE: Final = (Invalid, NotAllowed, Conflict)
"""Errors that another file would not have. After any other the file waits in `working`."""


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of one file; `path` is where it stands now."""

    path: Path
    outcome: Literal["done", "failed"]
    message: str


class Watcher:
    """The one watcher of a folder; call `look` again and again. Make it with `watch`."""

    def __init__(self, folder: Path, capture: Capture, mapping: EventMapping | None) -> None:
        self._folder, self._capture, self._mapping = folder, capture, mapping
        self._sizes: dict[Path, int] = {}

    def look(self) -> Iterator[Handled]:
        """Capture the files that are whole, the oldest first; those of an interrupted look before them.

        Errors of the node pass through; the file at hand is then captured at the next look.
        """
        for path in _files(self._folder / "working"):
            yield self._handle(path)
        for path in self._whole_files():
            claimed = self._folder / "working" / path.name
            try:
                path.rename(claimed)
            except FileNotFoundError:
                continue  # taken away meanwhile
            yield self._handle(claimed)

    def _whole_files(self) -> list[Path]:
        """The files that have the size that they had at the last look."""
        before, self._sizes = self._sizes, {path: path.stat().st_size for path in _files(self._folder)}
        return [path for path, size in self._sizes.items() if before.get(path) == size]

    def _handle(self, path: Path) -> Handled:
        try:
            tally = self._capture_file(path)
        except _OF_THE_FILE as error:
            _report(path, error)
            return Handled(_move(path, self._folder / "failed"), "failed", str(error))
        if tally.failed:
            message = f"{tally.captured} events captured, {tally.failed} failed"
            return Handled(_move(path, self._folder / "failed"), "failed", message)
        message = f"{tally.captured} events captured, {tally.warnings} warnings"
        return Handled(_move(path, self._folder / "done"), "done", message)

    def _capture_file(self, path: Path) -> Tally:
        if not is_document(path):
            return capture_pieces(self._capture, path, self._mapping)
        captured = capture_document(self._capture, path, "rollback")
        return Tally(captured.events, 0, len(captured.faults))


@contextmanager
def watch(folder: Path, capture: Capture, mapping: EventMapping | None = None) -> Iterator[Watcher]:
    """The watcher of `folder`, which is made ready for it. Conflict when there is another watcher."""
    if not folder.is_dir():
        raise NotFound(f"{folder}: no such folder")
    for name in ("working", "done", "failed"):
        (folder / name).mkdir(exist_ok=True)
    lock = os.open(folder / ".suyuan-watch.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield Watcher(folder, capture, mapping)
    except BlockingIOError as error:
        raise Conflict(f"{folder}: another process watches this folder") from error
    finally:
        os.close(lock)


def _files(folder: Path) -> list[Path]:
    """The files that are to be captured, the oldest first."""
    paths = {path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")}
    beside = {other for path in paths for other in (errors_path(path), progress_path(path))}
    return sorted(paths - beside, key=lambda path: (path.stat().st_mtime_ns, path.name))


def _move(path: Path, folder: Path) -> Path:
    """Where the file stands in `folder` now: under its name, or the first free one like it."""
    free = folder / path.name
    number = 1
    while free.exists():
        number += 1
        free = folder / f"{path.stem} ({number}){path.suffix}"
    if errors_path(path).exists():  # first, so that it never stays behind alone
        errors_path(path).rename(errors_path(free))
    path.rename(free)
    return free


def _report(path: Path, error: Invalid | NotAllowed | Conflict) -> None:
    """NAME.errors.csv of a file that was refused as a whole."""
    problems = getattr(error, "problems", ()) or (Problem("", str(error)),)
    with errors_path(path).open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("pointer", "fault"))
        writer.writerows((problem.pointer, problem.message) for problem in problems)
