"""From a payload to the dark and light modules of its QR code (ISO/IEC 18004)."""

from dataclasses import dataclass
from typing import Final, Literal

from qrcode import QRCode, constants  # type: ignore[import-untyped]
from qrcode.exceptions import DataOverflowError  # type: ignore[import-untyped]

from ledger.domain.errors import Invalid

QUIET_MODULES: Final = 4
"""Light modules on every side (ISO/IEC 18004, 5.3.8)."""

Level = Literal["M", "Q"]
"""Error correction: M is GS1's norm, Q still reads when frost or a scratch takes 15 % of the symbol."""

_CORRECTION: Final = {"M": constants.ERROR_CORRECT_M, "Q": constants.ERROR_CORRECT_Q}


@dataclass(frozen=True, slots=True)
class Symbol:
    """A QR code without its quiet zone: rows of modules, dark is True."""

    rows: tuple[tuple[bool, ...], ...]

    @property
    def modules(self) -> int:
        """Modules on one side, quiet zones included."""
        return len(self.rows) + 2 * QUIET_MODULES


def encode(payload: str, level: Level) -> Symbol:
    """The smallest QR code that holds `payload`.

    Raises Invalid when none does (at M from about 2,300 characters).
    """
    code = QRCode(error_correction=_CORRECTION[level], border=0)
    code.add_data(payload)
    try:
        code.make(fit=True)
    except (DataOverflowError, ValueError) as error:
        raise Invalid(f"payload of {len(payload)} characters fits no QR code at level {level}") from error
    return Symbol(tuple(tuple(bool(module) for module in row) for row in code.get_matrix()))
