"""Page tokens: nothing is kept for one, so to release one always succeeds."""

from fastapi.responses import Response

from api.routes.epcis.protocol import VERSIONS, epcis_router, problems

router = epcis_router()


@router.delete(
    "/nextPageToken/{token:path}", status_code=204, response_class=Response, responses=problems(404)
)
def release_token(token: str) -> Response:
    """Give up the following pages. A token holds its whole state itself, so there is nothing to free."""
    return Response(None, 204, VERSIONS)
