"""The platform of active carriers: enrol, activate, rotate and revoke keys, bind, give away.

A party enrols carriers whose identifiers it may speak for, and from then on the carrier's owner alone (and
admins) may do anything with it; others are told that there is no such carrier. A device reaches us through
its owner's gateway, which has the owner's API key. What happened is in `ledger.domain.carriers`.
"""

from collections.abc import Sequence
from typing import Final

from ledger.domain.canonical_json import JsonValue
from ledger.domain.carriers import (
    CHALLENGE_BYTES,
    NOTHING_HEARD,
    Binding,
    Carrier,
    Heard,
    Refusal,
    enrol,
    flags,
    issue_challenge,
    last_seen,
    offer_key,
    order_identifier,
    parse_answer,
    parse_carrier_id,
    parse_confirmation,
    parse_enrolment,
    parse_public_key,
    revoke_keys,
    take_answer,
    take_confirmation,
    transfer,
)
from ledger.domain.errors import Conflict, Invalid, NotAllowed, NotFound
from ledger.domain.identifiers import parse_identifier
from ledger.node import Node
from ledger.ports import ApiKey
from ledger.profiles import profile_text

BINDINGS_SHOWN_MAX: Final = 1000

_WHY: Final[dict[Refusal, str]] = {
    "no_challenge": "this challenge is not open: ask for one, and answer the newest",
    "expired": "the challenge was answered too late: ask for another",
    "replayed": "this challenge was answered already: ask for another",
    "forged": "the signature is not that of a key of this carrier",
    "revoked_key": "the key was revoked or replaced: the owner has to offer another",
    "inactive_key": "the key has not answered a challenge yet",
    "no_order": "this is not the newest order of the owner: ask for the carrier and bear what it says",
}


class Refused(NotAllowed):
    """The device's answer does not prove what it should; it was counted, and changed nothing else."""


def enrol_carrier(node: Node, key: ApiKey, body: object) -> Carrier:
    """The new carrier; its key counts once the device has answered a challenge.

    Raises Invalid with every problem, NotAllowed for an identifier of others, Conflict when it is enrolled.
    """
    carrier_id, device, public_hex = parse_enrolment(body)
    _check_may_speak(node, key, carrier_id)
    carrier = enrol(carrier_id, key.party_id, device, public_hex, node.clock())
    try:
        node.store.add_carrier(carrier)
    except Conflict as error:
        raise Conflict(f"carrier {carrier_id} is enrolled already") from error
    return carrier


def _check_may_speak(node: Node, key: ApiKey, uri: str) -> None:
    party = node.store.party(key.party_id)
    if party is None or not node.prefixes.index().may_speak(party.account, uri):
        raise NotAllowed(f"party {key.party_id} may not speak for {uri}: have its prefix delegated to you")


def get_carrier(node: Node, key: ApiKey, text: str) -> Carrier:
    """Raises NotFound, also for a carrier of another party."""
    carrier = node.store.carrier(parse_carrier_id(text))
    if carrier is None or (key.role != "admin" and carrier.party_id != key.party_id):
        raise NotFound(f"your party has no carrier {text!r}")
    return carrier


def list_carriers(node: Node, key: ApiKey, *, after: str = "", limit: int) -> list[Carrier]:
    """At most `limit` carriers of your party by id, behind the id `after`; of all for admins."""
    party_id = None if key.role == "admin" else key.party_id
    return node.store.carriers(party_id=party_id, after=after, limit=limit)


# Each of these raises NotFound as `get_carrier` does, and Conflict when another call changed the carrier
# at the same moment: then nothing was changed.


def challenge_carrier(node: Node, key: ApiKey, text: str) -> Carrier:
    """The carrier with a new challenge, which the device has to answer within five minutes."""
    carrier = get_carrier(node, key, text)
    carrier = issue_challenge(carrier, node.random_bytes(CHALLENGE_BYTES), node.clock())
    node.store.save_carrier(carrier)
    return carrier


def answer_challenge(node: Node, key: ApiKey, text: str, body: object) -> Carrier:
    """The carrier, seen now; a key that answered for the first time is the active one from now on.

    Raises Invalid for what is no answer, Refused for one that proves nothing.
    """
    carrier, refusal = take_answer(get_carrier(node, key, text), parse_answer(body), node.clock())
    node.store.save_carrier(carrier)
    if refusal:
        raise Refused(f"{carrier.carrier_id}: {_WHY[refusal]}")
    return carrier


def rotate_key(node: Node, key: ApiKey, text: str, public_key: object) -> Carrier:
    """Offer a new key. The one before counts until the device has answered with the new one.

    Raises Invalid for what is no key, Conflict for one that the carrier had already.
    """
    public_hex = parse_public_key(public_key)
    carrier = offer_key(get_carrier(node, key, text), public_hex, node.clock())
    node.store.save_carrier(carrier)
    return carrier


def revoke_carrier(node: Node, key: ApiKey, text: str) -> Carrier:
    """End all keys of the carrier: it was lost or opened. A second call changes nothing."""
    carrier = revoke_keys(get_carrier(node, key, text), node.clock())
    node.store.save_carrier(carrier)
    return carrier


