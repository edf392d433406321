"""What `suyuan registry` does: read the copy of the registry here, and change the registry on chain.

Reading first brings the copy up to date when the chain answers. Each function returns its exit code.
"""

import argparse
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from ledger.chain import RegistryWriter, account_of, node_id
from ledger.commands.chain import running_account
from ledger.commands.node import account_bytes, opened_store
from ledger.config import Settings
from ledger.domain.errors import ChainUnavailable, Invalid, NotFound
from ledger.domain.registry import NO_LOG, NO_NODE, Change, Registered, RegistryState, tenures
from ledger.node import load_secret, now_ms
from ledger.ports import NO_PLACE, Party, RegistryHead, Store
from ledger.registry import RegistryCopy, rebuild_registry, refresh_prefixes
from ledger.setup import (
    Account,
    admit,
    connect_registry,
    ensure_funds,
    pinned_deployment,
    registry_writer,
)
from ledger.verify import Trust

_HISTORY_PAGE: Final = 1000
_END_S: Final = 253_402_300_799  # of the year 9999: a later end is no end


# --- reading


@dataclass(frozen=True, slots=True)
class _View:
    """The registry as it stands here, and what its accounts are called."""

    store: Store
    state: RegistryState
    head: RegistryHead
    names: Mapping[bytes, str]

    def account(self, account: bytes) -> str:
        return f"0x{account.hex()} {self.names.get(account, '')}".rstrip()

    def status(self, known: Registered) -> str:
        if known.status != "allocated":
            return known.status
        resting = next((up for up in self.state.path(known.node) if up.status != "allocated"), None)
        return f"inactive: {_name(resting)} is {resting.status}" if resting else "active"


@contextmanager
def _viewed() -> Iterator[_View]:
    settings = Settings.from_env()
    with opened_store(settings) as store:
        try:
            registry = connect_registry(settings, store, running_account(settings))
            refresh_prefixes(store, registry, now_ms())
        except ChainUnavailable as error:
            print(f"suyuan: {error}; this is the copy as it was", file=sys.stderr)
        state, head = RegistryCopy(store).read()
        yield _View(store, state, head, {party.account: party.party_id for party in store.parties()})


def _print_block(head: RegistryHead) -> None:
    print(f"as of block {head.block.number}" if head.block else "nothing was read from the chain yet")


def _name(known: Registered) -> str:
    return f"{known.scheme} {known.text or '(root)'}"


def _time(seconds: int) -> str:
    if seconds > _END_S:
        return "without end"
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def run_list(arguments: argparse.Namespace) -> int:
    with _viewed() as view:
        for known in sorted(view.state.by_node.values(), key=lambda known: (known.scheme, known.text)):
            if arguments.scheme in (None, known.scheme):
                active = "active" if view.state.is_active(known.node) else "inactive"
                text = known.text or "(root)"
                print(f"{known.scheme:<8} {text:<16} {active:<9} {view.account(known.owner)}")
        _print_block(view.head)
    return 0


def run_tree(arguments: argparse.Namespace) -> int:
    with _viewed() as view:
        for root in view.state.below(NO_NODE):
            if arguments.scheme in (None, root.scheme):
                _print_tree(view, root, 0)
        _print_block(view.head)
    return 0


def _print_tree(view: _View, known: Registered, depth: int) -> None:
    # No deeper than a text has characters, 64.
    status = "" if view.state.is_active(known.node) else f" ({view.status(known)})"
    name = f"{'  ' * depth}{known.text or known.scheme}"
    print(f"{name:<28} {view.account(known.owner)} since {_time(known.since_s)}{status}")
    for below in view.state.below(known.node):
        _print_tree(view, below, depth + 1)


def run_show(arguments: argparse.Namespace) -> int:
    with _viewed() as view:
        known = _find(view.state, arguments.scheme, arguments.prefix)
        for label, text in _facts(view, known):
            print(f"{label:<11} {text}")
        changes = list(_history(view.store, known.node))
        print("held by")
        for held in tenures(changes):
            until = _time(held.until_s) if held.until_s is not None else "now"
            print(f"  {_time(held.from_s)} - {until:<23} {view.account(held.owner)}")
        print("history")
        for change in changes:
            place = f"block {change.block_number} tx 0x{change.tx_hash.hex()}"
            print(f"  {_time(change.time_s)} {_said(view, change):<60} {place}")
        _print_block(view.head)
    return 0


def _find(state: RegistryState, scheme: str, text: str) -> Registered:
    known = state.find(scheme, text)
    if known is None:
        raise NotFound(f"{scheme} {text or '(root)'} is not registered: `suyuan registry list` shows what is")
    return known


