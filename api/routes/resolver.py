"""GS1 Digital Links at the root of this node: redirects to registered links, and lists them as linksets.

Source: GS1-Conformant Resolver 1.0. Where the owner of an identifier registered no default link, a label
leads to our own page of the item.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final
from urllib.parse import quote, urlsplit

import orjson
from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request
from fastapi.params import Depends as DependsParameter
from fastapi.responses import JSONResponse, RedirectResponse, Response

from api.dependencies import NodeDep, note_resolved
from api.media_types import JSON, JSON_LD, choose_media_type
from api.pages import wants_page
from ledger.domain.ai_table import QUALIFIERS
from ledger.domain.compressed_link import NotCompressed, expand_link, is_compressed
from ledger.domain.digital_link import CANONICAL_STEM, DigitalLink, build, parse_digital_link
from ledger.domain.errors import Invalid, NotFound
from ledger.domain.identifiers import Identifier, identifier_of
from ledger.domain.label_scans import parse_place
from ledger.domain.links import (
    GS1_VOCABULARY,
    LINKSET_WORDS,
    Link,
    Wish,
    choose_links,
    parse_link_type,
    pass_on,
)
from ledger.domain.linkset import CONTEXT, LINKSET_JSON, LINKSET_TEXT, LinkedLevel, linkset, linkset_text
from ledger.label_scans import record_scan
from ledger.links import Found, describe_links, find_links
from ledger.node import Node

router = APIRouter(tags=["resolver"])

_KEYS: Final = tuple(sorted(QUALIFIERS))
_METHODS: Final = "GET, HEAD, OPTIONS"
_TO_RESOLVER: Final = ("linkType=", "context=")
_CONTEXT_PATH: Final = "/links/context.jsonld"
_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": _METHODS,
    "Access-Control-Expose-Headers": "Link, Location",
    "Vary": "Accept, Accept-Language",
}
_is_program: Final = re.compile(r"bot\b|crawl|spider|slurp|preview|facebookexternalhit", re.I).search


@router.get("/.well-known/gs1resolver")
def get_resolver_description(node: NodeDep) -> dict[str, Any]:
    """What this resolver can do (GS1 resolver description file)."""
    return {
        "name": f"Suyuan 溯源: {node.signer.origin}",
        "resolverRoot": node.settings.label_url,
        "supportedPrimaryKeys": list(_KEYS),
        "supportedLinkType": [{"namespace": GS1_VOCABULARY, "prefix": "gs1:"}],
        "linkTypeDefaultCanBeLinkset": False,
        "jsonLdContextLocation": f"{node.settings.label_url}{_CONTEXT_PATH}",
    }


@router.get(_CONTEXT_PATH)
def get_context() -> Response:
    """The JSON-LD context of linksets."""
    return JSONResponse(CONTEXT, media_type=JSON_LD, headers={"Cache-Control": "public, max-age=86400"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What the Digital Link of a request says."""

    path: str  # without a slash at its end; as it was sent, unless that was compressed
    query: str
    link: DigitalLink
    identifier: Identifier
    was_compressed: bool

    def item_page(self, base: str, query: str) -> str:
        """Our own page of the item, below `base`."""
        # What was printed; the words to the resolver are of whoever asked.
        printed = "&".join(part for part in query.split("&") if not part.startswith(_TO_RESOLVER))
        label = quote(f"{self.path}{'?' if printed else ''}{printed}", safe="")
        # Ours come first: of two parameters with one name the page takes the first.
        return pass_on(f"{base}/item?label={label}&id={quote(self.identifier.uri, safe='')}", query)

    def same_as(self, root: str) -> str:
        """The link to the uncompressed Digital Link; "" when it was not compressed."""
        return f'<{build(replace(self.link, stem=root))}>; rel="owl:sameAs"' if self.was_compressed else ""


def _resolve(
    request: Request,
    node: NodeDep,
    link_type: Annotated[str, Query(alias="linkType", max_length=200)] = "",
    context: Annotated[str, Query(max_length=200)] = "",
    region: Annotated[str, Query(max_length=20)] = "",
    lat: float | None = None,
    lon: float | None = None,
    device: Annotated[str, Header(alias="suyuan-device", max_length=200)] = "",
) -> Response:
    """307 to the link that fits the request best, or the linkset; 400 when the Digital Link breaks a rule of
    the standard, 404 when there is no link of the type asked for, 300 when several fit alike.

    A person who opens it has scanned the label: that is counted, with the place if the scanner gave one.
    """
    asked = read_link_request(request)
    note_resolved(request, node, asked.identifier.uri)
    own = asked.item_page(node.settings.label_url, "")
    found = find_links(node, asked.link, own)
    answer = answer_link(request, node, asked, found, own, link_type, context)
    if answer.status_code == 307 and not link_type and _is_scan(request):
        record_scan(node, asked.identifier.uri, parse_place(region, lat, lon), "public", device)
    return answer


