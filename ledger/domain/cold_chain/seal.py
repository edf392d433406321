"""Seals: messages of a carrier committed to by one Merkle root, in an EPCIS event with their figures.

The leaves are the messages as the carrier signed them, in order of their numbers, in a tree of RFC 9162. So
one raw message can be proved later, signature and all, by its path to a root that stands in the log; and one
that was deleted or altered since leaves the others without the root.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from ledger.domain.cold_chain.excursion_event import MEASUREMENTS, document_of, time_text
from ledger.domain.cold_chain.kinetics import mean_kinetic_temperature
from ledger.domain.cold_chain.reading import QUANTITIES, Reading, from_milli
from ledger.domain.errors import Invalid
from ledger.domain.keys import is_signed
from ledger.domain.merkle import Hash, inclusion_path, leaf_hash, root_from_inclusion, tree_root
from ledger.domain.telemetry import Message, merge_readings, read_messages, signed_bytes

_PATH_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class MessageProof:
    """That a message is leaf `index` of `size` below `root`; the path is leaf side first."""

    raw: bytes
    index: int
    size: int
    path: tuple[Hash, ...]
    root: Hash

    @property
    def holds(self) -> bool:
        return root_from_inclusion(leaf_hash(self.raw), self.index, self.size, self.path) == self.root


def seal_root(raws: Iterable[bytes]) -> Hash:
    """The root over the bytes of messages, which are in order of their numbers."""
    return tree_root(leaf_hash(raw) for raw in raws)


def prove_message(raws: Sequence[bytes], index: int) -> MessageProof:
    """The proof of the message at this place among those of a seal."""
    leaves = [leaf_hash(raw) for raw in raws]
    path = inclusion_path(
        index, len(leaves), lambda level, i: tree_root(leaves[i << level : (i + 1) << level])
    )
    return MessageProof(raws[index], index, len(leaves), tuple(path), tree_root(leaves))


def proven_message(bodies: Iterable[Mapping[str, Any]], given: object) -> Message:
    """The message in a proof, as `GET /telemetry/proof` gives it, by a root that one of these events holds.

    `bodies` are of a bundle that was verified: without that, this proves nothing. Raises Invalid, saying why,
    for what is no proof, for a root that no event of the message's carrier holds, and for a false signature.
    """
    proof = _read_proof(given)
    if not proof.holds:
        raise Invalid("the path does not lead from the message to the root")
    message, *others = read_messages(proof.raw)
    if others:
        raise Invalid("the proof is of more than one message")
    if not any(_holds(body, message.carrier_id, proof.root) for body in bodies):
        raise Invalid(f"no event of the bundle seals messages of {message.carrier_id} by this root")
    if not is_signed(message.public_key, message.signature, signed_bytes(message.unsigned)):
        raise Invalid("the message is not signed by the key in it")
    return message


def _read_proof(given: Any) -> MessageProof:
    try:
        index, size = int(given["index"]), int(given["size"])
        raw, root = bytes.fromhex(given["message"]), bytes.fromhex(given["root"])
        path = tuple(bytes.fromhex(sibling) for sibling in given["path"])
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid("a proof has message, index, size, path and root") from error
    if not 0 <= index < size or len(path) > _PATH_MAX:
        raise Invalid(f"no message has the place {index} of {size}, by a path of {len(path)}")
    return MessageProof(raw, index, size, path, root)


def _holds(body: Mapping[str, Any], carrier_id: str, root: Hash) -> bool:
    """Whether the event is a seal of the carrier with this root."""
    return any(
        element.get("sensorMetadata", {}).get("deviceID") == carrier_id
        and any(report.get("hexBinaryValue") == root.hex() for report in element.get("sensorReport", ()))
        for element in body.get("sensorElementList", ())
    )


def seal_document(
    carrier_id: str, items: Sequence[str], messages: Sequence[Message], link: str, event_id: str, now_ms: int
) -> str:
    """The EPCIS document of a seal: lowest, highest and mean of each quantity, mean kinetic temperature,
    how many readings, the root and where the messages are."""
    readings = list(merge_readings(messages))
    metadata = {
        "startTime": time_text(readings[0].at_ms),
        "endTime": time_text(readings[-1].at_ms),
        "deviceID": carrier_id,
        "rawData": link,
    }
    count = {
        "type": "Count",
        "value": len(readings),
        "uom": "C62",
        "hexBinaryValue": seal_root(message.raw for message in messages).hex(),
        "uriValue": link,
    }
    event = {
        "type": "ObjectEvent",
        "eventID": event_id,
        "action": "OBSERVE",
        "bizStep": "sensor_reporting",
        "eventTime": time_text(now_ms),
        "eventTimeZoneOffset": "+00:00",
        "epcList": [carrier_id, *(uri for uri in items if uri != carrier_id)],
        "sensorElementList": [{"sensorMetadata": metadata, "sensorReport": [*_figures(readings), count]}],
    }
    return document_of([event], now_ms)


def _figures(readings: Sequence[Reading]) -> list[dict[str, Any]]:
    reports: list[dict[str, Any]] = []
    for quantity, unit in QUANTITIES.items():
        values = [reading.milli for reading in readings if reading.quantity == quantity]
        if not values:
            continue
        mean = (Decimal(sum(values)) / len(values)).quantize(Decimal(1), ROUND_HALF_EVEN)
        what = {"type": MEASUREMENTS[quantity], "uom": unit.rec_20}
        figures = {"minValue": min(values), "maxValue": max(values), "meanValue": int(mean)}
        reports.append(what | {name: float(from_milli(milli)) for name, milli in figures.items()})
        if quantity == "temperature":
            mkt = mean_kinetic_temperature((milli, 1) for milli in values)
            method = {"dataProcessingMethod": "urn:suyuan:mean-kinetic-temperature"}
            reports.append(what | method | {"value": float(mkt)})
    return reports
