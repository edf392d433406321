"""From a payload to the dark and light modules of its symbol.

Carriers: QR code (ISO/IEC 18004), with a Digital Link for GS1 identifiers and any text for others; GS1
DataMatrix (ISO/IEC 16022, square); GS1-128 (ISO/IEC 15417). The encoder is libzint. It warns of a wrong check
digit or a 13th month and draws on; here its warnings are errors, and payloads are checked before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, get_args

import zint

from labels.payload import Carrier, Payload
from labels.qr_mask import penalty, row_bytes
from ledger.domain.digital_link import Element
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
        stride = _stride(self.columns)
        bits = int.from_bytes(self.bits[number * stride : (number + 1) * stride])
        return tuple(bool(bits >> (8 * stride - 1 - column) & 1) for column in range(self.columns))


def encode(payload: Payload, level: Level = "Q") -> Symbol:
    """The smallest symbol of its carrier that holds `payload`; `level` is for QR codes.

    Raises Invalid when none does, or when the encoder finds anything to object to.
    """
    try:
        if payload.carrier == "qr":
            code = _draw_qr(payload.text, level)
            bits = _lay_best_mask(code, level)
        else:
            code = _draw_gs1(payload.carrier, payload.elements)
            bits = _rows(code, _stride(code.width))
    except RuntimeError as error:
        raise Invalid(f"{payload.text[:80]!r} cannot be a {payload.carrier} symbol: {error}") from error
    return Symbol(payload, code.width, code.rows, bits)


def _draw_gs1(carrier: Carrier, elements: Iterable[Element]) -> zint.Symbol:
    code = zint.Symbol()
    code.warn_level = zint.WarningLevel.FAIL_ALL
    code.symbology = _GS1_SYMBOLOGIES[carrier]
    code.input_mode = zint.InputMode.GS1
    if carrier == "gs1-datamatrix":
        code.option_3 = zint.DataMatrixOptions.SQUARE
    code.encode("".join(f"[{ai}]{value}" for ai, value in elements))
    return code


def _draw_qr(text: str, level: Level, mask: int = 0, version: int = 0) -> zint.Symbol:
    """The QR code of `text` under one of the eight masks; without `version` the smallest that holds it."""
    code = zint.Symbol()
    code.warn_level = zint.WarningLevel.FAIL_ALL
    code.symbology = zint.Symbology.QRCODE
    code.option_1 = 2 + LEVELS.index(level)
    code.option_2 = version
    code.option_3 = mask + 1 << 8
    if not text.isascii():
        code.eci = 26  # UTF-8
    code.encode(text)
    return code


def _lay_best_mask(code: zint.Symbol, level: Level) -> bytes:
    """The bits of a QR code that was drawn under mask 0, under the mask that suits it best.

    libzint would choose the same mask; it takes four times as long.
    """
    columns, width, stride = code.width, row_bytes(code.width), _stride(code.width)
    plain = int.from_bytes(_rows(code, width))
    best = min((plain ^ mask for mask in _masks(columns, level)), key=lambda dark: penalty(dark, columns))
    drawn = best.to_bytes(width * columns)
    return b"".join([drawn[start : start + stride] for start in range(0, len(drawn), width)])


@cache
def _masks(columns: int, level: Level) -> tuple[int, ...]:
    """What turns a QR code under mask 0 into the one under each mask: the same, whatever it says."""
    version = (columns - 17) // 4
    width = row_bytes(columns)
    codes = [int.from_bytes(_rows(_draw_qr("0", level, mask, version), width)) for mask in range(8)]
    return tuple(codes[0] ^ code for code in codes)


def _stride(columns: int) -> int:
    return (columns + 7) // 8


def _rows(code: zint.Symbol, width: int) -> bytes:
    """The rows of a symbol, `width` bytes each, dark is 1."""
    # libzint gives rows of 144 bytes, the first module in the lowest bit.
    encoded = code.encoded_data[: code.rows].tobytes()
    whole = len(encoded) // code.rows
    rows = [encoded[start : start + width] for start in range(0, len(encoded), whole)]
    return b"".join(rows).translate(_REVERSED_BITS)


_GS1_SYMBOLOGIES: Final = {
    "gs1-datamatrix": zint.Symbology.DATAMATRIX,
    "gs1-128": zint.Symbology.GS1_128,
}
_REVERSED_BITS: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
