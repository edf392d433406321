"""Capture whole files: EPCIS documents as they are; NDJSON and tables in pieces, however long they are.

A long file can be stopped at any moment and captured again. What is done stands beside it in FILE.progress;
and should that be lost, nothing is captured twice, because an event with the same content is the same event.
Rows that fail go to FILE.errors.csv, each with its fault, and do not hold up the others.
"""

import csv
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import file_digest, sha256
from io import BufferedReader
from itertools import islice
from pathlib import Path
from typing import Final, Literal, Protocol

from ledger.domain import canonical_json
from ledger.domain.errors import Invalid, NotFound
from ledger.mapping import EventMapping, MappedEvent, map_rows
from ledger.progress import ProgressBar
from ledger.tabular import SUFFIXES, Row, read_table

DOCUMENTS: Final = (".json", ".jsonld", ".xml")
LINES: Final = (".ndjson", ".jsonl")
EVENTS_A_PIECE: Final = 500
PIECE_BYTES_MAX: Final = 8 * 1024 * 1024
LINE_BYTES_MAX: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one event. With a `warning`, a rule's name, it was captured all the same."""

    pointer: str
    message: str
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Captured:
    """The answer to one capture, of the node here or of one over HTTP."""

    capture_id: str
    faults: tuple[Fault, ...]
    receipt: str

    @property
    def events(self) -> int:
        """How many events the receipt promises to anchor."""
        return len(json.loads(self.receipt.split("\n")[1])["events"]) if self.receipt else 0


