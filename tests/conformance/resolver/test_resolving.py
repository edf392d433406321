"""Requests, errors and redirects."""

import re
from urllib.parse import urlsplit

import pytest

from tests.conformance.resolver.resolver import (
    QUALIFIERS,
    Resolver,
    asking_for,
    attributes_of,
    leads_to,
    wish_of,
)

ORIGIN = "https://reader.example"


def test_shall_1_all_key_qualifiers_are_supported(resolver: Resolver) -> None:
    qualifiers = QUALIFIERS.get(resolver.key[0], [])
    if not qualifiers:
        pytest.skip(f"({resolver.key[0]}) has no qualifiers")
    for qualifier in qualifiers:
        url = f"{resolver.key_url}/{qualifier}"
        assert resolver.ask(url).status_code in (200, 300, 302, 303, 307), url


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_shall_2_get_and_head_redirect(resolver: Resolver, method: str) -> None:
    answer = resolver.ask(resolver.url, method)
    assert answer.status_code in (300, 301, 302, 303, 307, 308)
    assert answer.http_version in ("HTTP/1.1", "HTTP/2", "HTTP/3")


def test_shall_2_get_and_head_answer_alike(resolver: Resolver) -> None:
    get, head = resolver.ask(resolver.url), resolver.ask(resolver.url, "HEAD")
    assert get.status_code == head.status_code
    assert get.headers.get("location") == head.headers.get("location")
    assert head.content == b""


def test_shall_2_options_tells_the_methods(resolver: Resolver) -> None:
    answer = resolver.ask(resolver.url, "OPTIONS")
    assert answer.status_code in (200, 204)
    told = answer.headers.get("allow") or answer.headers["access-control-allow-methods"]
    assert {"GET", "HEAD", "OPTIONS"} <= {method.strip() for method in told.split(",")}


def test_shall_3_https_is_supported(resolver: Resolver) -> None:
    if urlsplit(resolver.url).scheme != "https":
        pytest.skip("examined over http: give the https URL of the resolver")
    assert resolver.ask(resolver.url).status_code < 500


@pytest.mark.parametrize("query", ["", "?linkType=linkset"])
def test_shall_4_other_web_pages_may_read_answers(resolver: Resolver, query: str) -> None:
    answer = resolver.ask(resolver.url + query, Origin=ORIGIN)
    assert answer.headers["access-control-allow-origin"] in ("*", ORIGIN)


def test_shall_4_a_preflight_request_is_answered(resolver: Resolver) -> None:
    answer = resolver.ask(resolver.url, "OPTIONS", Origin=ORIGIN, Access_Control_Request_Method="GET")
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-allow-origin"] in ("*", ORIGIN)


WRONG_ENDS = ["/foo", "/10", "/21/S1/10/L1", "/10/%7F", "/99999/x", "/10/" + "L" * 21]


@pytest.mark.parametrize("end", WRONG_ENDS)
def test_shall_5_a_path_that_breaks_the_syntax_gets_400(resolver: Resolver, end: str) -> None:
    assert resolver.ask(resolver.key_url + end).status_code == 400


def test_shall_5_a_wrong_check_digit_gets_400(resolver: Resolver) -> None:
    code, value = resolver.key
    if code not in ("00", "01", "402", "414", "417", "8017", "8018"):
        pytest.skip(f"({code}) does not end in a check digit")
    wrong = f"{value[:-1]}{(int(value[-1]) + 1) % 10}"
    assert resolver.ask(f"{resolver.stem}/{code}/{wrong}").status_code == 400


def test_shall_5_a_wrong_attribute_gets_400(resolver: Resolver) -> None:
    assert resolver.ask(f"{resolver.url}?17=271331").status_code == 400


@pytest.mark.parametrize("end", [*WRONG_ENDS, "?linkType=gs1:nosuchlt", "/foo?linkType=linkset"])
def test_shall_6_an_error_is_never_a_200(resolver: Resolver, end: str) -> None:
    assert resolver.ask(resolver.key_url + end).status_code >= 400


def test_shall_20_without_a_wish_it_redirects_to_the_default(resolver: Resolver) -> None:
    (default,) = resolver.defaults("defaultLink")
    assert leads_to(resolver.target(resolver.url), default["href"])


