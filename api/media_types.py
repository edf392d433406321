"""Which of several formats a client wants (RFC 9110, section 12.5.1)."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

JSON: Final = "application/json"
JSON_LD: Final = "application/ld+json"
XML: Final = "application/xml"
TEXT_XML: Final = "text/xml"

_RANGES_MAX: Final = 50


def choose_media_type(accept: str, offered: Sequence[str]) -> str | None:
    """The media type of `offered` that `accept` likes best, the first of equals; None when it likes none."""
    ranges = list(_read_ranges(accept)) or [("*/*", 1.0)]
    best = max(offered, key=lambda media_type: _quality(media_type, ranges))
    return best if _quality(best, ranges) > 0 else None


def media_type_of(content_type: str) -> str:
    """Without parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


def is_xml(media_type: str) -> bool:
    return media_type in (XML, TEXT_XML, "application/problem+xml")


def _read_ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(",")[:_RANGES_MAX]:
        media_range, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if media_range:
            weights = [p.removeprefix("q=") for p in parameters if p.startswith("q=")]
            yield media_range, float(weights[0]) if weights and _WEIGHT.fullmatch(weights[0]) else 1.0


_WEIGHT: Final = re.compile(r"[01](\.[0-9]{0,3})?")


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """What the most specific range that holds `media_type` gives it."""
    family = media_type.partition("/")[0]
    for held_by in (media_type, f"{family}/*", "*/*"):
        weights = [weight for media_range, weight in ranges if media_range == held_by]
        if weights:
            return max(weights)
    return 0.0