class Capture(Protocol):
    """Captures one document; with "rollback" it raises Invalid, NotAllowed or Conflict for any fault."""

    def __call__(self, document: bytes, error_behaviour: Literal["rollback", "proceed"]) -> Captured: ...


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of a file captured in pieces."""

    captured: int
    failed: int
    warnings: int


def is_document(path: Path) -> bool:
    """Whether the file is captured as one document."""
    return path.suffix.lower() in DOCUMENTS


def capture_document(
    capture: Capture, path: Path, error_behaviour: Literal["rollback", "proceed"]
) -> Captured:
    """Capture an EPCIS document. Raises as `Capture` does."""
    with _open(path) as file:
        return capture(file.read(), error_behaviour)


def progress_path(path: Path) -> Path:
    return path.with_name(path.name + ".progress")


def errors_path(path: Path) -> Path:
    return path.with_name(path.name + ".errors.csv")


def capture_pieces(capture: Capture, path: Path, mapping: EventMapping | None = None) -> Tally:
    """Capture a file of NDJSON, CSV or XLSX, going on where an earlier call stopped.

    An error of the node as a whole (StoreUnavailable, ForkDetected, ...) passes through, and the next call
    goes on there. Raises Invalid when the file as a whole is not readable.
    """
    digest = _digest_of(path, mapping)
    state = _read_progress(path, digest)
    report = ErrorReport(errors_path(path), state.errors_bytes)
    bar = ProgressBar(path.name, _count_rows(path), "rows")
    row = 0
    entries = islice(_entries(path, mapping), state.entries, None)
    for piece in _pieces(entries):
        failed, warnings = _capture_piece(capture, piece, report)
        row = piece[-1].rows[-1].number
        tally = state.tally
        state = _Progress(
            digest,
            state.entries + len(piece),
            report.size(),
            Tally(tally.captured + len(piece) - failed, tally.failed + failed, tally.warnings + warnings),
        )
        _save_progress(path, state)
        bar.show(row)
    bar.end(row)
    progress_path(path).unlink(missing_ok=True)
    return state.tally


# --- from file to entries


def _entries(path: Path, mapping: EventMapping | None) -> Iterator[MappedEvent]:
    if path.suffix.lower() in LINES:
        return _read_lines(path)
    if path.suffix.lower() not in SUFFIXES:
        known = ", ".join((*DOCUMENTS, *LINES, *SUFFIXES))
        raise Invalid(f"{path}: the name says what is in a file; known are {known}")
    if mapping is None:
        raise Invalid(f"{path}: a table needs a mapping from its columns to events: give one with --mapping")
    return map_rows(mapping, read_table(path))


def _read_lines(path: Path) -> Iterator[MappedEvent]:
    with _open(path) as file:
        for number in range(1, 2**63):
            line = file.readline(LINE_BYTES_MAX + 1)
            if not line:
                return
            if len(line) > LINE_BYTES_MAX:
                raise Invalid(f"{path}: line {number} has more than {LINE_BYTES_MAX} bytes")
            if line.strip():
                yield _read_line(number, line)


def _read_line(number: int, line: bytes) -> MappedEvent:
    row = Row(number, {"event": line.decode("utf-8", "replace").strip()})
    try:
        value = canonical_json.parse(line)
    except Invalid as error:
        return MappedEvent((row,), None, str(error))
    if not isinstance(value, dict):
        return MappedEvent((row,), None, "expected one event a line")
    return MappedEvent((row,), value)


def _open(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}") from error


def _count_rows(path: Path) -> int | None:
    """About how many rows there are; None where it takes reading them."""
    if path.suffix.lower() == ".xlsx":
        return None
    with _open(path) as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


# --- from entries to captures


@dataclass(frozen=True, slots=True)
class _Entry:
    """An event as JSON, or the fault that keeps it from being one."""

    rows: tuple[Row, ...]
    body: bytes
    fault: str


def _pieces(mapped: Iterable[MappedEvent]) -> Iterator[list[_Entry]]:
    """What is captured at once: at most `EVENTS_A_PIECE` events, and no more bytes than a request has."""
    piece: list[_Entry] = []
    size = 0
    for entry in map(_encode, mapped):
        if piece and (len(piece) == EVENTS_A_PIECE or size + len(entry.body) > PIECE_BYTES_MAX):
            yield piece
            piece, size = [], 0
        piece.append(entry)
        size += len(entry.body)
    if piece:
        yield piece


def _encode(mapped: MappedEvent) -> _Entry:
    if mapped.event is None:
        return _Entry(mapped.rows, b"", mapped.fault)
    try:
        return _Entry(mapped.rows, canonical_json.encode(mapped.event), "")
    except Invalid as error:
        return _Entry(mapped.rows, b"", str(error))


def _capture_piece(capture: Capture, piece: Sequence[_Entry], report: "ErrorReport") -> tuple[int, int]:
    """How many entries failed, and how many warnings there were."""
    for entry in piece:
        if entry.fault:
            report.add(entry.rows, Fault("", entry.fault))
    good = [entry for entry in piece if not entry.fault]
    faults = capture(b"[" + b",".join(e.body for e in good) + b"]", "proceed").faults if good else ()
    failed = set()
    for fault in faults:
        number, _, _ = fault.pointer.removeprefix("/").partition("/")
        if number.isdecimal() and int(number) < len(good):
            within = fault.pointer.removeprefix(f"/{number}")
            report.add(good[int(number)].rows, Fault(within, fault.message, fault.warning))
            if not fault.warning:
                failed.add(number)
    warnings = sum(1 for fault in faults if fault.warning)
    return len(piece) - len(good) + len(failed), warnings


class ErrorReport:
    """FILE.errors.csv: the rows that failed, as they were, and why. Made when it is needed."""

    def __init__(self, path: Path, keep_bytes: int = 0) -> None:
        self._path = path
        # What an interrupted piece reported, it reports again.
        if keep_bytes:
            os.truncate(path, keep_bytes)
        else:
            path.unlink(missing_ok=True)

    def add(self, rows: Sequence[Row], fault: Fault) -> None:
        columns = [column for column in rows[0].cells if column not in _REPORT_COLUMNS]
        is_new = not self._path.exists()
        with self._path.open("a", encoding="utf-8-sig" if is_new else "utf-8", newline="") as file:
            writer = csv.writer(file)
            if is_new:
                writer.writerow([*columns, *_REPORT_COLUMNS])
            for row in rows:
                told = (str(row.number), fault.pointer, fault.warning and "warning", fault.message)
                writer.writerow([*(row.cells.get(column, "") for column in columns), *told])

    def size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else 0


_REPORT_COLUMNS: Final = ("row", "pointer", "level", "fault")


# --- how far we are


@dataclass(frozen=True, slots=True)
class _Progress:
    digest: str
    entries: int
    errors_bytes: int
    tally: Tally


def _digest_of(path: Path, mapping: EventMapping | None) -> str:
    """Names content and mapping: for another one, what was done does not count."""
    with _open(path) as file:
        digest = file_digest(file, "sha256")
    return sha256(digest.digest() + repr(mapping).encode()).hexdigest()


def _read_progress(path: Path, digest: str) -> _Progress:
    start = _Progress(digest, 0, 0, Tally(0, 0, 0))
    try:
        saved = json.loads(progress_path(path).read_bytes())
        progress = _Progress(saved["digest"], saved["entries"], saved["errors_bytes"], Tally(*saved["tally"]))
    except (OSError, ValueError, KeyError, TypeError):
        return start
    lost = progress.errors_bytes > 0 and not errors_path(path).exists()
    return start if progress.digest != digest or lost else progress


def _save_progress(path: Path, progress: _Progress) -> None:
    """A crash leaves the old state or the new one."""
    tally = progress.tally
    state = {
        "digest": progress.digest,
        "entries": progress.entries,
        "errors_bytes": progress.errors_bytes,
        "tally": [tally.captured, tally.failed, tally.warnings],
    }
    unfinished = progress_path(path).with_name(path.name + ".progress.new")
    unfinished.write_text(json.dumps(state), encoding="utf-8")
    unfinished.replace(progress_path(path))
