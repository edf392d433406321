"""Records of identifiers: registered, changed and deleted by who may speak for them, each change in the log.

A change is an entry of the log beside the events, so the bundle of an identifier proves its record as well:
see `ledger.domain.records`. A batch is one SQL transaction; when the call returns, it is durable.
"""

import json
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Final, Literal

from ledger.capture import ErrorBehaviour, sign_receipt, speaker
from ledger.domain.commitment import SALT_BYTES, LeafEntry, commit, ids_root, item_key
from ledger.domain.errors import Conflict, Invalid, LedgerError, NotAllowed, NotFound, Problem, TooLarge
from ledger.domain.identifiers import parse_identifier
from ledger.domain.record_templates import check_record
from ledger.domain.records import (
    BATCH_MAX,
    RECORD_CHANGE,
    RECORD_ROLE,
    Change,
    Kept,
    Value,
    apply_change,
    change_body,
    read_kept,
    write_kept,
)
from ledger.node import Node
from ledger.ports import ApiKey, Append, EventIdentity, ItemLink, StoredBatch, StoredEvent, StoredRecord

PAGE_MAX: Final = 1_000
BATCHES_KEPT_MS: Final = 7 * 24 * 3_600_000
"""How long a batch is known by its name."""

Outcome = Literal["registered", "updated", "deleted", "unchanged"]


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of one change; `version` and `log_index` are those of the record's newest change."""

    uri: str
    outcome: Outcome
    version: int
    log_index: int


@dataclass(frozen=True, slots=True)
class Batch:
    """For each change, in order: what it did, or why it could not be made."""

    outcomes: tuple[Changed | LedgerError, ...]
    receipt: str
    """Signed note: these changes will be anchored in time. "" when nothing was changed."""


@dataclass(frozen=True, slots=True)
class BatchName:
    """What its sender calls a batch, so that it is made once however often it is sent."""

    text: str
    digest: bytes
    """Of what was sent: another batch must not pass for this one."""


@dataclass(frozen=True, slots=True)
class Record:
    """An identifier's record, with the values that its reader may see."""

    uri: str
    version: int
    log_index: int
    kept: tuple[Kept, ...]

    @property
    def values(self) -> tuple[Value, ...]:
        return tuple(entry.value for entry in self.kept)


# --------------------------------------------------------------------------- reading


def read_record(node: Node, text: str, reader: ApiKey | None = None) -> Record:
    """The record of an identifier, in any spelling. Hidden values are for those who may speak for it.

    Raises NotFound when it is not registered here or was deleted, Invalid for a wrong identifier.
    """
    uri = parse_identifier(text).uri
    stored = node.store.records([uri]).get(uri)
    return shown_record(uri, stored, sees_all=reader is not None and speaker(node, reader)(uri))


def shown_record(uri: str, stored: StoredRecord | None, *, sees_all: bool = False) -> Record:
    """A record as its reader may see it. Raises NotFound when there is none."""
    kept = read_kept(stored.kept) if stored else ()
    if stored is None or not kept:
        raise NotFound(f"{uri} is not registered here")
    shown = kept if sees_all else tuple(entry for entry in kept if entry.value.is_public)
    return Record(uri, stored.version, stored.log_index, shown)


def list_records(node: Node, stem: str, *, after: str = "", limit: int = PAGE_MAX) -> list[Record]:
    """Registered records whose canonical URIs begin with `stem` and come after `after`, with their public
    values, by code point. At most 1,000."""
    found = node.store.records_below(stem, after=after, limit=min(limit, PAGE_MAX))
    return [
        Record(
            row.uri, row.version, row.log_index, tuple(k for k in read_kept(row.kept) if k.value.is_public)
        )
        for row in found
    ]


# --------------------------------------------------------------------------- changing


def change_record(node: Node, submitter: ApiKey, change: Change) -> Changed:
    """What the change did. Raises Conflict, NotFound, NotAllowed or Invalid, whatever stands in its way."""
    (outcome,) = change_records(node, submitter, [change], "proceed").outcomes
    if isinstance(outcome, LedgerError):
        raise outcome
    return outcome


