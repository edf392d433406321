"""The HTTP API of a Handle proxy: `/api/handles/{handle}`, as handle.net's own clients and pyhandle speak it.

Answers are JSON with a responseCode (RFC 3652), errors too. Reading is for everybody. Writing takes an API
key: as the password of `Authorization: Basic`, whose user, an index and a handle, adds nothing to it; or as
`Authorization: Bearer`. Every write is an entry of the log; the Link of an answer leads to its proof.
"""

import base64
import binascii
import json
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from api.dependencies import NodeDep, note_resolved
from api.errors import NotAuthenticated
from ledger.domain import canonical_json
from ledger.domain.errors import (
    Conflict,
    Invalid,
    LedgerError,
    NotAllowed,
    NotFound,
    QueryTooLarge,
    StoreUnavailable,
    TooLarge,
)
from ledger.domain.records import (
    Action,
    Change,
    Immutable,
    Value,
    ValuesExist,
    ValuesNotFound,
    parse_values,
)
from ledger.domain.schemes.handle import handle_identifier
from ledger.handles import list_handles, search_handles
from ledger.node import Node
from ledger.parties import authenticate
from ledger.ports import ApiKey
from ledger.records import Record, change_record, read_record

router = APIRouter(tags=["handles"])

_PAGE_SIZE: Final = 1_000


class InvalidHandle(Invalid):
    """The path holds no handle."""


_CODES: Final[dict[type[Exception], tuple[int, int]]] = {
    InvalidHandle: (102, 400),
    ValuesNotFound: (200, 400),
    NotFound: (100, 404),
    ValuesExist: (201, 409),
    Immutable: (401, 403),
    Conflict: (101, 409),
    TooLarge: (4, 413),
    Invalid: (202, 400),
    NotAuthenticated: (402, 401),
    NotAllowed: (401, 403),
    QueryTooLarge: (2, 413),
    StoreUnavailable: (3, 503),
    LedgerError: (2, 500),
}
"""Error -> response code (RFC 3652, section 2.2.2.2) and HTTP status."""


def answer_handle(handle: str, ask: Callable[[], Response]) -> Response:
    """What `ask` answers, or its error as a Handle proxy says it."""
    try:
        return ask()
    except LedgerError as error:
        code, status = next(_CODES[kind] for kind in type(error).__mro__ if kind in _CODES)
        told = {"responseCode": code, "handle": handle}
        problems = [f"{problem.pointer} {problem.message}" for problem in getattr(error, "problems", ())]
        told["message"] = "; ".join([str(error), *problems[:20]])
        headers = {"WWW-Authenticate": 'Basic realm="handle"'} if status == 401 else {}
        return JSONResponse(told, status, headers)


def uri_of(handle: str) -> str:
    """The canonical URI of the handle in a path. Raises InvalidHandle."""
    try:
        return handle_identifier(handle).uri
    except Invalid as error:
        raise InvalidHandle(str(error)) from error


def _key_of(request: Request, node: Node) -> ApiKey:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() == "bearer":
            return authenticate(node.store, text.strip())
        if scheme.lower() == "basic":
            # The user is percent-encoded or not, and may hold colons; an API key has none.
            told = base64.b64decode(text.strip(), validate=True).decode()
            return authenticate(node.store, told.rpartition(":")[2])
    except (NotAllowed, binascii.Error, UnicodeDecodeError) as error:
        raise NotAuthenticated(f"the password is no API key that is valid here: {error}") from error
    raise NotAuthenticated("send your API key as the password of a handle user, <index>:<handle>")


def _reader_of(request: Request, node: Node) -> ApiKey | None:
    return _key_of(request, node) if "authorization" in request.headers else None


def _indices(request: Request) -> frozenset[int] | None:
    """The indices that the query names; None for "various" and for none named."""
    texts = request.query_params.getlist("index")
    if not texts or texts == ["various"]:
        return None
    if not all(text.isascii() and text.isdecimal() and len(text) <= 10 for text in texts):
        raise Invalid(f"index={texts[0][:20]}: expected a whole number, or various")
    return frozenset(map(int, texts))


def _is_set(request: Request, name: str, default: bool = False) -> bool:
    text = request.query_params.get(name)
    return default if text is None else text.lower() in ("", "true", "1", "yes")


# --------------------------------------------------------------------------- reading


@router.get("/api/handles")
@router.get("/api/handles/", include_in_schema=False)
def get_handles(request: Request, node: NodeDep, prefix: str = "") -> Response:
    """Handles by `prefix`, in pages: `page` counts from 0, `pageSize` is 1,000 unless given, at most 10,000.

    Takes the API key of a party that may speak for the prefix.
    """

    def ask() -> Response:
        page = _number(request, "page", 0)
        page_size = _number(request, "pageSize", _PAGE_SIZE)
        found = list_handles(node, _key_of(request, node), prefix, page=page, page_size=page_size)
        told = {"responseCode": 1, "prefix": prefix, "totalCount": str(found.total)}
        return JSONResponse(told | {"page": page, "pageSize": page_size, "handles": list(found.handles)})

    return answer_handle(prefix, ask)


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise Invalid(f"{name}={text[:20]}: expected a whole number")
    return int(text)