def give_carrier(node: Node, key: ApiKey, text: str, party_id: str) -> Carrier:
    """Give the carrier to another party; what it was bound to ends. Raises NotFound for an unknown party."""
    carrier = get_carrier(node, key, text)
    if node.store.party(party_id) is None:
        raise NotFound(f"there is no party {party_id!r}")
    carrier = transfer(carrier, party_id)
    node.store.save_carrier(carrier, unbound_ms=node.clock())
    return carrier


def order_carrier(node: Node, key: ApiKey, text: str, identifier: str) -> Carrier:
    """Order the device to bear an identifier from now on; it counts once the device has confirmed it.

    Raises Invalid for what is no identifier, NotAllowed for one of others, Conflict when it is so already.
    """
    carrier, uri = get_carrier(node, key, text), parse_identifier(identifier).uri
    _check_may_speak(node, key, uri)
    carrier = order_identifier(carrier, uri, node.clock())
    node.store.save_carrier(carrier)
    return carrier


def confirm_identifier(node: Node, key: ApiKey, text: str, body: object) -> Carrier:
    """The carrier, which bears what it was ordered to. It may be confirmed again.

    Raises Invalid for what is no confirmation, Refused for one that proves nothing.
    """
    carrier = get_carrier(node, key, text)
    carrier, refusal = take_confirmation(carrier, parse_confirmation(body), node.clock())
    node.store.save_carrier(carrier)
    if refusal:
        raise Refused(f"{carrier.carrier_id}: {_WHY[refusal]}")
    return carrier


def bind_carrier(node: Node, key: ApiKey, text: str, to: str, profile: str = "") -> Binding:
    """Bind the carrier from now on to an item, case, vehicle or room; what it was bound to ends.

    With a profile, as it is now, its readings are watched, and excursions captured under `key`. Raises
    Invalid for what is no identifier, and for the carrier itself, NotFound for an unknown profile.
    """
    rules = profile_text(profile, node.settings.profiles_path) if profile else ""
    carrier, uri = get_carrier(node, key, text), parse_identifier(to).uri
    if uri == carrier.carrier_id:
        raise Invalid(f"{uri} cannot be bound to itself")
    now = node.clock()
    binding = Binding(carrier.carrier_id, uri, now, None, profile, key.key_id)
    node.store.save_carrier(carrier, unbound_ms=now, binding=binding, profile=rules)
    return binding


def unbind_carrier(node: Node, key: ApiKey, text: str) -> None:
    """End what the carrier is bound to; nothing where it is bound to nothing."""
    node.store.save_carrier(get_carrier(node, key, text), unbound_ms=node.clock())


def list_bindings(node: Node, key: ApiKey, text: str) -> list[Binding]:
    """The newest first, at most 1,000."""
    carrier = get_carrier(node, key, text)
    return node.store.bindings(carrier.carrier_id, limit=BINDINGS_SHOWN_MAX)


def carrier_views(node: Node, carriers: Sequence[Carrier]) -> list[dict[str, JsonValue]]:
    """Carriers as they are shown, with what their messages told."""
    heard = node.store.heard([carrier.carrier_id for carrier in carriers])
    return [carrier_view(c, node.clock(), heard.get(c.carrier_id, NOTHING_HEARD)) for c in carriers]


def carrier_view(carrier: Carrier, now_ms: int, heard: Heard = NOTHING_HEARD) -> dict[str, JsonValue]:
    """A carrier as it is shown, with its flags at this moment."""
    device, seen, challenge = carrier.device, last_seen(carrier, heard), carrier.challenge
    return {
        "id": carrier.carrier_id,
        "party": carrier.party_id,
        "model": device.model,
        "module": device.module,
        "sim": device.sim,
        "calibration": device.calibration,
        "calibrated_until_ms": device.calibrated_until_ms,
        "silent_after_seconds": device.silent_after_seconds,
        "enrolled_ms": carrier.enrolled_ms,
        "keys": [
            {
                "key": key.public_hex,
                "algorithm": key.algorithm,
                "offered_ms": key.offered_ms,
                "activated_ms": key.activated_ms,
                "retired_ms": key.retired_ms,
            }
            for key in carrier.keys
        ],
        "challenge": {"challenge": challenge.value_hex, "expires_ms": challenge.expires_ms}
        if challenge
        else None,
        "carried": [
            {
                "number": carried.number,
                "identifier": carried.uri,
                "ordered_ms": carried.ordered_ms,
                "confirmed_ms": carried.confirmed_ms,
            }
            for carried in carrier.carried
        ],
        "seen": {"at_ms": seen.at_ms, "drift_ms": seen.drift_ms, "battery": seen.battery_percent}
        if seen
        else None,
        "telemetry": {
            "messages": heard.messages,
            "missing": heard.missing,
            "newest_ms": heard.newest_ms,
            "refused": dict(heard.refused),
        },
        "refused": dict(carrier.refusals),
        "flags": list(flags(carrier, now_ms, heard)),
    }


def binding_view(binding: Binding) -> dict[str, JsonValue]:
    return {
        "to": binding.uri,
        "from_ms": binding.from_ms,
        "until_ms": binding.until_ms,
        "profile": binding.profile,
    }
