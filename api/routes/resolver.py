"""GS1 Digital Links at the root of this node: what a label opens leads to the item's page."""

from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from api.dependencies import NodeDep
from ledger.domain.ai_table import QUALIFIERS
from ledger.domain.digital_link import CANONICAL_STEM, parse_digital_link
from ledger.domain.identifiers import identifier_of

router = APIRouter(tags=["resolver"])

_KEYS: Final = tuple(sorted(QUALIFIERS))
_LINK_TYPE: Final = "https://gs1.org/voc/traceability"


@router.get("/.well-known/gs1resolver")
def get_resolver_description(node: NodeDep) -> dict[str, Any]:
    """What this resolver can do (GS1 resolver description file)."""
    return {
        "name": f"Suyuan 溯源: {node.signer.origin}",
        "resolverRoot": node.settings.label_url,
        "supportedPrimaryKeys": list(_KEYS),
        "supportedLinkType": [{"namespace": "https://gs1.org/voc/", "prefix": "gs1:", "types": [_LINK_TYPE]}],
        "validatesAsDigitalLink": True,
    }


def _resolve(request: Request) -> Response:
    """307 to the page of the item that the Digital Link names; 400 when it breaks a rule of the standard."""
    # The raw path: decoding would turn %2F in a serial into a step of the path.
    path = request.scope["raw_path"].decode("ascii")
    query = request.url.query
    identifier = identifier_of(parse_digital_link(f"{CANONICAL_STEM}{path}{'?' if query else ''}{query}"))
    # Ours comes last: of two parameters with one name the last counts.
    passed_on = f"{query}&" if query else ""
    return RedirectResponse(f"/item?{passed_on}id={quote(identifier.uri, safe='')}", 307)


for key in _KEYS:
    router.add_api_route(
        f"/{key}/{{rest:path}}",
        _resolve,
        methods=["GET", "HEAD"],
        name=f"resolve_{key}",
        include_in_schema=False,
    )
