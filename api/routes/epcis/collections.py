"""The values that are known here, and the events in which each stands.

/eventTypes, /epcs, /bizSteps, /bizLocations, /readPoints and /dispositions; below each a value, percent-
encoded; below each value its events. A value that a query cannot ask for does not exist (404); one that no
event was captured with has no events.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, get_args

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api.dependencies import NodeDep
from api.routes.epcis.events import answer_query
from api.routes.epcis.protocol import (
    DEFAULT_PER_PAGE,
    VERSIONS,
    PageToken,
    PerPage,
    add_options,
    choose_epc_format,
    choose_format,
    epcis_router,
    extension_prefixes,
    next_page,
    problems,
    query_faults,
)
from ledger.domain.epc_format import to_urn
from ledger.domain.errors import Invalid, NotFound
from ledger.domain.event_fields import Prefixes
from ledger.domain.events import EPCIS_CONTEXT
from ledger.domain.query import EventQuery, parse_query
from ledger.query import Collection, known_values

_PARAMETERS: Final[Mapping[Collection, str]] = {
    "eventTypes": "eventType",
    "epcs": "MATCH_anyEPC",
    "bizSteps": "EQ_bizStep",
    "bizLocations": "EQ_bizLocation",
    "readPoints": "EQ_readPoint",
    "dispositions": "EQ_disposition",
}
"""The query parameter that asks for one value of a collection."""


def answer_collection(
    request: Request,
    members: Iterable[str],
    prefixes: Prefixes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A Collection; members in a namespace of `prefixes` are written with the prefix."""
    media_type = choose_format(request)
    context: Any = [EPCIS_CONTEXT, dict(prefixes)] if prefixes else EPCIS_CONTEXT
    written = [_shorten(member, prefixes or {}) for member in members]
    document = {"@context": context, "type": "Collection", "member": written}
    return JSONResponse(document, media_type=media_type, headers={**VERSIONS, **(headers or {})})


def _shorten(value: str, prefixes: Prefixes) -> str:
    for prefix, namespace in prefixes.items():
        if value.startswith(namespace):
            return f"{prefix}:{value.removeprefix(namespace)}"
    return value


def _query_for(collection: Collection, value: str, request: Request) -> EventQuery:
    try:
        return parse_query({_PARAMETERS[collection]: [value]}, extension_prefixes(request))
    except Invalid as error:
        raise NotFound(f"{value[:200]!r} cannot be one of {collection}: {error}") from error


def _add_collection(router: APIRouter, collection: Collection) -> None:
    top, value_path = f"/{collection}", f"/{collection}/{{value:path}}"
    # The longest path first: a value may hold any character.
    for path, endpoint, summary, statuses in (
        (f"{value_path}/events", _get_events(collection), f"Events of one of {collection}", (404, 413)),
        (top, _get_values(collection), f"The known {collection}", ()),
        (value_path, _get_value(collection), f"What is below one of {collection}", (404,)),
    ):
        add_options(router, path, "GET")
        router.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            name=f"get{path}",
            summary=summary,
            response_class=JSONResponse,
            responses=problems(*statuses),
        )


def _get_values(collection: Collection) -> Callable[..., Response]:
    def get_values(
        request: Request,
        node: NodeDep,
        per_page: PerPage = DEFAULT_PER_PAGE,
        page_token: PageToken = None,
    ) -> Response:
        """Standard words, and what events were captured with; in pages."""
        prefixes, epc_format = extension_prefixes(request), choose_epc_format(request)
        try:
            page = known_values(node, collection, per_page=per_page, page_token=page_token)
        except Invalid as error:
            raise query_faults(error) from error
        values: Iterable[str] = page.values
        if epc_format == "Always_EPC_URN":
            values = [to_urn(value, node.prefixes.company_prefix_length) for value in values]
        return answer_collection(request, values, prefixes, next_page(request, page.next_token))

    return get_values


def _get_value(collection: Collection) -> Callable[..., Response]:
    def get_value(request: Request, value: str) -> Response:
        """The sub-resources. 404 for a value that cannot be."""
        _query_for(collection, value, request)
        return answer_collection(request, ("events",))

    return get_value


def _get_events(collection: Collection) -> Callable[..., Response]:
    def get_events(
        request: Request,
        node: NodeDep,
        value: str,
        per_page: PerPage = DEFAULT_PER_PAGE,
        page_token: PageToken = None,
    ) -> Response:
        """In pages; filtered further by the parameters of `GET /epcis/events`."""
        of_value = _query_for(collection, value, request)
        return answer_query(request, node, per_page, page_token, of_value)

    return get_events


router = epcis_router()
for name in get_args(Collection):
    _add_collection(router, name)
