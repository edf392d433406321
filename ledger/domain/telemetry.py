"""Signed messages of carriers: up to 60 readings each, as bytes; their layout is in ledger/FORMATS.md.

A message has a sequence number, which its carrier never uses again, and the carrier's signature over all of
it: what was altered, copied or made by somebody else is refused, and the same message sent twice counts once.
The order in which messages come does not matter, nor how old their readings are.

Pure. `ledger.telemetry` takes messages in; times are milliseconds since 1970 by the carrier's clock.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from ledger.domain.carriers import Carrier
from ledger.domain.cold_chain.reading import QUANTITIES, Quantity, Reading
from ledger.domain.errors import Invalid
from ledger.domain.keys import ED25519_BYTES, SM2_BYTES, IsSigned, is_signed

READINGS_MAX: Final = 60
MESSAGES_MAX: Final = 1000
"""Messages in one request, or in one transaction."""
SPAN_MS_MAX: Final = 7 * 86_400_000
"""How much older than its message a reading may be; the message itself may be of any age."""
AHEAD_MS_MAX: Final = 300_000
"""How far the clock of a carrier may be ahead of ours."""

TelemetryRefusal = Literal[
    "unknown_carrier", "forged", "revoked_key", "inactive_key", "mistimed", "malformed", "reused_sequence"
]
Outcome = Literal["accepted", "repeated", "reused_sequence", "withheld_sequence"]
"""What becomes of a message that is rightly signed. `repeated`: it was taken before, byte by byte.
`withheld_sequence`: its number was used by a message that was removed by policy, perhaps by this very one."""

_ID_BYTES_MAX: Final = 2048
_START: Final = struct.Struct(">BH")
_HEADS: Final = {
    1: struct.Struct(f">{ED25519_BYTES}sQQBB"),
    2: struct.Struct(f">{SM2_BYTES}sQQBB"),
}
"""Version -> what stands behind the identifier: versions differ in the kind of key alone."""
_READING: Final = struct.Struct(">QBi")
_SIGNATURE_BYTES: Final = 64
_BATTERY_UNTOLD: Final = 255
_QUANTITY_CODES: Final[tuple[Quantity, ...]] = ("temperature", "humidity", "light", "shock", "door")
_WHOLE_MAX: Final = 2**53 - 1

MESSAGE_BYTES_MAX: Final = (
    _START.size + _ID_BYTES_MAX + _HEADS[2].size + READINGS_MAX * _READING.size + _SIGNATURE_BYTES
)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it stands in its bytes; nothing of it is checked but that it has its parts."""

    raw: bytes
    carrier_id: str
    public_key: bytes
    sequence: int
    made_ms: int
    battery_percent: int | None
    packed: bytes  # the readings

    def readings(self) -> tuple[Reading, ...]:
        """Raises Invalid for an unknown quantity, a value that it cannot have, and one told twice."""
        found: dict[tuple[int, int], Reading] = {}
        for at_ms, code, milli in _READING.iter_unpack(self.packed):
            if code >= len(_QUANTITY_CODES):
                raise Invalid(f"quantity {code}: there are 0 to {len(_QUANTITY_CODES) - 1}")
            if (at_ms, code) in found:
                raise Invalid(f"{_QUANTITY_CODES[code]} at {at_ms} ms is there twice")
            found[at_ms, code] = Reading(at_ms, _QUANTITY_CODES[code], milli)
        return tuple(found.values())

    @property
    def unsigned(self) -> bytes:
        return self.raw[:-_SIGNATURE_BYTES]

    @property
    def signature(self) -> bytes:
        return self.raw[-_SIGNATURE_BYTES:]

    @property
    def first_ms(self) -> int:
        return min(self._times())

    @property
    def last_ms(self) -> int:
        return max(self._times())

    def _times(self) -> list[int]:
        return [at_ms for at_ms, _, _ in _READING.iter_unpack(self.packed)]


def read_messages(raw: bytes, limit: int = MESSAGES_MAX) -> list[Message]:
    """The messages that stand one behind another in `raw`.

    Raises Invalid, naming the place, when anything else does, or none, or more than `limit`.
    """
    messages: list[Message] = []
    at = 0
    while at < len(raw):
        if len(messages) == limit:
            raise Invalid(f"more than {limit} messages: send the others in another request")
        messages.append(message := _read_one(raw, at))
        at += len(message.raw)
    if not messages:
        raise Invalid("no message: the body is empty")
    return messages


