"""Bundles to download: the evidence for one item or one event."""

import re
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from api.dependencies import Id, NodeDep
from ledger.domain.identifiers import parse_identifier
from ledger.equivalence import other_names, reached_item
from ledger.prove import prove_event, prove_item

router = APIRouter(prefix="/proof", tags=["proofs"])


@router.get("/item", response_class=Response)
def get_item_proof(text: Id, node: NodeDep, exact: bool = False) -> Response:
    """The bundle that proves the complete history of an item, or that it has none; for `suyuan verify`.

    `id` is a Digital Link, an EPC URN, an element string or another URI. 404 while nothing is anchored yet.
    Where nothing was captured under `id`, and the owners of both prefixes registered that another identifier
    names the same item, the bundle is of that one: it says so as its subject, and the answer in
    Content-Location. `exact` gives that of `id` itself, that it has no history. Link names the other
    identifiers in any case; their histories are proved apart.
    """
    asked = parse_identifier(text).uri
    subject = asked if exact else reached_item(node, asked)
    answer = _download(prove_item(node, subject), subject)
    if subject != asked:
        answer.headers["Content-Location"] = _path(subject)
    if others := [uri for uri in (asked, *other_names(node, asked)) if uri != subject]:
        answer.headers["Link"] = ", ".join(f'<{_path(uri)}>; rel="alternate"' for uri in others)
    return answer


def _path(uri: str) -> str:
    return f"/proof/item?id={quote(uri, safe='')}"


@router.get("/event", response_class=Response)
def get_event_proof(event_id: Id, node: NodeDep) -> Response:
    """The bundle that proves one event. 404 when the eventID is unknown, or waits for its anchor."""
    return _download(prove_event(node, event_id), event_id)


def _download(bundle: bytes, subject: str) -> Response:
    # A file name of plain characters: the subject stands in the bundle.
    stem = re.sub(r"[^A-Za-z0-9]+", "-", subject.partition("//")[2] or subject).strip("-")[:100]
    headers = {"Content-Disposition": f'attachment; filename="{stem}.bundle.json"'}
    return Response(bundle, media_type="application/json", headers=headers)
