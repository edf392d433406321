"""One event of a history in the words of one language."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Final

from api.i18n import say
from api.i18n.phrases import BIZ_STEPS, BIZ_TRANSACTIONS, DISPOSITIONS, ERROR_REASONS, EVENTS
from api.names import Names, Text, element_string, short_code
from api.pages import Translate
from ledger.domain.alarms import acknowledged_in
from ledger.domain.decision import decision_of
from ledger.domain.events import (
    AggregationEvent,
    AssociationEvent,
    Event,
    ObjectEvent,
    Quantity,
    TransactionEvent,
    TransformationEvent,
)
from ledger.domain.temperature import Reading, show_celsius, show_number
from ledger.history import TimelineEntry

_LISTED_MAX: Final = 5  # identifiers in one line
_UNITS: Final = {"KGM": "kg", "GRM": "g", "LTR": "L", "MLT": "mL", "TNE": "t"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of an entry; without a label, a sentence."""

    label: str
    values: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class EntryView:
    title: str
    time: str
    time_iso: str
    place: Text
    party: str
    via: str
    facts: tuple[Fact, ...]
    details: tuple[Fact, ...]
    state: str
    declared: str
    excursions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """Whose page it is, and the words for it."""

    uri: str
    names: Names
    t: Translate

    def subject(self, entry: TimelineEntry) -> str:
        """The item whose event this is: our own, what held it, or what it was made from."""
        return entry.path[-1].uri if entry.path else self.uri

    def item(self, uri: str) -> str:
        item = self.names.item(uri)
        return f"{item.text} {item.code}"

    def listed(self, epcs: Sequence[str], quantities: Sequence[Quantity]) -> tuple[Text, ...]:
        """The first few of many identifiers, and how many more there are."""
        items = [self.names.item(uri) for uri in epcs[:_LISTED_MAX]]
        for quantity in quantities[:_LISTED_MAX]:
            item = self.names.item(quantity.epc_class)
            items.append(Text(f"{item.text} {_amount(quantity)}".strip(), item.code, item.href))
        more = len(epcs) + len(quantities) - len(items)
        return (*items, *([Text(self.t("others_more", count=more))] if more else []))


def entry_view(entry: TimelineEntry, c: Context) -> EntryView:
    event, absent = entry.event, "archived" if entry.archived else "withheld"
    return EntryView(
        title=_title(event, c) if event else c.t(absent),
        time=show_time(event.event_time, entry) if event else "",
        time_iso=event.event_time.isoformat() if event else "",
        place=show_place(entry, c),
        party=c.names.party(entry.party) or c.t("unknown_party"),
        via=show_via(entry, c),
        facts=tuple(_facts(event, entry, c)) if event else (Fact("", (Text(c.t(f"{absent}_says")),)),),
        details=tuple(_details(event, c)) if event else (),
        state=entry.state.value,
        declared=_declared(entry, c),
        excursions=tuple(show_span(reading) for reading in entry.excursions),
    )


def show_time(moment: datetime, entry: TimelineEntry) -> str:
    """In the local time of the event: 2026-10-12 08:30 (UTC+8)."""
    offset = entry.event.time_zone_offset if entry.event else "+00:00"
    sign = -1 if offset[0] == "-" else 1
    hours, minutes = int(offset[1:3]), int(offset[4:6])
    local = moment.astimezone(timezone(sign * timedelta(hours=hours, minutes=minutes)))
    zone = f"{'−' if sign < 0 else '+'}{hours}" + (f":{minutes:02}" if minutes else "")
    return f"{local:%Y-%m-%d %H:%M} (UTC{zone})"


def show_place(entry: TimelineEntry, c: Context) -> Text:
    """Where it was read, else where the goods were after it."""
    where = entry.event and (entry.event.read_point or entry.event.biz_location)
    return c.names.place(where.uri) if where else Text("")


def show_via(entry: TimelineEntry, c: Context) -> str:
    """How the event belongs to the item: with which pallet, of which ingredient; "" for the item's own."""
    return c.t(f"via_{entry.path[-1].kind}", name=c.item(entry.path[-1].uri)) if entry.path else ""


