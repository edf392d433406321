"""What the services need from the world: a store (SQL) and a chain (Ethereum JSON-RPC).

`ledger.store` and `ledger.chain` implement these; services import only this file and
`ledger.domain`. Bytes are raw, times are aware UTC datetimes or milliseconds since 1970.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal, Protocol, TypeVar

from ledger.domain.access import PrefixEntry
from ledger.domain.alarm_policy import Policy
from ledger.domain.alarms import Acknowledgement, Alarm, AlarmStanding, Telling
from ledger.domain.anchor import Anchor
from ledger.domain.carriers import Binding, Carrier, Heard
from ledger.domain.cold_chain.excursion_event import Moment
from ledger.domain.cold_chain.profile import Profile
from ledger.domain.cold_chain.reading import Reading
from ledger.domain.cold_chain.watch import Excursion, Watch
from ledger.domain.event_facts import Facts
from ledger.domain.event_query import EventQuery, Position
from ledger.domain.item_map import Tile
from ledger.domain.label_scans import LabelScan
from ledger.domain.links import Link
from ledger.domain.master_data import MasterData
from ledger.domain.merkle import Frontier
from ledger.domain.month import Month
from ledger.domain.print_job import PrintJob
from ledger.domain.registry import Change, ChangeKind
from ledger.domain.resolution_counts import Counted, Tally
from ledger.domain.rules import Part
from ledger.domain.telemetry import Message, Outcome

T = TypeVar("T")

QUERY_SECONDS: Final = 10.0
"""How long a query may look for events, when nothing else is said."""

# --------------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class EventIdentity:
    """What makes two captures the same event: an error declaration shares the eventID of the
    event that it corrects, so the declaration's time belongs to the identity (EPCIS 2.0, 7.4.1.2)."""

    event_id: str
    declared_ms: int | None  # errorDeclaration.declarationTime


@dataclass(frozen=True, slots=True)
class ItemLink:
    """One identifier of an event, and the part that it plays there."""

    key: bytes  # item key K
    uri: str  # canonical identifier URI
    role: str  # "epc", "parent", "child", "input", "output", "class", ...


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One captured event, as it stands in the log at `log_index`."""

    log_index: int
    identity: EventIdentity
    event_type: str
    event_time_ms: int
    recorded_at_ms: int
    action: str | None
    biz_step: str | None
    disposition: str | None
    read_point: str | None
    biz_location: str | None
    party_id: str
    submitter_key_id: bytes
    ids_count: int
    ids_root: bytes
    commitment: bytes
    leaf_hash: bytes
    event_hash: str  # CBV 2.0
    event_hash_21: str  # CBV 2.1
    body: bytes | None  # JCS of the stored event; None once erased or archived
    salt: bytes | None
    capture_id: str
    arrived_as_urn: bool = False  # it came with EPC URNs, and not with Digital Links alone

    @property
    def archived(self) -> bool:
        """Whether its body is kept elsewhere: who erases an event deletes the salt as well."""
        return self.body is None and self.salt is not None


@dataclass(frozen=True, slots=True)
class RecordedMonth:
    """A month in which events were recorded: those with start <= log_index < stop."""

    month: Month
    start: int
    stop: int
    archived: bool  # their bodies are not here


@dataclass(frozen=True, slots=True)
class CaptureJob:
    """One capture request and what became of it (EPCIS 2.0, 12.6)."""

    capture_id: str
    party_id: str
    created_ms: int
    finished_ms: int
    success: bool
    error_behaviour: Literal["rollback", "proceed"]
    errors: str  # JSON list of {"pointer", "message"}; with {"warning": rule} it was captured all the same
    receipt: str  # signed note, "" when nothing was captured


@dataclass(frozen=True, slots=True)
class FoundEvent:
    """An answer to a query, and where it stands in the query's order."""

    event: StoredEvent
    position: Position


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """An identifier's record after its newest change."""

    uri: str
    version: int  # how often it was changed, its registration included
    log_index: int  # where the newest change stands
    party_id: str  # who made it
    kept: str  # JSON, as `ledger.domain.records.write_kept` gives it; "[]" when it was deleted


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch of changes of records that was made, under the name that its sender gave it."""

    party_id: str
    name: str
    digest: bytes  # of what was sent
    made_ms: int
    outcomes: bytes  # as `ledger.records` packs them
    receipt: str


KnownColumn = Literal["biz_step", "disposition", "read_point", "biz_location"]

NO_PLACE: Final = (-1, -1)
"""Before every notice on a chain, as (block number, log index)."""


class Append(Protocol):
    """One write transaction in which nobody else can extend the log; commits when left in peace."""

    @property
    def size(self) -> int:
        """The index that the next leaf gets."""

    @property
    def recorded_at_ms(self) -> int:
        """When the newest leaf was recorded; 0 for an empty log. Later leaves are not earlier."""

    def add(self, events: Sequence[tuple[StoredEvent, Sequence[ItemLink]]]) -> None:
        """Add events with consecutive indices from `size`, and their links. Each link (key, role) stands once
        in its event. When an identity is already captured, the transaction ends with Conflict."""

    def index(self, facts: Sequence[tuple[int, Facts]]) -> None:
        """Let queries find events that were added, each given by its log index, by these facts."""

    def parts(self, uris: Sequence[str]) -> list[Part]:
        """What began, ended, packed or unpacked these items, as captured before, in log order. Events that
        were declared in error are not among it."""

    def master_data(self, uris: Sequence[str]) -> Mapping[str, MasterData]:
        """As `Store.master_data`."""

    def put_master_data(self, entries: Sequence[MasterData]) -> None:
        """As `Store.put_master_data`, in this transaction."""

    def add_company_prefixes(self, prefixes: Collection[str]) -> None:
        """Keep GS1 company prefixes; those that are there already stay as they are."""

    def records(self, uris: Sequence[str]) -> Mapping[str, StoredRecord]:
        """As `Store.records`."""

    def put_records(self, records: Sequence[StoredRecord]) -> None:
        """Save the records, each in place of the one that stands under its identifier."""

    def record_batch(self, party_id: str, name: str) -> StoredBatch | None:
        """The batch that a party sent under this name, while it is kept."""

    def add_record_batch(self, batch: StoredBatch, *, kept_from_ms: int) -> None:
        """Keep a batch beside its changes; those made before `kept_from_ms` go."""

    def add_job(self, job: CaptureJob) -> None:
        """Record the capture job beside its events."""


# --------------------------------------------------------------------------- anchors


class AnchorState(Enum):
    """How far an anchor is; each state is durable before the next step is taken."""

    PREPARED = "prepared"  # size and roots are fixed, the checkpoint is signed
    SIGNED = "signed"  # at least one raw tx is saved; it may or may not have been sent
    MINED = "mined"  # a block holds it; the block may still be replaced
    FINAL = "final"  # the block is final


@dataclass(frozen=True, slots=True)
class SignedTx:
    """A raw tx, saved before it is sent. Sending the same bytes again is harmless."""

    tx_hash: bytes
    raw: bytes
    nonce: int
    gas_price_wei: int  # the price (legacy) or the highest price (EIP-1559) per gas


@dataclass(frozen=True, slots=True)
class Block:
    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class AnchorRecord:
    """An anchor, its signed checkpoint and its way to the chain."""

    anchor: Anchor
    note: str  # signed checkpoint
    state: AnchorState
    txs: tuple[SignedTx, ...]  # candidates with one nonce, oldest first
    tx_hash: bytes | None  # the one that was mined
    block: Block | None
    prepared_ms: int


@dataclass(frozen=True, slots=True)
class TreeGrowth:
    """What an anchor adds to the caches of log and item map; saved in the step that makes it final."""

    log_nodes: Mapping[tuple[int, int], bytes]  # (level, index) -> hash, level in 8, 16, 24, ...
    tiles: Mapping[str, Tile]  # nibble prefix -> tile, new or replaced
    items: Mapping[bytes, Frontier]  # item key -> its mini-log


# --------------------------------------------------------------------------- parties, prefixes


Role = Literal["admin", "manufacturer", "logistics", "coldchain", "regulator"]


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation. `account` is its chain account (20 bytes), by which it owns prefixes."""

    party_id: str
    name: str
    name_zh: str
    account: bytes


