"""Where a ledger's contracts stand on its chain, and how that is written so that other nodes can join it."""

import re
from dataclasses import dataclass
from typing import Final

from ledger.domain.errors import Invalid


@dataclass(frozen=True, slots=True)
class Deployment:
    """Where the contracts stand. `block_number` is before either: notices start after it."""

    trace_log: bytes
    prefix_registry: bytes
    block_number: int

    def __str__(self) -> str:
        """As SUYUAN_CONTRACTS takes it."""
        return f"0x{self.trace_log.hex()},0x{self.prefix_registry.hex()},{self.block_number}"


_written: Final = re.compile(r"0x([0-9a-fA-F]{40}),0x([0-9a-fA-F]{40}),([0-9]{1,18})", re.ASCII).fullmatch


def parse_deployment(text: str) -> Deployment | None:
    """What `str` wrote; None for an empty text. Raises Invalid for anything else."""
    if not text:
        return None
    found = _written(text.replace(" ", ""))
    if found is None:
        raise Invalid(
            f"{text[:200]!r}: should be 0x<TraceLog>,0x<PrefixRegistry>,<block>, as "
            "`suyuan registry contracts` prints it on a node of that ledger"
        )
    return Deployment(bytes.fromhex(found[1]), bytes.fromhex(found[2]), int(found[3]))