def show_span(*readings: Reading) -> str:
    """From the coldest to the warmest of `readings`."""
    low = min(reading.celsius_min for reading in readings)
    high = max(reading.celsius_max for reading in readings)
    return show_celsius(low) if low == high else f"{show_number(low)} … {show_celsius(high)}"


def _title(event: Event, c: Context) -> str:
    if acknowledged_in(event):
        return c.t("alarm_acknowledged")
    if event.biz_step in BIZ_STEPS and not isinstance(event, TransformationEvent):
        return c.names.word(BIZ_STEPS, event.biz_step)
    what = say(EVENTS[event.type, event.action], c.names.language)
    private = event.biz_step if event.biz_step not in BIZ_STEPS else None
    return f"{what} · {c.names.word({}, private)}" if private else what


def _declared(entry: TimelineEntry, c: Context) -> str:
    declaration = entry.declared
    if declaration is None:
        return ""
    reason = c.names.word(ERROR_REASONS, declaration.reason) if declaration.reason else c.t("no_reason")
    return c.t("declared_wrong", reason=reason, time=show_time(declaration.declaration_time, entry))


def _facts(event: Event, entry: TimelineEntry, c: Context) -> Iterator[Fact]:
    """What happened beyond step, time and place."""
    if acknowledged := acknowledged_in(event):
        yield Fact("", (Text(c.t("alarm_words", name=acknowledged[0], reason=acknowledged[1])),))
    match event:
        case AggregationEvent():
            yield _packing_fact(event, entry, c)
        case TransformationEvent():
            yield Fact(c.t("made_from"), c.listed(event.input_epcs, event.input_quantities))
            yield Fact(c.t("made_into"), c.listed(event.output_epcs, event.output_quantities))
        case ObjectEvent() | TransactionEvent() if amounts := [_amount(q) for q in event.quantities]:
            yield Fact(c.t("quantity"), tuple(Text(amount) for amount in amounts if amount))
    for label, ends in (("from_party", event.sources), ("to_party", event.destinations)):
        if ends:
            parties = dict.fromkeys(c.names.of(end.uri) or element_string(end.uri) for end in ends)
            yield Fact(c.t(label), tuple(map(Text, parties)))
    if decision := decision_of(event):
        yield Fact(c.t("decision"), (Text(c.t(f"decision_{decision.choice}")), Text(decision.reason)))
        yield Fact(c.t("decided_by"), (Text(decision.name),))
    if entry.readings:
        yield Fact(c.t("temperature"), tuple(Text(show_span(reading)) for reading in entry.readings))


def _details(event: Event, c: Context) -> Iterator[Fact]:
    """What only some readers look for."""
    if event.disposition:
        yield Fact(c.t("status"), (Text(c.names.word(DISPOSITIONS, event.disposition)),))
    if event.biz_transactions:
        yield Fact(c.t("documents"), tuple(_document(b.type or "", b.uri, c) for b in event.biz_transactions))
    if event.certification_info:
        yield Fact(c.t("certificate"), tuple(Text("", uri) for uri in event.certification_info))


def _packing_fact(event: AggregationEvent, entry: TimelineEntry, c: Context) -> Fact:
    """Seen from a child: what it went into. Seen from the parent: what it holds."""
    lasting = isinstance(event, AssociationEvent)
    if event.parent_id and event.parent_id != c.subject(entry):
        label = "attached_to" if lasting else "out_of" if event.action == "DELETE" else "into"
        return Fact(c.t(label), (c.names.item(event.parent_id),))
    return Fact(
        c.t("attached" if lasting else "contents"), c.listed(event.child_epcs, event.child_quantities)
    )


def _document(kind: str, uri: str, c: Context) -> Text:
    return Text(c.names.word(BIZ_TRANSACTIONS, kind) if kind else "", short_code(uri))


def _amount(quantity: Quantity) -> str:
    if quantity.quantity is None:
        return ""
    unit = _UNITS.get(quantity.uom or "", quantity.uom or "")
    return f"{quantity.quantity:,f} {unit}".strip()
