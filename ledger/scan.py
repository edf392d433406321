"""What somebody with a scanner is told of an item: its history with the verdict, and what comes next."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from ledger.domain.errors import Invalid
from ledger.domain.master_data import MasterData
from ledger.domain.next_steps import ColdChain, NextStep, is_class, judge_cold_chain, likely_steps, parent_of
from ledger.domain.scan import normalise_scan
from ledger.history import ItemHistory, TimelineEntry, item_history
from ledger.node import Node
from ledger.ports import Store
from ledger.verify import ChainSource

PLACES_MAX: Final = 1_000
_PAGE: Final = 1_000
_ENTRIES_MAX: Final = 100_000


@dataclass(frozen=True, slots=True)
class ScannedItem:
    """`is_class` when it is a kind or a lot; `parent` is what it is packed in now."""

    history: ItemHistory
    is_class: bool
    parent: str | None
    cold_chain: ColdChain
    steps: tuple[NextStep, ...]


def look_up_scan(node: Node, text: str, chain: ChainSource | None) -> ScannedItem:
    """The item that a scan names. Raises Invalid when the scan is not understood or names nothing."""
    identifier = normalise_scan(text).identifier
    if identifier is None:
        raise Invalid("the symbol names no item, only facts of one: scan the symbol beside it")
    history = item_history(node, identifier.uri, chain)
    standing = [entry for entry in history.entries if entry.event and not entry.declared]
    own = [entry.event for entry in standing if entry.event and not entry.path]
    around = [entry.event for entry in standing if entry.event and not _is_ingredient(entry)]
    parent = parent_of(identifier.uri, own)
    return ScannedItem(
        history=history,
        is_class=is_class(identifier.uri),
        parent=parent,
        cold_chain=_cold_chain(history),
        steps=likely_steps(own, around, parent),
    )


def places(store: Store) -> list[MasterData]:
    """The places in the master data, in the order of their identifiers; at most PLACES_MAX."""
    found = (entry for entry in islice(_entries(store), _ENTRIES_MAX) if entry.kind == "place")
    return list(islice(found, PLACES_MAX))


def _cold_chain(history: ItemHistory) -> ColdChain:
    return judge_cold_chain(
        [r for entry in history.entries if not _is_ingredient(entry) for r in entry.readings],
        [r for entry in history.entries for r in entry.excursions],
        history.storage,
        complete=history.complete and all(entry.event for entry in history.entries),
    )


def _is_ingredient(entry: TimelineEntry) -> bool:
    return any(via.kind == "made_from" for via in entry.path)


def _entries(store: Store) -> Iterator[MasterData]:
    last = ""
    while page := store.master_data_after(last, limit=_PAGE):
        yield from page
        last = page[-1].uri
