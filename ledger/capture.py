"""Capture: a document comes in, events with commitments stand in the log, a receipt goes out.

Parse once, report every fault, ask who may speak for the identifiers, then one SQL transaction.
When `capture` returns, the events are durable; anchoring follows later and is never waited for.
"""

import codecs
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Final, Literal

from ledger import fast_json
from ledger.domain.access import claimed_uris
from ledger.domain.canonical_json import JsonValue
from ledger.domain.commitment import SALT_BYTES, LeafEntry, commit, ids_root, item_key
from ledger.domain.epc_format import new_company_prefixes
from ledger.domain.errors import Conflict, Invalid, NotAllowed, Problem, TooLarge
from ledger.domain.event_facts import Facts, event_facts, to_ms
from ledger.domain.event_hash import event_hashes
from ledger.domain.event_parser import Document, parse_document
from ledger.domain.events import Event, event_to_json, mint_event_id
from ledger.domain.master_data import MasterData, merge_entries
from ledger.node import Node
from ledger.ports import ApiKey, Append, CaptureJob, EventIdentity, ItemLink, StoredEvent
from ledger.rules import judge_events, know_places
from ledger.xml import parse_xml

ErrorBehaviour = Literal["rollback", "proceed"]
MaySpeak = Callable[[str], bool]
"""Whether the submitter may speak for an identifier."""

RECEIPT_FORMAT = "suyuan-receipt/1"
_TRIES: Final = 3
"""How often a document is taken that arrives several times at once."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An event that is ready for the log, all but its place and time."""

    pointer: str
    event: Event
    identity: EventIdentity
    body: bytes
    salt: bytes
    commitment: bytes
    links: tuple[ItemLink, ...]
    ids_count: int
    ids_root: bytes
    event_hashes: tuple[str, str]  # CBV 2.0 and 2.1
    facts: Facts
    company_prefixes: frozenset[str]  # that its EPC URNs spell


def capture(
    node: Node, submitter: ApiKey, raw: bytes, error_behaviour: ErrorBehaviour = "rollback"
) -> CaptureJob:
    """The finished capture job, with its signed receipt.

    An event that is already captured, same in every byte, is not captured again and stands in the
    receipt, so a request may be repeated. With "rollback" a document with any fault raises
    Invalid, NotAllowed or Conflict and nothing is stored; with "proceed" its good events are
    captured and the job lists the others. Master data in the header is kept where the submitter
    may speak for it. ForkDetected while the node does not write.
    """
    node.check_not_halted()
    return _capture(node, submitter, _parse(node, raw), error_behaviour)[0]


def capture_event(node: Node, submitter: ApiKey, raw: bytes) -> StoredEvent:
    """The event, newly captured; `raw` is one event and not a document.

    Raises as `capture` does with "rollback", and Conflict when this very event is already captured.
    """
    node.check_not_halted()
    document = _parse(node, raw)
    _refuse(document.problems, ())
    if [at for at, _ in document.events] != [""]:
        raise Invalid("expected one event, found a document or a list: send it to /capture")
    _, (event,) = _capture(node, submitter, document, "rollback", all_new=True)
    return event


def _capture(
    node: Node,
    submitter: ApiKey,
    document: Document,
    error_behaviour: ErrorBehaviour,
    *,
    all_new: bool = False,
) -> tuple[CaptureJob, list[StoredEvent]]:
    """The job, and the events of the document that now stand in the log."""
    drafts = _draft(node, document)
    may_speak = speaker(node, submitter)
    foreign = _find_foreign(node, submitter, may_speak, drafts)
    if error_behaviour == "rollback":
        _refuse(document.problems, foreign)
    refused = {problem.pointer for problem in foreign}
    allowed = [draft for draft in drafts if draft.pointer not in refused]
    world = know_places(node, [draft.event for draft in allowed])
    own, unasked = _find_own(may_speak, document.master_data)

    def append(arrived: _Arrived, batch: Append) -> tuple[CaptureJob, list[StoredEvent]]:
        created_ms = max(node.clock(), batch.recorded_at_ms)
        fresh = arrived.fresh
        findings = judge_events(node, batch, [(draft.pointer, draft.event) for draft in fresh], world)
        broken = [finding for finding in findings if finding.mode == "refuse"]
        if error_behaviour == "rollback":
            _refuse([finding.problem for finding in broken], ())
        not_allowed = {finding.at for finding in broken}
        fresh = [draft for draft in fresh if draft.pointer not in not_allowed]
        batch.put_master_data(merge_entries(batch.master_data([e.uri for e in own]), own))
        capture_id = node.random_bytes(16).hex()
        events = [
            _place(submitter, draft, batch.size + offset, created_ms, capture_id)
            for offset, draft in enumerate(fresh)
        ]
        batch.add([(event, draft.links) for draft, event in zip(fresh, events, strict=True)])
        batch.index([(event.log_index, draft.facts) for draft, event in zip(fresh, events, strict=True)])
        _keep_company_prefixes(node, batch, fresh)
        captured = arrived.captured + events
        problems = [
            *document.problems,
            *foreign,
            *arrived.conflicts,
            *(finding.problem for finding in broken),
        ]
        warnings = [(finding.rule, finding.problem) for finding in findings if finding.mode == "warn"]
        job = CaptureJob(
            capture_id=capture_id,
            party_id=submitter.party_id,
            created_ms=created_ms,
            finished_ms=max(node.clock(), created_ms),
            success=not problems,
            error_behaviour=error_behaviour,
            errors=_errors_json(problems, [*warnings, *unasked]),
            receipt=sign_receipt(node, capture_id, created_ms, captured) if captured else "",
        )
        batch.add_job(job)
        return job, captured

    turns_left = _TRIES
    while True:
        arrived = _sort_out(node.store.captured_events([draft.identity for draft in allowed]), allowed)
        if arrived.conflicts and error_behaviour == "rollback":
            raise Conflict(str(arrived.conflicts[0]))
        if arrived.captured and all_new:
            raise Conflict(f"event {arrived.captured[0].identity.event_id} is already captured")
        try:
            return node.store.append_together(partial(append, arrived))
        except Conflict:  # one of the events was captured since we looked: the document was sent twice
            turns_left -= 1
            if not turns_left:
                raise


