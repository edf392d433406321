"""Events: the query language in the URL, one event by its eventID, and one event captured at once."""

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from api.dependencies import ApiKeyDep, NodeDep
from api.media_types import JSON, JSON_LD
from api.routes.epcis.bodies import EXAMPLE_EVENT, documented_body, read_body
from api.routes.epcis.documents import answer_events, presentation_of
from api.routes.epcis.protocol import (
    DEFAULT_PER_PAGE,
    PAGING,
    VERSIONS,
    PageToken,
    PerPage,
    add_options,
    choose_format,
    epcis_router,
    extension_prefixes,
    item_url,
    next_page,
    problems,
    query_faults,
    query_parameters,
)
from ledger.archive import refuse_archived
from ledger.capture import capture_event
from ledger.domain.errors import Invalid, NotFound
from ledger.domain.query import EventQuery, parse_query_string
from ledger.domain.records import RECORD_CHANGE
from ledger.node import Node
from ledger.query import run_query
from ledger.query_document import event_json

router = epcis_router()
add_options(router, "/events", "GET", "POST")


@router.get("/events", responses=problems(413), response_class=JSONResponse, openapi_extra=query_parameters())
def get_events(
    request: Request, node: NodeDep, per_page: PerPage = DEFAULT_PER_PAGE, page_token: PageToken = None
) -> Response:
    """Events that match all parameters of the EPCIS query language (EPCIS 2.0, section 8.2.7.1), in pages.

    For instance `?EQ_bizStep=shipping|receiving&GE_eventTime=2026-01-01T00:00:00Z&MATCH_anyEPC=...`. The
    header `GS1-Extensions: ex=https://ns.example/` declares the prefixes of extension fields. What is
    captured meanwhile does not move the pages.
    """
    return answer_query(request, node, per_page, page_token)


def answer_query(
    request: Request, node: Node, per_page: int, page_token: str | None, *extra: EventQuery
) -> Response:
    """One page of the events that match the URL's parameters and `extra`."""
    wanted = presentation_of(request)
    pairs = [(n, v) for n, v in request.query_params.multi_items() if n not in PAGING]
    try:
        query = parse_query_string(pairs, extension_prefixes(request)).with_extra(*extra)
        page = run_query(node, query, per_page=per_page, page_token=page_token)
    except Invalid as error:
        raise query_faults(error) from error
    return answer_events(node, page.events, wanted, headers=next_page(request, page.next_token))


@router.post(
    "/events",
    status_code=201,
    response_class=JSONResponse,
    responses=problems(401, 403, 409, 413, 415),
    openapi_extra=documented_body(EXAMPLE_EVENT, JSON, JSON_LD),
)
async def post_event(request: Request, node: NodeDep, key: ApiKeyDep) -> Response:
    """Capture one event, at once: 201 with the event as it is stored, its URL in `Location`.

    The header `Link` with `rel="describedby"` leads to the capture job, which holds the signed receipt.
    409 when the event is already captured.
    """
    media_type = choose_format(request)
    raw, _ = await read_body(request, (JSON, JSON_LD), node.settings.capture_limit_bytes)
    event = await run_in_threadpool(capture_event, node, key, raw)
    headers = {
        "Location": item_url("events", event.identity.event_id),
        "Link": f'<{item_url("capture", event.capture_id)}>; rel="describedby"',
    }
    return JSONResponse(event_json(event), 201, {**VERSIONS, **headers}, media_type=media_type)


add_options(router, "/events/{event_id:path}", "GET")


@router.get("/events/{event_id:path}", responses=problems(404), response_class=JSONResponse)
def get_event(request: Request, event_id: str, node: NodeDep) -> Response:
    """The event with this eventID, and what declared it wrong, as an EPCISQueryDocument.

    The eventID stands percent-encoded in the path. 404 when it is unknown or was erased,
    503 when it is archived.
    """
    wanted = presentation_of(request)
    known = [event for event in node.store.events_by_id(event_id) if event.event_type != RECORD_CHANGE]
    refuse_archived(known)
    events = [event for event in known if event.body is not None]
    if not events:
        raise NotFound(f"no event {event_id} can be read here")
    return answer_events(node, events, wanted)
