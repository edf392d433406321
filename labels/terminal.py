"""A QR code made of half-block characters, to scan from a terminal with light letters on a dark ground."""

from typing import Final

from labels.symbol import QUIET_MODULES, encode

_BLOCKS: Final = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}


def to_terminal(payload: str) -> str:
    """Lines of text, two module rows each; light modules are painted, so the quiet zone is too."""
    symbol = encode(payload, "M")
    width = symbol.modules
    light = (False,) * width
    side = (False,) * QUIET_MODULES
    rows = [light] * QUIET_MODULES + [side + row + side for row in symbol.rows] + [light] * QUIET_MODULES
    pairs = zip(rows[::2], [*rows[1::2], light], strict=True)  # the side of a QR code is odd
    return "\n".join("".join(_BLOCKS[pair] for pair in zip(*rows, strict=True)) for rows in pairs)
