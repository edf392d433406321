"""Business rules: what can be wrong with an event that is a correct event. Each can be switched by name.

A rule looks at one event and at what is known: the time, the places, and what happened to the event's items
before. Before is by eventTime, so events may be captured late and in any order. Events that were declared in
error count nowhere, and a declaration itself is not looked at.

Pure: `ledger.rules` fetches what is known. That GS1 keys have the right check digit is no rule here: the
parser always insists.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import cache
from types import MappingProxyType
from typing import Final, Literal, get_args

from ledger.domain.cbv import check_cbv
from ledger.domain.errors import Invalid, Problem
from ledger.domain.events import AggregationEvent, AssociationEvent, Event, format_time

Mode = Literal["off", "report", "warn", "refuse"]
"""report: tell the operator; warn: tell the submitter; refuse: do not capture the event."""

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""How far a scanner's clock may run ahead before its events are in the future."""


@dataclass(frozen=True, slots=True)
class Part:
    """The part that one item played in one event: as much of it as the rules ask for."""

    uri: str
    role: str
    event_id: str
    event_type: str
    action: str | None
    biz_step: str | None
    disposition: str | None
    time: datetime
    parent: str | None
    """The event's parentID."""
    has_children: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What the rules know beside the events."""

    now: datetime
    places: frozenset[str] = frozenset()
    """The identifiers of places that the master data has, or is sure of."""
    zones: Mapping[str, tzinfo] = field(default_factory=dict)
    """Place -> its time zone, where the master data has one."""
    parts: Mapping[str, Sequence[Part]] = field(default_factory=dict)
    """Item -> what happened to it, as captured before; its parents are items too."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One event broke one rule. `at` is the pointer of the event, the problem's leads into it."""

    at: str
    rule: str
    mode: Mode
    problem: Problem


Check = Callable[[Event, Known], Iterable[Problem]]


@dataclass(frozen=True, slots=True)
class Rule:
    """`needs` says which parts of `Known` the rule looks at, beside the time."""

    meaning: str
    check: Check
    needs: Literal["", "places", "items"] = ""


def find_broken(
    modes: Mapping[str, Mode], events: Sequence[tuple[str, Event]], known: Known
) -> list[Finding]:
    """Which of the rules that `modes` switches on the new `events`, each with its pointer, break.

    The events are taken in the order of their times, each one seeing those before it, but for refused ones.
    """
    taken_back = {event.event_id for _, event in events if event.error_declaration is not None}
    happened: dict[str, list[Part]] = defaultdict(list)
    for uri, parts in known.parts.items():
        happened[uri] += (part for part in parts if part.event_id not in taken_back)
    so_far = Known(known.now, known.places, known.zones, happened)
    findings: list[Finding] = []
    entries = [(at, event, list(parts_of(event))) for at, event in events]
    for at, event, parts in sorted(entries, key=_when):
        if event.event_id in taken_back:
            continue
        broken = list(_broken(modes, at, event, so_far))
        findings += broken
        if not any(finding.mode == "refuse" for finding in broken):
            for part in parts:
                happened[part.uri].append(part)
    return findings


def _broken(modes: Mapping[str, Mode], at: str, event: Event, known: Known) -> Iterator[Finding]:
    for name, mode in modes.items():
        problems = list(RULES[name].check(event, known))
        for problem in problems[:_PROBLEMS_MAX]:
            yield Finding(at, name, mode, Problem(at + problem.pointer, problem.message))
        if len(problems) > _PROBLEMS_MAX:
            more = len(problems) - _PROBLEMS_MAX
            yield Finding(at, name, mode, Problem(at, f"and {more} more like this"))


_PROBLEMS_MAX: Final = 10
"""Of one event and one rule: a pallet may hold thousands."""


def _when(entry: tuple[str, Event, Sequence[Part]]) -> tuple[datetime, bool]:
    """By time; of those at one moment, what brings items into being comes first."""
    _, event, parts = entry
    return event.event_time, not any(_begins(part) for part in parts)