@dataclass(frozen=True, slots=True)
class ApiKey:
    key_id: bytes  # SHA-256 of the key's public part; stands in log leaves as the submitter
    secret_hash: bytes  # SHA-256 of the whole key, which is never kept
    party_id: str
    role: Role
    created_ms: int
    revoked_ms: int | None


# --------------------------------------------------------------------------- cold chain


@dataclass(frozen=True, slots=True)
class WatchedBinding:
    """A binding with a profile, and how far the carrier's readings in it are folded."""

    binding: Binding
    profile: Profile  # as it was when the carrier was bound
    revision: int  # counts what came
    dirty_ms: int | None  # the oldest reading that came since; None: all is folded
    watch: Watch
    base_ms: int | None = None  # messages up to then may be withheld: it is not folded anew from before
    base: Watch = field(default_factory=Watch)  # as it stood then


@dataclass(frozen=True, slots=True)
class SilentWatch:
    """A watched binding in which nothing was measured for so long that it is an alarm, since `silent_ms`."""

    watched: WatchedBinding
    silent_ms: int


@dataclass(frozen=True, slots=True)
class AlarmRecord:
    """An alarm, how it stands now, and who acknowledged it."""

    alarm: Alarm
    standing: AlarmStanding
    acknowledgement: Acknowledgement | None


@dataclass(frozen=True, slots=True)
class AlarmTry:
    """One try to tell of an alarm; `problem` is "" when it was taken."""

    policy: str
    step: int
    attempt: int
    at_ms: int
    problem: str


ExcursionState = Literal["due", "captured", "refused", "retracted"]


@dataclass(frozen=True, slots=True)
class ExcursionEvent:
    """What is to be captured of an excursion, or was. `declares`: that what was captured was an error."""

    carrier_id: str
    from_ms: int  # of the binding
    moment: Moment
    declares: bool
    key_id: bytes  # API key to capture it under
    document: str
    state: ExcursionState = "due"
    problem: str = ""  # why capture refused it
    number: int = 0  # the store's; 0 before it is saved


