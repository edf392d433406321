"""The registry of prefixes as its notices tell it: who holds what since when, and what holders have said.

A `Change` is what one notice of `PrefixRegistry` changed; folded in the order of the chain, changes give the
`RegistryState`, the same as the contract's own views. Times are seconds since 1970, by the block. Who may
capture what is in `access`.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from typing import Final, Literal

from ledger.domain.access import PrefixEntry, ends_level

CAPTURE: Final = "capture"
"""The scope in which a delegate may capture events for the owner of a prefix."""

LENGTH_MAX: Final = 64
"""Characters of a prefix."""

NO_NODE: Final = bytes(32)
NO_LOG: Final = bytes(32)

ChangeKind = Literal[
    "allocated",
    "reallocated",
    "transferred",
    "transfer_offered",
    "transfer_cancelled",
    "suspended",
    "resumed",
    "revoked",
    "endpoint_set",
    "delegated",
    "delegate_revoked",
    "equivalence_declared",
    "equivalence_withdrawn",
]
HANDOVERS: Final[tuple[ChangeKind, ...]] = ("allocated", "reallocated", "transferred", "revoked")
"""The kinds of changes by which a prefix gets or loses its holder."""

Status = Literal["allocated", "suspended", "revoked"]


@dataclass(frozen=True, slots=True)
class Change:
    """What one notice of the registry changed, and where on the chain it stands.

    `account` owns it from now on, may act for the owner, is offered it, or suspended, resumed or revoked it.
    `other` is the node above (allocated), the equivalent node, or the log (endpoint_set). `text` is the
    prefix, or the endpoint's URL. What a kind does not speak of is empty.
    """

    block_number: int
    log_index: int  # among all notices of the block
    block_hash: bytes
    tx_hash: bytes
    time_s: int
    kind: ChangeKind
    node: bytes
    account: bytes = b""
    other: bytes = b""
    scheme: str = ""
    text: str = ""
    scope: str = ""
    expires_s: int = 0


@dataclass(frozen=True, slots=True)
class Delegation:
    """An account that may act for the owner of a prefix in one scope, until it ends."""

    account: bytes
    scope: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class Registered:
    """One prefix and all that is registered of it now.

    While it is revoked, `owner` is who owned it before. `term` grows with each owner. `since_s` is when the
    owner got it, `delegations` are those that were not taken back; they may have ended.
    """

    node: bytes
    scheme: str
    text: str
    parent: bytes  # NO_NODE for the root of a scheme
    owner: bytes
    since_s: int
    status: Status = "allocated"
    term: int = 1
    offered_to: bytes = b""
    endpoint: str = ""
    log_id: bytes = NO_LOG
    delegations: tuple[Delegation, ...] = ()

    def delegates(self, scope: str, now_s: int) -> tuple[bytes, ...]:
        """The accounts that may act in `scope` at `now_s`, where the prefix is active."""
        return tuple(sorted(d.account for d in self.delegations if d.scope == scope and now_s < d.expires_s))


@dataclass(frozen=True, slots=True)
class Tenure:
    """How long one account held a prefix. `until_s` is None while it does."""

    owner: bytes
    from_s: int
    until_s: int | None


@dataclass(frozen=True)
class RegistryState:
    """All prefixes after some changes. Never changed itself: `after` gives the next one."""

    by_node: Mapping[bytes, Registered] = field(default_factory=dict)
    declarations: Mapping[tuple[bytes, bytes], tuple[int, int]] = field(default_factory=dict)
    """(node, other) -> the terms of both when the node's owner declared them equivalent."""

    def after(self, changes: Iterable[Change]) -> "RegistryState":
        """The state after further changes, which are in the order of the chain."""
        by_node, declarations = dict(self.by_node), dict(self.declarations)
        for change in changes:
            if change.kind == "allocated":
                by_node[change.node] = _allocated(change)
            elif change.kind == "equivalence_declared":
                terms = by_node[change.node].term, by_node[change.other].term
                declarations[change.node, change.other] = terms
            elif change.kind == "equivalence_withdrawn":
                declarations.pop((change.node, change.other), None)
            else:
                by_node[change.node] = _changed(by_node[change.node], change)
        return RegistryState(by_node, declarations)

    def find(self, scheme: str, text: str) -> Registered | None:
        return self._by_name.get((scheme, text))

    def page(self, scheme: str, *, after: str | None, limit: int) -> Sequence[Registered]:
        """Prefixes of a scheme behind a text, in the order of the texts; None is before all."""
        if after is None:
            start = bisect_left(self._ordered, (scheme, ""), key=_name_of)
        else:
            start = bisect_right(self._ordered, (scheme, after), key=_name_of)
        return [known for known in self._ordered[start : start + limit] if known.scheme == scheme]

    def nearest(self, scheme: str, text: str, separator: str) -> Registered | None:
        """The longest registered prefix of `text`, which may itself be longer than any prefix."""
        levels = (n for n in range(min(len(text), LENGTH_MAX), -1, -1) if ends_level(text, n, separator))
        return next((known for n in levels if (known := self.find(scheme, text[:n]))), None)

    def is_active(self, node: bytes) -> bool:
        """Whether neither it nor any node above it is suspended or revoked."""
        while node != NO_NODE:
            if self.by_node[node].status != "allocated":
                return False
            node = self.by_node[node].parent
        return True

    def path(self, node: bytes) -> list[Registered]:
        """The prefixes above a node, from the root down, and its own."""
        path: list[Registered] = []
        while node != NO_NODE:
            path.insert(0, self.by_node[node])
            node = path[0].parent
        return path

    def below(self, node: bytes) -> Sequence[Registered]:
        """What was allocated directly below a node, in the order of the texts; NO_NODE gives the roots."""
        return self._below.get(node, ())

    def declared(self, node: bytes) -> list[Registered]:
        """What the owner of a node declares to be equivalent to it, whether or not the other side agrees."""
        return [self.by_node[other] for other in self._others.get(node, ()) if self._declares(node, other)]

    def equivalents(self, node: bytes) -> list[Registered]:
        """The prefixes that name the same things: both owners say so, and both prefixes are active."""
        if not self.is_active(node):
            return []
        return [
            other
            for other in self.declared(node)
            if self._declares(other.node, node) and self.is_active(other.node)
        ]

    def entries(self, now_s: int) -> list[PrefixEntry]:
        """What decisions about access go by, at `now_s`."""
        return [
            PrefixEntry(
                known.node,
                known.scheme,
                known.text,
                known.owner,
                self.is_active(known.node),
                known.delegates(CAPTURE, now_s),
            )
            for known in self.by_node.values()
        ]

    def next_expiry_s(self, now_s: int) -> float:
        """When the next delegation ends, and `entries` are others; infinite when none will."""
        ends = (d.expires_s for known in self.by_node.values() for d in known.delegations)
        return min((end for end in ends if end > now_s), default=inf)

    def _declares(self, node: bytes, other: bytes) -> bool:
        """Whether the declaration stands: neither side has changed hands since."""
        terms = self.by_node[node].term, self.by_node[other].term
        return self.declarations.get((node, other)) == terms

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], Registered]:
        return {(known.scheme, known.text): known for known in self.by_node.values()}

    @cached_property
    def _ordered(self) -> list[Registered]:
        return sorted(self.by_node.values(), key=_name_of)

    @cached_property
    def _below(self) -> dict[bytes, list[Registered]]:
        below: defaultdict[bytes, list[Registered]] = defaultdict(list)
        for known in self._ordered:
            below[known.parent].append(known)
        return dict(below)

    @cached_property
    def _others(self) -> dict[bytes, list[bytes]]:
        others: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for node, other in self.declarations:
            others[node].append(other)
        return dict(others)


