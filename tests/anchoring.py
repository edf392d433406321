"""A world for tests of the anchor worker: a real store, a real chain, faults on demand, and `check`."""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.anchor import AnchorWorker
from ledger.chain import ChainOptions, EthereumChain
from ledger.domain.anchor import NO_ANCHOR, log_id_of
from ledger.domain.checkpoint import Checkpoint, LogSigner
from ledger.domain.errors import ChainUnavailable, Conflict, StoreUnavailable
from ledger.ports import AnchorState, Store
from ledger.store import open_store
from tests.chain.nodes import Anvil
from tests.store.samples import capture

INSTANT = ChainOptions(finality="instant")
LOG_KEY = sha256(b"log key").digest()
STEPS_MAX = 40
_origins = count(1)


def signer_of(origin: str) -> LogSigner:
    return LogSigner(origin, Ed25519PrivateKey.from_private_bytes(LOG_KEY))


@dataclass
class Fault:
    """What happens to the next call of `method`, and to how many calls after it."""

    method: str
    took_effect: bool
    times: int = 1
    hits: int = 0


@dataclass
class Faults:
    """Faults that wait for their call, and a hook that sees each call before and after it."""

    waiting: list[Fault] = field(default_factory=list)
    watch: Callable[[str, str], None] = lambda method, moment: None

    def around(self, port: Any, error: type[Exception]) -> Any:
        return _Port(port, error, self)


class _Port:
    """A real store or chain whose calls fail when told to: not done, or done but reported as lost."""

    def __init__(self, inner: Any, error: type[Exception], faults: Faults) -> None:
        self._inner, self._error, self._faults = inner, error, faults

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        return self._wrapped(name, value) if callable(value) else value

    def _wrapped(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            fault = next((f for f in self._faults.waiting if f.method == name and f.hits < f.times), None)
            self._faults.watch(name, "before")
            if fault:
                fault.hits += 1
                if fault.took_effect:
                    method(*arguments, **named)
                raise self._error(f"{name} was lost")
            result = method(*arguments, **named)
            self._faults.watch(name, "after")
            return result

        return call


def anchor_all(worker: AnchorWorker) -> None:
    """Let `worker` take its steps until all is anchored."""
    for _ in range(1000):
        try:
            if step(worker) == "idle":
                return
        except Conflict:
            continue
    raise AssertionError("the log was not anchored in 1000 steps")


def step(worker: AnchorWorker) -> str:
    """The worker's next step. anvil counts a tx a moment before it shows it: then it is asked again."""
    for _ in range(200):
        try:
            return worker.step()
        except ChainUnavailable as error:
            if "shows none of the txs" not in str(error):
                raise
            time.sleep(0.01)
    raise AssertionError("the chain holds an anchor, and shows no tx of it for two seconds")


class World:
    """One log: its store in a folder, its chain, a clock, and workers on them."""

    def __init__(
        self, anvil: Anvil, folder: Path, options: ChainOptions = INSTANT, url: str | None = None
    ) -> None:
        self.anvil = anvil
        self.origin = f"test.example/log{next(_origins)}"
        self.options = options
        self.real_chain: EthereumChain = anvil.open_log(self.origin, options)
        self.path = folder / f"{self.origin.rpartition('/')[2]}.db"
        self.url = url or f"sqlite:///{self.path}"
        self.store: Store = open_store(self.url)
        self.faults = Faults()
        self.now_ms = 1_700_000_000_000
        self.captured = 0
        self.worker = self.new_worker()

    @property
    def log_id(self) -> bytes:
        return log_id_of(self.origin)

    def new_worker(self, faults: Faults | None = None) -> AnchorWorker:
        """Another worker on the same store and chain, as after a restart."""
        faults = faults or self.faults
        return AnchorWorker(
            faults.around(self.store, StoreUnavailable),
            faults.around(self.real_chain, ChainUnavailable),
            signer_of(self.origin),
            lambda: self.now_ms,
        )

    def capture(self, *items_of_events: str) -> None:
        capture(self.store, *items_of_events)
        self.captured += len(items_of_events)

    def step_until(self, *wanted: str) -> str:
        """Take steps until one does what is wanted."""
        done = [step(self.worker)]
        while done[-1] not in wanted:
            assert len(done) < STEPS_MAX, done
            self.check()
            done.append(step(self.worker))
        self.check()
        return done[-1]

    def settle(self) -> None:
        """Take steps until all is anchored, however often a call is lost."""
        for _ in range(STEPS_MAX):
            try:
                if self.worker.step() == "idle":
                    break
            except (ChainUnavailable, StoreUnavailable, Conflict):
                self.now_ms += 5_000  # the loop would rest
            self.check()
        else:
            raise AssertionError("did not settle")
        assert self.anchored_size == self.captured

    @property
    def anchored_size(self) -> int:
        final = self.store.newest_anchor(AnchorState.FINAL)
        return final.anchor.size if final else 0

    def check(self) -> None:
        """What must hold after every step, whatever was lost on the way."""
        assert self.store.log_size() == self.captured, "no leaf is lost or invented"
        records = self.store.anchors(limit=1000)
        final = [record for record in records if record.state is AnchorState.FINAL]
        assert records[: len(final)] == final, "only the newest anchor is in flight"
        assert len(records) - len(final) <= 1, "one anchor is in flight"

        head = self.real_chain.head(self.log_id)
        assert head.count in (len(final), len(records)), "each anchor is on the chain once"
        previous = NO_ANCHOR
        for number, record in enumerate(records, 1):
            anchor = record.anchor
            assert (anchor.number, anchor.previous) == (number, previous)
            if number <= head.count:
                assert self.real_chain.anchor_hash(self.log_id, number) == anchor.hash
            note = Checkpoint.parse(signer_of(self.origin).key.opens(record.note))
            assert (note.size, note.root) == (anchor.size, anchor.log_root)
            assert (anchor.log_root, anchor.map_root) == slow_roots(self.store, anchor.size)
            previous = anchor.hash


# ------------------------------------------------------------- the roots by their definition


def slow_roots(store: Store, size: int) -> tuple[bytes, bytes]:
    """Log root and map root over the first `size` events, written down from the definitions."""
    mini_logs: dict[bytes, list[bytes]] = defaultdict(list)
    leaves = store.read_hashes(0, 0, size)
    for key, log_index in store.links_between(0, size):
        mini_logs[key].append(sha256(b"\0" + log_index.to_bytes(8) + leaves[log_index]).digest())
    values = {
        key: sha256(b"\5" + len(links).to_bytes(8) + slow_tree(links)).digest()
        for key, links in mini_logs.items()
    }
    return slow_tree(leaves), slow_map(values)


def slow_tree(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 2.1.1, over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"").digest()
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    return sha256(b"\1" + slow_tree(leaves[:split]) + slow_tree(leaves[split:])).digest()


def slow_map(values: Mapping[bytes, bytes], depth: int = 0) -> bytes:
    """The prefix tree: a leaf at the shallowest depth where it is alone."""
    if not values:
        return bytes(32)
    if len(values) == 1:
        ((key, value),) = values.items()
        return sha256(b"\2" + key + value).digest()
    sides: tuple[dict[bytes, bytes], dict[bytes, bytes]] = {}, {}
    for key, value in values.items():
        sides[key[depth // 8] >> (7 - depth % 8) & 1][key] = value
    return sha256(b"\3" + slow_map(sides[0], depth + 1) + slow_map(sides[1], depth + 1)).digest()
