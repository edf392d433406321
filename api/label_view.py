"""What the page says of the label that was scanned: by whom it is signed, whether it may be a copy.

It never says "genuine": a copy has the same signature, and a scan's place is what the scanner said.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from api.i18n import Language
from api.pages import Translate, translator
from api.times import time_of
from ledger.authenticity import label_keys
from ledger.domain.authenticity import LabelVerdict, NotSigned, Signed, check_label
from ledger.domain.digital_link import CANONICAL_STEM
from ledger.domain.errors import Invalid
from ledger.domain.identifiers import parse_identifier
from ledger.domain.label_scans import ScanAlert
from ledger.history import ItemHistory
from ledger.label_scans import ScanSummary, is_activated, is_single, summarise_scans
from ledger.node import Node


@dataclass(frozen=True, slots=True)
class LabelView:
    title: str
    alarm: bool
    sentences: tuple[str, ...]


def label_view(node: Node, history: ItemHistory, label: str, language: Language) -> LabelView | None:
    """What is known of the label with this path and query; None when it is not a label of this item."""
    uri = CANONICAL_STEM + label
    try:
        verdict = check_label(uri, label_keys(node))
        if parse_identifier(uri).uri != history.uri:
            return None
    except Invalid:
        return None
    t = translator(language)
    summary = summarise_scans(node, history.uri)
    title, says = _signature(verdict, t, language)
    sentences = (says, *_scans(summary, t))
    wrong = isinstance(verdict, NotSigned) and verdict.carries_signature
    if wrong:
        return LabelView(title, True, sentences)
    if is_single(history.uri) and is_activated(node, history) is False:
        return LabelView(t("label_not_activated"), True, (t("label_not_activated_says"), title, *sentences))
    if summary.alerts:
        asked = tuple(_question(alert, t) for alert in summary.alerts)
        return LabelView(t("label_copied"), True, (*asked, title, *sentences))
    return LabelView(title, False, sentences)


def _signature(verdict: LabelVerdict, t: Translate, language: Language) -> tuple[str, str]:
    if isinstance(verdict, Signed):
        names = (verdict.key.name, verdict.key.name_zh)
        owner = next(filter(None, names[::-1] if language == "zh" else names), verdict.key.party_id)
        return t("label_signed", owner=owner), t("label_signed_says")
    if isinstance(verdict, NotSigned):
        key = "label_wrong" if verdict.carries_signature else "label_unsigned"
        return t(key), t(f"{key}_says")
    return t("label_not_checked"), t("label_not_checked_says")


def _scans(summary: ScanSummary, t: Translate) -> Iterator[str]:
    if summary.count == 1:
        yield t("label_first")
    elif summary.first_ms is not None:
        yield t("label_scanned", time=f"{time_of(summary.first_ms):%Y-%m-%d %H:%M} UTC", count=summary.count)


def _question(alert: ScanAlert, t: Translate) -> str:
    minutes = max(1, (alert.second.at_ms - alert.first.at_ms) // 60_000)
    span = t("minutes", count=minutes) if minutes < 120 else t("hours", count=minutes // 60)
    key = "label_many_devices" if alert.kind == "many_devices" else "label_two_places"
    return t(key, first=alert.first.place, second=alert.second.place, span=span)
