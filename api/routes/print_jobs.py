"""Print jobs: order labels, see how far they are, pause, resume, cancel, confirm, reprint."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, cast

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from api.dependencies import ApiKeyDep, NodeDep
from api.media_types import JSON
from api.routes.epcis.bodies import documented_body, read_json
from api.routes.epcis.protocol import problems
from api.times import time_of
from ledger.domain.canonical_json import JsonValue
from ledger.domain.errors import Invalid, Problem
from ledger.domain.print_job import PrintJob
from ledger.label import DEFAULT_TEMPLATE
from ledger.printing import (
    DEFAULT_DPI,
    SSCC_TEMPLATE,
    PrintOrder,
    SsccOrder,
    cancel_job,
    confirm_job,
    create_job,
    create_sscc_job,
    find_job,
    list_jobs,
    pause_job,
    reprint_job,
    resume_job,
)

router = APIRouter(prefix="/labels/jobs", tags=["labels"])

_ORDER_EXAMPLE: Final = {
    "gtin": "09506000134352",
    "firstSerial": "SN00000001",
    "count": 10_000,
    "printer": "dock",
    "template": DEFAULT_TEMPLATE,
    "dpi": DEFAULT_DPI,
    "fields": {"lot": "L20261115A", "expiry": "2027-12-31"},
}
_SSCC_EXAMPLE: Final = {
    "companyPrefix": "09506000",
    "count": 100,
    "printer": "dock",
    "firstReference": "000000001",
    "template": SSCC_TEMPLATE,
    "dpi": DEFAULT_DPI,
    "fields": {"lot": "L20261115A", "content": "09506000134352", "count": "24"},
}
_REPRINT_EXAMPLE: Final = {"reason": "torn by the applicator", "firstSerial": "SN00000007", "count": 2}
_Change = problems(401, 403, 404, 409)


@router.post(
    "",
    status_code=201,
    response_class=JSONResponse,
    responses=problems(401, 403, 404, 409, 413, 415),
    openapi_extra=documented_body(_ORDER_EXAMPLE, JSON),
)
async def post_job(request: Request, node: NodeDep, key: ApiKeyDep) -> Response:
    """Order `count` labels (100,000 at most) for a GTIN, with serials from `firstSerial` on.

    `printer` is one that the operator named; `template`, `dpi` and `fields` may be left out. Each serial is
    commissioned by your party when it is on paper. 409 when a job has some of the serials already.
    """
    body = _members(
        await read_json(request, (JSON,)), _ORDER_EXAMPLE, ("gtin", "firstSerial", "count", "printer")
    )
    order = PrintOrder(
        gtin=body["gtin"],
        first_serial=body["firstSerial"],
        count=body["count"],
        printer=body["printer"],
        template=body.get("template", DEFAULT_TEMPLATE),
        dpi=body.get("dpi", DEFAULT_DPI),
        fields=body.get("fields", {}),
    )
    job = await run_in_threadpool(create_job, node, key, order)
    return JSONResponse(job_json(job), 201, {"Location": f"/labels/jobs/{job.job_id}"})


@router.post(
    "/sscc",
    status_code=201,
    response_class=JSONResponse,
    responses=problems(401, 403, 404, 409, 413, 415),
    openapi_extra=documented_body(_SSCC_EXAMPLE, JSON),
)
async def post_sscc_job(request: Request, node: NodeDep, key: ApiKeyDep) -> Response:
    """Order `count` labels (100,000 at most) with SSCCs that no print job has yet.

    `companyPrefix` is the extension digit and your GS1 company prefix. The serial references are given one
    after another, from `firstReference` on, which may be left out as `template`, `dpi` and `fields` may.
    """
    body = _members(await read_json(request, (JSON,)), _SSCC_EXAMPLE, ("companyPrefix", "count", "printer"))
    order = SsccOrder(
        stem=body["companyPrefix"],
        count=body["count"],
        printer=body["printer"],
        first=body.get("firstReference", ""),
        template=body.get("template", SSCC_TEMPLATE),
        dpi=body.get("dpi", DEFAULT_DPI),
        fields=body.get("fields", {}),
    )
    job = await run_in_threadpool(create_sscc_job, node, key, order)
    return JSONResponse(job_json(job), 201, {"Location": f"/labels/jobs/{job.job_id}"})


@router.get("", response_class=JSONResponse, responses=problems(401))
def get_jobs(
    node: NodeDep,
    key: ApiKeyDep,
    after: Annotated[str, Query(max_length=40)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """The print jobs of your party, the newest first, behind the job `after`."""
    return JSONResponse({"jobs": [job_json(job) for job in list_jobs(node, key, after=after, limit=limit)]})


@router.get("/{job_id}", response_class=JSONResponse, responses=problems(401, 404))
def get_job(job_id: str, node: NodeDep, key: ApiKeyDep) -> Response:
    """How far a print job is, and what is in its way."""
    return JSONResponse(job_json(find_job(node, key, job_id)))


@router.post("/{job_id}/pause", response_class=JSONResponse, responses=_Change)
def post_pause(job_id: str, node: NodeDep, key: ApiKeyDep) -> Response:
    """Begin no further chunk of labels; the one in hand is ended and recorded."""
    return JSONResponse(job_json(pause_job(node, key, job_id)))


@router.post("/{job_id}/resume", response_class=JSONResponse, responses=_Change)
def post_resume(job_id: str, node: NodeDep, key: ApiKeyDep) -> Response:
    """Go on at once, in the name of this API key."""
    return JSONResponse(job_json(resume_job(node, key, job_id)))


@router.post("/{job_id}/cancel", response_class=JSONResponse, responses=_Change)
def post_cancel(job_id: str, node: NodeDep, key: ApiKeyDep) -> Response:
    """Print no more of the job. Its serials stay taken."""
    return JSONResponse(job_json(cancel_job(node, key, job_id)))


@router.post("/{job_id}/confirm", response_class=JSONResponse, responses=_Change)
def post_confirm(job_id: str, node: NodeDep, key: ApiKeyDep) -> Response:
    """You looked: all labels of the chunk in doubt are on paper. They are recorded, and the job goes on."""
    return JSONResponse(job_json(confirm_job(node, key, job_id)))


@router.post(
    "/{job_id}/reprint",
    response_class=JSONResponse,
    responses=problems(401, 403, 404, 409, 413, 415),
    openapi_extra=documented_body(_REPRINT_EXAMPLE, JSON),
)
async def post_reprint(request: Request, job_id: str, node: NodeDep, key: ApiKeyDep) -> Response:
    """Print again, and record the `reason`: the chunk in doubt; or with `firstSerial` and `count`, as a new
    job, labels that are on paper."""
    body = _members(await read_json(request, (JSON,)), _REPRINT_EXAMPLE, ("reason",))
    job = await run_in_threadpool(
        reprint_job, node, key, job_id, body["reason"], body.get("firstSerial", ""), body.get("count", 1)
    )
    return JSONResponse(job_json(job))


def job_json(job: PrintJob) -> dict[str, Any]:
    """A print job as the interface shows it."""
    serials = job.serials
    in_hand = [job.number(job.start), job.number(job.position - 1)] if job.position > job.start else None
    return {
        "jobID": job.job_id,
        "state": job.shown_state,
        "problem": job.problem,
        "printed": job.start,
        "count": serials.total,
        "inHand": in_hand,
        "quality": round(job.quality, 3) if job.start else None,
        "gtin": job.gtin or None,
        "firstSerial": job.number(0),
        "lastSerial": job.number(serials.total - 1),
        "printer": job.printer,
        "template": job.template,
        "dpi": job.dpi,
        "reprintOf": job.reprint_of or None,
        "reason": job.reason or None,
        "createdAt": time_of(job.created_ms).isoformat(),
    }


def _members(body: JsonValue, example: Mapping[str, Any], needed: tuple[str, ...]) -> dict[str, Any]:
    """The members of a body, of the types that they have in the example. Raises Invalid naming all faults."""
    if not isinstance(body, dict):
        raise Invalid(f"should be an object with {', '.join(needed)}")
    faults = [Problem(f"/{name}", "is missing") for name in needed if name not in body]
    for name, value in body.items():
        if name not in example:
            faults.append(Problem(f"/{name}", f"is no member here; there are {', '.join(example)}"))
        elif not _is_like(value, example[name]):
            faults.append(Problem(f"/{name}", f"should be like {example[name]!r}"))
    if faults:
        raise Invalid(f"{len(faults)} problems: {faults[0]}", faults)
    return cast(dict[str, Any], body)


def _is_like(value: JsonValue, example: Any) -> bool:
    if isinstance(example, dict):
        return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
    return type(value) is type(example)
