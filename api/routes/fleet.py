"""The live fleet: the page that staff keep open, and what it shows."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from api.dependencies import NodeDep, api_key_of
from api.i18n import choose_language
from api.i18n.phrases import CONDITIONS, FLAGS, QUANTITIES
from api.pages import SCRIPT_HEADERS, page_texts, render, wants_page
from api.routes.epcis.protocol import problems
from ledger.alarms import alarm_view, list_alarms
from ledger.fleet import FLEET_MAX, fleet_views

router = APIRouter(tags=["carriers"])

_ALARMS_MAX: Final = 50


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
    tables = {"condition": CONDITIONS, "flag": FLAGS, "quantity": QUANTITIES}
    texts = page_texts(choose_language(request), ("fleet_",), tables)
    return render(request, "fleet.html", {"texts": texts}, headers=SCRIPT_HEADERS)
