"""Telling alarms: silence becomes an alarm, who is told is planned, and what is due is sent.

A telling is planned in the transaction that marks its alarm, and sent after that; each try is saved with what
came of it. So it is sent at least once whenever we are stopped, never again once it was saved as told, and as
it keeps its id, in the header Suyuan-Delivery or as Message-ID, a receiver knows one that it has.
"""

import json
import logging
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Final, Literal

from ledger.alarms import alarm_view, capture_acknowledgement
from ledger.alone import run_alone
from ledger.delivery import sign
from ledger.domain.alarm_message import alarm_mail
from ledger.domain.alarms import (
    ATTEMPTS_MAX,
    Alarm,
    Telling,
    pause_ms,
    plan_tellings,
    silence_alarm,
    why_dropped,
)
from ledger.domain.errors import ForkDetected
from ledger.domain.mail_server import parse_mail_server
from ledger.mail import send_mail, write_mail
from ledger.node import Node
from ledger.ports import AlarmRecord, SilentWatch
from ledger.webhook import NotDelivered, post, webhook_hosts

Step = Literal["told", "failed", "dropped", "waiting"]

TIMEOUT_SECONDS: Final = 10.0

_POLL_SECONDS: Final = 0.5
_REST_SECONDS: Final = 5.0
_LOOK_AT_SILENCE_MS: Final = 5_000
_SENDERS: Final = 8
_TURN: Final = 100
_DUE_MAX: Final = 500
_REPETITION_MS_MAX: Final = 14 * 86_400_000

logger = logging.getLogger(__name__)


class AlarmRunner:
    """Raises alarms of silence, and tells all alarms."""

    def __init__(self, node: Node, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._node = node
        self._timeout_seconds = timeout_seconds
        self._local_hosts = webhook_hosts(node.settings)
        self._mail_server = parse_mail_server(node.settings.smtp_url)
        self._looked_ms = 0
        self._busy: set[str] = set()
        self._busy_lock = threading.Lock()

    def run(self, stop: threading.Event) -> None:
        """Tell until `stop` is set; waits while another process tells from this database."""
        hold = self._node.store.hold_alarm_lock
        run_alone(hold, self._run_alone, stop, rest_seconds=_REST_SECONDS, logger=logger)

    def _run_alone(self, stop: threading.Event) -> None:
        with ThreadPoolExecutor(_SENDERS, "alarm") as senders:
            while not stop.is_set():
                self.turn()
                for telling in self._node.store.due_tellings(self._node.clock(), limit=_DUE_MAX):
                    if self._claim(telling):
                        senders.submit(self._take_turn, telling, stop)
                stop.wait(_POLL_SECONDS)

    def _claim(self, telling: Telling) -> bool:
        """One at a time to an address, so that a receiver that hangs keeps one sender from the others."""
        with self._busy_lock:
            is_free = telling.address not in self._busy
            self._busy.add(telling.address)
            return is_free

    def _take_turn(self, telling: Telling, stop: threading.Event) -> None:
        try:
            if not stop.is_set():
                self.tell(telling)
        except Exception:
            # Whatever it is, it must not stop the others; this telling rests, and is tried again.
            logger.exception("alarm %s", telling.telling_id)
            stop.wait(_REST_SECONDS)
        finally:
            with self._busy_lock:
                self._busy.discard(telling.address)

    def turn(self) -> None:
        """Raise alarms of silence, plan who is told of new alarms, capture acknowledgements that wait."""
        store, now = self._node.store, self._node.clock()
        if abs(now - self._looked_ms) >= _LOOK_AT_SILENCE_MS:
            silent = store.due_silences(now, limit=_TURN)
            if silent:
                store.add_alarms([self._alarm(each, now) for each in silent])
            # With a full hand there may be more of them.
            self._looked_ms = 0 if len(silent) == _TURN else now
        for alarm in store.unplanned_alarms(limit=_TURN):
            self._plan(alarm)
        with suppress(ForkDetected):  # alarms are told although the node does not write
            for acknowledgement in store.due_acknowledgements(limit=_TURN):
                capture_acknowledgement(self._node, acknowledgement)

    def _alarm(self, silent: SilentWatch, now_ms: int) -> Alarm:
        watched = silent.watched
        carrier = self._node.store.carrier(watched.binding.carrier_id)
        assert carrier is not None, "carriers are never removed"
        alarm_id = self._node.random_bytes(16).hex()
        where = (watched.binding, watched.profile, watched.watch)
        return silence_alarm(alarm_id, carrier.party_id, *where, silent.silent_ms, now_ms)

    def _plan(self, alarm: Alarm) -> None:
        store = self._node.store
        last_told = store.last_told(alarm, since_ms=alarm.raised_ms - _REPETITION_MS_MAX)
        policies = store.alarm_policies(alarm.party_id)
        store.plan_alarm(alarm.alarm_id, plan_tellings(alarm, policies, last_told))

    def tell(self, telling: Telling) -> Step:
        """Send one telling if it is still to be sent now; what became of it."""
        store, now = self._node.store, self._node.clock()
        telling = store.telling(telling)  # another thread may have been at it since it was read
        if telling.state != "due" or telling.due_ms > now:
            return "waiting"
        record = store.alarm(telling.alarm_id)
        assert record is not None, "alarms are never removed"
        acknowledged = record.acknowledgement is not None
        if why := why_dropped(telling, record.alarm, record.standing, acknowledged=acknowledged):
            store.save_telling(replace(telling, state="dropped", problem=why))
            return "dropped"
        try:
            self._send(telling, record)
        except NotDelivered as error:
            return self._postpone(telling, str(error))
        # If we stop here, the same is sent again with the same id.
        told = replace(telling, attempts=telling.attempts + 1, state="told", problem="")
        store.save_telling(told, self._node.clock())
        return "told"

    def _send(self, telling: Telling, record: AlarmRecord) -> None:
        node = self._node
        if telling.way == "webhook":
            shown = alarm_view(record) | {"policy": telling.policy, "step": telling.step, "page": self._page}
            body = json.dumps(shown, ensure_ascii=False).encode()
            headers = _headers(telling, body)
            post(telling.address, body, headers, self._local_hosts, self._timeout_seconds)
            return
        if self._mail_server is None:
            raise NotDelivered("this node sends no e-mail any more: its operator has to set SUYUAN_SMTP_URL")
        subject, text = alarm_mail(record.alarm, record.standing, telling.step, self._page)
        sender = node.settings.smtp_from
        mail = write_mail(telling.telling_id, sender, telling.address, subject, text, node.clock())
        send_mail(self._mail_server, node.settings.smtp_ca, mail, self._timeout_seconds)

    @property
    def _page(self) -> str:
        return f"{self._node.settings.label_url}/fleet"

    def _postpone(self, telling: Telling, problem: str) -> Step:
        attempts, now = telling.attempts + 1, self._node.clock()
        is_given_up = attempts >= ATTEMPTS_MAX
        state: Literal["due", "given_up"] = "given_up" if is_given_up else "due"
        failed = replace(
            telling, attempts=attempts, due_ms=now + pause_ms(attempts), state=state, problem=problem
        )
        self._node.store.save_telling(failed, now)
        if is_given_up:
            logger.error("alarm: telling %s is given up: %s", telling.telling_id, problem)
        return "failed"


def _headers(telling: Telling, body: bytes) -> Mapping[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Suyuan-Delivery": telling.telling_id,
        "User-Agent": "suyuan",
    }
    if telling.token:
        headers["GS1-Signature"] = sign(telling.token, body)
    return headers