def _read_one(raw: bytes, start: int) -> Message:
    try:
        version, id_bytes = _START.unpack_from(raw, start)
        if version not in _HEADS or not 1 <= id_bytes <= _ID_BYTES_MAX:
            raise Invalid(f"byte {start}: no message of format {' or '.join(map(str, _HEADS))} begins here")
        head = _HEADS[version]
        at = start + _START.size
        carrier_id = raw[at : at + id_bytes].decode()
        if "\0" in carrier_id:
            raise Invalid(f"byte {start}: the id of the message that begins here is no identifier")
        public_key, sequence, made_ms, battery, count = head.unpack_from(raw, at + id_bytes)
    except (struct.error, UnicodeDecodeError) as error:
        raise Invalid(
            f"byte {start}: the message that begins here breaks off, or its id is no text"
        ) from error
    at += id_bytes + head.size
    end = at + count * _READING.size + _SIGNATURE_BYTES
    if not 1 <= count <= READINGS_MAX or end > len(raw):
        raise Invalid(f"byte {start}: a message has 1 to {READINGS_MAX} readings and a signature behind them")
    return Message(
        raw=raw[start:end],
        carrier_id=carrier_id,
        public_key=public_key,
        sequence=sequence,
        made_ms=made_ms,
        battery_percent=None if battery == _BATTERY_UNTOLD else battery,
        packed=raw[at : end - _SIGNATURE_BYTES],
    )


def write_message(
    carrier_id: str,
    public_key: bytes,
    sequence: int,
    made_ms: int,
    battery_percent: int | None,
    readings: Iterable[Reading],
) -> bytes:
    """The bytes of a message all but its signature, which is over `signed_bytes` of them.

    An Ed25519 key makes it version 1, an SM2 key 2.
    """
    packed = [_READING.pack(r.at_ms, _QUANTITY_CODES.index(r.quantity), r.milli) for r in readings]
    battery = _BATTERY_UNTOLD if battery_percent is None else battery_percent
    spelled = carrier_id.encode()
    version = 1 if len(public_key) == ED25519_BYTES else 2
    head = _HEADS[version].pack(public_key, sequence, made_ms, battery, len(packed))
    return b"".join((_START.pack(version, len(spelled)), spelled, head, *packed))


def signed_bytes(unsigned: bytes) -> bytes:
    """What a carrier signs. The format's name before it: no other thing that it signs begins so."""
    return b"suyuan-telemetry/%d\n" % unsigned[0] + unsigned


def refusal_of(
    carrier: Carrier | None, message: Message, now_ms: int, is_signed: IsSigned = is_signed
) -> TelemetryRefusal | None:
    """Why the message does not count, going by its carrier alone. None: it may, if its number is new."""
    if carrier is None:
        return "unknown_carrier"
    public_hex = message.public_key.hex()
    key = next((key for key in carrier.keys if key.public_hex == public_hex), None)
    if key is None or not is_signed(message.public_key, message.signature, signed_bytes(message.unsigned)):
        return "forged"
    if key.retired_ms is not None:
        return "revoked_key"
    if key.activated_ms is None:
        return "inactive_key"
    return _fault_of(message, now_ms)


def _fault_of(message: Message, now_ms: int) -> TelemetryRefusal | None:
    """What is wrong in a message although its carrier signed it."""
    battery = message.battery_percent
    if message.sequence > _WHOLE_MAX or not (battery is None or battery <= 100):
        return "malformed"
    try:
        times = [reading.at_ms for reading in message.readings()]
    except Invalid:
        return "malformed"
    oldest_ms = message.made_ms - SPAN_MS_MAX
    is_timed = message.made_ms <= now_ms + AHEAD_MS_MAX and all(
        oldest_ms <= t <= message.made_ms for t in times
    )
    return None if is_timed else "mistimed"


def merge_readings(messages: Iterable[Message]) -> Iterator[Reading]:
    """The readings in order of time; of one that two messages tell, what the lower number told."""
    found: dict[tuple[int, Quantity], Reading] = {}
    for message in sorted(messages, key=lambda message: message.sequence):
        for reading in message.readings():
            found.setdefault((reading.at_ms, reading.quantity), reading)
    return (found[place] for place in sorted(found))


def merge_points(
    messages: Iterable[Message], start_ms: int, stop_ms: int
) -> dict[Quantity, list[tuple[int, int]]]:
    """As `merge_readings`, for start <= time < stop, as (time, thousandths), in a quarter of the time.

    What is packed was checked when it was taken; an unknown quantity still raises Invalid.
    """
    found: list[dict[int, int]] = [{} for _ in _QUANTITY_CODES]
    for message in sorted(messages, key=lambda message: message.sequence):
        for at_ms, code, milli in _READING.iter_unpack(message.packed):
            if code >= len(found):
                raise Invalid(f"{message.carrier_id}: quantity {code}: there are 0 to {len(found) - 1}")
            if start_ms <= at_ms < stop_ms:
                found[code].setdefault(at_ms, milli)
    return {q: sorted(points.items()) for q, points in zip(_QUANTITY_CODES, found, strict=True) if points}


assert set(_QUANTITY_CODES) == set(QUANTITIES)
