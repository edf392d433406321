"""The `TraceLog` contract: what the anchor worker reads from it and writes to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts import ContractName
from ledger.chain.capabilities import ASK_THE_CHAIN, ChainOptions
from ledger.chain.contract import Contract, check_synced, deploy_contract
from ledger.chain.rpc import Refused, Rpc
from ledger.chain.signer import Signer, connect_signer
from ledger.domain.anchor import Anchor
from ledger.domain.deployment import Deployment
from ledger.domain.errors import ForkDetected, Invalid
from ledger.ports import Block, ChainHead, Inclusion, SignedTx

ADMIN_DELAY_SECONDS = 24 * 3600  # between the two steps in which the contracts' admin hands over

_NOBODY = bytes(20)
_NO_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class EthereumChain:
    """`ports.Chain` over JSON-RPC."""

    signer: Signer
    trace_log: Contract

    @property
    def chain_id(self) -> int:
        return self.signer.chain_id

    @property
    def contract(self) -> bytes:
        return self.trace_log.account

    @property
    def account(self) -> bytes:
        return self.signer.account

    def next_nonce(self) -> int:
        return self.signer.next_nonce()

    def head(self, log_id: bytes) -> ChainHead:
        """The newest anchor of a log. Raises ForkDetected when the chain has lost the contract."""
        check_synced(self.signer.rpc)
        count, size, log_root, anchor_hash, writer = self.trace_log.read("head", log_id)
        return ChainHead(count, size, log_root, anchor_hash, bytes.fromhex(writer[2:]))

    def anchor_hash(self, log_id: bytes, number: int) -> bytes | None:
        (found,) = self.trace_log.read("anchorHash", log_id, number)
        return None if found == _NO_HASH else bytes(found)

    def sign_anchor(
        self, anchor: Anchor, proof: Sequence[bytes], replaces: SignedTx | None = None
    ) -> SignedTx:
        """A raw tx that anchors `anchor`. With `replaces`, that tx at least 12.5 % dearer, or `replaces`
        itself where nothing dearer is sent: at the highest price we pay, or on a chain without fees."""
        assert anchor.chain_id == self.chain_id, "an anchor names its chain"
        assert anchor.contract == self.contract, "an anchor names its contract"
        if replaces is not None:
            return self.signer.replace(replaces)
        fields = (anchor.log_id, anchor.previous, anchor.size, anchor.log_root, anchor.map_root)
        return self.trace_log.sign(self.signer, "anchor", *fields, list(proof))

    def send(self, tx: SignedTx) -> None:
        self.signer.send(tx)

    def inclusion(self, tx_hash: bytes) -> Inclusion | None:
        return self.signer.inclusion(tx_hash)

    def has_block(self, block: Block) -> bool:
        return block_at(self.signer.rpc, block.number) == block

    def is_final(self, block: Block) -> bool:
        # The order matters: a block that is seen at its height after that height is final, stays.
        return block.number <= final_block_number(self.signer) and self.has_block(block)


def block_at(rpc: Rpc, number: int) -> Block | None:
    """The block at a height now; None when the node has none there."""
    found = rpc.call("eth_getBlockByNumber", hex(number), False)
    if found is None:
        return None
    return Block(number, rpc.as_bytes("block hash", rpc.as_object("block", found).get("hash")))


def final_block_number(signer: Signer) -> int:
    """The newest block that can no longer be replaced; -1 when there is none yet."""
    rpc, finality = signer.rpc, signer.capabilities.finality
    if finality.mode == "tag":
        try:
            block = rpc.call("eth_getBlockByNumber", "finalized", False)
        except Refused:
            block = None  # a young chain has no final block
        return -1 if block is None else rpc.as_int("number", rpc.as_object("block", block).get("number"))
    newest = rpc.quantity("eth_blockNumber")
    return newest if finality.mode == "instant" else newest - finality.confirmations + 1


def deploy(signer: Signer) -> Deployment:
    """Put new contracts on the chain; the signer becomes their admin."""
    before = signer.rpc.quantity("eth_blockNumber")
    types = ["address", "uint48"]
    trace_log = deploy_contract(signer, "TraceLog", types, signer.account, ADMIN_DELAY_SECONDS)
    registry = deploy_contract(signer, "PrefixRegistry", types, signer.account, ADMIN_DELAY_SECONDS)
    return Deployment(trace_log.account, registry.account, before)


def check_deployed(signer: Signer, deployment: Deployment) -> None:
    """Raises Invalid when the contracts are not on this chain, ChainUnavailable while it is syncing."""
    contracts: tuple[tuple[ContractName, bytes], ...] = (
        ("TraceLog", deployment.trace_log),
        ("PrefixRegistry", deployment.prefix_registry),
    )
    for name, account in contracts:
        contract = Contract(name, account, signer.rpc)
        try:
            contract.check_deployed()
        except ForkDetected:
            raise Invalid(f"chain {signer.chain_id} behind {signer.rpc.name} holds no {contract}") from None


def open_log(registrar: Signer, contract: bytes, log_id: bytes, writer: bytes) -> None:
    """Open a log for account `writer`; nothing happens when it is open for that account already."""
    trace_log = Contract("TraceLog", contract, registrar.rpc)
    *_, current = trace_log.read("head", log_id)
    current_writer = bytes.fromhex(current[2:])
    if current_writer == writer:
        return
    if current_writer != _NOBODY:
        raise Invalid(
            f"log 0x{log_id.hex()} is open, and 0x{current_writer.hex()} writes it: choose another origin, "
            "or change the writer"
        )
    trace_log.write(registrar, "openLog", log_id, writer)


def connect(
    rpc_url: str,
    contract: bytes,
    account_key: bytes,
    chain_id: int | None = None,
    options: ChainOptions = ASK_THE_CHAIN,
) -> EthereumChain:
    """The `TraceLog` at `contract`, written to with `account_key`; `chain_id` pins the chain.

    Raises Invalid for another chain, and ForkDetected when the contract is not there.
    """
    signer = connect_signer(rpc_url, account_key, chain_id, options)
    chain = EthereumChain(signer, Contract("TraceLog", contract, signer.rpc))
    chain.trace_log.check_deployed()
    return chain
