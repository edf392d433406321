"""The scan page: a shell that a phone keeps, and the answers that it asks for with a signal."""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from api.dependencies import ApiKeyDep, NodeDep, chain_of
from api.i18n import choose_language
from api.item_view import item_view
from api.names import Names
from api.pages import page_texts, render, translator
from ledger.domain.next_steps import ALL_STEPS
from ledger.domain.scan import SCAN_LENGTH_MAX
from ledger.scan import PLACES_MAX, find_places, look_up_scan
from ledger.shipment import has_legs

router = APIRouter(include_in_schema=False)

_STATIC: Final = Path(__file__).parents[1] / "static"
_FILES: Final = (
    "suyuan.css",
    "icon.svg",
    "ask.js",
    "parts.js",
    *sorted(
        path.relative_to(_STATIC).as_posix()
        for path in (_STATIC / "scan").rglob("*")
        if path.suffix in {".js", ".css", ".wasm", ".png"} and path.name != "worker.js"
    ),
)
"""What the phone keeps beside the page; worker.js, the service worker, the browser keeps itself."""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; style-src 'self'; img-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
}
_NO_STORE: Final = {"Cache-Control": "no-store"}


@router.get("/scan")
def get_scan_page(request: Request) -> Response:
    """The page, the same for everybody: what it shows it asks for, and the API key stays on the device."""
    texts = page_texts(choose_language(request), ("scan_", "do_"))
    context = {"texts": texts, "all_steps": " ".join(ALL_STEPS)}
    return render(request, "scan.html", context, headers=_HEADERS)


@router.get("/scan/worker.js")
def get_service_worker() -> Response:
    """The service worker. Its text changes with any file that it keeps, so that browsers renew them all."""
    return Response(
        _service_worker(),
        media_type="text/javascript",
        headers={"Service-Worker-Allowed": "/scan", "Cache-Control": "no-cache"},
    )


@router.get("/scan/manifest.webmanifest")
def get_manifest(request: Request) -> Response:
    """What a phone needs to install the page."""
    t = translator(choose_language(request))
    manifest = {
        "id": "/scan",
        "name": f"{t('product_name')} · {t('scan_title')}",
        "short_name": t("product_name"),
        "start_url": "/scan",
        "scope": "/scan",
        "display": "standalone",
        "background_color": "#f4f6f5",
        "theme_color": "#10433a",
        "icons": [
            {"src": "/static/icon.svg", "sizes": "any", "type": "image/svg+xml"},
            {"src": "/static/scan/icon-512.png", "sizes": "512x512", "type": "image/png"},
        ],
    }
    return JSONResponse(manifest, media_type="application/manifest+json")


@router.get("/scan/item")
def get_scanned_item(
    request: Request, node: NodeDep, text: Annotated[str, Query(max_length=SCAN_LENGTH_MAX)]
) -> Response:
    """What a scan names, its verdict of this moment, its cold chain, and the steps to offer."""
    language = choose_language(request)
    t = translator(language)
    found = look_up_scan(node, text, chain_of(node))
    view = item_view(found.history, node.trust, language)
    answer: dict[str, Any] = {
        "uri": found.history.uri,
        "name": view.title,
        "kind": view.kind,
        "code": view.code,
        "is_class": found.is_class,
        "parent": found.parent,
        "verdict": {
            "kind": view.verdict.kind,
            "title": t(view.verdict.kind),
            "sentence": view.verdict.sentences[0],
        },
        "cold_chain": {
            "state": found.cold_chain.value,
            "sentence": t(f"cold_{found.cold_chain.value}", allowed=found.history.storage or ""),
        },
        "has_curve": has_legs(node, found.history.uri),
        "steps": found.steps,
    }
    return JSONResponse(answer, headers=_NO_STORE)


@router.get("/scan/places")
def get_places(
    request: Request,
    node: NodeDep,
    key: ApiKeyDep,
    text: Annotated[str, Query(max_length=2048)] = "",
    after: Annotated[str, Query(max_length=2048)] = "",
    limit: Annotated[int, Query(ge=1, le=PLACES_MAX)] = PLACES_MAX,
) -> Response:
    """The places where events can be recorded, with `text` in their name or identifier, in pages.

    Needs an API key, and so also tells a wrong one. `next` is the `after` of the next page, empty at the end.
    """
    found = find_places(node.store, text, after=after, limit=limit)
    names = Names(choose_language(request), {place.uri: place for place in found})
    listed = [{"uri": place.uri, "name": names.place(place.uri).text or place.uri} for place in found]
    following = found[-1].uri if len(found) == limit else ""
    return JSONResponse({"places": listed, "next": following}, headers=_NO_STORE)


@lru_cache(maxsize=1)
def _service_worker() -> str:
    kept = sha256(b"".join((_STATIC / name).read_bytes() for name in _FILES)).hexdigest()[:16]
    urls = orjson.dumps([f"/static/{name}" for name in _FILES]).decode()
    source = (_STATIC / "scan" / "worker.js").read_text(encoding="utf-8")
    return f'const VERSION = "{kept}";\nconst FILES = {urls};\n{source}'
