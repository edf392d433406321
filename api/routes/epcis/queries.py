"""Named queries, and their events: as pages, or over a WebSocket as they come."""

import asyncio
import json
from collections.abc import Coroutine, Iterable
from typing import Any, Final

from fastapi import Request, WebSocket
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from api.dependencies import ApiKeyDep, NodeDep
from api.media_types import JSON, JSON_LD
from api.routes.epcis.bodies import documented_body, read_json
from api.routes.epcis.documents import answer_events, presentation_of
from api.routes.epcis.protocol import (
    DEFAULT_PER_PAGE,
    PAGING,
    VERSIONS,
    PageToken,
    PerPage,
    add_options,
    answer_list,
    choose_format,
    epcis_router,
    extension_prefixes,
    item_url,
    next_page,
    problems,
    query_faults,
)
from ledger.domain.errors import Invalid, Problem
from ledger.ports import NamedQuery
from ledger.query import run_query
from ledger.query_document import write_query_document
from ledger.standing import parse_controls, reports, split_controls, start
from ledger.subscriptions import create_query, delete_query, event_query, get_query, list_queries

_BODY_FORMATS: Final = (JSON, JSON_LD)
_EXAMPLE: Final = {"name": "shipped", "query": {"EQ_bizStep": ["shipping"]}}

router = epcis_router()
add_options(router, "/queries", "GET", "POST")
add_options(router, "/queries/{name}", "GET", "DELETE")
add_options(router, "/queries/{name}/events", "GET")


@router.get("/queries", response_class=JSONResponse, responses=problems(401))
def get_queries(
    request: Request,
    node: NodeDep,
    key: ApiKeyDep,
    per_page: PerPage = DEFAULT_PER_PAGE,
    page_token: PageToken = None,
) -> Response:
    """The named queries, by name."""
    return answer_list(
        request,
        per_page,
        page_token,
        lambda after, limit: list_queries(node, after=after, limit=limit),
        lambda query: query.name,
        _query_json,
    )


@router.post(
    "/queries",
    status_code=201,
    response_class=JSONResponse,
    responses=problems(401, 409, 413, 415),
    openapi_extra=documented_body(_EXAMPLE, *_BODY_FORMATS),
)
async def post_query(request: Request, node: NodeDep, key: ApiKeyDep) -> Response:
    """Give a query a name: `{"name": "...", "query": {"EQ_bizStep": ["shipping"], ...}}`."""
    media_type = choose_format(request)
    prefixes = extension_prefixes(request)
    body = await read_json(request, _BODY_FORMATS)
    try:
        query = await run_in_threadpool(create_query, node, key, body, prefixes)
    except Invalid as error:
        raise query_faults(error) from error
    headers = {**VERSIONS, "Location": item_url("queries", query.name)}
    return JSONResponse(_query_json(query), 201, headers, media_type)


@router.get("/queries/{name}", response_class=JSONResponse, responses=problems(401, 404))
def get_named_query(request: Request, name: str, node: NodeDep, key: ApiKeyDep) -> Response:
    """The definition of a named query."""
    media_type = choose_format(request)
    return JSONResponse(_query_json(get_query(node, name)), media_type=media_type, headers=VERSIONS)


@router.delete("/queries/{name}", status_code=204, response_class=Response, responses=problems(401, 403, 404))
def delete_named_query(name: str, node: NodeDep, key: ApiKeyDep) -> Response:
    """Remove a named query of your party, and all subscriptions to it."""
    delete_query(node, key, name)
    return Response(None, 204, VERSIONS)


@router.get("/queries/{name}/events", response_class=JSONResponse, responses=problems(401, 404, 413))
def get_query_events(
    request: Request,
    name: str,
    node: NodeDep,
    key: ApiKeyDep,
    per_page: PerPage = DEFAULT_PER_PAGE,
    page_token: PageToken = None,
) -> Response:
    """The events that match a named query, in pages.

    As a WebSocket (`Upgrade: websocket`) it sends them as they are captured: each message is an
    EPCISQueryDocument. `?stream=true` reports at once; `second`, `minute`, `hour`, `dayOfMonth`, `month` and
    `dayOfWeek` are a schedule; `reportIfEmpty` and `initialRecordTime` as in a subscription.
    """
    wanted = presentation_of(request)
    _refuse_others(request.query_params.keys() - set(PAGING))
    query = event_query(get_query(node, name))
    try:
        page = run_query(node, query, per_page=per_page, page_token=page_token)
    except Invalid as error:
        raise query_faults(error) from error
    headers = next_page(request, page.next_token)
    return answer_events(node, page.events, wanted, query_name=name, headers=headers)


@router.websocket("/queries/{name}/events")
async def stream_query_events(socket: WebSocket, name: str, node: NodeDep, key: ApiKeyDep) -> None:
    """Send what the query reports until the client leaves or the query is removed."""
    wanted = presentation_of(socket)
    controls, others = split_controls(socket.query_params)
    _refuse_others(others)
    query = event_query(await run_in_threadpool(get_query, node, name))
    standing, progress = await run_in_threadpool(start, node, query, parse_controls(controls))
    await socket.accept(headers=[(name.lower().encode(), value.encode()) for name, value in VERSIONS.items()])

    async def send_reports() -> None:
        async for report, _ in reports(node, name, standing, progress):
            prefix_length_of = node.prefixes.company_prefix_length
            raw = write_query_document(report.events, wanted, node.clock(), prefix_length_of, name)
            await socket.send_text(raw.decode())
        await socket.close(reason="the query was removed")

    await _first_of(send_reports(), _until_client_leaves(socket))


async def _until_client_leaves(socket: WebSocket) -> None:
    """What the client sends means nothing here."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass


async def _first_of(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run all until one ends, and end the others."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _refuse_others(names: Iterable[str]) -> None:
    faults = [Problem(f"/{name}", "is no parameter here: write it into the query") for name in names]
    if faults:
        raise query_faults(Invalid(f"{len(faults)} problems: {faults[0]}", faults))


def _query_json(query: NamedQuery) -> dict[str, Any]:
    return {"name": query.name, "query": json.loads(query.definition)}
