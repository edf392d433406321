"""The printers that the operator named: SUYUAN_PRINTERS, `dock=tcp://10.0.0.9:9100,file=spool:///var/spool/labels`.

A printer gets ZPL, or PDF with `?format=pdf` behind its address; by IPP always PDF. Only what stands there is
ever connected to or written to; a job names a printer and cannot address one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ledger.domain.errors import Invalid

PrintFormat = Literal["zpl", "pdf"]

DEFAULT_PORT: Final = 9100
IPP_PORT: Final = 631
IPP_PATH: Final = "/ipp/print"
_PORT_MAX: Final = 65_535
_HOST: Final = r"(?P<{0}host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<{0}port>[0-9]{{1,5}}))?"
_entry: Final = re.compile(
    r"(?P<name>[A-Za-z0-9._-]{1,40})="
    rf"(?:ipp://{_HOST.format('ipp_')}(?P<path>/[!-~]*)?"
    rf"|(?:tcp://{_HOST.format('')}|spool://(?P<folder>/[^?]+))(?:\?format=(?P<format>zpl|pdf))?)"
).fullmatch


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A printer that takes labels on a port, mostly 9100."""

    host: str
    port: int
    format: PrintFormat = "zpl"


@dataclass(frozen=True, slots=True)
class SpoolAddress:
    """A folder from which somebody else's program prints."""

    folder: str
    format: PrintFormat = "zpl"


@dataclass(frozen=True, slots=True)
class IppAddress:
    """A printer, or a queue of a print server, that speaks IPP."""

    host: str
    port: int = IPP_PORT
    path: str = IPP_PATH

    @property
    def format(self) -> PrintFormat:
        return "pdf"

    @property
    def uri(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"ipp://{host}:{self.port}{self.path}"


PrinterAddress = TcpAddress | SpoolAddress | IppAddress


def parse_printers(text: str) -> Mapping[str, PrinterAddress]:
    """The printers by name, in their order. Raises Invalid naming the entry that is wrong."""
    printers: dict[str, PrinterAddress] = {}
    for entry in filter(None, map(str.strip, text.split(","))):
        match = _entry(entry)
        port = match and (match["port"] or match["ipp_port"])
        if match is None or (port and int(port) not in range(1, _PORT_MAX + 1)):
            raise Invalid(
                f"{entry!r}: write a printer as name=tcp://host:9100, name=ipp://host/ipp/print "
                "or name=spool:///folder; for PDF in place of ZPL with ?format=pdf behind tcp or spool"
            )
        if match["name"] in printers:
            raise Invalid(f"{match['name']!r} stands there twice: give each printer a name of its own")
        printers[match["name"]] = _address(match)
    return printers


def _address(match: re.Match[str]) -> PrinterAddress:
    print_format: PrintFormat = "pdf" if match["format"] == "pdf" else "zpl"
    if match["ipp_host"]:
        port = int(match["ipp_port"] or IPP_PORT)
        return IppAddress(match["ipp_host"].strip("[]"), port, match["path"] or IPP_PATH)
    if match["folder"]:
        return SpoolAddress(match["folder"], print_format)
    return TcpAddress(match["host"].strip("[]"), int(match["port"] or DEFAULT_PORT), print_format)
