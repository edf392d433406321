"""The printers that the operator named: SUYUAN_PRINTERS, `dock=tcp://10.0.0.9:9100,file=spool:///var/spool/labels`.

Only what stands there is ever connected to or written to; a job names a printer and cannot address one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ledger.domain.errors import Invalid

DEFAULT_PORT: Final = 9100
_PORT_MAX: Final = 65_535
_entry: Final = re.compile(
    r"(?P<name>[A-Za-z0-9._-]{1,40})="
    r"(?:tcp://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?|spool://(?P<folder>/.+))"
).fullmatch


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A printer that takes ZPL on a port, mostly 9100."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class SpoolAddress:
    """A folder from which somebody else's program prints."""

    folder: str


PrinterAddress = TcpAddress | SpoolAddress


def parse_printers(text: str) -> Mapping[str, PrinterAddress]:
    """The printers by name, in their order. Raises Invalid naming the entry that is wrong."""
    printers: dict[str, PrinterAddress] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        match = _entry(entry)
        if match is None or int(match["port"] or DEFAULT_PORT) not in range(1, _PORT_MAX + 1):
            raise Invalid(f"{entry!r}: write a printer as name=tcp://host:9100 or name=spool:///folder")
        if match["name"] in printers:
            raise Invalid(f"{match['name']!r} stands there twice: give each printer a name of its own")
        printers[match["name"]] = _address(match)
    return printers


def _address(match: re.Match[str]) -> PrinterAddress:
    if match["folder"]:
        return SpoolAddress(match["folder"])
    return TcpAddress(match["host"].strip("[]"), int(match["port"] or DEFAULT_PORT))
