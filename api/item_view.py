"""An item's history in the words of one language, ready for the template. Nothing is decided there."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

from api.entry_view import Context, EntryView, Fact, entry_view, show_place, show_span, show_time, show_via
from api.i18n import Language, say
from api.i18n.phrases import ILMD, KINDS, OTHER_KIND, REFUTED_BECAUSE, STEPS
from api.names import Names, Text, element_string
from api.pages import translator
from ledger.domain.bundle import Bundle
from ledger.domain.identifiers import parse_identifier
from ledger.history import ItemHistory, Proof, TimelineEntry
from ledger.verify import Outcome, Refuted, Trust, Undetermined, Verdict, Verified

VerdictKind = Literal["verified", "refuted", "undetermined", "waiting", "unknown_item"]

_OUTCOMES: Final = {Outcome.PASSED: "passed", Outcome.FAILED: "failed", Outcome.NOT_CHECKED: "not_checked"}


@dataclass(frozen=True, slots=True)
class VerdictView:
    kind: VerdictKind
    sentences: tuple[str, ...]
    technical: str


@dataclass(frozen=True, slots=True)
class ExcursionView:
    span: str
    time: str
    place: str
    via: str


@dataclass(frozen=True, slots=True)
class TemperatureView:
    span: str
    allowed: str
    excursions: tuple[ExcursionView, ...]


@dataclass(frozen=True, slots=True)
class StepView:
    number: int
    name: str
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class ProofView:
    name: Text
    kind: VerdictKind
    steps: tuple[StepView, ...]


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """What a reader compares when verifying elsewhere, from the item's own bundle."""

    chain_id: int
    contract: str
    log_key: str
    anchor: int
    anchor_hash: str
    block: int
    tx: str


@dataclass(frozen=True, slots=True)
class ItemView:
    title: str
    kind: str
    code: str
    quoted_uri: str
    has_label: bool
    verdict: VerdictView
    facts: tuple[Fact, ...]
    temperature: TemperatureView | None
    entries: tuple[EntryView, ...]
    complete: bool
    proofs: tuple[ProofView, ...]
    evidence: EvidenceView | None


def item_view(history: ItemHistory, trust: Trust, language: Language) -> ItemView:
    """The page of one item in `language`."""
    c = Context(history.uri, Names(language, history.names), translator(language))
    identifier = parse_identifier(history.uri)
    kind = say(KINDS.get(identifier.kind, OTHER_KIND), language)
    bundle = history.proofs[0].bundle
    return ItemView(
        title=c.names.of(history.uri) or kind,
        kind=kind,
        code=element_string(history.uri),
        quoted_uri=quote(history.uri, safe=""),
        has_label=bool(identifier.elements),
        verdict=_verdict(history, c),
        facts=tuple(_product_facts(history, c)),
        temperature=_temperature(history, c),
        entries=tuple(entry_view(entry, c) for entry in history.entries),
        complete=history.complete,
        proofs=tuple(_proof(proof, history, c) for proof in history.proofs),
        evidence=_evidence(bundle, trust) if bundle else None,
    )


def _verdict(history: ItemHistory, c: Context) -> VerdictView:
    verdict = history.verdict
    if isinstance(verdict, Refuted):
        because = say(REFUTED_BECAUSE[verdict.step - 1], c.names.language)
        return VerdictView("refuted", (because, *_about(history, verdict, c)), verdict.reason)
    if not history.entries:
        proven = [c.t("unknown_proven")] if isinstance(verdict, Verified) else []
        return VerdictView("unknown_item", (c.t("unknown_says"), *proven, c.t("unknown_caution")), "")
    if history.waiting == len(history.entries):
        return VerdictView("undetermined", (c.t("undetermined_waiting"),), "")
    if isinstance(verdict, Undetermined):
        cause = "undetermined_chain" if verdict.steps else "undetermined_large"
        return VerdictView("undetermined", (c.t(cause), *_about(history, verdict, c)), verdict.reason)
    return VerdictView("verified", tuple(_verified_sentences(history, c)), "")


def _about(history: ItemHistory, verdict: Verdict, c: Context) -> list[str]:
    """Whose history the verdict is about, when not the item's own."""
    own, *related = history.proofs
    found = [] if own.verdict is verdict else [proof for proof in related if proof.verdict is verdict]
    return [c.t("refuted_about", name=c.item(proof.uri)) for proof in found]


def _verified_sentences(history: ItemHistory, c: Context) -> Iterator[str]:
    own, *related = [proof.bundle for proof in history.proofs if proof.bundle]
    yield c.t("verified_says", count=len(own.events))
    if shown := [bundle for bundle in related if bundle.events]:
        yield c.t("related_says", count=len(shown))
    yield c.t("anchored_says", chain=own.anchor.chain_id, block=own.placement.block_number)
    if history.waiting:
        yield c.t("waiting_says", count=history.waiting)


def _proof(proof: Proof, history: ItemHistory, c: Context) -> ProofView:
    empty = proof.bundle is not None and not proof.bundle.events
    kind = "waiting" if empty and history.waiting else _kind_of(proof.verdict)
    steps = tuple(
        StepView(
            step.number, say(STEPS[step.number - 1], c.names.language), _OUTCOMES[step.outcome], step.detail
        )
        for step in proof.verdict.steps
    )
    return ProofView(c.names.item(proof.uri), kind, steps)


def _kind_of(verdict: Verdict) -> VerdictKind:
    match verdict:
        case Verified():
            return "verified"
        case Refuted():
            return "refuted"
        case Undetermined():
            return "undetermined"


def _evidence(bundle: Bundle, trust: Trust) -> EvidenceView:
    return EvidenceView(
        chain_id=bundle.anchor.chain_id,
        contract="0x" + bundle.anchor.contract.hex(),
        log_key=str(trust.log_key),
        anchor=bundle.anchor.number,
        anchor_hash="0x" + bundle.anchor_hash.hex(),
        block=bundle.placement.block_number,
        tx="0x" + bundle.placement.tx_hash.hex(),
    )


def _product_facts(history: ItemHistory, c: Context) -> Iterator[Fact]:
    if history.product and (content := history.product.details.get("net_content")):
        yield Fact(c.t("net_content"), (Text(content),))
    if history.storage:
        yield Fact(c.t("storage"), (Text(str(history.storage)),))
    found = _ilmd(history.entries)
    for name, phrase in ILMD.items():
        if name in found:
            yield Fact(say(phrase, c.names.language), (Text(found[name]),))


def _ilmd(entries: Iterable[TimelineEntry]) -> dict[str, str]:
    """What the item's own events say of its lot; the newest that still stands counts."""
    found: dict[str, str] = {}
    for entry in entries:
        if entry.event and not entry.path and not entry.declared:
            found |= {name: value for name, value in entry.event.ilmd.items() if isinstance(value, str)}
    return found


def _temperature(history: ItemHistory, c: Context) -> TemperatureView | None:
    """Readings on the item and what held it; excursions of its ingredients too, against their own range."""
    readings = [
        reading
        for entry in history.entries
        for reading in entry.readings
        if not any(via.kind == "made_from" for via in entry.path)
    ]
    excursions = tuple(
        ExcursionView(
            show_span(reading), show_time(reading.time, entry), show_place(entry, c).text, show_via(entry, c)
        )
        for entry, reading in history.excursions
    )
    if not readings and not excursions:
        return None
    span = show_span(*readings) if readings else ""
    return TemperatureView(span, str(history.storage or ""), excursions)
