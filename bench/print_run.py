"""One print job into a spool folder, its printing process killed with SIGKILL on the way, and gone on with.

    python -m bench.print_run [--labels 100000] [--kills 2]

What prints is `python -m ledger.deliver`, as `suyuan serve` starts it. At the end every label in the spool
folder is decoded and every event of the log read: each serial must be on paper once and commissioned once.
"""

import argparse
import json
import os
import random
import re
import sys
import time
import zlib
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import zxingcpp
from PIL import Image

from bench.filled import open_filled
from bench.machine import cpu_seconds, describe_machine, peak_memory_mib
from ledger.config import Settings
from ledger.domain.print_job import PrintJob
from ledger.lifeline import Child, start_child
from ledger.node import Node
from ledger.parties import authenticate
from ledger.ports import ApiKey, Store
from ledger.printing import PrintOrder, confirm_job, create_job, find_job, reprint_job

_GTIN = "09506000134352"
_FIRST = "SN00000001"
_LOOK_SECONDS = 0.02
_CHUNK_SECONDS = 0.3
_EVENTS_AT_ONCE = 500
_label = re.compile(rb"\^XA.*?\^XZ", re.DOTALL)
_graphic = re.compile(rb"\^GFA,\d+,(\d+),(\d+),:Z64:([^:]*):")


@dataclass(frozen=True, slots=True)
class Run:
    """What a job came to."""

    printed: Counter[str]
    commissioned: Counter[str]
    doubts: int
    kills: int
    seconds: float
    cpu_seconds: float
    peak_mib: float

    def is_whole(self, labels: int) -> bool:
        """Whether each serial was printed once and commissioned once."""
        return (
            len(self.printed) == labels
            and set(self.printed.values()) == {1}
            and self.printed == self.commissioned
        )


def run(folder: Path, labels: int, kills: int) -> Run:
    """Print `labels` labels, and kill the printing process `kills` times on the way."""
    with ExitStack() as stack:
        spool = folder / "spool"
        spool.mkdir()
        filled = open_filled("", folder / "node", stack)
        settings = replace(filled.node.settings, printers=f"file=spool://{spool}")
        node = replace(filled.node, settings=settings)
        key = authenticate(node.store, filled.api_key)
        job = create_job(node, key, PrintOrder(_GTIN, _FIRST, labels, "file", fields={"lot": "L20261115A"}))
        begun, cpu, peak, doubts = time.perf_counter(), 0.0, 0.0, 0
        for killed in range(1, kills + 2):
            child = _start_printing(settings)
            stack.callback(child.stop)
            aim = labels * killed // (kills + 1)
            doubts += _wait_for(node, key, job, spool, child, aim)
            cpu, peak = cpu + cpu_seconds(child.process.pid), max(peak, peak_memory_mib(child.process.pid))
            if aim < labels:
                time.sleep(random.random() * _CHUNK_SECONDS)  # anywhere in the midst of a chunk
                child.process.kill()
                child.process.wait()
        return Run(
            Counter(printed_serials(spool)),
            Counter(_commissioned_serials(node.store)),
            doubts,
            kills,
            time.perf_counter() - begun,
            cpu,
            peak,
        )


def _start_printing(settings: Settings) -> Child:
    others = {name: value for name, value in os.environ.items() if not name.startswith("SUYUAN_")}
    return start_child(["-m", "ledger.deliver"], others | settings.to_env())


def _wait_for(node: Node, key: ApiKey, job: PrintJob, spool: Path, child: Child, aim: int) -> int:
    """Until `aim` labels are printed; how many chunks were in doubt."""
    doubts = 0
    while (now := find_job(node, key, job.job_id)).start < aim:
        if child.exit_code is not None or now.state in ("stopped", "cancelled"):
            raise RuntimeError(f"printing ended after {now.start:,} labels: {now.problem}")
        if now.state == "doubt":
            _settle(node, key, now, spool)
            doubts += 1
        time.sleep(_LOOK_SECONDS)
    return doubts


def _settle(node: Node, key: ApiKey, job: PrintJob, spool: Path) -> None:
    """Be the person who looks at the paper: a file in a spool folder is there whole or not at all."""
    if (spool / f"{job.job_id}-{job.start:06}-{job.reprints}.zpl").exists():
        confirm_job(node, key, job.job_id)
    else:
        reprint_job(node, key, job.job_id, "killed before the file was there")


def printed_serials(spool: Path) -> Iterator[str]:
    """What is on paper; a file whose writer was killed is not, and has another name."""
    for file in sorted(spool.glob("*.zpl")):
        for label in _label.findall(file.read_bytes()):
            yield _read_symbol(label).rpartition("/21/")[2]


def _read_symbol(label: bytes) -> str:
    """What the last graphic of a label, its symbol, says."""
    size, stride, packed = _graphic.findall(label)[-1]
    rows = zlib.decompress(b64decode(packed))
    side = int(size) // int(stride)
    modules = Image.frombytes("1", (side, side), rows, "raw", "1;I", int(stride))
    framed = Image.new("L", (side + 40, side + 40), 255)
    framed.paste(modules, (20, 20))
    (code,) = zxingcpp.read_barcodes(framed, zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    return code.text


def _commissioned_serials(store: Store) -> Iterator[str]:
    for start in range(0, store.log_size(), _EVENTS_AT_ONCE):
        for event in store.events_between(start, min(start + _EVENTS_AT_ONCE, store.log_size())):
            body = json.loads(event.body or b"")
            if body["action"] == "ADD":
                yield from (uri.rpartition("/21/")[2] for uri in body["epcList"])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.print_run", description=__doc__)
    parser.add_argument("--labels", type=int, default=100_000)
    parser.add_argument("--kills", type=int, default=2)
    sizes = parser.parse_args()
    print(f"{describe_machine()}, load {os.getloadavg()[0]:.1f}")
    with TemporaryDirectory() as folder:
        done = run(Path(folder), sizes.labels, sizes.kills)
    print(
        f"{sizes.labels:,} labels in {done.seconds:,.0f} s, {done.cpu_seconds:,.0f} s of processor time; "
        f"peak {done.peak_mib:.0f} MiB; killed {done.kills} times, {done.doubts} chunks in doubt; "
        f"on paper {done.printed.total():,}, commissioned {done.commissioned.total():,}"
    )
    return 0 if done.is_whole(sizes.labels) else 1


if __name__ == "__main__":
    sys.exit(main())
