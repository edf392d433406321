"""Alarms: an excursion that opened, or a carrier that fell silent, is told until somebody acknowledges it.

One alarm for each excursion and each silence. Policies of the party (`alarm_policy`) say who is told of it
and when; what there is to tell is planned once, when the alarm is raised, and each telling is judged again
when it is due.

Pure. `ledger.alarms` keeps policies and acknowledgements, `ledger.alarm_runner` sends. Times are milliseconds
since 1970.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from ledger.domain.alarm_policy import Kind, Policy, Way, policies_for
from ledger.domain.carriers import Binding
from ledger.domain.cold_chain.excursion_event import document_of, quantity_of, time_text
from ledger.domain.cold_chain.profile import Profile
from ledger.domain.cold_chain.reading import Quantity
from ledger.domain.cold_chain.watch import Excursion, Watch
from ledger.domain.errors import Invalid, Problem
from ledger.domain.events import Event
from ledger.domain.identifiers import parse_identifier

AlarmState = Literal["lasting", "over", "withdrawn"]
TellingState = Literal["due", "told", "given_up", "dropped"]

ALARM_NAMESPACE: Final = "urn:suyuan:alarm:"
ACKNOWLEDGED: Final = "suyuan:acknowledgedAlarm"
ATTEMPTS_MAX: Final = 60
"""After so many tries a telling is given up: 8 hours, by the pauses between them."""

_PAUSE_MS_MAX: Final = 600_000
_TEXT_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class Alarm:
    """Why somebody should look. `rule` is "" and `quantity` None when there is no data."""

    alarm_id: str
    party_id: str  # whose carrier it is
    carrier_id: str
    from_ms: int  # of the binding
    uri: str  # what the carrier is bound to
    profile: str
    kind: Kind
    rule: str
    quantity: Quantity | None
    began_ms: int  # the first reading that was out; or the last one before the silence
    opened_ms: int  # when it became an excursion; or when the silence became too long
    raised_ms: int  # when the node knew


@dataclass(frozen=True, slots=True)
class AlarmStanding:
    """How an alarm stands by the readings so far; one is withdrawn when late readings undid its excursion."""

    state: AlarmState
    ended_ms: int | None = None
    peak_milli: int | None = None
    peak_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Telling:
    """One message about an alarm, on its way. `held`: it was put off as a repetition."""

    alarm_id: str
    policy: str
    step: int
    way: Way
    address: str
    token: str = field(repr=False)
    due_ms: int
    held: bool
    attempts: int = 0
    state: TellingState = "due"
    problem: str = ""  # of the last try; or why it was dropped

    @property
    def telling_id(self) -> str:
        """Stays the same at every try, so that a receiver knows it."""
        return f"{self.alarm_id}-{self.policy}-{self.step}"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """That somebody knows, and why it needs no more telling; captured as an event."""

    alarm_id: str
    at_ms: int
    name: str
    reason: str
    key_id: bytes
    event_id: str
    document: str
    state: Literal["due", "captured", "refused"] = "due"
    problem: str = ""


# --------------------------------------------------------------------------- raising


def excursion_alarm(
    alarm_id: str, party_id: str, binding: Binding, profile: Profile, excursion: Excursion, now_ms: int
) -> Alarm:
    """The alarm that an excursion, which has opened, is."""
    assert excursion.opened_ms is not None
    quantity = quantity_of(profile, excursion.rule)
    return Alarm(
        alarm_id,
        party_id,
        binding.carrier_id,
        binding.from_ms,
        binding.uri,
        binding.profile,
        "excursion",
        excursion.rule,
        quantity,
        excursion.began_ms,
        excursion.opened_ms,
        now_ms,
    )


def silence_alarm(
    alarm_id: str,
    party_id: str,
    binding: Binding,
    profile: Profile,
    watch: Watch,
    silent_ms: int,
    now_ms: int,
) -> Alarm:
    """The alarm that no data came until `silent_ms`."""
    where = (binding.carrier_id, binding.from_ms, binding.uri, binding.profile)
    began_ms = measured_until(binding, profile, watch)
    return Alarm(alarm_id, party_id, *where, "no_data", "", None, began_ms, silent_ms, now_ms)


def measured_until(binding: Binding, profile: Profile, watch: Watch) -> int:
    """When all that the profile asks for was last measured; the beginning of the binding if it never was."""
    series = [watch.series.get(quantity) for quantity in profile.quantities]
    newest = [each.at_ms for each in series if each is not None]
    return min(newest) if newest and len(newest) == len(series) else binding.from_ms


# --------------------------------------------------------------------------- planning


def plan_tellings(
    alarm: Alarm, policies: Iterable[Policy], last_told: Mapping[tuple[str, int], int]
) -> list[Telling]:
    """Who is to be told of an alarm, and when, if nobody acknowledges it before.

    `last_told`: by policy and step, when the same was last told of this carrier and rule.
    """
    tellings = []
    for policy in policies_for(policies, alarm.carrier_id):
        if alarm.kind not in policy.kinds:
            continue
        for number, step in enumerate(policy.steps):
            wanted_ms = alarm.raised_ms + step.after_ms
            told_ms = last_told.get((policy.name, number))
            due_ms = wanted_ms if told_ms is None else max(wanted_ms, told_ms + policy.repeat_ms)
            held = due_ms > wanted_ms
            if policy.quiet and not step.always:
                due_ms = policy.quiet.end_after(due_ms)
            telling = Telling(
                alarm.alarm_id, policy.name, number, step.way, step.address, step.token, due_ms, held
            )
            tellings.append(telling)
    return tellings


def why_dropped(telling: Telling, alarm: Alarm, standing: AlarmStanding, *, acknowledged: bool) -> str:
    """Why a telling that is due needs not be sent any more; "" when it has to be."""
    if acknowledged:
        return "acknowledged"
    if standing.state == "withdrawn":
        return "late readings undid the excursion"
    if standing.state == "over" and alarm.kind == "no_data":
        return "there is data again"
    if standing.state == "over" and telling.held:
        return "over before it was to be repeated"
    return ""


def pause_ms(attempts: int) -> int:
    """How long to wait after so many tries that failed."""
    return min(1000 << min(attempts - 1, 20), _PAUSE_MS_MAX)


# --------------------------------------------------------------------------- acknowledging


def parse_acknowledgement(value: object) -> tuple[str, str]:
    """Name and reason from {"name", "reason"}. Raises Invalid with every problem."""
    if not isinstance(value, dict):
        raise Invalid('an acknowledgement is an object with "name" and "reason"')
    problems = [
        Problem(f"/{name}", "is no member here: write name and reason")
        for name in value
        if name not in ("name", "reason")
    ]
    found: list[str] = []
    for name, meaning in (("name", "who acknowledges"), ("reason", "why it needs no more telling")):
        text = value.get(name)
        if not isinstance(text, str) or not text.strip() or len(text) > _TEXT_MAX:
            problems.append(Problem(f"/{name}", f"should be a text of 1 to {_TEXT_MAX} signs: {meaning}"))
        else:
            found.append(text.strip())
    if problems:
        raise Invalid(f"{len(problems)} problems in the acknowledgement: {problems[0]}", problems)
    return found[0], found[1]


def acknowledgement_document(alarm: Alarm, at_ms: int, name: str, reason: str, event_id: str) -> str:
    """The EPCIS document of an acknowledgement: one event of what the carrier is bound to;
    where that is a place, of the carrier there."""
    is_place = parse_identifier(alarm.uri).kind in ("sgln", "gln")
    event = {
        "type": "ObjectEvent",
        "eventID": event_id,
        "eventTime": time_text(at_ms),
        "eventTimeZoneOffset": "+00:00",
        "action": "OBSERVE",
        "epcList": [alarm.carrier_id if is_place else alarm.uri],
        **({"readPoint": {"id": alarm.uri}} if is_place else {}),
        ACKNOWLEDGED: {
            "suyuan:id": alarm.alarm_id,
            "suyuan:kind": alarm.kind,
            "suyuan:carrier": alarm.carrier_id,
            "suyuan:profile": alarm.profile,
            **({"suyuan:rule": alarm.rule} if alarm.rule else {}),
            "suyuan:began": time_text(alarm.began_ms),
            "suyuan:by": name,
            "suyuan:reason": reason,
        },
    }
    return document_of([event], at_ms, {"suyuan": ALARM_NAMESPACE})


def acknowledged_in(event: Event) -> tuple[str, str] | None:
    """Name and reason, when the event is an acknowledgement as `acknowledgement_document` writes it."""
    words = event.extensions.get(ACKNOWLEDGED)
    if event.namespaces.get("suyuan") != ALARM_NAMESPACE or not isinstance(words, dict):
        return None
    return str(words.get("suyuan:by", "")), str(words.get("suyuan:reason", ""))
