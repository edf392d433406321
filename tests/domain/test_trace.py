"""The wider history of an item, on small worlds written down as lists of events."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from ledger.domain.events import (
    AggregationEvent,
    AssociationEvent,
    ErrorDeclaration,
    Event,
    ObjectEvent,
    Quantity,
    TransformationEvent,
)
from ledger.domain.trace import EventsOf, LoggedEvent, Trace, Via, declared_wrong, stays, trace

PACK, OTHER, CASE, PALLET, LOGGER = "urn:x:pack", "urn:x:other", "urn:x:case", "urn:x:pallet", "urn:x:logger"
CATCH = "urn:x:catch"


def at(hour: int) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hour)


def seen(hour: int, *epcs: str) -> ObjectEvent:
    return ObjectEvent(event_time=at(hour), time_zone_offset="+00:00", action="OBSERVE", epcs=epcs)


def packed(hour: int, parent: str, *children: str) -> AggregationEvent:
    return AggregationEvent(
        event_time=at(hour), time_zone_offset="+00:00", action="ADD", parent_id=parent, child_epcs=children
    )


def unpacked(hour: int, parent: str, *children: str) -> AggregationEvent:
    return AggregationEvent(
        event_time=at(hour), time_zone_offset="+00:00", action="DELETE", parent_id=parent, child_epcs=children
    )


def made(hour: int, source: str, output: str) -> TransformationEvent:
    return TransformationEvent(
        event_time=at(hour),
        time_zone_offset="+00:00",
        input_quantities=(Quantity(source, Decimal(5), "KGM"),),
        output_epcs=(output,),
    )


def log_of(*events: Event) -> EventsOf:
    def events_of(item: str) -> Sequence[LoggedEvent]:
        return [
            LoggedEvent(index, event)
            for index, event in enumerate(events)
            if item in {name for name, _ in event.items()}
        ]

    return events_of


def history(uri: str, *events: Event, depth_max: int = 5, events_max: int = 500) -> Trace:
    return trace(uri, log_of(*events), depth_max, events_max)


def hours(found: Trace) -> list[int]:
    return [(entry.event.event_time - at(0)) // timedelta(hours=1) for entry in found.events if entry.event]


def test_an_item_shares_the_journey_of_the_pallet_that_its_case_is_on() -> None:
    found = history(
        PACK,
        seen(0, PACK),
        packed(1, CASE, PACK),
        packed(2, PALLET, CASE),
        seen(3, PALLET),
        unpacked(4, PALLET, CASE),
        unpacked(5, CASE),
        seen(6, PACK),
    )

    assert hours(found) == [0, 1, 2, 3, 4, 5, 6]
    assert found.events[0].path == ()
    assert found.events[2].path == (Via("inside", CASE),)
    assert found.events[3].path == (Via("inside", CASE), Via("inside", PALLET))
    assert found.complete


def test_what_the_case_did_before_and_after_is_not_the_item_s_history() -> None:
    found = history(
        PACK, seen(0, CASE), packed(1, CASE, PACK), seen(2, CASE), unpacked(3, CASE, PACK), seen(4, CASE)
    )
    assert hours(found) == [1, 2, 3]


def test_what_else_is_packed_into_the_same_case_is_not_the_item_s_history() -> None:
    found = history(
        PACK, packed(1, CASE, PACK), packed(2, CASE, OTHER), unpacked(3, CASE, OTHER), seen(4, CASE)
    )
    assert hours(found) == [1, 4]


def test_a_logger_fixed_to_the_pallet_belongs_to_the_history() -> None:
    bond = AssociationEvent(
        event_time=at(2), time_zone_offset="+00:00", action="ADD", parent_id=PALLET, child_epcs=(LOGGER,)
    )
    assert hours(history(PACK, packed(1, PALLET, PACK), bond)) == [1, 2]


def test_an_item_is_followed_back_to_what_it_was_made_from() -> None:
    found = history(
        PACK, seen(0, CATCH), packed(1, PALLET, CATCH), seen(2, PALLET), made(3, CATCH, PACK), seen(4, CATCH)
    )

    assert hours(found) == [0, 1, 2, 3]  # what happened to the rest of the catch later is another story
    assert found.events[0].path == (Via("made_from", CATCH),)
    assert found.events[2].path == (Via("made_from", CATCH), Via("inside", PALLET))


def test_an_event_declared_in_error_is_shown_but_not_followed() -> None:
    wrong = AggregationEvent(
        event_time=at(1),
        time_zone_offset="+00:00",
        action="ADD",
        parent_id=PALLET,
        child_epcs=(PACK,),
        event_id="urn:uuid:1",
    )
    declaration = AggregationEvent(
        event_time=at(1),
        time_zone_offset="+00:00",
        action="ADD",
        parent_id=PALLET,
        child_epcs=(PACK,),
        event_id="urn:uuid:1",
        error_declaration=ErrorDeclaration(at(5), "did_not_occur"),
    )
    found = history(PACK, wrong, seen(2, PALLET), declaration)

    assert hours(found) == [1, 1]
    assert declared_wrong([wrong, declaration]) == {"urn:uuid:1"}


def test_things_packed_into_each_other_do_not_go_round_for_ever() -> None:
    found = history(PACK, packed(1, CASE, PACK), packed(1, PACK, CASE))
    assert len(found.events) == 2


def test_a_history_that_is_too_long_or_too_deep_is_cut_and_says_so() -> None:
    chain = [f"urn:x:{level}" for level in range(8)]
    events = [packed(1, outer, inner) for inner, outer in pairwise(chain)]
    deep = history(chain[0], *events, depth_max=3)
    long = history(PACK, *(seen(hour, PACK) for hour in range(9)), events_max=4)

    assert not deep.complete
    assert len(deep.events) == 4
    assert not long.complete
    assert hours(long) == [0, 1, 2, 3]


def test_a_withheld_event_stands_in_its_own_item_s_history_only() -> None:
    hidden = LoggedEvent(9, None)
    own = trace(PACK, lambda item: [hidden])
    other = trace(PACK, lambda item: [hidden] if item == CASE else [LoggedEvent(0, packed(1, CASE, PACK))])

    assert [entry.log_index for entry in own.events] == [9]
    assert [entry.log_index for entry in other.events] == [0]


def test_an_item_stayed_in_its_case_and_on_the_pallet_only_as_long_as_both_hold() -> None:
    log = log_of(
        packed(1, CASE, PACK),
        packed(2, PALLET, CASE),
        unpacked(5, CASE, PACK),
        unpacked(8, PALLET, CASE),
        made(0, CATCH, PACK),
    )
    found, complete = stays(PACK, log, 10)
    assert complete
    own, *inside = found
    assert (own.uri, own.path) == (PACK, ())
    assert [(stay.uri, stay.since, stay.until) for stay in inside] == [
        (CASE, at(1), at(5)),
        (PALLET, at(2), at(5)),
    ]
    assert inside[1].path == (Via("inside", CASE), Via("inside", PALLET))
    assert stays(PACK, log, 2) == (found[:2], False)


def test_stays_are_incomplete_where_an_event_is_withheld() -> None:
    assert not stays(PACK, lambda item: [LoggedEvent(0, None)], 10)[1]
