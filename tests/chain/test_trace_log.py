"""`TraceLog` through our client, on a real chain."""

from dataclasses import dataclass, field, replace

import pytest

from ledger.chain import ChainOptions, EthereumChain, account_of, connect, connect_signer, open_log
from ledger.chain.signer import NonceTaken, Signer
from ledger.chain.tx import Tx
from ledger.domain.anchor import NO_ANCHOR, Anchor, log_id_of
from ledger.domain.errors import ChainUnavailable, ForkDetected, Invalid
from ledger.domain.merkle import Frontier, consistency_path, leaf_hash, reader
from ledger.ports import Block, SignedTx
from tests.chain.nodes import ADMIN, STRANGER, WRITER, Anvil, run_anvil

LEAVES = [leaf_hash(bytes([number])) for number in range(9)]


def proof(old: int, new: int) -> list[bytes]:
    return consistency_path(old, new, reader(lambda level, start, count: LEAVES[start : start + count]))


def anchor(chain: EthereumChain, origin: str, size: int, after: Anchor | None = None) -> Anchor:
    return Anchor(
        chain.chain_id,
        chain.contract,
        log_id_of(origin),
        after.number + 1 if after else 1,
        after.hash if after else NO_ANCHOR,
        size,
        Frontier().extended(LEAVES[:size]).root,
        bytes([size]) * 32,
    )


def mine(chain: EthereumChain, tx: SignedTx) -> Block:
    inclusion = chain.signer.send_and_wait(tx, 5)
    assert inclusion.succeeded
    return inclusion.block


def test_an_anchor_is_found_again_with_the_hash_that_we_compute(anvil: Anvil) -> None:
    chain = anvil.open_log("here")
    log_id = log_id_of("here")
    assert chain.head(log_id).count == 0
    assert chain.head(log_id).writer == chain.account == account_of(WRITER)

    first = anchor(chain, "here", 3)
    block = mine(chain, chain.sign_anchor(first, []))
    second = anchor(chain, "here", 7, first)
    mine(chain, chain.sign_anchor(second, proof(3, 7)))

    head = chain.head(log_id)
    assert (head.count, head.size, head.log_root) == (2, 7, second.log_root)
    assert (head.anchor_hash, chain.anchor_hash(log_id, 1)) == (second.hash, first.hash)
    assert chain.anchor_hash(log_id, 3) is None
    assert chain.has_block(block)
    assert chain.is_final(block)


def test_the_contract_refuses_what_does_not_continue_the_log_and_says_why(anvil: Anvil) -> None:
    chain = anvil.open_log("refused")
    first = anchor(chain, "refused", 3)
    mine(chain, chain.sign_anchor(first, []))
    second = anchor(chain, "refused", 7, first)

    rewritten = replace(second, log_root=Frontier().extended(reversed(LEAVES[:7])).root)
    with pytest.raises(Invalid, match=r"NotConsistent\(logId=0x[0-9a-f]{64}, currentSize=3, givenSize=7\)"):
        chain.sign_anchor(rewritten, proof(3, 7))
    with pytest.raises(Invalid, match="NotConsistent"):
        chain.sign_anchor(second, proof(3, 7)[:-1])
    with pytest.raises(Invalid, match=rf"StaleAnchor\(current=0x{first.hash.hex()}, given=0x0{{64}}\)"):
        chain.sign_anchor(first, [])
    with pytest.raises(Invalid, match=r"SizeNotGrown\(current=3, given=3\)"):
        chain.sign_anchor(anchor(chain, "refused", 3, first), [])


def test_only_the_writer_anchors(anvil: Anvil) -> None:
    anvil.open_log("mine")
    stranger = connect(anvil.url, anvil.deployment.trace_log, STRANGER)
    with pytest.raises(Invalid, match="NotWriter"):
        stranger.sign_anchor(anchor(stranger, "mine", 3), [])


def test_a_log_is_opened_once_and_for_one_writer(anvil: Anvil) -> None:
    anvil.open_log("once")
    log_id, trace_log = log_id_of("once"), anvil.deployment.trace_log
    open_log(anvil.admin, trace_log, log_id, account_of(WRITER))  # again: nothing happens
    with pytest.raises(Invalid, match="is open"):
        open_log(anvil.admin, trace_log, log_id, account_of(STRANGER))
    with pytest.raises(Invalid, match="AccessControlUnauthorizedAccount"):
        open_log(connect_signer(anvil.url, STRANGER), trace_log, log_id_of("other"), account_of(STRANGER))


def test_sending_the_same_bytes_again_is_no_error(anvil: Anvil) -> None:
    chain = anvil.open_log("again")
    tx = chain.sign_anchor(anchor(chain, "again", 3), [])
    with anvil.without_mining():
        chain.send(tx)
        chain.send(tx)
        assert chain.inclusion(tx.tx_hash) is None
        assert chain.next_nonce() == tx.nonce
    anvil.mine()
    chain.send(tx)
    assert chain.inclusion(tx.tx_hash) is not None
    assert chain.next_nonce() == tx.nonce + 1


