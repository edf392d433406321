"""Print jobs: ordered over HTTP or the command line, printed and recorded by `PrintRunner`.

For each chunk of labels the runner renders and reads back, connects, saves the claim, sends, saves that the
printer took it, captures the chunk's events, and saves that it is done. Stopped at any moment it goes on from
what was saved: before the claim nothing was sent; between claim and take nobody knows, so the chunk is in
doubt and waits for a person; after the take the same events are captured at every try, and so once.

The events are captured under the API key that ordered the job, or that resumed it last: who orders answers
for it. A job whose key is revoked stops before its next chunk; what is on paper by then is still recorded.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final, Literal

from labels import Print, Template, find_template, layout, prepare_print, write_labels
from labels.printer import SEND_SECONDS, InDoubt, NotReady, connect
from ledger.alone import run_alone
from ledger.capture import capture
from ledger.domain import print_job
from ledger.domain.errors import (
    Conflict,
    ForkDetected,
    Invalid,
    LedgerError,
    NotAllowed,
    NotFound,
    StoreUnavailable,
)
from ledger.domain.identifiers import parse_identifier
from ledger.domain.print_job import (
    SSCC_DIGITS,
    PrintJob,
    Serials,
    chunk_document,
    parse_serials,
    sscc_references,
)
from ledger.domain.printer_address import PrinterAddress, PrintFormat, parse_printers
from ledger.label import DEFAULT_TEMPLATE, item_label
from ledger.node import Node
from ledger.ports import ApiKey

DEFAULT_DPI: Final = 203
SSCC_TEMPLATE: Final = "logistic-100x150"
FIELDS_BYTES_MAX: Final = 8_000

_ACTIVE_MAX: Final = 1_000
_PRINTERS_AT_ONCE: Final = 8
_TRIES: Final = 20
_POLL_SECONDS: Final = 0.1
_REST_SECONDS: Final = 5.0

Step = Literal["printed", "recorded", "postponed", "doubt", "stopped", "moved", "idle"]
Change = Callable[[PrintJob], PrintJob]

logger = logging.getLogger(__name__)


# ------------------------------------------------------------------ orders


@dataclass(frozen=True, slots=True)
class PrintOrder:
    """`count` labels for a GTIN, with serials from `first_serial` on."""

    gtin: str
    first_serial: str
    count: int
    printer: str
    template: str = DEFAULT_TEMPLATE
    dpi: int = DEFAULT_DPI
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SsccOrder:
    """`count` labels with SSCCs that no print job has yet; none has a serial reference below `first`.

    `stem` is the extension digit and the GS1 company prefix.
    """

    stem: str
    count: int
    printer: str
    first: str = ""
    template: str = SSCC_TEMPLATE
    dpi: int = DEFAULT_DPI
    fields: Mapping[str, str] = field(default_factory=dict)


def create_job(node: Node, key: ApiKey, order: PrintOrder) -> PrintJob:
    """The job, waiting for its printer.

    Raises Invalid for what cannot be printed (its first and last label are tried), NotFound for a printer or
    template that is not there, NotAllowed when the key's party may not speak for the GTIN, and Conflict when
    a job has some of the serials already.
    """
    gtin = parse_identifier(f"(01){order.gtin.zfill(14)}").elements[0].value
    return _add_job(node, key, order, gtin, parse_serials(order.first_serial, order.count))


def create_sscc_job(node: Node, key: ApiKey, order: SsccOrder) -> PrintJob:
    """The job, with the next serial references under its company prefix. Raises as `create_job` does, and
    Conflict when there are not enough left."""
    references = sscc_references(order.stem, order.first, order.count)
    for _ in range(_TRIES):
        first = node.store.next_sscc(references)
        if first + order.count > references.stop:
            raise Conflict(
                f"behind {order.stem} {references.stop - first:,} serial references are left for "
                f"{order.count:,} labels: use another extension digit"
            )
        try:
            return _add_job(node, key, order, "", Serials("", SSCC_DIGITS, first, order.count))
        except Conflict:  # another order took them meanwhile
            continue
    raise Conflict(f"others kept taking serial references behind {order.stem}; try again")


def _add_job(node: Node, key: ApiKey, order: PrintOrder | SsccOrder, gtin: str, serials: Serials) -> PrintJob:
    fields = json.dumps(dict(order.fields), ensure_ascii=False, sort_keys=True)
    if len(fields.encode()) > FIELDS_BYTES_MAX:
        raise Invalid(f"the fields are larger than {FIELDS_BYTES_MAX} bytes")
    job = PrintJob(
        job_id=node.random_bytes(8).hex(),
        party_id=key.party_id,
        key_id=key.key_id,
        printer=order.printer,
        template=order.template,
        fields=fields,
        dpi=order.dpi,
        gtin=gtin,
        serials=serials,
        reprint_of="",
        reason="",
        created_ms=node.clock(),
    )
    _find_printer(node, job.printer)
    _check_right(node, key, job)
    prepare(node, job, {0, order.count - 1})
    node.store.add_print_job(job)
    return job


def find_job(node: Node, key: ApiKey, job_id: str) -> PrintJob:
    """A job of the key's own party; an admin sees all. Raises NotFound."""
    job = node.store.print_job(job_id)
    if job is None or (key.role != "admin" and key.party_id != job.party_id):
        raise NotFound(f"your party has no print job {job_id}")
    return job


