"""Readings of carriers: signed messages in, readings out."""

from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from pydantic import BaseModel, Field

from api.dependencies import ApiKeyDep, Id, NodeDep
from api.i18n import choose_language
from api.media_types import JSON
from api.routes.epcis.bodies import read_body
from api.routes.epcis.protocol import problems
from api.shipment_view import shipment_view
from ledger.domain.cold_chain.curve import COLUMNS_MAX
from ledger.domain.cold_chain.reading import from_milli
from ledger.domain.decision import parse_decision
from ledger.domain.telemetry import MESSAGE_BYTES_MAX, MESSAGES_MAX, read_messages
from ledger.export import RecordFormat, export_record, write_record
from ledger.logger_import import FILE_BYTES_MAX, import_file, list_imports
from ledger.ports import ToldReading
from ledger.report import temperature_report
from ledger.seals import list_seals, prove_reading, sealed_messages
from ledger.shipment import look_up_shipment, record_decision
from ledger.telemetry import check_not_all_refused, list_readings, take_messages

router = APIRouter(
    tags=["carriers"],
    responses={401: {"description": "No known API key."}},
)
_BYTES: Final = "application/octet-stream"
_CSV: Final = "text/csv"
_PDF: Final = "application/pdf"
_BODY_MAX: Final = MESSAGES_MAX * MESSAGE_BYTES_MAX
_TIME_MS_MAX: Final = 2**53
_NOT_YOURS: Final[dict[int | str, dict[str, Any]]] = {404: {"description": "Your party has no such carrier."}}


