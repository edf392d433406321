"""Resolution of any registered identifier, on any node: ask who is responsible, verify, keep, say how it is.

`PrefixRegistry`, by its copy in SQL, names the node and the log of a prefix. That node is asked once for its
record and once for the item's bundle, which is verified here against its log on our chain. It is never asked
to ask others. Its log key is its own word; what proves is the chain: only the log's writer can anchor there.

Where its log proves that it holds nothing about an identifier, the one other name that both owners registered
for the same thing answers, proven in the same way, and is not followed further.

Answers are kept in memory for their lifetime, and shown as stale while the node cannot be asked. Questions
for one identifier that come together are asked once; a node that is down or slow holds few of our threads.
"""

import json
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

from ledger.config import Settings, variable_of
from ledger.domain.bundle import read_bundle
from ledger.domain.checkpoint import LogKey
from ledger.domain.equivalence import same_identifiers
from ledger.domain.errors import ChainUnavailable, Invalid, LedgerError, NotFound, NotYetAnchored
from ledger.domain.identifiers import parse_identifier
from ledger.domain.records import read_kept
from ledger.domain.registry import NO_LOG, RegistryState
from ledger.domain.resolution import (
    DOWN_SECONDS,
    STALE_SECONDS_MAX,
    Answer,
    AnswerRefuted,
    NodeUnreachable,
    Route,
    Told,
    compare,
    extend_via,
    find_route,
    read_told,
    ttl_seconds,
    via_name,
)
from ledger.domain.resolution_counts import Source
from ledger.history import AskOnce
from ledger.node import Node
from ledger.outgoing import AnswerTooLong, InsideNetwork, LocalHosts, NoAnswer, asked, read_whole
from ledger.prove import prove_item
from ledger.verify import JsonRpcChain, Refuted, Trust, Undetermined, verify

_TOLD_BYTES_MAX: Final = 4 * 1024 * 1024
_BUNDLE_BYTES_MAX: Final = 4 * 1024 * 1024
_KEPT_MAX: Final = 20_000
_KEPT_BYTES_MAX: Final = 64 * 1024 * 1024
_TROUBLES_MAX: Final = 5_000
_REASON_MAX: Final = 400  # characters: a reason may quote what the other node wrote
_OTHER_NAMES_MAX: Final = 3
_WAITING_PER_NODE_MAX: Final = 6
_WAITING_MAX: Final = 20
"""Threads that wait for other nodes: half of what the API has."""


