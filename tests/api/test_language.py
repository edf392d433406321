import string

import pytest
from fastapi import Request

from api.i18n import choose_language, phrases
from ledger.domain import vocabulary
from ledger.verify import STEPS


def asking(accept: str | None = None, query: str = "", cookie: str = "") -> Request:
    headers = [(b"accept-language", accept.encode())] if accept is not None else []
    headers += [(b"cookie", cookie.encode())] if cookie else []
    return Request(
        {"type": "http", "headers": headers, "query_string": query.encode(), "path": "/", "method": "GET"}
    )


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        (None, "zh"),
        ("", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("en;q=0.3, zh-Hant;q=0.7", "zh"),
        ("es-AR,es;q=0.9", "en"),
        ("fr, zh;q=0.1", "zh"),
        ("en;q=rubbish, zh;q=0.2", "zh"),
        ("*", "en"),
    ],
)
def test_a_page_speaks_the_language_that_the_browser_prefers(accept: str | None, language: str) -> None:
    assert choose_language(asking(accept)) == language


def test_what_the_reader_switched_to_comes_first() -> None:
    assert choose_language(asking("zh", query="lang=en", cookie="lang=zh")) == "en"
    assert choose_language(asking("zh", cookie="lang=en")) == "en"
    assert choose_language(asking("en", query="lang=tlh", cookie="lang=<script>")) == "en"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (phrases.BIZ_STEPS, vocabulary.BIZ_STEP.words),
        (phrases.DISPOSITIONS, vocabulary.DISPOSITION.words),
        (phrases.BIZ_TRANSACTIONS, vocabulary.BIZ_TRANSACTION_TYPE.words),
        (phrases.ERROR_REASONS, vocabulary.ERROR_REASON.words),
    ],
)
def test_every_word_of_the_standard_has_a_phrase(
    table: dict[str, phrases.Phrase], words: frozenset[str]
) -> None:
    assert table.keys() == words


def test_every_step_of_the_verification_has_a_phrase_for_itself_and_its_failure() -> None:
    assert len(phrases.STEPS) == len(phrases.REFUTED_BECAUSE) == len(STEPS)


def test_both_languages_fill_the_same_blanks() -> None:
    def blanks(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for chinese, english in phrases.TEXTS.values():
        assert blanks(chinese) == blanks(english)
