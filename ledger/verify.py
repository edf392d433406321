"""The standalone verifier: is this bundle true, unaltered and complete?

`verify` answers Verified, Refuted or Undetermined after nine numbered steps. Steps 1 to 8
need only the bundle and `Trust`; step 9 asks a chain. "Could not check" is never "false".

This file and ledger/domain run from a copy, with no third-party package but `cryptography`.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.request import Request, urlopen

from ledger.domain import canonical_json, item_map, merkle
from ledger.domain.anchor import log_id_of
from ledger.domain.bundle import Bundle, Placement, ProvenEvent, item_uris, read_bundle
from ledger.domain.checkpoint import Checkpoint, LogKey
from ledger.domain.cold_chain.excursion_event import time_text
from ledger.domain.cold_chain.reading import QUANTITIES, show
from ledger.domain.cold_chain.seal import proven_message
from ledger.domain.commitment import commit, ids_root, item_key, link_leaf, map_value
from ledger.domain.errors import ChainUnavailable, Invalid
from ledger.domain.keccak import keccak256
from ledger.domain.telemetry import Message

STEPS = (
    "format and bounds",
    "each body and salt give the commitment",
    "each leaf contains the commitment and the item's key",
    "each leaf is in the log at its index",
    "the links form the item's mini-log",
    "the map proof gives the map root",
    "checkpoint signature and root agree",
    "the anchor hash recomputes",
    "the chain holds the anchor, and its block is final",
)


class Outcome(Enum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Step:
    number: int
    name: str
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verified:
    """Every step passed."""

    steps: tuple[Step, ...]
    exit_code = 0


@dataclass(frozen=True, slots=True)
class Refuted:
    """Step `step` failed: the bundle is not what it claims to be."""

    steps: tuple[Step, ...]
    step: int
    reason: str
    exit_code = 1


@dataclass(frozen=True, slots=True)
class Undetermined:
    """Nothing failed, but something could not be checked."""

    steps: tuple[Step, ...]
    reason: str
    exit_code = 2


Verdict = Verified | Refuted | Undetermined


# ----------------------------------------------------------------------------- trust


@dataclass(frozen=True, slots=True)
class Trust:
    """What a verifier must be told, and believes: trust.json."""

    chain_id: int
    contract: bytes
    log_key: LogKey
    rpc_url: str | None
    confirmations: int | None  # blocks on top that make a block final; None: the chain's own "finalized"

    @property
    def log_id(self) -> bytes:
        return log_id_of(self.log_key.origin)

    def to_json(self) -> str:
        return json.dumps(
            {
                "chainId": self.chain_id,
                "contract": "0x" + self.contract.hex(),
                "logId": self.log_id.hex(),
                "logPublicKey": str(self.log_key),
                "rpcUrl": self.rpc_url,
                "confirmations": self.confirmations,
            },
            indent=2,
        )

    @staticmethod
    def parse(text: str) -> "Trust":
        """Raises Invalid when `text` is not a trust file."""
        try:
            fields = json.loads(text)
            trust = Trust(
                chain_id=int(fields["chainId"]),
                contract=bytes.fromhex(fields["contract"].removeprefix("0x")),
                log_key=LogKey.parse(fields["logPublicKey"]),
                rpc_url=fields["rpcUrl"],
                confirmations=fields["confirmations"],
            )
            log_id = fields["logId"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Invalid(
                f"trust file: {type(error).__name__} {error}; take a fresh one from the node"
            ) from error
        if len(trust.contract) != 20 or trust.log_id.hex() != log_id:
            raise Invalid(f"trust file: log id is {log_id}, should be {trust.log_id.hex()}")
        return trust


# ----------------------------------------------------------------------------- the chain


@dataclass(frozen=True, slots=True)
class AnchorNotice:
    """The `Anchored` notice of one anchor, and where it was emitted."""

    anchor_hash: bytes
    placement: Placement


class ChainSource(Protocol):
    """What step 9 asks. Every method may raise ChainUnavailable."""

    def chain_id(self) -> int: ...
    def anchor_hash(self, contract: bytes, log_id: bytes, number: int) -> bytes:
        """The hash the contract holds now; 32 zero bytes when it has no such anchor."""

    def notice(self, contract: bytes, log_id: bytes, number: int, block_number: int) -> AnchorNotice | None:
        """The notice of this anchor in this block."""

    def newest_block(self) -> int: ...
    def final_block(self) -> int:
        """Number of the newest block that the chain itself calls final."""


_ANCHOR_HASH = keccak256(b"anchorHash(bytes32,uint32)")[:4]
_ANCHORED = keccak256(b"Anchored(bytes32,uint32,bytes32,bytes32,uint64,bytes32,bytes32)")
_ANSWER_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class JsonRpcChain:
    """A ChainSource over Ethereum JSON-RPC, with the standard library only."""

    url: str
    timeout_seconds: float = 10.0

    def chain_id(self) -> int:
        return _number(self._call("eth_chainId"))

    def anchor_hash(self, contract: bytes, log_id: bytes, number: int) -> bytes:
        data = _ANCHOR_HASH + log_id + number.to_bytes(32)
        answer = self._call("eth_call", {"to": _hex(contract), "data": _hex(data)}, "latest")
        return _bytes32(answer)

    def notice(self, contract: bytes, log_id: bytes, number: int, block_number: int) -> AnchorNotice | None:
        query = {
            "address": _hex(contract),
            "topics": [_hex(_ANCHORED), _hex(log_id), _hex(number.to_bytes(32))],
            "fromBlock": hex(block_number),
            "toBlock": hex(block_number),
        }
        found = self._call("eth_getLogs", query)
        if not isinstance(found, list):
            raise ChainUnavailable(f"{self.url}: eth_getLogs answered no list")
        if not found:
            return None
        with _strange_answers(self.url):
            entry = found[0]
            placement = Placement(
                _bytes32(entry["transactionHash"]),
                _number(entry["blockNumber"]),
                _bytes32(entry["blockHash"]),
            )
            return AnchorNotice(_bytes32(entry["topics"][3]), placement)

    def newest_block(self) -> int:
        return _number(self._call("eth_blockNumber"))

    def final_block(self) -> int:
        block = self._call("eth_getBlockByNumber", "finalized", False)
        with _strange_answers(self.url):
            return _number(block["number"])

    def _call(self, method: str, *params: object) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        if not self.url.startswith(("http://", "https://")):
            raise ChainUnavailable(f"{self.url}: the RPC URL must begin with http:// or https://")
        request = Request(self.url, body, {"Content-Type": "application/json"})  # noqa: S310
        try:
            with urlopen(request, timeout=self.timeout_seconds) as response:  # noqa: S310
                answer = json.loads(response.read(_ANSWER_BYTES_MAX))
        except (OSError, HTTPException, ValueError) as error:
            raise ChainUnavailable(f"{self.url}: {method} failed: {error}") from error
        if not isinstance(answer, dict) or "result" not in answer:
            raise ChainUnavailable(f"{self.url}: {method} answered {str(answer)[:200]}")
        return answer["result"]


@contextmanager
def _strange_answers(url: str) -> Iterator[None]:
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ChainUnavailable(f"{url}: answer is malformed: {error!r}") from error


def _hex(raw: bytes) -> str:
    return "0x" + raw.hex()


def _number(text: object) -> int:
    try:
        return int(str(text), 16)
    except ValueError as error:
        raise ChainUnavailable(f"chain answered {str(text)[:60]!r} where a number belongs") from error


def _bytes32(text: object) -> bytes:
    try:
        raw = bytes.fromhex(str(text).removeprefix("0x"))
    except ValueError as error:
        raise ChainUnavailable(f"chain answered {str(text)[:80]!r} where 32 bytes belong") from error
    if len(raw) != 32:
        raise ChainUnavailable(f"chain answered {len(raw)} bytes where 32 belong: is the contract there?")
    return raw


# ----------------------------------------------------------------------------- the nine steps


class _Failed(Exception):
    """A step's check does not hold."""


