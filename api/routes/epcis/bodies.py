"""Request bodies: their format, and no more of them than fits."""

from collections.abc import Collection
from typing import Any, Final

from fastapi import Request

from api.errors import UnsupportedMediaType
from api.media_types import is_xml, media_type_of
from ledger.domain import canonical_json
from ledger.domain.canonical_json import JsonValue
from ledger.domain.errors import TooLarge
from ledger.domain.events import EPCIS_CONTEXT

_DEFINITION_BYTES_MAX: Final = 1024 * 1024


EXAMPLE_EVENT: Final[dict[str, Any]] = {
    "@context": EPCIS_CONTEXT,
    "type": "ObjectEvent",
    "action": "OBSERVE",
    "bizStep": "receiving",
    "eventTime": "2026-11-02T08:00:00.000Z",
    "eventTimeZoneOffset": "+08:00",
    "epcList": ["https://id.gs1.org/01/09506000134352/21/S1"],
}


def documented_body(example: dict[str, Any], *formats: str) -> dict[str, Any]:
    """The body of an operation, for the OpenAPI description; `example` in each format that is JSON."""
    in_json = {"schema": {"type": "object"}, "example": example}
    content = {media_type: {} if is_xml(media_type) else in_json for media_type in formats}
    return {"requestBody": {"required": True, "content": content}}


async def read_body(request: Request, formats: Collection[str], bytes_max: int) -> tuple[bytes, str]:
    """The body and its media type.

    Raises UnsupportedMediaType for one that is not in `formats`, and TooLarge as soon as more than
    `bytes_max` bytes arrived, whatever its length claimed to be.
    """
    media_type = _check_format(request, formats)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise TooLarge(f"the body is larger than {bytes_max} bytes: split the document")
    return bytes(body), media_type


def _check_format(request: Request, formats: Collection[str]) -> str:
    media_type = media_type_of(request.headers.get("content-type", ""))
    if media_type not in formats:
        raise UnsupportedMediaType(
            f"Content-Type is {media_type or 'missing'}: send the document as {' or '.join(formats)}"
        )
    # What is compressed may unfold to any size.
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding != "identity":
        raise UnsupportedMediaType(f"Content-Encoding is {coding}: send the body uncompressed")
    return media_type


async def read_json(request: Request, formats: Collection[str]) -> JsonValue:
    """The JSON in a body that defines something. Raises as `read_body` does, and Invalid for no JSON."""
    raw, _ = await read_body(request, formats, _DEFINITION_BYTES_MAX)
    return canonical_json.parse(raw)
