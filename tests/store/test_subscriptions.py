"""Named queries, subscriptions, and deliveries on their way."""

from dataclasses import replace

import pytest

from ledger.domain.errors import Conflict, NotFound
from ledger.ports import Delivery, NamedQuery, Progress, Subscription
from ledger.store import SqlStore
from tests.store.samples import capture

SHIPPED = NamedQuery("shipped", "maker", '{"EQ_bizStep":"shipping"}', 1_000)
STREAM = Subscription(
    subscription_id="s1",
    query_name="shipped",
    party_id="maker",
    dest="https://shop.example/inbox",
    signature_token="secret",
    schedule="",
    report_if_empty=False,
    media_type="application/json",
    epc_format="Always_GS1_Digital_Link",
    cbv_xml_format="No_Preference",
    initial_record_ms=900,
    created_ms=1_000,
    last_notified_ms=None,
    events_max=100,
    progress=Progress(0, False, None, 900),
)
HOURLY = replace(
    STREAM,
    subscription_id="s2",
    schedule='{"minute":"0"}',
    report_if_empty=True,
    progress=Progress(0, False, 5_000, 900),
)


def delivery(number: int, subscription_id: str = "s1", due_ms: int = 2_000) -> Delivery:
    indices = (number, number + 1)
    return Delivery(f"{number:016d}-x", subscription_id, indices, 2_000, 0, due_ms, "", False)


def due(store: SqlStore, now_ms: int = 2_000) -> list[str]:
    return [subscription.subscription_id for subscription in store.due_subscriptions(now_ms, limit=10)]


def subscribe(store: SqlStore, *subscriptions: Subscription) -> None:
    store.add_query(SHIPPED)
    for subscription in subscriptions:
        store.add_subscription(subscription)


def test_a_named_query_is_kept_and_its_name_is_taken(store: SqlStore) -> None:
    store.add_query(SHIPPED)
    with pytest.raises(Conflict):
        store.add_query(replace(SHIPPED, definition="{}"))

    assert store.named_query("shipped") == SHIPPED
    assert store.named_query("Shipped") is None


def test_named_queries_are_listed_by_code_point_in_pages(store: SqlStore) -> None:
    names = ["B", "a", "a b", "a-b", "ab", "苗"]
    for name in reversed(names):
        store.add_query(replace(SHIPPED, name=name))
    listed: list[str] = []
    while page := store.named_queries(after=listed[-1] if listed else "", limit=4):
        listed += [query.name for query in page]
    assert listed == names


def test_a_removed_query_takes_its_subscriptions_and_their_deliveries_along(store: SqlStore) -> None:
    subscribe(store, STREAM, HOURLY)
    other = replace(SHIPPED, name="other")
    store.add_query(other)
    kept = replace(STREAM, subscription_id="s3", query_name="other")
    store.add_subscription(kept)
    store.save_progress(STREAM, Progress(2, False, None, 2_000), delivery(0))

    store.remove_query("shipped")
    assert store.named_queries(after="", limit=10) == [other]
    assert store.subscription("s1") is None
    assert store.subscription("s2") is None
    assert store.subscription("s3") == kept
    assert store.delivery(delivery(0).delivery_id) is None
    with pytest.raises(NotFound, match="shipped"):
        store.remove_query("shipped")


def test_a_subscription_needs_its_query(store: SqlStore) -> None:
    with pytest.raises(Conflict):
        store.add_subscription(STREAM)


def test_subscriptions_are_listed_by_id_for_all_or_one_party(store: SqlStore) -> None:
    carriers = replace(STREAM, subscription_id="s0", party_id="carrier")
    subscribe(store, HOURLY, STREAM, carriers)

    assert store.subscriptions("shipped", party_id=None, after="", limit=2) == [carriers, STREAM]
    assert store.subscriptions("shipped", party_id=None, after="s1", limit=2) == [HOURLY]
    assert store.subscriptions("shipped", party_id="maker", after="", limit=9) == [STREAM, HOURLY]
    assert store.subscriptions("other", party_id=None, after="", limit=9) == []


def test_a_removed_subscription_is_gone_with_its_deliveries(store: SqlStore) -> None:
    subscribe(store, STREAM)
    store.save_progress(STREAM, Progress(2, False, None, 2_000), delivery(0))
    store.remove_subscription("s1")

    assert store.subscription("s1") is None
    assert store.deliveries("s1", dead=False, limit=9) == []
    with pytest.raises(NotFound, match="s1"):
        store.remove_subscription("s1")


def test_progress_and_delivery_are_saved_together(store: SqlStore) -> None:
    subscribe(store, STREAM)
    progress = Progress(7, True, None, 2_000)
    store.save_progress(STREAM, progress, delivery(0))

    assert store.subscription("s1") == replace(STREAM, progress=progress)
    assert store.deliveries("s1", dead=False, limit=9) == [delivery(0)]


