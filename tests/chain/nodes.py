"""Real chains for tests: anvil, which can be reorganised, and what a log on it needs."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ledger.chain import (
    ChainOptions,
    Deployment,
    EthereumChain,
    Signer,
    account_of,
    connect,
    connect_signer,
    deploy,
    open_log,
)
from ledger.chain.rpc import Rpc
from ledger.domain.anchor import log_id_of

ADMIN, WRITER, STRANGER = (sha256(name).digest() for name in (b"admin", b"writer", b"stranger"))
CONTRACTS = Path(__file__).parents[2] / "contracts"


@dataclass(frozen=True)
class Anvil:
    """A running anvil with our contracts on it."""

    url: str
    rpc: Rpc

    @cached_property
    def admin(self) -> Signer:
        return connect_signer(self.url, ADMIN)

    @cached_property
    def deployment(self) -> Deployment:
        return deploy(self.admin)

    def open_log(self, origin: str, options: ChainOptions | None = None) -> EthereumChain:
        """A new log, and the chain as its writer sees it. Blocks are final at once unless said otherwise."""
        chain = self.connect(options)
        open_log(self.admin, self.deployment.trace_log, log_id_of(origin), chain.account)
        return chain

    def connect(self, options: ChainOptions | None = None) -> EthereumChain:
        return connect(
            self.url, self.deployment.trace_log, WRITER, options=options or ChainOptions(finality="instant")
        )

    def call(self, method: str, *params: Any) -> Any:
        return self.rpc.call(method, *params)

    def mine(self, blocks: int = 1) -> None:
        self.call("anvil_mine", hex(blocks))

    @contextmanager
    def without_mining(self) -> Iterator[None]:
        """Txs wait in the pool meanwhile."""
        self.call("evm_setAutomine", False)
        try:
            yield
        finally:
            self.call("evm_setAutomine", True)


@contextmanager
def run_anvil(*options: str) -> Iterator[Anvil]:
    """An anvil of the caller's own; skips the test where anvil is not installed."""
    binary = next(CONTRACTS.glob("node_modules/@foundry-rs/anvil-*/bin/anvil*"), None)
    if binary is None:
        pytest.skip("anvil is not here: run `npm ci --ignore-scripts` in contracts/")
    with subprocess.Popen([binary, "--port", "0", *options], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            for line in process.stdout:
                if listening := re.match(r"Listening on (\S+)", line):
                    break
            else:
                pytest.fail("anvil did not start")
            url = f"http://{listening[1]}"
            rpc = Rpc(url)
            rpc.call("anvil_setLoggingEnabled", False)
            for key in (ADMIN, WRITER, STRANGER):
                rpc.call("anvil_setBalance", f"0x{account_of(key).hex()}", hex(10**24))
            yield Anvil(url, rpc)
        finally:
            process.kill()
