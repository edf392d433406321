"""What all EPCIS resources share: versions and formats in headers, OPTIONS, documented answers.

EPCIS 2.0, section 12 and the REST binding (GS1's openapi.yaml).
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import quote

from fastapi import APIRouter, Depends, Query, Request
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse, Response

from api.dependencies import NodeDep
from api.errors import NotAcceptable, UriTooLong, WrongQuery
from api.media_types import JSON, JSON_LD, choose_media_type
from ledger.config import Settings
from ledger.domain.epc_format import EPC_FORMATS, EpcFormat
from ledger.domain.errors import Invalid, Problem
from ledger.domain.event_fields import Prefixes, read_context
from ledger.domain.query import PARAMETERS
from ledger.query import PER_PAGE, PER_PAGE_MAX

T = TypeVar("T")
Word = TypeVar("Word", bound=str)

VERSIONS: Final = {"GS1-EPCIS-Version": "2.0.0", "GS1-CBV-Version": "2.0.0"}
"""Of every answer."""

_DISCOVERY: Final = {
    **VERSIONS,
    "GS1-EPCIS-Min": "2.0.0",
    "GS1-EPCIS-Max": "2.0.0",
    "GS1-CBV-Min": "2.0.0",
    "GS1-CBV-Max": "2.0.0",
    "GS1-EPC-Format": "No_Preference",  # whatever is asked for
    "GS1-CBV-XML-Format": "No_Preference",
}
_ANSWERED_VERSION: Final = (2, 0, 0)
_URI_BYTES_MAX: Final = 16 * 1024

PerPage = Annotated[int, Query(alias="perPage", ge=1, description="Entries on a page, at most 1,000.")]
PageToken = Annotated[
    str | None, Query(alias="nextPageToken", description='From the `Link` header with `rel="next"`.')
]
DEFAULT_PER_PAGE: Final = PER_PAGE
PAGING: Final = ("perPage", "nextPageToken")


# ------------------------------------------------------------------------------ requests


async def _check_request(request: HTTPConnection) -> None:
    """Whether this can be answered at all: the length of the URI, and the versions the client knows.

    Async only so that it takes no thread.
    """
    uri = request.scope["raw_path"] + b"?" + request.scope["query_string"]
    if len(uri) > _URI_BYTES_MAX:
        raise UriTooLong(f"the URI has {len(uri)} bytes, at most {_URI_BYTES_MAX} fit: make it a named query")
    if not uri.isascii() or b"%00" in uri:
        raise Invalid("the URI holds bytes that no URI has, or an encoded NUL")
    for standard in ("EPCIS", "CBV"):
        _check_version(request, f"GS1-{standard}-Min", -1)
        _check_version(request, f"GS1-{standard}-Max", 1)


def _check_version(request: HTTPConnection, header: str, sign: int) -> None:
    """`sign` is -1 for the lowest version that the client accepts, 1 for the highest."""
    text = request.headers.get(header)
    if text is None:
        return
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9}){0,2}", text):
        raise NotAcceptable(f"{header} is {text[:40]!r}, should be a version like 2.0.0")
    asked = tuple(map(int, text.split(".")))
    ours = _ANSWERED_VERSION[: len(asked)]
    if (asked > ours and sign < 0) or (asked < ours and sign > 0):
        raise NotAcceptable(f"{header} is {text}: this node answers in version 2.0.0")


def choose_format(request: HTTPConnection, *offered: str) -> str:
    """The media type of the answer. Raises NotAcceptable when the client wants none that is offered."""
    offered = offered or (JSON, JSON_LD)
    chosen = choose_media_type(request.headers.get("accept", ""), offered)
    if chosen is None:
        raise NotAcceptable(f"Accept allows nothing that is offered here: {', '.join(offered)}")
    return chosen


def choose_word(request: HTTPConnection, header: str, words: Sequence[Word], default: Word) -> Word:
    """The word in `header`. Raises NotAcceptable for another than `words`."""
    text = request.headers.get(header, default)
    for word in words:
        if word == text:
            return word
    raise NotAcceptable(f"{header} is {text[:40]!r}, should be one of {', '.join(words)}")


def choose_epc_format(request: HTTPConnection) -> EpcFormat:
    """How identifiers shall be spelled. Raises NotAcceptable."""
    return choose_word(request, "GS1-EPC-Format", EPC_FORMATS, "Always_GS1_Digital_Link")


def extension_prefixes(request: HTTPConnection) -> Prefixes:
    """The prefixes in GS1-Extensions: `ex=https://ns.example/epcis/,other=...`."""
    pairs = [entry.partition("=") for entry in request.headers.get("gs1-extensions", "").split(",")]
    declared = {name.strip(): namespace.strip() for name, equals, namespace in pairs if equals}
    problems: list[Problem] = []
    prefixes = read_context([dict(declared)], "/GS1-Extensions", {}, problems)
    if problems:
        raise WrongQuery(f"GS1-Extensions: {problems[0]}", problems)
    return prefixes


def query_faults(error: Invalid) -> WrongQuery:
    """The same problems, as the binding names those of a query."""
    return WrongQuery(str(error), error.problems)


# ------------------------------------------------------------------------------ answers


def item_url(*steps: str) -> str:
    """The path of a resource; a step may hold any character."""
    return "/epcis" + "".join("/" + quote(step, safe="") for step in steps)


def next_page(request: Request, token: str | None) -> dict[str, str]:
    """The header that leads to the next page of the list at this URL; none on the last page."""
    if token is None:
        return {}
    url = request.url.include_query_params(nextPageToken=token)
    # The path as it came: decoding would turn %2F in an identifier into a step of the path.
    path = request.scope["raw_path"].decode("ascii")
    return {"Link": f'<{url.scheme}://{url.netloc}{path}?{url.query}>; rel="next"'}


def add_options(
    router: APIRouter,
    path: str,
    *methods: str,
    headers_of: Callable[[Settings], Mapping[str, str]] = lambda settings: {},
) -> None:
    """Let OPTIONS on `path` tell its methods, which versions and formats there are, and `headers_of`."""
    allow = ", ".join(("OPTIONS", *methods))
    parameters = [_path_parameter(name) for name in re.findall(r"{(\w+)", path)]

    def discover(request: Request, node: NodeDep) -> Response:
        vendor = {"GS1-Vendor-Version": f"suyuan-{request.app.version}"}
        return Response(None, 204, {"Allow": allow, **_DISCOVERY, **vendor, **headers_of(node.settings)})

    router.add_api_route(
        path,
        discover,
        methods=["OPTIONS"],
        status_code=204,
        response_class=Response,
        name=f"options{path}",
        summary="Discover methods, versions and formats",
        responses=problems(*((404,) if parameters else ())),
        openapi_extra={"parameters": parameters},
    )


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def answer_list(
    request: Request,
    per_page: int,
    page_token: str | None,
    read: Callable[[str, int], Sequence[T]],
    name_of: Callable[[T], str],
    json_of: Callable[[T], Any],
) -> Response:
    """A page of the entries that `read(after, limit)` gives, with a link to the next when there is one."""
    media_type = choose_format(request)
    wanted = min(per_page, PER_PAGE_MAX)
    found = read(read_after(page_token), wanted + 1)
    page, more = found[:wanted], len(found) > wanted
    headers = {**VERSIONS, **next_page(request, write_after(name_of(page[-1])) if more else None)}
    return JSONResponse([json_of(entry) for entry in page], media_type=media_type, headers=headers)


def write_after(name: str) -> str:
    """The token of the page that begins behind the entry of this name."""
    return base64.urlsafe_b64encode(name.encode()).decode().rstrip("=")


def read_after(token: str | None) -> str:
    """The name in the token; "" for the first page. Raises WrongQuery for what is no token."""
    try:
        return base64.b64decode((token or "") + "===", altchars=b"-_", validate=False).decode()
    except ValueError as error:
        problem = Problem("/nextPageToken", "is none of ours: start again without it")
        raise WrongQuery(str(problem), [problem]) from error


_PROBLEM_SCHEMA: Final = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "examples": ["epcisException:ValidationException"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "problems": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_MEANINGS: Final = {
    400: "Something is wrong in the request; the problem names it.",
    401: "There is no valid API key.",
    403: "The key's party has no right to this.",
    404: "There is no such resource.",
    406: "No answer fits the Accept header or the versions and formats asked for.",
    409: "Something else already stands under this name.",
    413: "Too large, or a query that took too long.",
    414: "The URI is too long.",
    415: "The body is in a format that is not read here.",
    500: "This node made a mistake.",
    503: "The database or the chain does not answer, or the answer is archived: try again later.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of an operation, for the OpenAPI description: those of all, and `statuses`."""
    content = {"schema": _PROBLEM_SCHEMA}
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {"application/problem+json": content, "application/problem+xml": content},
        }
        for status in sorted({*statuses, 400, 406, 414, 500, 503})
    }


def query_parameters() -> dict[str, Any]:
    """The parameters of the query language, for the OpenAPI description; several values are parted by `|`."""
    text = {"in": "query", "required": False, "schema": {"type": "string"}}
    return {"parameters": [{"name": name, **text} for name in PARAMETERS]}


def epcis_router() -> APIRouter:
    return APIRouter(tags=["EPCIS"], dependencies=[Depends(_check_request)])