def change_records(
    node: Node,
    submitter: ApiKey,
    changes: Sequence[Change],
    error_behaviour: ErrorBehaviour = "rollback",
    *,
    name: BatchName | None = None,
    dry_run: bool = False,
) -> Batch:
    """Make up to 2,000 changes in one transaction; with `dry_run` only say what they would do.

    A change that leaves a record as it is makes no entry, so putting the same again is harmless. With
    "rollback" any change that cannot be made raises NotAllowed or Invalid, with a problem for each, and
    nothing is changed; with "proceed" the others are made. A batch with a `name` that its party sent in the
    last seven days is not made again: what is told is what it did then, and Conflict is raised when it was
    another one. Raises TooLarge for a larger batch, ForkDetected while the node does not write.
    """
    if len(changes) > BATCH_MAX:
        raise TooLarge(f"{len(changes)} changes, at most {BATCH_MAX} fit into a batch: split it")
    node.check_not_halted()
    foreign = _find_foreign(node, submitter, changes)
    with node.store.append() as batch:
        now_ms = max(node.clock(), batch.recorded_at_ms)
        kept_from_ms = now_ms - BATCHES_KEPT_MS
        known = batch.record_batch(submitter.party_id, name.text) if name else None
        if name and known and known.made_ms >= kept_from_ms:
            return _as_made(name, known)
        drafts = _draft_all(node, batch, changes, foreign, now_ms)
        if error_behaviour == "rollback":
            _refuse(drafts)
        if dry_run:
            return Batch(tuple(d.outcome_at(d.log_index) if isinstance(d, _Draft) else d for d in drafts), "")
        fresh = [draft for draft in drafts if isinstance(draft, _Draft) and draft.is_change]
        capture_id = node.random_bytes(16).hex()
        events = [
            _place(node, submitter, draft, batch.size + offset, now_ms, capture_id)
            for offset, draft in enumerate(fresh)
        ]
        batch.add([(event, [draft.link]) for event, draft in zip(events, fresh, strict=True)])
        records = [
            StoredRecord(d.uri, d.version, event.log_index, submitter.party_id, write_kept(d.kept))
            for event, d in zip(events, fresh, strict=True)
        ]
        batch.put_records(records)
        receipt = sign_receipt(node, capture_id, now_ms, events) if events else ""
        placed = {record.uri: record.log_index for record in records}
        outcomes = [
            d.outcome_at(placed.get(d.uri, d.log_index)) if isinstance(d, _Draft) else d for d in drafts
        ]
        if name:
            kept = StoredBatch(submitter.party_id, name.text, name.digest, now_ms, _pack(outcomes), receipt)
            batch.add_record_batch(kept, kept_from_ms=kept_from_ms)
    return Batch(tuple(outcomes), receipt)


def _as_made(name: BatchName, known: StoredBatch) -> Batch:
    if known.digest != name.digest:
        raise Conflict(
            f"{name.text!r} names another batch, which was made: give each batch a name of its own"
        )
    return Batch(tuple(_unpack(known.outcomes)), known.receipt)


def _pack(outcomes: Sequence[Changed | LedgerError]) -> bytes:
    """As it is kept: a list for each change, or the reason why it was not made."""
    told = [
        [o.uri, o.outcome, o.version, o.log_index] if isinstance(o, Changed) else str(o) for o in outcomes
    ]
    return zlib.compress(json.dumps(told).encode())


