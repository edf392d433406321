"""Ethereum JSON-RPC over HTTP: one question, one answer, a time limit, and no foreign exceptions.

Answers are returned as the node gives them (hex strings); nothing here depends on what a
block header looks like, so chains with unusual headers (proof of authority) need no care.
"""

from typing import Any
from urllib.parse import urlsplit

import requests
from web3.exceptions import Web3Exception
from web3.providers.rpc import HTTPProvider
from web3.providers.rpc.utils import ExceptionRetryConfiguration
from web3.types import RPCEndpoint

from ledger.domain.errors import ChainUnavailable, Invalid

ANSWER_SECONDS = 10.0
_CONNECTIONS_TRIED = 2  # a node that was restarted has dropped the connection that we kept


class Refused(ChainUnavailable):
    """The node answered with an error. `revert_data` is what a reverting contract said, if any."""

    def __init__(self, message: str, reason: str, revert_data: bytes | None) -> None:
        self.reason = reason
        self.revert_data = revert_data
        super().__init__(message)

    @property
    def reverted(self) -> bool:
        return self.revert_data is not None or "revert" in self.reason.lower()


class Rpc:
    """One JSON-RPC endpoint."""

    def __init__(self, url: str, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.name = _host_of(url)
        self._provider = HTTPProvider(
            url,
            request_kwargs={"timeout": answer_seconds},
            exception_retry_configuration=ExceptionRetryConfiguration(
                errors=(requests.ConnectionError,), retries=_CONNECTIONS_TRIED
            ),
        )

    def call(self, method: str, *params: Any) -> Any:
        """The result of `method`. Raises Refused when the node answers with an error."""
        try:
            response: Any = self._provider.make_request(RPCEndpoint(method), params)
        except (OSError, ValueError, Web3Exception) as error:
            raise ChainUnavailable(
                f"chain node {self.name} did not answer {method}: {_why(error)}"
            ) from error
        if isinstance(response, dict):
            if isinstance(response.get("error"), dict):
                raise self._refused(method, response["error"])
            if "result" in response:
                return response["result"]
        raise ChainUnavailable(f"chain node {self.name} answered {method} with something else than JSON-RPC")

    def quantity(self, method: str, *params: Any) -> int:
        """The result of `method`, a number in hex."""
        return self.as_int(method, self.call(method, *params))

    def as_int(self, field: str, value: Any) -> int:
        """A number in hex from an answer. Raises ChainUnavailable when it is none."""
        try:
            return int(value, 16)
        except (TypeError, ValueError) as error:
            raise self._malformed(field, value) from error

    def as_bytes(self, field: str, value: Any) -> bytes:
        """Bytes in hex from an answer. Raises ChainUnavailable when they are none."""
        if not isinstance(value, str) or not value.startswith("0x"):
            raise self._malformed(field, value)
        try:
            return bytes.fromhex(value[2:])
        except ValueError as error:
            raise self._malformed(field, value) from error

    def as_object(self, field: str, value: Any) -> dict[str, Any]:
        """An object from an answer. Raises ChainUnavailable when it is none."""
        if not isinstance(value, dict):
            raise self._malformed(field, value)
        return value

    def _malformed(self, field: str, value: Any) -> ChainUnavailable:
        return ChainUnavailable(f"chain node {self.name} gave {str(value)[:80]!r} as {field}")

    def _refused(self, method: str, error: dict[str, Any]) -> Refused:
        reason = str(error.get("message", "no reason"))[:300]
        return Refused(
            f"chain node {self.name} refused {method}: {reason}", reason, _revert_data(error.get("data"))
        )


def _host_of(url: str) -> str:
    """The part of an RPC address that may be shown: paths and user names are often secrets."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid("RPC address is malformed: it should look like http://127.0.0.1:8545") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Invalid("RPC address is not http or https: it should look like http://127.0.0.1:8545")
    return f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port else "")


def _revert_data(found: Any) -> bytes | None:
    """Where a node puts the contract's words: in `data` as hex, or one object deeper."""
    if isinstance(found, dict):
        found = found.get("result", found.get("data"))
    if not isinstance(found, str):
        return None
    digits = found.removeprefix("Reverted ")
    try:
        return bytes.fromhex(digits.removeprefix("0x"))
    except ValueError:
        return None


def _why(error: Exception) -> str:
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "it took too long"
    if isinstance(error, requests.ConnectionError):
        return "no connection; is it running?"
    return f"the answer cannot be read ({type(error).__name__})"
