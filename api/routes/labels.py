"""Labels to print."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from api.dependencies import Id, NodeDep
from labels import layout, to_png, to_svg
from ledger.label import item_label

router = APIRouter(tags=["labels"])


@router.get("/labels", response_class=Response)
def get_label(
    node: NodeDep,
    text: Id,
    file_format: Annotated[Literal["svg", "png"], Query(alias="format")] = "svg",
    dpi: int = 300,
) -> Response:
    """A product label of 50 x 30 mm for a GS1 identifier. A lot beside a serial is printed too.

    `dpi` (203, 300 or 600) is the printer's, for PNG. 400 when something does not fit, with what and why.
    """
    boxes = layout(item_label(node, text))
    if file_format == "svg":
        return Response(to_svg(boxes), media_type="image/svg+xml")
    return Response(to_png(boxes, dpi), media_type="image/png")
