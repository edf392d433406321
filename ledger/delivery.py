"""Deliveries: what subscriptions report, sent to their webhooks, in order and without a gap.

A report is saved as a delivery in the transaction that moves its subscription on, and is sent after that. So
it is sent at least once, whenever we are stopped; and as it keeps its id, in the header Suyuan-Delivery, a
receiver that remembers ids takes it exactly once. The next report of the subscription waits until this one
is taken or given up. A delivery that was given up stays, to be seen and to be sent again.

The body is an EPCISQueryDocument with queryName and subscriptionID. With a signature token the header
`GS1-Signature: sha256=<hex>` holds the HMAC-SHA256 of the body's bytes, its key the token in UTF-8.
"""

import hashlib
import hmac
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final, Literal, cast

from ledger.alone import run_alone
from ledger.archive import refuse_archived
from ledger.domain.epc_format import EpcFormat
from ledger.domain.errors import Archived, Invalid, NotFound
from ledger.node import Node
from ledger.ports import Delivery, Subscription
from ledger.query_document import Presentation, write_query_document
from ledger.standing import advance
from ledger.subscriptions import event_query, get_query, standing_of
from ledger.webhook import NotDelivered, post, webhook_hosts
from ledger.xml import CbvFormat

Step = Literal["delivered", "failed", "moved", "waiting", "removed"]

ATTEMPTS_MAX: Final = 40
"""After this many a delivery is given up: 29 hours, by the pauses between them."""

TIMEOUT_SECONDS: Final = 10.0

_PAUSE_MS_MAX: Final = 3_600_000
_TOO_LARGE: Final = 413
_POLL_SECONDS: Final = 0.2
_SENDERS: Final = 8
_TURN_STEPS: Final = 20
_DUE_MAX: Final = 500
_REST_SECONDS: Final = 5.0

logger = logging.getLogger(__name__)


