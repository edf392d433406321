"""Links of identifiers: the page, and the interface by which owners list, put and remove them."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from api.dependencies import ApiKeyDep, NodeDep, api_key_of
from api.i18n import choose_language, say
from api.i18n.phrases import LINK_TYPES
from api.media_types import JSON
from api.pages import SCRIPT_HEADERS, page_texts, render, wants_page
from api.routes.epcis.bodies import read_body
from api.routes.epcis.protocol import problems
from ledger.domain import canonical_json
from ledger.domain.canonical_json import JsonValue
from ledger.domain.links import Link, parse_anchor, write_link
from ledger.links import link_rows, put_links, read_link_file, remove_link
from ledger.masterdata import Imported
from ledger.node import Node
from ledger.ports import ApiKey

router = APIRouter(prefix="/links", tags=["links"])

_CSV: Final = "text/csv"
_BYTES_MAX: Final = 16 * 1024 * 1024
_EXAMPLE: Final = {
    "id": "(01)09506000134352(10)L1",
    "linkType": "gs1:pip",
    "href": "https://shop.example/rice",
    "title": "Rice",
    "hreflang": ["en"],
    "type": "text/html",
    "context": ["CN"],
    "default": ["defaultLink"],
}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {JSON: {"example": [_EXAMPLE]}, _CSV: {"example": ",".join(_EXAMPLE)}},
    }
}


@router.get("", response_class=JSONResponse, responses=problems(401))
def get_links(
    request: Request,
    node: NodeDep,
    text: Annotated[str, Query(alias="id", max_length=2048)] = "",
    after: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """The links of an identifier at its own level, for everybody; without `id` those of your party, in pages.

    `next` is the `after` of the next page, empty at the end.
    """
    if wants_page(request):
        return _page(request)
    if text:
        found = node.store.links_at([parse_anchor(text)])
        return JSONResponse({"links": [link_json(link) for link in found], "next": ""})
    key = api_key_of(request, node)
    found = node.store.links_of(key.party_id, after=after, limit=limit)
    following = found[-1].link_id if len(found) == limit else ""
    return JSONResponse({"links": [link_json(link) for link in found], "next": following})


@router.post(
    "", response_class=JSONResponse, responses=problems(401, 403, 409, 413, 415), openapi_extra=_BODY
)
async def post_links(request: Request, node: NodeDep, key: ApiKeyDep, dry_run: bool = False) -> Response:
    """Register links: one object, a list of them, or a CSV table with the same members as columns.

    All of them or, with any fault, none; `problems` names each faulty member. A link takes the place of one
    with the same id, linkType and href. Your party must speak for the identifiers. `dry_run` only checks.
    """
    raw, media_type = await read_body(request, (JSON, _CSV), _BYTES_MAX)
    read = _put_table if media_type == _CSV else _put_json
    done = await run_in_threadpool(read, node, key, raw, dry_run)
    return JSONResponse({"added": done.added, "changed": done.changed, "same": done.same})


@router.delete("/{link_id}", status_code=204, response_class=Response, responses=problems(401, 403, 404))
def delete_link(link_id: str, node: NodeDep, key: ApiKeyDep) -> Response:
    """Take a link away. Your party must speak for its identifier."""
    remove_link(node, key, link_id)
    return Response(status_code=204)


def link_json(link: Link) -> dict[str, JsonValue]:
    """A link as the interface shows it."""
    return {"linkID": link.link_id, **write_link(link)}


def _put_json(node: Node, key: ApiKey, raw: bytes, dry_run: bool) -> Imported:
    return put_links(node, key, link_rows(canonical_json.parse(raw)), dry_run=dry_run)


def _put_table(node: Node, key: ApiKey, raw: bytes, dry_run: bool) -> Imported:
    with TemporaryDirectory() as folder:
        path = Path(folder, "links.csv")
        path.write_bytes(raw)
        return put_links(node, key, read_link_file(path), dry_run=dry_run)


def _page(request: Request) -> Response:
    language = choose_language(request)
    context = {
        "texts": page_texts(language, ("links_",)),
        "link_types": {name: say(phrase, language) for name, phrase in LINK_TYPES.items()},
    }
    return render(request, "links.html", context, headers=SCRIPT_HEADERS)
