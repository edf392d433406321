"""`suyuan alarms`: who is told of alarms, what they are, and acknowledging them. Gives exit codes."""

import argparse
import json
from typing import Any

from ledger.alarms import (
    acknowledge,
    alarm_view,
    get_alarm,
    list_alarms,
    list_policies,
    policy_view,
    put_policy,
    remove_policy,
    telling_views,
)
from ledger.commands.carriers import as_party, read_json_object
from ledger.domain.cold_chain.excursion_event import time_text
from ledger.ports import AlarmRecord

_PAGE = 500


def run_list(arguments: argparse.Namespace) -> int:
    with as_party(arguments) as (node, key):
        before = None
        while page := list_alarms(node, key, is_open=not arguments.all, before=before, limit=_PAGE):
            for record in page:
                print(_line(record))
            before = page[-1].alarm.raised_ms, page[-1].alarm.alarm_id
    return 0


def _line(record: AlarmRecord) -> str:
    alarm, done = record.alarm, record.acknowledgement
    what = f"{alarm.kind} {alarm.rule}".strip()
    by = f"  acknowledged by {done.name}" if done else ""
    return f"{alarm.alarm_id}  {time_text(alarm.raised_ms)}  {what}  {record.standing.state}  {alarm.uri}{by}"


def run_show(arguments: argparse.Namespace) -> int:
    with as_party(arguments) as (node, key):
        view: dict[str, Any] = dict(alarm_view(get_alarm(node, key, arguments.alarm)))
        view["tellings"] = telling_views(node, arguments.alarm)
    print(json.dumps(view, indent=2, ensure_ascii=False))
    return 0


def run_acknowledge(arguments: argparse.Namespace) -> int:
    with as_party(arguments) as (node, key):
        words = {"name": arguments.name, "reason": arguments.reason}
        done = acknowledge(node, key, arguments.alarm, words).acknowledgement
    assert done is not None
    print(f"alarm {arguments.alarm} is acknowledged; event {done.event_id} is {done.state}")
    return 0


def run_policies(arguments: argparse.Namespace) -> int:
    with as_party(arguments) as (node, key):
        views = [policy_view(policy) for policy in list_policies(node, key)]
    print(json.dumps(views, indent=2, ensure_ascii=False))
    return 0


def run_put(arguments: argparse.Namespace) -> int:
    with as_party(arguments) as (node, key):
        policy = put_policy(node, key, arguments.policy, read_json_object(arguments.file))
    print(f"policy {policy.name} counts for alarms from now on: {len(policy.steps)} steps")
    return 0


def run_remove(arguments: argparse.Namespace) -> int:
    with as_party(arguments) as (node, key):
        remove_policy(node, key, arguments.policy)
    print(f"policy {arguments.policy} is removed")
    return 0