def test_shall_20_a_wish_that_nothing_meets_leads_to_the_default(resolver: Resolver) -> None:
    (default,) = resolver.defaults("defaultLink")
    target = resolver.target(resolver.url, Accept_Language="tlh", Accept="application/x-nothing")
    assert leads_to(target, default["href"])


def test_shall_21_an_item_without_links_of_its_own_has_a_default_higher_up(resolver: Resolver) -> None:
    for qualifier in QUALIFIERS.get(resolver.key[0], []):
        assert resolver.target(f"{resolver.key_url}/{qualifier}")


def test_shall_22_a_type_that_is_there_is_redirected_to(resolver: Resolver) -> None:
    single = [(name, links[0]) for name, links in resolver.finest() if len(links) == 1]
    assert single, "the Digital Link under examination has no link type with one link"
    for name, link in single:
        assert leads_to(resolver.target(f"{resolver.url}?{asking_for(name)}"), link["href"]), name


def test_shall_22_a_type_is_known_by_its_uri_too(resolver: Resolver) -> None:
    name, links = next((name, links) for name, links in resolver.finest() if len(links) == 1)
    assert leads_to(resolver.target(f"{resolver.url}?linkType={name}"), links[0]["href"])


def test_shall_23_a_type_without_a_link_gets_404(resolver: Resolver) -> None:
    assert resolver.ask(f"{resolver.url}?linkType=gs1:nosuchlt").status_code == 404


@pytest.mark.parametrize("query", ["foo=bar", "17=271231&foo=a%20b%26c", "foo=1&foo=2&empty="])
def test_shall_24_the_query_is_passed_on(resolver: Resolver, query: str) -> None:
    target = resolver.target(f"{resolver.url}?{query}")
    assert query in urlsplit(target).query
    assert target.count("?") == 1


def test_should_25_language_format_and_context_tell_links_apart(resolver: Resolver) -> None:
    several = [(name, links) for name, links in resolver.finest() if len(links) > 1]
    if not several:
        pytest.skip("the Digital Link under examination has one link of each type")
    for name, links in several:
        kinds = [attributes_of(link) for link in links]
        for link in links:
            if kinds.count(attributes_of(link)) == 1:
                headers, context = wish_of(link)
                target = resolver.target(f"{resolver.url}?{asking_for(name)}{context}", **headers)
                assert leads_to(target, link["href"]), f"{name} {link}"


def test_should_25_language_chooses_among_several_defaults(resolver: Resolver) -> None:
    links = resolver.defaults("defaultLinkMulti")
    if not links:
        pytest.skip("there is no gs1:defaultLinkMulti")
    for link in links:
        headers, _ = wish_of(link)
        assert leads_to(resolver.target(resolver.url, **headers), link["href"]), link


def test_should_25_links_that_nothing_tells_apart_get_300(resolver: Resolver) -> None:
    for name, links in resolver.finest():
        kinds = [attributes_of(link) for link in links]
        alike = [link for link in links if kinds.count(attributes_of(link)) > 1]
        if alike:
            headers, context = wish_of(alike[0])
            assert resolver.ask(f"{resolver.url}?{asking_for(name)}{context}", **headers).status_code == 300
            return
    pytest.skip("all links of the Digital Link under examination can be told apart")


def test_shall_29_a_prefix_that_is_passed_on_is_annotated(resolver: Resolver) -> None:
    rels = " ".join(link.get("rel", "") for link in resolver.ask(resolver.url).links.values())
    if "handledBy" not in rels:
        pytest.skip("the resolver does not pass whole prefixes on")
    assert not re.search(r"\blinkset\b", rels)


@pytest.mark.parametrize("query", ["", "?linkType=linkset"])
def test_should_30_a_slash_at_the_end_is_tolerated(resolver: Resolver, query: str) -> None:
    without, with_slash = resolver.ask(resolver.url + query), resolver.ask(f"{resolver.url}/{query}")
    assert with_slash.status_code == without.status_code
    assert with_slash.headers.get("location") == without.headers.get("location")


def test_should_31_a_redirect_names_the_linkset(resolver: Resolver) -> None:
    link = resolver.ask(resolver.url).links["linkset"]
    assert resolver.ask(link["url"], Accept=link.get("type", "application/linkset+json")).status_code == 200
