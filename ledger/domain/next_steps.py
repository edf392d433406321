"""What is likely to happen next to an item, judged from its history; and whether it kept its cold chain.

Both are help for somebody with a scanner in hand, and neither is a proof or a permission: what the node
accepts is decided at capture.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final, Literal

from ledger.domain.events import AggregationEvent, AssociationEvent, Event, ObjectEvent
from ledger.domain.identifiers import parse_identifier
from ledger.domain.rules import ENDED, ENDING_STEPS
from ledger.domain.temperature import Reading, TemperatureRange

NextStep = Literal["arriving", "inspecting", "unpacking", "packing", "departing", "destroying"]
"""A step by its bizStep (CBV 2.0, section 7.1)."""

ALL_STEPS: Final[tuple[NextStep, ...]] = (
    "arriving",
    "inspecting",
    "unpacking",
    "packing",
    "departing",
    "destroying",
)

_SETS_OFF: Final = frozenset({"shipping", "departing", "transporting", "consigning", "loading"})
_IS_HERE: Final = frozenset(
    {"arriving", "receiving", "accepting", "unloading", "storing", "stocking", "holding", "void_shipping"}
)
_CLASSES: Final = frozenset({"gtin", "lgtin", "itip-class", "itip-lot", "grai-class"})


class ColdChain(Enum):
    """What the recorded temperatures say. Without data, or without a range, they say nothing."""

    IN_RANGE = "in_range"
    OUT_OF_RANGE = "out_of_range"
    NO_DATA = "no_data"
    NO_RANGE = "no_range"
    INCOMPLETE = "incomplete"  # only part of the history was read, and that part is in range


def likely_steps(own: Iterable[Event], around: Iterable[Event], parent: str | None) -> tuple[NextStep, ...]:
    """The steps to offer, the likeliest first; none for an item that has ended.

    `own` are the events of the item, `around` also those of what held it; both in order of time and without
    those that were declared wrong. `parent` is what holds it now (`parent_of`). An item without events
    is offered all.
    """
    history = list(own)
    if not history:
        return ALL_STEPS
    if any(_ends(event) for event in history):
        return ()
    wrap: NextStep = "unpacking" if parent else "packing"
    if _is_under_way([*around] or history):
        return ("arriving", "inspecting", wrap, "destroying")
    return ("departing", wrap, "inspecting", "arriving", "destroying")


def parent_of(uri: str, own: Iterable[Event]) -> str | None:
    """What `uri` is packed in after these events, in order of time; None when in nothing."""
    parent: str | None = None
    for event in own:
        if not isinstance(event, AggregationEvent) or isinstance(event, AssociationEvent):
            continue
        if event.action == "DELETE" and _lets_go(event, uri, parent):
            parent = None
        elif event.action != "DELETE" and uri in _children(event):
            parent = event.parent_id or parent
    return parent


def judge_cold_chain(
    readings: Sequence[Reading],
    excursions: Sequence[Reading],
    allowed: TemperatureRange | None,
    *,
    complete: bool,
) -> ColdChain:
    """An excursion counts whatever is missing; "in range" needs readings, a range and the whole history."""
    if excursions:
        return ColdChain.OUT_OF_RANGE
    if not readings:
        return ColdChain.NO_DATA
    if allowed is None:
        return ColdChain.NO_RANGE
    return ColdChain.IN_RANGE if complete else ColdChain.INCOMPLETE


def is_class(uri: str) -> bool:
    """Whether `uri` names a kind or a lot, which events count in quantities, and no single thing."""
    return parse_identifier(uri).kind in _CLASSES


def _ends(event: Event) -> bool:
    ended = isinstance(event, ObjectEvent) and event.action == "DELETE"
    return ended or event.biz_step in ENDING_STEPS or event.disposition in ENDED


def _is_under_way(events: Iterable[Event]) -> bool:
    moves = [event.biz_step for event in events if event.biz_step in _SETS_OFF | _IS_HERE]
    return bool(moves) and moves[-1] in _SETS_OFF


def _children(event: AggregationEvent) -> set[str]:
    return {*event.child_epcs, *(quantity.epc_class for quantity in event.child_quantities)}


def _lets_go(event: AggregationEvent, uri: str, parent: str | None) -> bool:
    # EPCIS 2.0, 7.4.3: DELETE without children takes all of them out of the parent.
    children = _children(event)
    return uri in children or (not children and event.parent_id == parent)
