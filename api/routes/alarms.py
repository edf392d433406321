"""Alarms of a party: who is told of them, how they stand, and acknowledging them."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from api.dependencies import ApiKeyDep, NodeDep
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

router = APIRouter(
    prefix="/alarms",
    tags=["alarms"],
    responses={
        401: {"description": "No known API key."},
        404: {"description": "Your party has no such alarm or policy."},
        409: {"description": "It was acknowledged before, or there are too many."},
    },
)

_POLICY: dict[str, Any] = {
    "steps": [
        {"after_minutes": 0, "webhook": "https://desk.example/alarms", "signature_token": "a secret"},
        {"after_minutes": 15, "email": "duty@example.com", "always": True},
    ],
    "quiet": {"from": "22:00", "until": "06:00", "offset": "+08:00"},
    "repeat_minutes": 30,
}
_ACKNOWLEDGEMENT: dict[str, Any] = {"name": "李梅", "reason": "door was open, closed it"}
Policy = Annotated[dict[str, Any], Body(examples=[_POLICY])]
Words = Annotated[dict[str, Any], Body(examples=[_ACKNOWLEDGEMENT])]


@router.get("")
def get_alarms(
    node: NodeDep,
    key: ApiKeyDep,
    open: bool = True,  # noqa: A002
    before_ms: Annotated[int | None, Query(ge=0)] = None,
    before: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    """The alarms of your party, the newest first: those that nobody acknowledged, or all with `open=false`.

    `before_ms` and `before` are `raised_ms` and `id` of the last one of the page before.
    """
    place = None if before_ms is None else (before_ms, before)
    records = list_alarms(node, key, is_open=open, before=place, limit=limit)
    return [dict(alarm_view(record)) for record in records]


@router.get("/policies")
def get_policies(node: NodeDep, key: ApiKeyDep) -> list[dict[str, Any]]:
    """The policies of your party, without signature tokens."""
    return [dict(policy_view(policy)) for policy in list_policies(node, key)]


@router.put("/policies/{name}")
def put_one_policy(name: str, node: NodeDep, key: ApiKeyDep, policy: Policy) -> dict[str, Any]:
    """Say who is told of alarms that are raised from now on: `steps`, each with `webhook` or `email` and
    `after_minutes` without acknowledgement; `carriers` (else all that no other policy names), `kinds`
    (`excursion`, `no_data`), `quiet` hours, which hold back all but steps with `always`, and
    `repeat_minutes`, in which the same is not told again of a carrier."""
    return dict(policy_view(put_policy(node, key, name, policy)))


@router.delete("/policies/{name}", status_code=204)
def delete_policy(name: str, node: NodeDep, key: ApiKeyDep) -> None:
    """Remove a policy."""
    remove_policy(node, key, name)


@router.get("/{alarm_id}")
def get_one_alarm(alarm_id: str, node: NodeDep, key: ApiKeyDep) -> dict[str, Any]:
    """One alarm, with who was told of it, or will be, and every try."""
    record = get_alarm(node, key, alarm_id)
    return dict(alarm_view(record)) | {"tellings": telling_views(node, alarm_id)}


@router.post("/{alarm_id}/acknowledge")
def post_acknowledgement(alarm_id: str, node: NodeDep, key: ApiKeyDep, words: Words) -> dict[str, Any]:
    """Acknowledge an alarm with your `name` and a `reason`: it is told no more, and an event says so."""
    return dict(alarm_view(acknowledge(node, key, alarm_id, words)))
