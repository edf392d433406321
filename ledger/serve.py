"""`suyuan serve`: chain, API, anchor worker and helpers, started in order and stopped in order."""

import os
import signal
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection

import ganache
from ledger.anchor import AnchorWorker
from ledger.config import Settings
from ledger.domain.errors import ChainUnavailable, Invalid
from ledger.lifeline import STOP_SECONDS, Child, start_child
from ledger.node import Node, now_ms
from ledger.registry import refresh_prefixes
from ledger.setup import Account, connect_chain, connect_registry, operator_account, set_up
from ledger.store import open_store
from ledger.worker import FORKED, encode_account

_API_SECONDS = 30
_LOOK_SECONDS = 1.0
"""How often we look after the children; a worker that fails at once is started again no faster."""

_HELPERS = {
    "deliverer": ("ledger.deliver", 60.0),  # for the printer to take the chunk in hand; then it is in doubt
    "listener": ("ledger.listen", STOP_SECONDS),
}
"""By name: module, and how many seconds it gets to stop."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Running:
    """A node that serves: its children, the embedded chain, and the account that it writes with."""

    node: Node
    account: Account
    apis: tuple[Child, ...]
    worker: Child
    chain: ganache.Ganache | None  # the embedded one


def start_node(settings: Settings, stack: ExitStack, say: Say) -> Running:
    """Start all but the helpers; what was started is stopped, last first, when `stack` closes.

    From here on SIGTERM is KeyboardInterrupt, as Ctrl-C is. Raises Invalid, ChainUnavailable or
    ForkDetected with one sentence that says what to do.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _check_port_free(settings.host, settings.port, "SUYUAN_PORT")
    _check_certificate(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    account, chain = _start_chain(settings, stack, say)
    say("Opening the ledger ...")
    store = open_store(settings.store_url)
    stack.callback(store.close)
    node = set_up(settings, store, account)
    AnchorWorker(store, connect_chain(settings, store, account), node.signer, now_ms).reconcile()
    refresh_prefixes(store, connect_registry(settings, store, account), now_ms())
    settings.halt_path.unlink(missing_ok=True)
    worker = start_worker(settings, account)
    stack.callback(worker.stop)
    apis = tuple(start_child(["-m", "api"], _environment(settings)) for _ in range(settings.api_workers))
    for api in apis:
        stack.callback(api.stop)
    _wait_for_api(settings, apis)
    return Running(node, account, apis, worker, chain)


def start_worker(settings: Settings, account: Account) -> Child:
    return start_child(["-m", "ledger.worker"], _environment(settings), encode_account(account))


def start_helpers(settings: Settings, stack: ExitStack) -> dict[str, Child]:
    """By name, stopped when `stack` closes. They do what is due by today's clock, so the demonstration, which
    has a clock of its own, is told before."""
    helpers = {name: start_helper(settings, name) for name in _helpers(settings)}
    for helper in helpers.values():
        stack.callback(helper.stop)
    return helpers


def _helpers(settings: Settings) -> list[str]:
    return ["deliverer", "listener"] if settings.mqtt_url else ["deliverer"]


def start_helper(settings: Settings, name: str) -> Child:
    module, stop_seconds = _HELPERS[name]
    return start_child(["-m", module], _environment(settings), stop_seconds=stop_seconds)


def _environment(settings: Settings) -> dict[str, str]:
    """The children read the same settings, whatever folder and port we were told."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("SUYUAN_")}
    return others | settings.to_env()


def _start_chain(settings: Settings, stack: ExitStack, say: Say) -> tuple[Account, ganache.Ganache | None]:
    if settings.rpc_url:
        say("Connecting to the chain ...")
        return operator_account(settings), None
    if settings.chain_port == settings.port:
        raise Invalid(f"SUYUAN_PORT and SUYUAN_CHAIN_PORT are both {settings.port}: choose two ports")
    _check_port_free("127.0.0.1", settings.chain_port, "SUYUAN_CHAIN_PORT")
    say("Starting the embedded chain (Ganache) ...")
    chain = ganache.start(settings.data_dir / "chain", settings.chain_port)
    stack.callback(chain.stop)
    return Account(chain.url, chain.keys[0]), chain


def _check_port_free(host: str, port: int, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Invalid(
                f"cannot listen on {host} port {port} ({error.strerror}): stop the program that uses it, "
                f"or choose another port with {variable}"
            ) from error


def _check_certificate(settings: Settings) -> None:
    if settings.tls_certificate:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_certificate)
        except OSError as error:  # what is wrong in the file is an SSLError, which is one
            raise Invalid(
                f"SUYUAN_TLS_CERTIFICATE: {settings.tls_certificate} is no PEM file with a certificate and "
                f"its key: {error.strerror or error}"
            ) from error


def _wait_for_api(settings: Settings, apis: Sequence[Child]) -> None:
    until = time.monotonic() + _API_SECONDS
    while time.monotonic() < until:
        if (code := _exit_code(apis)) is not None:
            raise ChainUnavailable(f"the API ended at once with exit code {code}: see above")
        try:
            with closing(_connect(settings)) as connection:
                connection.request("GET", "/healthz")
                connection.getresponse().read()
                return
        except (OSError, HTTPException):
            time.sleep(0.1)
    raise ChainUnavailable(f"the API did not answer on port {settings.port} within {_API_SECONDS} s")


def _connect(settings: Settings) -> HTTPConnection:
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host  # noqa: S104
    if not settings.tls_certificate:
        return HTTPConnection(host, settings.port, timeout=2)
    ourselves = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The certificate need not name this address, and it is ours.
    ourselves.check_hostname, ourselves.verify_mode = False, ssl.CERT_NONE
    return HTTPSConnection(host, settings.port, timeout=2, context=ourselves)


def _exit_code(children: Sequence[Child]) -> int | None:
    """Of the first that ended; None while all run."""
    return next((child.exit_code for child in children if child.exit_code is not None), None)


def watch(settings: Settings, running: Running, helpers: Mapping[str, Child], say: Say) -> int:
    """Wait until Ctrl-C or SIGTERM (exit code 0), or until the API or the embedded chain ends (1).

    A worker or helper that ends is started again, but for a worker that found a fork.
    """
    worker, helpers, halted = running.worker, dict(helpers), False
    try:
        while not (ended := _what_ended(settings, running)):
            if worker.exit_code == FORKED and not halted:
                halted = True
                say(f"Halted, nothing is captured or anchored any more: {settings.halt_path.read_text()}")
            elif worker.exit_code is not None and not halted:
                say(f"The anchor worker ended with exit code {worker.exit_code}; starting it again.")
                worker = start_worker(settings, running.account)
            for name, helper in helpers.items():
                if helper.exit_code is not None:
                    say(f"The {name} ended with exit code {helper.exit_code}; starting it again.")
                    helpers[name] = start_helper(settings, name)
            time.sleep(_LOOK_SECONDS)
        say(f"{ended}; stopping. What was captured is kept: `suyuan serve` goes on from here.")
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        worker.stop()
        for helper in helpers.values():
            helper.stop()


def _what_ended(settings: Settings, running: Running) -> str:
    """What the node cannot do without has ended; "" while it all runs."""
    if (code := _exit_code(running.apis)) is not None:
        return f"The API ended with exit code {code}"
    if running.chain is not None and not running.chain.alive():
        return f"The embedded chain ended (see {settings.data_dir / 'chain' / 'ganache.log'})"
    return ""
