"""Labels to print."""

from io import BytesIO
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from api.dependencies import Id, NodeDep, api_key_of
from labels import MEDIA_TYPES, Format, find_template, layout, prepare_print, write_labels
from ledger.authenticity import label_keys
from ledger.domain.authenticity import write_keys
from ledger.label import DEFAULT_TEMPLATE, item_label, parse_fields, sign_label

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
) -> Response:
    """The label of an item, its symbols read back before it is sent.

    `template` comes with Suyuan or lies in the node's folder `templates`; `dpi` (203, 300 or 600) is the
    printer's; `data` is a field, `importer=Haiwei Co.`, and may be repeated. `sign` signs the Digital Link for
    the party of the API key, which must speak for the identifier. 400 when something does not fit, with the
    box and why; 404 when there is no such template.
    """
    content = item_label(node, text, parse_fields(data))
    if sign:
        content = sign_label(node, content, api_key_of(request, node).party_id)
    page = layout(find_template(template, node.settings.templates_path), content)
    out = BytesIO()
    write_labels([prepare_print(page, dpi)], out, file_format)
    return Response(out.getvalue(), media_type=MEDIA_TYPES[file_format])


@router.get("/labels/keys", response_class=Response)
def get_label_keys(node: NodeDep) -> Response:
    """The public keys that sign labels here, for checking signatures offline."""
    return Response(write_keys(label_keys(node)), media_type="application/json")
