"""What a page says about an item: its history from first to last event, with what could be proved of it.

Anchored events are taken from bundles that are made and verified here and now: the item's own, and one for
each item that it was inside or made from. What else the store says never counts as proved. Names of products,
places and parties are master data and no part of any proof.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeVar

from ledger.domain.bundle import Bundle, read_bundle
from ledger.domain.commitment import item_key
from ledger.domain.errors import ChainUnavailable, Invalid, NotYetAnchored
from ledger.domain.event_parser import parse_event
from ledger.domain.events import ErrorDeclaration, Event
from ledger.domain.identifiers import class_uri, parse_identifier
from ledger.domain.master_data import MasterData
from ledger.domain.records import RECORD_CHANGE
from ledger.domain.temperature import (
    Reading,
    TemperatureRange,
    find_distinct,
    find_excursions,
    find_readings,
    parse_range,
)
from ledger.domain.trace import EVENTS_MAX, LoggedEvent, TracedEvent, Via, trace
from ledger.node import Node
from ledger.ports import AnchorState, Party, Store, StoredEvent
from ledger.prove import prove_item
from ledger.verify import AnchorNotice, ChainSource, Refuted, Undetermined, Verdict, Verified, verify

logger = logging.getLogger("suyuan.history")

T = TypeVar("T")

ITEM_EVENTS_MAX: Final = 2_000
_NAMED_ITEMS_MAX: Final = 50  # per event: a pallet may hold thousands


class ProofState(Enum):
    """What is known of one event at this moment."""

    VERIFIED = "verified"
    REFUTED = "refuted"
    UNDETERMINED = "undetermined"
    WAITING = "waiting"  # captured, and not yet covered by a final anchor


@dataclass(frozen=True, slots=True)
class Proof:
    """The bundle of one item and the verdict on it; no bundle when none could be made."""

    uri: str
    bundle: Bundle | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """One event of the history.

    `event` is None where it is withheld, or `archived`. `path` leads from the item to whose event it is.
    `party` captured it, going by the submitter in the log. `declared` says why it was wrong, when it was
    declared in error.
    """

    log_index: int
    event: Event | None
    path: tuple[Via, ...]
    state: ProofState
    party: Party | None
    recorded_at_ms: int
    declared: ErrorDeclaration | None
    archived: bool
    readings: tuple[Reading, ...]
    excursions: tuple[Reading, ...]


@dataclass(frozen=True, slots=True)
class ItemHistory:
    """All that is known here of one item.

    `entries` are in order of time. `proofs` has the item's own first. `names` has the master data of every
    place, party and product that the entries mention, by URI. `complete` is False when a limit cut the
    history off.
    """

    uri: str
    product: MasterData | None
    storage: TemperatureRange | None
    entries: tuple[TimelineEntry, ...]
    proofs: tuple[Proof, ...]
    names: Mapping[str, MasterData]
    complete: bool

    @property
    def verdict(self) -> Verdict:
        """The worst of all verdicts: one refuted history refutes the whole."""
        return max((proof.verdict for proof in self.proofs), key=lambda verdict: _BADNESS[type(verdict)])

    @property
    def excursions(self) -> list[tuple[TimelineEntry, Reading]]:
        """Each excursion once, with the entry that tells most of it."""
        told = [(entry, reading) for entry in self.entries for reading in entry.excursions]
        return [told[place] for place in find_distinct([reading for _, reading in told])]

    @property
    def waiting(self) -> int:
        """How many events no final anchor covers yet."""
        return sum(entry.state is ProofState.WAITING for entry in self.entries)


_BADNESS: Final[Mapping[type, int]] = {Verified: 0, Undetermined: 1, Refuted: 2}


def item_history(node: Node, text: str, chain: ChainSource | None) -> ItemHistory:
    """The history of the item that `text` names, and the verdict on it, reached here and now.

    Costs one bundle for each item involved and asks the chain each question once. Raises Invalid for a wrong
    identifier; an item that nobody mentioned has a history without entries.
    """
    uri = parse_identifier(text).uri
    evidence = _Evidence(node, None if chain is None else AskOnce(chain))
    traced = trace(uri, evidence.events_of)
    mentioned = {uri, class_uri(uri)}.union(*(_mentioned(entry.event, entry.path) for entry in traced.events))
    names = node.store.master_data(sorted(mentioned))
    product = _product(uri, names)
    return ItemHistory(
        uri=uri,
        product=product,
        storage=parse_range(product.details) if product else None,
        entries=tuple(_entries(node, traced.events, evidence.records, uri, names)),
        proofs=tuple(evidence.proofs.values()),
        names=names,
        complete=traced.complete,
    )


# --------------------------------------------------------------------------- evidence


@dataclass(frozen=True, slots=True)
class _Record:
    """What is known of an event beside its content."""

    submitter_key_id: bytes
    recorded_at_ms: int
    state: ProofState
    archived: bool


class _Evidence:
    """Proofs of the items that the trace asks for, and a record of every event in them."""

    def __init__(self, node: Node, chain: ChainSource | None) -> None:
        self._node = node
        self._chain = chain
        self.proofs: dict[str, Proof] = {}
        self.records: dict[int, _Record] = {}

    def events_of(self, uri: str) -> list[LoggedEvent]:
        """All events of an item: those in its bundle, then those that no bundle covers yet."""
        proof = self.proofs[uri] = self._prove(uri)
        return [*self._proven(proof), *self._unproven(proof)]

    def _prove(self, uri: str) -> Proof:
        key = item_key(uri)
        frontier = self._node.store.item_frontiers([key]).get(key)
        if frontier is not None and frontier.size > EVENTS_MAX:
            return Proof(
                uri, None, Undetermined((), f"{frontier.size} events are too many to check on a page")
            )
        try:
            raw = prove_item(self._node, uri)
        except NotYetAnchored as error:
            return Proof(uri, None, Undetermined((), str(error)))
        return Proof(uri, read_bundle(raw), verify(raw, self._node.trust, self._chain))

    def _proven(self, proof: Proof) -> Iterator[LoggedEvent]:
        events = proof.bundle.events if proof.bundle else ()
        state = _STATE_OF[type(proof.verdict)]
        withheld = self._node.store.events_at([event.index for event in events if event.body is None])
        archived = {event.log_index for event in withheld if event.archived}
        for event in events:
            if event.body and event.body.get("type") == RECORD_CHANGE:
                continue  # proved with the others, and no part of what happened to the item
            entry = event.entry
            record = _Record(entry.submitter_key_id, entry.recorded_at_ms, state, event.index in archived)
            # The bundle of the nearer item speaks for an event that two items share.
            self.records.setdefault(event.index, record)
            yield LoggedEvent(event.index, _read(event.body))

    def _unproven(self, proof: Proof) -> Iterator[LoggedEvent]:
        store = self._node.store
        final = store.newest_anchor(AnchorState.FINAL)
        covered = final.anchor.size if final else 0
        start = proof.bundle.anchor.size if proof.bundle else 0
        for event in store.item_events(item_key(proof.uri), store.log_size(), start=start, limit=EVENTS_MAX):
            if event.event_type == RECORD_CHANGE:
                continue
            state = ProofState.UNDETERMINED if event.log_index < covered else ProofState.WAITING
            record = _Record(event.submitter_key_id, event.recorded_at_ms, state, event.archived)
            self.records.setdefault(event.log_index, record)
            yield LoggedEvent(event.log_index, read_stored(event))


class AskOnce:
    """A chain that is asked each question once, and nothing more after it failed to answer.

    Why it failed is for the operator: the chain's URL may hold a provider's key and stays out of verdicts.
    """

    def __init__(self, chain: ChainSource) -> None:
        self._chain = chain
        self._answers: dict[tuple[object, ...], Any] = {}
        self._failure: ChainUnavailable | None = None

    def chain_id(self) -> int:
        return self._ask(self._chain.chain_id)

    def anchor_hash(self, contract: bytes, log_id: bytes, number: int) -> bytes:
        return self._ask(self._chain.anchor_hash, contract, log_id, number)

    def notice(self, contract: bytes, log_id: bytes, number: int, block_number: int) -> AnchorNotice | None:
        return self._ask(self._chain.notice, contract, log_id, number, block_number)

    def newest_block(self) -> int:
        return self._ask(self._chain.newest_block)

    def final_block(self) -> int:
        return self._ask(self._chain.final_block)

    def _ask(self, question: Callable[..., T], *arguments: object) -> T:
        if self._failure is not None:
            raise self._failure
        asked = (question.__name__, *arguments)
        try:
            answer: T = self._answers[asked] if asked in self._answers else question(*arguments)
        except ChainUnavailable as error:
            logger.warning("%s", error)
            self._failure = ChainUnavailable("the chain that this node uses did not answer")
            raise self._failure from error
        self._answers[asked] = answer
        return answer


_STATE_OF: Final[Mapping[type, ProofState]] = {
    Verified: ProofState.VERIFIED,
    Refuted: ProofState.REFUTED,
    Undetermined: ProofState.UNDETERMINED,
}


def logged_events(store: Store, uri: str) -> list[LoggedEvent]:
    """The first `ITEM_EVENTS_MAX` events of an item as they are stored: for what needs no proof."""
    found = store.item_events(item_key(uri), store.log_size(), limit=ITEM_EVENTS_MAX)
    return [LoggedEvent(e.log_index, read_stored(e)) for e in found if e.event_type != RECORD_CHANGE]


def read_stored(event: StoredEvent) -> Event | None:
    """The event; None when it is erased, or so altered that it is no event any more."""
    return _read(None if event.body is None else json.loads(event.body))


def _read(body: Mapping[str, Any] | None) -> Event | None:
    """The event of a stored body; None when it is withheld, or so altered that it is no event any more."""
    try:
        return None if body is None else parse_event(dict(body))
    except Invalid:
        return None


# --------------------------------------------------------------------------- entries


def _entries(
    node: Node,
    traced: Sequence[TracedEvent],
    records: Mapping[int, _Record],
    uri: str,
    names: Mapping[str, MasterData],
) -> Iterator[TimelineEntry]:
    events = [entry.event for entry in traced if entry.event]
    declarations = {event.event_id: event.error_declaration for event in events if event.error_declaration}
    repeated = {event.event_id for event in events if not event.error_declaration}
    parties = _Parties(node)
    for log_index, event, path in ((entry.log_index, entry.event, entry.path) for entry in traced):
        if event and event.error_declaration and event.event_id in repeated:
            continue  # shown as the reason why the event that it repeats is struck out
        declared = declarations.get(event.event_id) if event else None
        readings = find_readings(event) if event and not declared else ()
        allowed = _allowed_on(uri, path, names)
        record = records[log_index]
        yield TimelineEntry(
            log_index=log_index,
            event=event,
            path=path,
            state=record.state,
            party=parties.of_key(record.submitter_key_id),
            recorded_at_ms=record.recorded_at_ms,
            declared=declared,
            archived=record.archived,
            readings=readings,
            excursions=find_excursions(readings, allowed),
        )


class _Parties:
    """Who owns an API key, each looked up once."""

    def __init__(self, node: Node) -> None:
        self._store = node.store
        self._known: dict[bytes, Party | None] = {}

    def of_key(self, key_id: bytes) -> Party | None:
        if key_id not in self._known:
            key = self._store.api_key(key_id)
            self._known[key_id] = self._store.party(key.party_id) if key else None
        return self._known[key_id]


def _allowed_on(uri: str, path: Iterable[Via], names: Mapping[str, MasterData]) -> TemperatureRange | None:
    """The range of what was there at that point of the path: of an ingredient, its own."""
    ingredient = [via.uri for via in path if via.kind == "made_from"]
    product = _product(ingredient[-1] if ingredient else uri, names)
    return parse_range(product.details) if product else None


def _product(uri: str, names: Mapping[str, MasterData]) -> MasterData | None:
    found = names.get(uri) or names.get(class_uri(uri))
    return found if found and found.kind == "product" else None


def _mentioned(event: Event | None, path: Iterable[Via]) -> set[str]:
    """What an entry needs names for."""
    items = [via.uri for via in path]
    others: list[str] = []
    if event:
        items += [uri for uri, _ in event.items()[:_NAMED_ITEMS_MAX]]
        others += [place.uri for place in (event.read_point, event.biz_location) if place]
        others += [end.uri for end in (*event.sources, *event.destinations)]
    mentioned = [*items, *others]
    return {*mentioned, *map(class_uri, mentioned)}
