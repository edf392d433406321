"""Seals: the messages of carriers are committed to in the log, by a Merkle root over some at a time.

`Sealer` seals what a carrier that was ever bound sent, once the oldest of it waited for an hour (or as set).
The seal and its document are saved in the transaction that marks the messages, and captured after that, so a
stop at any moment captures the same again. A message is in one seal, however late it came.
"""

import json
import logging
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from ledger.alone import repeat, run_alone
from ledger.capture import capture
from ledger.carriers import get_carrier
from ledger.domain.canonical_json import JsonValue
from ledger.domain.cold_chain.excursion_event import time_text
from ledger.domain.cold_chain.seal import MessageProof, prove_message, seal_document, seal_root
from ledger.domain.errors import Conflict, Invalid, NotAllowed, NotFound, NotYetAnchored
from ledger.domain.event_facts import to_ms
from ledger.domain.identifiers import parse_identifier
from ledger.domain.telemetry import read_messages
from ledger.node import Node
from ledger.ports import AnchorRecord, ApiKey, Seal

MESSAGES_MAX: Final = 2_000
"""Messages in one seal; more of them wait for the next."""
SEALS_SHOWN_MAX: Final = 100
_SEALS_READ_MAX: Final = 2_000
_FROM_FILE: Final = "`suyuan carriers proof --from FILE` proves one from a file that was kept of them"

_BINDINGS_MAX: Final = 1_000
_TURN: Final = 100
_POLL_SECONDS: Final = 1.0
_REST_SECONDS: Final = 5.0

logger = logging.getLogger(__name__)


