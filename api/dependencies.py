"""What routes ask for: the node, the API key of the caller, an identifier."""

from typing import Annotated, Final

from fastapi import Depends, Query, Request
from fastapi.requests import HTTPConnection

from api.errors import NotAuthenticated
from ledger.domain.errors import NotAllowed
from ledger.domain.resolution_counts import Source, counted_prefix
from ledger.node import Node
from ledger.parties import authenticate
from ledger.ports import ApiKey
from ledger.verify import JsonRpcChain


async def _node(request: HTTPConnection) -> Node:  # async only so that it takes no thread
    node: Node = request.app.state.node
    return node


NodeDep = Annotated[Node, Depends(_node)]


def chain_of(node: Node) -> JsonRpcChain | None:
    """The chain that verdicts are asked of; None when the node was told no RPC URL."""
    rpc_url = node.trust.rpc_url
    return JsonRpcChain(rpc_url, node.settings.rpc_timeout_seconds) if rpc_url else None


def api_key_of(request: HTTPConnection, node: NodeDep) -> ApiKey:
    """The API key that the request carries. Raises NotAuthenticated when it carries none that is known."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated("send your API key as `Authorization: Bearer <key>`")
    try:
        return authenticate(node.store, text.strip())
    except NotAllowed as error:
        raise NotAuthenticated(str(error)) from error


ApiKeyDep = Annotated[ApiKey, Depends(api_key_of)]

Id = Annotated[str, Query(alias="id", max_length=2048)]
"""An identifier in any spelling, or an eventID; not yet parsed."""

NOTED: Final = "resolved"
"""Where the state of a request holds scheme and prefix of what it resolves, and whence the answer."""


def note_resolved(request: Request, node: Node, uri: str, source: Source = "local") -> None:
    """Let this request be counted as a resolution of `uri`, answered from `source`."""
    setattr(request.state, NOTED, (*counted_prefix(node.prefixes.index(), uri), source))