def list_jobs(node: Node, key: ApiKey, *, after: str, limit: int) -> list[PrintJob]:
    """The jobs of the key's party, or all for an admin, the newest first, behind the job `after`."""
    party_id = None if key.role == "admin" else key.party_id
    return node.store.print_jobs(party_id=party_id, after=after, limit=limit)


def pause_job(node: Node, key: ApiKey, job_id: str) -> PrintJob:
    return _order(node, key, job_id, print_job.pause)


def resume_job(node: Node, key: ApiKey, job_id: str) -> PrintJob:
    return _order(node, key, job_id, lambda job: print_job.resume(job, key.key_id))


def cancel_job(node: Node, key: ApiKey, job_id: str) -> PrintJob:
    return _order(node, key, job_id, print_job.cancel)


def confirm_job(node: Node, key: ApiKey, job_id: str) -> PrintJob:
    """The chunk in doubt is on paper: it is recorded and the job goes on."""
    return _order(node, key, job_id, lambda job: print_job.confirm(job, key.key_id, node.clock()))


def reprint_job(
    node: Node, key: ApiKey, job_id: str, reason: str, first_serial: str = "", count: int = 1
) -> PrintJob:
    """The job with its chunk in doubt ordered again; with `first_serial`, a new job that prints again
    `count` labels which are on paper already. Either way the reason is recorded."""
    if not first_serial:
        return _order(node, key, job_id, lambda job: print_job.reprint(job, key.key_id, reason))
    original = _own_job(node, key, job_id)
    serials = original.parse_run(first_serial, count)
    job_id = node.random_bytes(8).hex()
    job = print_job.print_again(original, job_id, key.key_id, serials, reason, node.clock())
    node.store.add_print_job(job)
    return job


def _own_job(node: Node, key: ApiKey, job_id: str) -> PrintJob:
    job = find_job(node, key, job_id)
    if job.party_id != key.party_id:
        raise NotAllowed(f"print job {job_id} belongs to {job.party_id}: only its own keys may change it")
    return job


def _order(node: Node, key: ApiKey, job_id: str, change: Change) -> PrintJob:
    return _change(node, _own_job(node, key, job_id), change)


def _change(node: Node, job: PrintJob, change: Change) -> PrintJob:
    """`change` made to the job as it is now, whoever else changes it at the same time."""
    for _ in range(_TRIES):
        try:
            return node.store.change_print_job(job, change(job))
        except NotFound:
            fresh = node.store.print_job(job.job_id)
            if fresh is None:
                raise
            job = fresh
    raise Conflict(f"print job {job.job_id}: others kept changing it; try again")


