"""One POST to a receiver that somebody else named: limited in time and size, and not into our own network.

A target is http or https. Its name is resolved once, every address found is checked, and the connection
goes to one of the addresses that were checked, so that a name cannot change its mind in between. Redirects
are not followed and no proxy is asked. A receiver inside the network can be called when the operator lists
its host (SUYUAN_WEBHOOK_LOCAL_HOSTS).
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from ledger.domain.errors import Invalid, LedgerError

_URL_MAX: Final = 2048
_EXCERPT_BYTES: Final = 300
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address stands in the last 32 bits
_IPV4_COMPATIBLE: Final = IPv6Network("::/96")  # as above; RFC 4291 gave it up


class NotDelivered(LedgerError):
    """The receiver could not be reached, or did not take the message: try again later.
    `status` is its HTTP status; None when it gave none."""

    def __init__(self, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class LocalHosts:
    """The hosts that may be called although their addresses are not public."""

    names: frozenset[str]

    @staticmethod
    def parse(text: str) -> "LocalHosts":
        """From the setting: host names and addresses, parted by commas; * is every host."""
        return LocalHosts(frozenset(name.strip().lower() for name in text.split(",") if name.strip()))

    def __contains__(self, host: str) -> bool:
        return "*" in self.names or host in self.names


def check_target(url: str, local_hosts: LocalHosts) -> None:
    """Raises Invalid, saying why, for a URL that `post` would refuse. Asks no name server."""
    target = _split(url)
    host = _host(target)
    if host in local_hosts:
        return
    if host == "localhost" or host.endswith(".localhost"):
        raise Invalid(f"{host} is inside this network: {_REMEDY}")
    try:
        address = ip_address(host)
    except ValueError:
        return
    _check_public(host, address)


def post(
    url: str, body: bytes, headers: Mapping[str, str], local_hosts: LocalHosts, timeout_seconds: float
) -> None:
    """Send `body` and wait for an answer with a 2xx status, `timeout_seconds` for all of it.

    Raises NotDelivered. The receiver may have taken the message nevertheless.
    """
    until = time.monotonic() + timeout_seconds
    try:
        target = _split(url)
        with _connected(target, local_hosts, until) as connection:
            path = (target.path or "/") + (f"?{target.query}" if target.query else "")
            connection.request("POST", path, body, {**headers, "Connection": "close"})
            answer = connection.getresponse()
            excerpt = "" if answer.status < 300 else answer.read(_EXCERPT_BYTES).decode(errors="replace")
    except (OSError, http.client.HTTPException, Invalid, ValueError) as error:
        if time.monotonic() >= until:
            raise NotDelivered(f"no answer within {timeout_seconds:g} s") from error
        raise NotDelivered(f"{type(error).__name__}: {error}") from error
    if time.monotonic() >= until:  # its headers were cut off
        raise NotDelivered(f"no answer within {timeout_seconds:g} s")
    if not 200 <= answer.status < 300:
        raise NotDelivered(f"answered {answer.status}: {excerpt}".rstrip(": "), answer.status)


_REMEDY: Final = "webhooks go there only when the operator lists the host in SUYUAN_WEBHOOK_LOCAL_HOSTS"


def _split(url: str) -> SplitResult:
    if len(url) > _URL_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise Invalid(f"should be a URL of at most {_URL_MAX} ASCII characters")
    try:
        target = urlsplit(url)
        _ = target.port
    except ValueError as error:
        raise Invalid(f"is no URL: {error}") from error
    if target.scheme not in _DEFAULT_PORTS or not target.hostname:
        raise Invalid("should begin with https:// or http:// and a host")
    if target.username is not None or target.fragment:
        raise Invalid("should hold no user, password or fragment")
    return target


def _host(target: SplitResult) -> str:
    return (target.hostname or "").lower().rstrip(".")


def _check_public(host: str, address: IPv4Address | IPv6Address) -> None:
    for inner in (address, *_embedded(address)):
        if not inner.is_global or inner.is_multicast:
            raise Invalid(f"{host} is inside this network ({address}): {_REMEDY}")


def _embedded(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address]:
    """IPv4 addresses that a gateway may make of an IPv6 address."""
    if isinstance(address, IPv4Address):
        return
    if address in _NAT64 or address in _IPV4_COMPATIBLE:
        yield IPv4Address(address.packed[-4:])
    for inner in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ())):
        if inner is not None:
            yield inner


@contextmanager
def _connected(
    target: SplitResult, local_hosts: LocalHosts, until: float
) -> Iterator[http.client.HTTPConnection]:
    host, port = _host(target), target.port or _DEFAULT_PORTS[target.scheme]
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if host not in local_hosts:
        for *_, address in found:
            _check_public(host, ip_address(str(address[0]).partition("%")[0]))
    stream = _open([str(address[0]) for *_, address in found], port, until)
    with stream, _cut_at(until, stream):
        if target.scheme == "http":
            connection = http.client.HTTPConnection(host, port)
            connection.sock = stream
        else:
            connection = http.client.HTTPSConnection(host, port)
            connection.sock = ssl.create_default_context().wrap_socket(stream, server_hostname=host)
        try:
            yield connection
        finally:
            connection.close()


def _open(addresses: list[str], port: int, until: float) -> socket.socket:
    """A connection to the first address that takes one."""
    problem: OSError = TimeoutError("no time was left to connect")
    for address in addresses:
        left = until - time.monotonic()
        if left <= 0:
            break
        try:
            return socket.create_connection((address, port), left)
        except OSError as error:
            problem = error
    raise problem


@contextmanager
def _cut_at(until: float, stream: socket.socket) -> Iterator[None]:
    """End the connection at `until`: a timeout of the socket alone begins anew with each byte."""
    line = stream.dup()  # TLS takes `stream` over

    def cut() -> None:
        with suppress(OSError):  # it ended by itself
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, until - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        line.close()
