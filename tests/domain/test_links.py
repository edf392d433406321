"""Links by level, what may be registered, and which link answers a request."""

import json
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.domain.digital_link import parse_digital_link
from ledger.domain.errors import Invalid
from ledger.domain.links import (
    Link,
    Wish,
    choose_links,
    levels_of,
    parse_anchor,
    parse_link_type,
    pass_on,
    read_link,
    write_link,
)
from ledger.domain.linkset import LinkedLevel, linkset, linkset_text
from tests.vectors import vectors

ROOT = "https://id.gs1.org"
GTIN = f"{ROOT}/01/09506000134352"
VOC = "https://ref.gs1.org/voc/"
GIVEN: dict[str, Any] = {
    "id": "(01)09506000134352(10)L1",
    "linkType": "gs1:pip",
    "href": "https://shop.example/p?a=1#top",
    "title": "产品信息 · product",
    "hreflang": ["zh-CN", "en"],
    "type": "text/html",
    "context": ["CN"],
    "default": ["defaultLink"],
}


def link(href: str, link_type: str = "pip", **given: Any) -> Link:
    return Link(GTIN, VOC + link_type, f"https://x.example/{href}", href, **given)


def chosen(wish: Wish, *levels: list[Link]) -> list[str]:
    return [one.title for one in choose_links(levels, wish)]


# --- levels


@pytest.mark.parametrize(
    ("path", "anchors"),
    [
        (
            "/01/09506000134352/22/V/10/L1/21/S%2F1",
            [f"/01/09506000134352{end}" for end in ("/21/S%2F1", "/10/L1", "/22/V", "")],
        ),
        ("/01/09506000134352/235/T", ["/01/09506000134352/235/T", "/01/09506000134352"]),
        (
            "/8006/095060001343520102/10/L/21/S",
            [f"/8006/095060001343520102{end}" for end in ("/21/S", "/10/L", "")],
        ),
        ("/414/9506000000008/254/X", ["/414/9506000000008/254/X", "/414/9506000000008"]),
        ("/414/9506000000008/254/0", ["/414/9506000000008"]),
        ("/415/9506000000008/8020/R1", ["/415/9506000000008/8020/R1"]),
        ("/00/095060000000000015?17=271231", ["/00/095060000000000015"]),
    ],
)  # fmt: skip
def test_levels_run_from_the_finest_qualifier_to_the_key(path: str, anchors: list[str]) -> None:
    levels = levels_of(parse_digital_link(ROOT + path))
    assert [level.anchor for level in levels] == [ROOT + anchor for anchor in anchors]
    assert path.startswith(levels[0].path)


def test_a_serial_is_one_level_with_its_lot_and_without() -> None:
    spellings = [
        "(01)09506000134352(10)L1(21)S1",
        f"{GTIN}/21/S1",
        "https://x.example/a/01/09506000134352/22/V/21/S1",
    ]
    assert {parse_anchor(text) for text in spellings} == {f"{GTIN}/21/S1"}
    assert parse_anchor("urn:epc:id:sgtin:9506000.013435.S1") == f"{GTIN}/21/S1"
    assert parse_anchor(f"{GTIN}/22/V") == parse_anchor("(01)09506000134352(22)V") == f"{GTIN}/22/V"
    assert parse_anchor("9506000134352") == parse_anchor("]C10109506000134352") == GTIN


@pytest.mark.parametrize(
    "text", ["88.118.1001/abc", "(01)09506000134353", "(17)271231", "https://x.example/y", "", "x"]
)
def test_what_is_no_gs1_key_has_no_links(text: str) -> None:
    with pytest.raises(Invalid):
        parse_anchor(text)


# --- reading


def test_a_link_is_read_from_json_and_from_a_row() -> None:
    row = {**GIVEN, "hreflang": "zh-cn, EN", "context": "CN", "default": "defaultLink", "type": "TEXT/html"}
    read = read_link(GIVEN)
    assert read == read_link(row)
    assert (read.anchor, read.link_type, read.is_default, read.is_default_multi) == (
        f"{GTIN}/10/L1",
        f"{VOC}pip",
        True,
        False,
    )
    assert read_link(write_link(read)) == read
    assert read.languages == ("zh-CN", "en")