def test_progress_is_saved_by_one_of_two_and_the_other_saves_nothing(store: SqlStore) -> None:
    subscribe(store, STREAM)
    store.save_progress(STREAM, Progress(7, False, None, 2_000), delivery(0))
    with pytest.raises(NotFound, match="s1"):
        store.save_progress(STREAM, Progress(7, False, None, 2_000), delivery(3))

    assert store.deliveries("s1", dead=False, limit=9) == [delivery(0)]


def test_a_delivery_that_cannot_be_saved_leaves_the_progress_as_it_was(store: SqlStore) -> None:
    subscribe(store, STREAM, HOURLY)
    store.save_progress(STREAM, Progress(7, False, None, 2_000), delivery(0))
    with pytest.raises(Conflict):
        store.save_progress(HOURLY, Progress(7, False, 9_000, 2_000), delivery(0, "s2"))

    assert store.subscription("s2") == HOURLY


def test_a_stream_is_due_when_the_log_goes_on(store: SqlStore) -> None:
    subscribe(store, STREAM)
    assert due(store) == []
    capture(store, "A", "B")
    assert due(store) == ["s1"]
    store.save_progress(STREAM, Progress(2, False, None, 2_000), None)
    assert due(store) == []


def test_a_schedule_is_due_when_its_time_has_come(store: SqlStore) -> None:
    subscribe(store, HOURLY)
    capture(store, "A")
    assert due(store, 4_999) == []
    assert due(store, 5_000) == ["s2"]
    store.save_progress(HOURLY, Progress(1, True, 9_000, 5_000), None)
    assert due(store, 5_000) == ["s2"], "its run is not at an end"


def test_a_subscription_is_due_when_a_delivery_is_and_not_before(store: SqlStore) -> None:
    subscribe(store, STREAM, HOURLY)
    store.save_progress(STREAM, Progress(2, False, None, 2_000), delivery(0, due_ms=3_000))
    capture(store, "A", "B", "C")
    assert due(store, 2_999) == []
    assert due(store, 3_000) == ["s1"]
    store.finish_delivery(delivery(0), 3_100)
    assert due(store, 2_999) == ["s1"], "the log goes on"


def test_the_subscription_furthest_behind_is_due_first(store: SqlStore) -> None:
    ahead = replace(STREAM, subscription_id="s0", progress=Progress(2, False, None, 900))
    subscribe(store, ahead, STREAM)
    capture(store, "A", "B", "C")
    assert due(store) == ["s1", "s0"]
    assert [s.subscription_id for s in store.due_subscriptions(2_000, limit=1)] == ["s1"]


def test_a_finished_delivery_is_gone_and_the_time_is_kept(store: SqlStore) -> None:
    subscribe(store, STREAM)
    store.save_progress(STREAM, Progress(2, False, None, 2_000), delivery(0))
    store.finish_delivery(delivery(0), 2_345)

    assert store.delivery(delivery(0).delivery_id) is None
    found = store.subscription("s1")
    assert found
    assert found.last_notified_ms == 2_345
    with pytest.raises(NotFound):
        store.finish_delivery(delivery(0), 2_345)


def test_a_delivery_that_was_given_up_is_listed_apart_and_holds_nobody_up(store: SqlStore) -> None:
    subscribe(store, STREAM)
    store.save_progress(STREAM, Progress(2, False, None, 2_000), delivery(0))
    dead = replace(delivery(0), attempts=40, due_ms=9_000, problem="answered 500", dead=True)
    store.put_delivery(dead)

    assert store.deliveries("s1", dead=False, limit=9) == []
    assert store.deliveries("s1", dead=True, limit=9) == [dead]
    assert store.deliveries("s1", dead=True, after=dead.delivery_id, limit=9) == []
    assert due(store) == []
    capture(store, "A", "B", "C")
    assert due(store) == ["s1"]


def test_a_delivery_is_split_in_place(store: SqlStore) -> None:
    subscribe(store, STREAM)
    store.save_progress(STREAM, Progress(9, False, None, 2_000), delivery(5))
    parts = [replace(delivery(5), delivery_id=f"{i:016d}-y", events=(i,)) for i in (5, 6)]
    store.split_delivery(delivery(5), parts, 1)

    assert store.deliveries("s1", dead=False, limit=9) == parts
    found = store.subscription("s1")
    assert found
    assert found.events_max == 1


def test_an_empty_delivery_keeps_no_events(store: SqlStore) -> None:
    subscribe(store, STREAM)
    empty = replace(delivery(0), events=())
    store.save_progress(STREAM, Progress(2, False, None, 2_000), empty)
    assert store.deliveries("s1", dead=False, limit=9) == [empty]


def test_one_process_delivers_at_a_time(store: SqlStore) -> None:
    with store.hold_delivery_lock() as first:
        assert first
        with store.hold_delivery_lock() as second:
            assert not second
    with store.hold_delivery_lock() as third:
        assert third