def verify(raw: bytes, trust: Trust, chain: ChainSource | None = None) -> Verdict:
    """The verdict on a bundle file. Never raises for what the bundle contains."""
    passed: list[Step] = []
    try:
        bundle = _step_1_format(raw)
        _pass(passed, f"{len(bundle.events)} events, {len(raw)} bytes")
        for check in (_step_2_bodies, _step_3_leaves, _step_4_inclusion, _step_5_links, _step_6_map):
            _pass(passed, check(bundle))
        _pass(passed, _step_7_checkpoint(bundle, trust))
        _pass(passed, _step_8_anchor(bundle, trust))
    except (_Failed, Invalid) as error:
        return _refuted(passed, str(error))
    if chain is None:
        return _undetermined(passed, "chain not checked: no RPC URL given")
    try:
        detail = _step_9_chain(bundle, trust, chain)
    except _Failed as error:
        return _refuted(passed, str(error))
    except ChainUnavailable as error:
        return _undetermined(passed, f"chain not checked: {error}")
    _pass(passed, detail)
    return Verified(tuple(passed))


def _pass(passed: list[Step], detail: str) -> None:
    number = len(passed) + 1
    passed.append(Step(number, STEPS[number - 1], Outcome.PASSED, detail))


def _rest(passed: list[Step], outcome: Outcome, reason: str) -> tuple[Step, ...]:
    number = len(passed) + 1
    this = Step(number, STEPS[number - 1], outcome, reason)
    after = [Step(n, STEPS[n - 1], Outcome.NOT_CHECKED) for n in range(number + 1, len(STEPS) + 1)]
    return (*passed, this, *after)


