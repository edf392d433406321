"""What somebody with a scanner is told of an item: its history with the verdict, and what comes next."""

from dataclasses import dataclass
from typing import Final

from ledger.domain.errors import Invalid
from ledger.domain.identifiers import find_identifier
from ledger.domain.master_data import MasterData
from ledger.domain.next_steps import ColdChain, NextStep, is_class, judge_cold_chain, likely_steps, parent_of
from ledger.domain.scan import normalise_scan
from ledger.history import ItemHistory, TimelineEntry, item_history
from ledger.node import Node
from ledger.ports import Store
from ledger.verify import ChainSource

PLACES_MAX: Final = 1_000


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


def find_places(store: Store, text: str, *, after: str, limit: int) -> list[MasterData]:
    """As `Store.places`, but a whole identifier may be written as on a label."""
    return store.places(_as_stored(text.strip()), after=after, limit=limit)


def _as_stored(text: str) -> str:
    """What is a whole identifier in its canonical form; anything else as it is."""
    try:
        identifier = find_identifier(text)
    except Invalid:
        return text
    return identifier.uri if identifier else text


def _cold_chain(history: ItemHistory) -> ColdChain:
    return judge_cold_chain(
        [r for entry in history.entries if not _is_ingredient(entry) for r in entry.readings],
        [r for entry in history.entries for r in entry.excursions],
        history.storage,
        complete=history.complete and all(entry.event for entry in history.entries),
    )


def _is_ingredient(entry: TimelineEntry) -> bool:
    return any(via.kind == "made_from" for via in entry.path)
