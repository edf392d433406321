"""Alarms: an excursion that opened, or a carrier that fell silent, is told until somebody acknowledges it.

One alarm for each excursion and each silence. Policies of the party say who is told of it and when; what
there is to tell is planned once, when the alarm is raised, and each telling is judged again when it is due.

Pure. `ledger.alarms` keeps policies and acknowledgements, `ledger.alarm_runner` sends. Times are milliseconds
since 1970.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

from ledger.domain.canonical_json import JsonValue
from ledger.domain.carriers import Binding, parse_carrier_id
from ledger.domain.cold_chain.excursion_event import document_of, quantity_of, time_text
from ledger.domain.cold_chain.profile import Profile
from ledger.domain.cold_chain.reading import QUANTITIES, Quantity, from_milli
from ledger.domain.cold_chain.watch import Excursion, Watch
from ledger.domain.errors import Invalid, Problem
from ledger.domain.events import Event
from ledger.domain.identifiers import parse_identifier
from ledger.domain.mail_server import is_mailbox

Kind = Literal["excursion", "no_data"]
Way = Literal["webhook", "email"]
AlarmState = Literal["lasting", "over", "withdrawn"]
TellingState = Literal["due", "told", "given_up", "dropped"]

ALARM_NAMESPACE: Final = "urn:suyuan:alarm:"
ACKNOWLEDGED: Final = "suyuan:acknowledgedAlarm"
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
WAYS: Final[tuple[Way, ...]] = get_args(Way)
STEPS_MAX: Final = 20
CARRIERS_MAX: Final = 1_000
ATTEMPTS_MAX: Final = 60
"""After so many tries a telling is given up: 8 hours, by the pauses between them."""

_MINUTE_MS: Final = 60_000
_DAY_MINUTES: Final = 24 * 60
_MINUTES_MAX: Final = 7 * _DAY_MINUTES
_PAUSE_MS_MAX: Final = 600_000
_TEXT_MAX: Final = 500
_TOKEN_MAX: Final = 1_000
_name: Final = re.compile(r"[A-Za-z0-9._-]{1,40}").fullmatch
_clock: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])").fullmatch
_offset: Final = re.compile(r"([+-])(0[0-9]|1[0-4]):([0-5][0-9])").fullmatch


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
class Step:
    """Somebody who is told when an alarm was not acknowledged for `after_ms`."""

    after_ms: int
    way: Way
    address: str
    token: str = field(default="", repr=False)  # signs what goes to a webhook
    always: bool = False  # in quiet hours too


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Daily, from one minute of the day until another, which may be on the next day."""

    from_minute: int
    until_minute: int
    offset_minutes: int  # of the place's clock, east of UTC

    def end_after(self, at_ms: int) -> int:
        """`at_ms`, or when it lies within them the end of the hours."""
        local = at_ms + self.offset_minutes * _MINUTE_MS
        day_ms = _DAY_MINUTES * _MINUTE_MS
        since_ms = (local - self.from_minute * _MINUTE_MS) % day_ms
        lasts_ms = (self.until_minute - self.from_minute) % _DAY_MINUTES * _MINUTE_MS
        return at_ms + max(0, lasts_ms - since_ms)


@dataclass(frozen=True, slots=True)
class Policy:
    """Who is told of which alarms. One that names carriers goes before those for all; one without steps
    tells nobody."""

    name: str
    carriers: tuple[str, ...]  # empty: all of the party
    kinds: tuple[Kind, ...]
    steps: tuple[Step, ...]
    quiet: QuietHours | None
    repeat_ms: int  # so long the same is not told again of the same carrier and rule


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


def policies_for(policies: Iterable[Policy], carrier_id: str) -> list[Policy]:
    """Those that name the carrier; where none does, those for all carriers."""
    known = list(policies)
    own = [policy for policy in known if carrier_id in policy.carriers]
    return own or [policy for policy in known if not policy.carriers]


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


# --------------------------------------------------------------------------- policies as JSON