def _facts(view: _View, known: Registered) -> Iterator[tuple[str, str]]:
    parent = view.state.by_node.get(known.parent)
    yield "prefix", _name(known)
    yield "status", view.status(known)
    yield "owner", f"{view.account(known.owner)} since {_time(known.since_s)}"
    if parent:
        yield "under", f"{_name(parent)}, {view.account(parent.owner)}"
    yield "endpoint", known.endpoint or "none"
    yield "log", f"0x{known.log_id.hex()}" if known.log_id != NO_LOG else "none"
    if known.offered_to:
        yield "offered to", view.account(known.offered_to)
    for delegation in known.delegations:
        ended = ", ended" if delegation.expires_s <= now_ms() // 1000 else ""
        until = f"{delegation.scope} until {_time(delegation.expires_s)}{ended}"
        yield "delegate", f"{view.account(delegation.account)} {until}"
    agreed = view.state.equivalents(known.node)
    for other in view.state.declared(known.node):
        yield "same as", _name(other) + ("" if other in agreed else " (not in force)")


def _history(store: Store, node: bytes) -> Iterator[Change]:
    after = NO_PLACE
    while page := store.prefix_changes(node, after=after, limit=_HISTORY_PAGE):
        yield from page
        after = page[-1].block_number, page[-1].log_index


def _said(view: _View, change: Change) -> str:
    words = [change.kind.replace("_", " ")]
    if change.account:
        words.append(view.account(change.account))
    if change.scope:
        words.append(change.scope)
    if change.kind == "delegated":
        words.append(f"until {_time(change.expires_s)}")
    if change.kind == "endpoint_set":
        words.append(f"{change.text or 'none'}, log 0x{change.other.hex()}")
    if change.kind.startswith("equivalence"):
        other = view.state.by_node.get(change.other)
        words.append(_name(other) if other else f"0x{change.other.hex()}")
    return " ".join(words)


def run_rebuild(_: argparse.Namespace) -> int:
    settings = Settings.from_env()
    with opened_store(settings) as store:
        # The chain is asked first: without an answer the copy stays.
        registry = connect_registry(settings, store, running_account(settings))
        rebuild_registry(store, registry, now_ms())
        state, head = RegistryCopy(store).read()
        print(f"{len(state.by_node)} prefixes read from the chain")
        _print_block(head)
    return 0


def run_contracts(_: argparse.Namespace) -> int:
    with opened_store(Settings.from_env()) as store:
        print(f"SUYUAN_CONTRACTS={pinned_deployment(store)}")
    return 0


# --- changing


def run_admit(arguments: argparse.Namespace) -> int:
    settings, writer = Settings.from_env(), account_bytes(arguments.account)
    with opened_store(settings) as store:
        admit(settings, store, running_account(settings), arguments.origin, writer)
    print(f"log {arguments.origin} is open for 0x{writer.hex()}")
    return 0


@dataclass(frozen=True, slots=True)
class _Changing:
    """A prefix that is to be changed, and the account that signs."""

    arguments: argparse.Namespace
    settings: Settings
    store: Store
    writer: RegistryWriter
    node: bytes

    @property
    def account(self) -> bytes:
        """The account that PARTY stands for."""
        text: str = self.arguments.party
        return account_bytes(text) if text.startswith("0x") else _party(self.store, text).account


def _change(arguments: argparse.Namespace, act: Callable[[_Changing], None], done: str) -> int:
    """Do it in a tx of its own, follow it into the copy here, and say so."""
    settings = Settings.from_env()
    with opened_store(settings) as store:
        operator = running_account(settings)
        account = _signing(settings, store, operator, arguments.signer)
        node = node_id(arguments.scheme, arguments.prefix)
        name = f"{arguments.scheme} {arguments.prefix or '(root)'}"
        writer = replace(registry_writer(settings, store, account), names={node: name})
        if account != operator:
            ensure_funds(settings, registry_writer(settings, store, operator).signer, writer.signer)
        act(_Changing(arguments, settings, store, writer, node))
        print(f"{name} {done.format(**vars(arguments))}")
        mined = writer.signer.rpc.quantity("eth_blockNumber")
        refresh_prefixes(store, connect_registry(settings, store, operator), now_ms())
        head = store.registry_head()
        if head.block is None or head.block.number < mined:
            print("it is mined, and counts once its block is final")
    return 0


