"""`python -m bench`: run the benchmarks, print their tables, write them to bench/results."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from bench.capture import Sizes, run
from bench.machine import describe_machine, loop_seconds
from bench.report import write_report


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="benchmarks that print ratios")
    for size in fields(Sizes):
        parser.add_argument(f"--{size.name.replace('_', '-')}", type=int, default=size.default)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results", metavar="FOLDER")
    parsed = vars(parser.parse_args(arguments))
    folder = parsed.pop("results")
    sizes = Sizes(**parsed)
    machine = f"{describe_machine()}, ten million additions in Python in {loop_seconds():.2f} s"
    print(write_report(run(sizes, _say), sizes, machine, folder))
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
