"""A print job: serials of a product, or SSCCs, on their way to paper, and what each step makes of the job.

The labels go in chunks. A chunk is claimed (PRINTING) before its first byte leaves; once the printer took all
of it, it is RECORDING, and its event is captured. We never know what became of a chunk whose sending was
interrupted: it is in DOUBT, and is sent again only by somebody who looked, with a reason that is recorded.

    waiting -> printing -> recording -> waiting ... -> done
       ^  refused |            ^
       +----------+            |
                  |            |
                  v   confirm  |        reprint: back to waiting, the chunk unclaimed
                doubt ---------+

Every step is a function from a job to the next; it raises Conflict when the job is not in a state for it.
"""

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from ledger.domain.ai_table import check_value
from ledger.domain.check_digits import check_digit
from ledger.domain.digital_link import CANONICAL_STEM, escape
from ledger.domain.errors import Conflict, Invalid
from ledger.domain.events import EPCIS_CONTEXT, format_time

State = Literal["waiting", "printing", "recording", "doubt", "stopped", "done", "cancelled"]

LABELS_MAX: Final = 100_000
CHUNK_LABELS: Final = 50
"""Fixed: a chunk is known by its first label, and so are its events."""

REASON_MAX: Final = 200
PRINT_NAMESPACE: Final = "urn:suyuan:print:"
_REASONS_MAX: Final = 10 * REASON_MAX
_SERIAL_MAX: Final = 20  # AI (21)
SSCC_DIGITS: Final = 17  # before the check digit
_PAUSE_MS_MAX: Final = 60_000
_numbered: Final = re.compile(r"(.*?)([0-9]{1,18})", re.DOTALL).fullmatch


@dataclass(frozen=True, slots=True)
class Serials:
    """`total` serials in a row: `stem`, and a number of `digits` digits that begins with `first`.

    All digits that a serial ends in, 18 at most, belong to the number; so two runs share a serial exactly
    when stem and digits are the same and their numbers meet.
    """

    stem: str
    digits: int
    first: int
    total: int

    def __getitem__(self, position: int) -> str:
        return f"{self.stem}{self.first + position:0{self.digits}}"


def parse_serials(first: str, total: int) -> Serials:
    """The run of `total` serials that begins with `first`, such as SN00000001.

    Raises Invalid when there are no digits to count in, or too few of them for so many.
    """
    if not 1 <= total <= LABELS_MAX:
        raise Invalid(f"{total:,} labels: a job has 1 to {LABELS_MAX:,}")
    match = _numbered(first)
    if match is None or len(first) > _SERIAL_MAX:
        raise Invalid(
            f"first serial {first!r}: write up to {_SERIAL_MAX} characters that end in digits, as SN0001"
        )
    serials = Serials(match[1], len(match[2]), int(match[2]), total)
    if serials.first + total > 10**serials.digits:
        raise Invalid(
            f"{total:,} serials from {first!r} need more than its {serials.digits} digits: "
            "begin with more zeros, or print fewer"
        )
    return serials


def parse_sscc(text: str, total: int) -> Serials:
    """The run of `total` SSCCs that begins with this one. Raises Invalid as `parse_serials` does."""
    check_value("00", text)
    return replace(parse_serials(text[:-1], total), stem="")


def sscc_references(stem: str, first: str, total: int) -> range:
    """The numbers of 17 digits that SSCCs under `stem` may begin with; those below `first` are not given.

    `stem` is the extension digit and the GS1 company prefix; `first` a serial reference, or "". An SSCC is
    such a number and its check digit. Raises Invalid when they leave no room for `total`.
    """
    if not 1 <= total <= LABELS_MAX:
        raise Invalid(f"{total:,} labels: a job has 1 to {LABELS_MAX:,}")
    digits = SSCC_DIGITS - len(stem)
    if not _is_stem(stem):
        raise Invalid(f"{stem!r}: write the extension digit and the GS1 company prefix, as 09506000")
    if first and not (first.isascii() and first.isdecimal() and len(first) <= digits):
        raise Invalid(f"first serial reference {first!r}: behind {stem} there are {digits} digits")
    low = int(stem) * 10**digits
    references = range(low + int(first or 0), low + 10**digits)
    if len(references) < total:
        raise Invalid(f"behind {stem} there are only {len(references):,} serial references from {first!r} on")
    return references


_is_stem: Final = re.compile("[0-9]{5,13}").fullmatch  # a company prefix has 4 to 12 digits


