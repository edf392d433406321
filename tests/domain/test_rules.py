"""Business rules: each one broken and kept, on events alone."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.errors import Invalid
from ledger.domain.event_parser import parse_event
from ledger.domain.events import Event
from ledger.domain.rules import RULES, Known, find_broken, parse_modes, parts_of

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
SGTIN = "https://id.gs1.org/01/09506000134352/21/"
A, B = SGTIN + "A", SGTIN + "B"
CRATE, PALLET = "https://id.gs1.org/8003/09506000134352C1", "https://id.gs1.org/00/095060000000000015"
DOCK = "https://id.gs1.org/414/9506000000008"

_numbers = itertools.count()


def event(hour: float, **fields: Any) -> Event:
    time = datetime(2026, 11, 2, tzinfo=UTC) + timedelta(hours=hour)
    value = {
        "type": "ObjectEvent",
        "eventID": f"urn:x:{next(_numbers)}",
        "eventTime": time.isoformat(),
        "eventTimeZoneOffset": "+08:00",
        **fields,
    }
    return parse_event(value)


def made(hour: float, *epcs: str, **fields: Any) -> Event:
    return event(hour, **{"action": "ADD", "bizStep": "commissioning", "epcList": list(epcs), **fields})


def seen(hour: float, *epcs: str, **fields: Any) -> Event:
    return event(hour, **{"action": "OBSERVE", "bizStep": "shipping", "epcList": list(epcs), **fields})


def destroyed(hour: float, *epcs: str) -> Event:
    return event(hour, action="DELETE", bizStep="destroying", epcList=list(epcs))


def packed(
    hour: float, parent: str, *children: str, action: str = "ADD", kind: str = "AggregationEvent"
) -> Event:
    return event(hour, type=kind, action=action, parentID=parent, childEPCs=list(children))


def broken(rule: str, *events: Event, before: tuple[Event, ...] = (), **known: Any) -> list[str]:
    """The pointers at which the events, new together, break the rule."""
    parts: dict[str, list[Any]] = {}
    for old in before:
        for part in parts_of(old):
            parts.setdefault(part.uri, []).append(part)
    world = Known(NOW, parts=parts, **known)
    listed = [(f"/{index}", entry) for index, entry in enumerate(events)]
    return [finding.problem.pointer for finding in find_broken({rule: "warn"}, listed, world)]


# --- commissioned


def test_an_item_that_nobody_commissioned_is_not_used() -> None:
    assert broken("commissioned", seen(8, A)) == ["/0"]


@pytest.mark.parametrize("begins", [made(7, A), packed(7, A, B), made(8, A)])
def test_what_was_commissioned_before_is_used(begins: Event) -> None:
    assert broken("commissioned", seen(8, A), before=(begins,)) == []


def test_a_commissioning_counts_by_its_time_and_not_by_its_capture() -> None:
    assert broken("commissioned", seen(8, A), made(7, A)) == []
    assert broken("commissioned", made(9, A), seen(8, A)) == ["/1"]
    assert broken("commissioned", seen(8, A), before=(made(9, A),)) == ["/0"]


def test_outputs_of_a_transformation_begin_with_it_and_its_inputs_must_have_begun() -> None:
    cut = event(8, type="TransformationEvent", inputEPCList=[A], outputEPCList=[B])

    assert broken("commissioned", cut, seen(9, B), before=(made(7, A),)) == []
    assert broken("commissioned", cut) == ["/0"]


def test_lots_classes_and_what_loggers_are_fixed_to_need_no_beginning() -> None:
    lot = event(
        8, action="OBSERVE", quantityList=[{"epcClass": "https://id.gs1.org/01/09506000134352/10/L1"}]
    )

    assert broken("commissioned", lot) == []
    assert broken("commissioned", packed(8, DOCK, A, kind="AssociationEvent"), before=(made(7, A),)) == []


def test_a_refused_commissioning_commissions_nothing() -> None:
    modes = parse_modes("not_future=refuse, commissioned=warn")
    events = [("/0", made(13, A)), ("/1", seen(14, A))]

    findings = find_broken({"not_future": "refuse"} | dict(modes), events, Known(NOW))

    assert [(f.rule, f.at) for f in findings] == [
        ("not_future", "/0"),
        ("not_future", "/1"),
        ("commissioned", "/1"),
    ]


# --- destroyed


@pytest.mark.parametrize(
    "end",
    [
        destroyed(8, A),
        event(8, action="OBSERVE", bizStep="decommissioning", epcList=[A]),
        event(8, action="OBSERVE", disposition="destroyed", epcList=[A]),
        event(8, type="TransformationEvent", inputEPCList=[A], outputEPCList=[B]),
    ],
)
def test_nothing_ships_after_its_end(end: Event) -> None:
    assert broken("not_destroyed", seen(9, A), before=(made(7, A), end)) == ["/0"]
    assert broken("not_destroyed", end, seen(9, A)) == ["/1"]
    assert broken("not_destroyed", seen(7.5, A), before=(made(7, A), end)) == []


def test_a_crate_that_is_commissioned_again_is_used_again() -> None:
    again = (made(7, CRATE), destroyed(8, CRATE), made(9, CRATE))

    assert broken("not_destroyed", seen(10, CRATE), before=again) == []
    assert broken("not_destroyed", seen(8.5, CRATE), before=again) == ["/0"]


# --- one parent


def test_an_item_is_not_packed_twice() -> None:
    assert broken("one_parent", packed(9, CRATE, B, A), before=(packed(8, PALLET, A),)) == ["/0/childEPCs/1"]


@pytest.mark.parametrize(
    "out",
    [
        packed(8.5, PALLET, A, action="DELETE"),
        event(8.5, type="AggregationEvent", action="DELETE", parentID=PALLET),
    ],
)
def test_what_was_taken_out_is_packed_again(out: Event) -> None:
    assert broken("one_parent", packed(9, CRATE, A), before=(packed(8, PALLET, A), out)) == []
    assert broken("one_parent", packed(8, PALLET, A), out, packed(9, CRATE, A)) == []


def test_what_was_taken_out_of_something_else_is_still_in_its_parent() -> None:
    before = (packed(8, PALLET, A), packed(8.5, CRATE, A, action="DELETE"))

    assert broken("one_parent", packed(9, CRATE, A), before=before) == ["/0/childEPCs/0"]


def test_packing_again_into_the_same_parent_and_fixing_a_logger_are_no_second_parent() -> None:
    assert broken("one_parent", packed(9, PALLET, A), before=(packed(8, PALLET, A),)) == []
    assert (
        broken("one_parent", packed(9, CRATE, A, kind="AssociationEvent"), before=(packed(8, PALLET, A),))
        == []
    )


def test_an_event_that_comes_late_is_judged_by_its_time() -> None:
    assert broken("one_parent", packed(7, CRATE, A), before=(packed(8, PALLET, A),)) == []


@given(st.lists(st.tuples(st.sampled_from(["ADD", "DELETE"]), st.sampled_from([CRATE, PALLET])), max_size=8))
def test_packing_breaks_the_rule_exactly_when_a_walk_through_time_finds_another_parent(
    moves: list[tuple[str, str]],
) -> None:
    parent, expected = None, []
    for index, (action, where) in enumerate(moves):
        if action == "ADD" and parent not in (None, where):
            expected.append(f"/{index}/childEPCs/0")
        if action == "ADD":
            parent = where
        elif where == parent:
            parent = None
    events = [packed(index, where, A, action=action) for index, (action, where) in enumerate(moves)]

    assert broken("one_parent", *events) == expected


# --- time and place


def test_an_event_may_be_a_little_ahead_of_the_clock_and_no_more() -> None:
    assert broken("not_future", seen(12.05, A)) == []
    assert broken("not_future", seen(12.2, A)) == ["/0/eventTime"]


def test_the_offset_is_that_of_the_place_at_that_time() -> None:
    berlin = {"zones": {DOCK: ZoneInfo("Europe/Berlin")}}

    winter = seen(8, A, readPoint={"id": DOCK}, eventTimeZoneOffset="+01:00")
    summer = seen(8 - 24 * 120, A, readPoint={"id": DOCK}, eventTimeZoneOffset="+01:00")

    assert broken("time_zone", winter, **berlin) == []
    assert broken("time_zone", summer, **berlin) == ["/0/eventTimeZoneOffset"]
    assert broken("time_zone", seen(8, A, bizLocation={"id": DOCK}), **berlin) == ["/0/eventTimeZoneOffset"]
    assert broken("time_zone", seen(8, A, readPoint={"id": DOCK})) == []


def test_an_unknown_place_is_told_where_it_stands() -> None:
    both = seen(8, A, readPoint={"id": DOCK}, bizLocation={"id": "urn:x:nowhere"})

    assert broken("known_place", both, places=frozenset({DOCK})) == ["/0/bizLocation/id"]
    assert broken("known_place", seen(8, A)) == []


# --- all of them


def test_an_event_that_was_declared_in_error_counts_nowhere() -> None:
    first = made(7, A)
    declared = parse_event(
        {
            "type": "ObjectEvent",
            "eventID": first.event_id or "",
            "eventTime": "2026-11-02T07:00:00Z",
            "eventTimeZoneOffset": "+08:00",
            "action": "ADD",
            "bizStep": "commissioning",
            "epcList": [A],
            "errorDeclaration": {"declarationTime": "2026-11-02T09:00:00Z"},
        }
    )

    assert broken("commissioned", declared, seen(8, A), before=(first,)) == ["/1"]


def test_of_very_many_problems_ten_are_told() -> None:
    pointers = broken("commissioned", seen(8, *(f"{SGTIN}{n}" for n in range(25))))

    assert len(pointers) == 11


def test_rules_are_switched_by_name() -> None:
    assert parse_modes("") == {}
    assert parse_modes(" one_parent=refuse , commissioned=off,time_zone=report") == {
        "one_parent": "refuse",
        "time_zone": "report",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("two_parents=warn", "'two_parents' is not a rule; there are commissioned, "),
        ("one_parent=loud", "rule one_parent is 'loud', should be one of off, report, warn, refuse"),
        ("one_parent", "rule one_parent is ''"),
        ("one_parent=warn,one_parent=off", "rule one_parent is set twice"),
    ],
)
def test_a_wrong_switch_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_modes(text)
    assert message in str(refused.value)


def test_compliance_is_a_rule_like_the_others() -> None:
    assert broken("cbv_compliant", seen(8, A, bizStep="urn:x:step")) == ["/0/bizStep", "/0/eventID"]
    assert broken("cbv_compatible", seen(8, A, readPoint={"id": PALLET})) == ["/0/readPoint/id"]
    assert set(RULES) >= {"cbv_compatible", "cbv_compliant"}
