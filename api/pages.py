"""Rendering pages: templates, language, and the headers that keep a page to itself."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Final

import orjson
from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from api.i18n import COOKIE, LANGUAGES, Language, Phrase, choose_language, say
from api.i18n.phrases import TEXTS

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_YEAR_SECONDS: Final = 365 * 24 * 3600
_HEADERS: Final = {
    # A page needs nothing but its own style sheet and icon: no script, no frame, no other host.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",  # a verdict is of this moment
    "Vary": "Accept, Accept-Language, Cookie",
}

SCRIPT_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; "
    "img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
}
"""Of a page with a script of our own, which asks this node alone."""

Translate = Callable[..., str]


def translator(language: Language) -> Translate:
    """`t("waiting_says", count=2)`: one of our own texts in `language`, its blanks filled."""

    def translate(key: str, **blanks: object) -> str:
        return say(TEXTS[key], language).format(**blanks)

    return translate


def page_texts(
    language: Language, beginnings: tuple[str, ...], tables: Mapping[str, Mapping[str, Phrase]] | None = None
) -> str:
    """Our texts whose keys begin so, and those for asking this node, as JSON for a script element.

    The phrases of `tables` are there too, as <name of the table>_<key>.
    """
    texts = {
        key: say(phrase, language) for key, phrase in TEXTS.items() if key.startswith(("ask_", *beginnings))
    }
    for name, table in (tables or {}).items():
        texts |= {f"{name}_{key}": say(phrase, language) for key, phrase in table.items()}
    return orjson.dumps(texts).decode().replace("<", "\\u003c")


def render(
    request: Request,
    template: str,
    context: Mapping[str, object],
    status: int = HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A page in the reader's language. A language that was switched to is remembered in a cookie."""
    language = choose_language(request)
    other = next(candidate for candidate in LANGUAGES if candidate != language)
    switched = request.url.include_query_params(lang=other)
    html = _TEMPLATES.get_template(template).render(
        context,
        t=translator(language),
        language=language,
        other_language=other,
        switch_href=f"{switched.path}?{switched.query}",
    )
    response = HTMLResponse(html, status, {**_HEADERS, **(headers or {}), "Content-Language": language})
    if request.query_params.get("lang") == language:
        response.set_cookie(COOKIE, language, max_age=_YEAR_SECONDS, samesite="lax")
    return response


def wants_page(request: Request) -> bool:
    """Whether a person with a browser is asking."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")


def error_page(request: Request, status: int, detail: str, headers: Mapping[str, str]) -> Response:
    """An error in plain words, for people."""
    key = f"error_{status}" if f"error_{status}" in TEXTS else "error_other"
    return render(
        request, "error.html", {"title_key": key, "detail": detail, "status": status}, status, headers
    )
