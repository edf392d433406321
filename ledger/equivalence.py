"""An item by another name: what to answer when nothing was captured under the one that was asked for."""

from ledger.domain.commitment import item_key
from ledger.domain.equivalence import same_identifiers
from ledger.domain.identifiers import parse_identifier
from ledger.node import Node


def other_names(node: Node, uri: str) -> list[str]:
    """The identifiers that both owners registered as names of the same thing."""
    state, _ = node.prefixes.registry()
    return same_identifiers(state, uri)


def reached_item(node: Node, text: str) -> str:
    """The identifier whose history answers for `text`: its own, or when nothing was captured under it, the
    one other name that has a history. Two histories are never made one. Raises Invalid for a wrong one.
    """
    uri = parse_identifier(text).uri
    if _is_captured(node, uri):
        return uri
    captured = [other for other in other_names(node, uri) if _is_captured(node, other)]
    return captured[0] if len(captured) == 1 else uri


def _is_captured(node: Node, uri: str) -> bool:
    return bool(node.store.item_events(item_key(uri), node.store.log_size(), limit=1))
