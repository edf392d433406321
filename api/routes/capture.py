"""EPCIS 2.0 capture: POST a document, read the job (sections 12.6 and 14.8)."""

import json
from typing import Any, Final, Literal, cast

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from api.dependencies import ApiKeyDep, NodeDep
from api.errors import TooLarge, UnsupportedMediaType
from api.times import time_of
from ledger.capture import capture
from ledger.config import Settings
from ledger.domain.errors import Invalid, NotFound
from ledger.domain.events import format_time
from ledger.ports import ApiKey, CaptureJob

router = APIRouter(prefix="/epcis", tags=["EPCIS"])

_MEDIA_TYPES: Final = ("application/json", "application/ld+json")
_BEHAVIOURS: Final = ("rollback", "proceed")


@router.post("/capture", status_code=202)
async def post_capture(request: Request, node: NodeDep, key: ApiKeyDep) -> Response:
    """Capture the events of an EPCISDocument, of a list of events, or of one event.

    202 with the finished capture job and its signed receipt: the events are durable, and will be anchored.
    With header `GS1-Capture-Error-Behaviour: rollback` (the default) a document with any fault is refused
    as a whole, with every fault listed; with `proceed` its good events are captured and the job lists the
    faults.
    """
    behaviour = _read_behaviour(request)
    _require_json(request)
    raw = await _read_body(request, node.settings.capture_limit_bytes)
    job = await run_in_threadpool(capture, node, key, raw, behaviour)
    location = {"Location": f"/epcis/capture/{job.capture_id}"}
    return JSONResponse(_job_json(job), 202, {**_limits(node.settings), **location})


@router.options("/capture")
def capture_options(node: NodeDep) -> Response:
    """The limits of this node in `GS1-EPCIS-Capture-Limit` (events) and `...-File-Size-Limit` (bytes)."""
    return Response(status_code=204, headers={**_limits(node.settings), "Allow": "OPTIONS, POST"})


@router.get("/capture/{capture_id}")
def get_capture_job(capture_id: str, node: NodeDep, key: ApiKeyDep) -> Response:
    """A capture job of your own party, with its receipt."""
    job = node.store.job(capture_id)
    if job is None or not _may_read(key, job):
        raise NotFound(f"your party has no capture job {capture_id}")
    return JSONResponse(_job_json(job))


def _may_read(key: ApiKey, job: CaptureJob) -> bool:
    return key.role == "admin" or key.party_id == job.party_id


def _read_behaviour(request: Request) -> Literal["rollback", "proceed"]:
    behaviour = request.headers.get("gs1-capture-error-behaviour", "rollback").lower()
    if behaviour not in _BEHAVIOURS:
        raise Invalid(f"GS1-Capture-Error-Behaviour is {behaviour!r}, should be rollback or proceed")
    return cast(Literal["rollback", "proceed"], behaviour)


def _require_json(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        raise UnsupportedMediaType(
            f"Content-Type is {media_type or 'missing'}: send the document as {' or '.join(_MEDIA_TYPES)}"
        )


async def _read_body(request: Request, limit: int) -> bytes:
    """The body; TooLarge as soon as more than `limit` bytes arrived, whatever its length claimed to be."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"the body is larger than {limit} bytes: split the document")
    return bytes(body)


def _limits(settings: Settings) -> dict[str, str]:
    return {
        "GS1-EPCIS-Version": "2.0.0",
        "GS1-CBV-Version": "2.0.0",
        "GS1-EPCIS-Capture-Limit": str(settings.capture_limit_events),
        "GS1-EPCIS-Capture-File-Size-Limit": str(settings.capture_limit_bytes),
    }


def _job_json(job: CaptureJob) -> dict[str, Any]:
    return {
        "captureID": job.capture_id,
        "createdAt": format_time(time_of(job.created_ms)),
        "finishedAt": format_time(time_of(job.finished_ms)),
        "running": False,
        "success": job.success,
        "captureErrorBehaviour": job.error_behaviour,
        "errors": [_error_json(error) for error in json.loads(job.errors)],
        "receipt": job.receipt,
    }


def _error_json(error: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "epcisException:ValidationException",
        "title": "Bad Request",
        "status": 400,
        "detail": error["message"],
        "pointer": error["pointer"],
    }
