"""Bundles to download: the evidence for one item or one event."""

import re

from fastapi import APIRouter
from fastapi.responses import Response

from api.dependencies import Id, NodeDep
from ledger.domain.identifiers import parse_identifier
from ledger.prove import prove_event, prove_item

router = APIRouter(prefix="/proof", tags=["proofs"])


@router.get("/item", response_class=Response)
def get_item_proof(text: Id, node: NodeDep) -> Response:
    """The bundle that proves the complete history of an item, or that it has none; for `suyuan verify`.

    `id` is a Digital Link, an EPC URN, an element string or another URI. 404 while nothing is anchored yet.
    """
    return _download(prove_item(node, text), parse_identifier(text).uri)


@router.get("/event", response_class=Response)
def get_event_proof(event_id: Id, node: NodeDep) -> Response:
    """The bundle that proves one event. 404 when the eventID is unknown, or waits for its anchor."""
    return _download(prove_event(node, event_id), event_id)


def _download(bundle: bytes, subject: str) -> Response:
    # A file name of plain characters: the subject stands in the bundle.
    stem = re.sub(r"[^A-Za-z0-9]+", "-", subject.partition("//")[2] or subject).strip("-")[:100]
    headers = {"Content-Disposition": f'attachment; filename="{stem}.bundle.json"'}
    return Response(bundle, media_type="application/json", headers=headers)
