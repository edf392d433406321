"""GS1 Digital Links at the root of this node: what a label opens leads to the item's page."""

import re
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.dependencies import NodeDep
from api.pages import wants_page
from ledger.domain.ai_table import QUALIFIERS
from ledger.domain.digital_link import CANONICAL_STEM, parse_digital_link
from ledger.domain.identifiers import identifier_of
from ledger.domain.label_scans import parse_place
from ledger.label_scans import record_scan

router = APIRouter(tags=["resolver"])

_KEYS: Final = tuple(sorted(QUALIFIERS))
_is_program: Final = re.compile(r"bot\b|crawl|spider|slurp|preview|facebookexternalhit", re.I).search
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


def _resolve(
    request: Request,
    node: NodeDep,
    region: Annotated[str, Query(max_length=20)] = "",
    lat: float | None = None,
    lon: float | None = None,
    device: Annotated[str, Header(alias="suyuan-device", max_length=200)] = "",
) -> Response:
    """307 to the page of the item that the Digital Link names; 400 when it breaks a rule of the standard.

    A person who opens it has scanned the label: that is counted, with the place if the scanner gave one.
    """
    # The raw path: decoding would turn %2F in a serial into a step of the path.
    path = request.scope["raw_path"].decode("ascii")
    query = request.url.query
    identifier = identifier_of(parse_digital_link(f"{CANONICAL_STEM}{path}{'?' if query else ''}{query}"))
    if _is_scan(request):
        record_scan(node, identifier.uri, parse_place(region, lat, lon), "public", device)
    # Ours come last: of two parameters with one name the last counts.
    passed_on = f"{query}&" if query else ""
    label = quote(f"{path}{'?' if query else ''}{query}", safe="")
    return RedirectResponse(f"/item?{passed_on}label={label}&id={quote(identifier.uri, safe='')}", 307)


def _is_scan(request: Request) -> bool:
    """Whether a person opens it now: no program, preview or prefetch."""
    headers = request.headers
    purposes = (headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz", "x-purpose"))
    ahead = any(word in purpose for purpose in purposes for word in ("prefetch", "prerender", "preview"))
    is_program = _is_program(headers.get("user-agent", ""))
    return request.method == "GET" and wants_page(request) and not ahead and not is_program


for key in _KEYS:
    router.add_api_route(
        f"/{key}/{{rest:path}}",
        _resolve,
        methods=["GET", "HEAD"],
        name=f"resolve_{key}",
        include_in_schema=False,
    )
