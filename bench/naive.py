"""The naive way that we compare with: a tx of its own for each event.

It is the cheapest of its kind. The tx goes to a plain account and carries the event's SHA-256: no contract
runs and no storage is written. It is signed here (coincurve) and sent with web3; the next one goes out when
the receipt of the one before is there. Nothing is parsed, checked, stored in SQL or indexed.
"""

import time
from collections.abc import Sequence
from hashlib import sha256

from eth_account import Account
from web3 import HTTPProvider, Web3

_GAS_LIMIT = 30_000  # 21,000 and 32 bytes of call data
_LOOK_AGAIN_SECONDS = 0.01


def anchor_one_by_one(rpc_url: str, account_key: bytes, events: Sequence[bytes]) -> float:
    """Put the hash of each event on chain in a tx of its own; the seconds until the last receipt."""
    web3 = Web3(HTTPProvider(rpc_url))
    account = Account.from_key(account_key)
    tx = {
        "chainId": web3.eth.chain_id,
        "to": account.address,
        "value": 0,
        "gas": _GAS_LIMIT,
        "gasPrice": web3.eth.gas_price,
    }
    first_nonce = web3.eth.get_transaction_count(account.address)
    begun = time.perf_counter()
    for nonce, event in enumerate(events, first_nonce):
        signed = account.sign_transaction({**tx, "nonce": nonce, "data": sha256(event).digest()})
        tx_hash = web3.eth.send_raw_transaction(signed.raw_transaction)
        receipt = web3.eth.wait_for_transaction_receipt(tx_hash, poll_latency=_LOOK_AGAIN_SECONDS)
        assert receipt["status"] == 1, f"tx {tx_hash.hex()} failed"
    return time.perf_counter() - begun
