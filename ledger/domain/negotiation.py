"""What a client would rather have, as its `Accept` headers say: weighted lists of formats or languages.

Source: RFC 9110, section 12; RFC 4647, section 3, for languages.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

_ENTRIES_MAX: Final = 50
_is_weight: Final = re.compile(r"[01](\.[0-9]{0,3})?").fullmatch
_SHADE: Final = 0.0005
"""Less than any step between two weights: by so much an exact match is better."""

Weighted = Sequence[tuple[str, float]]
"""What the client names, in lower case, and how much it likes it, from 0 (not at all) to 1."""


def read_weights(header: str) -> Weighted:
    """The first 50 entries of an `Accept` or `Accept-Language` header; a weight that is none counts as 1."""
    # The same few headers come again and again; long ones are not worth remembering.
    return _read_again(header) if len(header) <= _REMEMBERED_LENGTH else _read(header)


def _read(header: str) -> Weighted:
    entries: list[tuple[str, float]] = []
    for part in header.split(",")[:_ENTRIES_MAX]:
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name:
            weights = [p.removeprefix("q=") for p in parameters if p.startswith("q=")]
            entries.append((name, float(weights[0]) if weights and _is_weight(weights[0]) else 1.0))
    return tuple(entries)


_REMEMBERED_LENGTH: Final = 200
_read_again: Final = lru_cache(maxsize=1024)(_read)


def media_quality(media_type: str, wanted: Weighted) -> float:
    """What the most specific entry that holds `media_type` gives it; 0 when none does."""
    family = media_type.partition("/")[0]
    for held_by in (media_type, f"{family}/*", "*/*"):
        weights = [weight for name, weight in wanted if name == held_by]
        if weights:
            return max(weights)
    return 0.0


def language_quality(tag: str, wanted: Weighted) -> float:
    """What the closest entry gives a language: `zh-CN` answers to zh-CN, then zh, and `zh` to zh-CN too."""
    tag = tag.lower()
    exact = [weight for name, weight in wanted if name == tag]
    if exact:
        return max(exact)
    near = [weight for name, weight in wanted if _are_kin(name, tag)]
    return max(0.0, max(near, default=0.0) - _SHADE)


def _are_kin(first: str, second: str) -> bool:
    return first.startswith(f"{second}-") or second.startswith(f"{first}-")