def read_document(raw: bytes) -> Document:
    """The document, in the JSON or the XML binding: no JSON begins with "<" or is UTF-16."""
    is_xml = raw.startswith(_UTF_16) or raw.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    return parse_xml(raw) if is_xml else parse_document(raw, fast_json.parse)


_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _parse(node: Node, raw: bytes) -> Document:
    document = read_document(raw)
    limit = node.settings.capture_limit_events
    if len(document.events) > limit:
        raise TooLarge(f"document has {len(document.events)} events, at most {limit} fit: split it")
    return document


def _refuse(problems: Sequence[Problem], foreign: Sequence[Problem]) -> None:
    if problems:
        raise Invalid(f"{len(problems)} problems in the document, nothing was captured", problems)
    if foreign:
        raise NotAllowed(
            f"{len(foreign)} events speak for identifiers of others, nothing was captured", foreign
        )


def _find_own(
    may_speak: MaySpeak, entries: Iterable[MasterData]
) -> tuple[list[MasterData], list[tuple[str, Problem]]]:
    """The master data that the submitter may give, and a warning for each of the others.

    They refuse nothing: documents describe the partners' places as well, for those who do not know them.
    """
    own: list[MasterData] = []
    unasked = []
    for entry in entries:
        if may_speak(entry.uri):
            own.append(entry)
        else:
            message = f"{entry.uri} belongs to another party, so what is said of it here is not kept"
            unasked.append(("master_data", Problem("/epcisHeader", message)))
    return own, unasked


def _errors_json(problems: Iterable[Problem], warnings: Iterable[tuple[str, Problem]]) -> str:
    errors = [{"pointer": p.pointer, "message": p.message} for p in problems]
    errors += [{"pointer": p.pointer, "message": p.message, "warning": rule} for rule, p in warnings]
    return json.dumps(errors)


def _draft(node: Node, document: Document) -> list[Draft]:
    """The events of the document.

    Each step is taken for all of them before the next one: a processor that does the same thing a hundred
    times takes two thirds of the time that it takes to do all of it for one event after another.
    """
    events = [_with_event_id(event) for _, event in document.events]
    identities = [_identify(event) for event in events]
    links = [tuple([ItemLink(item_key(uri), uri, role) for uri, role in event.items()]) for event in events]
    keys = [{link.key for link in of_event} for of_event in links]
    roots = [ids_root(of_event) for of_event in keys]
    stored = [event_to_json(event) for event in events]
    bodies = [fast_json.encode(value) for value in stored]
    random = node.random_bytes(SALT_BYTES * len(events))
    salts = [random[start : start + SALT_BYTES] for start in range(0, len(random), SALT_BYTES)]
    commitments = [commit(salt, body) for salt, body in zip(salts, bodies, strict=True)]
    hashes = [event_hashes(event) for event in events]
    facts = [event_facts(event) for event in events]
    spelled = document.company_prefixes
    return [
        Draft(
            pointer=pointer,
            event=events[number],
            identity=identities[number],
            body=bodies[number],
            salt=salts[number],
            commitment=commitments[number],
            links=links[number],
            ids_count=len(keys[number]),
            ids_root=roots[number],
            event_hashes=hashes[number],
            facts=facts[number],
            company_prefixes=spelled.get(pointer, frozenset()),
        )
        for number, (pointer, _) in enumerate(document.events)
    ]


def _with_event_id(event: Event) -> Event:
    return event if event.event_id is not None else replace(event, event_id=mint_event_id(event))


def _identify(event: Event) -> EventIdentity:
    assert event.event_id is not None
    declared = event.declaration_time
    return EventIdentity(event.event_id, None if declared is None else to_ms(declared))