@dataclass(frozen=True, slots=True)
class PrintJob:
    """A job as it stands. `position` labels are claimed, those before `start` are on paper and recorded;
    in between is the chunk in hand."""

    job_id: str
    party_id: str
    key_id: bytes  # the API key that answers for it: its events are captured under this key
    printer: str
    template: str
    fields: str  # JSON object of texts
    dpi: int
    gtin: str  # "" when the labels have SSCCs; serials are then these, of 17 digits, without check digits
    serials: Serials
    reprint_of: str  # the job whose labels are printed again; "" for new ones
    reason: str  # why they are printed again
    created_ms: int
    state: State = "waiting"
    paused: bool = False
    position: int = 0
    start: int = 0
    printed_ms: int = 0  # when the printer had taken the chunk in hand
    reprints: int = 0  # how often a chunk in doubt was ordered again
    attempts: int = 0  # failed ones since the last success
    due_ms: int = 0  # not to be tried before
    problem: str = ""
    quality: float = 1.0  # the least error correction that reading back a label left unused
    revision: int = 0  # counts the changes

    @property
    def shown_state(self) -> str:
        return "paused" if self.paused and self.state == "waiting" else self.state

    def uri(self, position: int) -> str:
        """The canonical identifier of a label."""
        if not self.gtin:
            return f"{CANONICAL_STEM}/00/{self.number(position)}"
        return f"{CANONICAL_STEM}/01/{self.gtin}/21/{escape(self.serials[position])}"

    def number(self, position: int) -> str:
        """The serial of a label, or its SSCC."""
        number = self.serials[position]
        return number if self.gtin else f"{number}{check_digit(number)}"

    def parse_run(self, first: str, total: int) -> Serials:
        """A run of labels of this job's kind, by the serial or SSCC of the first. Raises Invalid."""
        return parse_serials(first, total) if self.gtin else parse_sscc(first, total)


# ------------------------------------------------------------------ steps of the runner


def claim(job: PrintJob, quality: float) -> PrintJob:
    """The next chunk, read back with `quality`, is to be sent: saved before its first byte leaves."""
    _expect(job, "waiting")
    if job.paused:
        raise Conflict(f"print job {job.job_id} is paused")
    quality = min(job.quality, quality)
    return replace(job, state="printing", position=next_position(job), quality=quality, problem="")


def next_position(job: PrintJob) -> int:
    """Where the next chunk ends."""
    return min(job.start + CHUNK_LABELS, job.serials.total)


def take(job: PrintJob, printed_ms: int) -> PrintJob:
    """The printer has all of the chunk."""
    _expect(job, "printing")
    return replace(job, state="recording", printed_ms=printed_ms, attempts=0, due_ms=0)


def finish(job: PrintJob) -> PrintJob:
    """The chunk's events are captured."""
    _expect(job, "recording")
    state: State = "done" if job.position == job.serials.total else "waiting"
    kept = job.reason if job.reprint_of else ""  # the reason of a chunk goes with the chunk
    return replace(
        job,
        state=state,
        start=job.position,
        reason=kept,
        attempts=0,
        due_ms=0,
        problem="",
    )


def postpone(job: PrintJob, problem: str, now_ms: int) -> PrintJob:
    """What was to be done could not be begun; it is tried again, after pauses that grow to a minute.

    A chunk that was claimed is given back: the printer has refused all of it.
    """
    _expect(job, "waiting", "printing", "recording")
    pause_ms = min(1000 * 2 ** min(job.attempts, 10), _PAUSE_MS_MAX)
    later = replace(job, attempts=job.attempts + 1, due_ms=now_ms + pause_ms, problem=problem)
    return replace(later, state="waiting", position=job.start) if job.state == "printing" else later


def put_in_doubt(job: PrintJob, problem: str) -> PrintJob:
    """Nobody knows how much of the chunk is on paper."""
    _expect(job, "printing")
    return replace(job, state="doubt", problem=problem)


def stop(job: PrintJob, problem: str) -> PrintJob:
    """The job cannot go on by itself: a label does not read back, its key was revoked, or what was printed
    cannot be recorded."""
    _expect(job, "waiting", "recording")
    return replace(job, state="stopped", problem=problem)


# ------------------------------------------------------------------ what people order


def pause(job: PrintJob) -> PrintJob:
    """No further chunk is begun; the one in hand is ended."""
    _expect(job, "waiting", "printing", "recording", "doubt", "stopped")
    return replace(job, paused=True)


