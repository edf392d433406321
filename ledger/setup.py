"""The first start: contracts deployed, log opened, root prefixes registered, facts pinned.

Safe to stop at any line and call again. What was decided once (chain, contracts, origin) stands
in the database and is never decided again.
"""

import json
import secrets
from dataclasses import asdict, dataclass

from ledger.chain import (
    ChainOptions,
    EthereumChain,
    EthereumRegistry,
    RegistryWriter,
    Signer,
    check_deployed,
    connect,
    connect_signer,
    deploy,
    open_log,
)
from ledger.config import Settings
from ledger.domain.anchor import log_id_of
from ledger.domain.deployment import Deployment, parse_deployment
from ledger.domain.errors import Invalid
from ledger.domain.schemes.table import SCHEMES
from ledger.node import Node, load_secret, load_signer, open_node, write_private
from ledger.ports import Party, Store
from ledger.verify import Trust

ADMIN = "node"
"""The party that operates the node and owns the root of every scheme."""

_LITTLE_WEI = 10**17  # dozens of txs
_NODE_WEI = 10**21  # of the million that the embedded chain's operator has: millions of txs
_DEPLOYMENT = "deployment"
_ORIGIN = "origin"


@dataclass(frozen=True, slots=True)
class Account:
    """Where the chain is, and the key of the account that this node writes with."""

    rpc_url: str
    key: bytes


def operator_account(settings: Settings) -> Account:
    """The account on a chain of the user's own: keys/account.key, made at the first call."""
    path = settings.data_dir / "keys" / "account.key"
    return Account(settings.rpc_url, load_secret(path, lambda: secrets.token_bytes(32)))


def chain_options(settings: Settings) -> ChainOptions:
    return ChainOptions(
        fee_mode=settings.fee_mode, finality=settings.finality, answer_seconds=settings.rpc_timeout_seconds
    )


def set_up(settings: Settings, store: Store, account: Account) -> Node:
    """The node, ready to capture; contracts and log are made at the first start only. A node that joins
    the contracts of another has its log opened there, by who deployed them.

    Raises Invalid when the settings contradict the first start, or our log is not open yet,
    ChainUnavailable, or ForkDetected when the chain has lost our contracts.
    """
    deployment = pinned_deployment(store)
    _check_same_ledger(settings, deployment)
    signer = connect_signer(account.rpc_url, account.key, options=chain_options(settings))
    origin = _pin(store, _ORIGIN, settings.origin, "SUYUAN_ORIGIN")
    deployment = deployment or _decide_deployment(settings, store, signer)
    chain = connect_chain(settings, store, account)
    if _has_joined(store):
        _check_admitted(settings, chain, origin)
    else:
        open_log(signer, deployment.trace_log, log_id_of(origin), signer.account)
        _open_schemes(signer, deployment)
    store.put_party(Party(ADMIN, "Node operator", "节点运营者", signer.account))
    finality = signer.capabilities.finality
    trust = Trust(
        chain_id=chain.chain_id,
        contract=chain.contract,
        log_key=load_signer(settings.data_dir, origin).key,
        rpc_url=account.rpc_url,
        confirmations=None if finality.mode == "tag" else finality.confirmations - 1,
    )
    write_private(settings.trust_path, trust.to_json() + "\n")
    return open_node(settings, store)


def _check_same_ledger(settings: Settings, deployment: Deployment | None) -> None:
    """That data folder, log key and database are of one ledger; the first start has nothing to compare.

    Without this, a lost database would begin a second history under the name and key of the first.
    """
    named = parse_deployment(settings.contracts)
    if named and deployment and named != deployment:
        raise Invalid(f"SUYUAN_CONTRACTS is {named}, but this ledger began on {deployment}: set it back")
    if not settings.trust_path.exists():
        return
    trust = Trust.parse(settings.trust_path.read_text())
    if deployment is None or deployment.trace_log != trust.contract:
        raise Invalid(
            f"the database is not the one that {settings.trust_path} belongs to: restore that database, set "
            "SUYUAN_DATABASE_URL back, or begin a new ledger in another folder (SUYUAN_DATA_DIR)"
        )
    if load_signer(settings.data_dir, trust.log_key.origin).key != trust.log_key:
        raise Invalid(
            f"{settings.data_dir / 'keys' / 'log.key'} is not the key that this log began with, which "
            f"{settings.trust_path} names: put it back from a copy"
        )


def _pin(store: Store, name: str, value: str, variable: str) -> str:
    known = store.pinned(name)
    if known is None:
        store.pin(name, value)
    elif known != value:
        raise Invalid(f"{variable} is {value!r}, but this ledger began as {known!r}: set it back")
    return value


def pinned_deployment(store: Store) -> Deployment | None:
    """Where this ledger's contracts stand; None before the first start."""
    return None if store.pinned(_DEPLOYMENT) is None else _pinned(store)[1]


