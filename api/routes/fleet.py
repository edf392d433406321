"""The live fleet: the page that staff keep open, and what it shows."""

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from api.dependencies import NodeDep, api_key_of
from api.i18n import choose_language, say
from api.i18n.phrases import CONDITIONS, FLAGS, QUANTITIES, TEXTS
from api.pages import render, wants_page
from api.routes.epcis.protocol import problems
from ledger.alarms import alarm_view, list_alarms
from ledger.fleet import FLEET_MAX, fleet_views

router = APIRouter(tags=["carriers"])

_ALARMS_MAX: Final = 50
_PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; "
    "img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
}


@router.get("/fleet", response_class=JSONResponse, responses=problems(401))
def get_fleet(
    request: Request,
    node: NodeDep,
    after: Annotated[str, Query(max_length=2048)] = "",
    limit: Annotated[int, Query(ge=1, le=FLEET_MAX)] = 100,
) -> Response:
    """The carriers of your party as they stand now, in pages, and its newest alarms that nobody acknowledged.

    `next` is the `after` of the next page, empty at the end. A carrier without data is `no_data`, never in
    range; one that is bound to nothing, or without a profile, is `not_watched`.
    """
    if wants_page(request):
        return _page(request)
    key = api_key_of(request, node)
    carriers = fleet_views(node, key, after=after, limit=limit)
    alarms = list_alarms(node, key, is_open=True, limit=_ALARMS_MAX)
    answer: dict[str, Any] = {
        "now_ms": node.clock(),
        "carriers": carriers,
        "next": carriers[-1]["id"] if len(carriers) == limit else "",
        "alarms": [alarm_view(record) for record in alarms],
    }
    return JSONResponse(answer)


def _page(request: Request) -> Response:
    language = choose_language(request)
    tables = {"condition": CONDITIONS, "flag": FLAGS, "quantity": QUANTITIES}
    texts = {key: say(phrase, language) for key, phrase in TEXTS.items() if key.startswith("fleet_")}
    for name, table in tables.items():
        texts |= {f"{name}_{key}": say(phrase, language) for key, phrase in table.items()}
    return render(
        request,
        "fleet.html",
        {"texts": orjson.dumps(texts).decode().replace("<", "\\u003c")},
        headers=_PAGE_HEADERS,
    )