@dataclass(frozen=True, slots=True)
class FoldedWatch:
    """What folding the readings of a binding came to."""

    watched: WatchedBinding  # as it was read
    watch: Watch
    excursions: Sequence[Excursion]  # in place of those with the same beginning
    events: Sequence[ExcursionEvent]  # that are to be captured
    retracted: Sequence[int]  # numbers of events that are so no longer
    alarms: Sequence[Alarm]  # of what opened
    silent_ms: int  # from when on silence is an alarm
    undone: Mapping[str, int]  # rule -> excursions are in place of those that began from then on


@dataclass(frozen=True, slots=True)
class RegistryHead:
    """How far the notices of the registry were read, and in which block that was.

    `block` is None before the first. `revision` grows whenever changes are taken back.
    """

    block: Block | None
    revision: int


@dataclass(frozen=True, slots=True)
class LoggerImport:
    """A logger file that a party took in for a carrier."""

    import_id: str
    carrier_id: str
    party_id: str
    imported_ms: int
    file_name: str
    file_hash: bytes  # SHA-256
    mapping: str
    added: int  # readings that were new


@dataclass(frozen=True, slots=True)
class ToldReading:
    """A reading, and who vouches for it."""

    reading: Reading
    imported_by: str = ""  # the party; "": the carrier signed it


SealState = Literal["due", "captured", "refused", "withheld"]
"""`withheld`: its messages were removed by policy."""


@dataclass(frozen=True, slots=True)
class Seal:
    """A Merkle root over messages of a carrier, and the document that takes it into the log."""

    seal_id: str
    carrier_id: str
    sealed_ms: int
    messages: int
    root: bytes
    event_id: str
    key_id: bytes  # API key to capture it under
    state: SealState
    document: str
    withheld_ms: int | None = None  # since when


# --------------------------------------------------------------------------- subscriptions


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A query that somebody gave a name. It is never changed, only removed."""

    name: str
    party_id: str
    definition: str  # JSON, as `EventQuery.to_json` gives it
    created_ms: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a standing query has come in the log, and when it runs next."""

    position: int  # the first log index that no report has covered
    running: bool  # a run is under way: more may follow at once
    next_run_ms: int | None  # when the schedule runs next; None for a stream
    min_record_ms: int  # when it ran last; the initial record time before that


@dataclass(frozen=True, slots=True)
class Subscription:
    """A standing query with a webhook."""

    subscription_id: str
    query_name: str
    party_id: str
    dest: str  # URL of the receiver
    signature_token: str  # "" when reports are not signed
    schedule: str  # JSON, as `Schedule.to_json` gives it; "" for a stream
    report_if_empty: bool
    media_type: str
    epc_format: str
    cbv_xml_format: str
    initial_record_ms: int
    created_ms: int
    last_notified_ms: int | None
    events_max: int  # in one delivery
    progress: Progress


@dataclass(frozen=True, slots=True)
class Delivery:
    """One report on its way to the receiver. Ids sort in the order of the log."""

    delivery_id: str
    subscription_id: str
    events: tuple[int, ...]  # log indices; empty: the query had no answers
    created_ms: int
    attempts: int
    due_ms: int  # not to be sent before
    problem: str  # why the last attempt failed
    dead: bool  # given up


class Answers(Protocol):
    """What resolution reads for many requests, in one transaction."""

    @property
    def revision(self) -> int:
        """Another number after every change of what is read here; what is read is not older than it."""

    def links_at(self, anchors: Sequence[str]) -> list[Link]:
        """As `Store.links_at`."""

    def records(self, uris: Sequence[str]) -> Mapping[str, StoredRecord]:
        """As `Store.records`."""


