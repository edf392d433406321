"""Handles for those who own their prefixes: listed by prefix, and looked up by what their records say.

Who may list a prefix may speak for its identifiers; reading one handle is for everybody (`ledger.records`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from ledger.capture import speaker
from ledger.domain.errors import NotAllowed, QueryTooLarge
from ledger.domain.records import read_kept
from ledger.domain.schemes.handle import HANDLE, handle_identifier, handle_text
from ledger.node import Node
from ledger.ports import ApiKey, StoredRecord

PAGE_SIZE_MAX: Final = 10_000
LOOKED_THROUGH_MAX: Final = 20_000
_READ_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class HandlesPage:
    handles: tuple[str, ...]
    total: int


def list_handles(node: Node, reader: ApiKey, prefix: str, *, page: int, page_size: int) -> HandlesPage:
    """A page, counted from 0, of the handles with exactly this prefix, in the order of their URIs.

    Raises NotAllowed when the reader may not speak for the prefix, Invalid for a wrong prefix.
    """
    within = handle_identifier(f"{prefix}/x").uri
    if not speaker(node, reader)(within):
        raise NotAllowed(f"party {reader.party_id} may not list prefix {prefix}: another account holds it")
    stem, size = within[:-1], min(page_size, PAGE_SIZE_MAX)
    found = node.store.records_below(stem, offset=page * size, limit=size)
    return HandlesPage(tuple(handle_text(row.uri) for row in found), node.store.count_records_below(stem))


def search_handles(node: Node, reader: ApiKey, patterns: Mapping[str, str]) -> list[str]:
    """Handles of the reader's prefixes with a value of each type in `patterns` that matches its pattern, in
    which * stands for any text. There is no index of values, so it raises QueryTooLarge when the prefixes
    have more than 20,000 handles."""
    matches = {kind: _matcher(pattern) for kind, pattern in patterns.items()}
    found = []
    for looked_through, record in enumerate(_own_records(node, reader)):
        if looked_through >= LOOKED_THROUGH_MAX:
            raise QueryTooLarge(
                f"your prefixes have more than {LOOKED_THROUGH_MAX} handles: list them by prefix, in pages"
            )
        told = [(entry.value.type, entry.value.data.value) for entry in read_kept(record.kept)]
        if all(
            any(kind == asked and isinstance(text, str) and fits.fullmatch(text) for kind, text in told)
            for asked, fits in matches.items()
        ):
            found.append(handle_text(record.uri))
    return found


def _matcher(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, re.split(r"\*+", pattern))), re.DOTALL)


def _own_records(node: Node, reader: ApiKey) -> Iterator[StoredRecord]:
    """Records below the prefixes that the reader's account may speak for, each once."""
    seen: set[str] = set()
    for stem in _own_stems(node, reader):
        after = ""
        while page := node.store.records_below(stem, after=after, limit=_READ_AT_ONCE):
            yield from (record for record in page if record.uri not in seen)
            seen.update(record.uri for record in page)
            after = page[-1].uri


def _own_stems(node: Node, reader: ApiKey) -> Iterator[str]:
    party = node.store.party(reader.party_id)
    for entry in node.store.prefixes():
        account = party.account if party else b""
        if entry.scheme == HANDLE.name and entry.active and account in (entry.owner, *entry.delegates):
            stem = handle_identifier(f"{entry.text}/x").uri[:-2] if entry.text else HANDLE.stem
            yield from (f"{stem}/", f"{stem}.") if entry.text else (stem,)
