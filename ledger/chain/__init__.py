"""The chain over Ethereum JSON-RPC: `ports.Chain` and `ports.Registry`, and what sets them up.

Foreign exceptions end here: a node that does not answer is ChainUnavailable, a contract that
refuses is Invalid with its reason, or the error that says what to do about it.
"""

from ledger.chain.capabilities import ChainOptions
from ledger.chain.registry import EthereumRegistry, node_id
from ledger.chain.registry_writer import RegistryWriter
from ledger.chain.signer import Signer, connect_signer
from ledger.chain.trace_log import EthereumChain, check_deployed, connect, deploy, open_log
from ledger.chain.tx import account_of
from ledger.domain.deployment import Deployment

__all__ = [
    "ChainOptions",
    "Deployment",
    "EthereumChain",
    "EthereumRegistry",
    "RegistryWriter",
    "Signer",
    "account_of",
    "check_deployed",
    "connect",
    "connect_signer",
    "deploy",
    "node_id",
    "open_log",
]
