"""Resolution of identifiers of every scheme, whichever node is responsible for them."""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api.dependencies import Id, NodeDep, note_resolved
from ledger.domain.identifiers import parse_identifier
from ledger.domain.registry import NO_LOG
from ledger.domain.resolution import NodeUnreachable, Told, extend_via, via_name, write_told
from ledger.node import Node
from ledger.resolve import Resolution, Resolver, check_usable, tell

router = APIRouter(tags=["resolution"])

_SECOND_MS: Final = 1_000


@router.get("/resolve", response_class=Response)
def get_resolution(request: Request, node: NodeDep, text: Id, direct: bool = False) -> Response:
    """What an identifier in any spelling leads to, by the node that its prefix is registered to.

    That node is asked, and its record is verified against its anchored log. `standing` is `proven`,
    `unproven` (`reason` says why) or `stale`: the node could not be asked again, and this is what it answered
    `ageSeconds` ago. `node` is null when this node answers. `answeredBy` is null, or the other name of the
    same thing, by both owners' word on chain, whose record this is; then `absence` says which log proves that
    there is nothing under `id` itself. 404: the responsible node does not know it.
    410: its prefix is suspended or revoked. 502: the answer is refuted. 504: the node cannot be asked, and
    there is no earlier answer. 508: the registered address leads in a circle.

    With `direct`, for other nodes: the record that this node has, version 0 when it has none, asking nobody.
    """
    via, uri = request.headers.get("via", ""), parse_identifier(text).uri
    note_resolved(request, node, uri)
    if direct:
        extend_via(via, via_name(node.trust.log_id))
        return _told(node, uri)
    resolver: Resolver = request.app.state.resolver
    try:
        found = resolver.resolve(uri, via)
    except NodeUnreachable:
        note_resolved(request, node, uri, "peer")
        raise
    note_resolved(request, node, uri, found.source)
    check_usable(found)
    now_ms = node.clock()
    left_s = 0 if found.trouble else max(0, (found.expires_ms - now_ms) // _SECOND_MS)
    return JSONResponse(_json(found, now_ms, left_s), headers={"Cache-Control": f"max-age={left_s}"})


def _told(node: Node, uri: str) -> JSONResponse:
    return JSONResponse(
        write_told(uri, node.signer.key, tell(node, uri)), headers={"Cache-Control": "no-store"}
    )


def _json(found: Resolution, now_ms: int, left_s: int) -> dict[str, Any]:
    answer = found.answer
    return {
        "id": found.asked,
        "answeredBy": found.uri if found.absent else None,
        "standing": "stale" if found.trouble else answer.standing,
        "reason": found.trouble or answer.reason,
        "wasProven": answer.standing == "proven",
        "record": _record(answer.told) if answer.told.values else None,
        "events": answer.events,
        **_whence(found),
        "absence": _whence(found.absent) if found.absent else None,
        "askedAt": datetime.fromtimestamp(found.asked_ms // _SECOND_MS, UTC).isoformat(),
        "ageSeconds": max(0, (now_ms - found.asked_ms) // _SECOND_MS),
        "ttlSeconds": left_s,
    }


def _whence(found: Resolution) -> dict[str, Any]:
    """Who answers for an identifier, and what proves it."""
    route, answer = found.route, found.answer
    proof = f"/proof/item?id={quote(found.uri, safe='')}&exact=true"
    return {
        "prefix": {"scheme": route.prefix.scheme, "text": route.prefix.text} if route.prefix else None,
        "node": None if found.is_ours else route.endpoint,
        "log": f"0x{route.log_id.hex()}" if route.log_id != NO_LOG else None,
        "anchor": {"number": answer.anchor, "size": answer.size} if answer.anchor else None,
        "proof": proof if found.is_ours else route.endpoint.rstrip("/") + proof,
    }


def _record(told: Told) -> dict[str, Any]:
    values = [value.to_json() for value in told.values]
    return {"version": told.version, "logIndex": told.log_index, "values": values}