def _name_of(known: Registered) -> tuple[str, str]:
    return known.scheme, known.text


def _allocated(change: Change) -> Registered:
    return Registered(
        change.node, change.scheme, change.text, change.other, change.account, since_s=change.time_s
    )


def _changed(known: Registered, change: Change) -> Registered:
    match change.kind:
        case "reallocated":
            return _handed_over(replace(known, status="allocated", endpoint="", log_id=NO_LOG), change)
        case "transferred":
            return _handed_over(known, change)
        case "transfer_offered":
            return replace(known, offered_to=change.account)
        case "transfer_cancelled":
            return replace(known, offered_to=b"")
        case "suspended":
            return replace(known, status="suspended")
        case "resumed":
            return replace(known, status="allocated")
        case "revoked":
            return replace(known, status="revoked")
        case "endpoint_set":
            return replace(known, endpoint=change.text, log_id=change.other)
        case "delegated" | "delegate_revoked":
            others = (d for d in known.delegations if (d.account, d.scope) != (change.account, change.scope))
            added = [Delegation(change.account, change.scope, change.expires_s)]
            return replace(known, delegations=(*others, *(added if change.kind == "delegated" else ())))
        case _:
            raise AssertionError(change.kind)


def _handed_over(known: Registered, change: Change) -> Registered:
    """With a new owner, for whom the grants of the one before do not hold."""
    return replace(
        known,
        owner=change.account,
        since_s=change.time_s,
        term=known.term + 1,
        offered_to=b"",
        delegations=(),
    )


def tenures(changes: Iterable[Change]) -> list[Tenure]:
    """Who held a prefix and when, from its HANDOVERS in the order of the chain; the first holder first."""
    found: list[Tenure] = []
    for change in changes:
        ends = change.kind in ("reallocated", "transferred", "revoked")
        if ends and found and found[-1].until_s is None:
            found[-1] = replace(found[-1], until_s=change.time_s)
        if change.kind in ("allocated", "reallocated", "transferred"):
            found.append(Tenure(change.account, change.time_s, None))
    return found
