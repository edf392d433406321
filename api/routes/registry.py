"""The registry of prefixes, by its copy here: for programs below /registry/, for people at /registry."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.dependencies import Id, NodeDep
from api.i18n import Language, choose_language
from api.pages import render
from api.registry_view import HISTORY_MAX, PrefixView, prefix_view, scheme_names, tree_view
from ledger.domain.equivalence import nearest_prefix, same_identifiers
from ledger.domain.errors import NotFound
from ledger.domain.identifiers import parse_identifier
from ledger.domain.registry import (
    HANDOVERS,
    NO_LOG,
    NO_NODE,
    Change,
    Registered,
    RegistryState,
    Tenure,
    tenures,
)
from ledger.node import Node
from ledger.ports import NO_PLACE, RegistryHead

router = APIRouter(prefix="/registry", tags=["registry"])

PAGE_MAX: Final = 500

_FOREVER_S: Final = 253_402_300_799  # the end of the year 9999


@router.get("/prefixes")
def get_prefixes(
    node: NodeDep,
    scheme: Annotated[str, Query(max_length=32)],
    after: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
) -> dict[str, Any]:
    """The registered prefixes of a scheme (gs1, handle, oid, ecode, did, uri), in pages.

    They are in the order of their texts. `next` is the `after` of the next page, null at the end.
    """
    state, head = node.prefixes.registry()
    page = state.page(scheme, after=after, limit=limit + 1)
    parties = _Parties(node)
    return {
        "prefixes": [_summary(parties, state, known) for known in page[:limit]],
        "next": page[limit - 1].text if len(page) > limit else None,
        **_as_of(head),
    }


@router.get("/prefixes/{scheme}/{text:path}")
def get_prefix(
    node: NodeDep,
    scheme: str,
    text: str,
    after: Annotated[str, Query(pattern=r"^(\d{1,18}-\d{1,9})?$")] = "",
) -> dict[str, Any]:
    """All that is registered of one prefix: who holds it and held it, delegates, endpoint, log, equivalences,
    and every change with its block and tx.

    The root of a scheme has an empty text. An `until` of null has no end, or none yet. `history_next` is the
    `after` of the next page of the history. 404 when nobody registered it.
    """
    state, head = node.prefixes.registry()
    known = _find(state, scheme, text)
    parties = _Parties(node)
    place = tuple(int(part) for part in after.split("-")) if after else NO_PLACE
    changes = node.store.prefix_changes(known.node, after=(place[0], place[1]), limit=HISTORY_MAX + 1)
    shown = changes[:HISTORY_MAX]
    following = f"{shown[-1].block_number}-{shown[-1].log_index}" if len(changes) > HISTORY_MAX else ""
    return {
        **_summary(parties, state, known),
        "term": known.term,
        "above": _reference(state.by_node[known.parent]) if known.parent != NO_NODE else None,
        "below": len(state.below(known.node)),
        "offered_to": parties.json(known.offered_to) if known.offered_to else None,
        "delegates": [
            {**parties.json(d.account), "scope": d.scope, "until": _time(d.expires_s)}
            for d in known.delegations
        ],
        "equivalents": [_reference(other) for other in state.equivalents(known.node)],
        "declared": [_reference(other) for other in state.declared(known.node)],
        "held": [
            {**parties.json(held.owner), "from": _time(held.from_s), "until": _time(held.until_s)}
            for held in _holders(node, known.node)
        ],
        "history": [_change(parties, change) for change in shown],
        "history_next": following,
        **_as_of(head),
    }


@router.get("/equivalences")
def get_equivalences(node: NodeDep, text: Id) -> dict[str, Any]:
    """The identifiers that name the same thing as `id`, because the owners of both prefixes registered it.

    A handle carries the other identifier behind its slash. `prefix` is the registered prefix of `id`, and
    `prefixes` are those that are equivalent to it.
    """
    uri = parse_identifier(text).uri
    state, head = node.prefixes.registry()
    known = nearest_prefix(state, uri)
    return {
        "id": uri,
        "prefix": _reference(known) if known else None,
        "prefixes": [_reference(other) for other in state.equivalents(known.node)] if known else [],
        "equivalents": same_identifiers(state, uri),
        **_as_of(head),
    }


@router.get("", include_in_schema=False)
def get_page(
    request: Request,
    node: NodeDep,
    scheme: Annotated[str, Query(max_length=32)] = "",
    prefix: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """The tree: who holds what since when; with a scheme, one prefix of it, its history and what is below."""
    state, head = node.prefixes.registry()
    language = choose_language(request)
    known = _find(state, scheme, prefix.strip()) if scheme else None
    shown = _prefix_view(node, state, known, language) if known else None
    tree = tree_view(node, state, known.node if known else NO_NODE, language)
    block = head.block.number if head.block else None
    context = {"prefix": shown, "tree": tree, "block": block, "schemes": scheme_names(language)}
    return render(request, "registry.html", context | {"scheme": scheme, "text_asked": prefix})


def _prefix_view(node: Node, state: RegistryState, known: Registered, language: Language) -> PrefixView:
    changes = node.store.prefix_changes(known.node, limit=HISTORY_MAX + 1)
    return prefix_view(node, state, known, _holders(node, known.node), changes, language)


def _find(state: RegistryState, scheme: str, text: str) -> Registered:
    known = state.find(scheme, text)
    if known is None:
        raise NotFound(f"{scheme} {text or '(root)'} is not registered: /registry shows what is")
    return known


def _holders(node: Node, prefix: bytes) -> list[Tenure]:
    """The first holders; each knows its end, as one more change is read than there are holders."""
    handovers = node.store.prefix_changes(prefix, kinds=HANDOVERS, limit=HISTORY_MAX + 1)
    return tenures(handovers)[:HISTORY_MAX]


class _Parties:
    """Accounts as JSON, with the party that each belongs to where it is known here."""

    def __init__(self, node: Node) -> None:
        self._ids = {party.account: party.party_id for party in node.store.parties()}

    def json(self, account: bytes) -> dict[str, Any]:
        return {"account": f"0x{account.hex()}", "party": self._ids.get(account)}


def _summary(parties: _Parties, state: RegistryState, known: Registered) -> dict[str, Any]:
    return {
        **_reference(known),
        "owner": parties.json(known.owner),
        "since": _time(known.since_s),
        "status": known.status,
        "active": state.is_active(known.node),
        "endpoint": known.endpoint or None,
        "log": f"0x{known.log_id.hex()}" if known.log_id != NO_LOG else None,
    }


def _reference(known: Registered) -> dict[str, Any]:
    return {"scheme": known.scheme, "text": known.text, "node": f"0x{known.node.hex()}"}


def _change(parties: _Parties, change: Change) -> dict[str, Any]:
    """What is said by every kind, and of the rest what this one says."""
    said = {
        "account": change.account and parties.json(change.account),
        "other": change.other and f"0x{change.other.hex()}",
        "text": change.text,
        "scope": change.scope,
        "until": change.expires_s and _time(change.expires_s),
    }
    return {
        "kind": change.kind,
        "time": _time(change.time_s),
        "block": change.block_number,
        "tx": f"0x{change.tx_hash.hex()}",
        **{name: value for name, value in said.items() if value},
    }


def _time(seconds: int | None) -> datetime | None:
    """None for what has no end."""
    if seconds is None or seconds > _FOREVER_S:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _as_of(head: RegistryHead) -> dict[str, Any]:
    """Up to which final block the registry was read; None before the first."""
    return {"as_of_block": head.block.number if head.block else None}
