"""A QR code made of half-block characters, to scan from a terminal with light letters on a dark ground."""

from typing import Final

from qrcode import QRCode, constants  # type: ignore[import-untyped]
from qrcode.exceptions import DataOverflowError  # type: ignore[import-untyped]

from ledger.domain.errors import Invalid

_QUIET_MODULES: Final = 4
_BLOCKS: Final = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}


def to_terminal(payload: str) -> str:
    """Lines of text, two module rows each; light modules are painted, so the quiet zone is too.

    Raises Invalid when no QR code holds `payload` (from about 2,300 characters).
    """
    code = QRCode(error_correction=constants.ERROR_CORRECT_M, border=_QUIET_MODULES)
    code.add_data(payload)
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError) as error:
        raise Invalid(f"payload of {len(payload)} characters fits no QR code at level M") from error
    rows = [tuple(map(bool, row)) for row in code.get_matrix()]
    light = (False,) * len(rows)
    pairs = zip(rows[::2], [*rows[1::2], light], strict=True)  # the side of a QR code is odd
    return "\n".join("".join(_BLOCKS[pair] for pair in zip(*rows, strict=True)) for rows in pairs)
