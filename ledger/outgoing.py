"""Requests to servers that somebody else named: limited in time and size, and not into our own network.

A target is http or https. Its name is resolved once, every address found is checked, and the connection
goes to one of the addresses that were checked, so that a name cannot change its mind in between. Redirects
are not followed and no proxy is asked. A server inside the network can be called when the operator lists
its host in the setting that the caller names.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from ledger.domain.errors import Invalid, LedgerError
from ledger.lookups import Lookups

_URL_MAX: Final = 2048
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address stands in the last 32 bits
_IPV4_COMPATIBLE: Final = IPv6Network("::/96")  # as above; RFC 4291 gave it up
_LOOKUPS: Final = Lookups()


class NoAnswer(LedgerError):
    """The server could not be reached, or its answer broke off: try again later."""


class AnswerTooLong(NoAnswer):
    """The answer has more bytes than are read."""


class InsideNetwork(Invalid):
    """The target is inside our own network, and the operator does not list its host."""


@dataclass(frozen=True, slots=True)
class LocalHosts:
    """Hosts that may be called although their addresses are not public, and the setting that lists them."""

    names: frozenset[str]
    variable: str

    @staticmethod
    def parse(text: str, variable: str) -> "LocalHosts":
        """From the setting: host names and addresses, parted by commas; * is every host."""
        names = (name.strip().lower() for name in text.split(","))
        return LocalHosts(frozenset(name for name in names if name), variable)

    def __contains__(self, host: str) -> bool:
        return "*" in self.names or host in self.names


def check_target(url: str, local_hosts: LocalHosts) -> None:
    """Raises Invalid, saying why, for a URL that `ask` would refuse. Asks no name server."""
    target = _split(url)
    host = _host(target)
    if host in local_hosts:
        return
    if host == "localhost" or host.endswith(".localhost"):
        raise _inside(host, host, local_hosts)
    try:
        address = ip_address(host)
    except ValueError:
        return
    _check_public(host, address, local_hosts)


@contextmanager
def asked(
    method: Literal["GET", "POST"],
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    local_hosts: LocalHosts,
    timeout_seconds: float,
) -> Iterator[http.client.HTTPResponse]:
    """The answer while the block runs; `timeout_seconds` are for all of it, the block included.

    Raises NoAnswer, when the request may have arrived nevertheless, and Invalid for a target that is not
    called; NoAnswer also when reading fails in the block.
    """
    check_target(url, local_hosts)
    target, until = _split(url), time.monotonic() + timeout_seconds
    try:
        with _connected(target, local_hosts, until) as connection:
            path = (target.path or "/") + (f"?{target.query}" if target.query else "")
            connection.request(method, path, body, {**headers, "Connection": "close"})
            with closing(connection.getresponse()) as response:
                yield response
    except (OSError, http.client.HTTPException, ValueError) as error:
        if time.monotonic() >= until:
            raise NoAnswer(f"no answer within {timeout_seconds:g} s") from error
        raise NoAnswer(f"{type(error).__name__}: {error}") from error
    if time.monotonic() >= until:  # its headers or its body were cut off
        raise NoAnswer(f"no answer within {timeout_seconds:g} s")


def read_whole(response: http.client.HTTPResponse, bytes_max: int) -> bytes:
    """The body of an answer. Raises AnswerTooLong when it has more bytes, NoAnswer when it breaks off."""
    body = response.read(bytes_max + 1)
    if len(body) > bytes_max:
        raise AnswerTooLong(f"the answer has more than {bytes_max} bytes")
    if response.length:
        raise NoAnswer(f"the answer broke off, {response.length} bytes before its end")
    return body


def _inside(host: str, found: str, local_hosts: LocalHosts) -> InsideNetwork:
    where = f" ({found})" if found != host else ""
    return InsideNetwork(
        f"{host} is inside this network{where}: it is called only when the operator lists the host in "
        f"{local_hosts.variable}"
    )


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


def _check_public(host: str, address: IPv4Address | IPv6Address, local_hosts: LocalHosts) -> None:
    for inner in (address, *_embedded(address)):
        if not inner.is_global or inner.is_multicast:
            raise _inside(host, str(address), local_hosts)


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
    addresses = _addresses(host, port, until)
    if host not in local_hosts:
        for address in addresses:
            _check_public(host, ip_address(address.partition("%")[0]), local_hosts)
    stream = _open(addresses, port, until)
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


def _addresses(host: str, port: int, until: float) -> list[str]:
    try:
        return _LOOKUPS.addresses(host, port, until)
    except TimeoutError as error:
        raise NoAnswer(str(error)) from error


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
