"""Import and export of master data: JSON, CSV, XLSX. Every faulty cell is told, nothing is half imported."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger.capture import read_document
from ledger.domain import canonical_json
from ledger.domain.canonical_json import JsonValue
from ledger.domain.errors import Invalid, NotFound, Problem
from ledger.domain.master_data import COLUMNS, MasterData, merge_entries, read_row, to_row
from ledger.ports import Store
from ledger.rules import is_zone
from ledger.tabular import Row, read_table, write_table

_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import changed, or would change."""

    added: int
    changed: int
    same: int


def import_master_data(store: Store, path: Path, *, dry_run: bool = False) -> Imported:
    """Import the entries in `path`: all of them, or with any fault none.

    A row says all that is known of its identifier, and takes the place of what stood there. Of an EPCIS
    document the header is imported, which adds to what stands there. Raises Invalid with a problem for each
    faulty cell, its pointer being row and column.
    """
    if path.suffix.lower() not in (".json", ".jsonld", ".xml"):
        return _save(store, _from_rows(path, read_table(path)), dry_run)
    raw = _read(path)
    value = None if path.suffix.lower() == ".xml" else _parse_json(path, raw)
    if isinstance(value, list):
        return _save(store, _from_rows(path, _rows_of(path, value)), dry_run)
    return _save(store, _from_document(store, path, raw), dry_run)


def export_master_data(store: Store, path: Path) -> int:
    """Write all entries to `path`, so that importing it gives the same; how many there are."""
    rows = [to_row(entry) for entry in _all_entries(store)]
    if path.suffix.lower() == ".json":
        path.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    else:
        used = {column for row in rows for column in row}
        known = [column for column in COLUMNS if column in used or column in COLUMNS[:4]]
        write_table(path, [*known, *sorted(used - set(COLUMNS))], rows)
    return len(rows)


def read_json_file(path: Path) -> JsonValue:
    """The JSON in a file. Raises NotFound when it cannot be read, Invalid when it is none."""
    return _parse_json(path, _read(path))


def _all_entries(store: Store) -> Iterator[MasterData]:
    last = ""
    while page := store.master_data_after(last, limit=_PAGE):
        yield from page
        last = page[-1].uri


def _save(store: Store, entries: list[MasterData], dry_run: bool) -> Imported:
    known = store.master_data([entry.uri for entry in entries])
    changed = [entry for entry in entries if entry.uri in known and known[entry.uri] != entry]
    added = [entry for entry in entries if entry.uri not in known]
    if not dry_run:
        store.put_master_data([*added, *changed])
    return Imported(len(added), len(changed), len(entries) - len(added) - len(changed))


def _from_document(store: Store, path: Path, raw: bytes) -> list[MasterData]:
    document = read_document(raw)
    if document.problems:
        raise Invalid(f"{path}: {len(document.problems)} problems, nothing was imported", document.problems)
    uris = [entry.uri for entry in document.master_data]
    return merge_entries(store.master_data(uris), document.master_data)


def _from_rows(path: Path, rows: Iterable[Row]) -> list[MasterData]:
    entries: dict[str, MasterData] = {}
    numbers: dict[str, int] = {}
    problems: list[Problem] = []
    for row in rows:
        try:
            entry = read_row(row.cells)
        except Invalid as error:
            problems += (Problem(f"row {row.number}, {p.pointer}", p.message) for p in error.problems)
            continue
        if entry.uri in entries:
            message = f"{entry.uri} is already in row {numbers[entry.uri]}: keep one"
            problems.append(Problem(f"row {row.number}, id", message))
        zone = entry.details.get("zone")
        if zone is not None and not is_zone(zone):
            problems.append(Problem(f"row {row.number}, zone", f"no time zone {zone!r} is known here"))
        entries[entry.uri], numbers[entry.uri] = entry, row.number
    if problems:
        raise Invalid(f"{path}: {len(problems)} faulty cells, nothing was imported", problems)
    return list(entries.values())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path}: {error.strerror}") from error


def _parse_json(path: Path, raw: bytes) -> JsonValue:
    try:
        return canonical_json.parse(raw)
    except Invalid as error:
        raise Invalid(f"{path}: {error}", error.problems) from error


def _rows_of(path: Path, entries: list[JsonValue]) -> Iterator[Row]:
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise Invalid(f"{path}: entry {number} is no object")
        yield Row(number, _texts(entry))


def _texts(entry: Mapping[str, JsonValue]) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else canonical_json.encode(value).decode()
        for name, value in entry.items()
        if value is not None
    }
