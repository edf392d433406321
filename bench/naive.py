"""The naive ways that we compare with: a tx of its own for each event, the next one after the receipt.

* `call_contract` is what web3's documentation shows: `contract.functions.f(...).transact()`, then
  `wait_for_transaction_receipt`. The contract is our own: each event is anchored in a log of its own in
  `TraceLog`, so the chain refuses a rewritten history. No item map, so no history is proved complete.
* `send_hashes` is the cheapest there is: the event's SHA-256 as call data of a tx to a plain account, signed
  here (coincurve), with gas, price and nonce known. No contract runs, no storage is written, and the chain
  cannot be asked for it.

In both, nothing is parsed, checked, stored in SQL or indexed, and what can be computed before is computed
before the clock starts.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from eth_account import Account
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.contract.contract import ContractFunction

from contracts import load_artifact
from ledger.domain import merkle
from ledger.domain.anchor import NO_ANCHOR, Anchor

_HASH_GAS_LIMIT = 30_000  # 21,000 and 32 bytes of call data
_LOOK_AGAIN_SECONDS = 0.01
_NO_MAP = bytes(32)


def call_contract(
    rpc_url: str, account: bytes, contract: bytes, log_id: bytes, hashes: Sequence[bytes]
) -> float:
    """Seconds for one anchor of each hash in log `log_id`, which is empty and open for `account`.

    The chain's node signs, so `account` is one of its own.
    """
    web3 = Web3(HTTPProvider(rpc_url))
    sender = Web3.to_checksum_address(account)
    calls = _anchor_calls(web3, contract, log_id, hashes)
    return _one_by_one(web3, [partial(call.transact, {"from": sender}) for call in calls])


def send_hashes(rpc_url: str, account_key: bytes, hashes: Sequence[bytes]) -> float:
    """Seconds for one tx of each hash."""
    web3 = Web3(HTTPProvider(rpc_url))
    account: Any = Account.from_key(account_key)
    first_nonce = web3.eth.get_transaction_count(account.address)
    common = {
        "chainId": web3.eth.chain_id,
        "to": account.address,
        "value": 0,
        "gas": _HASH_GAS_LIMIT,
        "gasPrice": web3.eth.gas_price,
    }

    def send(nonce: int, event_hash: bytes) -> HexBytes:
        signed = account.sign_transaction({**common, "nonce": nonce, "data": event_hash})
        return web3.eth.send_raw_transaction(signed.raw_transaction)

    return _one_by_one(web3, [partial(send, nonce, each) for nonce, each in enumerate(hashes, first_nonce)])


def _anchor_calls(
    web3: Web3, contract: bytes, log_id: bytes, hashes: Iterable[bytes]
) -> list[ContractFunction]:
    account = Web3.to_checksum_address(contract)
    anchor_function = web3.eth.contract(account, abi=load_artifact("TraceLog").abi).functions.anchor
    leaves = [merkle.leaf_hash(each) for each in hashes]
    chain_id, previous = web3.eth.chain_id, NO_ANCHOR

    def read(level: int, index: int) -> bytes:
        return merkle.tree_root(leaves[index << level : (index + 1) << level])

    calls = []
    for size in range(1, len(leaves) + 1):
        root = merkle.tree_root(leaves[:size])
        proof = merkle.consistency_path(size - 1, size, read)
        calls.append(anchor_function(log_id, previous, size, root, _NO_MAP, proof))
        previous = Anchor(chain_id, contract, log_id, size, previous, size, root, _NO_MAP).hash
    return calls


def _one_by_one(web3: Web3, sends: Iterable[Callable[[], HexBytes]]) -> float:
    begun = time.perf_counter()
    for send in sends:
        receipt = web3.eth.wait_for_transaction_receipt(send(), poll_latency=_LOOK_AGAIN_SECONDS)
        if receipt["status"] != 1:
            raise RuntimeError(f"a tx failed in block {receipt['blockNumber']}")
    return time.perf_counter() - begun