def answer_link(
    request: Request,
    node: Node,
    asked: Asked,
    found: Sequence[Found],
    own: str,
    link_type: str = "",
    context: str = "",
) -> Response:
    """The redirect or linkset that answers a request, of the links that were found; `own` is our page."""
    root = node.settings.label_url
    if link_type in LINKSET_WORDS or _accepts_linkset(request):
        return _linkset(request, describe_links(node, found, root), root, asked.same_as(root))
    chosen = choose_links([one.links for one in found], _wish(request, link_type, context))
    if not chosen:
        raise NotFound(f"{asked.path}: there is no link of type {link_type} here")
    if len(chosen) > 1:
        several = _only(describe_links(node, found, root), chosen)
        return _linkset(request, several, root, asked.same_as(root), 300)
    href = chosen[0].href
    target = asked.item_page(_base(request, root), asked.query) if href == own else pass_on(href, asked.query)
    return RedirectResponse(target, 307, _headers(_linkset_link(found, root), asked.same_as(root)))


def _resolve_compressed(request: Request) -> None:
    """404 for what is no compressed Digital Link: a page that is not here."""
    try:
        expand_link(request.scope["raw_path"].decode("ascii").removesuffix("/"))
    except NotCompressed as error:
        raise HTTPException(404) from error


def _options() -> Response:
    return Response(status_code=204, headers={**_HEADERS, "Allow": _METHODS})


def read_link_request(request: Request) -> Asked:
    """What is asked for. Raises Invalid when that is no Digital Link."""
    # The raw path: decoding would turn %2F in a serial into a step of the path.
    path = request.scope["raw_path"].decode("ascii").removesuffix("/")
    query = request.scope["query_string"].decode("latin-1")
    was_compressed = is_compressed(path)
    if was_compressed:
        path, packed = expand_link(path)
        query = "&".join(filter(None, (packed, query)))
    link = parse_digital_link(f"{CANONICAL_STEM}{path}{'?' if query else ''}{query}")
    return Asked(path, query, link, identifier_of(link), was_compressed)


def _wish(request: Request, link_type: str, context: str) -> Wish:
    headers = request.headers
    try:
        parsed = parse_link_type(link_type) if link_type else ""
    except Invalid as error:
        raise NotFound(f"there is no such link: {error}") from error
    return Wish(parsed, headers.get("accept-language", ""), headers.get("accept", ""), context)


def _accepts_linkset(request: Request) -> bool:
    """Whether the client would rather have the list of links than what they lead to."""
    offered = ("text/html", LINKSET_JSON, LINKSET_TEXT)
    return choose_media_type(request.headers.get("accept", ""), offered) in offered[1:]


def _linkset(
    request: Request, levels: Sequence[LinkedLevel], root: str, same_as: str, status: int = 200
) -> Response:
    # A browser shows JSON, but saves what it does not know.
    offered = (
        (JSON, LINKSET_JSON, LINKSET_TEXT) if wants_page(request) else (LINKSET_JSON, JSON, LINKSET_TEXT)
    )
    media_type = choose_media_type(request.headers.get("accept", ""), offered) or offered[0]
    if media_type == LINKSET_TEXT:
        body, context = linkset_text(levels).encode("ascii"), ""
    else:
        body = orjson.dumps(linkset(levels))
        context = f'<{root}{_CONTEXT_PATH}>; rel="http://www.w3.org/ns/json-ld#context"; type="{JSON_LD}"'
    return Response(body, status, _headers(context, same_as), media_type)


def _only(levels: Sequence[LinkedLevel], chosen: Sequence[Link]) -> list[LinkedLevel]:
    return [
        LinkedLevel(level.url, level.description, tuple(link for link in level.links if link in chosen))
        for level in levels
    ]


def _linkset_link(found: Sequence[Found], root: str) -> str:
    return f'<{root}{found[0].level.path}?linkType=linkset>; rel="linkset"; type="{LINKSET_JSON}"'


def _headers(*links: str) -> dict[str, str]:
    listed = ", ".join(filter(None, links))
    return {**_HEADERS, "Link": listed} if listed else _HEADERS


def _base(request: Request, root: str) -> str:
    """`root` for those who came by it; nothing for those who know this node by another name."""
    return root if request.headers.get("host") == urlsplit(root).netloc else ""


def _is_scan(request: Request) -> bool:
    """Whether a person opens it now: no program, preview or prefetch."""
    headers = request.headers
    purposes = (headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz", "x-purpose"))
    ahead = any(word in purpose for purpose in purposes for word in ("prefetch", "prerender", "preview"))
    is_program = _is_program(headers.get("user-agent", ""))
    return request.method == "GET" and wants_page(request) and not ahead and not is_program


def _add(to: APIRouter, path: str, name: str, dependencies: Sequence[DependsParameter] = ()) -> None:
    to.add_api_route(
        path, _resolve, methods=["GET", "HEAD"], name=name, include_in_schema=False, dependencies=dependencies
    )
    to.add_api_route(path, _options, methods=["OPTIONS"], include_in_schema=False)


for key in _KEYS:
    _add(router, f"/{key}/{{rest:path}}", f"resolve_{key}")

compressed_router = APIRouter()
"""Comes after all other routes: a compressed Digital Link may look like any page's name."""

_add(compressed_router, "/{text}", "resolve_compressed", [Depends(_resolve_compressed)])
_add(compressed_router, "/{text}/", "resolve_compressed_slash", [Depends(_resolve_compressed)])