@cache
def parse_modes(text: str) -> Mapping[str, Mode]:
    """The rules that are on, from "commissioned=warn, one_parent=refuse". Raises Invalid for a wrong part."""
    modes: dict[str, Mode] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, mode = (side.strip() for side in part.partition("="))
        if name not in RULES:
            raise Invalid(f"{name!r} is not a rule; there are {', '.join(RULES)}")
        if name in modes:
            raise Invalid(f"rule {name} is set twice")
        modes[name] = _parse_mode(name, mode)
    return MappingProxyType({name: mode for name, mode in modes.items() if mode != "off"})


def needs_of(modes: Mapping[str, Mode]) -> frozenset[str]:
    """What the rules that are on have to know."""
    return frozenset(RULES[name].needs for name in modes)


def _parse_mode(name: str, text: str) -> Mode:
    for mode in get_args(Mode):
        if mode == text:
            found: Mode = mode
            return found
    raise Invalid(f"rule {name} is {text!r}, should be one of {', '.join(get_args(Mode))}")


# --- what happens to items

ENDING_STEPS: Final = frozenset({"decommissioning", "destroying"})
ENDED: Final = frozenset({"destroyed"})


def parts_of(event: Event) -> Iterator[Part]:
    """What `event` says about each of its items."""
    roles = event.items()
    parent = next((uri for uri, role in roles if role == "parent"), None)
    has_children = any(role in ("child", "child_class") for _, role in roles)
    for uri, role in roles:
        yield Part(
            uri,
            role,
            event.event_id or "",
            event.type,
            event.action,
            event.biz_step,
            event.disposition,
            event.event_time,
            parent,
            has_children,
        )


def _begins(part: Part) -> bool:
    return role_begins(part.event_type, part.action, part.role)


def role_begins(event_type: str, action: str | None, role: str) -> bool:
    """Whether an item comes into being: commissioned, made from others, or packed into for the first time."""
    match event_type, action, role:
        case ("ObjectEvent", "ADD", "epc") | ("TransformationEvent", _, "output"):
            return True
        case (("AggregationEvent" | "AssociationEvent"), "ADD", "parent"):
            return True
    return False


def _ends(part: Part) -> bool:
    """Whether the item is no more: EPCIS 2.0, sections 7.4.2 (DELETE) and 7.4.6 (inputs are used up)."""
    if part.role == "input":
        return True
    if part.event_type != "ObjectEvent" or part.role != "epc":
        return False
    return part.action == "DELETE" or part.biz_step in ENDING_STEPS or part.disposition in ENDED


def _packs(part: Part, action: str) -> bool:
    """An AssociationEvent is a lasting bond, as of a logger to its pallet, and no packing."""
    return part.event_type == AggregationEvent.type and part.action == action


_USED_AS: Final = frozenset({"epc", "child", "input"})


def used_items(event: Event) -> list[str]:
    """The single things that `event` happens to, whose past the rules ask for.

    Classes and lots have no beginning and no end.
    """
    parent = not isinstance(event, AssociationEvent)  # whose parent may be a building
    return [uri for uri, role in event.items() if role in _USED_AS or (role == "parent" and parent)]


def _beginnings(event: Event) -> frozenset[str]:
    return frozenset(uri for uri, role in event.items() if role_begins(event.type, event.action, role))


# --- the rules


def _check_commissioned(event: Event, known: Known) -> Iterator[Problem]:
    begun_here = _beginnings(event)
    for uri in used_items(event):
        begun = any(_begins(part) and part.time <= event.event_time for part in known.parts.get(uri, ()))
        if uri not in begun_here and not begun:
            yield Problem("", f"{uri} was not commissioned before: capture its beginning (ADD) as well")


def _check_not_destroyed(event: Event, known: Known) -> Iterator[Problem]:
    begun_here = _beginnings(event)
    for uri in used_items(event):
        before = [part for part in known.parts.get(uri, ()) if part.time < event.event_time]
        end = max((part.time for part in before if _ends(part)), default=None)
        if end is None or uri in begun_here:
            continue
        # A returnable crate or an SSCC after its year begins anew.
        if not any(_begins(part) and part.time > end for part in before):
            yield Problem("", f"{uri} ended at {format_time(end)}: nothing can happen to it afterwards")


