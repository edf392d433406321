"""Breaking text into lines and choosing the size of letters at which it fits. Millimetres."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

from labels.typeface import Face, face

PITCH_EM: Final = 1.22  # from line to line
_STEP_MM: Final = 0.1  # letters shrink by this much at a time


@dataclass(frozen=True, slots=True)
class Flow:
    """A text in lines of letters that are `em_mm` high."""

    lines: tuple[str, ...]
    em_mm: float

    @property
    def height_mm(self) -> float:
        return height_mm(len(self.lines), self.em_mm)


def height_mm(lines: int, em_mm: float) -> float:
    """The height of some lines: the last one takes its em only."""
    return ((lines - 1) * PITCH_EM + 1) * em_mm if lines else 0.0


@lru_cache(maxsize=256)  # most texts of a job are the same on every label
def fit_text(
    pieces: tuple[str, ...], width_mm: float, height_mm_max: float, sizes: tuple[float, ...], bold: bool
) -> Flow | None:
    """The pieces in the largest of `sizes` at which they fit; None when they do not.

    A line breaks between pieces, and inside a piece only when it was made by `break_words`.
    """
    typeface = face(bold)
    for em_mm in sizes:
        lines = _fill(pieces, width_mm / em_mm, typeface)
        if lines is not None and height_mm(len(lines), em_mm) <= height_mm_max:
            return Flow(lines, em_mm)
    return None


@cache
def sizes_between(em_mm: float, em_mm_min: float) -> tuple[float, ...]:
    """The letter heights to try, largest first."""
    steps = round((em_mm - em_mm_min) / _STEP_MM)
    return tuple(round(em_mm - step * _STEP_MM, 2) for step in range(steps + 1))


@lru_cache(maxsize=256)
def break_words(text: str) -> tuple[str, ...]:
    """`text` cut where a line may break: between hanzi, and behind spaces, which stay with what is before."""
    words: list[str] = []
    for character in text.strip():
        if words and (character == " " or _closes(character)):
            words[-1] += character  # a line begins with neither a space nor a comma
        elif words and not words[-1].endswith(" ") and not (_is_wide(character) or _is_wide(words[-1][-1])):
            words[-1] += character
        elif words and _opens(words[-1][-1]):
            words[-1] += character  # nor does it end with an opening bracket
        else:
            words.append(character)
    return tuple(words)


def _fill(pieces: Sequence[str], room_em: float, typeface: Face) -> tuple[str, ...] | None:
    lines: list[str] = []
    for piece in pieces:
        if lines and typeface.width_em((lines[-1] + piece).rstrip()) <= room_em:
            lines[-1] += piece
        elif typeface.width_em(piece.strip()) <= room_em:
            lines.append(piece.lstrip())
        else:
            return None
    return tuple(line.rstrip() for line in lines)


def _is_wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"


def _closes(character: str) -> bool:
    return character in "%°℃℉" or unicodedata.category(character) in ("Pe", "Pf", "Po")


def _opens(character: str) -> bool:
    return unicodedata.category(character) in ("Ps", "Pi")