@router.post(
    "/telemetry",
    responses={403: {"description": "All messages were refused."}, 413: {"description": "Too many bytes."}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {_BYTES: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def post_telemetry(request: Request, node: NodeDep, _key: ApiKeyDep) -> dict[str, Any]:
    """Signed messages of carriers (see ledger/FORMATS.md), one behind another, at most 1,000.

    They are durable when the answer comes; sent again they count once. 400 when bytes are no message: then
    none was taken. Any party may bring them: what counts is the carrier's signature.
    """
    raw, _ = await read_body(request, (_BYTES,), _BODY_MAX)
    taken = await run_in_threadpool(lambda: take_messages(node, read_messages(raw)))
    check_not_all_refused(taken)
    refused = [{"pointer": problem.pointer, "message": problem.message} for problem in taken.refused]
    return {"accepted": taken.accepted, "repeated": taken.repeated, "refused": refused}


@router.get("/telemetry", responses=_NOT_YOURS)
def get_readings(
    node: NodeDep,
    key: ApiKeyDep,
    text: Id,
    from_ms: Annotated[int, Query(ge=0, le=_TIME_MS_MAX)],
    to_ms: Annotated[int, Query(ge=0, le=_TIME_MS_MAX)],
) -> list[dict[str, Any]]:
    """The readings of one carrier from `from_ms` to before `to_ms`, in order of time, the first 10,000.

    `imported_by`: a party took it in from a logger file. All others the carrier signed.
    """
    return [_view(told) for told in list_readings(node, key, text, from_ms, to_ms)]


def _view(told: ToldReading) -> dict[str, Any]:
    reading = told.reading
    view = {"at_ms": reading.at_ms, "quantity": reading.quantity, "value": float(from_milli(reading.milli))}
    return view | ({"imported_by": told.imported_by} if told.imported_by else {})


@router.post(
    "/telemetry/imports",
    responses=_NOT_YOURS | {413: {"description": "Too many bytes."}},
    openapi_extra={
        "requestBody": {"required": True, "content": {_CSV: {"schema": {"type": "string"}}}},
    },
)
async def post_import(
    request: Request,
    node: NodeDep,
    key: ApiKeyDep,
    text: Id,
    mapping: Annotated[str, Query(max_length=100)],
    offset: Annotated[str, Query(max_length=10)] = "",
    file: Annotated[str, Query(max_length=300)] = "",
    dry_run: bool = False,
) -> dict[str, Any]:
    """A logger file (CSV, UTF-8) for a carrier of your party, read by a mapping.

    `offset` is that of the logger's clock, such as +08:00. All of its readings are taken in, or none, with
    a problem for each line at fault. The device did not sign them: they are shown as imported by your party.
    With `dry_run` nothing is kept.
    """
    raw, _ = await read_body(request, (_CSV,), FILE_BYTES_MAX)
    options: dict[str, Any] = {"file_name": file, "offset": offset, "dry_run": dry_run}
    imported = await run_in_threadpool(lambda: import_file(node, key, text, raw, mapping, **options))
    return {"added": imported.added, "repeated": imported.repeated, "dry_run": dry_run}


@router.get("/telemetry/imports", responses=_NOT_YOURS)
def get_imports(node: NodeDep, key: ApiKeyDep, text: Id) -> list[dict[str, Any]]:
    """The logger files that were imported for a carrier, the newest first."""
    return [dict(imported) for imported in list_imports(node, key, text)]


@router.get("/telemetry/curve")
def get_curve(
    request: Request,
    node: NodeDep,
    _key: ApiKeyDep,
    text: Id,
    from_ms: Annotated[int | None, Query(ge=0, le=_TIME_MS_MAX)] = None,
    to_ms: Annotated[int | None, Query(ge=0, le=_TIME_MS_MAX)] = None,
    columns: Annotated[int, Query(ge=1, le=COLUMNS_MAX)] = 800,
) -> Response:
    """What carriers measured of an item on its way, and who had it: for each leg the curve as it looks on so
    many columns, its figures, times without data, excursions; and the steps at places, in order.

    Any party may ask for an item that it can name, and gets readings of the time only in which the item was
    with the carrier. Without `from_ms` and `to_ms` all legs are shown; figures are of the time that is shown.
    `complete` is false when a limit cut something off.
    """
    shipment = look_up_shipment(node, text, from_ms, to_ms, columns)
    view = shipment_view(node, shipment, choose_language(request))
    return Response(orjson.dumps(view), media_type=JSON, headers={"Cache-Control": "no-store"})


@router.get("/telemetry/report", response_class=Response, responses={200: {"content": {_PDF: {}}}})
def get_report(request: Request, node: NodeDep, _key: ApiKeyDep, text: Id) -> Response:
    """The temperature report of an item on A4, in Chinese or English as `lang` or Accept-Language asks.

    For whoever may see the curve; with profile, figures, curve, excursions, custody, decision and seals.
    """
    report = temperature_report(node, text, choose_language(request))
    disposition = 'inline; filename="temperature-report.pdf"'
    headers = {"Cache-Control": "no-store", "Content-Disposition": disposition}
    return Response(report, media_type=_PDF, headers=headers)


@router.get(
    "/telemetry/export",
    response_class=Response,
    responses={200: {"content": {JSON: {}, _CSV: {}}}, 404: {"description": "No such record profile."}},
)
def get_export(
    node: NodeDep,
    _key: ApiKeyDep,
    text: Id,
    profile: Annotated[str, Query(max_length=100)],
    form: Annotated[RecordFormat, Query(alias="format")] = "json",
) -> Response:
    """A record of an item in the fields of a profile: `cn-imported-cold-chain-food` or `en-12830-gdp`.

    For whoever may see the curve. Nothing is made up: `missing` names what is required and not known, and
    where it would come from.
    """
    record = write_record(export_record(node, text, profile), form)
    media_type = JSON if form == "json" else _CSV
    return Response(record, media_type=media_type, headers={"Cache-Control": "no-store"})


class Decided(BaseModel):
    id: Annotated[str, Field(max_length=2048)]
    decision: Annotated[str, Field(max_length=20)]
    reason: Annotated[str, Field(max_length=2000)]
    name: Annotated[str, Field(max_length=2000)]
    place: Annotated[str, Field(max_length=2048)] = ""
    event_id: Annotated[str, Field(alias="eventID", max_length=200)] = ""


@router.post("/telemetry/decisions", status_code=201, responses=problems(401, 409))
def post_decision(node: NodeDep, key: ApiKeyDep, decided: Decided) -> dict[str, str]:
    """A receiver's decision about an item: `accept` or `reject`, with reason and name, and perhaps the place.

    It is captured as an event (accepting, conformant; or inspecting, non_conformant) and stands in the item's
    history. Sent again with the same `eventID` (urn:uuid:...) it is recorded once.
    """
    decision = parse_decision(decided.decision, decided.reason, decided.name)
    event_id = record_decision(node, key, decided.id, decision, decided.place, decided.event_id)
    return {"eventID": event_id}


@router.get("/telemetry/seals", responses=_NOT_YOURS)
def get_seals(node: NodeDep, key: ApiKeyDep, text: Id) -> list[dict[str, Any]]:
    """What commits to the carrier's messages in the log, the newest first.

    `intact`: they are all there; null: they were removed by policy, since `withheld_ms`.
    """
    return [dict(seal) for seal in list_seals(node, key, text)]


@router.get("/telemetry/raw", responses=_NOT_YOURS)
def get_raw(node: NodeDep, key: ApiKeyDep, text: Id, seal: Annotated[str, Query(max_length=100)]) -> Response:
    """The messages of a seal as the carrier signed them, one behind another."""
    return Response(sealed_messages(node, key, text, seal), media_type=_BYTES)


@router.get("/telemetry/proof", responses=_NOT_YOURS)
def get_message_proof(
    node: NodeDep, key: ApiKeyDep, text: Id, number: Annotated[int, Query(ge=0, le=_TIME_MS_MAX)]
) -> dict[str, Any]:
    """The message `number`, and its path to the root in the event `eventID` (see ledger/FORMATS.md)."""
    return dict(prove_reading(node, key, text, number))
