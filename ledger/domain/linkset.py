"""The links of an identifier as a linkset: JSON, and the text of HTTP's Link header.

Source: RFC 9264; GS1-Conformant Resolver 1.0, whose schema says what a linkset may hold.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from ledger.domain.links import DEFAULT_LINK, DEFAULT_LINK_MULTI, Link

LINKSET_JSON: Final = "application/linkset+json"
LINKSET_TEXT: Final = "application/linkset"

CONTEXT: Final[dict[str, Any]] = {
    "@context": {
        "@version": 1.1,
        "@vocab": "http://www.iana.org/assignments/relation/",
        "linkset": "@graph",
        "anchor": "@id",
        "href": "@id",
        "title": "http://purl.org/dc/terms/title",
        "hreflang": {"@id": "http://purl.org/dc/terms/language", "@container": "@set"},
        "type": "http://purl.org/dc/terms/format",
        "itemDescription": "http://www.w3.org/2000/01/rdf-schema#comment",
        "context": {"@id": "https://schema.org/applicableLocation", "@container": "@set"},
    }
}
"""The JSON-LD context that makes RDF of a linkset (RFC 9264, section 7.3)."""


@dataclass(frozen=True, slots=True)
class LinkedLevel:
    """One level of an identifier with its links."""

    url: str  # the Digital Link at this resolver
    description: str
    links: tuple[Link, ...]


def linkset(levels: Sequence[LinkedLevel]) -> dict[str, Any]:
    """The linkset in JSON: levels without links are left out, each default stands under two types."""
    return {"linkset": [_level(level) for level in levels if level.links]}


def linkset_text(levels: Sequence[LinkedLevel]) -> str:
    """The same as application/linkset: links parted by commas and line ends."""
    return ",\n".join(
        _text(level.url, link_type, link)
        for level in levels
        for link_type in _types(level.links)
        for link in _of_type(level.links, link_type)
    )


def _level(level: LinkedLevel) -> dict[str, Any]:
    by_type = {
        link_type: [_target(link) for link in _of_type(level.links, link_type)]
        for link_type in _types(level.links)
    }
    return {"anchor": level.url, "itemDescription": level.description, **by_type}


def _types(links: Sequence[Link]) -> Iterator[str]:
    yield from dict.fromkeys(link.link_type for link in links)
    if any(link.is_default for link in links):
        yield DEFAULT_LINK
    if any(link.is_default_multi for link in links):
        yield DEFAULT_LINK_MULTI


def _of_type(links: Sequence[Link], link_type: str) -> Iterator[Link]:
    if link_type == DEFAULT_LINK:
        # The default link shall have no attribute but its title: it is for everybody.
        return (Link("", "", link.href, link.title) for link in links if link.is_default)
    if link_type == DEFAULT_LINK_MULTI:
        return (link for link in links if link.is_default_multi)
    return (link for link in links if link.link_type == link_type)


def _target(link: Link) -> dict[str, Any]:
    members = {
        "href": link.href,
        "title": link.title,
        "hreflang": list(link.languages),
        "type": link.media_type,
        "context": list(link.contexts),
    }
    return {name: value for name, value in members.items() if value}


def _text(anchor: str, link_type: str, link: Link) -> str:
    attributes = [("rel", link_type), ("anchor", anchor), *_title(link.title)]
    attributes += [("hreflang", language) for language in link.languages]
    attributes += [("type", link.media_type)] if link.media_type else []
    attributes += [("context", context) for context in link.contexts]
    return "; ".join((f"<{link.href}>", *(_attribute(name, value) for name, value in attributes)))


def _title(title: str) -> Iterator[tuple[str, str]]:
    # RFC 8187: other than ASCII is percent-encoded UTF-8, under a name with an asterisk.
    yield ("title", title) if title.isascii() else ("title*", f"UTF-8''{quote(title, safe='')}")


def _attribute(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f"{name}={value}" if name.endswith("*") else f'{name}="{escaped}"'
