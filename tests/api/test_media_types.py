import pytest

from api.media_types import choose_media_type

OFFERED = ("application/json", "application/ld+json", "application/xml")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/xml", "application/xml"),
        ("Application/XML; charset=utf-8", "application/xml"),
        ("application/ld+json, application/json;q=0.9", "application/ld+json"),
        ("application/json;q=0.1, application/*;q=0.5", "application/ld+json"),
        ("text/html, application/xml;q=0.9, */*;q=0.8", "application/xml"),
        ("application/json;q=0, */*", "application/ld+json"),
        ("application/xml;q=nonsense", "application/xml"),
        ("image/png", None),
        ("*/*;q=0", None),
        (",,;;", "application/json"),
    ],
)
def test_the_format_that_the_client_likes_best_is_chosen(accept: str, chosen: str | None) -> None:
    assert choose_media_type(accept, OFFERED) == chosen
