"""Links from identifiers to what is known of them elsewhere, and which of them answers a request.

A link belongs to one level of a GS1 key: the key itself (a GTIN), or the key with one qualifier (a variant,
a lot, a serial). A request is answered from the finest level that it names, then from those above it. One
link may be the default of its level, and several may be defaults between which language, format or context
of the request decide.

Not here: who may register a link (`access`), and the list of links as a document (`linkset`).

Source: GS1-Conformant Resolver 1.0; link types are those of the GS1 Web Vocabulary.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from ledger.domain.ai_table import QUALIFIER_PATHS
from ledger.domain.canonical_json import JsonValue
from ledger.domain.digital_link import (
    CANONICAL_STEM,
    DigitalLink,
    Element,
    build,
    link_elements,
    parse_digital_link,
)
from ledger.domain.errors import Invalid, Problem
from ledger.domain.negotiation import Weighted, language_quality, media_quality, read_weights
from ledger.domain.scan import normalise_scan

GS1_VOCABULARY: Final = "https://ref.gs1.org/voc/"
DEFAULT_LINK: Final = f"{GS1_VOCABULARY}defaultLink"
DEFAULT_LINK_MULTI: Final = f"{GS1_VOCABULARY}defaultLinkMulti"
TRACEABILITY: Final = f"{GS1_VOCABULARY}traceability"
DESCRIBED_BY: Final = "describedby"
LINKSET_WORDS: Final = frozenset({"linkset", "all"})
"""Values of linkType that ask for the list of links; "all" is the old word for it."""
LINKS_MAX: Final = 100
"""Links of one level."""

_HREF_LENGTH_MAX: Final = 2048
_TITLE_LENGTH_MAX: Final = 200
_LIST_MAX: Final = 20
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Link:
    """A registered link. Made by `read_link`, its values are checked."""

    anchor: str
    """What it is about, as `Level.anchor`."""
    link_type: str  # URI, or a relation that IANA lists
    href: str
    title: str
    languages: tuple[str, ...] = ()
    media_type: str = ""
    contexts: tuple[str, ...] = ()
    is_default: bool = False
    is_default_multi: bool = False

    @property
    def link_id(self) -> str:
        """Names the link. A link with the same anchor, type and target takes its place."""
        return sha256("\n".join((self.anchor, self.link_type, self.href)).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Level:
    """One level of what a Digital Link names."""

    anchor: str
    """Its name: key and last qualifier, so that a serial is one level, whether or not its lot is told."""
    path: str
    """As it stood in the Digital Link, without attributes."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request says of the link that it wants; "" where it says nothing."""

    link_type: str = ""  # as `parse_link_type` gives it
    languages: str = ""  # Accept-Language
    media_types: str = ""  # Accept
    context: str = ""


# --- levels


def levels_of(link: DigitalLink) -> list[Level]:
    """The levels that a Digital Link names, the finest first."""
    path = (link.key, *link.qualifiers)
    starts = [path[:length] for length in range(len(path), 0, -1)]
    allowed = QUALIFIER_PATHS[link.key.ai]
    levels = [_level(start) for start in starts if tuple(code for code, _ in start[1:]) in allowed]
    return list({level.anchor: level for level in reversed(levels)}.values())[::-1]


def _level(path: Sequence[Element]) -> Level:
    # TDS 2.0, section 6.3.3: extension 0 says that the GLN has none.
    named = [path[0], *path[1:][-1:]] if path[-1] != ("254", "0") else [path[0]]
    anchor = build(DigitalLink(CANONICAL_STEM, named[0], tuple(named[1:])))
    return Level(anchor, build(DigitalLink("", path[0], tuple(path[1:]))))


def parse_anchor(text: str) -> str:
    """The anchor of a GS1 key, written in any way that a scanner sends or a person enters.

    Raises Invalid for identifiers of other schemes, which have no links.
    """
    if text[:4].lower() == "http":
        return levels_of(parse_digital_link(text))[0].anchor
    scan = normalise_scan(text)
    if scan.identifier is None or scan.identifier.kind == "uri":
        raise Invalid(f"{text[:80]}: is not a GS1 key; links belong to GTINs, SSCCs and other GS1 keys")
    return levels_of(link_elements(scan.elements or scan.identifier.elements))[0].anchor


# --- reading


def read_link(cells: Mapping[str, JsonValue]) -> Link:
    """The link that a row of a table or a JSON object says; lists may be texts parted by commas.

    Raises Invalid with a problem for each faulty member, its pointer being the member's name.
    """
    reading = _Reading(cells)
    problems = [Problem(name, f"no such member; there are {', '.join(MEMBERS)}") for name in reading.unknown]
    values: dict[str, Any] = {}
    for member, (field, parse) in _READERS.items():
        try:
            values[field] = parse(reading, member)
        except Invalid as error:
            problems.append(Problem(member, str(error)))
    if problems:
        raise Invalid(f"{len(problems)} faults in the link: " + "; ".join(map(str, problems)), problems)
    flags = values.pop("defaults")
    return Link(**values, is_default="defaultLink" in flags, is_default_multi="defaultLinkMulti" in flags)


