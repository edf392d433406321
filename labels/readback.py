"""Reading a symbol back with a decoder that knows nothing of the encoder (zxing-cpp)."""

from typing import Any, Final, cast

import zxingcpp
from PIL import Image

from labels.payload import Carrier
from labels.symbol import Symbol
from ledger.domain.errors import Invalid

_WHITE: Final = 255
_FORMATS: Final[dict[Carrier, tuple[zxingcpp.BarcodeFormat, str]]] = {
    # The format, and the symbology identifiers that say it was read as what was meant (ISO/IEC 15424).
    "qr": (zxingcpp.BarcodeFormat.QRCode, "]Q1 ]Q2"),
    "gs1-datamatrix": (zxingcpp.BarcodeFormat.DataMatrix, "]d2"),
    "gs1-128": (zxingcpp.BarcodeFormat.Code128, "]C1"),
}
_LINEAR_ROWS: Final = 40  # a decoder needs a few rows of bars, not all of them


def read_back(image: Image.Image, module: int, symbol: Symbol, name: str) -> float:
    """The share of error correction that reading `image` left unused, 1 for a symbol that has none.

    `image` has `module` dots to a module and no quiet zone. Raises Invalid when it does not say exactly what
    `symbol` should; `name` is its box.
    """
    carrier = symbol.payload.carrier
    barcode_format, identifiers = _FORMATS[carrier]
    codes = zxingcpp.read_barcodes(
        _frame(image, module, symbol),
        formats=zxingcpp.BarcodeFormats(barcode_format),
        try_rotate=False,
        try_downscale=False,
        try_invert=False,
        is_pure=True,
        binarizer=zxingcpp.Binarizer.BoolCast,  # dots are black or white: there is no threshold to look for
    )
    expected = symbol.payload.sent
    if len(codes) != 1 or not codes[0].valid:
        raise Invalid(f"{name}: cannot be read back; it should say {expected!r}")
    (code,) = codes
    if code.bytes != expected or code.symbology_identifier not in identifiers.split():
        raise Invalid(
            f"{name}: reads back as {code.symbology_identifier} {code.bytes!r}, "
            f"should be {carrier} {expected!r}"
        )
    return float(cast(dict[str, Any], code.extra)["UEC"]) if code.extra else 1.0


def _frame(image: Image.Image, module: int, symbol: Symbol) -> Image.Image:
    """The picture with its quiet zone."""
    quiet = symbol.rules
    aside, above = quiet.quiet_columns * module, max(quiet.quiet_rows, 1) * module
    height = min(image.height, _LINEAR_ROWS) if symbol.is_linear else image.height
    framed = Image.new("L", (image.width + 2 * aside, height + 2 * above), _WHITE)
    framed.paste(image.crop((0, 0, image.width, height)) if symbol.is_linear else image, (aside, above))
    return framed