def speaker(node: Node, submitter: ApiKey) -> MaySpeak:
    """Whether the submitter may speak for an identifier; each is looked up once."""
    account = node.prefixes.account_of(submitter.party_id)
    prefixes = node.prefixes.index()
    return cache(lambda uri: prefixes.may_speak(account, uri))


def _find_foreign(
    node: Node, submitter: ApiKey, may_speak: MaySpeak, drafts: Iterable[Draft]
) -> list[Problem]:
    """One problem for each event whose submitter may not speak for an identifier in it."""
    problems = []
    for draft in drafts:
        for uri in claimed_uris(draft.event):
            if not may_speak(uri):
                holder = next((entry.text for entry in node.prefixes.index().above(uri)), "")
                problems.append(
                    Problem(
                        draft.pointer,
                        f"party {submitter.party_id} may not speak for {uri}: "
                        f"prefix {holder or 'none'} is registered to another account; "
                        "record what you saw with action OBSERVE, or have the prefix delegated to you",
                    )
                )
                break
    return problems


@dataclass(frozen=True, slots=True)
class _Arrived:
    """The events of a document beside what is captured already."""

    captured: list[StoredEvent]
    fresh: list[Draft]
    conflicts: list[Problem]  # with what is captured, or with each other


def _sort_out(known: Mapping[EventIdentity, StoredEvent], drafts: Sequence[Draft]) -> _Arrived:
    captured: list[StoredEvent] = []
    fresh: dict[EventIdentity, Draft] = {}
    conflicts = []
    for draft in drafts:
        stored = known.get(draft.identity)
        if stored is not None and _same(stored, draft):
            captured.append(stored)
        elif stored is not None or fresh.setdefault(draft.identity, draft).body != draft.body:
            conflicts.append(Problem(draft.pointer, _contradiction(draft.identity.event_id, stored)))
    return _Arrived(captured, list(fresh.values()), conflicts)


def _contradiction(event_id: str, stored: StoredEvent | None) -> str:
    if stored is not None and stored.salt is None:
        return (
            f"event {event_id} was captured, and erased since: it stands in the log without its content, "
            "and is not captured again; give a new event an eventID of its own"
        )
    return (
        f"eventID {event_id} already stands with other content: "
        "give this event its own eventID, or declare the first one in error"
    )


def _same(stored: StoredEvent, draft: Draft) -> bool:
    """Whether the log committed to this very body; an erased one can no longer be compared."""
    return stored.salt is not None and commit(stored.salt, draft.body) == stored.commitment


def _place(
    submitter: ApiKey, draft: Draft, log_index: int, recorded_at_ms: int, capture_id: str
) -> StoredEvent:
    event = draft.event
    entry = LeafEntry(
        commitment=draft.commitment,
        recorded_at_ms=recorded_at_ms,
        submitter_key_id=submitter.key_id,
        ids_count=draft.ids_count,
        ids_root=draft.ids_root,
    )
    hash_20, hash_21 = draft.event_hashes
    return StoredEvent(
        log_index=log_index,
        identity=draft.identity,
        event_type=event.type,
        event_time_ms=to_ms(event.event_time),
        recorded_at_ms=recorded_at_ms,
        action=event.action,
        biz_step=event.biz_step,
        disposition=event.disposition,
        read_point=event.read_point.uri if event.read_point else None,
        biz_location=event.biz_location.uri if event.biz_location else None,
        party_id=submitter.party_id,
        submitter_key_id=submitter.key_id,
        ids_count=draft.ids_count,
        ids_root=draft.ids_root,
        commitment=draft.commitment,
        leaf_hash=entry.hash,
        event_hash=hash_20,
        event_hash_21=hash_21,
        body=draft.body,
        salt=draft.salt,
        capture_id=capture_id,
        arrived_as_urn=bool(draft.company_prefixes),
    )


def _keep_company_prefixes(node: Node, batch: Append, drafts: Iterable[Draft]) -> None:
    """Learn from the EPC URNs of what is captured where company prefixes end."""
    spelled = frozenset[str]().union(*(draft.company_prefixes for draft in drafts))
    new = new_company_prefixes(spelled, node.prefixes.spelled())
    if new:
        batch.add_company_prefixes(new)
        node.prefixes.forget()


def sign_receipt(node: Node, capture_id: str, captured_ms: int, events: Iterable[StoredEvent]) -> str:
    """The node's signed promise: these commitments stand at these indices and will be anchored in time."""
    promise: dict[str, JsonValue] = {
        "captureID": capture_id,
        "logId": node.log.log_id.hex(),
        "capturedAt": captured_ms,
        "anchoredBy": captured_ms + node.settings.anchor_promise_seconds * 1000,
        "events": [
            {"eventID": e.identity.event_id, "index": e.log_index, "commitment": e.commitment.hex()}
            for e in sorted(events, key=lambda e: e.log_index)
        ],
    }
    return node.signer.sign(f"{RECEIPT_FORMAT}\n{fast_json.encode(promise).decode()}\n")
