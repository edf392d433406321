"""Reading a symbol back with a decoder that knows nothing of the encoder (zxing-cpp)."""

from typing import Any, Final, cast

import zxingcpp
from PIL import Image

from labels.payload import Carrier
from labels.symbol import Symbol
from ledger.domain.errors import Invalid

_FORMATS: Final[dict[Carrier, tuple[zxingcpp.BarcodeFormats, tuple[str, ...]]]] = {
    # The format, and the symbology identifiers that say it was read as what was meant (ISO/IEC 15424).
    "qr": (zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode), ("]Q1", "]Q2")),
    "gs1-datamatrix": (zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.DataMatrix), ("]d2",)),
    "gs1-128": (zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.Code128), ("]C1",)),
}
_LINEAR_ROWS: Final = 40  # a decoder needs a few rows of bars, not all of them


def read_back(image: Image.Image, symbol: Symbol, name: str) -> float:
    """The share of error correction that reading `image` left unused, 1 for a symbol that has none.

    `image` has one bit a dot and nothing beside the symbol. Raises Invalid when it does not say exactly what
    `symbol` should; `name` is its box.
    """
    carrier = symbol.payload.carrier
    formats, identifiers = _FORMATS[carrier]
    codes = zxingcpp.read_barcodes(
        _dots(image, min(image.height, _LINEAR_ROWS) if symbol.is_linear else image.height),
        formats=formats,
        try_rotate=False,
        try_downscale=False,
        try_invert=False,
        is_pure=True,  # a quiet zone would make no difference
        binarizer=zxingcpp.Binarizer.BoolCast,  # dots are black or white: there is no threshold to look for
    )
    expected = symbol.payload.sent
    if len(codes) != 1 or not codes[0].valid:
        raise Invalid(f"{name}: cannot be read back; it should say {expected!r}")
    (code,) = codes
    if code.bytes != expected or code.symbology_identifier not in identifiers:
        raise Invalid(
            f"{name}: reads back as {code.symbology_identifier} {code.bytes!r}, "
            f"should be {carrier} {expected!r}"
        )
    extra = cast(dict[str, Any] | None, code.extra)  # parsed anew each time that it is asked for
    return float(extra["UEC"]) if extra else 1.0


def _dots(image: Image.Image, height: int) -> memoryview:
    """A byte for each dot of the upper rows; the decoder takes twice as long when it has to ask Pillow."""
    every = memoryview(image.tobytes("raw", "L"))
    return every[: height * image.width].cast("B", [height, image.width])
