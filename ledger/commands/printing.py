"""`suyuan print`: order labels with new serials, follow print jobs and steer them. Gives exit codes."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ledger.commands.node import demo_key, opened_node
from ledger.domain.print_job import PrintJob
from ledger.label import parse_fields
from ledger.node import Node
from ledger.parties import authenticate
from ledger.ports import ApiKey
from ledger.printing import (
    PrintOrder,
    SsccOrder,
    cancel_job,
    confirm_job,
    create_job,
    create_sscc_job,
    find_job,
    list_jobs,
    pause_job,
    reprint_job,
    resume_job,
)
from ledger.progress import ProgressBar

_LOOK_SECONDS: Final = 0.5
_JOBS_SHOWN: Final = 50


def run_new(arguments: argparse.Namespace) -> int:
    order = PrintOrder(
        arguments.gtin,
        arguments.serial,
        arguments.count,
        arguments.printer,
        arguments.template,
        arguments.dpi,
        parse_fields(arguments.data),
    )
    with _printing(arguments) as (node, key):
        return _begin(node, key, create_job(node, key, order))


def run_sscc(arguments: argparse.Namespace) -> int:
    order = SsccOrder(
        arguments.prefix,
        arguments.count,
        arguments.printer,
        arguments.first,
        arguments.template,
        arguments.dpi,
        parse_fields(arguments.data),
    )
    with _printing(arguments) as (node, key):
        return _begin(node, key, create_sscc_job(node, key, order))


def run_list(arguments: argparse.Namespace) -> int:
    with _printing(arguments) as (node, key):
        for job in list_jobs(node, key, after="", limit=_JOBS_SHOWN):
            _show_job(job)
    return 0


def run_follow(arguments: argparse.Namespace) -> int:
    with _printing(arguments) as (node, key):
        return _follow(node, key, arguments.job)


def run_pause(arguments: argparse.Namespace) -> int:
    return _steer(arguments, pause_job)


def run_resume(arguments: argparse.Namespace) -> int:
    return _steer(arguments, resume_job)


def run_cancel(arguments: argparse.Namespace) -> int:
    return _steer(arguments, cancel_job)


def run_confirm(arguments: argparse.Namespace) -> int:
    return _steer(arguments, confirm_job)


def run_reprint(arguments: argparse.Namespace) -> int:
    with _printing(arguments) as (node, key):
        _show_job(reprint_job(node, key, arguments.job, arguments.reason, arguments.first, arguments.count))
    return 0


def _steer(arguments: argparse.Namespace, steer: Callable[[Node, ApiKey, str], PrintJob]) -> int:
    with _printing(arguments) as (node, key):
        _show_job(steer(node, key, arguments.job))
    return 0


@contextmanager
def _printing(arguments: argparse.Namespace) -> Iterator[tuple[Node, ApiKey]]:
    with opened_node() as node:
        yield node, authenticate(node.store, arguments.key or demo_key(node.settings, arguments.role))


def _begin(node: Node, key: ApiKey, job: PrintJob) -> int:
    print(f"print job {job.job_id}", flush=True)
    return _follow(node, key, job.job_id)


def _follow(node: Node, key: ApiKey, job_id: str) -> int:
    """Show how far the job is until it rests; what is in its way is said once. 0 when it is done."""
    job, said = find_job(node, key, job_id), ""
    bar = ProgressBar(job.printer, job.serials.total, "labels", sys.stderr)
    while job.shown_state in ("waiting", "printing", "recording"):
        bar.show(job.start)
        if job.problem != said:
            said = job.problem
            print(f"\n{said}" if said else "", file=sys.stderr, flush=True)
        time.sleep(_LOOK_SECONDS)
        job = find_job(node, key, job_id)
    bar.end(job.start)
    _show_job(job)
    return 0 if job.state == "done" else 1


def _show_job(job: PrintJob) -> None:
    problem = f": {job.problem}" if job.problem else ""
    quality = f", quality {job.quality:.2f}" if job.start else ""
    done = f"{job.start:,} of {job.serials.total:,} {job.shown_state}"
    print(f"{job.job_id} {job.printer} {done}{quality}{problem}")