def _find_printer(node: Node, name: str) -> PrinterAddress:
    printers = parse_printers(node.settings.printers)
    if name not in printers:
        known = ", ".join(printers) or "none"
        raise NotFound(f"no printer {name!r}; SUYUAN_PRINTERS names {known}")
    return printers[name]


def _check_right(node: Node, key: ApiKey, job: PrintJob) -> None:
    party, prefixes = node.store.party(key.party_id), node.prefixes.index()
    for uri in {job.uri(0), job.uri(job.serials.total - 1)}:
        if party is None or not prefixes.may_speak(party.account, uri):
            raise NotAllowed(
                f"party {key.party_id} may not give serials to {job.gtin and 'GTIN '}{job.gtin or uri}: "
                "its prefix is another party's; have it delegated to you"
            )


# ------------------------------------------------------------------ rendering


def prepare(node: Node, job: PrintJob, positions: Iterable[int]) -> list[Print]:
    """The labels, every symbol read back.

    Raises Invalid naming the serial whose label cannot be laid out, or does not read back as it should.
    """
    template = find_template(job.template, node.settings.templates_path)
    fields = json.loads(job.fields)
    return [_prepare(node, job, position, template, fields) for position in positions]


def _prepare(
    node: Node, job: PrintJob, position: int, template: Template, fields: Mapping[str, str]
) -> Print:
    try:
        return prepare_print(layout(template, item_label(node, job.uri(position), fields)), job.dpi)
    except Invalid as error:
        kind = "serial" if job.gtin else "SSCC"
        raise Invalid(f"{kind} {job.number(position)}: {error}", error.problems) from error


# ------------------------------------------------------------------ runner