def parse_policy(name: object, value: object) -> Policy:
    """The policy that somebody wrote, as `policy_to_json` gives it; all but `steps` may be left out.

    Raises Invalid with a problem for each faulty member. Addresses of webhooks are not judged here.
    """
    problems: list[Problem] = []
    if not isinstance(name, str) or not _name(name):
        problems.append(Problem("/name", "should be 1 to 40 letters, digits or . _ -"))
    if not isinstance(value, dict):
        raise Invalid('a policy is an object with "steps"')
    known = ("carriers", "kinds", "steps", "quiet", "repeat_minutes")
    problems += [
        Problem(f"/{member}", f"is no member here: there are {', '.join(known)}")
        for member in value
        if member not in known
    ]
    policy = Policy(
        str(name),
        _carriers(value.get("carriers", []), problems),
        _kinds(value.get("kinds", list(KINDS)), problems),
        _steps(value.get("steps"), problems),
        _quiet(value.get("quiet"), problems),
        _minutes(value.get("repeat_minutes", 0), "/repeat_minutes", problems),
    )
    if problems:
        raise Invalid(f"{len(problems)} problems in the policy: {problems[0]}", problems)
    return policy


def policy_to_json(policy: Policy, *, secrets: bool = False) -> dict[str, JsonValue]:
    """The policy for `parse_policy`; without signature tokens unless with `secrets`."""
    steps: list[JsonValue] = [
        {
            "after_minutes": step.after_ms // _MINUTE_MS,
            step.way: step.address,
            **({"signature_token": step.token} if secrets and step.token else {}),
            **({"always": True} if step.always else {}),
        }
        for step in policy.steps
    ]
    return {
        "carriers": list(policy.carriers),
        "kinds": list(policy.kinds),
        "steps": steps,
        "repeat_minutes": policy.repeat_ms // _MINUTE_MS,
        **({"quiet": _quiet_to_json(policy.quiet)} if policy.quiet else {}),
    }


def _carriers(value: object, problems: list[Problem]) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > CARRIERS_MAX:
        problems.append(Problem("/carriers", f"should be a list of at most {CARRIERS_MAX} carriers"))
        return ()
    carriers = []
    for index, text in enumerate(value):
        try:
            carriers.append(parse_carrier_id(text))
        except Invalid as error:
            problems.append(Problem(f"/carriers/{index}", str(error)))
    return tuple(carriers)


def _kinds(value: object, problems: list[Problem]) -> tuple[Kind, ...]:
    if not isinstance(value, list) or not value or not all(kind in KINDS for kind in value):
        problems.append(Problem("/kinds", f"should be a list with {' or '.join(KINDS)}"))
        return KINDS
    return tuple(kind for kind in KINDS if kind in value)


def _minutes(value: object, at: str, problems: list[Problem]) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MINUTES_MAX:
        problems.append(Problem(at, f"should be a whole number of minutes from 0 to {_MINUTES_MAX}"))
        return 0
    return value * _MINUTE_MS


def _steps(value: object, problems: list[Problem]) -> tuple[Step, ...]:
    if not isinstance(value, list) or len(value) > STEPS_MAX:
        problems.append(Problem("/steps", f"should be a list of at most {STEPS_MAX} steps"))
        return ()
    steps = (_step(step, f"/steps/{index}", problems) for index, step in enumerate(value))
    return tuple(step for step in steps if step)


def _step(value: object, at: str, problems: list[Problem]) -> Step | None:
    if not isinstance(value, dict):
        problems.append(Problem(at, "should be an object with after_minutes and webhook or email"))
        return None
    known = ("after_minutes", "webhook", "email", "signature_token", "always")
    problems += [Problem(f"{at}/{name}", "is no member here") for name in value if name not in known]
    after_ms = _minutes(value.get("after_minutes", 0), f"{at}/after_minutes", problems)
    ways = [way for way in WAYS if way in value]
    if len(ways) != 1 or not isinstance(value[ways[0]], str):
        problems.append(Problem(at, "should have either webhook or email, which is a text"))
        return None
    way, address = ways[0], value[ways[0]]
    if way == "email" and not is_mailbox(address):
        problems.append(Problem(f"{at}/email", "should be an address like duty@example.com"))
    token, always = value.get("signature_token", ""), value.get("always", False)
    if not isinstance(token, str) or len(token) > _TOKEN_MAX or (token and way == "email"):
        problems.append(
            Problem(f"{at}/signature_token", f"a text of at most {_TOKEN_MAX} signs, for webhooks")
        )
        token = ""
    if not isinstance(always, bool):
        problems.append(Problem(f"{at}/always", "should be true or false"))
    return Step(after_ms, way, address, token, bool(always))