def _refuted(passed: list[Step], reason: str) -> Refuted:
    return Refuted(_rest(passed, Outcome.FAILED, reason), len(passed) + 1, reason)


def _undetermined(passed: list[Step], reason: str) -> Undetermined:
    return Undetermined(_rest(passed, Outcome.NOT_CHECKED, reason), reason)


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise _Failed(reason)


def _step_1_format(raw: bytes) -> Bundle:
    bundle = read_bundle(raw)
    indices = [event.index for event in bundle.events]
    _require(indices == sorted(set(indices)), "events are not in the order of the log, each once")
    return bundle


def _step_2_bodies(bundle: Bundle) -> str:
    withheld = 0
    for event in bundle.events:
        if event.body is None or event.salt is None:
            withheld += 1
            continue
        found = commit(event.salt, canonical_json.encode(event.body))
        _require(
            found == event.entry.commitment,
            f"event {event.index}: body and salt give commitment {found.hex()}, "
            f"the log's leaf has {event.entry.commitment.hex()}: the body was changed",
        )
    if bundle.item is None:
        named = bundle.events[0].body and bundle.events[0].body.get("eventID")
        _require(named == bundle.subject, f"event is {named!r}, the bundle claims {bundle.subject!r}")
    return f"{withheld} withheld" if withheld else ""


def _step_3_leaves(bundle: Bundle) -> str:
    key = None
    if bundle.item is not None:
        key = item_key(bundle.subject)
        _require(key == bundle.item.key, "the map proof is about another item than the bundle's subject")
    for event in bundle.events:
        if event.body is not None:
            _check_ids_of_body(event, key)
        else:
            _check_ids_proof(event, key)
    return ""


def _check_ids_of_body(event: ProvenEvent, key: bytes | None) -> None:
    assert event.body is not None
    keys = {item_key(uri) for uri in item_uris(event.body)}
    same = event.entry.ids_count == len(keys) and event.entry.ids_root == ids_root(keys)
    _require(same, f"event {event.index}: the leaf commits to other identifiers than the body names")
    _require(key is None or key in keys, f"event {event.index} does not name the item")


def _check_ids_proof(event: ProvenEvent, key: bytes | None) -> None:
    assert event.ids is not None
    assert key is not None
    leaf = merkle.leaf_hash(key)
    root = merkle.root_from_inclusion(leaf, event.ids.index, event.entry.ids_count, event.ids.path)
    _require(root == event.entry.ids_root, f"event {event.index} (withheld) does not name the item")


def _step_4_inclusion(bundle: Bundle) -> str:
    for event in bundle.events:
        root = merkle.root_from_inclusion(event.entry.hash, event.index, bundle.anchor.size, event.path)
        _require(
            root == bundle.anchor.log_root, f"event {event.index} is not in the log of {bundle.anchor.size}"
        )
    return f"log of {bundle.anchor.size} events"


def _step_5_links(bundle: Bundle) -> str:
    if bundle.item is None:
        return "not needed for a single event"
    shown, committed = len(bundle.events), bundle.item.size
    _require(
        shown == committed,
        f"the item has {committed} events, the bundle shows {shown}: its history is not complete",
    )
    root = merkle.tree_root(link_leaf(event.index, event.entry.hash) for event in bundle.events)
    _require(not shown or root == bundle.item.root, "the events shown are not the ones the item has")
    return f"all {committed} events of the item" if committed else "the item has no events"


def _step_6_map(bundle: Bundle) -> str:
    if bundle.item is None:
        return "not needed for a single event"
    item = bundle.item
    value = None if item.root is None else map_value(item.size, item.root)
    root = item_map.root_from_proof(item.key, value, item.proof)
    _require(root == bundle.anchor.map_root, "the map proof does not lead to the anchored map root")
    return ""


def _step_7_checkpoint(bundle: Bundle, trust: Trust) -> str:
    checkpoint = Checkpoint.parse(trust.log_key.opens(bundle.checkpoint))
    anchor = bundle.anchor
    _require(checkpoint.origin == trust.log_key.origin, f"checkpoint is of {checkpoint.origin}")
    _require(
        (checkpoint.size, checkpoint.root) == (anchor.size, anchor.log_root),
        f"checkpoint signs size {checkpoint.size}, the anchor has {anchor.size} or another root",
    )
    return f"signed by {trust.log_key.origin}"


def _step_8_anchor(bundle: Bundle, trust: Trust) -> str:
    anchor = bundle.anchor
    told = (trust.chain_id, trust.contract, trust.log_id)
    _require(
        (anchor.chain_id, anchor.contract, anchor.log_id) == told,
        f"anchor is of chain {anchor.chain_id} contract 0x{anchor.contract.hex()}, "
        f"you trust chain {trust.chain_id} contract 0x{trust.contract.hex()}",
    )
    _require(anchor.hash == bundle.anchor_hash, "anchor hash does not follow from the anchor's fields")
    return f"anchor {anchor.number}"


