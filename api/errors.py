"""The one table from errors to HTTP statuses, and problem documents (RFC 9457).

Below /epcis a problem has the type of the EPCIS REST binding, such as `epcisException:ValidationException`;
elsewhere it is `suyuan:` and the name of the error.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from api.media_types import JSON, JSON_LD, TEXT_XML, XML, choose_media_type, is_xml
from api.pages import error_page, wants_page
from ledger.domain.errors import (
    Archived,
    ChainUnavailable,
    Conflict,
    ForkDetected,
    Invalid,
    LedgerError,
    NotAllowed,
    NotFound,
    NotYetAnchored,
    Problem,
    QueryTooComplex,
    QueryTooLarge,
    StoreUnavailable,
    TooLarge,
)
from ledger.domain.resolution import AnswerRefuted, LoopDetected, NodeUnreachable, PrefixInactive
from ledger.standing import InvalidControls
from ledger.subscriptions import NoSuchName
from ledger.xml import write_problem

logger = logging.getLogger("suyuan.api")


class NotAuthenticated(NotAllowed):
    """The request carries no API key that is known here."""


class WrongQuery(Invalid):
    """A query parameter is unknown or wrong: correct it."""


class NotAcceptable(Invalid):
    """No answer has the format or version that the request allows: allow another."""


class UriTooLong(Invalid):
    """The URI is longer than this node reads: send a shorter one."""


class UnsupportedMediaType(Invalid):
    """The body is in a format that this node does not read."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    epcis: str  # exception of the EPCIS 2.0 REST binding
    headers: Mapping[str, str]


def _answer(status: int, epcis: str, **headers: str) -> _Answer:
    return _Answer(status, epcis, {name.replace("_", "-"): value for name, value in headers.items()})


_ANSWERS: Final[Mapping[type[Exception], _Answer]] = {
    Invalid: _answer(400, "ValidationException"),
    WrongQuery: _answer(400, "QueryParameterException"),
    NotAuthenticated: _answer(401, "SecurityException", WWW_Authenticate="Bearer"),
    NotAllowed: _answer(403, "SecurityException"),
    InvalidControls: _answer(400, "SubscriptionControlsException"),
    NotFound: _answer(404, "NoSuchResourceException"),
    NoSuchName: _answer(404, "NoSuchNameException"),
    NotYetAnchored: _answer(404, "NoSuchResourceException", Retry_After="5"),
    NotAcceptable: _answer(406, "NotAcceptableException"),
    Conflict: _answer(409, "ResourceAlreadyExistsException"),
    PrefixInactive: _answer(410, "NoSuchResourceException", Cache_Control="no-store"),
    TooLarge: _answer(413, "CaptureLimitExceededException"),
    QueryTooLarge: _answer(413, "QueryTooLargeException"),
    QueryTooComplex: _answer(413, "QueryTooComplexException"),
    UriTooLong: _answer(414, "URITooLongException"),
    UnsupportedMediaType: _answer(415, "UnsupportedMediaTypeException"),
    Archived: _answer(503, "ImplementationException", Retry_After="3600"),
    AnswerRefuted: _answer(502, "ImplementationException"),
    NodeUnreachable: _answer(504, "ImplementationException", Retry_After="10"),
    LoopDetected: _answer(508, "ImplementationException"),
    ForkDetected: _answer(500, "ImplementationException"),
    ChainUnavailable: _answer(503, "ImplementationException", Retry_After="10"),
    StoreUnavailable: _answer(503, "ImplementationException", Retry_After="2"),
}
_PROBLEM_JSON, _PROBLEM_XML = "application/problem+json", "application/problem+xml"
_PROBLEM_FORMATS: Final = (_PROBLEM_JSON, JSON, JSON_LD, _PROBLEM_XML, XML, TEXT_XML)
# The server closes the connection after it. Unsaid, the client's next request meets a closed one.
_UNEXPECTED: Final = _answer(500, "ImplementationException", Connection="close")
_EPCIS_BY_STATUS: Final = {404: "NoSuchResourceException", 405: "NoSuchResourceException"}


def add_error_handlers(app: FastAPI) -> None:
    """Let every error of `app` leave as a problem document, or as a page where a person is reading."""
    app.add_exception_handler(LedgerError, respond_to)
    app.add_exception_handler(RequestValidationError, _on_wrong_parameter)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_exception_handler(Exception, _on_unexpected)


def respond_to(request: Request, error: Exception) -> Response:
    """The answer that says a LedgerError."""
    answer = next(_ANSWERS[kind] for kind in type(error).__mro__ if kind in _ANSWERS)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s %s: %s", *_asked(request), error)
    return _respond(request, answer, type(error).__name__, str(error), getattr(error, "problems", ()))


def _on_wrong_parameter(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [Problem("/".join(("", *map(str, e["loc"]))), str(e["msg"])) for e in error.errors()]
    return _respond(request, _ANSWERS[Invalid], "Invalid", "; ".join(map(str, problems)), problems)


def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    epcis = _EPCIS_BY_STATUS.get(error.status_code, "ImplementationException")
    answer = _Answer(error.status_code, epcis, error.headers or {})
    return _respond(request, answer, HTTPStatus(error.status_code).name, str(error.detail), ())


def _on_unexpected(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", *_asked(request), exc_info=error)
    detail = "this node made a mistake; its operator finds the reason in the node's output"
    return _respond(request, _UNEXPECTED, "Unexpected", detail, ())


def _asked(request: HTTPConnection) -> tuple[str, str]:
    return request.scope.get("method", "WebSocket"), request.url.path


def _respond(
    request: Request, answer: _Answer, name: str, detail: str, problems: Sequence[Problem]
) -> Response:
    in_epcis = request.url.path.startswith("/epcis/")
    if not in_epcis and wants_page(request):
        return error_page(request, answer.status, detail, answer.headers)
    document: dict[str, Any] = {
        "type": f"epcisException:{answer.epcis}" if in_epcis else f"suyuan:{name}",
        "title": HTTPStatus(answer.status).phrase,
        "status": answer.status,
        "detail": detail,
    }
    listed = [{"pointer": problem.pointer, "message": problem.message} for problem in problems]
    document |= {"problems": listed} if listed else {}
    if in_epcis and is_xml(choose_media_type(request.headers.get("accept", ""), _PROBLEM_FORMATS) or ""):
        return Response(write_problem(document), answer.status, dict(answer.headers), _PROBLEM_XML)
    return JSONResponse(document, answer.status, dict(answer.headers), _PROBLEM_JSON)