@router.get("/hrls/handles", include_in_schema=False)
@router.get("/hrls/handles/", include_in_schema=False)
def search(request: Request, node: NodeDep) -> Response:
    """Reverse lookup as pyhandle asks for it: `?URL=*maker*`; a list of your handles."""
    patterns = dict(request.query_params)
    return answer_handle("", lambda: JSONResponse(search_handles(node, _key_of(request, node), patterns)))


@router.get("/api/handles/{handle:path}")
def get_handle(request: Request, node: NodeDep, handle: str) -> Response:
    """The values of a handle; `index` and `type` choose some, and may be repeated.

    A type that ends in a dot means those below it as well. Hidden values need the API key of a party that
    may speak for the handle, and no `publicOnly=true`. Response code 100 (404): no such handle; 200: it has
    no value that was asked for.
    """

    def ask() -> Response:
        uri = uri_of(handle)
        note_resolved(request, node, uri)
        reader = None if _is_set(request, "publicOnly") else _reader_of(request, node)
        return show_values(request, handle, read_record(node, uri, reader))

    return answer_handle(handle, ask)


def show_values(request: Request, handle: str, record: Record) -> Response:
    """The values that the query asks for."""
    indices, types = _indices(request), request.query_params.getlist("type")
    asked = [
        value.to_json()
        for value in record.values
        if (indices is None and not types)
        or (indices is not None and value.index in indices)
        or any(_is_of(value, kind) for kind in types)
    ]
    told: dict[str, Any] = {"responseCode": 1 if asked else 200, "handle": handle, "values": asked}
    headers = {"Link": f'</proof/item?id={quote(record.uri, safe="")}>; rel="describedby"'}
    return _json(told, 200, headers, pretty=_is_set(request, "pretty"))


def _is_of(value: Value, kind: str) -> bool:
    return value.type == kind or (kind.endswith(".") and f"{value.type}.".startswith(kind))


def _json(told: dict[str, Any], status: int, headers: dict[str, str], *, pretty: bool) -> Response:
    text = json.dumps(told, ensure_ascii=False, indent=2 if pretty else None)
    return Response(text.encode(), status, headers, "application/json")


# --------------------------------------------------------------------------- writing


@router.put("/api/handles/{handle:path}")
async def put_handle(request: Request, node: NodeDep, handle: str) -> Response:
    """Create or replace a handle, or with `index` (various, or the indices) the values in the body alone.

    `overwrite=false` changes nothing that is there. The body is {"values": [...]} or the list.
    """
    raw = await _read_body(request, node.settings.capture_limit_bytes)

    def ask() -> Response:
        key, uri = _key_of(request, node), uri_of(handle)
        if raw is None:
            raise TooLarge(f"the body has more than {node.settings.capture_limit_bytes} bytes")
        values, overwrite = _values_of(raw), _is_set(request, "overwrite", default=True)
        action: Action = "put" if overwrite else "register"
        if "index" in request.query_params:
            action = "merge" if overwrite else "add"
            _check_indices(values, _indices(request))
        outcome = change_record(node, key, Change(uri, action, values)).outcome
        return JSONResponse({"responseCode": 1, "handle": handle}, 201 if outcome == "registered" else 200)

    return await run_in_threadpool(answer_handle, handle, ask)


async def _read_body(request: Request, bytes_max: int) -> bytes | None:
    """The body; None as soon as it has more than `bytes_max` bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            return None
    return bytes(body)


def _values_of(raw: bytes) -> tuple[Value, ...]:
    given = canonical_json.parse(raw)
    return parse_values(given.get("values") if isinstance(given, dict) else given, "/values")


def _check_indices(values: tuple[Value, ...], indices: frozenset[int] | None) -> None:
    for value in values:
        if indices is not None and value.index not in indices:
            raise Invalid(f"the body has a value at index {value.index}, which the query does not name")


@router.delete("/api/handles/{handle:path}")
def delete_handle(request: Request, node: NodeDep, handle: str) -> Response:
    """Delete a handle, or with `index` the values there alone. What they were stays proved in the log."""

    def ask() -> Response:
        key, uri, indices = _key_of(request, node), uri_of(handle), _indices(request)
        if indices is None and "index" in request.query_params:
            raise Invalid("index=various: name the indices to delete")
        change = Change(uri, "delete") if indices is None else Change(uri, "remove", (), indices)
        change_record(node, key, change)
        return JSONResponse({"responseCode": 1, "handle": handle})

    return answer_handle(handle, ask)