def test_a_dearer_tx_takes_the_place_of_the_first(anvil: Anvil) -> None:
    chain = anvil.open_log("dearer")
    planned = anchor(chain, "dearer", 3)
    first = chain.sign_anchor(planned, [])
    second = chain.sign_anchor(planned, [], replaces=first)
    assert second.nonce == first.nonce
    assert second.gas_price_wei * 8 >= first.gas_price_wei * 9
    with anvil.without_mining():
        chain.send(first)
        chain.send(second)
    anvil.mine()
    assert chain.inclusion(first.tx_hash) is None
    assert chain.inclusion(second.tx_hash) is not None


@pytest.mark.parametrize("fee_mode", ["zero", "legacy", "1559"])
def test_an_anchor_is_paid_in_every_fee_mode(fee_mode: str) -> None:
    with run_anvil("--gas-price", "0", "--base-fee", "0") as anvil:
        chain = anvil.open_log("paid", ChainOptions(fee_mode=fee_mode, finality="instant"))
        tx = chain.sign_anchor(anchor(chain, "paid", 3), [])
        mine(chain, tx)
        assert fee_mode != "zero" or tx.gas_price_wei == 0


def test_a_block_is_final_after_its_confirmations(anvil: Anvil) -> None:
    chain = anvil.open_log("confirmed", ChainOptions(finality="3"))
    block = mine(chain, chain.sign_anchor(anchor(chain, "confirmed", 3), []))
    assert not chain.is_final(block)
    anvil.mine()
    assert not chain.is_final(block)
    anvil.mine()
    assert chain.is_final(block)


def test_a_block_is_final_when_the_final_tag_passes_it() -> None:
    with run_anvil("--slots-in-an-epoch", "1") as anvil:
        chain = anvil.open_log("tagged", ChainOptions(finality="tag"))
        block = mine(chain, chain.sign_anchor(anchor(chain, "tagged", 3), []))
        assert not chain.is_final(block)
        anvil.mine(2)
        assert chain.is_final(block)


def test_a_replaced_block_is_neither_there_nor_final(anvil: Anvil) -> None:
    chain = anvil.open_log("replaced")
    tx = chain.sign_anchor(anchor(chain, "replaced", 3), [])
    block = mine(chain, tx)
    anvil.call("anvil_reorg", 1, [])
    assert not chain.has_block(block)
    assert not chain.is_final(block)
    assert chain.inclusion(tx.tx_hash) is None


def test_another_chain_is_refused(anvil: Anvil) -> None:
    with pytest.raises(Invalid, match="serves chain 31337, but this ledger is on chain 5"):
        connect(anvil.url, anvil.deployment.trace_log, WRITER, chain_id=5)


def test_a_chain_without_the_contract_is_a_fork(anvil: Anvil) -> None:
    with pytest.raises(ForkDetected, match=r"holds no TraceLog 0x77.*wiped or restored"):
        connect(anvil.url, b"\x77" * 20, WRITER)


def test_a_tx_that_no_block_takes_is_reported_after_a_while(anvil: Anvil) -> None:
    chain = anvil.open_log("waiting")
    tx = chain.sign_anchor(anchor(chain, "waiting", 3), [])
    with anvil.without_mining():
        with pytest.raises(ChainUnavailable, match="was not mined within 0 s"):
            chain.signer.send_and_wait(tx, 0.1)
        anvil.call("anvil_dropTransaction", f"0x{tx.tx_hash.hex()}")


def test_a_tx_whose_nonce_another_one_took_is_signed_anew(anvil: Anvil) -> None:
    @dataclass(frozen=True)
    class Overtaken(Signer):
        """The account has a second user, who is faster than we are the first time."""

        overtaken: list[SignedTx] = field(default_factory=list)

        def sign(self, to: bytes | None, data: bytes) -> SignedTx:
            tx = Signer.sign(self, to, data)
            if not self.overtaken:
                self.overtaken.append(Signer.sign(self, b"\x07" * 20, b""))
                self.send_and_wait(self.overtaken[0], 5)
            return tx

    signer = Overtaken(anvil.rpc, anvil.admin.chain_id, anvil.admin.capabilities, ADMIN)
    open_log(signer, anvil.deployment.trace_log, log_id_of("overtaken"), account_of(WRITER))
    assert signer.overtaken
    with pytest.raises(NonceTaken, match="another tx of account"):
        signer.send_and_wait(same_nonce(signer.overtaken[0], signer), 5)


def same_nonce(tx: SignedTx, signer: Signer) -> SignedTx:
    """Another tx with the same nonce."""
    return replace(Tx.read(tx.raw, signer.chain_id), to=b"\x08" * 20).signed(signer.key)


@pytest.mark.parametrize("key", [b"", b"\0" * 32, b"\xff" * 32, b"1" * 31])
def test_a_key_that_is_none_is_invalid(key: bytes) -> None:
    with pytest.raises(Invalid, match="private key"):
        account_of(key)
