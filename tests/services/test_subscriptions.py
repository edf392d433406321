"""Named queries and subscriptions: what is accepted, what is refused, who sees what."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.errors import Conflict, Invalid, NotAllowed, NotFound
from ledger.domain.query import parse_query
from ledger.node import Node
from ledger.standing import InvalidControls, parse_controls, split_controls
from ledger.subscriptions import (
    NoSuchName,
    create_query,
    create_subscription,
    delete_query,
    delete_subscription,
    event_query,
    get_query,
    get_subscription,
    list_dead_letters,
    list_queries,
    list_subscriptions,
    send_again,
    subscription_json,
)
from tests.services.world import START_MS, World, made

SHIPPED = {"name": "shipped", "query": {"EQ_bizStep": ["shipping"], "eventType": ["ObjectEvent"]}}
STREAM = {"dest": "https://shop.example/inbox", "signatureToken": "a secret", "stream": True}
DAILY = {"dest": "https://shop.example/inbox", "schedule": {"hour": "1"}, "reportIfEmpty": True}


@pytest.fixture
def node(world: World) -> Node:
    create_query(world.node, world.keys["factory"], SHIPPED)
    return world.node


def pointers(error: Invalid) -> list[str]:
    return [problem.pointer for problem in error.problems]


# ------------------------------------------------------------------------------ named queries


def test_a_named_query_is_kept_as_it_was_written(world: World, node: Node) -> None:
    named = get_query(node, "shipped")
    assert (named.name, named.party_id, named.created_ms) == ("shipped", "factory", START_MS)
    assert json.loads(named.definition) == SHIPPED["query"]
    assert event_query(named) == parse_query({"EQ_bizStep": "shipping", "eventType": "ObjectEvent"})


def test_a_named_query_remembers_prefixes_that_came_beside_it(world: World, node: Node) -> None:
    body = {"name": "red", "query": {"EQ_ex:colour": "red"}}
    named = create_query(node, world.keys["factory"], body, {"ex": "https://ns.example/"})
    assert event_query(named) == parse_query({"EQ_https://ns.example/colour": "red"})


def test_a_name_that_is_taken_is_refused(world: World, node: Node) -> None:
    with pytest.raises(Conflict, match="'shipped' is there already"):
        create_query(node, world.keys["carrier"], {**SHIPPED, "query": {}})
    assert get_query(node, "shipped").party_id == "factory"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ([], []),
        ({}, ["/name", "/query"]),
        ({"name": "", "query": {}}, ["/name"]),
        ({"name": "a/b", "query": {}}, ["/name"]),
        ({"name": " a", "query": {}}, ["/name"]),
        ({"name": "a\n", "query": {}}, ["/name"]),
        ({"name": "a" * 201, "query": {}}, ["/name"]),
        ({"name": 1, "query": "EQ_bizStep=shipping"}, ["/name", "/query"]),
        ({"name": "a", "query": {}, "more": 1}, ["/more"]),
        (
            {"name": "a", "query": {"EQ_colour": "red", "EQ_action": "MAYBE"}},
            ["/query/EQ_colour", "/query/EQ_action"],
        ),
    ],
    ids=str,
)
def test_a_wrong_definition_is_refused_with_every_fault(
    world: World, node: Node, body: Any, expected: list[str]
) -> None:
    with pytest.raises(Invalid) as refused:
        create_query(node, world.keys["factory"], body)
    assert pointers(refused.value) == expected


def test_named_queries_are_listed_for_everybody(world: World, node: Node) -> None:
    create_query(node, world.keys["carrier"], {"name": "all", "query": {}})
    assert [query.name for query in list_queries(node, limit=10)] == ["all", "shipped"]
    assert [query.name for query in list_queries(node, after="all", limit=10)] == ["shipped"]


def test_only_its_party_or_an_admin_removes_a_named_query(world: World, node: Node) -> None:
    with pytest.raises(NotAllowed, match="of another party"):
        delete_query(node, world.keys["carrier"], "shipped")
    delete_query(node, world.keys["node"], "shipped")
    with pytest.raises(NoSuchName, match="'shipped'"):
        get_query(node, "shipped")
    with pytest.raises(NoSuchName):
        delete_query(node, world.keys["node"], "shipped")


# ------------------------------------------------------------------------------ subscriptions


def test_a_stream_begins_with_the_next_event(world: World, node: Node) -> None:
    world.capture(made("1"))
    made_one = create_subscription(node, world.keys["carrier"], "shipped", STREAM)

    assert made_one.progress.position == 1
    assert made_one.progress.next_run_ms is None
    assert get_subscription(node, world.keys["carrier"], "shipped", made_one.subscription_id) == made_one
    assert subscription_json(made_one) == {
        "subscriptionID": made_one.subscription_id,
        "queryName": "shipped",
        "dest": "https://shop.example/inbox",
        "stream": True,
        "createdAt": "2026-11-22T16:00:00.000Z",
        "initialRecordTime": "2026-11-22T16:00:00.000Z",
        "minRecordTime": "2026-11-22T16:00:00.000Z",
        "epcFormat": "Always_GS1_Digital_Link",
    }


def test_a_schedule_begins_at_its_next_time(world: World, node: Node) -> None:
    daily = create_subscription(node, world.keys["carrier"], "shipped", DAILY, media_type="application/xml")
    assert daily.progress.next_run_ms == START_MS + 9 * 3_600_000
    shown = subscription_json(replace(daily, last_notified_ms=START_MS))
    assert shown["schedule"] == {"hour": "1"}
    assert shown["reportIfEmpty"] is True
    assert shown["lastNotifiedAt"] == "2026-11-22T16:00:00.000Z"
    assert "stream" not in shown


def test_an_initial_record_time_reaches_back_in_the_log(world: World, node: Node) -> None:
    for serial in "123":
        world.clock.now_ms += 1000
        world.capture(made(serial))
    for initial, position in [("2000-01-01T00:00:00Z", 0), ("2026-11-22T16:00:02.000Z", 1)]:
        body = {**STREAM, "initialRecordTime": initial}
        made_one = create_subscription(node, world.keys["carrier"], "shipped", body)
        assert made_one.progress.position == position


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"dest": None}, ["/dest"]),
        ({"dest": "nowhere"}, ["/dest"]),
        ({"dest": "ftp://shop.example"}, ["/dest"]),
        ({"dest": "http://localhost/"}, ["/dest"]),
        ({"dest": "http://10.0.0.1/"}, ["/dest"]),
        ({"signatureToken": 7}, ["/signatureToken"]),
        ({"signatureToken": "x" * 1001}, ["/signatureToken"]),
        ({"stream": False}, ["/stream"]),
        ({"stream": "yes"}, ["/stream", "/stream"]),
        ({"schedule": {"hour": "1"}}, ["/stream"]),
        ({"stream": False, "schedule": {"hour": "25"}}, ["/schedule/hour"]),
        ({"stream": False, "schedule": {}}, ["/schedule"]),
        ({"stream": False, "schedule": "hourly"}, ["/schedule"]),
        ({"reportIfEmpty": 1}, ["/reportIfEmpty"]),
        ({"initialRecordTime": "noon"}, ["/initialRecordTime"]),
        ({"initialRecordTime": 5}, ["/initialRecordTime"]),
        ({"secret": "x"}, ["/secret"]),
        ({"dest": "", "stream": False, "initialRecordTime": ""}, ["/dest", "/stream", "/initialRecordTime"]),
    ],
    ids=str,
)
def test_wrong_controls_are_refused_with_every_fault(
    world: World, node: Node, changes: Mapping[str, Any], expected: list[str]
) -> None:
    with pytest.raises(InvalidControls) as refused:
        create_subscription(node, world.keys["carrier"], "shipped", {**STREAM, **changes})
    assert pointers(refused.value) == expected
    assert list_subscriptions(node, world.keys["node"], "shipped", limit=10) == []


def test_a_subscription_is_an_object(world: World, node: Node) -> None:
    with pytest.raises(InvalidControls):
        create_subscription(node, world.keys["carrier"], "shipped", ["dest"])


@pytest.mark.parametrize("limit", ["eventCountLimit", "maxEventCount"])
def test_a_query_with_a_limit_cannot_be_subscribed_to(world: World, node: Node, limit: str) -> None:
    create_query(node, world.keys["factory"], {"name": "few", "query": {limit: 5, "orderBy": "eventTime"}})
    with pytest.raises(InvalidControls, match=limit):
        create_subscription(node, world.keys["carrier"], "few", STREAM)


def test_a_subscription_needs_a_named_query(world: World, node: Node) -> None:
    with pytest.raises(NoSuchName):
        create_subscription(node, world.keys["carrier"], "unknown", STREAM)
    with pytest.raises(NoSuchName):
        list_subscriptions(node, world.keys["carrier"], "unknown", limit=10)


def test_a_subscription_is_seen_by_its_party_and_admins_only(world: World, node: Node) -> None:
    ours = create_subscription(node, world.keys["carrier"], "shipped", STREAM)
    theirs = create_subscription(node, world.keys["factory"], "shipped", STREAM)
    both = sorted([ours, theirs], key=lambda subscription: subscription.subscription_id)

    assert list_subscriptions(node, world.keys["carrier"], "shipped", limit=10) == [ours]
    assert list_subscriptions(node, world.keys["node"], "shipped", limit=10) == both
    for act in (get_subscription, delete_subscription):
        with pytest.raises(NotFound, match=theirs.subscription_id):
            act(node, world.keys["carrier"], "shipped", theirs.subscription_id)
    with pytest.raises(NotFound):
        list_dead_letters(node, world.keys["carrier"], "shipped", theirs.subscription_id, limit=10)
    with pytest.raises(NotFound):
        send_again(node, world.keys["carrier"], "shipped", theirs.subscription_id, "1")


def test_a_subscription_is_found_under_its_own_query_only(world: World, node: Node) -> None:
    create_query(node, world.keys["factory"], {"name": "all", "query": {}})
    ours = create_subscription(node, world.keys["carrier"], "shipped", STREAM)
    with pytest.raises(NotFound):
        get_subscription(node, world.keys["carrier"], "all", ours.subscription_id)


def test_a_removed_subscription_is_gone(world: World, node: Node) -> None:
    ours = create_subscription(node, world.keys["carrier"], "shipped", STREAM)
    delete_subscription(node, world.keys["carrier"], "shipped", ours.subscription_id)
    with pytest.raises(NotFound):
        get_subscription(node, world.keys["carrier"], "shipped", ours.subscription_id)


def test_to_remove_a_query_removes_its_subscriptions(world: World, node: Node) -> None:
    ours = create_subscription(node, world.keys["carrier"], "shipped", STREAM)
    delete_query(node, world.keys["factory"], "shipped")
    create_query(node, world.keys["factory"], SHIPPED)
    with pytest.raises(NotFound):
        get_subscription(node, world.keys["carrier"], "shipped", ours.subscription_id)


def test_the_controls_in_a_url_are_told_from_other_parameters() -> None:
    parameters = {
        "minute": "5",
        "hour": "1",
        "reportIfEmpty": "true",
        "initialRecordTime": "2026-01-01T00:00:00Z",
        "perPage": "5",
    }
    controls, others = split_controls(parameters)
    assert others == {"perPage": "5"}
    parsed = parse_controls(controls)
    assert parsed.schedule
    assert parsed.schedule.to_json() == {"hour": "1", "minute": "5"}
    assert parsed.report_if_empty
    assert parsed.initial_record_ms == 1_767_225_600_000

    assert parse_controls(split_controls({"stream": "true"})[0]).schedule is None
    with pytest.raises(InvalidControls):
        parse_controls(split_controls({"stream": "yes"})[0])
    with pytest.raises(InvalidControls):
        parse_controls(split_controls({"stream": "true", "hour": "1"})[0])
