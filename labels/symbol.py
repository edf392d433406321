"""From a payload to the dark and light modules of its symbol.

Carriers: QR code (ISO/IEC 18004), with a Digital Link for GS1 identifiers and any text for others; GS1
DataMatrix (ISO/IEC 16022, square); GS1-128 (ISO/IEC 15417). The encoder is libzint. It warns of a wrong check
digit or a 13th month and draws on; here its warnings are errors, and payloads are checked before.
"""

from dataclasses import dataclass
from typing import Final, Literal, get_args

import zint

from labels.payload import Carrier, Payload
from ledger.domain.errors import Invalid

Level = Literal["M", "Q", "H"]
"""Error correction of a QR code: M is GS1's norm, Q still reads when frost or a scratch takes 15 % of it."""

LEVELS: Final[tuple[Level, ...]] = get_args(Level)


@dataclass(frozen=True, slots=True)
class CarrierRules:
    """What GS1 and ISO demand of a carrier: light modules around it, and the smallest module."""

    quiet_columns: int
    quiet_rows: int
    module_mm_min: float


RULES: Final[dict[Carrier, CarrierRules]] = {
    # GS1 General Specifications, 5.12.3.1 (retail): QR code with Digital Link 0.396 to 0.990 mm, GS1
    # DataMatrix from 0.375 mm; 5.12.3.2 (logistic units): GS1-128 from 0.495 mm.
    "qr": CarrierRules(4, 4, 0.396),
    "gs1-datamatrix": CarrierRules(1, 1, 0.375),
    "gs1-128": CarrierRules(10, 0, 0.495),
}


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol without its quiet zone: rows of bits, dark is 1, each row filled up to whole bytes.

    A GS1-128 has one row, which is drawn as high as there is room.
    """

    payload: Payload
    columns: int
    rows: int
    bits: bytes

    @property
    def rules(self) -> CarrierRules:
        return RULES[self.payload.carrier]

    @property
    def is_linear(self) -> bool:
        return self.rows == 1

    def row(self, number: int) -> tuple[bool, ...]:
        """The modules of one row, dark is True."""
        stride = (self.columns + 7) // 8
        bits = int.from_bytes(self.bits[number * stride : (number + 1) * stride])
        return tuple(bool(bits >> (8 * stride - 1 - column) & 1) for column in range(self.columns))


def encode(payload: Payload, level: Level = "Q") -> Symbol:
    """The smallest symbol of its carrier that holds `payload`; `level` is for QR codes.

    Raises Invalid when none does, or when the encoder finds anything to object to.
    """
    code = zint.Symbol()
    code.warn_level = zint.WarningLevel.FAIL_ALL
    if payload.carrier == "qr":
        code.symbology = zint.Symbology.QRCODE
        code.option_1 = 2 + LEVELS.index(level)
        # Tries four of the eight masks in half the time: in 900 blurred and turned pictures they read alike.
        code.input_mode = zint.InputMode.FAST
        if not payload.text.isascii():
            code.eci = 26  # UTF-8
        text = payload.text
    else:
        code.symbology = _GS1_SYMBOLOGIES[payload.carrier]
        code.input_mode = zint.InputMode.GS1
        text = "".join(f"[{ai}]{value}" for ai, value in payload.elements)
    if payload.carrier == "gs1-datamatrix":
        code.option_3 = zint.DataMatrixOptions.SQUARE
    try:
        code.encode(text)
    except RuntimeError as error:
        raise Invalid(f"{payload.text[:80]!r} cannot be a {payload.carrier} symbol: {error}") from error
    return Symbol(payload, code.width, code.rows, _pack(code))


def _pack(code: zint.Symbol) -> bytes:
    # libzint gives rows of 144 bytes, the first module in the lowest bit.
    encoded = code.encoded_data[: code.rows].tobytes().translate(_REVERSED_BITS)
    stride = (code.width + 7) // 8
    row_bytes = len(encoded) // code.rows
    return b"".join([encoded[start : start + stride] for start in range(0, len(encoded), row_bytes)])


_GS1_SYMBOLOGIES: Final = {
    "gs1-datamatrix": zint.Symbology.DATAMATRIX,
    "gs1-128": zint.Symbology.GS1_128,
}
_REVERSED_BITS: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
