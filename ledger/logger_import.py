"""Logger files: their readings are taken in for a carrier of one's own, under the name of the party.

Nothing in such a file is signed by the device. So its readings are kept apart from signed messages, are in no
seal, and say by whom they were imported wherever they are shown; they are watched like all others. Where a
signed message tells of the same moment, it wins.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from ledger.carriers import get_carrier
from ledger.domain.canonical_json import JsonValue
from ledger.domain.cold_chain.logger_file import parse_offset, read_logger_file
from ledger.domain.cold_chain.reading import Reading, show
from ledger.domain.errors import Invalid, Problem
from ledger.domain.telemetry import AHEAD_MS_MAX
from ledger.loggers import find_mapping
from ledger.node import Node
from ledger.ports import ApiKey, LoggerImport
from ledger.telemetry import imported_between

FILE_BYTES_MAX: Final = 20_000_000
IMPORTS_SHOWN_MAX: Final = 100
_PROBLEMS_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did, or would do: readings that are new, and those that were imported before."""

    added: int
    repeated: int


def import_file(
    node: Node,
    key: ApiKey,
    text: str,
    content: bytes,
    mapping: str,
    *,
    file_name: str = "",
    offset: str = "",
    dry_run: bool = False,
) -> Imported:
    """Take in the readings of a logger file for a carrier of your party, all of them or none.

    `offset` is that of the logger's clock, such as "+08:00"; with `dry_run` nothing is kept. Raises NotFound
    for another's carrier or no mapping, Invalid with a problem for each line that is wrong, is of the
    future, or says otherwise than what was imported before.
    """
    carrier_id = get_carrier(node, key, text).carrier_id
    if len(content) > FILE_BYTES_MAX:
        raise Invalid(f"the file is larger than {FILE_BYTES_MAX:,} bytes: split it")
    try:
        lines = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("the file is not text in UTF-8: export it so") from error
    found = find_mapping(mapping, node.settings.loggers_path)
    file = read_logger_file(found, lines, parse_offset(offset) if offset else None)
    known = _known(node, carrier_id, file.readings)
    problems = [*file.problems, *_clashes(file.readings, known, node.clock() + AHEAD_MS_MAX)]
    if problems:
        raise Invalid(f"nothing was imported: {problems[0].message}", problems[:_PROBLEMS_MAX])
    if not file.readings:
        raise Invalid("nothing was imported: the file has no readings")
    new = [reading for reading in file.readings if (reading.at_ms, reading.quantity) not in known]
    if new and not dry_run:
        import_id = str(uuid.UUID(bytes=node.random_bytes(16), version=4))
        what = (file_name[:300], sha256(content).digest(), mapping, len(new))
        node.store.add_import(LoggerImport(import_id, carrier_id, key.party_id, node.clock(), *what), new)
    return Imported(len(new), len(file.readings) - len(new))


def _known(node: Node, carrier_id: str, readings: tuple[Reading, ...]) -> dict[tuple[int, str], int]:
    if not readings:
        return {}
    before = imported_between(node, carrier_id, readings[0].at_ms, readings[-1].at_ms + 1)
    return {(each.reading.at_ms, each.reading.quantity): each.reading.milli for each in before}


def _clashes(
    readings: tuple[Reading, ...], known: dict[tuple[int, str], int], latest_ms: int
) -> Iterator[Problem]:
    for reading in readings:
        before = known.get((reading.at_ms, reading.quantity), reading.milli)
        where = f"{reading.quantity} {show(reading.milli)} at {reading.at_ms} ms"
        if before != reading.milli:
            yield Problem("", f"{where}: imported before as {show(before)}")
        if reading.at_ms > latest_ms:
            yield Problem("", f"{where} is from the future: is the offset right?")


def list_imports(node: Node, key: ApiKey, text: str) -> list[dict[str, JsonValue]]:
    """What was imported for a carrier of your party, the newest first. Raises NotFound."""
    carrier = get_carrier(node, key, text)
    return [
        {
            "import": imported.import_id,
            "imported_by": imported.party_id,
            "imported_ms": imported.imported_ms,
            "file": imported.file_name,
            "sha256": imported.file_hash.hex(),
            "mapping": imported.mapping,
            "readings": imported.added,
        }
        for imported in node.store.imports(carrier.carrier_id, limit=IMPORTS_SHOWN_MAX)
    ]