def _signing(settings: Settings, store: Store, operator: Account, party_id: str | None) -> Account:
    """The account that signs: the operator's, or that of a party whose key is in this node's folder."""
    if party_id is None:
        return operator
    party = _party(store, party_id)
    if party.account == account_of(operator.key):
        return operator
    path = settings.data_dir / "keys" / "parties" / f"{party.party_id}.key"
    if not path.exists():
        raise NotFound(
            f"{path} is not there: {party_id} keeps its chain key elsewhere, and has to do this there"
        )
    return replace(operator, key=load_secret(path, lambda: secrets.token_bytes(32)))


def _party(store: Store, party_id: str) -> Party:
    party = store.party(party_id)
    if party is None:
        known = ", ".join(known.party_id for known in store.parties())
        raise NotFound(f"no party {party_id!r} here; there are {known}; a chain account begins with 0x")
    return party


def run_allocate(arguments: argparse.Namespace) -> int:
    return _change(
        arguments,
        lambda c: c.writer.allocate(arguments.scheme, arguments.prefix, c.account),
        "belongs to {party} now",
    )


def run_delegate(arguments: argparse.Namespace) -> int:
    until_s = _moment_s(arguments.until)
    return _change(
        arguments,
        lambda c: c.writer.delegate(c.node, c.account, until_s, arguments.scope),
        f"lets {{party}} {{scope}} until {_time(until_s)}",
    )


def run_withdraw(arguments: argparse.Namespace) -> int:
    return _change(
        arguments,
        lambda c: c.writer.revoke_delegate(c.node, c.account, arguments.scope),
        "does not let {party} {scope} any more",
    )


def run_endpoint(arguments: argparse.Namespace) -> int:
    _check_url(arguments.url)
    return _change(
        arguments,
        lambda c: c.writer.set_endpoint(c.node, arguments.url, _log_id(c.settings, arguments.log)),
        "is served by {url}" if arguments.url else "is served by no node",
    )


def run_offer(arguments: argparse.Namespace) -> int:
    return _change(
        arguments,
        lambda c: c.writer.offer_transfer(c.node, c.account),
        "is offered to {party}, which has to accept",
    )


def run_accept(arguments: argparse.Namespace) -> int:
    return _change(arguments, lambda c: c.writer.accept_transfer(c.node), "is yours now")


def run_cancel(arguments: argparse.Namespace) -> int:
    return _change(arguments, lambda c: c.writer.cancel_transfer(c.node), "is offered to nobody")


def run_suspend(arguments: argparse.Namespace) -> int:
    return _change(arguments, lambda c: c.writer.suspend(c.node), "and all below it are suspended")


def run_resume(arguments: argparse.Namespace) -> int:
    return _change(arguments, lambda c: c.writer.resume(c.node), "is allocated again")


def run_revoke(arguments: argparse.Namespace) -> int:
    return _change(arguments, lambda c: c.writer.revoke(c.node), "is revoked; it can be reallocated")


def run_reallocate(arguments: argparse.Namespace) -> int:
    return _change(arguments, lambda c: c.writer.reallocate(c.node, c.account), "belongs to {party} now")


def run_equate(arguments: argparse.Namespace) -> int:
    other = node_id(arguments.other_scheme, arguments.other)
    names = {other: f"{arguments.other_scheme} {arguments.other or '(root)'}"}

    def equate(c: _Changing) -> None:
        writer = replace(c.writer, names={**c.writer.names, **names})
        (writer.withdraw_equivalence if arguments.withdraw else writer.declare_equivalence)(c.node, other)

    done = "is not said to be {other_scheme} {other} any more"
    declared = "is said to be {other_scheme} {other}; it holds once the owner of that says so too"
    return _change(arguments, equate, done if arguments.withdraw else declared)


def _moment_s(text: str) -> int:
    """The end of a day, or a moment, in seconds since 1970; without a time zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text!r} is no date: write 2027-12-31, or 2027-12-31T18:00:00+08:00") from None
    whole_day = timedelta(days=1) if len(text) == len("2027-12-31") else timedelta()
    return int(((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) + whole_day).timestamp())


def _check_url(text: str) -> None:
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname or parts.username):
        raise Invalid(f"endpoint {text!r}: should be a web address without a user, https://node.example")


def _log_id(settings: Settings, text: str) -> bytes:
    if text == "own":
        return Trust.parse(settings.trust_path.read_text()).log_id
    if text == "none":
        return NO_LOG
    try:
        log_id = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise Invalid(f"log {text!r} is not hex: write own, none, or 0x and 64 digits") from None
    if len(log_id) != len(NO_LOG):
        raise Invalid(f"log {text!r} has {len(log_id)} bytes, should have {len(NO_LOG)}")
    return log_id
