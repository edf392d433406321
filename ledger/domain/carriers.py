"""Active carriers: devices that bear an identifier, and a key of their own to prove that they are the device.

All that happens to a carrier makes a new `Carrier` value of the old one. A key is offered by the owner and
counts from the moment when the device has answered a challenge with it: so it was activated by whoever holds
the secret, and the key before it works until then. Answers are in ledger/FORMATS.md.

Pure. `ledger.carriers` asks who may do it and keeps the value; times are milliseconds since 1970.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from ledger.domain.errors import Conflict, Invalid, Problem
from ledger.domain.identifiers import parse_identifier
from ledger.domain.keys import Algorithm, algorithm_of, is_signed, parse_key
from ledger.domain.sm2 import SIGNATURE_BYTES, signature_from_der

ANSWER_FORMAT: Final = "suyuan-carrier-answer/1"
CARRIES_FORMAT: Final = "suyuan-carrier-carries/1"
CHALLENGE_BYTES: Final = 32
CHALLENGE_MS: Final = 300_000
KEYS_MAX: Final = 50
CARRIED_MAX: Final = 50
"""How many identifiers that a carrier bore are kept, the newest."""
DRIFT_MS_MAX: Final = 60_000
"""How far a device's clock may be off before it is flagged."""
BATTERY_LOW_PERCENT: Final = 15

Refusal = Literal["no_challenge", "expired", "replayed", "forged", "revoked_key", "inactive_key", "no_order"]
Flag = Literal[
    "never_seen",
    "silent",
    "clock_drift",
    "battery_low",
    "calibration_expired",
    "no_key",
    "missing_messages",
    "identifier_pending",
    "two_places",
    "reused_sequence",
    "mistimed",
    "malformed",
    Refusal,
]

_TEXT_MAX: Final = 200
_SILENT_SECONDS: Final = 86_400
_SILENT_SECONDS_MAX: Final = 366 * 86_400
_TIME_MS_MAX: Final = 2**53


@dataclass(frozen=True, slots=True)
class Device:
    """What the owner says of the device; "" is not told."""

    model: str
    module: str = ""  # of the radio module, e.g. its IMEI
    sim: str = ""  # ICCID
    calibration: str = ""  # number of the certificate
    calibrated_until_ms: int | None = None
    silent_after_seconds: int = _SILENT_SECONDS  # not heard of for so long, it is flagged


@dataclass(frozen=True, slots=True)
class CarrierKey:
    """A key, as `domain.keys` writes it: offered, then activated by an answer, at the end retired."""

    public_hex: str
    offered_ms: int
    activated_ms: int | None = None
    retired_ms: int | None = None

    @property
    def algorithm(self) -> Algorithm:
        return algorithm_of(bytes.fromhex(self.public_hex))


@dataclass(frozen=True, slots=True)
class Challenge:
    value_hex: str
    expires_ms: int


@dataclass(frozen=True, slots=True)
class Carried:
    """An identifier that the owner ordered the device to bear."""

    number: int  # of the order; the device never gets it again
    uri: str
    ordered_ms: int
    confirmed_ms: int | None = None  # since when the device bears it


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest accepted answer or message. `drift_ms`: the device's clock less ours when it came."""

    at_ms: int
    drift_ms: int
    battery_percent: int | None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a carrier's messages with readings (`domain.telemetry`) told of it, taken and refused ones."""

    seen: Seen | None = None
    newest_ms: int | None = None  # the newest reading
    messages: int = 0
    missing: int = 0  # numbers between the lowest and the highest that never came
    refused: Mapping[str, int] = field(default_factory=dict)
    two_places: int = 0  # messages whose numbers and times contradict those of others


NOTHING_HEARD: Final = Heard()