class _NodeDown(NodeUnreachable):
    """It is the node, not the identifier, that gave no answer."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """An answer about `uri`, and where it is from.

    `is_ours` when this node answers for it; `source` is whence the answer came this time. `asked_ms` is when
    the answer was given, `expires_ms` until when it holds. `trouble` says why it could not be asked for again
    since: then it is stale. `absent` is the answer about the identifier that was asked for, where `uri` is
    another name of the same thing: proof that there is nothing under its own.
    """

    uri: str
    route: Route
    is_ours: bool
    source: Source
    answer: Answer
    asked_ms: int
    expires_ms: int
    trouble: str = ""
    absent: "Resolution | None" = None

    @property
    def asked(self) -> str:
        """The identifier that was asked for."""
        return (self.absent or self).uri

    @property
    def is_proven_absent(self) -> bool:
        """Whether the log proves that there never was a record, nor an event."""
        answer = self.answer
        return (
            not self.trouble and answer.standing == "proven" and answer.told == Told() and not answer.events
        )


def resolve_hosts(settings: Settings) -> LocalHosts:
    """The hosts inside the network that may be asked."""
    return LocalHosts.parse(settings.resolve_local_hosts, variable_of("resolve_local_hosts"))


def tell(node: Node, uri: str) -> Told:
    """The record that this node has of a canonical URI, without what is hidden."""
    stored = node.store.records([uri]).get(uri)
    if stored is None:
        return Told()
    shown = (kept.value for kept in read_kept(stored.kept) if kept.value.is_public)
    return Told(stored.version, stored.log_index, tuple(shown))


class Resolver:
    """Resolves on behalf of a node, and keeps what it was answered. Threads may share it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        settings, rpc_url = node.settings, node.trust.rpc_url
        self._chain = JsonRpcChain(rpc_url, settings.rpc_timeout_seconds) if rpc_url else None
        self._timeout_seconds = settings.resolve_timeout_seconds
        self._local_hosts = resolve_hosts(settings)
        self._kept = _Kept()
        self._flights = _Flights(4 * self._timeout_seconds + settings.rpc_timeout_seconds)

    def resolve(self, text: str, via: str = "") -> Resolution:
        """What is known of the identifier that `text` spells in any scheme, by the node that is responsible.

        `via` is the header with which the question came. What it is worth is for `check_usable` to say.
        Raises Invalid for a wrong identifier, PrefixInactive, LoopDetected, and NodeUnreachable when there is
        no earlier answer either.
        """
        uri = parse_identifier(text).uri
        via = extend_via(via, via_name(self._node.trust.log_id))
        state, _ = self._node.prefixes.registry()
        found = self._resolve(state, uri, via)
        return self._by_other_name(state, found, via) if found.is_proven_absent else found

    def _resolve(self, state: RegistryState, uri: str, via: str) -> Resolution:
        route = find_route(state, uri)
        is_ours = route.is_unserved or route.log_id == self._node.trust.log_id
        return self._resolve_here(uri, route) if is_ours else self._resolve_there(uri, route, via)

    def _by_other_name(self, state: RegistryState, absent: Resolution, via: str) -> Resolution:
        """The answer for the one other name that is known; `absent` where none is, or several are."""
        others = same_identifiers(state, absent.uri)
        if len(others) > _OTHER_NAMES_MAX:
            return absent
        found = [self._by_name(state, other, absent, via) for other in others]
        telling = [other for other in found if other.answer.is_known or other.answer.standing == "refuted"]
        if len(telling) != 1:
            return absent
        return replace(telling[0], absent=absent, expires_ms=min(absent.expires_ms, telling[0].expires_ms))

    def _by_name(self, state: RegistryState, other: str, absent: Resolution, via: str) -> Resolution:
        try:
            return self._resolve(state, other, via)
        except NodeUnreachable as error:
            raise NodeUnreachable(
                f"{absent.uri} has no record of its own, and for {other}: {error}"
            ) from error

    # ----------------------------------------------------------------------- this node

    def _resolve_here(self, uri: str, route: Route) -> Resolution:
        told, now_ms = tell(self._node, uri), self._node.clock()
        kept = self._kept.get((uri, "", b""))
        # A change shows at once; what proves it is made anew when the lifetime is over.
        if kept and kept.told == told and now_ms < kept.expires_ms:
            return Resolution(uri, route, True, "cached", kept.answer, kept.asked_ms, kept.expires_ms)
        answer = self._prove_here(uri, told)
        return self._keep((uri, "", b""), route, told, answer, is_ours=True)

    def _prove_here(self, uri: str, told: Told) -> Answer:
        try:
            bundle = prove_item(self._node, uri)
        except NotYetAnchored as error:
            return Answer("unproven", str(error), told)
        return self._judge(uri, told, bundle, self._node.trust)

    # ----------------------------------------------------------------------- other nodes

    def _resolve_there(self, uri: str, route: Route, via: str) -> Resolution:
        key = uri, route.endpoint, route.log_id
        try:
            return self._fresh(key, route) or self._flights.join(
                key, lambda: self._fresh(key, route) or self._ask(key, route, via)
            )
        except NodeUnreachable as error:
            kept = self._kept.get(key)
            if kept is None or kept.answer.standing == "refuted":
                raise
            if self._node.clock() >= kept.asked_ms + STALE_SECONDS_MAX * 1000:
                raise
            return Resolution(
                uri, route, False, "cached", kept.answer, kept.asked_ms, kept.expires_ms, str(error)
            )

    def _fresh(self, key: "_Key", route: Route) -> Resolution | None:
        kept = self._kept.get(key)
        if kept is None or self._node.clock() >= kept.expires_ms:
            return None
        return Resolution(key[0], route, False, "cached", kept.answer, kept.asked_ms, kept.expires_ms)

    def _ask(self, key: "_Key", route: Route, via: str) -> Resolution:
        uri = key[0]
        if not route.endpoint:
            raise NodeUnreachable("the registry names a log for it, and no node that has it")
        now_ms, about_this = self._node.clock(), f"{route.endpoint} {uri}"
        trouble = self._kept.trouble(route.endpoint, now_ms) or self._kept.trouble(about_this, now_ms)
        if trouble:
            raise NodeUnreachable(trouble)
        try:
            log_key, told = self._ask_record(uri, route, via)
        except NodeUnreachable as error:
            # Who owns one identifier of a node cannot make it look down for the others.
            rests = route.endpoint if isinstance(error, _NodeDown) else about_this
            self._kept.put_trouble(rests, str(error), self._node.clock() + DOWN_SECONDS * 1000)
            raise
        answer = self._ask_proof(uri, route, log_key, told, via)
        return self._keep(key, route, told, answer, is_ours=False)

    def _ask_record(self, uri: str, route: Route, via: str) -> tuple[LogKey, Told]:
        status, raw = self._get(route, f"/resolve?id={quote(uri, safe='')}&direct=true", via, _TOLD_BYTES_MAX)
        if status == 508:
            raise NodeUnreachable(f"{route.endpoint} leads in a circle: the registry names a wrong address")
        if status != 200:
            raise NodeUnreachable(f"{route.endpoint} answered {status}")
        try:
            return read_told(raw, uri)
        except Invalid as error:
            reason = f"something else than a record: {str(error)[:_REASON_MAX]}"
            raise NodeUnreachable(f"{route.endpoint} answered {reason}") from error

    def _ask_proof(self, uri: str, route: Route, log_key: LogKey, told: Told, via: str) -> Answer:
        if route.log_id == NO_LOG:
            return Answer("unproven", "the registry names no log that could prove it", told)
        ours = self._node.trust
        trust = Trust(ours.chain_id, ours.contract, log_key, None, ours.confirmations)
        if trust.log_id != route.log_id:
            return Answer("unproven", f"{route.endpoint} has another log than the registry names", told)
        path = f"/proof/item?id={quote(uri, safe='')}&exact=true"
        answer = Answer("unproven", "", told)
        for _ in range(2):  # a log may be anchored twice between the proof and our look at the chain
            try:
                status, bundle = self._get(route, path, via, _BUNDLE_BYTES_MAX)
            except NodeUnreachable as error:
                return Answer("unproven", f"no proof: {error}", told)
            if status != 200:
                return Answer("unproven", f"no proof: {route.endpoint} answered {status}", told)
            answer = self._judge(uri, told, bundle, trust)
            if answer.standing != "proven" or self._is_newest(answer.anchor, trust):
                return answer
        reason = (
            f"its proof is of anchor {answer.anchor}, and the log has newer ones, which may say otherwise"
        )
        return replace(answer, standing="unproven", reason=reason)

    def _is_newest(self, number: int, trust: Trust) -> bool:
        """Whether no final anchor follows: one may wait to be final, and only then comes a second."""
        assert self._chain is not None
        try:
            return self._chain.anchor_hash(trust.contract, trust.log_id, number + 2) == bytes(32)
        except ChainUnavailable:
            return False

    def _judge(self, uri: str, told: Told, bundle: bytes, trust: Trust) -> Answer:
        match verify(bundle, trust, AskOnce(self._chain) if self._chain else None):
            case Refuted(step=step, reason=reason):
                return Answer("refuted", f"step {step}, {reason[:_REASON_MAX]}", told)
            case Undetermined(reason=reason):
                return Answer("unproven", reason[:_REASON_MAX], told)
        proof = read_bundle(bundle)
        if proof.item is None or proof.subject != uri:
            return Answer("unproven", f"the proof is about {proof.subject[:200]}", told)
        return compare(told, proof)

    def _get(self, route: Route, path: str, via: str, bytes_max: int) -> tuple[int, bytes]:
        headers = {"Accept": "application/json", "Via": via}
        url = route.endpoint.rstrip("/") + path
        try:
            with asked("GET", url, None, headers, self._local_hosts, self._timeout_seconds) as response:
                return response.status, read_whole(response, bytes_max)
        except InsideNetwork as error:
            # What a name leads to inside our network is not for those who registered it.
            raise _NodeDown(
                f"{route.endpoint} is inside the network of the node that asks, so it is not asked: its "
                f"operator may list the host in {self._local_hosts.variable}"
            ) from error
        except AnswerTooLong as error:
            raise NodeUnreachable(f"{route.endpoint}: {error}") from error
        except (NoAnswer, Invalid) as error:
            raise _NodeDown(f"{route.endpoint} could not be asked: {error}") from error

    def _keep(self, key: "_Key", route: Route, told: Told, answer: Answer, *, is_ours: bool) -> Resolution:
        now_ms = self._node.clock()
        expires_ms = now_ms + ttl_seconds(answer, now_ms) * 1000
        size = _ENTRY_BYTES + len(json.dumps([value.to_json() for value in answer.told.values]))
        self._kept.put(key, _Entry(told, answer, now_ms, expires_ms, size))
        source: Source = "local" if is_ours else "peer"
        return Resolution(key[0], route, is_ours, source, answer, now_ms, expires_ms)