FAULTS: list[tuple[str, object, str]] = [
    ("id", "(01)09506000134353", "check digit"),
    ("id", None, "should be text"),
    ("id", "", "is missing"),
    ("href", "", "is missing"),
    ("href", "javascript:alert(1)", "absolute http"),
    ("href", "//evil.example/", "absolute http"),
    ("href", "/item", "absolute http"),
    ("href", "https:///x", "absolute http"),
    ("href", "ftp://x.example/", "absolute http"),
    ("href", "https://user:secret@x.example/", "user name or password"),
    ("href", "https://x.example/a b", "percent-encoded"),
    ("href", "https://x.example/\r\nSet-Cookie: a=b", "percent-encoded"),
    ("href", "https://x.example/产品", "percent-encoded"),
    ("href", "https://x.example:port/", "is no URL"),
    ("href", "https://[::1/", "is no URL"),
    ("href", "https://x.example/" + "a" * 2048, "at most 2048"),
    ("title", " ", "1 to 200"),
    ("title", "a\nb", "printable"),
    ("title", "a" * 201, "1 to 200"),
    ("linkType", "gs1:defaultLink", "tells nothing"),
    ("linkType", "linkset", "tells nothing"),
    ("linkType", "all", "tells nothing"),
    ("linkType", "Product Info", "not a link type"),
    ("linkType", "https://x.example/a-b", "not a link type"),
    ("hreflang", ["zho"], "no language"),
    ("hreflang", "zh-Hans", "no language"),
    ("hreflang", {"zh": 1}, "list of texts"),
    ("hreflang", ["en", 7], "list of texts"),
    ("context", [f"c{n}" for n in range(21)], "at most 20"),
    ("context", "a b", "letters, digits"),
    ("type", "html", "no media type"),
    ("type", "wrong/html", "no media type"),
    ("default", "yes", "defaultLink or"),
    ("colour", "red", "no such member"),
]  # fmt: skip


@pytest.mark.parametrize(("member", "value", "says"), FAULTS)
def test_a_faulty_member_is_told_by_name(member: str, value: Any, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_link({**GIVEN, member: value})
    (problem,) = caught.value.problems
    assert problem.pointer == member
    assert says in problem.message


def test_all_faults_of_a_link_are_told_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        read_link({"href": "x", "title": ""})
    assert [problem.pointer for problem in caught.value.problems] == ["id", "linkType", "href", "title"]


@pytest.mark.parametrize(
    "text",
    [
        "gs1:pip",
        "https://gs1.org/voc/pip",
        "https://www.gs1.org/voc/pip",
        f"{VOC}pip",
        "http://gs1.org/voc/pip",
    ],
)
def test_the_gs1_vocabulary_is_one_in_all_its_namespaces(text: str) -> None:
    assert parse_link_type(text) == f"{VOC}pip"


def test_a_link_keeps_its_id_when_its_title_changes_and_not_when_its_target_does() -> None:
    read = read_link(GIVEN)
    assert read_link({**GIVEN, "title": "another", "type": "", "default": []}).link_id == read.link_id
    others = {"href": "https://shop.example/q", "linkType": "gs1:faqs", "id": "(01)09506000134352"}
    assert all(read_link({**GIVEN, name: value}).link_id != read.link_id for name, value in others.items())


_text = st.text(st.characters(codec="utf-8", max_codepoint=0x3FF), max_size=12)
_values = st.none() | _text | st.lists(_text, max_size=3) | st.integers()


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(list(GIVEN)), _values)
def test_whatever_is_sent_is_a_link_or_a_listed_fault(member: str, value: Any) -> None:
    try:
        read = read_link({**GIVEN, member: value})
    except Invalid as error:
        assert [problem.pointer for problem in error.problems] == [member]  # noqa: PT017
    else:
        assert read_link(write_link(read)) == read


# --- choosing


def test_a_type_is_taken_from_the_finest_level_that_has_it() -> None:
    fine, coarse = [link("serial", "dpp")], [link("gtin"), link("gtin dpp", "dpp")]
    assert chosen(Wish(f"{VOC}dpp"), fine, coarse) == ["serial"]
    assert chosen(Wish(f"{VOC}pip"), fine, coarse) == ["gtin"]
    assert chosen(Wish(f"{VOC}faqs"), fine, coarse) == []


def test_the_default_is_that_of_the_finest_level_that_has_one() -> None:
    fine, coarse = [link("lot")], [link("other"), link("default", is_default=True)]
    assert chosen(Wish(), fine, coarse) == ["default"]
    assert chosen(Wish(), [link("lot", is_default=True)], coarse) == ["lot"]
    assert chosen(Wish(f"{VOC}defaultLink"), fine, coarse) == ["default"]
    assert chosen(Wish(), fine) == []


