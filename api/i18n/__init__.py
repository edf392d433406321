"""Pages in Chinese and English: which one a reader wants, and the words in it."""

from typing import Final, get_args

from fastapi import Request

from ledger.words import Language as Language
from ledger.words import Phrase as Phrase

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
COOKIE: Final = "lang"


def say(phrase: Phrase, language: Language) -> str:
    return phrase[LANGUAGES.index(language)]


def choose_language(request: Request) -> Language:
    """What the reader switched to, then what the browser asks for, then Chinese."""
    for wanted in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        for language in LANGUAGES:
            if wanted == language:
                return language
    return _accepted(request.headers.get("accept-language", ""))


def _accepted(header: str) -> Language:
    """The best language of an Accept-Language header (RFC 9110, 12.5.4); English for speakers of others."""
    if not header.strip():
        return "zh"
    qualities: dict[Language, float] = {}
    for entry in header.split(","):
        tag, _, weight = entry.partition(";")
        for language in LANGUAGES:
            if tag.strip().lower().partition("-")[0] == language:
                qualities[language] = max(qualities.get(language, 0.0), _quality(weight))
    return max(qualities, key=lambda language: qualities[language], default="en")


def _quality(weight: str) -> float:
    try:
        return float(weight.strip().removeprefix("q=") or 1)
    except ValueError:
        return 0.0
