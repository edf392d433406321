"""Scans of labels: what is counted, and what the owner of an identifier is told of them.

Kept of each label are the newest scans and the first, for two years; no address of the network, no name.
"""

from dataclasses import dataclass
from typing import Final

from ledger.domain.errors import Invalid
from ledger.domain.identifiers import parse_identifier
from ledger.domain.label_scans import LabelScan, Place, ScanAlert, Scanner, device_hash, find_alerts
from ledger.domain.rules import role_begins
from ledger.history import ItemHistory, ProofState
from ledger.node import Node

KEPT_MS: Final = 2 * 365 * 24 * 3600 * 1000
KEPT_MAX: Final = 200
"""Scans of one label; the oldest but for the first give way."""
MINUTE_MAX: Final = 6
"""Scans of one label by one device in a minute, or by all that send no token; more are not counted."""
PAGE_MAX: Final = 500
"""Labels that one request for alerts looks at."""

_CLASSES: Final = ("gtin", "lgtin", "itip-lot", "itip-class", "uri")


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """What the scans of one label come to. `first_ms` is the first of those that are kept."""

    count: int  # at most KEPT_MAX
    first_ms: int | None
    alerts: tuple[ScanAlert, ...]


@dataclass(frozen=True, slots=True)
class LabelAlerts:
    """The alerts of one label."""

    uri: str
    alerts: tuple[ScanAlert, ...]


def record_scan(node: Node, uri: str, place: Place, scanner: Scanner, device: str = "") -> bool:
    """Count a scan of the canonical `uri`; whether it was counted.

    It is not when the label names no single thing, and when there were too many in this minute.
    """
    if not is_single(uri):
        return False
    now = node.clock()
    scan = LabelScan(now, place, scanner, device_hash(device))
    limits = {"minute_max": MINUTE_MAX, "kept_max": KEPT_MAX, "kept_from_ms": now - KEPT_MS}
    return node.store.add_label_scan(uri, scan, node.random_bytes(8), **limits)


def is_single(uri: str) -> bool:
    """Whether `uri` names one thing, of which there is one label."""
    kind = parse_identifier(uri).kind
    return kind not in _CLASSES and not kind.endswith("-class")


def summarise_scans(node: Node, uri: str) -> ScanSummary:
    """What the page of a label says of its scans."""
    scans = node.store.label_scans(uri, limit=KEPT_MAX)
    return ScanSummary(len(scans), node.store.first_label_scan_ms(uri), tuple(find_alerts(scans)))


def alerts_for(node: Node, party_id: str, after: str = "") -> tuple[list[LabelAlerts], str]:
    """Alerts of labels that the party speaks for, and where the next page starts: "" at the end."""
    party = node.store.party(party_id)
    if party is None:
        raise Invalid(f"there is no party {party_id!r}")
    uris = node.store.scanned_uris(after=after, limit=PAGE_MAX)
    prefixes = node.prefixes.index()
    own = [uri for uri in uris if prefixes.may_speak(party.account, uri)]
    found = [LabelAlerts(uri, tuple(find_alerts(node.store.label_scans(uri, limit=KEPT_MAX)))) for uri in own]
    return [entry for entry in found if entry.alerts], uris[-1] if len(uris) == PAGE_MAX else ""


def is_activated(node: Node, history: ItemHistory) -> bool | None:
    """Whether the item's owner has recorded its issue; None when that cannot be told.

    It cannot for a class, under a prefix that nobody registered, and when events are withheld or left out.
    """
    own = [entry for entry in history.entries if not entry.path]
    for entry in own:
        if entry.event and not entry.declared and entry.state is not ProofState.REFUTED:
            kind, action = entry.event.type, entry.event.action
            for uri, role in entry.event.items():
                if uri == history.uri and role_begins(kind, action, role):
                    return True
    known = any(entry.text and entry.active for entry in node.prefixes.index().above(history.uri))
    told = history.complete and all(entry.event for entry in own)
    return False if known and told and is_single(history.uri) else None
