"""Records of an item for authorities and customers: what is known, in the fields that a profile asks for.

Nothing is made up: a value is taken from the identifier, master data, ILMD, an event or a watched carrier, or
it is missing. Where an item has several legs, a field of theirs counts only when every leg has it.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Literal

from ledger.domain.canonical_json import JsonValue
from ledger.domain.cold_chain.excursion_event import time_text
from ledger.domain.cold_chain.export_record import Record, fill_record
from ledger.domain.cold_chain.profile import Rule
from ledger.domain.cold_chain.reading import QUANTITIES, show
from ledger.domain.decision import decision_of
from ledger.domain.events import Event, ObjectEvent, TransactionEvent
from ledger.domain.identifiers import class_uri, element_string, parse_identifier
from ledger.domain.temperature import parse_range
from ledger.domain.trace import declared_wrong, trace
from ledger.exports import find_record_profile
from ledger.history import logged_events
from ledger.node import Node
from ledger.shipment import Shipment, Stretch, look_up_shipment

RecordFormat = Literal["json", "csv"]


def export_record(node: Node, text: str, profile: str) -> Record:
    """The record of the item that `text` names; its `missing` says what is required and not known.

    Who may see the shipment may have it; of the carriers it tells the model and the calibration too. Raises
    Invalid for what is no identifier, NotFound for an unknown profile.
    """
    found = find_record_profile(profile)
    shipment = look_up_shipment(node, text, columns=1)
    events, own = _events(node, shipment.uri)
    known = {**_of_item(node, shipment.uri), **_of_events(shipment, events), **_of_legs(node, shipment)}
    for event in own:
        known |= {f"ilmd.{name}": [value] for name, value in event.ilmd.items() if isinstance(value, str)}
    return fill_record(shipment.uri, found, known)


def _events(node: Node, uri: str) -> tuple[list[Event], list[Event]]:
    """The events of the item and of what held it, and its own; what was declared wrong is left out."""
    traced = trace(uri, lambda item: logged_events(node.store, item)).events
    wrong = declared_wrong(entry.event for entry in traced if entry.event)
    standing = [
        (entry.event, entry.path) for entry in traced if entry.event and entry.event.event_id not in wrong
    ]
    way = [event for event, path in standing if all(via.kind == "inside" for via in path)]
    return way, [event for event, path in standing if not path]


def _of_item(node: Node, uri: str) -> dict[str, list[str]]:
    entries = node.store.master_data(sorted({uri, class_uri(uri)}))
    product = entries.get(uri) or entries.get(class_uri(uri))
    values = dict(parse_identifier(uri).elements)
    known = {"item.id": [element_string(uri)]}
    for name, code in (("gtin", "01"), ("lot", "10"), ("serial", "21")):
        known[f"item.{name}"] = [values[code]] if code in values else []
    if product:
        known |= {f"product.{name}": value.split("\n") for name, value in product.details.items()}
        known |= {"item.name": [product.name], "item.name_zh": [product.name_zh]}
        allowed = parse_range(product.details)
        known["item.storage"] = [str(allowed)] if allowed else []
    return {source: [value for value in told if value] for source, told in known.items()}


def _of_events(shipment: Shipment, events: Sequence[Event]) -> dict[str, list[str]]:
    known: dict[str, list[str]] = {}
    for event in events:
        for name, ends in (("source", event.sources), ("destination", event.destinations)):
            if ends:  # the newest counts
                known[f"event.{name}"] = _once(element_string(end.uri) for end in ends)
        if isinstance(event, ObjectEvent | TransactionEvent):
            amounts = [
                f"{q.quantity:f} {q.uom or ''}".strip() for q in event.quantities if q.quantity is not None
            ]
            if amounts:
                known["event.quantity"] = amounts
    papers = [(paper.type or "", paper.uri) for event in events for paper in event.biz_transactions]
    for kind in dict.fromkeys(kind for kind, _ in papers if kind):
        known[f"event.{kind}"] = _once(uri for each, uri in papers if each == kind)
    known["event.custody"] = [
        f"{time_text(custody.at_ms)} {custody.event.biz_step} {element_string(custody.place)}"
        for custody in shipment.custody
        if custody.place
    ]
    decisions = [decision for event in events if (decision := decision_of(event))]
    known["event.decision"] = [f"{d.choice}: {d.reason} ({d.name})" for d in decisions]
    return known


def _of_legs(node: Node, shipment: Shipment) -> dict[str, list[str]]:
    carriers = [stretch.leg.binding.carrier_id for stretch in shipment.stretches]
    devices = {c: carrier.device for c, carrier in node.store.carriers_by_id(carriers).items()}
    told = []
    for stretch in shipment.stretches:
        device = devices[stretch.leg.binding.carrier_id]
        until = device.calibrated_until_ms
        calibration = {
            "model": device.model,
            "calibration": device.calibration,
            "calibrated_until": "" if until is None else time_text(until),
        }
        told.append({**_of_leg(stretch), **calibration})
    names = dict.fromkeys(chain.from_iterable(told))
    known = {f"legs.{name}": [leg.get(name, "") for leg in told] for name in names}
    found = {source: values for source, values in known.items() if all(values)}
    excursions = [excursion for stretch in shipment.stretches for excursion in _excursions(stretch)]
    return {**found, "legs.excursions": excursions}


def _of_leg(stretch: Stretch) -> dict[str, str]:
    leg = stretch.leg
    known = {
        "carrier": element_string(leg.binding.carrier_id),
        "time": f"{time_text(stretch.from_ms)}/{time_text(stretch.to_ms)}",
        "limits": "; ".join(map(_limit, leg.profile.rules)),
        "condition": stretch.condition.value,
    }
    if "temperature" not in stretch.series or not stretch.complete:
        return known  # figures of a part would pass for those of all
    figures, _ = stretch.series["temperature"]
    values = {"min": figures.milli_min, "max": figures.milli_max, "mean": figures.milli_mean}
    known |= {name: show(milli) for name, milli in values.items() if milli is not None}
    known |= {"mkt": f"{figures.mkt:f}"} if figures.mkt is not None else {}
    return known | {
        "count": f"{figures.count}",
        "out": f"{figures.out_ms // 1000} s",
        "gaps": f"{figures.gap_ms // 1000} s",
    }


def _limit(rule: Rule) -> str:
    unit = QUANTITIES[rule.quantity].symbol
    return f"{rule.quantity} {rule.bound} {unit}, {rule.mode} {rule.delay_ms // 1000} s"


def _excursions(stretch: Stretch) -> Iterable[str]:
    for each in stretch.excursions:
        end = "" if each.closed_ms is None else time_text(each.closed_ms)
        peak = "" if each.peak_milli is None else f", peak {show(each.peak_milli)}"
        yield f"{each.rule}: {time_text(each.began_ms)}/{end}{peak}"


def _once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def write_json(record: Record) -> bytes:
    """The record as JSON; `missing` says what is required and not known."""
    fields: dict[str, JsonValue] = {
        field.name: {
            "title": field.title,
            "title_zh": field.title_zh,
            "values": list(record.values[field.name][1]),
            "from": record.values[field.name][0],
        }
        for field in record.profile.fields
        if field.name in record.values
    }
    missing: list[JsonValue] = [{"name": field.name, "from": field.where} for field in record.missing]
    document = {
        "id": record.uri,
        "profile": record.profile.name,
        "source": record.profile.source,
        "fields": fields,
        "missing": missing,
    }
    return json.dumps(document, ensure_ascii=False, indent=1).encode() + b"\n"


def write_csv(record: Record) -> bytes:
    """The record as CSV with a row for each value; a missing field has a row that says where it comes from.

    With a byte order mark, without which spreadsheets misread Chinese.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["name", "title", "title_zh", "value", "from", "missing"])
    missing = set(record.missing)
    for field in record.profile.fields:
        names = (field.name, field.title, field.title_zh)
        source, values = record.values.get(field.name, ("", ()))
        for value in values:
            writer.writerow([*names, _as_text(value), source, ""])
        if field in missing:
            writer.writerow([*names, "", "", field.where])
    return out.getvalue().encode("utf-8-sig")


def _as_text(value: str) -> str:
    """A spreadsheet would run a value that begins so as a formula."""
    return f"'{value}" if value[:1] in "=+@\t\r" or (value[:1] == "-" and not value[1:2].isdigit()) else value


def write_record(record: Record, form: RecordFormat) -> bytes:
    """The record as a file."""
    return write_json(record) if form == "json" else write_csv(record)
