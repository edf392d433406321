"""Events as an answer: an EPCISQueryDocument, in the format that the client wants."""

from collections.abc import Iterable, Mapping
from typing import Final, get_args

from fastapi.requests import HTTPConnection
from fastapi.responses import Response

from api.media_types import JSON, JSON_LD, TEXT_XML, XML
from api.routes.epcis.protocol import VERSIONS, choose_epc_format, choose_format, choose_word
from ledger.node import Node
from ledger.ports import StoredEvent
from ledger.query_document import SIMPLE_QUERY, Presentation, write_query_document
from ledger.xml import CbvFormat

FORMATS: Final = (JSON, JSON_LD, XML, TEXT_XML)
_CBV_FORMATS: Final[tuple[CbvFormat, ...]] = get_args(CbvFormat)


def presentation_of(request: HTTPConnection) -> Presentation:
    """How this client wants events. Raises NotAcceptable for what cannot be given."""
    return Presentation(
        choose_format(request, *FORMATS),
        choose_epc_format(request),
        choose_word(request, "GS1-CBV-XML-Format", _CBV_FORMATS, "No_Preference"),
    )


def answer_events(
    node: Node,
    events: Iterable[StoredEvent],
    wanted: Presentation,
    *,
    query_name: str = SIMPLE_QUERY,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The document of `events`; erased ones are left out."""
    raw = write_query_document(events, wanted, node.clock(), node.prefixes.company_prefix_length, query_name)
    return Response(raw, media_type=wanted.media_type, headers={**VERSIONS, **(headers or {})})
