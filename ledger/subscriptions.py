"""Named queries and their subscriptions: make, read, list, remove (EPCIS 2.0, sections 8.2.5 and 12.8).

Everybody with a key may read and run a named query; who made it, or an admin, may remove it. A subscription
is seen only by the party that made it and by admins. `ledger.delivery` sends what subscriptions report.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal, cast

from ledger.domain.canonical_json import JsonValue, encode
from ledger.domain.errors import Conflict, Invalid, NotAllowed, NotFound, Problem
from ledger.domain.event_fields import Prefixes
from ledger.domain.event_query import EventQuery
from ledger.domain.query import parse_query
from ledger.domain.schedule import Schedule, parse_schedule
from ledger.node import Node
from ledger.outgoing import check_target
from ledger.ports import ApiKey, Delivery, NamedQuery, Subscription
from ledger.standing import (
    EVENTS_MAX,
    InvalidControls,
    Standing,
    format_ms,
    parse_controls,
    restore,
    start,
)
from ledger.webhook import webhook_hosts

MediaType = Literal["application/json", "application/xml"]

_NAME_MAX: Final = 200
_TOKEN_MAX: Final = 1000
_CONTROLS: Final = (
    "dest",
    "signatureToken",
    "initialRecordTime",
    "stream",
    "schedule",
    "reportIfEmpty",
)


class NoSuchName(NotFound):
    """There is no named query of this name (NoSuchNameException of EPCIS 2.0)."""


# --------------------------------------------------------------------------- named queries


def create_query(node: Node, key: ApiKey, body: JsonValue, prefixes: Prefixes | None = None) -> NamedQuery:
    """The query that `body`, {"name": ..., "query": {...}}, defines; `prefixes` as for `parse_query`.

    Raises Invalid with every problem, Conflict when the name is taken.
    """
    if not isinstance(body, dict):
        raise Invalid('a named query is an object with "name" and "query"')
    name, parameters = body.get("name"), body.get("query")
    problems = [
        Problem(f"/{member}", "is no member here") for member in body if member not in ("name", "query")
    ]
    if not isinstance(name, str) or not _is_name(name):
        problems.append(Problem("/name", f"should be a text of 1 to {_NAME_MAX} signs, without a slash"))
    if not isinstance(parameters, dict):
        problems.append(Problem("/query", "should be an object of query parameters"))
    if problems:
        raise Invalid(f"{len(problems)} problems in the named query: {problems[0]}", problems)
    query = _parse(cast(Mapping[str, JsonValue], parameters), prefixes)
    definition = encode(query.to_json()).decode()
    named = NamedQuery(cast(str, name), key.party_id, definition, node.clock())
    try:
        node.store.add_query(named)
    except Conflict as error:
        raise Conflict(f"named query {name!r} is there already: choose another name") from error
    return named


def _is_name(name: str) -> bool:
    return 0 < len(name) <= _NAME_MAX and name.isprintable() and "/" not in name and name.strip() == name


def _parse(parameters: Mapping[str, JsonValue], prefixes: Prefixes | None) -> EventQuery:
    try:
        return parse_query(parameters, prefixes)
    except Invalid as error:
        problems = [Problem(f"/query{problem.pointer}", problem.message) for problem in error.problems]
        raise Invalid(str(error), problems) from error


def get_query(node: Node, name: str) -> NamedQuery:
    """Raises NoSuchName."""
    query = node.store.named_query(name)
    if query is None:
        raise NoSuchName(f"there is no named query {name!r}")
    return query


def event_query(query: NamedQuery) -> EventQuery:
    """What the named query asks, to run it."""
    return parse_query(json.loads(query.definition))


def list_queries(node: Node, *, after: str = "", limit: int) -> list[NamedQuery]:
    """At most `limit` named queries by name, beginning behind the name `after`."""
    return node.store.named_queries(after=after, limit=limit)


def delete_query(node: Node, key: ApiKey, name: str) -> None:
    """Remove a named query and all its subscriptions. Raises NoSuchName, NotAllowed."""
    query = get_query(node, name)
    if not _may_see(key, query.party_id):
        raise NotAllowed(f"named query {name!r} is of another party: ask {query.party_id} to remove it")
    try:
        node.store.remove_query(name)
    except NotFound as error:
        raise NoSuchName(f"there is no named query {name!r}") from error


def _may_see(key: ApiKey, party_id: str) -> bool:
    return key.role == "admin" or key.party_id == party_id


# --------------------------------------------------------------------------- subscriptions


def create_subscription(
    node: Node,
    key: ApiKey,
    query_name: str,
    body: JsonValue,
    *,
    media_type: MediaType = "application/json",
    epc_format: str = "Always_GS1_Digital_Link",
    cbv_xml_format: str = "No_Preference",
) -> Subscription:
    """The subscription that `body` asks for; reports are written in the formats named.

    Raises NoSuchName, and InvalidControls with every problem: a wrong `dest`, a member that is unknown, and
    what `standing.parse_controls` finds.
    """
    query = get_query(node, query_name)
    if not isinstance(body, dict):
        raise InvalidControls('a subscription is an object with "dest", and "stream" or "schedule"')
    problems = list(_problems_of(node, body))
    try:
        controls = parse_controls(body)
    except InvalidControls as error:
        problems += error.problems
    if problems:
        raise InvalidControls(f"{len(problems)} problems in the subscription: {problems[0]}", problems)
    standing, progress = start(node, event_query(query), controls)
    now = node.clock()
    subscription = Subscription(
        subscription_id=str(uuid.UUID(bytes=node.random_bytes(16), version=4)),
        query_name=query_name,
        party_id=key.party_id,
        dest=cast(str, body["dest"]),
        signature_token=cast(str, body.get("signatureToken", "")),
        schedule=encode(standing.schedule.to_json()).decode() if standing.schedule else "",
        report_if_empty=standing.report_if_empty,
        media_type=media_type,
        epc_format=epc_format,
        cbv_xml_format=cbv_xml_format,
        initial_record_ms=progress.min_record_ms,
        created_ms=now,
        last_notified_ms=None,
        events_max=EVENTS_MAX,
        progress=progress,
    )
    try:
        node.store.add_subscription(subscription)
    except Conflict as error:
        raise NoSuchName(f"named query {query_name!r} was removed meanwhile") from error
    return subscription


def _problems_of(node: Node, body: Mapping[str, JsonValue]) -> list[Problem]:
    problems = [
        Problem(f"/{name}", "is no member of a subscription") for name in body if name not in _CONTROLS
    ]
    dest, token = body.get("dest"), body.get("signatureToken", "")
    if not isinstance(dest, str):
        problems.append(Problem("/dest", "should be the URL of the receiver"))
    else:
        try:
            check_target(dest, webhook_hosts(node.settings))
        except Invalid as error:
            problems.append(Problem("/dest", str(error)))
    if not isinstance(token, str) or len(token) > _TOKEN_MAX:
        problems.append(Problem("/signatureToken", f"should be a text of at most {_TOKEN_MAX} signs"))
    return problems


def get_subscription(node: Node, key: ApiKey, query_name: str, subscription_id: str) -> Subscription:
    """Raises NoSuchName, and NotFound when the query has no such subscription of your party."""
    get_query(node, query_name)
    found = node.store.subscription(subscription_id)
    if found is None or found.query_name != query_name or not _may_see(key, found.party_id):
        raise NotFound(f"your party has no subscription {subscription_id} to {query_name!r}")
    return found


def list_subscriptions(
    node: Node, key: ApiKey, query_name: str, *, after: str = "", limit: int
) -> list[Subscription]:
    """At most `limit` subscriptions of your party by id, behind the id `after`. Raises NoSuchName."""
    get_query(node, query_name)
    party_id = None if key.role == "admin" else key.party_id
    return node.store.subscriptions(query_name, party_id=party_id, after=after, limit=limit)


def delete_subscription(node: Node, key: ApiKey, query_name: str, subscription_id: str) -> None:
    """Raises NoSuchName, NotFound."""
    get_subscription(node, key, query_name, subscription_id)
    node.store.remove_subscription(subscription_id)


def standing_of(subscription: Subscription, query: EventQuery) -> Standing:
    """The standing query of a subscription to `query`."""
    return restore(
        query, schedule_of(subscription), subscription.report_if_empty, subscription.initial_record_ms
    )


def schedule_of(subscription: Subscription) -> Schedule | None:
    """None for a stream."""
    return parse_schedule(json.loads(subscription.schedule)) if subscription.schedule else None


# --------------------------------------------------------------------------- dead letters


def list_dead_letters(
    node: Node, key: ApiKey, query_name: str, subscription_id: str, *, after: str = "", limit: int
) -> list[Delivery]:
    """Deliveries that were given up, in the order of the log, beginning behind the id `after`.

    Raises NoSuchName, NotFound.
    """
    get_subscription(node, key, query_name, subscription_id)
    return node.store.deliveries(subscription_id, dead=True, after=after, limit=limit)


def send_again(node: Node, key: ApiKey, query_name: str, subscription_id: str, delivery_id: str) -> Delivery:
    """Let a delivery that was given up be tried anew, before what follows it.

    Raises NoSuchName, NotFound.
    """
    get_subscription(node, key, query_name, subscription_id)
    delivery = node.store.delivery(delivery_id)
    if delivery is None or delivery.subscription_id != subscription_id or not delivery.dead:
        raise NotFound(f"subscription {subscription_id} has no dead letter {delivery_id}")
    revived = replace(delivery, attempts=0, due_ms=node.clock(), dead=False)
    node.store.put_delivery(revived)
    return revived


def subscription_json(subscription: Subscription) -> dict[str, JsonValue]:
    """A subscription as the REST binding shows it: without its signature token."""
    when: dict[str, JsonValue] = {"stream": True}
    if subscription.schedule:
        when = {"schedule": json.loads(subscription.schedule), "reportIfEmpty": subscription.report_if_empty}
    notified_ms = subscription.last_notified_ms
    return {
        "subscriptionID": subscription.subscription_id,
        "queryName": subscription.query_name,
        "dest": subscription.dest,
        **when,
        "createdAt": format_ms(subscription.created_ms),
        **({} if notified_ms is None else {"lastNotifiedAt": format_ms(notified_ms)}),
        "initialRecordTime": format_ms(subscription.initial_record_ms),
        "minRecordTime": format_ms(subscription.progress.min_record_ms),
        "epcFormat": subscription.epc_format,
    }
