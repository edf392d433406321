"""The resolver that is examined, seen only through HTTP, and the Digital Link by which it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

import httpx

LINKSET_JSON = "application/linkset+json"
PRIMARY_KEYS = {
    "00", "01", "253", "255", "401", "402", "414", "415", "417",
    "8003", "8004", "8006", "8010", "8013", "8017", "8018",
}  # fmt: skip
QUALIFIERS = {
    "01": ["22/V9", "10/KL8G", "21/0007", "235/T9"],
    "414": ["254/KL8G"],
    "8006": ["22/V9", "10/KL8G", "21/0007"],
    "8010": ["8011/7"],
    "8017": ["8019/7"],
    "8018": ["8019/7"],
}
"""Primary key -> a value of each qualifier that may follow it alone."""

Link = Mapping[str, Any]


@dataclass(frozen=True)
class Resolver:
    client: httpx.Client
    url: str
    """A Digital Link for which the resolver has links, without query."""

    def ask(self, url: str, method: str = "GET", **headers: str) -> httpx.Response:
        """The answer itself, no redirect followed. Header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.request(method, url, headers=named, follow_redirects=False)

    def target(self, url: str, **headers: str) -> str:
        """Where the resolver redirects to."""
        answer = self.ask(url, **headers)
        assert answer.status_code in (301, 302, 303, 307, 308), (
            f"{url}: {answer.status_code} {answer.text[:200]}"
        )
        return urljoin(url, answer.headers["location"])

    @cached_property
    def description(self) -> dict[str, Any]:
        answer = self.ask(urljoin(self.url, "/.well-known/gs1resolver"), Accept="application/json")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def linkset(self, url: str) -> list[dict[str, Any]]:
        answer = self.ask(f"{url}?linkType=linkset", Accept=LINKSET_JSON)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["linkset"]
        return found

    @cached_property
    def levels(self) -> list[dict[str, Any]]:
        """The levels of the linkset, the finest first."""
        finest_first = sorted(self.linkset(self.url), key=lambda level: -len(level["anchor"]))
        return [level for level in finest_first if self.url.startswith(level["anchor"])]

    @cached_property
    def key(self) -> tuple[str, str]:
        """Primary key and its value."""
        steps = urlsplit(self.url).path.split("/")
        place = max(n for n, step in enumerate(steps[:-1]) if step in PRIMARY_KEYS)
        return steps[place], steps[place + 1]

    @property
    def key_url(self) -> str:
        """The Digital Link of the primary key alone."""
        code, value = self.key
        return f"{self.url[: self.url.index(f'/{code}/{value}')]}/{code}/{value}"

    @property
    def stem(self) -> str:
        """The address below which Digital Links stand."""
        return self.key_url.removesuffix("/".join(("", *self.key)))

    def finest(self) -> Iterator[tuple[str, list[Link]]]:
        """Each descriptive link type, and its links on the finest level that has it."""
        seen: set[str] = set()
        for level in self.levels:
            for name, links in level.items():
                if name not in seen and isinstance(links, list) and word_of(name) not in DEFAULTS:
                    seen.add(name)
                    yield name, links

    def links(self) -> Iterator[tuple[str, Link]]:
        """All links of all levels with their type."""
        for level in self.linkset(self.url):
            for name, links in level.items():
                if name not in ("anchor", "itemDescription"):
                    yield from ((name, link) for link in links)

    def defaults(self, word: str) -> list[Link]:
        """The links of type gs1:defaultLink or gs1:defaultLinkMulti on the finest level that has one."""
        found = (links for level in self.levels for name, links in level.items() if word_of(name) == word)
        return next(found, [])


DEFAULTS = {"defaultLink", "defaultLinkMulti"}


def word_of(link_type: str) -> str:
    """The word of the GS1 Web Vocabulary, whichever of its namespaces it is in; "" for other types."""
    for stem in ("https://ref.gs1.org/voc/", "https://gs1.org/voc/", "https://www.gs1.org/voc/"):
        if link_type.startswith(stem):
            return link_type.removeprefix(stem)
    return ""


def asking_for(link_type: str) -> str:
    word = word_of(link_type)
    return "linkType=" + quote(f"gs1:{word}" if word else link_type, safe=":")


def wish_of(link: Link) -> tuple[dict[str, str], str]:
    """The headers and the end of the query that ask for a link by its attributes."""
    headers = {}
    if "hreflang" in link:
        headers["Accept_Language"] = link["hreflang"][0]
    if "type" in link:
        headers["Accept"] = link["type"]
    return headers, f"&context={link['context'][0]}" if "context" in link else ""


def attributes_of(link: Link) -> tuple[object, ...]:
    return tuple(str(link.get(name)) for name in ("type", "hreflang", "context"))


def leads_to(target: str, href: str) -> bool:
    """Whether `target` is `href`, whatever of the query was passed on."""
    there, here = urlsplit(target), urlsplit(href)
    same = (there.scheme, there.netloc, there.path, there.fragment) == (
        here.scheme,
        here.netloc,
        here.path,
        here.fragment,
    )
    return same and set(parse_qsl(here.query)) <= set(parse_qsl(there.query))