class Sealer:
    """Seals what waited long enough, and captures the seals."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def run(self, stop: threading.Event) -> None:
        """Seal until `stop` is set; waits while another process seals on this database."""
        hold = self._node.store.hold_seal_lock
        work = repeat(self.turn, poll_seconds=_POLL_SECONDS)
        run_alone(hold, work, stop, rest_seconds=_REST_SECONDS, logger=logger)

    def turn(self) -> bool:
        """Seal for some carriers, capture some seals; whether there was anything to do."""
        store, settings = self._node.store, self._node.settings
        carrier_ids = store.due_seals(self._node.clock() - 60_000 * settings.seal_minutes, limit=_TURN)
        sealed = [self._try_to_seal(carrier_id) for carrier_id in carrier_ids]
        seals = store.uncaptured_seals(limit=_TURN)
        for seal in seals:
            self._capture(seal)
        return any(sealed) or bool(seals)

    def _try_to_seal(self, carrier_id: str) -> bool:
        try:
            self._seal(carrier_id)
        except Invalid as error:  # it must not stop the others
            logger.error("messages of %s are altered and cannot be sealed: %s", carrier_id, error)
            return False
        return True

    def _seal(self, carrier_id: str) -> None:
        node = self._node
        raws = raws_of(node, carrier_id, "")
        messages = [message for raw in raws.values() for message in read_messages(raw)]
        bindings = node.store.bindings(carrier_id, limit=_BINDINGS_MAX)
        first_ms, last_ms = min(m.first_ms for m in messages), max(m.last_ms for m in messages)
        then = [b for b in bindings if b.from_ms <= last_ms and (b.until_ms is None or b.until_ms > first_ms)]
        seal_id, event_id = (str(uuid.UUID(bytes=node.random_bytes(16), version=4)) for _ in range(2))
        event_id = f"urn:uuid:{event_id}"
        link = f"{node.settings.label_url}/telemetry/raw?id={quote(carrier_id, safe='')}&seal={seal_id}"
        items = list(dict.fromkeys(b.uri for b in then if not _is_place(b.uri)))
        now = node.clock()
        document = seal_document(carrier_id, items, messages, link, event_id, now)
        key_id, root = (then or bindings)[0].key_id, seal_root(raws.values())
        seal = Seal(seal_id, carrier_id, now, len(messages), root, event_id, key_id, "due", document)
        node.store.add_seal(seal, list(raws))

    def _capture(self, seal: Seal) -> None:
        key = self._node.store.api_key(seal.key_id)
        assert key is not None, "keys are never removed"
        try:
            capture(self._node, key, seal.document.encode())
        except (Invalid, NotAllowed, Conflict) as error:
            logger.error("the seal %s of %s cannot be captured: %s", seal.seal_id, seal.carrier_id, error)
            self._node.store.finish_seal(seal.seal_id, "refused")
        else:
            self._node.store.finish_seal(seal.seal_id, "captured")


def _is_place(uri: str) -> bool:
    return parse_identifier(uri).kind in ("sgln", "gln")


# --------------------------------------------------------------------------- shown and proved


def list_seals(node: Node, key: ApiKey, text: str) -> list[dict[str, JsonValue]]:
    """The seals of a carrier of your party, the newest first.

    `intact`: the messages are there, unaltered; null when they were removed by policy, since `withheld_ms`.
    """
    carrier = get_carrier(node, key, text)
    return [_view(node, seal) for seal in node.store.seals(carrier.carrier_id, limit=SEALS_SHOWN_MAX)]


@dataclass(frozen=True, slots=True)
class SealedTime:
    """A seal over readings from one time to another, and where it stands; None: it is captured or anchored
    later. Not `intact`: messages of it were deleted or altered; None: they were removed by policy."""

    seal: Seal
    from_ms: int
    to_ms: int
    log_index: int | None
    anchor: AnchorRecord | None
    intact: bool | None


def seals_over(
    node: Node, carrier_id: str, start_ms: int, stop_ms: int, limit: int
) -> tuple[list[SealedTime], int]:
    """The first seals with readings from `start_ms` to before `stop_ms`, and how many there are in all.

    Of the newest `_SEALS_READ_MAX` of the carrier; older ones are in the histories of its items.
    """
    spans = [(*span_of(seal), seal) for seal in node.store.seals(carrier_id, limit=_SEALS_READ_MAX)]
    then = sorted(
        (span for span in spans if span[0] < stop_ms and span[1] >= start_ms), key=lambda span: span[:2]
    )
    return [_sealed_time(node, seal, from_ms, to_ms) for from_ms, to_ms, seal in then[:limit]], len(then)


def _sealed_time(node: Node, seal: Seal, from_ms: int, to_ms: int) -> SealedTime:
    index = next((event.log_index for event in node.store.events_by_id(seal.event_id)), None)
    anchor = None if index is None else node.store.first_final_anchor_over(index)
    return SealedTime(seal, from_ms, to_ms, index, anchor, _is_intact(node, seal))


def _is_intact(node: Node, seal: Seal) -> bool | None:
    """None: its messages were removed by policy."""
    if seal.state == "withheld":
        return None
    return seal_root(raws_of(node, seal.carrier_id, seal.seal_id).values()) == seal.root


def span_of(seal: Seal) -> tuple[int, int]:
    """The times of the oldest and the newest reading."""
    metadata = _metadata(seal)
    return to_ms(datetime.fromisoformat(metadata["startTime"])), to_ms(
        datetime.fromisoformat(metadata["endTime"])
    )


def _metadata(seal: Seal) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(seal.document)["epcisBody"]["eventList"][0]
    metadata: dict[str, Any] = event["sensorElementList"][0]["sensorMetadata"]
    return metadata


def sealed_messages(node: Node, key: ApiKey, text: str, seal_id: str) -> bytes:
    """The messages of a seal, one behind another. Raises NotFound."""
    carrier = get_carrier(node, key, text)
    raws = raws_of(node, carrier.carrier_id, seal_id) if seal_id else {}
    seal = node.store.seal(seal_id)
    if seal and seal.carrier_id == carrier.carrier_id and seal.withheld_ms is not None:
        since = time_text(seal.withheld_ms)
        raise NotFound(f"the messages of seal {seal_id} are withheld by policy since {since}: {_FROM_FILE}")
    if not raws:
        raise NotFound(f"{carrier.carrier_id} has no seal {seal_id!r} with messages")
    return b"".join(raws.values())


def prove_reading(node: Node, key: ApiKey, text: str, number: int) -> Mapping[str, JsonValue]:
    """A message, its path and the root, which the event `eventID` holds (ledger/FORMATS.md).

    Raises NotFound, also for one removed by policy, NotYetAnchored when it is not sealed yet, Conflict when
    messages of its seal were deleted or altered, so that there is no proof.
    """
    carrier = get_carrier(node, key, text)
    if node.store.is_withheld(carrier.carrier_id, number):
        raise NotFound(f"message {number} of {carrier.carrier_id} was removed by policy: {_FROM_FILE}")
    seal = node.store.seal_of(carrier.carrier_id, number)
    if seal is None:
        if number in raws_of(node, carrier.carrier_id, ""):
            raise NotYetAnchored(f"message {number} of {carrier.carrier_id} is not sealed yet")
        raise NotFound(f"{carrier.carrier_id} has sent no message {number}")
    raws = raws_of(node, carrier.carrier_id, seal.seal_id)
    proof = prove_message(list(raws.values()), list(raws).index(number))
    if proof.root != seal.root:
        raise Conflict(f"messages of seal {seal.seal_id} were deleted or altered: they do not make its root")
    return _proof_view(proof, seal)


def prove_from_file(
    node: Node, key: ApiKey, text: str, number: int, content: bytes
) -> Mapping[str, JsonValue]:
    """As `prove_reading`, from the messages of a seal as `sealed_messages` gave them, which may be removed
    since.

    Raises NotFound when the number is not among them, Invalid when they are not all those of a seal of the
    carrier, unaltered.
    """
    carrier = get_carrier(node, key, text)
    messages = read_messages(content, MESSAGES_MAX)
    numbers = [message.sequence for message in messages]
    if number not in numbers:
        raise NotFound(f"message {number} is not in the file: it has {min(numbers)} to {max(numbers)}")
    proof = prove_message([message.raw for message in messages], numbers.index(number))
    seal = node.store.seal_of_root(carrier.carrier_id, proof.root)
    if seal is None:
        raise Invalid(f"the file is not whole, or altered: no seal of {carrier.carrier_id} has its root")
    return _proof_view(proof, seal)


def _proof_view(proof: MessageProof, seal: Seal) -> dict[str, JsonValue]:
    return {
        "message": proof.raw.hex(),
        "index": proof.index,
        "size": proof.size,
        "path": [sibling.hex() for sibling in proof.path],
        "root": proof.root.hex(),
        "eventID": seal.event_id,
    }


def raws_of(node: Node, carrier_id: str, seal_id: str) -> dict[int, bytes]:
    """The bytes of a seal's messages by number, in order."""
    return dict(node.store.sealed_messages(carrier_id, seal_id, limit=MESSAGES_MAX))


def _view(node: Node, seal: Seal) -> dict[str, JsonValue]:
    metadata = _metadata(seal)
    return {
        "seal": seal.seal_id,
        "sealed_ms": seal.sealed_ms,
        "messages": seal.messages,
        "root": seal.root.hex(),
        "eventID": seal.event_id,
        "state": seal.state,
        "from": metadata["startTime"],
        "to": metadata["endTime"],
        "intact": _is_intact(node, seal),
    } | ({} if seal.withheld_ms is None else {"withheld_ms": seal.withheld_ms})