CERTIFICATES = [
    link("any"),
    link("fr", languages=("fr",), media_type="text/html"),
    link("pdf", media_type="application/pdf"),
    link("en pdf", languages=("en",), media_type="application/pdf"),
    link("en pdf LK", languages=("en",), media_type="application/pdf", contexts=("LK",)),
]


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ({}, "any"),
        ({"languages": "fr"}, "fr"),
        ({"languages": "fr-CA, en;q=0.5"}, "fr"),
        ({"languages": "de"}, "any"),
        ({"media_types": "application/pdf"}, "pdf"),
        ({"media_types": "application/pdf", "languages": "en"}, "en pdf"),
        ({"media_types": "application/pdf", "languages": "en", "context": "LK"}, "en pdf LK"),
        ({"context": "LK"}, "en pdf LK"),
        ({"context": "CN"}, "any"),
        ({"media_types": "text/html,*/*;q=0.8", "languages": "fr"}, "fr"),
        ({"media_types": "*/*"}, "any"),
        ({"languages": "en;q=0.2, fr;q=0.9"}, "fr"),
        ({"languages": "fr;q=0, *"}, "any"),
        ({"languages": "", "media_types": "nonsense;q=x"}, "any"),
    ],
)
def test_language_format_and_context_choose_among_links_of_one_type(wish: dict[str, str], found: str) -> None:
    assert chosen(Wish(f"{VOC}pip", **wish), CERTIFICATES) == [found]
    assert chosen(Wish(f"{VOC}pip", **wish), CERTIFICATES[::-1]) == [found]


def test_what_nothing_tells_apart_is_listed_unless_one_is_the_default() -> None:
    assert chosen(Wish(f"{VOC}pip"), [link("a"), link("b")]) == ["a", "b"]
    assert chosen(Wish(f"{VOC}pip"), [link("a"), link("b", is_default=True)]) == ["b"]


def test_defaults_in_several_languages_win_only_where_the_request_names_one() -> None:
    links = [
        link("zh", languages=("zh",), is_default_multi=True),
        link("en", languages=("en",), is_default_multi=True, is_default=True),
    ]
    wishes = {
        "": "en",
        "zh-CN,zh;q=0.9,en;q=0.8": "zh",
        "en-GB": "en",
        "fr": "en",
        "*": "en",
        "fr, zh;q=0.1": "zh",
    }
    for languages, found in wishes.items():
        assert chosen(Wish(languages=languages), links) == [found], languages
    assert chosen(Wish(media_types="*/*"), links) == ["en"]


def test_several_defaults_below_a_default_leave_it_to_the_default_when_none_fits() -> None:
    fine = [link("zh", languages=("zh",), is_default_multi=True)]
    assert chosen(Wish(languages="en"), fine, [link("gtin", is_default=True)]) == ["gtin"]


# --- redirecting


@pytest.mark.parametrize(
    ("href", "query", "target"),
    [
        ("https://x.example/p", "", "https://x.example/p"),
        ("https://x.example/p", "a=1&a=%20", "https://x.example/p?a=1&a=%20"),
        ("https://x.example/p?b=2", "a=1", "https://x.example/p?b=2&a=1"),
        ("https://x.example/p?", "a=1", "https://x.example/p?a=1"),
        ("https://x.example/p?b=2#top", "a=1", "https://x.example/p?b=2&a=1#top"),
    ],
)
def test_the_query_is_passed_on_unchanged(href: str, query: str, target: str) -> None:
    assert pass_on(href, query) == target


# --- linksets

LEVELS = [
    LinkedLevel(f"{GTIN}/10/L1", "Rice, lot L1", (read_link(GIVEN),)),
    LinkedLevel(f"{GTIN}/22/V", "Rice, variant", ()),
    LinkedLevel(
        GTIN,
        "Rice",
        (link("a", is_default=True, languages=("en",)), link('say "b"', "faqs", is_default_multi=True)),
    ),
]


def test_a_linkset_fits_the_schema_of_gs1_and_lists_defaults_twice() -> None:
    found = linkset(LEVELS)
    schema = json.loads(vectors("digital-link", "linkset", "gs1-linkset-schema.json").read_text())
    jsonschema_rs.validator_for(schema).validate(found)

    lot, gtin = found["linkset"]
    assert (lot["anchor"], gtin["anchor"], gtin["itemDescription"]) == (f"{GTIN}/10/L1", GTIN, "Rice")
    assert gtin[f"{VOC}pip"] == [{"href": "https://x.example/a", "title": "a", "hreflang": ["en"]}]
    assert gtin[f"{VOC}defaultLink"] == [{"href": "https://x.example/a", "title": "a"}]
    assert gtin[f"{VOC}defaultLinkMulti"] == gtin[f"{VOC}faqs"]


def test_a_linkset_in_text_says_the_same_in_ascii() -> None:
    lines = linkset_text(LEVELS).split(",\n")
    assert lines[0] == (
        f'<https://shop.example/p?a=1#top>; rel="{VOC}pip"; anchor="{GTIN}/10/L1"; '
        "title*=UTF-8''%E4%BA%A7%E5%93%81%E4%BF%A1%E6%81%AF%20%C2%B7%20product; "
        'hreflang="zh-CN"; hreflang="en"; type="text/html"; context="CN"'
    )
    assert len(lines) == 6
    assert 'title="say \\"b\\""' in lines[3]
    assert all(line.isascii() for line in lines)
