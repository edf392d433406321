"""Linksets, compressed links, and the resolver's description of itself."""

import re
from urllib.parse import urljoin

import pytest

from tests.conformance.resolver.resolver import (
    DEFAULTS,
    LINKSET_JSON,
    PRIMARY_KEYS,
    Resolver,
    leads_to,
    word_of,
)

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_LOCATION_KEYS = {"410", "411", "412", "413"}
_MEDIA_KINDS = {
    "application", "audio", "font", "haptics", "image", "message", "model", "multipart", "text", "video",
}  # fmt: skip


def compressed(gtin: str) -> str:
    """(01) alone: its two digits in 4 bits each, the number in 47, then zeros."""
    bits = f"00000001{int(gtin):047b}"
    bits += "0" * (-len(bits) % 6)
    return "".join(_ALPHABET[int(bits[at : at + 6], 2)] for at in range(0, len(bits), 6))


@pytest.fixture(scope="module")
def short_url(resolver: Resolver) -> str:
    code, value = resolver.key
    if code != "01":
        pytest.skip("the Digital Link under examination is of no GTIN")
    return f"{resolver.stem}/{compressed(value)}"


def test_shall_7_a_compressed_link_is_resolved(resolver: Resolver, short_url: str) -> None:
    assert leads_to(resolver.target(short_url), resolver.target(resolver.key_url).partition("&label")[0])


def test_should_8_a_compressed_link_is_not_redirected_to_itself(resolver: Resolver, short_url: str) -> None:
    assert not resolver.target(short_url).startswith(resolver.key_url)


def test_shall_9_the_uncompressed_link_is_told(resolver: Resolver, short_url: str) -> None:
    told = resolver.ask(short_url).headers["link"]
    assert re.search(rf'<{re.escape(resolver.key_url)}>; ?rel="?owl:sameAs"?', told), told


@pytest.mark.parametrize(("query", "accept"), [("?linkType=linkset", "*/*"), ("", LINKSET_JSON)])
def test_shall_11_the_linkset_is_returned_not_redirected_to(
    resolver: Resolver, query: str, accept: str
) -> None:
    answer = resolver.ask(resolver.url + query, Accept=accept)
    assert answer.status_code == 200
    assert resolver.ask(resolver.url + query, "HEAD", Accept=accept).status_code == 200


def test_shall_11_the_linkset_is_that_of_rfc_9264(resolver: Resolver) -> None:
    answer = resolver.ask(resolver.url, Accept=LINKSET_JSON)
    assert answer.headers["content-type"].partition(";")[0] == LINKSET_JSON
    assert set(answer.json()) == {"linkset"}
    for level in answer.json()["linkset"]:
        assert isinstance(level["anchor"], str)
        relations = {
            name: links for name, links in level.items() if name not in ("anchor", "itemDescription")
        }
        for name, links in relations.items():
            assert re.fullmatch(r"[a-z][a-z.-]*|[A-Za-z]+://\S+", name), name
            assert all(isinstance(link["href"], str) for link in links)
            assert all(isinstance(link.get("hreflang", []), list) for link in links)


def test_shall_11_the_linkset_fits_gs1_s_schema(resolver: Resolver) -> None:
    for level in resolver.linkset(resolver.url):
        assert re.match(r"https?://[A-Za-z0-9./]+", level["anchor"])
        assert isinstance(level["itemDescription"], str)
        for name in set(level) - {"anchor", "itemDescription"}:
            assert re.fullmatch(r"[a-z-]+|https?://[A-z0-9./]+", name), name
            for link in level[name]:
                assert set(link) <= {"href", "title", "hreflang", "type", "context", "fwqs", "public"}, link


def test_shall_12_links_of_every_level_are_there(resolver: Resolver) -> None:
    listed = {level["anchor"] for level in resolver.linkset(resolver.url)}
    steps = resolver.url.removeprefix(resolver.key_url).split("/")[1:]
    for length in range(0, len(steps), 2):
        url = "/".join((resolver.key_url, *steps[:length]))
        assert {level["anchor"] for level in resolver.linkset(url)} <= listed, url


def test_shall_13_the_subject_is_the_uncompressed_link(resolver: Resolver, short_url: str) -> None:
    found = resolver.linkset(short_url)
    assert resolver.key_url in [level["anchor"] for level in found]
    assert all(f"/{resolver.key[0]}/{resolver.key[1]}" in level["anchor"] for level in found)


def test_shall_14_every_link_has_target_type_and_title(resolver: Resolver) -> None:
    links = list(resolver.links())
    assert links
    for name, link in links:
        assert name
        assert re.match(r"https?://", link["href"])
        assert link["title"].strip()


def test_should_15_links_name_their_languages(resolver: Resolver) -> None:
    described = [link for name, link in resolver.links() if word_of(name) not in DEFAULTS]
    for link in described:
        assert all(re.fullmatch(r"\w{2}(-\w{2})?", tag) for tag in link.get("hreflang", [])), link
    assert any(link.get("hreflang") for link in described)


def test_shall_16_media_types_are_of_a_registered_kind(resolver: Resolver) -> None:
    for _, link in resolver.links():
        if "type" in link:
            kind, slash, name = link["type"].partition("/")
            assert slash
            assert kind in _MEDIA_KINDS
            assert re.fullmatch(r"[-+.\w]+", name)


def test_shall_17_a_default_is_also_described(resolver: Resolver) -> None:
    for level in resolver.levels:
        described = {
            link["href"]
            for name, links in level.items()
            if isinstance(links, list) and word_of(name) not in DEFAULTS
            for link in links
        }
        for name, links in level.items():
            if word_of(name) in DEFAULTS:
                assert {link["href"] for link in links} <= described, level["anchor"]


def test_should_18_the_linkset_names_its_json_ld_context(resolver: Resolver) -> None:
    link = resolver.ask(resolver.url, Accept=LINKSET_JSON).links["http://www.w3.org/ns/json-ld#context"]
    context = resolver.ask(urljoin(resolver.url, link["url"]))
    assert context.headers["content-type"].partition(";")[0] == "application/ld+json"
    assert "@context" in context.json()


def test_shall_19_each_level_has_one_default_at_most_and_it_is_for_everybody(resolver: Resolver) -> None:
    (default,) = resolver.defaults("defaultLink")
    assert set(default) == {"href", "title"}
    for level in resolver.levels:
        assert sum(len(links) for name, links in level.items() if word_of(name) == "defaultLink") <= 1


def test_shall_26_the_resolver_describes_itself(resolver: Resolver) -> None:
    assert re.match(r"https?://", resolver.description["resolverRoot"])
    for namespace in resolver.description.get("supportedLinkType", []):
        assert re.fullmatch(r"[a-zA-Z_][A-Za-z0-9_-]*:", namespace["prefix"])


def test_shall_27_the_description_lists_the_primary_keys(resolver: Resolver) -> None:
    keys = set(resolver.description["supportedPrimaryKeys"])
    assert keys <= PRIMARY_KEYS | _LOCATION_KEYS | {"all"}
    assert keys & {"all", resolver.key[0]}


def test_should_28_the_description_names_the_json_ld_context(resolver: Resolver) -> None:
    context = resolver.ask(resolver.description["jsonLdContextLocation"])
    assert context.headers["content-type"].partition(";")[0] == "application/ld+json"