def _check_one_parent(event: Event, known: Known) -> Iterator[Problem]:
    if event.type != AggregationEvent.type or event.action != "ADD":
        return
    assert isinstance(event, AggregationEvent)
    for index, child in enumerate(event.child_epcs):
        parent = _parent_of(child, event.event_time, known)
        if parent is not None and parent != event.parent_id:
            yield Problem(
                f"/childEPCs/{index}",
                f"{child} is still in {parent}: capture that it was taken out (DELETE) first",
            )


def _parent_of(child: str, time: datetime, known: Known) -> str | None:
    parent, since = None, time
    parts = (part for part in known.parts.get(child, ()) if part.role == "child" and part.time <= time)
    for part in sorted(parts, key=lambda part: part.time):
        if _packs(part, "ADD"):
            parent, since = part.parent, part.time
        elif _packs(part, "DELETE") and part.parent == parent:
            parent = None
    emptied = (
        since <= part.time <= time
        for part in known.parts.get(parent or "", ())
        if part.role == "parent" and _packs(part, "DELETE") and not part.has_children
    )
    return None if any(emptied) else parent


def _check_not_future(event: Event, known: Known) -> Iterator[Problem]:
    if event.event_time > known.now + CLOCK_TOLERANCE:
        yield Problem(
            "/eventTime",
            f"{format_time(event.event_time)} is in the future; here it is {format_time(known.now)}",
        )


def _places(event: Event) -> Iterator[tuple[str, str]]:
    for name, place in (("readPoint", event.read_point), ("bizLocation", event.biz_location)):
        if place is not None:
            yield f"/{name}/id", place.uri


def _check_time_zone(event: Event, known: Known) -> Iterator[Problem]:
    for _, uri in _places(event):
        zone = known.zones.get(uri)
        if zone is None:
            continue
        expected = offset_of(event.event_time, zone)
        if event.time_zone_offset not in (expected, "-00:00" if expected == "+00:00" else expected):
            yield Problem(
                "/eventTimeZoneOffset", f"is {event.time_zone_offset}, but {uri} was at {expected} then"
            )
        return


def offset_of(time: datetime, zone: tzinfo) -> str:
    """The offset of `zone` at `time`, as EPCIS writes it: "+08:00"."""
    offset = time.astimezone(zone).strftime("%z")
    return f"{offset[:3]}:{offset[3:5]}"


def _check_known_place(event: Event, known: Known) -> Iterator[Problem]:
    for pointer, uri in _places(event):
        if uri not in known.places:
            yield Problem(pointer, f"{uri} is no known place: import it into the master data, or correct it")


RULES: Final[Mapping[str, Rule]] = {
    "commissioned": Rule(
        "an item is commissioned before anything else happens to it", _check_commissioned, "items"
    ),
    "one_parent": Rule("an item is in one parent at a time", _check_one_parent, "items"),
    "not_destroyed": Rule(
        "nothing happens to an item after its end: destroyed, decommissioned, used up",
        _check_not_destroyed,
        "items",
    ),
    "not_future": Rule("an event is not in the future, give or take five minutes", _check_not_future),
    "time_zone": Rule(
        "eventTimeZoneOffset is that of the place, where the master data has its zone",
        _check_time_zone,
        "places",
    ),
    "known_place": Rule("readPoint and bizLocation are in the master data", _check_known_place, "places"),
    "cbv_compatible": Rule(
        "the event is CBV-Compatible: each GS1 key stands where its kind belongs",
        lambda event, _: check_cbv(event, "compatible"),
    ),
    "cbv_compliant": Rule(
        "the event is CBV-Compliant: besides, it has a bizStep and uses the standard's words alone",
        lambda event, _: check_cbv(event, "compliant"),
    ),
}
"""Name -> rule. The README holds the same table."""