@dataclass(frozen=True, slots=True)
class Carrier:
    carrier_id: str
    party_id: str
    device: Device
    enrolled_ms: int
    keys: tuple[CarrierKey, ...]  # the newest last; at most one is active
    challenge: Challenge | None = None
    used_hex: str = ""  # the challenge that was answered last
    seen: Seen | None = None
    refusals: Mapping[str, int] = field(default_factory=dict)  # how often, by kind
    carried: tuple[Carried, ...] = ()  # the newest last, which alone may wait to be confirmed
    version: int = 0  # how often it was changed


@dataclass(frozen=True, slots=True)
class Answer:
    """What a device says to a challenge."""

    challenge_hex: str
    device_ms: int
    battery_percent: int | None
    public_hex: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a device says when it bears what it was ordered to."""

    number: int
    uri: str
    device_ms: int
    public_hex: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Binding:
    """What a carrier was fixed to, from one moment until another: an item, a case, a vehicle, a room."""

    carrier_id: str
    uri: str
    from_ms: int
    until_ms: int | None  # None: still
    profile: str = ""  # what its readings are held against; "": nothing
    key_id: bytes = b""  # API key of who bound it, under which excursions are captured


def parse_enrolment(value: object) -> tuple[str, Device, str]:
    """Carrier id, device and public key (hex) from {"id", "key", "model", ...}; names as in `Device`.

    Raises Invalid with every problem.
    """
    if not isinstance(value, dict):
        raise Invalid('an enrolment is an object with "id", "key" and "model"')
    problems: list[Problem] = []

    def text(name: str, *, needed: bool = False) -> str:
        found = value.get(name, "")
        if not isinstance(found, str) or len(found) > _TEXT_MAX or (needed and not found.strip()):
            problems.append(Problem(f"/{name}", f"should be a text of at most {_TEXT_MAX} signs"))
            return ""
        return found

    def number(name: str, lowest: int, highest: int) -> int | None:
        found = value.get(name)
        if found is not None and not _is_whole(found, lowest, highest):
            problems.append(Problem(f"/{name}", f"should be a whole number from {lowest} to {highest}"))
            return None
        return found

    known = {"id", "key", *Device.__slots__}
    problems += [Problem(f"/{name}", "is no member of an enrolment") for name in value if name not in known]
    device = Device(
        text("model", needed=True),
        text("module"),
        text("sim"),
        text("calibration"),
        number("calibrated_until_ms", 0, _TIME_MS_MAX),
        number("silent_after_seconds", 60, _SILENT_SECONDS_MAX) or _SILENT_SECONDS,
    )
    carrier_id = public_hex = ""
    for name, parse in (("id", parse_carrier_id), ("key", parse_public_key)):
        try:
            parsed = parse(value.get(name))
        except Invalid as error:
            problems.append(Problem(f"/{name}", str(error)))
        else:
            carrier_id, public_hex = (parsed, public_hex) if name == "id" else (carrier_id, parsed)
    if problems:
        raise Invalid(f"{len(problems)} problems in the enrolment: {problems[0]}", problems)
    return carrier_id, device, public_hex


def parse_carrier_id(text: object) -> str:
    """The canonical identifier of one single thing: a serial, an asset (GIAI, GRAI), any other URI."""
    if not isinstance(text, str) or len(text) > 2048:
        raise Invalid("a carrier's id is an identifier")
    return parse_identifier(text).uri


def parse_public_key(text: object) -> str:
    """The key of any spelling that `parse_key` reads, in its one spelling as hex, in lower case."""
    return parse_key(text).hex()


def parse_answer(value: object) -> Answer:
    """Raises Invalid for anything but an object as ledger/FORMATS.md has it."""
    if not isinstance(value, dict) or value.keys() - {"battery"} != {"challenge", "time", "key", "signature"}:
        raise Invalid('an answer has "challenge", "time", "key", "signature" and perhaps "battery"')
    battery, device_ms = value.get("battery"), value["time"]
    if battery is not None and not _is_whole(battery, 0, 100):
        raise Invalid(f"battery {battery!r}: should be a whole number from 0 to 100")
    if not _is_whole(device_ms, 0, _TIME_MS_MAX):
        raise Invalid(f"time {device_ms!r}: should be milliseconds since 1970")
    public_hex, signature = _parse_signature(value)
    return Answer(_parse_hex(value, "challenge").hex(), device_ms, battery, public_hex, signature)


def parse_confirmation(value: object) -> Confirmation:
    """Raises Invalid for anything but an object as ledger/FORMATS.md has it."""
    if not isinstance(value, dict) or value.keys() != {"number", "identifier", "time", "key", "signature"}:
        raise Invalid('a confirmation has "number", "identifier", "time", "key" and "signature"')
    number, device_ms = value["number"], value["time"]
    for name in ("number", "time"):
        if not _is_whole(value[name], 0, _TIME_MS_MAX):
            raise Invalid(f"{name} {value[name]!r}: should be a whole number from 0 to {_TIME_MS_MAX}")
    if not isinstance(value["identifier"], str):
        raise Invalid("identifier: should be the text of the order")
    public_hex, signature = _parse_signature(value)
    return Confirmation(number, value["identifier"], device_ms, public_hex, signature)


def _parse_signature(value: Mapping[str, Any]) -> tuple[str, bytes]:
    """The key in hex, and its signature of 64 bytes where it was given as DER too."""
    public_hex, signature = parse_public_key(value["key"]), _parse_hex(value, "signature")
    if len(signature) != SIGNATURE_BYTES and algorithm_of(bytes.fromhex(public_hex)) == "SM2":
        signature = signature_from_der(signature)
    return public_hex, signature


def _parse_hex(value: Mapping[str, Any], name: str) -> bytes:
    try:
        return bytes.fromhex(value[name])
    except (TypeError, ValueError) as error:
        raise Invalid(f"{name} is hex") from error


def _is_whole(value: object, lowest: int, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def answer_text(
    carrier_id: str, challenge_hex: str, device_ms: int, battery_percent: int | None, public_hex: str
) -> bytes:
    """The bytes that a device signs. One line each, so nothing can run into the next; the key is among them,
    so that a signature proves one key alone."""
    battery = "" if battery_percent is None else str(battery_percent)
    lines = (ANSWER_FORMAT, carrier_id, challenge_hex, str(device_ms), battery, public_hex)
    return ("\n".join(lines) + "\n").encode()


def carries_text(carrier_id: str, number: int, uri: str, device_ms: int, public_hex: str) -> bytes:
    """The bytes that a device signs when it bears what it was ordered to; one line each, as in an answer."""
    lines = (CARRIES_FORMAT, carrier_id, str(number), uri, str(device_ms), public_hex)
    return ("\n".join(lines) + "\n").encode()


# --------------------------------------------------------------------------- what can happen


def enrol(carrier_id: str, party_id: str, device: Device, public_hex: str, now_ms: int) -> Carrier:
    return Carrier(carrier_id, party_id, device, now_ms, (CarrierKey(public_hex, now_ms),))


def active_key(carrier: Carrier) -> CarrierKey | None:
    return next(
        (key for key in carrier.keys if key.activated_ms is not None and key.retired_ms is None), None
    )


def offer_key(carrier: Carrier, public_hex: str, now_ms: int) -> Carrier:
    """A new key, which counts once the device has answered with it; one offered before and never used ends.

    Raises Conflict for a key that this carrier had already, and when it had too many.
    """
    if any(key.public_hex == public_hex for key in carrier.keys):
        raise Conflict(f"{carrier.carrier_id} has or had this key already: make a new one on the device")
    if len(carrier.keys) >= KEYS_MAX:
        raise Conflict(f"{carrier.carrier_id} had {KEYS_MAX} keys: enrol the device under another identifier")
    kept = (_retire(key, now_ms) if key.activated_ms is None else key for key in carrier.keys)
    return replace(carrier, keys=(*kept, CarrierKey(public_hex, now_ms)))


def revoke_keys(carrier: Carrier, now_ms: int) -> Carrier:
    """No key of the carrier counts any more, and an open challenge neither, until another key is offered."""
    return replace(carrier, keys=tuple(_retire(key, now_ms) for key in carrier.keys), challenge=None)


def transfer(carrier: Carrier, party_id: str) -> Carrier:
    """Another party owns the carrier. Its keys stay: they are the device's, and not the owner's."""
    return replace(carrier, party_id=party_id, challenge=None)


def issue_challenge(carrier: Carrier, value: bytes, now_ms: int) -> Carrier:
    """A challenge in place of the one before."""
    return replace(carrier, challenge=Challenge(value.hex(), now_ms + CHALLENGE_MS))


def take_answer(carrier: Carrier, answer: Answer, now_ms: int) -> tuple[Carrier, Refusal | None]:
    """The carrier after an answer, and why it was refused; a refusal is counted and changes nothing else."""
    if refusal := _refusal(carrier, answer, now_ms):
        count = carrier.refusals.get(refusal, 0) + 1
        return replace(carrier, refusals={**carrier.refusals, refusal: count}), refusal
    keys = tuple(_activate(key, answer.public_hex, now_ms) for key in carrier.keys)
    seen = Seen(now_ms, answer.device_ms - now_ms, answer.battery_percent)
    return replace(carrier, keys=keys, seen=seen, challenge=None, used_hex=answer.challenge_hex), None


def _refusal(carrier: Carrier, answer: Answer, now_ms: int) -> Refusal | None:
    key = next((key for key in carrier.keys if key.public_hex == answer.public_hex), None)
    if key is None or not _is_signed(carrier.carrier_id, answer):
        return "forged"
    if key.retired_ms is not None:
        return "revoked_key"
    if answer.challenge_hex == carrier.used_hex:
        return "replayed"
    if carrier.challenge is None or answer.challenge_hex != carrier.challenge.value_hex:
        return "no_challenge"
    return "expired" if now_ms > carrier.challenge.expires_ms else None


def _is_signed(carrier_id: str, answer: Answer) -> bool:
    signed = answer_text(
        carrier_id, answer.challenge_hex, answer.device_ms, answer.battery_percent, answer.public_hex
    )
    return is_signed(bytes.fromhex(answer.public_hex), answer.signature, signed)


def _activate(key: CarrierKey, public_hex: str, now_ms: int) -> CarrierKey:
    """The key that answered is active from now on, and the one that was active before is retired."""
    if key.public_hex == public_hex:
        return key if key.activated_ms is not None else replace(key, activated_ms=now_ms)
    # One that was offered and has not answered yet stays on offer.
    return key if key.activated_ms is None else _retire(key, now_ms)


def _retire(key: CarrierKey, now_ms: int) -> CarrierKey:
    return key if key.retired_ms is not None else replace(key, retired_ms=now_ms)


def order_identifier(carrier: Carrier, uri: str, now_ms: int) -> Carrier:
    """The device is to bear `uri` from now on, in place of an order that it has not confirmed yet.

    Raises Conflict when it bears that already, or is ordered to.
    """
    newest = carrier.carried[-1] if carrier.carried else None
    if newest and newest.uri == uri:
        raise Conflict(f"{carrier.carrier_id} bears {uri} already, or is ordered to")
    order = Carried(newest.number + 1 if newest else 1, uri, now_ms)
    kept = [carried for carried in carrier.carried if carried.confirmed_ms is not None]
    return replace(carrier, carried=(*kept, order)[-CARRIED_MAX:])


def take_confirmation(
    carrier: Carrier, confirmation: Confirmation, now_ms: int
) -> tuple[Carrier, Refusal | None]:
    """The carrier after a confirmation, and why it was refused, which is counted and changes nothing else.

    The same one again changes nothing but when the device was seen.
    """
    if refusal := _refusal_to_confirm(carrier, confirmation):
        count = carrier.refusals.get(refusal, 0) + 1
        return replace(carrier, refusals={**carrier.refusals, refusal: count}), refusal
    *before, order = carrier.carried
    if order.confirmed_ms is None:
        order = replace(order, confirmed_ms=now_ms)
    battery = carrier.seen.battery_percent if carrier.seen else None
    seen = Seen(now_ms, confirmation.device_ms - now_ms, battery)
    return replace(carrier, carried=(*before, order), seen=seen), None


def _refusal_to_confirm(carrier: Carrier, confirmation: Confirmation) -> Refusal | None:
    key = next((key for key in carrier.keys if key.public_hex == confirmation.public_hex), None)
    signed = carries_text(
        carrier.carrier_id,
        confirmation.number,
        confirmation.uri,
        confirmation.device_ms,
        confirmation.public_hex,
    )
    if key is None or not is_signed(bytes.fromhex(key.public_hex), confirmation.signature, signed):
        return "forged"
    if key.retired_ms is not None:
        return "revoked_key"
    if key.activated_ms is None:
        return "inactive_key"
    order = carrier.carried[-1] if carrier.carried else None
    is_ordered = order and (order.number, order.uri) == (confirmation.number, confirmation.uri)
    return None if is_ordered else "no_order"


def flags(carrier: Carrier, now_ms: int, heard: Heard = NOTHING_HEARD) -> tuple[Flag, ...]:
    """What is odd about the carrier now. Answers and messages that should never come stay flagged."""
    seen, device = last_seen(carrier, heard), carrier.device
    silent_ms = 1000 * device.silent_after_seconds
    checks: list[tuple[Flag, bool]] = [
        ("no_key", active_key(carrier) is None),
        ("never_seen", seen is None),
        ("silent", seen is not None and now_ms - seen.at_ms > silent_ms),
        ("clock_drift", seen is not None and abs(seen.drift_ms) > DRIFT_MS_MAX),
        ("battery_low", seen is not None and _is_low(seen.battery_percent)),
        (
            "calibration_expired",
            device.calibrated_until_ms is not None and now_ms > device.calibrated_until_ms,
        ),
        ("missing_messages", heard.missing > 0),
        ("identifier_pending", any(carried.confirmed_ms is None for carried in carrier.carried)),
        ("two_places", heard.two_places > 0),
    ]
    refused: list[tuple[Flag, bool]] = [
        (kind, kind in carrier.refusals or kind in heard.refused) for kind in _FLAGGED_REFUSALS
    ]
    return tuple(flag for flag, holds in (*checks, *refused) if holds)


_FLAGGED_REFUSALS: Final[tuple[Flag, ...]] = (
    "replayed",
    "forged",
    "revoked_key",
    "no_order",
    "reused_sequence",
    "mistimed",
    "malformed",
)


def last_seen(carrier: Carrier, heard: Heard) -> Seen | None:
    """The newest that answers and messages told."""
    told = [seen for seen in (carrier.seen, heard.seen) if seen is not None]
    return max(told, key=lambda seen: seen.at_ms, default=None)


def _is_low(battery_percent: int | None) -> bool:
    return battery_percent is not None and battery_percent <= BATTERY_LOW_PERCENT


# --------------------------------------------------------------------------- as JSON


def carrier_to_json(carrier: Carrier) -> str:
    """All of it, for `carrier_from_json`."""
    return json.dumps(asdict(carrier), ensure_ascii=False, sort_keys=True)


def carrier_from_json(text: str) -> Carrier:
    value: dict[str, Any] = json.loads(text)
    challenge, seen = value["challenge"], value["seen"]
    value |= {
        "device": Device(**value["device"]),
        "keys": tuple(CarrierKey(**key) for key in value["keys"]),
        "challenge": Challenge(**challenge) if challenge else None,
        "seen": Seen(**seen) if seen else None,
        "carried": tuple(Carried(**carried) for carried in value.get("carried", ())),
    }
    return Carrier(**value)