class Store(Protocol):
    """The SQL index. Every method is one transaction unless it says otherwise.

    Any method may raise StoreUnavailable: try again later. What was being written is then in
    the store either wholly or not at all.
    """

    def append(self) -> AbstractContextManager[Append]:
        """A write transaction on the log: durable when the block ends, undone when it raises.
        Call no other writing method inside the block. Raises Conflict when an event's identity is already
        captured."""

    def append_together(self, do: Callable[[Append], T]) -> T:
        """What `do` returns, once what it appended is durable; when it raises, nothing of it stays.

        What several threads want at once is done in one transaction, one after another, so `do` may run in
        another thread, and once more when what went before it was refused: all it changes is the batch.
        Raises as `append` does.
        """

    # events
    def log_size(self) -> int: ...
    def event(self, log_index: int) -> StoredEvent:
        """Raises NotFound when the log ends before it."""

    def events_between(self, start: int, stop: int) -> list[StoredEvent]:
        """Events with start <= log_index < stop, in log order; a missing one is just not there."""

    def events_at(self, indices: Sequence[int]) -> list[StoredEvent]:
        """The events at these log indices, in log order; a missing one is just not there."""

    def captured_events(self, identities: Sequence[EventIdentity]) -> Mapping[EventIdentity, StoredEvent]:
        """Those of `identities` that are already captured."""

    def events_by_id(self, event_id: str) -> list[StoredEvent]:
        """The event and its error declarations, in log order; empty when unknown."""

    def item_events(self, key: bytes, size: int, *, start: int = 0, limit: int) -> list[StoredEvent]:
        """Events of an item with start <= index < size, in log order, each once."""

    def item_links(self, key: bytes, size: int) -> list[tuple[int, bytes]]:
        """(log_index, leaf_hash) of all events of an item with index below `size`, in log order."""

    # months
    def months(self) -> list[RecordedMonth]:
        """Months in which events were recorded, the oldest first."""

    def detach_month(self, month: Month) -> str:
        """Take out the bodies of a month; the name of the table that has them from then on. Raises Invalid
        for a month that is not over and on SQLite, NotFound when its bodies are not here."""

    def attach_month(self, month: Month) -> None:
        """Put the bodies of a month back, whose table is in the database. Raises NotFound when it is not,
        Conflict when the month is here already or the table has bodies of another."""

    # queries
    def find_events(
        self,
        query: EventQuery,
        *,
        size: int,
        start: int = 0,
        after: Position | None = None,
        limit: int,
        seconds: float = QUERY_SECONDS,
    ) -> list[FoundEvent]:
        """The first `limit` matching events after position `after`, with start <= log_index < size, in
        the query's order. Its limits are not looked at. QueryTooComplex when they are not found in time."""

    def count_events(
        self, query: EventQuery, *, size: int, limit: int, seconds: float = QUERY_SECONDS
    ) -> int:
        """How many events below `size` match; `limit` when there are more. Raises as above."""

    def known_epcs(self, *, after: str, limit: int) -> list[str]:
        """Identifiers of single things that events were captured with, each once, in an order of their own;
        "" comes before all."""

    def known_values(self, column: KnownColumn, *, after: str, limit: int) -> list[str]:
        """What events were captured with, by code point, each once; "" comes before all."""

    def event_links(self, log_index: int) -> list[ItemLink]:
        """The identifiers of an event by key and role; empty when there is no such event."""

    def job(self, capture_id: str) -> CaptureJob | None: ...
    def jobs(self, *, party_id: str | None, after: str, limit: int) -> list[CaptureJob]:
        """Jobs of a party, or of all, the newest first, behind the job `after`; "" is before all."""

    # log and map caches
    def read_hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """`count` neighbouring node hashes of `level` 0 (leaves), 8, 16, ...; fewer when some are missing."""

    def read_tiles(self, prefixes: Sequence[str]) -> Mapping[str, Tile]: ...
    def item_frontiers(self, keys: Sequence[bytes]) -> Mapping[bytes, Frontier]: ...
    def links_between(self, start: int, stop: int) -> Iterator[tuple[bytes, int]]:
        """(item key, log_index) of all links with start <= log_index < stop, in log order.
        Many short transactions: they see one state, as what is in the log never changes."""

    def loose_links(self, limit: int) -> list[tuple[bytes, int]]:
        """(item key, log_index) of links, `limit` at most, whose item or whose event is not there."""

    def event_of_link(self, number: int, start: int, stop: int) -> int | None:
        """log_index of the link that comes after `number` others of events in [start, stop), where an item
        that plays two parts in an event has two; None when there are not so many."""

    def reset_caches(self) -> None:
        """Forget log nodes, tiles and frontiers; the facts stay."""

    # anchors
    def hold_anchor_lock(self) -> AbstractContextManager[bool]:
        """True while this process is the only anchor worker on this database."""

    def newest_anchor(self, state: AnchorState | None = None) -> AnchorRecord | None: ...
    def anchor(self, number: int) -> AnchorRecord | None: ...
    def anchors(self, *, start: int = 1, limit: int) -> list[AnchorRecord]: ...
    def first_final_anchor_over(self, log_index: int) -> AnchorRecord | None:
        """The oldest final anchor whose size is greater than `log_index`."""

    # Each step raises Conflict when the anchor is not in the state that the step starts from,
    # and NotFound when there is no such anchor: read it again, somebody else took a step.
    def prepare_anchor(self, anchor: Anchor, note: str, prepared_ms: int) -> None:
        """Save the next anchor as PREPARED; Conflict while the one before it is not FINAL."""

    def add_anchor_tx(self, number: int, tx: SignedTx) -> None:
        """Save a raw tx; the anchor, PREPARED or SIGNED before, is SIGNED from then on."""

    def mark_mined(self, number: int, tx_hash: bytes, block: Block) -> None:
        """SIGNED -> MINED, by one of its saved txs."""

    def mark_unmined(self, number: int) -> None:
        """MINED -> SIGNED: the block that held it was replaced."""

    def finish_anchor(self, number: int, growth: TreeGrowth) -> None:
        """MINED -> FINAL, and the caches grown, in one transaction."""

    def save_caches(self, growth: TreeGrowth) -> None:
        """Save rebuilt caches."""

    # named queries, subscriptions, deliveries
    def add_query(self, query: NamedQuery) -> None:
        """Conflict when the name is taken."""

    def named_query(self, name: str) -> NamedQuery | None: ...
    def named_queries(self, *, after: str, limit: int) -> list[NamedQuery]:
        """The queries whose names come after `after`, in the order of their names; "" is before all."""

    def remove_query(self, name: str) -> None:
        """With its subscriptions and their deliveries. NotFound when there is none."""

    def add_subscription(self, subscription: Subscription) -> None:
        """Conflict when its query is not there any more."""

    def subscription(self, subscription_id: str) -> Subscription | None: ...
    def subscriptions(
        self, query_name: str, *, party_id: str | None, after: str, limit: int
    ) -> list[Subscription]:
        """Subscriptions to a query with ids after `after`, in the order of their ids; those of one party,
        or of all."""

    def due_subscriptions(self, now_ms: int, *, limit: int) -> list[Subscription]:
        """Those that may have something to send now, the ones furthest behind first: a delivery whose time
        has come, a run under way or due, or a stream that does not reach the end of the log."""

    def remove_subscription(self, subscription_id: str) -> None:
        """With its deliveries. NotFound when there is none."""

    def save_progress(
        self, subscription: Subscription, progress: Progress, delivery: Delivery | None
    ) -> None:
        """Move a subscription on, and save what is to be delivered, in one transaction. NotFound when the
        subscription was removed, or moved on by somebody else."""

    def deliveries(self, subscription_id: str, *, dead: bool, after: str = "", limit: int) -> list[Delivery]:
        """Deliveries that wait, or those that were given up, in the order of their ids."""

    def delivery(self, delivery_id: str) -> Delivery | None: ...

    # NotFound when the delivery is not there any more.
    def finish_delivery(self, delivery: Delivery, notified_ms: int) -> None:
        """The receiver has it."""

    def put_delivery(self, delivery: Delivery) -> None:
        """Save another attempt."""

    def split_delivery(self, delivery: Delivery, parts: Sequence[Delivery], events_max: int) -> None:
        """Put smaller deliveries in place of one, and let later ones hold at most `events_max` events."""

    def hold_delivery_lock(self) -> AbstractContextManager[bool]:
        """True while this process is the only one that delivers from this database."""

    # print jobs
    def add_print_job(self, job: PrintJob) -> None:
        """Conflict when another job has one of its serials, unless this one reprints."""

    def print_job(self, job_id: str) -> PrintJob | None: ...
    def next_sscc(self, references: range) -> int:
        """The first of `references` behind all that print jobs have; may be its stop."""

    def print_jobs(self, *, party_id: str | None, after: str, limit: int) -> list[PrintJob]:
        """Jobs of a party, or of all, the newest first, behind the job `after`; "" is before all."""

    def active_print_jobs(self, *, limit: int) -> list[PrintJob]:
        """Those waiting, printing or recording, the oldest first; paused ones are among them."""

    def change_print_job(self, before: PrintJob, after: PrintJob) -> PrintJob:
        """Save `after` in place of `before`, and return it as it is kept. NotFound when somebody changed
        the job meanwhile: read it again."""

    def hold_print_lock(self) -> AbstractContextManager[bool]:
        """True while this process is the only one that prints from this database."""

    # scans of labels
    def add_label_scan(
        self, uri: str, scan: LabelScan, nonce: bytes, *, minute_max: int, kept_max: int, kept_from_ms: int
    ) -> bool:
        """Keep a scan; False, and nothing is kept, when its device had `minute_max` of this item in the last
        minute. What is older than `kept_from_ms` goes, and of this item all but the first and about the
        newest `kept_max`."""

    def label_scans(self, uri: str, *, limit: int) -> list[LabelScan]:
        """The newest `limit` scans of an item, in order of time."""

    def first_label_scan_ms(self, uri: str) -> int | None: ...
    def scanned_uris(self, *, after: str, limit: int) -> list[str]:
        """Items that were scanned more than once, by code point; "" comes before all."""

    # records of identifiers
    def records(self, uris: Sequence[str]) -> Mapping[str, StoredRecord]:
        """The records of these identifiers, deleted ones too; who was never registered is not among them."""

    def records_after(self, uri: str, *, limit: int) -> list[StoredRecord]:
        """All records, deleted ones too, whose identifiers come after `uri`, by code point."""

    def records_below(self, stem: str, *, after: str = "", offset: int = 0, limit: int) -> list[StoredRecord]:
        """Records that are not deleted, whose identifiers begin with `stem` and come after `after`, by code
        point, without the first `offset`; "" comes before all."""

    def count_records_below(self, stem: str) -> int:
        """How many are not deleted."""

    # links of identifiers
    def put_links(self, links: Sequence[Link], party_id: str, changed_ms: int) -> None:
        """Save the links, each in place of the one with its id. A new default of an anchor takes the place
        of the old one. Conflict when an anchor would have more than LINKS_MAX links; then none is saved."""

    def links_at(self, anchors: Sequence[str]) -> list[Link]:
        """The links of these anchors, in the order in which they were last changed."""

    def links_of(self, party_id: str, *, after: str, limit: int) -> list[Link]:
        """The links that a party put, by anchor, behind the one with the id `after`; "" is before all."""

    def link(self, link_id: str) -> Link | None: ...
    def remove_link(self, link_id: str) -> None:
        """NotFound when there is none."""

    def answering(self) -> AbstractContextManager[Answers]: ...
    def glimpse_revision(self) -> int | None:
        """The revision of answers now, where that takes no wait at all, as from a local file; else None."""

    # how often identifiers were resolved
    def add_resolutions(self, counts: Mapping[Counted, Tally], hour_s: int, *, kept_from_s: int) -> None:
        """Add counts of the hour that begins at `hour_s` to those that are there, of any process. Hours
        before `kept_from_s` go; what was counted in them stays in the sums since ever."""

    def resolutions(
        self, start_s: int, stop_s: int, *, prefixes: Mapping[str, Collection[str]] | None = None
    ) -> dict[Counted, Tally]:
        """Sums of the hours with start <= beginning < stop; of these prefixes by scheme, or of all."""

    def resolutions_by_hour(
        self, start_s: int, stop_s: int, *, prefixes: Mapping[str, Collection[str]] | None = None
    ) -> dict[int, int]:
        """As `resolutions`: how many in each hour, by its beginning. An hour without any is not there."""

    def resolutions_ever(self) -> dict[Counted, Tally]:
        """The sums since ever of all prefixes together, which are "" there."""

    def most_resolved(self, *, limit: int) -> dict[Counted, Tally]:
        """The largest sums since ever, the largest first."""

    # parties, keys, prefixes, pinned facts
    def put_party(self, party: Party) -> None: ...
    def party(self, party_id: str) -> Party | None: ...
    def parties(self) -> list[Party]: ...
    def put_api_key(self, key: ApiKey) -> None:
        """Conflict when the id is taken or the party unknown: a key is never replaced."""

    def api_key(self, key_id: bytes) -> ApiKey | None: ...
    def revoke_api_key(self, key_id: bytes, revoked_ms: int) -> None:
        """Refuse the key from `revoked_ms` on; a second call changes nothing. NotFound when unknown."""

    def replace_prefixes(self, entries: Sequence[PrefixEntry], block_number: int) -> None:
        """Keep what the registry held at a block; nothing changes when a later block is already kept."""

    def prefixes(self) -> list[PrefixEntry]: ...

    # what the registry's notices said
    def registry_head(self) -> RegistryHead: ...
    def registry_changes(
        self, head: RegistryHead, *, after: tuple[int, int] = NO_PLACE, limit: int
    ) -> list[Change]:
        """Changes up to `head` behind a (block number, log index), in the order of the chain. Conflict when
        changes were taken back since `head`: begin again."""

    def prefix_changes(
        self,
        node: bytes,
        *,
        kinds: Collection[ChangeKind] = (),
        after: tuple[int, int] = NO_PLACE,
        limit: int,
    ) -> list[Change]:
        """Changes of one prefix behind a (block number, log index), in the order of the chain; of these
        kinds, or of all."""

    def registry_block_before(self, number: int) -> Block | None:
        """The newest block before `number` that changed something."""

    # Each raises Conflict when the head is another one: somebody else took a step.
    def extend_registry(self, head: RegistryHead, changes: Sequence[Change], block: Block) -> RegistryHead:
        """Add the changes of the blocks behind `head`, up to and with `block`; the new head."""

    def cut_registry(self, head: RegistryHead, block: Block | None) -> RegistryHead:
        """Take back the changes of all blocks behind `block`; the new head."""

    def company_prefixes(self) -> frozenset[str]:
        """All GS1 company prefixes that were kept."""

    def pinned(self, name: str) -> str | None: ...
    def pin(self, name: str, value: str) -> None:
        """Write a fact once; Conflict when another value already stands there."""

    def put_master_data(self, entries: Sequence[MasterData]) -> None:
        """Save the entries, each in place of the one that stands under its identifier."""

    def master_data(self, uris: Sequence[str]) -> Mapping[str, MasterData]: ...
    def master_data_after(self, uri: str, *, limit: int) -> list[MasterData]:
        """The entries whose identifiers come after `uri`, in their order; "" is before all."""

    def places(self, text: str, *, after: str, limit: int) -> list[MasterData]:
        """The places with `text` in a name or the identifier, which comes after `after`; in their order.

        "" is in all. Small and large letters a to z are the same.
        """

    # active carriers
    def add_carrier(self, carrier: Carrier) -> None:
        """Conflict when the id is taken, or its party unknown."""

    def carrier(self, carrier_id: str) -> Carrier | None: ...
    def carriers(self, *, party_id: str | None, after: str, limit: int) -> list[Carrier]:
        """Carriers of a party, or of all, with ids after `after`, in the order of their ids."""

    def save_carrier(
        self,
        carrier: Carrier,
        *,
        unbound_ms: int | None = None,
        binding: Binding | None = None,
        profile: str = "",
    ) -> None:
        """Save the carrier as its next version; in the same transaction end its binding, if there is one, at
        `unbound_ms`, and begin another, watched by `profile` (TOML) if that is given. Conflict when somebody
        else changed the carrier meanwhile."""

    def bindings(self, carrier_id: str, *, limit: int) -> list[Binding]:
        """What the carrier was bound to, the newest first."""

    def open_bindings(self, carrier_ids: Sequence[str]) -> list[Binding]:
        """What these carriers are bound to now."""

    def carriers_by_id(self, carrier_ids: Sequence[str]) -> Mapping[str, Carrier]: ...
    def carriers_bound_to(self, uri: str, at_ms: int, *, limit: int) -> list[str]:
        """The ids of the carriers that were bound to this very identifier at a moment, in their order."""

    # messages of carriers
    def add_telemetry(
        self, messages: Sequence[Message], refused: Mapping[tuple[str, str], int], received_ms: int
    ) -> list[Outcome]:
        """Take messages of known carriers, and say of each what became of it. One whose number was used is
        not taken, but counted, as `refused` is: how often by carrier and kind."""

    def telemetry_between(
        self, carrier_id: str, start_ms: int, stop_ms: int, *, after: tuple[int, int] = (0, -1), limit: int
    ) -> list[Message]:
        """Messages that may have readings with start <= time < stop, in order of their newest reading, then
        number, behind the place `after` in that order."""

    def telemetry_in_spans(self, spans: Sequence[tuple[str, int, int]], *, limit: int) -> list[list[bytes]]:
        """As `telemetry_between` for each (carrier, start, stop), but the bytes of the first messages."""

    def hold_listen_lock(self) -> AbstractContextManager[bool]:
        """True while this process is the only one that takes messages from the broker for this database."""

    # readings from logger files
    def add_import(self, imported: LoggerImport, readings: Sequence[Reading]) -> None:
        """Save an import with its readings, at least one, all new; Conflict when one is there meanwhile."""

    def imported_between(
        self, carrier_id: str, start_ms: int, stop_ms: int, *, after: tuple[int, str] = (-1, ""), limit: int
    ) -> list[ToldReading]:
        """Imported readings with start <= time < stop, in order of time, then quantity, behind `after`."""

    def imports(self, carrier_id: str, *, limit: int) -> list[LoggerImport]:
        """The newest first."""

    def carriers_with_imports(self, carrier_ids: Sequence[str]) -> set[str]:
        """Those of these carriers for which anything was imported."""

    # seals
    def due_seals(self, received_ms: int, *, limit: int) -> list[str]:
        """Carriers with messages that no seal holds, one of them received by then; those never bound are left
        out. The longest waiting first."""

    def sealed_messages(self, carrier_id: str, seal_id: str, *, limit: int) -> list[tuple[int, bytes]]:
        """Number and bytes of the messages that a seal holds, in order; "": of those that none holds yet, the
        longest waiting ones."""

    def add_seal(self, seal: Seal, sequences: Sequence[int]) -> None:
        """Save a seal over these messages; Conflict when another holds one of them."""

    def seals(self, carrier_id: str, *, limit: int) -> list[Seal]:
        """The newest first."""

    def seal_of(self, carrier_id: str, sequence: int) -> Seal | None:
        """The seal that holds the message; None when none does, or there is no such message."""

    def uncaptured_seals(self, *, limit: int) -> list[Seal]: ...
    def finish_seal(self, seal_id: str, state: SealState) -> None: ...
    def seal(self, seal_id: str) -> Seal | None: ...
    def seal_of_root(self, carrier_id: str, root: bytes) -> Seal | None: ...
    def is_withheld(self, carrier_id: str, sequence: int) -> bool:
        """Whether a message of this number was removed by policy."""

    def seals_to_withhold(self, sealed_ms: int, *, after: tuple[int, str], limit: int) -> list[Seal]:
        """Captured seals that were made by then, the oldest first, behind (time, seal_id)."""

    def watch_at(self, carrier_id: str, at_ms: int) -> WatchedBinding | None:
        """The watched binding of a carrier that lasts at a moment and the one after it."""

    def withhold(
        self,
        carrier_id: str,
        seals: Sequence[str],
        numbers: Sequence[int],
        until_ms: int,
        base: tuple[WatchedBinding, Watch] | None,
        now_ms: int,
    ) -> bool:
        """Say that the messages of these seals, with these numbers and no reading behind `until_ms`, are
        removed by policy, in one transaction; on SQLite they are gone then. `base` is how the watched binding
        of then stood then. False, and nothing is changed, while readings of that time wait to be folded, or
        when more came since `base` was read."""

    def remove_withheld(self, before_ms: int, *, limit: int) -> bool:
        """Drop one month that ended before then and has only withheld messages, or else delete up to `limit`
        such messages of it; False when there is nothing to do. The months are those of PostgreSQL."""

    def hold_retention_lock(self) -> AbstractContextManager[bool]:
        """True while this process is the only one that removes messages from this database."""

    def hold_seal_lock(self) -> AbstractContextManager[bool]:
        """True while this process is the only one that seals on this database."""

    # watched bindings and their excursions
    def due_watches(self, *, limit: int) -> list[WatchedBinding]:
        """Those for which readings came that are not folded, the oldest readings first."""

    def watches(self, carrier_id: str, *, limit: int) -> list[WatchedBinding]:
        """The watched bindings of a carrier, the newest first."""

    def watches_of(self, uri: str, start_ms: int, stop_ms: int, *, limit: int) -> list[WatchedBinding]:
        """The watched bindings to this very identifier that lasted at some time with start <= time <
        stop, the oldest first."""

    def save_watches(self, folded: Sequence[FoldedWatch]) -> None:
        """Save what folding came to, in one transaction, without alarms of a cause that has one; nothing of a
        binding for which more came meanwhile: that one stays due."""

    def excursions(self, carrier_id: str, from_ms: int, *, limit: int) -> list[Excursion]:
        """The excursions of a binding, those that began last first."""

    def excursion_events(self, carrier_id: str, from_ms: int) -> list[ExcursionEvent]:
        """All of a binding, in order of their numbers."""

    def due_excursion_events(self, *, limit: int) -> list[ExcursionEvent]:
        """The first that are to be captured, in order of their numbers."""

    def finish_excursion_event(self, number: int, state: ExcursionState, problem: str = "") -> None: ...
    def hold_watch_lock(self) -> AbstractContextManager[bool]:
        """True while this process is the only one that watches on this database."""

    def open_watches(self, carrier_ids: Sequence[str]) -> list[WatchedBinding]:
        """The watched bindings of these carriers that last still."""

    # alarms
    def due_silences(self, now_ms: int, *, limit: int) -> list[SilentWatch]:
        """Where nothing was measured for too long, and no alarm was raised for it; the longest first."""

    def put_alarm_policy(self, party_id: str, policy: Policy, *, count_max: int) -> None:
        """Save a policy in place of the one with its name. Conflict when the party has too many."""

    def alarm_policies(self, party_id: str) -> list[Policy]: ...
    def remove_alarm_policy(self, party_id: str, name: str) -> None:
        """NotFound when there is none."""

    def add_alarms(self, alarms: Sequence[Alarm]) -> None:
        """Raise alarms, but for those of a cause (binding, rule, beginning) that has one."""

    def unplanned_alarms(self, *, limit: int) -> list[Alarm]:
        """Those for which nobody decided who is told, the oldest first."""

    def last_told(self, alarm: Alarm, *, since_ms: int) -> Mapping[tuple[str, int], int]:
        """By policy and step, when an alarm of the same carrier, kind and rule was last due to be told, where
        that was not put off or dropped: since that time, and before this alarm was raised."""

    def plan_alarm(self, alarm_id: str, tellings: Sequence[Telling]) -> None:
        """Save who is to be told; nothing changes when that was done before."""

    def due_tellings(self, now_ms: int, *, limit: int) -> list[Telling]:
        """Those to send now: those never tried, then the others, the longest due first."""

    def telling(self, telling: Telling) -> Telling:
        """The same as it stands now."""

    def save_telling(self, telling: Telling, at_ms: int | None = None) -> None:
        """Save how it stands; with a time, as another try at that time."""

    def tellings(self, alarm_id: str) -> list[Telling]: ...
    def alarm_tries(self, alarm_id: str) -> list[AlarmTry]:
        """All tries to tell of an alarm, in order of policy, step and time."""

    def alarm(self, alarm_id: str) -> AlarmRecord | None: ...
    def alarms(
        self,
        *,
        party_id: str | None = None,
        carrier_ids: Sequence[str] | None = None,
        is_open: bool,
        before: tuple[int, str] | None = None,
        limit: int,
    ) -> list[AlarmRecord]:
        """Alarms of a party, or of all; of these carriers only; not acknowledged ones only (`is_open`): the
        newest first, behind the one raised at that time with that id."""

    def acknowledge_alarm(self, acknowledgement: Acknowledgement) -> None:
        """Save it, and drop what is still due to be told. Conflict when the alarm was acknowledged before."""

    def due_acknowledgements(self, *, limit: int) -> list[Acknowledgement]:
        """Those whose event is to be captured, the oldest first."""

    def finish_acknowledgement(self, acknowledgement: Acknowledgement) -> None:
        """Save what became of its event."""

    def hold_alarm_lock(self) -> AbstractContextManager[bool]:
        """True while this process is the only one that tells of alarms from this database."""

    def heard(self, carrier_ids: Sequence[str]) -> Mapping[str, Heard]:
        """What messages told of these carriers; nothing for one that none came from."""

    def close(self) -> None: ...


