"""A shipment as JSON, in the words of one language. Nothing is decided here."""

from typing import Any

from api.i18n import Language
from api.i18n.phrases import BIZ_STEPS, DISPOSITIONS
from api.names import Names, Text, element_string
from api.pages import translator
from ledger.domain.cold_chain.curve import Curve, Figures, bands
from ledger.domain.cold_chain.profile import Profile
from ledger.domain.cold_chain.reading import QUANTITIES, Quantity, show
from ledger.domain.identifiers import class_uri
from ledger.domain.trace import Via
from ledger.node import Node
from ledger.shipment import Custody, LegExcursion, Shipment, Stretch


def shipment_view(node: Node, shipment: Shipment, language: Language) -> dict[str, Any]:
    """What `GET /telemetry/curve` answers; values are in the quantity's unit, times in milliseconds."""
    mentioned = {shipment.uri} | {custody.place for custody in shipment.custody if custody.place}
    mentioned |= {via.uri for held in (*shipment.custody, *_legs(shipment)) for via in held.path}
    mentioned |= set(map(class_uri, mentioned))
    names = Names(language, node.store.master_data(sorted(mentioned)))
    return {
        "id": shipment.uri,
        "name": names.item(shipment.uri).text,
        "code": element_string(shipment.uri),
        "from_ms": shipment.from_ms,
        "to_ms": shipment.to_ms,
        "columns": shipment.columns,
        "complete": shipment.complete,
        "legs": [_stretch(stretch, names) for stretch in shipment.stretches],
        "custody": [_custody(custody, names) for custody in shipment.custody],
    }


def _legs(shipment: Shipment) -> list[Any]:
    return [stretch.leg for stretch in shipment.stretches]


def _stretch(stretch: Stretch, names: Names) -> dict[str, Any]:
    leg, profile = stretch.leg, stretch.leg.profile
    t = translator(names.language)
    return {
        "carrier": leg.binding.carrier_id,
        "carrier_code": element_string(leg.binding.carrier_id),
        "on": leg.binding.uri,
        "via": [_via(via, names) for via in leg.path],
        "from_ms": leg.from_ms,
        "until_ms": leg.until_ms,
        "shown_from_ms": stretch.from_ms,
        "shown_to_ms": stretch.to_ms,
        "imported": stretch.imported,
        "complete": stretch.complete,
        "profile": {
            "name": profile.name,
            "title": profile.title_zh if names.language == "zh" else profile.title,
            "source": profile.source,
            "hold_ms": profile.hold_ms,
        },
        "condition": stretch.condition.value,
        "condition_says": t(f"condition_{stretch.condition.value}"),
        "quantities": {
            quantity: _series(profile, quantity, figures, curve)
            for quantity, (figures, curve) in stretch.series.items()
        },
        "excursions": [_excursion(excursion, profile) for excursion in stretch.excursions],
    }


def _via(via: Via, names: Names) -> dict[str, str]:
    return {"id": via.uri, "name": names.item(via.uri).text, "code": element_string(via.uri)}


def _series(profile: Profile, quantity: Quantity, figures: Figures, curve: Curve) -> dict[str, Any]:
    band = bands(profile).get(quantity)
    return {
        "unit": QUANTITIES[quantity].symbol,
        "low": _value(band.milli_low if band else None),
        "high": _value(band.milli_high if band else None),
        "count": figures.count,
        "min": _value(figures.milli_min),
        "max": _value(figures.milli_max),
        "mean": _value(figures.milli_mean),
        "mkt_celsius": None if figures.mkt is None else float(figures.mkt),
        "known_ms": figures.known_ms,
        "out_ms": figures.out_ms,
        "gap_ms": figures.gap_ms,
        "gaps": figures.gaps,
        "no_data": [list(gap) for gap in curve.gaps],
        "lines": [[[at_ms, milli / 1000] for at_ms, milli in line] for line in curve.stretches],
    }


def _excursion(excursion: LegExcursion, profile: Profile) -> dict[str, Any]:
    rule = next((rule for rule in profile.rules if rule.name == excursion.rule), None)
    quantity: Quantity = rule.quantity if rule else "temperature"  # the MKT limit is no rule of the profile's
    bound = f"{rule.bound}" if rule else f"MKT > {show(profile.mkt.milli_max)}" if profile.mkt else ""
    return {
        "rule": excursion.rule,
        "quantity": quantity,
        "bound": f"{bound} {QUANTITIES[quantity].symbol}".strip(),
        "began_ms": excursion.began_ms,
        "closed_ms": excursion.closed_ms,
        "peak": _value(excursion.peak_milli),
        "peak_ms": excursion.peak_ms,
        "out_ms": excursion.out_ms,
    }


def _custody(custody: Custody, names: Names) -> dict[str, Any]:
    event = custody.event
    place = names.place(custody.place) if custody.place else Text("")
    return {
        "at_ms": custody.at_ms,
        "step": event.biz_step,
        "step_says": names.word(BIZ_STEPS, event.biz_step or ""),
        "disposition_says": names.word(DISPOSITIONS, event.disposition) if event.disposition else "",
        "place": custody.place,
        "place_says": place.text or place.code,
        "event_id": event.event_id,
        "decision": _decision(custody, names),
        "via": [_via(via, names) for via in custody.path],
    }


def _decision(custody: Custody, names: Names) -> dict[str, str] | None:
    decision = custody.decision
    if decision is None:
        return None
    says = translator(names.language)(f"decision_{decision.choice}")
    return {
        "decision": decision.choice,
        "says": says,
        "reason": decision.reason,
        "name": decision.name,
    }


def _value(milli: int | None) -> float | None:
    return None if milli is None else milli / 1000
