"""Unique labels with Chinese text to PDF and ZPL, beside the naive way: qrcode and a square for each module.

    python -m bench.labels [--labels 10000] [--naive 300]

Ours reads every symbol back before it is written; the naive way reads nothing back. One core; each way in a
process of its own, so that its memory is its own too.
"""

import argparse
import os
import resource
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from qrcode import QRCode, constants  # type: ignore[import-untyped]

from bench.machine import describe_machine, loop_seconds
from labels import Content, Print, find_template, gs1_content, layout, prepare_print, to_zpl, write_pdf
from ledger.domain.digital_link import Element

_DPI = 203
_STEM = "https://id.trace.example"
_POINTS_PER_MM = 72 / 25.4
_Write = Callable[[Path, int], None]
_NAMES = (
    "流感病毒裂解疫苗，预充式注射器",
    "冷冻阿根廷红虾，零售装",
    "重组乙型肝炎疫苗，西林瓶",
    "鲜牛奶，巴氏杀菌",
)


def contents(count: int) -> Iterator[Content]:
    """A serial of its own on each label, a lot for a hundred of them, four products."""
    for number in range(count):
        elements = (
            Element("01", "09506000134352"),
            Element("10", f"L{20261115 + number // 100}A"),
            Element("21", f"SN{number:08}"),
        )
        yield gs1_content(
            elements,
            _STEM,
            {
                "name": "Cold-chain product",
                "name_zh": _NAMES[number % len(_NAMES)],
                "celsius_min": "2",
                "celsius_max": "8",
                "produced": "2026-11-15",
                "expiry": "2027-12-31",
            },
        )


def prints(count: int) -> Iterator[Print]:
    template = find_template("product-50x30")
    return (prepare_print(layout(template, content), _DPI) for content in contents(count))


def write_our_pdf(path: Path, count: int) -> None:
    with path.open("wb") as out:
        write_pdf(prints(count), out)


def write_our_zpl(path: Path, count: int) -> None:
    with path.open("wb") as out:
        for label in prints(count):
            out.write(to_zpl(label))


def write_naive_pdf(path: Path, count: int) -> None:
    """The same Digital Links and texts; a rectangle for each dark module, the whole page list in memory."""
    pages: list[bytes] = []
    for content in contents(count):
        code = QRCode(error_correction=constants.ERROR_CORRECT_Q, border=0)
        code.add_data(content.link)
        code.make()
        module = 0.5 * _POINTS_PER_MM
        squares = [
            f"{x * module:.3f} {-y * module:.3f} {module:.3f} {module:.3f} re f"
            for y, row in enumerate(code.get_matrix())
            for x, dark in enumerate(row)
            if dark
        ]
        texts = [f"BT /R 8 Tf <{text.encode('utf-16-be').hex()}> Tj ET" for text in content.fields.values()]
        pages.append(zlib.compress("\n".join(squares + texts).encode()))
    path.write_bytes(b"\n".join(pages))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.labels", description=__doc__)
    parser.add_argument("--labels", type=int, default=10_000)
    parser.add_argument("--naive", type=int, default=300, help="labels of the naive way, which is slow")
    sizes = parser.parse_args()
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"{describe_machine()}, load {os.getloadavg()[0]:.1f}; labels of 50 x 30 mm at {_DPI} dpi")
    print(f"ten million additions in Python take {loop_seconds():.2f} s of processor time")
    with TemporaryDirectory() as folder:
        naive = _measure_apart("naive PDF", write_naive_pdf, Path(folder, "naive.pdf"), sizes.naive)
        for name, write, suffix in (("PDF", write_our_pdf, ".pdf"), ("ZPL", write_our_zpl, ".zpl")):
            rate = _measure_apart(name, write, Path(folder, f"ours{suffix}"), sizes.labels)
            print(f"  {rate / naive:.1f} times the naive way")
    return 0


def _measure_apart(name: str, write: _Write, path: Path, count: int) -> float:
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        return process.submit(_measure, name, write, path, count).result()


def _measure(name: str, write: _Write, path: Path, count: int) -> float:
    """Labels per second of processor time, which other work on the machine does not slow."""
    wall, cpu = time.perf_counter(), time.process_time()
    write(path, count)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{name}: {count:,} labels in {wall:.1f} s, {cpu:.1f} s of processor time, "
        f"{count / cpu:,.0f} labels/s; peak {mib:.0f} MiB, file {path.stat().st_size / 1e6:.1f} MB",
        flush=True,
    )
    return count / cpu


if __name__ == "__main__":
    sys.exit(main())
