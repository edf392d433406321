"""Who may say what about whose identifiers.

An event that brings an identifier into being, or ends it, needs the right to speak for it:

| event | needs the right for |
|---|---|
| any with action OBSERVE | nothing: everybody may say what they saw |
| ObjectEvent ADD, DELETE | its EPCs and classes |
| AggregationEvent, AssociationEvent ADD | the parent |
| TransformationEvent | the outputs |
| unpacking (DELETE of a containment), TransactionEvent, inputs, children | nothing: goods in hand |

The right comes from `PrefixRegistry`: it is with the owner and the delegates of the longest
registered prefix, and with the owners of the prefixes above it, who allocated it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.domain.events import Event
from ledger.domain.identifiers import company_digits

GS1 = "gs1"
"""Scheme of GS1 company prefixes; a prefix is digits."""

URI = "uri"
"""Scheme of all identifiers that are not GS1's; a prefix is the beginning of the URI."""


@dataclass(frozen=True, slots=True)
class PrefixEntry:
    """One registered prefix, as `PrefixRegistry` holds it."""

    node: bytes  # 32 bytes
    scheme: str
    text: str  # "0614141"
    owner: bytes  # account, 20 bytes
    active: bool  # neither it nor any prefix above it is suspended or revoked
    delegates: tuple[bytes, ...]  # accounts that may capture for it


@dataclass(frozen=True)
class PrefixIndex:
    """All registered prefixes, ready to be asked."""

    _by_text: Mapping[tuple[str, str], PrefixEntry] = field(default_factory=dict)
    _lengths: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Lengths of the prefixes in each scheme, the longest first: few, and never more than 64."""

    @staticmethod
    def of(entries: Iterable[PrefixEntry]) -> "PrefixIndex":
        by_text = {(entry.scheme, entry.text): entry for entry in entries}
        lengths: defaultdict[str, set[int]] = defaultdict(set)
        for scheme, text in by_text:
            lengths[scheme].add(len(text))
        return PrefixIndex(
            by_text, {scheme: sorted(found, reverse=True) for scheme, found in lengths.items()}
        )

    def above(self, uri: str) -> list[PrefixEntry]:
        """The registered prefixes of a canonical URI, the longest first."""
        digits = company_digits(uri)
        scheme, text = (URI, uri) if digits is None else (GS1, digits)
        begins = [text[:length] for length in self._lengths.get(scheme, ()) if length <= len(text)]
        found = [self._by_text.get((scheme, begin)) for begin in begins]
        return [entry for entry in found if entry is not None]

    def may_speak(self, account: bytes, uri: str) -> bool:
        """Whether `account` may bring this identifier into being."""
        return any(
            entry.active and (account == entry.owner or account in entry.delegates)
            for entry in self.above(uri)
        )


def claimed_uris(event: Event) -> list[str]:
    """The identifiers that the event's submitter must have the right to speak for."""
    roles = _CLAIMED.get((event.type, event.action), frozenset())
    return [uri for uri, role in event.items() if role in roles]


_OBJECTS = frozenset({"epc", "class"})
_CLAIMED: Mapping[tuple[str, str | None], frozenset[str]] = {
    ("ObjectEvent", "ADD"): _OBJECTS,
    ("ObjectEvent", "DELETE"): _OBJECTS,
    ("AggregationEvent", "ADD"): frozenset({"parent"}),
    ("AssociationEvent", "ADD"): frozenset({"parent"}),
    ("TransformationEvent", None): frozenset({"output", "output_class"}),
}
