"""The pages that people open: the console and an item's history."""

from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.dependencies import Id, NodeDep, chain_of
from api.i18n import choose_language
from api.item_view import item_view
from api.label_view import label_view
from api.pages import SCRIPT_HEADERS, page_texts, render
from api.same_view import same_view
from api.times import time_of
from ledger.demo.world import load_world
from ledger.domain.identifiers import parse_identifier
from ledger.equivalence import other_names, reached_item
from ledger.history import item_history
from ledger.node import Node
from ledger.ports import AnchorState
from ledger.shipment import has_legs

router = APIRouter(include_in_schema=False)


@router.get("/")
def get_console(request: Request, node: NodeDep) -> Response:
    """Where to begin: look up an item, see how far the ledger is."""
    record = node.store.newest_anchor(AnchorState.FINAL)
    context = {
        "origin": node.signer.origin,
        "public_url": node.settings.label_url,
        "log_size": node.store.log_size(),
        "anchored": record.anchor.size if record else 0,
        "anchors": record.anchor.number if record else 0,
        "newest": time_of(record.prepared_ms) if record else None,
        "examples": _examples(node),
    }
    return render(request, "home.html", context)


@router.get("/item")
def get_item(
    request: Request, node: NodeDep, text: Id, label: Annotated[str, Query(max_length=4096)] = ""
) -> Response:
    """The history of an item with its verdict, computed for this very answer. 404 when there is no event.

    Where nothing was captured under `id`, the page is of the other identifier that both owners registered for
    the same item, and says so. `label` is the path and query of the Digital Link that was opened: then the
    page says what the label is.
    """
    # The resolver puts its own before what came with the label, which must not name another item.
    text, label = _first(request, "id", text), _first(request, "label", label)
    history = item_history(node, text.strip(), chain_of(node))
    asked = parse_identifier(text.strip()).uri
    # What a label says is about the very identifier in it.
    history = item_history(node, asked if label else reached_item(node, asked), chain_of(node))
    view = item_view(history, node.trust, choose_language(request))
    status = HTTPStatus.NOT_FOUND if view.verdict.kind == "unknown_item" else HTTPStatus.OK
    shown = label_view(node, history, label, choose_language(request)) if label else None
    has_curve = has_legs(node, history.uri)
    same = same_view(asked, history.uri, other_names(node, asked), choose_language(request))
    context = {"item": view, "label": shown, "same": same, "has_curve": has_curve}
    return render(request, "item.html", context, status)


@router.get("/shipment")
def get_shipment(request: Request, text: Id) -> Response:
    """The page of a shipment: what it shows it asks for, with the reader's API key."""
    parse_identifier(text)
    texts = page_texts(choose_language(request), ("ship_",))
    context = {"texts": texts, "quoted_id": quote(text, safe="")}
    return render(request, "shipment.html", context, headers=SCRIPT_HEADERS)


def _first(request: Request, name: str, last: str) -> str:
    return next(iter(request.query_params.getlist(name)), last)


@router.get("/docs")
def get_docs(request: Request) -> Response:
    """The HTTP interface, listed from its OpenAPI description."""
    operations = [
        (method.upper(), path, operation)
        for path, methods in request.app.openapi()["paths"].items()
        for method, operation in methods.items()
        if method != "options"
    ]
    return render(request, "docs.html", {"operations": operations})


@router.get("/favicon.ico")
def get_icon() -> Response:
    """Where browsers look for the icon of what is no page, such as a label."""
    return RedirectResponse("/static/icon.svg")


def _examples(node: Node) -> list[tuple[str, str]]:
    """Items of the demonstration, where this node holds one: (text key, identifier)."""
    if not node.settings.demo_keys_path.exists():
        return []
    highlights = load_world().highlights
    return [
        ("example_vial", highlights.vial),
        ("example_pack", highlights.retail_pack),
        ("example_pallet", highlights.pallet),
    ]
