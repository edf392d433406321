"""A print as ZPL II, for printers of Zebra and those that speak their language.

Texts and symbols go as compressed graphics (^GFA with :Z64:): printers have no hanzi of known width, and the
dots of a symbol that were read back are then the dots that are printed. Bars are ^GB.

Source: ZPL II Programming Guide, ^FR, ^GB, ^GF and "ZB64 encoding".
"""

import zlib
from base64 import b64encode
from binascii import crc_hqx
from functools import lru_cache
from typing import Final

from labels.layout import BarBox, TextBox
from labels.printing import Print, PrintedSymbol, dots_per_mm
from labels.raster import bar_dots, line_corner, line_mask

_BAND_BYTES_MAX: Final = 24_000  # ^GF takes 99,999; less is easier on a printer's memory
_FAST: Final = 1  # of zlib's nine levels; higher ones save little here


def to_zpl(label: Print) -> bytes:
    """One ^XA...^XZ document that prints one label; send it to a printer of the label's resolution."""
    scale = dots_per_mm(label.dpi)
    return "".join(
        (
            f"^XA^PW{label.width}^LL{label.height}^LH0,0",
            *(_draw_bar(bar, scale) for bar in label.page.bars),
            *(_draw_text(text, scale) for text in label.page.texts),
            *map(_draw_symbol, label.symbols),
            "^XZ\n",
        )
    ).encode("ascii")


def _draw_bar(bar: BarBox, scale: float) -> str:
    left, top, width, height = bar_dots(bar, scale)
    return f"^FO{left},{top}^GB{width},{height},{min(width, height)}^FS"


@lru_cache(maxsize=256)  # most texts of a job stand in the same place on every label
def _draw_text(text: TextBox, scale: float) -> str:
    left, top = line_corner(text, scale)
    mask = line_mask(text.text, text.em_mm * scale, text.bold)
    # ^FR turns the dots below over: white letters on a black bar.
    return _field(left, top, mask.dots, (mask.width + 7) // 8, "^FR" if text.white else "")


def _draw_symbol(printed: PrintedSymbol) -> str:
    return _field(printed.left, printed.top, printed.dots, (printed.width + 7) // 8)


def _field(left: int, top: int, rows: bytes, stride: int, mode: str = "") -> str:
    """Rows of `stride` bytes as graphics of bounded size, one below the other."""
    band = _BAND_BYTES_MAX // stride * stride
    return "".join(
        [
            f"^FO{left},{top + start // stride}{mode}{_graphic(rows[start : start + band], stride)}^FS"
            for start in range(0, len(rows), band)
        ]
    )


def _graphic(rows: bytes, stride: int) -> str:
    size = len(rows)
    encoded = b64encode(zlib.compress(rows, _FAST))
    # The checksum is CRC-16/XMODEM over the base64 text.
    return f"^GFA,{size},{size},{stride},:Z64:{encoded.decode('ascii')}:{crc_hqx(encoded, 0):04X}"