def _pinned(store: Store) -> tuple[int, Deployment]:
    """The chain and the contracts that the first start decided on."""
    text = store.pinned(_DEPLOYMENT)
    assert text is not None, "set_up comes first"
    fields = json.loads(text)
    trace_log, prefix_registry = (bytes.fromhex(fields[name]) for name in ("trace_log", "prefix_registry"))
    return fields["chain_id"], Deployment(trace_log, prefix_registry, fields["block_number"])


def _decide_deployment(settings: Settings, store: Store, signer: Signer) -> Deployment:
    """New contracts, or those of another node that we are told to join."""
    deployment = parse_deployment(settings.contracts)
    joins = deployment is not None
    if deployment is None:
        _check_funds(signer)
        deployment = deploy(signer)
    else:
        try:
            check_deployed(signer, deployment)
        except Invalid as error:
            raise Invalid(f"SUYUAN_CONTRACTS: {error}") from error
    fields = {name: v.hex() if isinstance(v, bytes) else v for name, v in asdict(deployment).items()}
    # Should we stop before this line, the next start decides again; contracts that we deployed stay unused.
    store.pin(_DEPLOYMENT, json.dumps(fields | {"chain_id": signer.chain_id, "joined": joins}))
    return deployment


def _has_joined(store: Store) -> bool:
    """Whether another node deployed our contracts."""
    return bool(json.loads(store.pinned(_DEPLOYMENT) or "{}").get("joined"))


def _check_admitted(settings: Settings, chain: EthereumChain, origin: str) -> None:
    """That our log is open for our account. Raises Invalid that says who has to open it."""
    writer = chain.head(log_id_of(origin)).writer
    account = f"0x{chain.account.hex()}"
    if writer == bytes(20):
        raise Invalid(
            f"log {origin} is not open yet: have the operator of these contracts run "
            f"`suyuan registry admit {origin} {account}`, then start again"
        )
    if writer != chain.account:
        raise Invalid(
            f"log {origin} is written by 0x{writer.hex()}, and our account is {account}: choose another "
            "SUYUAN_ORIGIN, or put the keys of that node back"
        )
    _check_funds(chain.signer)


def _check_funds(signer: Signer) -> None:
    takes_fees = signer.capabilities.fee_mode != "zero"
    if takes_fees and _balance_wei(signer) == 0:
        raise Invalid(
            f"account 0x{signer.account.hex()} has no funds on chain {signer.chain_id}, which takes fees: "
            "send it some, then start again"
        )


def _balance_wei(signer: Signer) -> int:
    return signer.rpc.quantity("eth_getBalance", f"0x{signer.account.hex()}", "latest")


def admit(settings: Settings, store: Store, operator: Account, origin: str, writer: bytes) -> None:
    """Open the log of another node, which joins our contracts, for its account; on the embedded chain, whose
    coins are worth nothing, that gets some. Raises NotAllowed or Invalid when the contract refuses."""
    signer, deployment = _connect_signer(settings, store, operator)
    open_log(signer, deployment.trace_log, log_id_of(origin), writer)
    if not settings.rpc_url:
        signer.pay(writer, _NODE_WEI)


def ensure_funds(settings: Settings, operator: Signer, signer: Signer) -> None:
    """That `signer` can pay for txs: on the embedded chain, whose coins are worth nothing, the operator gives
    it some. Raises Invalid where it has none.
    """
    if not settings.rpc_url and _balance_wei(signer) < _LITTLE_WEI:
        operator.pay(signer.account, 10 * _LITTLE_WEI)
    _check_funds(signer)


def connect_chain(settings: Settings, store: Store, account: Account) -> EthereumChain:
    """Our `TraceLog`. Raises Invalid when the node behind the URL serves another chain."""
    chain_id, deployment = _pinned(store)
    options = chain_options(settings)
    return connect(account.rpc_url, deployment.trace_log, account.key, chain_id, options)


def connect_registry(settings: Settings, store: Store, account: Account) -> EthereumRegistry:
    """Our `PrefixRegistry`, to read."""
    signer, deployment = _connect_signer(settings, store, account)
    return EthereumRegistry(signer, deployment.prefix_registry, deployment.block_number)


def registry_writer(settings: Settings, store: Store, account: Account) -> RegistryWriter:
    """Our `PrefixRegistry`, to write with the operator's account."""
    signer, deployment = _connect_signer(settings, store, account)
    return RegistryWriter(signer, deployment.prefix_registry)


def _connect_signer(settings: Settings, store: Store, account: Account) -> tuple[Signer, Deployment]:
    """Our account on the chain that we began on, and where our contracts stand there."""
    chain_id, deployment = _pinned(store)
    return connect_signer(account.rpc_url, account.key, chain_id, chain_options(settings)), deployment


def _open_schemes(signer: Signer, deployment: Deployment) -> None:
    """All schemes of identifiers; the operator owns their roots."""
    writer = RegistryWriter(signer, deployment.prefix_registry)
    for scheme in SCHEMES:
        writer.open_scheme(scheme.name, scheme.separator, signer.account)