class PrintRunner:
    """Prints what was ordered: one job at a time on a printer, several printers side by side."""

    def __init__(self, node: Node, send_seconds: float = SEND_SECONDS) -> None:
        self._node = node
        self._send_seconds = send_seconds
        self._busy: set[str] = set()
        self._busy_lock = threading.Lock()

    def run(self, stop: threading.Event) -> None:
        """Print until `stop` is set, and then end and record the chunks in hand.

        Waits while another process prints from this database.
        """
        hold = self._node.store.hold_print_lock
        run_alone(hold, self._run_alone, stop, rest_seconds=_REST_SECONDS, logger=logger)

    def _run_alone(self, stop: threading.Event) -> None:
        with ThreadPoolExecutor(_PRINTERS_AT_ONCE, "print") as threads:
            while not stop.is_set():
                for job in self.due_jobs():
                    if self._occupy(job.printer):
                        threads.submit(self._take_turn, job, stop)
                stop.wait(_POLL_SECONDS)

    def due_jobs(self) -> list[PrintJob]:
        """Of each printer the oldest job that is not paused, where its time has come."""
        oldest: dict[str, PrintJob] = {}
        for job in self._node.store.active_print_jobs(limit=_ACTIVE_MAX):
            if not job.paused or job.state != "waiting":
                oldest.setdefault(job.printer, job)
        return [job for job in oldest.values() if job.due_ms <= self._node.clock()]

    def _occupy(self, printer: str) -> bool:
        with self._busy_lock:
            is_free = printer not in self._busy
            self._busy.add(printer)
            return is_free

    def _take_turn(self, job: PrintJob, stop: threading.Event) -> None:
        try:
            step: Step = "recorded"
            # What was printed is recorded, even when we are told to stop meanwhile.
            while step == "printed" or (step == "recorded" and not stop.is_set()):
                step = self.step(job.job_id)
        except Exception:
            # Whatever it is, it must not stop the other printers; this one rests, and is tried again.
            logger.exception("print job %s", job.job_id)
            stop.wait(_REST_SECONDS)
        finally:
            with self._busy_lock:
                self._busy.discard(job.printer)

    def step(self, job_id: str) -> Step:
        """Print the next chunk, or record the one that was printed; returns what became of it."""
        job = self._node.store.print_job(job_id)
        try:
            return self._step(job) if job else "moved"
        except Conflict:  # somebody gave an order meanwhile
            return "moved"

    def _step(self, job: PrintJob) -> Step:
        if job.state == "printing":  # whoever sent it is not there any more: only one runner works
            return self._put_in_doubt(job, "printing was interrupted")
        if job.state == "recording":
            return self._record(job)
        return self._print(job) if job.state == "waiting" and not job.paused else "idle"

    def _print(self, job: PrintJob) -> Step:
        node = self._node
        try:
            self._check_key(job)
            prints = prepare(node, job, range(job.start, print_job.next_position(job)))
        except (Invalid, NotFound, NotAllowed) as error:
            _change(node, job, _stopping(str(error)))
            return "stopped"
        claimed = job
        try:
            node.check_not_halted()
            printer = _find_printer(node, job.printer)
            content = _write(prints, printer.format)
            with connect(printer, self._send_seconds) as connection:
                claimed = self._claim(job, min(label.quality for label in prints))
                connection.send(_chunk_name(claimed, printer.format), content)
        except (NotReady, NotFound, ForkDetected) as error:
            return self._postpone(claimed, str(error))
        except InDoubt as error:
            return self._put_in_doubt(claimed, str(error))
        # Should we stop here, the chunk is in doubt although it is on paper: that is for a person to see.
        _change(node, claimed, lambda now: print_job.take(now, node.clock()))
        return "printed"

    def _claim(self, job: PrintJob, quality: float) -> PrintJob:
        try:
            return self._node.store.change_print_job(job, print_job.claim(job, quality))
        except NotFound as error:  # nothing was sent, and what the order says now counts
            raise Conflict(str(error)) from error

    def _check_key(self, job: PrintJob) -> None:
        key = self._node.store.api_key(job.key_id)
        if key is None or key.revoked_ms is not None:
            raise NotAllowed("the API key that ordered this job was revoked: resume it with another")

    def _record(self, job: PrintJob) -> Step:
        key = self._node.store.api_key(job.key_id)
        assert key, "keys are revoked, and never removed"
        try:
            capture(self._node, key, json.dumps(chunk_document(job)).encode())
        except StoreUnavailable:
            raise
        except Conflict as error:  # no repetition helps
            _change(self._node, job, _stopping(f"printed, and cannot be recorded: {error}"))
            return "stopped"
        except LedgerError as error:
            return self._postpone(job, f"printed, but not recorded yet: {error}")
        # Should we stop here, the same events are captured again, and found to be there.
        _change(self._node, job, print_job.finish)
        return "recorded"

    def _postpone(self, job: PrintJob, problem: str) -> Step:
        now_ms = self._node.clock()
        _change(self._node, job, lambda now: print_job.postpone(now, problem, now_ms))
        return "postponed"

    def _put_in_doubt(self, job: PrintJob, problem: str) -> Step:
        advice = "look which labels are on paper: confirm them all, or reprint the chunk with a reason"
        _change(self._node, job, lambda now: print_job.put_in_doubt(now, f"{problem}; {advice}"))
        logger.error("print job %s, labels %d to %d: %s", job.job_id, job.start + 1, job.position, problem)
        return "doubt"


def _stopping(problem: str) -> Change:
    return lambda job: print_job.stop(job, problem)


def _write(prints: Iterable[Print], print_format: PrintFormat) -> bytes:
    out = BytesIO()
    write_labels(prints, out, print_format)
    return out.getvalue()


def _chunk_name(job: PrintJob, print_format: PrintFormat) -> str:
    """Of a file in a spool folder: never the same for two sendings of which one may be on paper."""
    return f"{job.job_id}-{job.start:06}-{job.reprints}.{print_format}"
