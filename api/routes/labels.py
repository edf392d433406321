"""Labels to print."""

from io import BytesIO
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response

from api.dependencies import ApiKeyDep, Id, NodeDep, api_key_of
from api.times import time_of
from labels import MEDIA_TYPES, Format, find_template, layout, prepare_print, write_labels
from ledger.authenticity import label_keys
from ledger.domain.authenticity import write_keys
from ledger.domain.errors import Invalid
from ledger.domain.keys import Algorithm
from ledger.domain.label_scans import LabelScan, parse_place
from ledger.domain.scan import normalise_scan
from ledger.label import DEFAULT_TEMPLATE, item_label, parse_fields, sign_label
from ledger.label_scans import alerts_for, record_scan

router = APIRouter(tags=["labels"])


@router.get("/labels", response_class=Response)
def get_label(
    request: Request,
    node: NodeDep,
    text: Id,
    template: Annotated[str, Query(max_length=80)] = DEFAULT_TEMPLATE,
    file_format: Annotated[Format, Query(alias="format")] = "svg",
    dpi: int = 300,
    data: Annotated[list[str], Query(max_length=60)] = [],  # noqa: B006 (FastAPI copies it)
    sign: bool = False,
    algorithm: Algorithm = "Ed25519",
) -> Response:
    """The label of an item, its symbols read back before it is sent.

    `template` comes with Suyuan or lies in the node's folder `templates`; `dpi` (203, 300 or 600) is the
    printer's; `data` is a field, `importer=Haiwei Co.`, and may be repeated. `sign` signs the Digital Link
    for the party of the API key, which must speak for the identifier, with its key of the `algorithm`. 400
    when something does not fit, with the box and why; 404 when there is no such template.
    """
    content = item_label(node, text, parse_fields(data))
    if sign:
        content = sign_label(node, content, api_key_of(request, node).party_id, algorithm)
    page = layout(find_template(template, node.settings.templates_path), content)
    out = BytesIO()
    write_labels([prepare_print(page, dpi)], out, file_format)
    return Response(out.getvalue(), media_type=MEDIA_TYPES[file_format])


@router.get("/labels/keys", response_class=Response)
def get_label_keys(node: NodeDep) -> Response:
    """The public keys that sign labels here, for checking signatures offline."""
    return Response(write_keys(label_keys(node)), media_type="application/json")


@router.get("/labels/alerts")
def get_alerts(
    node: NodeDep, key: ApiKeyDep, after: Annotated[str, Query(max_length=2048)] = ""
) -> dict[str, Any]:
    """Labels of the caller's own identifiers whose scans raise a question, in pages.

    `next` is the `after` of the next page, empty at the end. A flag is a question, not a proof: a place is
    what the scanner said.
    """
    found, following = alerts_for(node, key.party_id, after)
    items = [
        {
            "item": entry.uri,
            "alerts": [
                {"kind": alert.kind, "first": _scan(alert.first), "second": _scan(alert.second)}
                for alert in entry.alerts
            ],
        }
        for entry in found
    ]
    return {"items": items, "next": following}


@router.post("/labels/scans")
def post_scan(
    node: NodeDep,
    key: ApiKeyDep,
    label: Annotated[str, Body(max_length=4096)],
    region: Annotated[str, Body(max_length=20)] = "",
    latitude: Annotated[float | None, Body()] = None,
    longitude: Annotated[float | None, Body()] = None,
    device: Annotated[str, Body(max_length=100)] = "",
) -> dict[str, Any]:
    """Count a scan by staff, who have an API key, of what a label holds.

    Not counted (`counted` is false) are labels that name no single thing, and more than six scans a minute.
    """
    scan = normalise_scan(label)
    if scan.identifier is None:
        raise Invalid(f"{label[:80]}: holds no key that names an item, such as (00), (01) or (8004)")
    place = parse_place(region, latitude, longitude)
    # A token is of one party's choosing: two parties may number their devices alike.
    counted = record_scan(node, scan.identifier.uri, place, "staff", f"{key.party_id[:90]} {device}")
    return {"item": scan.identifier.uri, "counted": counted}


def _scan(scan: LabelScan) -> dict[str, Any]:
    place = scan.place
    where = {"region": place.region, "latitude": place.latitude, "longitude": place.longitude}
    return {"at": time_of(scan.at_ms).isoformat(), **where, "scanner": scan.scanner}