def write_link(link: Link) -> dict[str, JsonValue]:
    """What `read_link` reads, in JSON; empty members are left out."""
    flags = {"defaultLink": link.is_default, "defaultLinkMulti": link.is_default_multi}
    members: dict[str, JsonValue] = {
        "id": link.anchor,
        "linkType": shorten_link_type(link.link_type),
        "href": link.href,
        "title": link.title,
        "hreflang": list(link.languages),
        "type": link.media_type,
        "context": list(link.contexts),
        "default": [name for name, is_set in flags.items() if is_set],
    }
    return {name: value for name, value in members.items() if value}


def parse_link_type(text: str) -> str:
    """The URI of a link type: `gs1:pip` and all namespaces that GS1 gave its vocabulary are one.

    Relations that IANA lists are single words. Raises Invalid for anything else.
    """
    found = _gs1_word(text)
    if found:
        return GS1_VOCABULARY + found[1]
    if _is_relation(text) or (_is_type_uri(text) and len(text) <= _TITLE_LENGTH_MAX):
        return text
    raise Invalid(
        f"{text[:80]!r}: not a link type; write one like gs1:pip, or an http(s) URI of letters, digits, "
        "dots and slashes"
    )


def shorten_link_type(uri: str) -> str:
    """A link type as people write it: gs1:pip."""
    return f"gs1:{uri.removeprefix(GS1_VOCABULARY)}" if uri.startswith(GS1_VOCABULARY) else uri


class _Reading:
    """The members of one link, read as text or as lists of texts."""

    def __init__(self, cells: Mapping[str, JsonValue]) -> None:
        self._cells = cells
        self.unknown = [name for name in cells if name not in _READERS]

    def text(self, member: str) -> str:
        value = self._cells.get(member, "")
        if not isinstance(value, str):
            raise Invalid("should be text")
        if member != "title" and not value:
            raise Invalid("is missing")
        return value

    def optional(self, member: str) -> str:
        return self.text(member) if self._cells.get(member) else ""

    def texts(self, member: str, parse: Callable[[str], T]) -> tuple[T, ...]:
        value = self._cells.get(member) or []
        parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            raise Invalid("should be a list of texts")
        if len(parts) > _LIST_MAX:
            raise Invalid(f"has {len(parts)} entries, at most {_LIST_MAX} are kept")
        return tuple(dict.fromkeys(parse(part) for part in parts if isinstance(part, str)))


def _read_anchor(reading: _Reading, member: str) -> str:
    return parse_anchor(reading.text(member))


def _read_type(reading: _Reading, member: str) -> str:
    link_type = parse_link_type(reading.text(member))
    if link_type in (DEFAULT_LINK, DEFAULT_LINK_MULTI) or link_type in LINKSET_WORDS:
        raise Invalid(
            f"{shorten_link_type(link_type)} tells nothing of the target: describe it, set `default`"
        )
    return link_type


def _read_href(reading: _Reading, member: str) -> str:
    href = reading.text(member)
    if len(href) > _HREF_LENGTH_MAX:
        raise Invalid(f"has {len(href)} characters, at most {_HREF_LENGTH_MAX} are kept")
    if not _is_plain(href):
        raise Invalid("holds a space or a character that must be percent-encoded in a URL")
    try:
        parts = urlsplit(href)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise Invalid(f"is no URL: {error}") from error
    if parts.scheme.lower() not in ("http", "https") or not host or not _is_host(host):
        raise Invalid("should be an absolute http or https URL")
    if "@" in parts.netloc:
        raise Invalid("holds a user name or password: everybody reads a link, leave them out")
    return href


def _read_title(reading: _Reading, member: str) -> str:
    title = reading.text(member).strip()
    if not 0 < len(title) <= _TITLE_LENGTH_MAX or not title.isprintable():
        raise Invalid(f"should be 1 to {_TITLE_LENGTH_MAX} printable characters")
    return title


def _read_language(text: str) -> str:
    if not _is_language(text):
        raise Invalid(f"{text[:20]!r} is no language like zh or zh-CN")
    language, hyphen, region = text.partition("-")
    return f"{language.lower()}{hyphen}{region.upper()}"


def _read_media_type(reading: _Reading, member: str) -> str:
    text = reading.optional(member).lower()
    if text and not _is_media_type(text):
        raise Invalid(f"{text[:60]!r} is no media type like text/html")
    return text


def _read_context(text: str) -> str:
    if not _is_context(text):
        raise Invalid(f"{text[:40]!r} should be 1 to 40 letters, digits or -._~")
    return text


def _read_flag(text: str) -> str:
    if text not in ("defaultLink", "defaultLinkMulti"):
        raise Invalid(f"{text[:40]!r} should be defaultLink or defaultLinkMulti")
    return text