def _step_9_chain(bundle: Bundle, trust: Trust, chain: ChainSource) -> str:
    anchor, placement = bundle.anchor, bundle.placement
    found_chain = chain.chain_id()
    if found_chain != trust.chain_id:
        raise ChainUnavailable(f"the RPC node serves chain {found_chain}, not {trust.chain_id}")
    held = chain.anchor_hash(anchor.contract, anchor.log_id, anchor.number)
    if held == bytes(32) and chain.newest_block() < placement.block_number:
        raise ChainUnavailable(f"the RPC node has not reached block {placement.block_number}")
    _require(
        held == bundle.anchor_hash,
        f"the chain holds {'no' if held == bytes(32) else 'another'} anchor {anchor.number} of this log",
    )
    notice = chain.notice(anchor.contract, anchor.log_id, anchor.number, placement.block_number)
    _require(
        notice == AnchorNotice(bundle.anchor_hash, placement),
        f"the anchor was not made in block {placement.block_number} by tx 0x{placement.tx_hash.hex()}",
    )
    final = _final_block(trust, chain)
    if placement.block_number > final:
        raise ChainUnavailable(
            f"block {placement.block_number} is not final yet, the newest final is {final}"
        )
    return f"block {placement.block_number}, final"


def _final_block(trust: Trust, chain: ChainSource) -> int:
    if trust.confirmations is None:
        return chain.final_block()
    return chain.newest_block() - trust.confirmations


# ----------------------------------------------------------------------------- command line


def main(arguments: Sequence[str] | None = None) -> int:
    """`suyuan verify FILE [--trust FILE] [--rpc URL]`; exit code 0, 1 or 2 for the three verdicts.

    What cannot be read at all (no such file, no trust file) is 2 as well: nothing was checked.
    """
    parser = argparse.ArgumentParser(
        prog="suyuan verify", description="Verify a bundle: is this history true, unaltered and complete?"
    )
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the verify command."""
    parser.add_argument("file", type=Path, help="the bundle")
    parser.add_argument(
        "--trust",
        type=Path,
        default=Path("var/trust.json"),
        help="what to believe (default: var/trust.json)",
    )
    parser.add_argument("--rpc", help="Ethereum JSON-RPC URL (default: the one in the trust file)")
    parser.add_argument(
        "--reading",
        type=Path,
        metavar="PROOF",
        help="a message of a carrier with its proof: is it sealed in an event of the bundle?",
    )
    parser.add_argument("--offline", action="store_true", help="ask no chain: steps 1 to 8 only")


def run(arguments: argparse.Namespace) -> int:
    """Print the steps and the verdict of the named file; its exit code."""
    try:
        raw = arguments.file.read_bytes()
        trust = Trust.parse(arguments.trust.read_text())
        proof = canonical_json.parse(arguments.reading.read_bytes()) if arguments.reading else None
    except (OSError, UnicodeDecodeError, Invalid) as error:
        print(f"Undetermined: {error}", file=sys.stderr)
        return Undetermined.exit_code
    url = None if arguments.offline else arguments.rpc or trust.rpc_url
    verdict = verify(raw, trust, JsonRpcChain(url) if url else None)
    print(report(verdict))
    if proof is None or isinstance(verdict, Refuted):
        return verdict.exit_code
    try:
        bodies = [event.body for event in read_bundle(raw).events if event.body]
        print(report_message(proven_message(bodies, proof)))
    except Invalid as error:
        print(f"Refuted: the message: {error}")
        return Refuted.exit_code
    return verdict.exit_code


def report(verdict: Verdict) -> str:
    """The steps, one a line, then the verdict."""
    lines = [
        f"{step.number}  {step.outcome.value:<11}  {step.name}" + (f": {step.detail}" if step.detail else "")
        for step in verdict.steps
    ]
    match verdict:
        case Verified():
            lines.append("Verified")
        case Refuted(step=number, reason=reason):
            lines.append(f"Refuted at step {number}: {reason}")
        case Undetermined(reason=reason):
            lines.append(f"Undetermined: {reason}")
    return "\n".join(lines)


def report_message(message: Message) -> str:
    """Whose message it is, then its readings, one a line."""
    signed = (
        f"message {message.sequence} of {message.carrier_id}, signed by its key {message.public_key.hex()}"
    )
    readings = [
        f"{time_text(r.at_ms)}  {r.quantity} {show(r.milli)} {QUANTITIES[r.quantity].symbol}".rstrip()
        for r in sorted(message.readings())
    ]
    return "\n".join([f"Sealed in the bundle: {signed}", *readings])


if __name__ == "__main__":
    sys.exit(main())