def _unpack(packed: bytes) -> Iterator[Changed | LedgerError]:
    for told in json.loads(zlib.decompress(packed)):
        yield Invalid(told) if isinstance(told, str) else Changed(*told)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A record before and after a change."""

    uri: str
    before: StoredRecord | None
    before_kept: tuple[Kept, ...]
    kept: tuple[Kept, ...]

    @property
    def is_change(self) -> bool:
        return self.kept != self.before_kept

    @property
    def version(self) -> int:
        return (self.before.version if self.before else 0) + self.is_change

    @property
    def log_index(self) -> int:
        """Where the newest change stood before this one; 0 when there was none."""
        return self.before.log_index if self.before else 0

    @property
    def link(self) -> ItemLink:
        return ItemLink(item_key(self.uri), self.uri, RECORD_ROLE)

    def outcome_at(self, log_index: int) -> Changed:
        outcome: Outcome = "updated" if self.before_kept else "registered"
        if not self.kept:
            outcome = "deleted"
        return Changed(self.uri, outcome if self.is_change else "unchanged", self.version, log_index)


def _find_foreign(node: Node, submitter: ApiKey, changes: Sequence[Change]) -> Mapping[str, NotAllowed]:
    """For whose identifiers the submitter may not speak."""
    may_speak, prefixes = speaker(node, submitter), node.prefixes.index()
    foreign = {}
    for uri in {change.uri for change in changes}:
        if not may_speak(uri):
            holder = next((entry.text for entry in prefixes.above(uri)), "") or "none"
            foreign[uri] = NotAllowed(
                f"party {submitter.party_id} may not speak for {uri}: prefix {holder} is registered to "
                "another account; have the prefix delegated to you"
            )
    return foreign


def _draft_all(
    node: Node, batch: Append, changes: Sequence[Change], foreign: Mapping[str, NotAllowed], now_ms: int
) -> list[_Draft | LedgerError]:
    stored = batch.records([change.uri for change in changes])
    timestamp = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    values_of = _reader_of(batch)
    drafts: list[_Draft | LedgerError] = []
    seen = set()
    for change in changes:
        try:
            if change.uri in foreign:
                raise foreign[change.uri]
            if change.uri in seen:
                raise Invalid(f"{change.uri} stands twice in the batch: change it once")
            drafts.append(_draft(node, change, stored.get(change.uri), timestamp, values_of))
            seen.add(change.uri)
        except (Invalid, Conflict, NotFound, NotAllowed) as error:
            drafts.append(error)
    return drafts


def _reader_of(batch: Append) -> Callable[[str], Sequence[Value]]:
    """The values of other records, by identifier in any spelling; each is read once."""

    @cache
    def values_of(text: str) -> Sequence[Value]:
        uri = parse_identifier(text).uri
        stored = batch.records([uri]).get(uri)
        return [entry.value for entry in read_kept(stored.kept)] if stored else []

    return values_of


def _draft(
    node: Node,
    change: Change,
    stored: StoredRecord | None,
    timestamp: str,
    values_of: Callable[[str], Sequence[Value]],
) -> _Draft:
    before = read_kept(stored.kept) if stored else ()
    after = apply_change(change, [entry.value for entry in before], timestamp)
    check_record(change.uri, after, values_of)
    known = {entry.value: entry for entry in before}
    kept = tuple(known.get(value) or Kept(value, _salt(node, value)) for value in after)
    return _Draft(change.uri, stored, before, kept)


def _salt(node: Node, value: Value) -> bytes | None:
    return None if value.is_public else node.random_bytes(SALT_BYTES)


def _refuse(drafts: Sequence[_Draft | LedgerError]) -> None:
    failed = [(number, error) for number, error in enumerate(drafts) if isinstance(error, LedgerError)]
    if not failed:
        return
    problems = [problem for number, error in failed for problem in _problems(number, error)]
    kind = NotAllowed if all(isinstance(error, NotAllowed) for _, error in failed) else Invalid
    raise kind(f"{len(failed)} of {len(drafts)} changes cannot be made, so none was", problems)


def _problems(number: int, error: LedgerError) -> Iterator[Problem]:
    inner: Sequence[Problem] = getattr(error, "problems", ())
    if not inner:
        yield Problem(f"/{number}", str(error))
    yield from (Problem(f"/{number}/values{problem.pointer}", problem.message) for problem in inner)


def _place(
    node: Node, submitter: ApiKey, draft: _Draft, log_index: int, now_ms: int, capture_id: str
) -> StoredEvent:
    event_id = f"urn:uuid:{uuid.UUID(bytes=node.random_bytes(16), version=4)}"
    body, salt = change_body(event_id, draft.uri, draft.version, draft.kept), node.random_bytes(SALT_BYTES)
    root = ids_root([draft.link.key])
    entry = LeafEntry(commit(salt, body), now_ms, submitter.key_id, 1, root)
    return StoredEvent(
        log_index=log_index,
        identity=EventIdentity(event_id, None),
        event_type=RECORD_CHANGE,
        event_time_ms=now_ms,
        recorded_at_ms=now_ms,
        action=None,
        biz_step=None,
        disposition=None,
        read_point=None,
        biz_location=None,
        party_id=submitter.party_id,
        submitter_key_id=submitter.key_id,
        ids_count=entry.ids_count,
        ids_root=entry.ids_root,
        commitment=entry.commitment,
        leaf_hash=entry.hash,
        event_hash="",
        event_hash_21="",
        body=body,
        salt=salt,
        capture_id=capture_id,
    )