_Parse = Callable[[_Reading, str], object]
_READERS: Final[Mapping[str, tuple[str, _Parse]]] = {
    "id": ("anchor", _read_anchor),
    "linkType": ("link_type", _read_type),
    "href": ("href", _read_href),
    "title": ("title", _read_title),
    "hreflang": ("languages", lambda reading, member: reading.texts(member, _read_language)),
    "type": ("media_type", _read_media_type),
    "context": ("contexts", lambda reading, member: reading.texts(member, _read_context)),
    "default": ("defaults", lambda reading, member: reading.texts(member, _read_flag)),
}
MEMBERS: Final = tuple(_READERS)
"""The members of a link in JSON, and the columns of a table of links."""

_gs1_word: Final = re.compile(
    r"(?:gs1:|https?://(?:ref\.|www\.)?gs1\.org/voc/)([A-Za-z][A-Za-z0-9]{0,59})"
).fullmatch
_is_relation: Final = re.compile(r"[a-z][a-z-]{1,39}").fullmatch
# No other characters: the schema that GS1 gives for linksets knows no others in a link type.
_is_type_uri: Final = re.compile(r"https?://[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)+(?:/[A-Za-z0-9._]*)+").fullmatch
_is_plain: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+").fullmatch
_is_host: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.\-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+").fullmatch
_is_language: Final = re.compile(r"[A-Za-z]{2}(?:-[A-Za-z]{2})?").fullmatch
_is_media_type: Final = re.compile(
    r"(?:application|audio|font|haptics|image|message|model|multipart|text|video)/[a-z0-9][a-z0-9.+_\-]{0,99}"
).fullmatch
_is_context: Final = re.compile(r"[A-Za-z0-9\-._~]{1,40}").fullmatch


# --- choosing


def choose_links(levels: Iterable[Sequence[Link]], wish: Wish) -> tuple[Link, ...]:
    """The link that answers a request, of links by level, the finest first.

    Several when nothing tells them apart; none when there is none of the type that was asked for.
    """
    if wish.link_type in ("", DEFAULT_LINK, DEFAULT_LINK_MULTI):
        return _choose_default(levels, wish)
    of_type = ([link for link in links if link.link_type == wish.link_type] for links in levels)
    return _best(next(filter(None, of_type), []), wish)


def _choose_default(levels: Iterable[Sequence[Link]], wish: Wish) -> tuple[Link, ...]:
    bare = _rank(Link("", "", "", ""), wish)
    for links in levels:
        best = _best([link for link in links if link.is_default_multi], wish)
        # Only what the request says makes one of several defaults better than the one default.
        if best and _rank(best[0], wish) > bare:
            return best[:1]
        default = [link for link in links if link.is_default]
        if default:
            return tuple(default[:1])
    return ()


def _best(links: Sequence[Link], wish: Wish) -> tuple[Link, ...]:
    if not links:
        return ()
    ranks = [_rank(link, wish) for link in links]
    best = tuple(link for link, rank in zip(links, ranks, strict=True) if rank == max(ranks))
    return next(((link,) for link in best if link.is_default), best)


_Rank = tuple[bool, float, float, float]
# What matches has its weight on top of _BARE; what is bare says nothing of itself.
_REFUSED, _UNASKED, _BARE = 0.0, 1.0, 2.0


def _rank(link: Link, wish: Wish) -> _Rank:
    """How well a link fits: nothing of it refused, then context, then language, then format."""
    context = _fit(link.contexts, wish.context, lambda value, wanted: 1.0 if wanted == value else 0.0)
    languages, media_types = read_weights(wish.languages), read_weights(wish.media_types)
    language = _fit_weighted(link.languages, languages, language_quality, "*")
    media_type = _fit_weighted(
        [link.media_type] if link.media_type else [], media_types, media_quality, "*/*"
    )
    return min(context, language, media_type) > _REFUSED, context, language, media_type


def _fit(values: Sequence[str], wanted: str, quality: Callable[[str, str], float]) -> float:
    if not values:
        return _BARE
    if not wanted:
        return _UNASKED
    best = max(quality(value, wanted) for value in values)
    return _BARE + best if best else _REFUSED


def _fit_weighted(
    values: Sequence[str], wanted: Weighted, quality: Callable[[str, Weighted], float], wildcard: str
) -> float:
    named = [(name, weight) for name, weight in wanted if name != wildcard]
    if not values:
        return _BARE
    if not wanted:
        return _UNASKED
    best = max(quality(value, named) for value in values)
    if best:
        return _BARE + best
    lowered = [value.lower() for value in values]
    is_refused = any(name in lowered for name, weight in named if weight == 0)
    takes_others = any(weight > 0 for name, weight in wanted if name == wildcard)
    return _UNASKED if takes_others and not is_refused else _REFUSED


# --- redirecting


def pass_on(href: str, query: str) -> str:
    """`href` with the query of the request behind its own, unchanged."""
    if not query:
        return href
    address, hash_sign, fragment = href.partition("#")
    joint = "" if address.endswith(("?", "&")) else "&" if "?" in address else "?"
    return f"{address}{joint}{query}{hash_sign}{fragment}"
