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
from typing import Final

from ledger.domain.events import Event
from ledger.domain.identifiers import scheme_of
from ledger.domain.schemes.gs1 import GS1 as GS1_SCHEME
from ledger.domain.schemes.table import SCHEME_BY_NAME
from ledger.domain.schemes.uri import URI as URI_SCHEME

GS1: Final = GS1_SCHEME.name
"""Scheme of GS1 company prefixes; a prefix is digits."""

URI: Final = URI_SCHEME.name
"""Scheme of all identifiers that no other scheme claims; a prefix is the beginning of the URI."""


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
        return self._above(*scheme_of(uri).registered_as(uri))

    def below(self, account: bytes) -> list[PrefixEntry]:
        """The prefixes that `account` owns, and all that lie below them."""
        return [
            entry
            for entry in self._by_text.values()
            if any(above.owner == account for above in self._above(entry.scheme, entry.text))
        ]

    def _above(self, scheme: str, text: str) -> list[PrefixEntry]:
        separator = SCHEME_BY_NAME[scheme].separator
        lengths = [n for n in self._lengths.get(scheme, ()) if ends_level(text, n, separator)]
        found = [self._by_text.get((scheme, text[:length])) for length in lengths]
        return [entry for entry in found if entry is not None]

    def may_speak(self, account: bytes, uri: str) -> bool:
        """Whether `account` may bring this identifier into being."""
        return any(
            entry.active and (account == entry.owner or account in entry.delegates)
            for entry in self.above(uri)
        )


def ends_level(text: str, length: int, separator: str) -> bool:
    """Whether a level of `text` ends after `length` characters, as in the registry: 8 is not above 88."""
    if length in (0, len(text)):
        return True
    return length < len(text) and (not separator or text[length] == separator)


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
