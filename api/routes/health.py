"""For those who run the node: is it alive, is it ready, how far is it."""

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from api.dependencies import NodeDep, api_key_of
from ledger.ports import AnchorState
from ledger.resolution_counts import resolution_metrics

router = APIRouter(tags=["operation"])


@router.get("/healthz")
def get_health() -> dict[str, str]:
    """200 while the process answers."""
    return {"status": "ok"}


@router.get("/readyz")
def get_readiness(node: NodeDep) -> dict[str, str | int]:
    """200 while events can be captured: the store answers. The chain may be away; anchors then wait."""
    return {"status": "ok", "logSize": node.store.log_size()}


@router.get("/metrics", response_class=PlainTextResponse)
def get_metrics(request: Request, node: NodeDep) -> str:
    """Prometheus text: log size, anchored size, number of anchors, age of the newest, resolutions since ever.

    With an admin's API key, resolutions by prefix too. Each API process adds its own every few seconds.
    """
    is_admin = "authorization" in request.headers and api_key_of(request, node).role == "admin"
    record = node.store.newest_anchor(AnchorState.FINAL)
    size = node.store.log_size()
    lines = [
        *_metric("suyuan_events_captured_total", "counter", "Events in the log.", size),
        *_metric(
            "suyuan_events_anchored_total",
            "counter",
            "Events covered by a final anchor.",
            record.anchor.size if record else 0,
        ),
        *_metric(
            "suyuan_anchors_final_total", "counter", "Final anchors.", record.anchor.number if record else 0
        ),
    ]
    if record:
        age = (node.clock() - record.prepared_ms) / 1000
        lines += _metric(
            "suyuan_newest_anchor_age_seconds", "gauge", "Since the newest final anchor was prepared.", age
        )
    lines += resolution_metrics(node, by_prefix=is_admin)
    return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, help_text: str, value: float) -> tuple[str, str, str]:
    return f"# HELP {name} {help_text}", f"# TYPE {name} {kind}", f"{name} {value}"