def _quiet(value: object, problems: list[Problem]) -> QuietHours | None:
    if value is None:
        return None
    says = 'should be {"from": "22:00", "until": "06:00", "offset": "+08:00"}'
    if not isinstance(value, dict) or value.keys() != {"from", "until", "offset"}:
        problems.append(Problem("/quiet", says))
        return None
    start, stop = (_clock(str(value[name])) for name in ("from", "until"))
    offset = _offset(str(value["offset"]))
    if not start or not stop or not offset or start[0] == stop[0]:
        problems.append(Problem("/quiet", f"{says}, from and until not the same"))
        return None
    east = (int(offset[2]) * 60 + int(offset[3])) * (1 if offset[1] == "+" else -1)
    return QuietHours(_minute_of(start), _minute_of(stop), east)


def _minute_of(match: re.Match[str]) -> int:
    return int(match[1]) * 60 + int(match[2])


def _quiet_to_json(quiet: QuietHours) -> dict[str, JsonValue]:
    sign, east = "-" if quiet.offset_minutes < 0 else "+", abs(quiet.offset_minutes)
    times = [quiet.from_minute, quiet.until_minute, east]
    start, stop, offset = (f"{minutes // 60:02d}:{minutes % 60:02d}" for minutes in times)
    return {"from": start, "until": stop, "offset": f"{sign}{offset}"}


# --------------------------------------------------------------------------- messages


def alarm_json(alarm: Alarm, standing: AlarmStanding) -> dict[str, JsonValue]:
    """An alarm as webhooks and the API show it; `value` is the one furthest out so far."""
    value: dict[str, Any] = {
        "id": alarm.alarm_id,
        "kind": alarm.kind,
        "state": standing.state,
        "carrier": alarm.carrier_id,
        "to": alarm.uri,
        "profile": alarm.profile,
        "began_ms": alarm.began_ms,
        "opened_ms": alarm.opened_ms,
        "raised_ms": alarm.raised_ms,
        "ended_ms": standing.ended_ms,
    }
    if alarm.kind == "excursion":
        milli = standing.peak_milli
        value |= {"rule": alarm.rule, "quantity": alarm.quantity}
        value |= {"value": None if milli is None else float(from_milli(milli)), "value_ms": standing.peak_ms}
    return value


_NAMES: Final[Mapping[Quantity, tuple[str, str]]] = {
    "temperature": ("温度", "temperature"),
    "humidity": ("湿度", "humidity"),
    "light": ("光照", "light"),
    "shock": ("冲击", "shock"),
    "door": ("门", "door"),
}


def alarm_mail(alarm: Alarm, standing: AlarmStanding, step: int, page: str) -> tuple[str, str]:
    """Subject and text of an e-mail, in Chinese and English. `page` is where it is acknowledged."""
    what_zh, what = _what(alarm, standing)
    escalated = f" ({step + 1})" if step else ""
    subject = f"警报 Alarm{escalated}: {alarm.uri}"
    over_zh, over = ("现已结束。", " It is over by now.") if standing.state == "over" else ("", "")
    lines: Sequence[str] = (
        what_zh + over_zh,
        f"对象：{alarm.uri}",
        f"监测设备：{alarm.carrier_id}",
        f"确认警报：{page}",
        "",
        what + over,
        f"Concerns: {alarm.uri}",
        f"Carrier: {alarm.carrier_id}",
        f"Acknowledge: {page}",
        "",
        f"alarm {alarm.alarm_id}",
    )
    return subject, "\n".join(lines) + "\n"


def _what(alarm: Alarm, standing: AlarmStanding) -> tuple[str, str]:
    began = time_text(alarm.began_ms)
    if alarm.quantity is None:
        return f"自 {began} 起没有数据。", f"No data since {began}."
    zh, en = _NAMES[alarm.quantity]
    limit = f"{alarm.profile}, {alarm.rule}"
    if standing.peak_milli is None:
        return f"自 {began} 起{zh}超出范围（{limit}）。", f"Since {began} {en} is out of range ({limit})."
    peak = f"{from_milli(standing.peak_milli):f} {QUANTITIES[alarm.quantity].symbol}".rstrip()
    return (
        f"自 {began} 起{zh}超出范围（{limit}），最远 {peak}。",
        f"Since {began} {en} is out of range ({limit}), at worst {peak}.",
    )
