"""What every request needs, gathered once: settings, store, signing key, the log's identity, a clock."""

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.config import Settings
from ledger.domain.access import GS1, PrefixIndex
from ledger.domain.checkpoint import LogSigner
from ledger.domain.epc_format import prefix_length
from ledger.domain.errors import ForkDetected, NotFound
from ledger.domain.registry import RegistryState
from ledger.ports import RegistryHead, Store
from ledger.registry import RegistryCopy
from ledger.verify import Trust

PREFIXES_FRESH_MS = 2_000
"""How long a capture may rely on prefixes read from the SQL copy."""


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """Which log this node writes: it is part of every anchor hash."""

    chain_id: int
    contract: bytes
    log_id: bytes


class Prefixes:
    """The registered prefixes, the accounts of those who capture, and the company prefixes that events
    spelled; read again from the store when they are older than two seconds."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._read_ms = -PREFIXES_FRESH_MS
        self._index = PrefixIndex()
        self._registered: frozenset[str] = frozenset()
        self._spelled: frozenset[str] = frozenset()
        self._accounts: dict[str, bytes] = {}
        self._copy = RegistryCopy(store)

    def registry(self) -> tuple[RegistryState, RegistryHead]:
        """All that is registered, and as of which block; decisions about captures go by `index`."""
        return self._copy.read()

    def index(self) -> PrefixIndex:
        self._refresh()
        return self._index

    def account_of(self, party_id: str) -> bytes:
        """The account that prefixes of the party are registered to; none for a party that is not known."""
        self._refresh()
        account = self._accounts.get(party_id, b"")
        if not account and (party := self._store.party(party_id)) is not None:
            account = self._accounts[party_id] = party.account
        return account

    def spelled(self) -> frozenset[str]:
        """The GS1 company prefixes that captured EPC URNs part off."""
        self._refresh()
        return self._spelled

    def company_prefix_length(self, digits: str) -> int | None:
        """How many of `digits`, with which a GS1 key begins, are its company prefix; None when unknown.

        What URNs spelled goes before the registry, where a prefix may also be a part of a company's numbers.
        """
        self._refresh()
        return prefix_length(digits, self._spelled) or prefix_length(digits, self._registered)

    def _refresh(self) -> None:
        now = self._clock()
        if now - self._read_ms >= PREFIXES_FRESH_MS:
            entries = self._store.prefixes()
            self._index = PrefixIndex.of(entries)
            self._registered = frozenset(entry.text for entry in entries if entry.scheme == GS1)
            self._spelled = self._store.company_prefixes()
            self._accounts = {}
            self._read_ms = now

    def forget(self) -> None:
        """Read the store again at the next call."""
        self._read_ms = -PREFIXES_FRESH_MS


@dataclass(frozen=True, slots=True)
class Node:
    settings: Settings
    store: Store
    signer: LogSigner
    trust: Trust
    prefixes: Prefixes
    clock: Callable[[], int]  # milliseconds since 1970
    random_bytes: Callable[[int], bytes]

    @property
    def log(self) -> LogIdentity:
        return LogIdentity(self.trust.chain_id, self.trust.contract, self.trust.log_id)

    def check_not_halted(self) -> None:
        """Raises ForkDetected while chain and store disagree: nothing may be added then."""
        if self.settings.halt_path.exists():
            raise ForkDetected(f"this node does not write: {self.settings.halt_path.read_text()}")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def open_node(settings: Settings, store: Store) -> Node:
    """The node whose first start has been done. Raises NotFound when it has not."""
    if not settings.trust_path.exists():
        raise NotFound(f"{settings.trust_path} is not there: start the node once with `suyuan serve`")
    trust = Trust.parse(settings.trust_path.read_text())
    signer = load_signer(settings.data_dir, trust.log_key.origin)
    return Node(settings, store, signer, trust, Prefixes(store, now_ms), now_ms, secrets.token_bytes)


def load_signer(data_dir: Path, origin: str) -> LogSigner:
    """The log's signing key; made at the first call, kept in keys/log.key, readable by the owner only."""
    secret = load_secret(data_dir / "keys" / "log.key", lambda: secrets.token_bytes(32))
    return LogSigner(origin, Ed25519PrivateKey.from_private_bytes(secret))


def load_secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """The secret in `path` (hex), made and saved there when the file is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(path, make().hex() + "\n")
    return bytes.fromhex(path.read_text())


def write_private(path: Path, text: str) -> None:
    """Write `text` so that a crash leaves the old file or the new one, readable by the owner only."""
    unfinished = path.with_name(path.name + ".new")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