class Deliverer:
    """Sends what subscriptions report: one delivery of a subscription at a time, of several side by side."""

    def __init__(self, node: Node, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._node = node
        self._timeout_seconds = timeout_seconds
        self._local_hosts = webhook_hosts(node.settings)
        self._busy: set[str] = set()
        self._busy_lock = threading.Lock()

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop` is set; waits while another process delivers from this database."""
        hold = self._node.store.hold_delivery_lock
        run_alone(hold, self._run_alone, stop, rest_seconds=_REST_SECONDS, logger=logger)

    def _run_alone(self, stop: threading.Event) -> None:
        with ThreadPoolExecutor(_SENDERS, "deliver") as senders:
            while not stop.is_set():
                for subscription in self._node.store.due_subscriptions(self._node.clock(), limit=_DUE_MAX):
                    if self._claim(subscription.subscription_id):
                        senders.submit(self._take_turn, subscription.subscription_id, stop)
                stop.wait(_POLL_SECONDS)

    def _claim(self, subscription_id: str) -> bool:
        with self._busy_lock:
            is_free = subscription_id not in self._busy
            self._busy.add(subscription_id)
            return is_free

    def _release(self, subscription_id: str) -> None:
        with self._busy_lock:
            self._busy.discard(subscription_id)

    def _take_turn(self, subscription_id: str, stop: threading.Event) -> None:
        """Some steps for one subscription, so that those that wait have theirs too."""
        try:
            for _ in range(_TURN_STEPS):
                if stop.is_set() or self.step(subscription_id) not in ("delivered", "moved"):
                    break
        except Exception:
            # Whatever it is, it must not stop the others; this subscription rests, and is tried again.
            logger.exception("subscription %s", subscription_id)
            stop.wait(_REST_SECONDS)
        finally:
            self._release(subscription_id)

    def step(self, subscription_id: str) -> Step:
        """Send what waits for this subscription, or what it reports next; returns what became of it."""
        store = self._node.store
        subscription = store.subscription(subscription_id)
        if subscription is None:
            return "removed"
        waiting = store.deliveries(subscription_id, dead=False, limit=1)
        try:
            if waiting:
                return self._send(subscription, waiting[0])
            return self._report(subscription)
        except NotFound:  # somebody removed it meanwhile
            return "removed"

    def _report(self, subscription: Subscription) -> Step:
        node = self._node
        standing = standing_of(subscription, event_query(get_query(node, subscription.query_name)))
        report, progress = advance(node, standing, subscription.progress, subscription.events_max)
        delivery = None
        if report is not None:
            indices = tuple(event.log_index for event in report.events)
            delivery = self._new_delivery(subscription, indices, subscription.progress.position)
        if progress == subscription.progress:
            return "waiting"
        node.store.save_progress(subscription, progress, delivery)
        return "moved"

    def _new_delivery(self, subscription: Subscription, indices: Sequence[int], position: int) -> Delivery:
        first = indices[0] if indices else position
        now = self._node.clock()
        return Delivery(
            delivery_id=f"{first:016d}-{self._node.random_bytes(8).hex()}",
            subscription_id=subscription.subscription_id,
            events=tuple(indices),
            created_ms=now,
            attempts=0,
            due_ms=now,
            problem="",
            dead=False,
        )

    def _send(self, subscription: Subscription, delivery: Delivery) -> Step:
        if delivery.due_ms > self._node.clock():
            return "waiting"
        try:
            body = self._write(subscription, delivery)
            headers = _headers(subscription, delivery, body)
            post(subscription.dest, body, headers, self._local_hosts, self._timeout_seconds)
        except NotDelivered as error:
            if error.status == _TOO_LARGE and len(delivery.events) > 1:
                self._split(subscription, delivery)
                return "moved"
            return self._postpone(delivery, str(error))
        except (Archived, Invalid) as error:
            return self._postpone(delivery, f"cannot be written: {error}")
        # If we stop here, the same delivery is sent again with the same id.
        self._node.store.finish_delivery(delivery, self._node.clock())
        return "delivered"

    def _write(self, subscription: Subscription, delivery: Delivery) -> bytes:
        events = self._node.store.events_at(delivery.events)
        refuse_archived(events)
        wanted = Presentation(
            subscription.media_type,
            cast(EpcFormat, subscription.epc_format),
            cast(CbvFormat, subscription.cbv_xml_format),
        )
        return write_query_document(
            events,
            wanted,
            delivery.created_ms,
            self._node.prefixes.company_prefix_length,
            subscription.query_name,
            subscription.subscription_id,
        )

    def _split(self, subscription: Subscription, delivery: Delivery) -> None:
        """The receiver asks for smaller deliveries: make two of this one, and smaller ones from now on."""
        half = len(delivery.events) // 2
        parts = [
            self._new_delivery(subscription, indices, subscription.progress.position)
            for indices in (delivery.events[:half], delivery.events[half:])
        ]
        self._node.store.split_delivery(delivery, parts, half)

    def _postpone(self, delivery: Delivery, problem: str) -> Step:
        attempts = delivery.attempts + 1
        is_given_up = attempts >= ATTEMPTS_MAX
        due_ms = self._node.clock() + min(1000 * 2 ** (attempts - 1), _PAUSE_MS_MAX)
        failed = replace(delivery, attempts=attempts, due_ms=due_ms, problem=problem, dead=is_given_up)
        self._node.store.put_delivery(failed)
        if is_given_up:
            logger.error(
                "subscription %s: delivery %s is given up: %s",
                delivery.subscription_id,
                delivery.delivery_id,
                problem,
            )
        return "failed"


def _headers(subscription: Subscription, delivery: Delivery, body: bytes) -> Mapping[str, str]:
    headers = {
        "Content-Type": subscription.media_type,
        "GS1-EPCIS-Version": "2.0.0",
        "GS1-CBV-Version": "2.0.0",
        "GS1-EPC-Format": subscription.epc_format,
        "Suyuan-Delivery": delivery.delivery_id,
        "User-Agent": "suyuan",
    }
    if subscription.signature_token:
        headers["GS1-Signature"] = sign(subscription.signature_token, body)
    return headers


def sign(signature_token: str, body: bytes) -> str:
    """The value of GS1-Signature."""
    return f"sha256={hmac.new(signature_token.encode(), body, hashlib.sha256).hexdigest()}"
