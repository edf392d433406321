"""Capture: POST a document, list and read the jobs (EPCIS 2.0, sections 12.6 and 14.8)."""

from typing import Annotated, Any, Final, cast

import orjson
from fastapi import Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from api.dependencies import ApiKeyDep, NodeDep
from api.media_types import JSON, JSON_LD, TEXT_XML, XML, is_xml
from api.routes.epcis.bodies import EXAMPLE_EVENT, documented_body, read_body
from api.routes.epcis.protocol import (
    DEFAULT_PER_PAGE,
    VERSIONS,
    PageToken,
    PerPage,
    add_options,
    answer_list,
    choose_format,
    epcis_router,
    item_url,
    problems,
)
from api.times import time_of
from ledger.capture import ErrorBehaviour, capture
from ledger.config import Settings
from ledger.domain.errors import Invalid, NotFound
from ledger.domain.events import EPCIS_CONTEXT, format_time
from ledger.ports import ApiKey, CaptureJob
from ledger.xml import write_capture_job

_FORMATS: Final = (JSON, JSON_LD, XML, TEXT_XML)
_EXAMPLE: Final = {
    "@context": EPCIS_CONTEXT,
    "type": "EPCISDocument",
    "schemaVersion": "2.0",
    "creationDate": "2026-11-02T08:00:00.000Z",
    "epcisBody": {"eventList": [EXAMPLE_EVENT]},
}
_BEHAVIOURS: Final = ("rollback", "proceed")

router = epcis_router()


def _limits(settings: Settings) -> dict[str, str]:
    return {
        "GS1-EPCIS-Capture-Limit": str(settings.capture_limit_events),
        "GS1-EPCIS-Capture-File-Size-Limit": str(settings.capture_limit_bytes),
        "GS1-Capture-Error-Behaviour": "all",
    }


add_options(router, "/capture", "GET", "POST", headers_of=_limits)


@router.post(
    "/capture",
    status_code=202,
    response_class=JSONResponse,
    responses=problems(401, 403, 409, 413, 415),
    openapi_extra=documented_body(_EXAMPLE, *_FORMATS),
)
async def post_capture(
    request: Request,
    node: NodeDep,
    key: ApiKeyDep,
    behaviour: Annotated[str, Header(alias="GS1-Capture-Error-Behaviour")] = "rollback",
) -> Response:
    """Capture the events of an EPCISDocument, of a list of events, or of one event.

    202 with the finished capture job and its signed receipt: the events are durable, and will be anchored.
    With header `GS1-Capture-Error-Behaviour: rollback` (the default) a document with any fault is refused
    as a whole, with every fault listed; with `proceed` its good events are captured and the job lists the
    faults.
    """
    media_type = choose_format(request, *_FORMATS)
    raw, _ = await read_body(request, _FORMATS, node.settings.capture_limit_bytes)
    job = await run_in_threadpool(capture, node, key, raw, _error_behaviour(behaviour))
    headers = {**_limits(node.settings), "Location": item_url("capture", job.capture_id)}
    return _answer_job(job, media_type, 202, headers)


@router.get("/capture", response_class=JSONResponse, responses=problems(401))
def get_capture_jobs(
    request: Request,
    node: NodeDep,
    key: ApiKeyDep,
    per_page: PerPage = DEFAULT_PER_PAGE,
    page_token: PageToken = None,
) -> Response:
    """The capture jobs of your own party, the newest first."""
    party_id = None if key.role == "admin" else key.party_id
    return answer_list(
        request,
        per_page,
        page_token,
        lambda after, limit: node.store.jobs(party_id=party_id, after=after, limit=limit),
        lambda job: job.capture_id,
        _job_json,
    )


add_options(router, "/capture/{capture_id}", "GET")


@router.get("/capture/{capture_id}", response_class=JSONResponse, responses=problems(401, 404))
def get_capture_job(request: Request, capture_id: str, node: NodeDep, key: ApiKeyDep) -> Response:
    """A capture job of your own party, with its receipt."""
    media_type = choose_format(request, *_FORMATS)
    job = node.store.job(capture_id)
    if job is None or not _may_read(key, job):
        raise NotFound(f"your party has no capture job {capture_id}")
    return _answer_job(job, media_type, 200, {})


def _may_read(key: ApiKey, job: CaptureJob) -> bool:
    return key.role == "admin" or key.party_id == job.party_id


def _error_behaviour(text: str) -> ErrorBehaviour:
    if text.lower() not in _BEHAVIOURS:
        raise Invalid(f"GS1-Capture-Error-Behaviour is {text[:40]!r}, should be rollback or proceed")
    return cast(ErrorBehaviour, text.lower())


def _answer_job(job: CaptureJob, media_type: str, status: int, headers: dict[str, str]) -> Response:
    headers = {**VERSIONS, **headers}
    if is_xml(media_type):
        return Response(write_capture_job(_job_json(job)), status, headers, media_type)
    return JSONResponse(_job_json(job), status, headers, media_type)


def _job_json(job: CaptureJob) -> dict[str, Any]:
    found = orjson.loads(job.errors)
    return {
        "captureID": job.capture_id,
        "createdAt": format_time(time_of(job.created_ms)),
        "finishedAt": format_time(time_of(job.finished_ms)),
        "running": False,
        "success": job.success,
        "captureErrorBehaviour": job.error_behaviour,
        "errors": [_error_json(entry) for entry in found if "warning" not in entry],
        "warnings": [entry for entry in found if "warning" in entry],
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
