"""The logger of the demonstration: what it measured on the way comes in as from any carrier, signed.

It goes through the ordinary use cases by the clock of the story, so that bindings, alarms and seals have the
times at which they would have been made. The device's secret key is kept beside the node's own keys: stopped
at any moment, the next start goes on from there, and nothing is there twice.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.alarms import put_policy
from ledger.carriers import (
    answer_challenge,
    bind_carrier,
    challenge_carrier,
    enrol_carrier,
    give_carrier,
    list_bindings,
    unbind_carrier,
)
from ledger.demo.world import Trip
from ledger.domain.carriers import active_key, answer_text
from ledger.domain.errors import StoreUnavailable
from ledger.domain.telemetry import Message, read_messages, signed_bytes, write_message
from ledger.excursions import Watcher
from ledger.node import Node, load_secret
from ledger.ports import ApiKey
from ledger.seals import Sealer
from ledger.telemetry import take_messages

_POLICY: Final = "cold-store"
_TOLD_SECONDS: Final = 60
_LOOK_SECONDS: Final = 0.2


def tell_trip(node: Node, lender: ApiKey, watcher: ApiKey, trip: Trip) -> None:
    """Enrol the logger, bind it, take in what it measured; its excursions and its seal are captured then.

    May be repeated. Raises StoreUnavailable when another process was to capture them and does not.
    """
    began, ended = _at(node, trip.from_ms), _at(node, trip.until_ms)
    arrived = _at(node, trip.messages[-1].readings[-1].at_ms)
    device = Ed25519PrivateKey.from_private_bytes(
        load_secret(node.settings.data_dir / "keys" / "demo-logger.key", lambda: secrets.token_bytes(32))
    )
    # It has no steps, as the demonstration knows no mail server and no desk to call.
    put_policy(began, watcher, _POLICY, {"carriers": [trip.carrier_id], "steps": []})
    _activate(began, lender, watcher, trip, device)
    if not list_bindings(began, watcher, trip.carrier_id):
        bind_carrier(began, watcher, trip.carrier_id, trip.to, trip.profile)
    taken = take_messages(arrived, list(_messages(trip, device)))
    assert not taken.refused, taken.refused
    unbind_carrier(ended, watcher, trip.carrier_id)
    _capture_what_follows(node, trip)


def _at(node: Node, at_ms: int) -> Node:
    """The node at a moment of the story."""
    return replace(node, clock=lambda: at_ms)


def _activate(node: Node, lender: ApiKey, watcher: ApiKey, trip: Trip, device: Ed25519PrivateKey) -> None:
    """The lender enrols its logger, which answers a challenge, and gives it to who watches."""
    carrier_id, public_hex = trip.carrier_id, device.public_key().public_bytes_raw().hex()
    carrier = node.store.carrier(carrier_id)
    if carrier is None:
        carrier = enrol_carrier(node, lender, {"id": carrier_id, "key": public_hex, **trip.device})
    if active_key(carrier) is None:
        challenge = challenge_carrier(node, lender, carrier_id).challenge
        assert challenge
        at_ms, battery = node.clock(), trip.messages[0].battery_percent
        signed = answer_text(carrier_id, challenge.value_hex, at_ms, battery, public_hex)
        answer = {"challenge": challenge.value_hex, "time": at_ms, "key": public_hex, "battery": battery}
        answer_challenge(node, lender, carrier_id, answer | {"signature": device.sign(signed).hex()})
    if carrier.party_id != watcher.party_id:
        give_carrier(node, lender, carrier_id, watcher.party_id)


def _messages(trip: Trip, device: Ed25519PrivateKey) -> Iterator[Message]:
    """The same bytes at every start: Ed25519 signs alike each time."""
    public_key = device.public_key().public_bytes_raw()
    for message in trip.messages:
        made_ms = message.readings[-1].at_ms
        unsigned = write_message(
            trip.carrier_id,
            public_key,
            message.number,
            made_ms,
            message.battery_percent,
            message.readings,
        )
        yield from read_messages(unsigned + device.sign(signed_bytes(unsigned)))


def _capture_what_follows(node: Node, trip: Trip) -> None:
    """The excursions when the logger was taken off, the seal when its messages are due to be sealed."""
    store = node.store
    sealed_ms = trip.until_ms + 60_000 * node.settings.seal_minutes
    watcher, sealer = Watcher(_at(node, trip.until_ms)), Sealer(_at(node, sealed_ms))

    def folding_is_due() -> bool:
        return bool(store.due_watches(limit=1) or store.due_excursion_events(limit=1))

    def sealing_is_due() -> bool:
        return bool(store.due_seals(sealed_ms, limit=1) or store.uncaptured_seals(limit=1))

    _do_alone(store.hold_watch_lock, watcher.turn, folding_is_due)
    _do_alone(store.hold_seal_lock, sealer.turn, sealing_is_due)


def _do_alone(
    hold: Callable[[], AbstractContextManager[bool]], turn: Callable[[], bool], is_due: Callable[[], bool]
) -> None:
    """Take turns until nothing is due; or let another process of this database, which has the lock, do it."""
    until = time.monotonic() + _TOLD_SECONDS
    while is_due():
        if time.monotonic() > until:
            raise StoreUnavailable(
                f"excursions of the demonstration were not captured within {_TOLD_SECONDS} s: start again"
            )
        with hold() as alone:
            if alone:
                turn()
        if not alone:
            time.sleep(_LOOK_SECONDS)
