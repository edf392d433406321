"""Named queries, their subscriptions, and the deliveries that are on their way to receivers."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import (
    Connection,
    Delete,
    Row,
    Select,
    Update,
    and_,
    delete,
    exists,
    insert,
    not_,
    or_,
    select,
    update,
)

from ledger.domain.errors import NotFound
from ledger.ports import Delivery, NamedQuery, Progress, Subscription
from ledger.store import tables
from ledger.store.database import Database

_QUERY, _SUBSCRIPTION, _DELIVERY = tables.named_query.c, tables.subscription.c, tables.delivery.c


class Subscriptions(Database):
    """The part of `Store` about named queries and subscriptions."""

    def add_query(self, query: NamedQuery) -> None:
        with self.writing() as connection:
            connection.execute(insert(tables.named_query).values(asdict(query)))

    def named_query(self, name: str) -> NamedQuery | None:
        with self.reading() as connection:
            row = connection.execute(select(tables.named_query).where(_QUERY.name == name)).one_or_none()
        return NamedQuery(*row) if row else None

    def named_queries(self, *, after: str, limit: int) -> list[NamedQuery]:
        query = select(tables.named_query).where(_QUERY.name > after).order_by(_QUERY.name).limit(limit)
        with self.reading() as connection:
            return [NamedQuery(*row) for row in connection.execute(query)]

    def remove_query(self, name: str) -> None:
        ids = select(_SUBSCRIPTION.subscription_id).where(_SUBSCRIPTION.query_name == name)
        with self.writing() as connection:
            connection.execute(delete(tables.delivery).where(_DELIVERY.subscription_id.in_(ids)))
            connection.execute(delete(tables.subscription).where(_SUBSCRIPTION.query_name == name))
            _change_one(
                connection, delete(tables.named_query).where(_QUERY.name == name), f"named query {name}"
            )

    def add_subscription(self, subscription: Subscription) -> None:
        with self.writing() as connection:
            connection.execute(insert(tables.subscription).values(_from_subscription(subscription)))

    def subscription(self, subscription_id: str) -> Subscription | None:
        found = self._subscriptions(_all.where(_SUBSCRIPTION.subscription_id == subscription_id))
        return next(iter(found), None)

    def subscriptions(
        self, query_name: str, *, party_id: str | None, after: str, limit: int
    ) -> list[Subscription]:
        query = _all.where(_SUBSCRIPTION.query_name == query_name, _SUBSCRIPTION.subscription_id > after)
        if party_id is not None:
            query = query.where(_SUBSCRIPTION.party_id == party_id)
        return self._subscriptions(query.order_by(_SUBSCRIPTION.subscription_id).limit(limit))

    def due_subscriptions(self, now_ms: int, *, limit: int) -> list[Subscription]:
        size = select(tables.log_head.c.size).scalar_subquery()
        waiting = and_(_DELIVERY.subscription_id == _SUBSCRIPTION.subscription_id, not_(_DELIVERY.dead))
        has_something_new = or_(
            _SUBSCRIPTION.running,
            and_(_SUBSCRIPTION.next_run_ms.is_(None), _SUBSCRIPTION.position < size),
            _SUBSCRIPTION.next_run_ms <= now_ms,
        )
        # While one delivery waits for its next attempt, those after it wait too.
        is_held = exists().where(waiting, _DELIVERY.due_ms > now_ms)
        has_delivery = exists().where(waiting)
        query = _all.where(not_(is_held), or_(has_delivery, has_something_new))
        return self._subscriptions(
            query.order_by(_SUBSCRIPTION.position, _SUBSCRIPTION.subscription_id).limit(limit)
        )

    def hold_delivery_lock(self) -> AbstractContextManager[bool]:
        return self.locked("deliver")

    def remove_subscription(self, subscription_id: str) -> None:
        with self.writing() as connection:
            connection.execute(delete(tables.delivery).where(_DELIVERY.subscription_id == subscription_id))
            removal = delete(tables.subscription).where(_SUBSCRIPTION.subscription_id == subscription_id)
            _change_one(connection, removal, f"subscription {subscription_id}")

    def save_progress(
        self, subscription: Subscription, progress: Progress, delivery: Delivery | None
    ) -> None:
        before = subscription.progress
        advance = _update(subscription.subscription_id, **asdict(progress)).where(
            _SUBSCRIPTION.position == before.position, _SUBSCRIPTION.min_record_ms == before.min_record_ms
        )
        with self.writing() as connection:
            _change_one(connection, advance, f"subscription {subscription.subscription_id}")
            if delivery is not None:
                connection.execute(insert(tables.delivery).values(_from_delivery(delivery)))

    def deliveries(self, subscription_id: str, *, dead: bool, after: str = "", limit: int) -> list[Delivery]:
        query = (
            select(tables.delivery)
            .where(
                _DELIVERY.subscription_id == subscription_id,
                _DELIVERY.dead == dead,
                _DELIVERY.delivery_id > after,
            )
            .order_by(_DELIVERY.delivery_id)
            .limit(limit)
        )
        with self.reading() as connection:
            return [_to_delivery(row) for row in connection.execute(query)]

    def delivery(self, delivery_id: str) -> Delivery | None:
        with self.reading() as connection:
            row = connection.execute(
                select(tables.delivery).where(_DELIVERY.delivery_id == delivery_id)
            ).one_or_none()
        return _to_delivery(row) if row else None

    def finish_delivery(self, delivery: Delivery, notified_ms: int) -> None:
        with self.writing() as connection:
            done = delete(tables.delivery).where(_DELIVERY.delivery_id == delivery.delivery_id)
            _change_one(connection, done, f"delivery {delivery.delivery_id}")
            connection.execute(_update(delivery.subscription_id, last_notified_ms=notified_ms))

    def put_delivery(self, delivery: Delivery) -> None:
        change = (
            update(tables.delivery)
            .where(_DELIVERY.delivery_id == delivery.delivery_id)
            .values(_from_delivery(delivery))
        )
        with self.writing() as connection:
            _change_one(connection, change, f"delivery {delivery.delivery_id}")

    def split_delivery(self, delivery: Delivery, parts: Sequence[Delivery], events_max: int) -> None:
        with self.writing() as connection:
            done = delete(tables.delivery).where(_DELIVERY.delivery_id == delivery.delivery_id)
            _change_one(connection, done, f"delivery {delivery.delivery_id}")
            connection.execute(insert(tables.delivery), [_from_delivery(part) for part in parts])
            connection.execute(_update(delivery.subscription_id, events_max=events_max))

    def _subscriptions(self, query: Select[Any]) -> list[Subscription]:
        with self.reading() as connection:
            return [_to_subscription(row) for row in connection.execute(query)]


_all = select(tables.subscription)


def _update(subscription_id: str, **values: Any) -> Update:
    return (
        update(tables.subscription).where(_SUBSCRIPTION.subscription_id == subscription_id).values(**values)
    )


def _change_one(connection: Connection, change: Update | Delete, name: str) -> None:
    """Run `change`; NotFound when there is no such row, or another process has changed it meanwhile."""
    if not connection.execute(change).rowcount:
        raise NotFound(f"{name}: is not there, or not as it was")


def _from_subscription(subscription: Subscription) -> dict[str, Any]:
    own = {f.name: getattr(subscription, f.name) for f in fields(Subscription) if f.name != "progress"}
    return own | asdict(subscription.progress)


def _to_subscription(row: Row[Any]) -> Subscription:
    values = dict(row._mapping)
    progress = Progress(**{f.name: values.pop(f.name) for f in fields(Progress)})
    return Subscription(**values, progress=progress)


def _from_delivery(delivery: Delivery) -> dict[str, Any]:
    return asdict(delivery) | {"events": ",".join(map(str, delivery.events))}


def _to_delivery(row: Row[Any]) -> Delivery:
    values = dict(row._mapping)
    indices = tuple(int(index) for index in values.pop("events").split(",") if index)
    return Delivery(**values, events=indices)