def check_usable(found: Resolution) -> None:
    """Raises AnswerRefuted, and NotFound for what the responsible node does not know."""
    answer = found.answer
    who = "this node" if found.is_ours else found.route.endpoint
    if answer.standing == "refuted":
        raise AnswerRefuted(f"{found.uri}: the answer of {who} is refuted: {answer.reason}")
    if answer.is_known:
        return
    said = "is deleted at" if answer.told.version else "is not known at"
    proven = f"proven by anchor {answer.anchor} of its log"
    how = proven if answer.standing == "proven" else f"unproven: {answer.reason}"
    stale = f"; stale: {found.trouble}" if found.trouble else ""
    raise NotFound(f"{found.uri} {said} {who} ({how}{stale})")


# --------------------------------------------------------------------------- what is kept

_Key = tuple[str, str, bytes]
"""Identifier, endpoint, log: when the registry names another node, earlier answers do not count."""


_ENTRY_BYTES: Final = 500
"""What an answer takes beside its values, about."""


@dataclass(frozen=True, slots=True)
class _Entry:
    told: Told  # before the proof was looked at
    answer: Answer
    asked_ms: int
    expires_ms: int
    size: int


class _Kept:
    """Answers by identifier and node, and who rests after a failure; what was not used longest goes first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._bytes = 0
        self._down: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def get(self, key: _Key) -> _Entry | None:
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, key: _Key, entry: _Entry) -> None:
        with self._lock:
            self._drop(key)
            self._entries[key] = entry
            self._bytes += entry.size
            while len(self._entries) > _KEPT_MAX or self._bytes > _KEPT_BYTES_MAX:
                self._drop(next(iter(self._entries)))

    def _drop(self, key: _Key) -> None:
        dropped = self._entries.pop(key, None)
        self._bytes -= dropped.size if dropped else 0

    def trouble(self, name: str, now_ms: int) -> str:
        """Why a node, or a node about an identifier, is not asked at this time; "" when it may be."""
        with self._lock:
            reason, until_ms = self._down.get(name, ("", 0))
            return reason if now_ms < until_ms else ""

    def put_trouble(self, name: str, reason: str, until_ms: int) -> None:
        with self._lock:
            self._down[name] = reason, until_ms
            self._down.move_to_end(name)
            if len(self._down) > _TROUBLES_MAX:
                self._down.popitem(last=False)


class _Flights:
    """Questions under way: one for each identifier, and few waiting threads for each node."""

    def __init__(self, wait_seconds: float) -> None:
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._under_way: dict[_Key, Future[Resolution]] = {}
        self._waiting: Counter[str] = Counter()

    def join(self, key: _Key, ask: Callable[[], Resolution]) -> Resolution:
        """What `ask` gives, or what it gives to another thread that asks the same already."""
        with self._seat(key[1]):
            with self._lock:
                flight = self._under_way.get(key)
                own: Future[Resolution] | None = None
                if flight is None:
                    flight = own = self._under_way[key] = Future()
            if own is not None:
                return self._fly(key, own, ask)
            try:
                return flight.result(self._wait_seconds)
            except TimeoutError:
                raise NodeUnreachable(f"{key[1]} gave no answer within {self._wait_seconds:g} s") from None

    def _fly(self, key: _Key, flight: Future[Resolution], ask: Callable[[], Resolution]) -> Resolution:
        try:
            found = ask()
        except LedgerError as error:
            flight.set_exception(error)
            raise
        else:
            flight.set_result(found)
            return found
        finally:
            with self._lock:
                del self._under_way[key]
            flight.cancel()  # after a mistake of ours, which left it open

    @contextmanager
    def _seat(self, endpoint: str) -> Iterator[None]:
        with self._lock:
            if self._waiting[endpoint] >= _WAITING_PER_NODE_MAX or self._waiting.total() >= _WAITING_MAX:
                raise NodeUnreachable(f"too many questions wait for {endpoint} or other nodes: ask again")
            self._waiting[endpoint] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[endpoint] -= 1
                if not self._waiting[endpoint]:
                    del self._waiting[endpoint]
