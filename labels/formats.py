"""Prints as a file, in the format that a name or a caller asks for."""

from collections.abc import Iterable
from typing import BinaryIO, Final, Literal

from labels.pdf import write_pdf
from labels.png import to_png
from labels.printing import Print
from labels.sheet import Sheet
from labels.svg import to_svg
from labels.zpl import to_zpl
from ledger.domain.errors import Invalid

Format = Literal["svg", "png", "pdf", "zpl"]
MEDIA_TYPES: Final[dict[Format, str]] = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
    "zpl": "application/vnd.zebra-zpl",
}


def write_labels(
    labels: Iterable[Print],
    out: BinaryIO,
    file_format: Format,
    sheet: Sheet | None = None,
    start: int = 1,
    offset_mm: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Write labels as they come; `sheet`, `start` and `offset_mm` are those of `write_pdf`.

    Raises Invalid when an SVG or PNG is to hold more than one, and what `write_pdf` raises.
    """
    if file_format == "pdf":
        write_pdf(labels, out, sheet, start, offset_mm)
        return
    if sheet is not None:
        raise Invalid(f"sheets of labels are for PDF, not for {file_format}")
    for number, label in enumerate(labels):
        if number and file_format != "zpl":
            raise Invalid(f"a {file_format} holds one label: take PDF or ZPL for more")
        out.write(_to_bytes(label, file_format))


def _to_bytes(label: Print, file_format: Format) -> bytes:
    if file_format == "svg":
        return to_svg(label).encode()
    return to_png(label) if file_format == "png" else to_zpl(label)
