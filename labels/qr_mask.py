"""How much a QR code looks like what misleads a reader: long runs, blocks, shapes like its finder patterns.

Of the eight masks that an encoder may lay over the modules, the one with the lowest penalty is the right
one. A symbol is one whole number here, and a step right or down is a shift of it, so that one operation
weighs all modules at a time. Turned round or mirrored, a symbol weighs the same.

Source: ISO/IEC 18004:2015, 7.8.3.1.
"""

from functools import cache
from typing import Final

_GUARD: Final = 4  # light modules between two rows: a finder pattern at the edge has them beside it


@cache
def row_bytes(columns: int) -> int:
    """The bytes of a row in the number that `penalty` weighs: modules, dark is 1, then zeros."""
    return (columns + _GUARD + 7) // 8


def penalty(dark: int, columns: int) -> int:
    """The sum of the four penalties."""
    down, inside = 8 * row_bytes(columns), _inside(columns)
    alike_right, alike_down = _alike(dark, 1, inside), _alike(dark, down, inside)
    blocks = alike_right & alike_right >> down & alike_down
    share = abs(2 * dark.bit_count() - columns**2) * 10 // columns**2
    return (
        _runs(alike_right, 1)
        + _runs(alike_down, down)
        + 3 * blocks.bit_count()
        + 40 * (_finders(dark, inside ^ dark, 1) + _finders(dark, inside ^ dark, down))
        + 10 * share
    )


@cache
def _inside(columns: int) -> int:
    """The modules of a symbol, all dark."""
    width = row_bytes(columns)
    row = (1 << columns) - 1 << 8 * width - columns
    return int.from_bytes(row.to_bytes(width) * columns)


def _alike(dark: int, step: int, inside: int) -> int:
    """The modules with a neighbour of their colour one `step` on."""
    pairs = inside & inside >> step
    return pairs & (dark ^ dark >> step) ^ pairs


def _runs(alike: int, step: int) -> int:
    """3 for five modules of one colour in a row, and 1 for each more."""
    three = alike & alike >> step
    five = three & three >> 2 * step
    return 3 * five.bit_count() - 2 * (five & five >> step).bit_count()


def _finders(dark: int, light: int, step: int) -> int:
    """How often 1:1:3:1:1 stands there, dark to dark, with four light modules before or behind it."""
    light_dark, dark_dark = light & dark >> step, dark & dark >> step
    found = dark & light_dark >> step & dark_dark >> 3 * step & light_dark >> 5 * step
    if not found:
        return 0
    two = dark | dark << step
    four = two | two << 2 * step  # some dark module among the one here and the three before it
    return (found & four << step & four >> 10 * step ^ found).bit_count()
