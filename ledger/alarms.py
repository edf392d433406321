"""Alarms of a party: by which policies they are told, how they stand, and that somebody acknowledged one.

`ledger.excursions` raises those of excursions, `ledger.alarm_runner` those of silence; it also tells them.
"""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final

from ledger.capture import capture
from ledger.domain.alarm_message import alarm_json
from ledger.domain.alarm_policy import Policy, parse_policy, policy_to_json
from ledger.domain.alarms import (
    Acknowledgement,
    Telling,
    acknowledgement_document,
    parse_acknowledgement,
)
from ledger.domain.canonical_json import JsonValue
from ledger.domain.errors import Conflict, ForkDetected, Invalid, NotAllowed, NotFound, Problem
from ledger.node import Node
from ledger.outgoing import check_target
from ledger.ports import AlarmRecord, AlarmTry, ApiKey
from ledger.webhook import webhook_hosts

POLICIES_MAX: Final = 50

# --------------------------------------------------------------------------- policies


def put_policy(node: Node, key: ApiKey, name: str, body: object) -> Policy:
    """The policy of the party of `key` that `body` describes (`domain.alarm_policy`), in place of the
    one with its name. It counts for alarms that are raised from now on.

    Raises Invalid with every problem: webhooks into our own network, and e-mail from a node that sends none,
    are among them. Conflict when the party has 50.
    """
    policy = parse_policy(name, body)
    problems = list(_unreachable(node, policy))
    if problems:
        raise Invalid(f"{len(problems)} problems in the policy: {problems[0]}", problems)
    node.store.put_alarm_policy(key.party_id, policy, count_max=POLICIES_MAX)
    return policy


def _unreachable(node: Node, policy: Policy) -> list[Problem]:
    local_hosts = webhook_hosts(node.settings)
    problems = []
    for number, step in enumerate(policy.steps):
        at = f"/steps/{number}/{step.way}"
        if step.way == "email" and not node.settings.smtp_url:
            problems.append(Problem(at, "this node sends no e-mail: its operator has to set SUYUAN_SMTP_URL"))
        if step.way == "webhook":
            try:
                check_target(step.address, local_hosts)
            except Invalid as error:
                problems.append(Problem(at, str(error)))
    return problems


def list_policies(node: Node, key: ApiKey) -> list[Policy]:
    """By name."""
    return node.store.alarm_policies(key.party_id)


def remove_policy(node: Node, key: ApiKey, name: str) -> None:
    """What was planned by it is still told. Raises NotFound."""
    node.store.remove_alarm_policy(key.party_id, name)


def policy_view(policy: Policy) -> dict[str, JsonValue]:
    """Without signature tokens."""
    return {"name": policy.name, **policy_to_json(policy)}


# --------------------------------------------------------------------------- alarms


def list_alarms(
    node: Node, key: ApiKey, *, is_open: bool, before: tuple[int, str] | None = None, limit: int
) -> list[AlarmRecord]:
    """The alarms of your party, of all parties for admins, the newest first; only those that nobody
    acknowledged if `is_open`. `before`: (raised_ms, id) of the last one of the page before."""
    party_id = None if key.role == "admin" else key.party_id
    return node.store.alarms(party_id=party_id, is_open=is_open, before=before, limit=limit)


def get_alarm(node: Node, key: ApiKey, alarm_id: str) -> AlarmRecord:
    """Raises NotFound, also for an alarm of another party."""
    record = node.store.alarm(alarm_id)
    if record is None or (key.role != "admin" and record.alarm.party_id != key.party_id):
        raise NotFound(f"your party has no alarm {alarm_id!r}")
    return record


def acknowledge(node: Node, key: ApiKey, alarm_id: str, body: object) -> AlarmRecord:
    """The alarm, acknowledged by the name and for the reason in `body`; it is told no more.

    An event of what the carrier is bound to says so, captured under `key`. While the node does not write, it
    is captured later. Raises NotFound, Invalid, Conflict when somebody acknowledged it before.
    """
    name, reason = parse_acknowledgement(body)
    alarm = get_alarm(node, key, alarm_id).alarm
    now = node.clock()
    event_id = f"urn:uuid:{uuid.UUID(bytes=node.random_bytes(16), version=4)}"
    document = acknowledgement_document(alarm, now, name, reason, event_id)
    acknowledgement = Acknowledgement(alarm_id, now, name, reason, key.key_id, event_id, document)
    node.store.acknowledge_alarm(acknowledgement)
    # Stopped here, the event is captured by the alarm runner.
    with suppress(ForkDetected):  # then the acknowledgement stands, and its event is due
        capture_acknowledgement(node, acknowledgement)
    return get_alarm(node, key, alarm_id)


def capture_acknowledgement(node: Node, acknowledgement: Acknowledgement) -> None:
    """Capture its event; called twice, once. Raises StoreUnavailable, ForkDetected: try later."""
    key = node.store.api_key(acknowledgement.key_id)
    assert key is not None, "keys are never removed"
    try:
        capture(node, key, acknowledgement.document.encode())
    except (Invalid, NotAllowed, Conflict) as error:
        done = replace(acknowledgement, state="refused", problem=str(error))
    else:
        done = replace(acknowledgement, state="captured")
    node.store.finish_acknowledgement(done)


# --------------------------------------------------------------------------- shown


def alarm_view(record: AlarmRecord) -> dict[str, JsonValue]:
    """An alarm as it is shown, with its acknowledgement."""
    done = record.acknowledgement
    acknowledged: JsonValue = None
    if done:
        acknowledged = {
            "at_ms": done.at_ms,
            "name": done.name,
            "reason": done.reason,
            "eventID": done.event_id,
            "event": done.state,
            "problem": done.problem,
        }
    return alarm_json(record.alarm, record.standing) | {"acknowledged": acknowledged}


def telling_views(node: Node, alarm_id: str) -> list[dict[str, JsonValue]]:
    """Who was told, or will be, with every try."""
    tries = node.store.alarm_tries(alarm_id)
    return [_telling_view(telling, tries) for telling in node.store.tellings(alarm_id)]


def _telling_view(telling: Telling, tries: Sequence[AlarmTry]) -> dict[str, JsonValue]:
    own = [each for each in tries if (each.policy, each.step) == (telling.policy, telling.step)]
    return {
        "policy": telling.policy,
        "step": telling.step,
        telling.way: telling.address,
        "due_ms": telling.due_ms,
        "state": telling.state,
        "problem": telling.problem,
        "tries": [{"at_ms": each.at_ms, "problem": each.problem} for each in own],
    }
