"""Print jobs. A change is of the job as it was read: what others changed meanwhile is not overwritten."""

from contextlib import AbstractContextManager
from dataclasses import asdict, fields, replace
from functools import cache
from typing import Any

from sqlalchemy import Row, Select, and_, func, insert, or_, select, update

from ledger.domain.errors import Conflict, NotFound
from ledger.domain.print_job import PrintJob, Serials
from ledger.store import tables
from ledger.store.database import Database

_JOB = tables.print_job.c
_all = select(tables.print_job)


class PrintJobs(Database):
    """The part of `Store` about print jobs."""

    def add_print_job(self, job: PrintJob) -> None:
        with self.writing() as connection:
            # On PostgreSQL two jobs with the same serials could else be added side by side.
            connection.execute(select(tables.log_head.c.id).with_for_update())
            if not job.reprint_of and (taken := connection.execute(_sharing(job)).scalar()):
                raise Conflict(
                    f"serials from {job.serials[0]!r}: print job {taken} has some of them; "
                    "begin after its last one, or reprint from that job with a reason"
                )
            connection.execute(insert(tables.print_job).values(_from_job(job)))

    def print_job(self, job_id: str) -> PrintJob | None:
        with self.reading() as connection:
            row = connection.execute(_all.where(_JOB.job_id == job_id)).one_or_none()
        return _to_job(row) if row else None

    def next_sscc(self, references: range) -> int:
        end = func.max(_JOB.first + _JOB.total)
        low, high = references.start, references.stop
        taken = select(end).where(_JOB.gtin == "", _JOB.first + _JOB.total > low, _JOB.first < high)
        with self.reading() as connection:
            last: int | None = connection.execute(taken).scalar()
        return min(max(last or low, low), high)

    def print_jobs(self, *, party_id: str | None, after: str, limit: int) -> list[PrintJob]:
        query = _all.order_by(_JOB.created_ms.desc(), _JOB.job_id.desc()).limit(limit)
        if party_id is not None:
            query = query.where(_JOB.party_id == party_id)
        if after:
            created = select(_JOB.created_ms).where(_JOB.job_id == after).scalar_subquery()
            query = query.where(
                or_(_JOB.created_ms < created, and_(_JOB.created_ms == created, _JOB.job_id < after))
            )
        return self._print_jobs(query)

    def active_print_jobs(self, *, limit: int) -> list[PrintJob]:
        return self._print_jobs(_active(limit))

    def change_print_job(self, before: PrintJob, after: PrintJob) -> PrintJob:
        changed = replace(after, revision=before.revision + 1)
        change = (
            update(tables.print_job)
            .where(_JOB.job_id == before.job_id, _JOB.revision == before.revision)
            .values(_from_job(changed))
        )
        with self.writing() as connection:
            if not connection.execute(change).rowcount:
                raise NotFound(f"print job {before.job_id}: is not there, or not as it was")
        return changed

    def hold_print_lock(self) -> AbstractContextManager[bool]:
        return self.locked("print")

    def _print_jobs(self, query: Select[Any]) -> list[PrintJob]:
        with self.reading() as connection:
            return [_to_job(row) for row in connection.execute(query)]


@cache  # asked ten times a second: putting it together cost more than running it
def _active(limit: int) -> Select[Any]:
    active = _JOB.state.in_(("waiting", "printing", "recording"))
    return _all.where(active).order_by(_JOB.created_ms, _JOB.job_id).limit(limit)


def _sharing(job: PrintJob) -> Select[Any]:
    """The job that has a serial of this one."""
    serials = job.serials
    return (
        select(_JOB.job_id)
        .where(
            _JOB.gtin == job.gtin,
            _JOB.stem == serials.stem,
            _JOB.digits == serials.digits,
            _JOB.first < serials.first + serials.total,
            _JOB.first + _JOB.total > serials.first,
            _JOB.reprint_of == "",
        )
        .limit(1)
    )


def _from_job(job: PrintJob) -> dict[str, Any]:
    own = {f.name: getattr(job, f.name) for f in fields(PrintJob) if f.name != "serials"}
    return own | asdict(job.serials)


def _to_job(row: Row[Any]) -> PrintJob:
    values = dict(row._mapping)
    serials = Serials(**{f.name: values.pop(f.name) for f in fields(Serials)})
    return PrintJob(**values, serials=serials)