def resume(job: PrintJob, key_id: bytes) -> PrintJob:
    """Go on, at once, in the name of this key."""
    _expect(job, "waiting", "printing", "recording", "doubt", "stopped")
    state = job.state
    if state == "stopped":  # with a chunk in hand that is on paper, or without one
        state = "recording" if job.position > job.start else "waiting"
    problem = job.problem if job.state == "doubt" else ""
    return replace(job, state=state, key_id=key_id, paused=False, attempts=0, due_ms=0, problem=problem)


def cancel(job: PrintJob) -> PrintJob:
    """Print no more of it. Its serials stay taken."""
    _expect(job, "waiting", "stopped")
    return replace(job, state="cancelled", problem="")


def confirm(job: PrintJob, key_id: bytes, now_ms: int) -> PrintJob:
    """Somebody looked: the chunk in doubt is on paper, all of it."""
    _expect(job, "doubt")
    return replace(job, state="recording", key_id=key_id, printed_ms=now_ms, problem="", attempts=0, due_ms=0)


def reprint(job: PrintJob, key_id: bytes, reason: str) -> PrintJob:
    """The chunk in doubt is to be sent again, and the reason recorded with it."""
    _expect(job, "doubt")
    reasons = "; ".join(filter(None, (job.reason, check_reason(reason))))
    return replace(
        job,
        state="waiting",
        key_id=key_id,
        position=job.start,
        reason=reasons[-_REASONS_MAX:],
        reprints=job.reprints + 1,
        problem="",
        attempts=0,
        due_ms=0,
    )


def print_again(
    job: PrintJob, job_id: str, key_id: bytes, serials: Serials, reason: str, created_ms: int
) -> PrintJob:
    """A new job for labels of `job` that are on paper already. Raises Invalid when some are not."""
    offset = serials.first - job.serials.first
    is_alike = (serials.stem, serials.digits) == (job.serials.stem, job.serials.digits)
    if not is_alike or offset < 0 or offset + serials.total > job.start:
        raise Invalid(
            f"{serials.total} labels from {serials[0]!r} on are not all among the {job.start} labels "
            f"that print job {job.job_id} has printed"
        )
    return PrintJob(
        job_id=job_id,
        party_id=job.party_id,
        key_id=key_id,
        printer=job.printer,
        template=job.template,
        fields=job.fields,
        dpi=job.dpi,
        gtin=job.gtin,
        serials=serials,
        reprint_of=job.job_id,
        reason=check_reason(reason),
        created_ms=created_ms,
    )


def check_reason(reason: str) -> str:
    """The reason without spaces around it. Raises Invalid for none, and for one that is too long."""
    reason = reason.strip()
    if not 1 <= len(reason) <= REASON_MAX:
        raise Invalid(f"a reprint needs a reason of 1 to {REASON_MAX} characters: it is recorded")
    return reason


def _expect(job: PrintJob, *states: State) -> None:
    if job.state not in states:
        raise Conflict(f"print job {job.job_id} is {job.state}, should be {' or '.join(states)}")


# ------------------------------------------------------------------ events


def chunk_document(job: PrintJob) -> dict[str, Any]:
    """The document to capture for the chunk in hand: the same for the same chunk, so it is captured once.

    New labels are commissioned, with the lot when the job has one. Labels printed again, by a job or because
    they were in doubt, are an OBSERVE event with the reason.
    """
    lot = _find_lot(job)
    # The lot on a logistic label is that of its contents.
    ilmd = {"ilmd": {"cbvmda:lotNumber": lot}} if lot and job.gtin else {}
    events = [] if job.reprint_of else [_event(job, "ADD", "commissioning", ilmd)]
    if job.reason:
        events.append(_event(job, "OBSERVE", "encoding", {"suyuan:reprintReason": job.reason}))
    return {
        "@context": [EPCIS_CONTEXT, {"suyuan": PRINT_NAMESPACE}],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": _time(job.printed_ms),
        "epcisBody": {"eventList": events},
    }


def _find_lot(job: PrintJob) -> str:
    """The lot on the labels; "" when there is none."""
    fields = json.loads(job.fields)
    return str(fields.get("lot") or fields.get("10") or "")


def _event(job: PrintJob, action: str, biz_step: str, more: Mapping[str, Any]) -> dict[str, Any]:
    name = f"{PRINT_NAMESPACE}{job.job_id}/{job.start}/{action}"
    return {
        "type": "ObjectEvent",
        "eventID": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}",
        "eventTime": _time(job.printed_ms),
        "eventTimeZoneOffset": "+00:00",
        "action": action,
        "bizStep": biz_step,
        "epcList": [job.uri(position) for position in range(job.start, job.position)],
        "suyuan:printJob": job.job_id,
        **more,
    }


def _time(milliseconds: int) -> str:
    return format_time(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds))
