"""Which of several formats a client wants (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from ledger.domain.negotiation import media_quality, read_weights

JSON: Final = "application/json"
JSON_LD: Final = "application/ld+json"
XML: Final = "application/xml"
TEXT_XML: Final = "text/xml"


def choose_media_type(accept: str, offered: Sequence[str]) -> str | None:
    """The media type of `offered` that `accept` likes best, the first of equals; None when it likes none."""
    # The same few headers come again and again; long ones are not worth remembering.
    choose = _choose_again if len(accept) <= _REMEMBERED_LENGTH else _choose
    return choose(accept, tuple(offered))


def _choose(accept: str, offered: tuple[str, ...]) -> str | None:
    wanted = read_weights(accept) or [("*/*", 1.0)]
    best = max(offered, key=lambda media_type: media_quality(media_type, wanted))
    return best if media_quality(best, wanted) > 0 else None


_REMEMBERED_LENGTH: Final = 200
_choose_again: Final = lru_cache(maxsize=1024)(_choose)


def media_type_of(content_type: str) -> str:
    """Without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def is_xml(media_type: str) -> bool:
    return media_type in (XML, TEXT_XML, "application/problem+xml")
