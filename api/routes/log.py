"""The log as others watch it: newest checkpoint, anchors, and what a verifier must be told."""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, Response

from api.dependencies import NodeDep
from ledger.domain.errors import NotYetAnchored
from ledger.ports import AnchorRecord, AnchorState

router = APIRouter(prefix="/log", tags=["log"])

ANCHORS_MAX = 1000


@router.get("/checkpoint", response_class=PlainTextResponse)
def get_checkpoint(node: NodeDep) -> str:
    """The newest final checkpoint, a signed note (C2SP tlog-checkpoint). 404 before the first."""
    record = node.store.newest_anchor(AnchorState.FINAL)
    if record is None:
        raise NotYetAnchored("no anchor is final yet: ask again in a few seconds")
    return record.note


@router.get("/anchors")
def get_anchors(
    node: NodeDep,
    start: Annotated[int, Query(ge=1)] = 1,
    limit: Annotated[int, Query(ge=1, le=ANCHORS_MAX)] = 100,
) -> dict[str, Any]:
    """Anchors from number `start` on, oldest first, with their state and place on the chain."""
    return {"anchors": [_anchor_json(record) for record in node.store.anchors(start=start, limit=limit)]}


@router.get("/trust", response_class=Response)
def get_trust(node: NodeDep) -> Response:
    """What a verifier must be told, for `suyuan verify --trust FILE`; bring your own RPC URL.

    Compare contract and key with what the operator published elsewhere: a node cannot vouch for itself.
    """
    trust = replace(node.trust, rpc_url=None)
    headers = {"Content-Disposition": 'attachment; filename="trust.json"'}
    return Response(trust.to_json(), media_type="application/json", headers=headers)


def _anchor_json(record: AnchorRecord) -> dict[str, Any]:
    anchor, block = record.anchor, record.block
    return {
        "number": anchor.number,
        "state": record.state.value,
        "size": anchor.size,
        "logRoot": anchor.log_root.hex(),
        "mapRoot": anchor.map_root.hex(),
        "previous": anchor.previous.hex(),
        "hash": anchor.hash.hex(),
        "tx": None if record.tx_hash is None else record.tx_hash.hex(),
        "block": None if block is None else {"number": block.number, "hash": block.hash.hex()},
    }
