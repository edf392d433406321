"""Policies: who is told of a party's alarms, when, and what holds that back. They are written as JSON.

{
  "steps": [
    {"webhook": "https://desk.example/alarms", "signature_token": "a secret"},
    {"after_minutes": 15, "email": "duty@example.com", "always": true}
  ],
  "carriers": ["https://id.gs1.org/8004/9506000LOGGER1"],
  "kinds": ["excursion", "no_data"],
  "quiet": {"from": "22:00", "until": "06:00", "offset": "+08:00"},
  "repeat_minutes": 30
}
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from ledger.domain.canonical_json import JsonValue
from ledger.domain.carriers import parse_carrier_id
from ledger.domain.errors import Invalid, Problem
from ledger.domain.mail_server import is_mailbox

Kind = Literal["excursion", "no_data"]
Way = Literal["webhook", "email"]

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
WAYS: Final[tuple[Way, ...]] = get_args(Way)
STEPS_MAX: Final = 20
CARRIERS_MAX: Final = 1_000

_MINUTE_MS: Final = 60_000
_DAY_MINUTES: Final = 24 * 60
_MINUTES_MAX: Final = 7 * _DAY_MINUTES
_TOKEN_MAX: Final = 1_000
_name: Final = re.compile(r"[A-Za-z0-9._-]{1,40}").fullmatch
_clock: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])").fullmatch
_offset: Final = re.compile(r"([+-])(0[0-9]|1[0-4]):([0-5][0-9])").fullmatch


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


def policies_for(policies: Iterable[Policy], carrier_id: str) -> list[Policy]:
    """Those that name the carrier; where none does, those for all carriers."""
    known = list(policies)
    own = [policy for policy in known if carrier_id in policy.carriers]
    return own or [policy for policy in known if not policy.carriers]


# --------------------------------------------------------------------------- as JSON


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
