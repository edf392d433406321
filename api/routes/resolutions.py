"""How often identifiers are resolved: for programs at /resolution/statistics, for people at /resolution."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.dependencies import ApiKeyDep, NodeDep
from api.i18n import choose_language
from api.i18n.phrases import SCHEMES
from api.pages import SCRIPT_HEADERS, page_texts, render
from api.routes.epcis.protocol import problems
from api.times import time_of
from ledger.domain.errors import Invalid
from ledger.domain.resolution_counts import BOUNDS_US, Tally
from ledger.resolution_counts import ResolutionCounter, resolution_statistics

router = APIRouter(prefix="/resolution", tags=["resolver"])

_DAY_S: Final = 24 * 3600


@router.get("/statistics", responses=problems(401))
def get_statistics(
    request: Request,
    node: NodeDep,
    key: ApiKeyDep,
    since: Annotated[datetime | None, Query(alias="from")] = None,
    until: datetime | None = None,
    days: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> dict[str, Any]:
    """How often, how and how fast identifiers of your prefixes, and of those below them, were resolved.

    By whole hours with from <= time < until; without `until` up to now, without `from` the `days` before. An
    admin sees all prefixes. Other API processes add what they counted every few seconds. Latencies are upper
    bounds of classes, in milliseconds; null stands for more than all of them.
    """
    counter: ResolutionCounter = request.app.state.resolution_counter
    counter.save()
    stop = _seconds(until) if until else node.clock() // 1000 + 1
    start = _seconds(since) if since else stop - days * _DAY_S
    found = resolution_statistics(node, key, start, stop)
    return {
        "from": time_of(found.start_s * 1000),
        "until": time_of(found.stop_s * 1000),
        "total": _told(found.total),
        "rows": [{**counted._asdict(), **_told(tally)} for counted, tally in found.rows],
        "rowsLeftOut": found.rows_left_out,
        "hours": [{"time": time_of(hour_s * 1000), "count": count} for hour_s, count in found.hours],
    }


def _seconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise Invalid("write times with their offset, as 2026-11-29T08:00:00Z")
    return int(moment.astimezone(UTC).timestamp())


def _told(tally: Tally) -> dict[str, Any]:
    mean = tally.total_us / tally.count / 1000 if tally.count else None
    shares = {f"p{share}": tally.bound_us(share / 100) for share in (50, 95, 99)}
    bounds = [*(bound / 1000 for bound in BOUNDS_US), None]
    return {
        "count": tally.count,
        "meanMs": round(mean, 3) if mean is not None else None,
        **{f"{name}Ms": bound / 1000 if bound else None for name, bound in shares.items()},
        "latency": [
            {"ms": bound, "count": number}
            for bound, number in zip(bounds, tally.classes, strict=True)
            if number
        ],
    }


@router.get("", include_in_schema=False)
def get_page(request: Request) -> Response:
    """The statistics for people, who give their API key on the page."""
    texts = page_texts(choose_language(request), ("resolution_",), {"scheme": SCHEMES})
    return render(request, "resolution.html", {"texts": texts}, headers=SCRIPT_HEADERS)