# --------------------------------------------------------------------------- chain


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest anchor of a log as the contract holds it; count 0 when there is none."""

    count: int
    size: int
    log_root: bytes
    anchor_hash: bytes
    writer: bytes


@dataclass(frozen=True, slots=True)
class Inclusion:
    """A mined tx."""

    block: Block
    succeeded: bool


class Chain(Protocol):
    """One `TraceLog` contract on one chain, written to by one account.

    Every method may raise ChainUnavailable: nothing is known then, ask again later.
    """

    @property
    def chain_id(self) -> int: ...
    @property
    def contract(self) -> bytes: ...
    @property
    def account(self) -> bytes: ...
    def head(self, log_id: bytes) -> ChainHead: ...
    def anchor_hash(self, log_id: bytes, number: int) -> bytes | None: ...
    def next_nonce(self) -> int:
        """How many txs of the account are mined. Any tx of a lower nonce is mined now or never."""

    def sign_anchor(
        self, anchor: Anchor, proof: Sequence[bytes], replaces: SignedTx | None = None
    ) -> SignedTx:
        """A raw tx that anchors exactly `anchor`: with the account's next nonce, or with the nonce
        of `replaces` and a price at least 12.5 % higher (`replaces` itself where nothing dearer is
        sent). Raises Invalid when the contract would refuse it, with the contract's reason."""

    def send(self, tx: SignedTx) -> None:
        """Hand the raw bytes to the node; a node that already knows them is no error."""

    def inclusion(self, tx_hash: bytes) -> Inclusion | None:
        """Where the tx was mined; None while it is not."""

    def is_final(self, block: Block) -> bool:
        """Whether this very block can no longer be replaced, by the chain's finality mode."""

    def has_block(self, block: Block) -> bool:
        """Whether the chain holds this very block at this height now."""


class Registry(Protocol):
    """The `PrefixRegistry` contract, by its notices. Every method may raise ChainUnavailable."""

    @property
    def first_block(self) -> int:
        """No notice stands in an earlier block."""

    def final_block_number(self) -> int:
        """The newest block that can no longer be replaced; -1 when there is none."""

    def block(self, number: int) -> Block | None:
        """The block at a height now; None when the chain, or the node asked, does not reach it."""

    def read_changes(self, first: int, final: int) -> tuple[list[Change], Block]:
        """The changes from block `first` on, in order, and the last block that they cover: `final`, or an
        earlier one when that is too much to ask for at once."""
