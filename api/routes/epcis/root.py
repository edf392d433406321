"""The entrance: what there is."""

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from api.routes.epcis.collections import answer_collection
from api.routes.epcis.protocol import add_options, epcis_router, problems

TOP_LEVEL = (
    "capture",
    "events",
    "eventTypes",
    "epcs",
    "bizSteps",
    "bizLocations",
    "readPoints",
    "dispositions",
    "queries",
)

router = epcis_router()
add_options(router, "/", "GET")


@router.get("/", responses=problems(), response_class=JSONResponse)
def get_top_level(request: Request) -> Response:
    """The top-level resources."""
    return answer_collection(request, TOP_LEVEL)
