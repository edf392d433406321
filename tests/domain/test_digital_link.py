"""Digital Links and element strings: against the GS1 Syntax Dictionary, a syntax engine, themselves.

Of the engine's vectors those that switch a leniency on must be refused here. Its un-escaping is held to
strictly: what is not well-formed percent-encoding of the 82-character set is refused.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.ai_forms import parse_form
from ledger.domain.ai_table import AIS, QUALIFIERS, check_value
from ledger.domain.check_digits import check_pair
from ledger.domain.digital_link import (
    DigitalLink,
    Element,
    build,
    escape,
    link_elements,
    parse_digital_link,
    parse_element_string,
    write_element_string,
)
from ledger.domain.errors import Invalid
from tests.vectors import vectors

GTIN = Element("01", "09506000134352")
SSCC = Element("00", "395060000000000177")


def test_a_link_is_read_into_stem_key_qualifiers_and_attributes() -> None:
    uri = "https://example.com:8080/a/b/01/09506000134352/10/L%2F1/21/S?17=271231&linkType=all&&x&10x=1&3103=000195#top"
    assert parse_digital_link(uri) == DigitalLink(
        "https://example.com:8080/a/b",
        GTIN,
        (Element("10", "L/1"), Element("21", "S")),
        (Element("17", "271231"), Element("3103", "000195")),
    )


def test_a_link_is_made_of_elements_in_any_order() -> None:
    elements = parse_element_string("(17)271231(21)S(10)L(01)09506000134352(22)V")
    link = link_elements(elements, "https://example.com")
    assert build(link) == "https://example.com/01/09506000134352/22/V/10/L/21/S?17=271231"
    assert link.elements == (GTIN, ("22", "V"), ("10", "L"), ("21", "S"), ("17", "271231"))


def test_the_first_key_is_what_the_link_is_about() -> None:
    assert build(link_elements([SSCC, GTIN])) == "https://id.gs1.org/00/395060000000000177?01=09506000134352"
    assert build(link_elements([GTIN, SSCC])) == "https://id.gs1.org/01/09506000134352?00=395060000000000177"


def test_the_last_key_of_a_path_is_what_the_link_is_about() -> None:
    link = parse_digital_link("https://example.com/01/x/01/09506000134352/00/395060000000000177")
    assert (link.stem, link.key) == ("https://example.com/01/x/01/09506000134352", SSCC)


def test_a_plus_is_a_space_in_the_query_only() -> None:
    assert parse_digital_link("https://a/01/09506000134352/21/a+b").qualifiers == (Element("21", "a+b"),)
    assert parse_digital_link("https://a/01/09506000134352?240=a%2Bb").attributes == (Element("240", "a+b"),)
    with pytest.raises(Invalid, match="'a b'"):
        parse_digital_link("https://a/01/09506000134352?240=a+b")


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("https://a/01/09506000134352?17=271331", r"^AI \(17\) 271331: month is 13, should be 01 to 12$"),
        ("https://a/01/09506000134352?17=270229", "day is 29, should be 01 to 28"),
        ("https://a/01/09506000134352?7006=270200", "day is 00"),
        ("https://a/01/09506000134352?7007=270201270230", "day is 30"),
        ("https://a/01/09506000134352?17=", r"AI \(17\) '': should be 6 digits"),
        ("https://a/01/09506000134352?17=27123x", "'27123x': should be 6 digits"),
        ("https://a/01/09506000134352?29=1", "AI '29': GS1 has none of this number"),
        ("https://a/01/09506000134352?21=S", "cannot stand beside"),
        ("https://a/01/09506000134352?01=09506000134352", "twice"),
        ("https://a/01/09506000134352?10=A&10=A", "twice"),
        ("https://a/01/09506000134352?410=9506000111118", "check digit is 8, should be 7"),
        (
            "https://a/8013/1987654Ad4X4bL5ttr2310c2J",
            "^GMN 1987654Ad4X4bL5ttr2310c2J: check pair is 2J, should be 2K",
        ),
        ("https://a/8013/19", "GMN 19: is too short"),
        ("ftp://a/01/09506000134352", "not an http or https URI"),
        ("https://a b/01/09506000134352", "not an http or https URI"),
        ("https://a/gtin/09506000134352", "does not end in a GS1 key"),
        ("", "not an http or https URI"),
    ],
)
def test_a_wrong_link_is_refused_and_the_message_says_why(uri: str, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        parse_digital_link(uri)


def test_a_date_may_leave_the_day_open_where_gs1_allows_it() -> None:
    for attribute in ("17=270200", "17=280229", "4324=2702000800", "7251=200002290800"):
        assert parse_digital_link(f"https://a/8018/950600000000000170?{attribute}").attributes


def test_the_check_pair_is_that_of_the_general_specifications() -> None:
    # The GMN example of the General Specifications.
    assert check_pair("1987654Ad4X4bL5ttr2310c") == "2K"
    for text in ("", "a" * 24, "ü", "#"):
        with pytest.raises(Invalid, match="1 to 23 characters"):
            check_pair(text)


# Round trips

gs1_text = st.text("!\"%&'()*+,-./0123456789:;<=>?ABCXYZ_abcxyz", min_size=1, max_size=20)
stems = st.sampled_from(
    ["https://id.gs1.org", "HTTP://a.example:81", "https://[::1]:8000/r", "https://a.example/01/a%2Fb//21"]
)
values = {
    "01": st.just(GTIN.value),
    "00": st.just(SSCC.value),
    "10": gs1_text,
    "21": gs1_text,
    "22": gs1_text,
    "240": gs1_text,
    "17": st.dates().map(lambda date: date.strftime("%y%m%d")),
    "3103": st.integers(0, 999999).map(lambda grams: f"{grams:06}"),
    "99": gs1_text,
}
element_maps = st.fixed_dictionaries(
    {"01": values["01"]}, optional={ai: values[ai] for ai in values if ai != "01"}
)
links = st.builds(
    lambda chosen, stem: link_elements(
        [Element("01", chosen["01"]), *map(Element._make, chosen.items())], stem
    ),
    element_maps,
    stems,
)


@given(links)
def test_a_link_reads_back_as_it_was_built(link: DigitalLink) -> None:
    uri = build(link)
    assert parse_digital_link(uri) == link
    assert re.fullmatch(r"[A-Za-z0-9\-._~%/?&=:\[\]]+", uri.removeprefix(link.stem))


@given(links)
def test_an_element_string_reads_back_as_it_was_written(link: DigitalLink) -> None:
    assert tuple(parse_element_string(write_element_string(link.elements))) == link.elements
    assert link_elements(link.elements, link.stem) == link


@given(st.text() | st.text(r"()\01a17", max_size=30))
def test_a_text_is_an_element_string_or_refused(text: str) -> None:
    try:
        elements = parse_element_string(text)
    except Invalid:
        return
    assert write_element_string(elements) == text


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_no_text_in_a_link_causes_anything_but_a_link_or_a_refusal(a: str, b: str, c: str) -> None:
    for text in (
        a,
        f"https://{a}/01/09506000134352/21/{b}?{c}",
        f"https://a/01/09506000134352?{a}={b}&17={c}",
    ):
        try:
            link = parse_digital_link(text)
        except Invalid as refusal:
            str(refusal).encode()
        else:
            assert parse_digital_link(build(link)) == link


# The GS1 Syntax Dictionary

LINTERS = {
    "csum": "digit",
    "csumalpha": "pair",
    "zero": "zero",
    "hasnondigit": "nondigit",
    "nozeroprefix": "number",
    "pieceoftotal": "pieces",
    "yymmdd": "day",
    "yymmd0": "day0",
    "yyyymmdd": "day",
}
"""The dictionary's name of a check -> ours; `ai_table` says which of its checks we leave out."""


def dictionary() -> Iterator[tuple[str, str, str, str]]:
    """AI, flags, form in our notation, attributes."""
    for line in vectors("digital-link", "gs1-syntax-dictionary.txt").read_text().splitlines():
        row = re.fullmatch(
            r"([0-9]+)(?:-([0-9]+))? +([*?]*) +((?:\[?[NXYZ][.0-9]+\]?[a-z0-9,]* *)+)(.*)", line
        )
        if not row:
            assert not line or line.startswith("#")
            continue
        first, last, flags, form, rest = row.groups()
        for number in range(int(first), int(last or first) + 1):
            yield str(number).zfill(len(first)), flags, translate(form), rest


def translate(form: str) -> str:
    words = []
    for word in form.split():
        body, *linters = word.split(",")
        checks = [LINTERS[linter] for linter in linters if linter in LINTERS]
        # A key of digits always begins with a prefix of digits.
        checks += ["prefix"] if "gcppos1" in linters and body[0] in "XY" else []
        words.append(",".join([body, *checks]))
    return " ".join(words)


def test_every_ai_has_the_form_and_place_that_the_syntax_dictionary_gives_it() -> None:
    rows = list(dictionary())
    assert {ai for ai, *_ in rows} == set(AIS)
    for ai, flags, form, _ in rows:
        expected = parse_form(form)
        assert AIS[ai].form.description == expected.description, ai
        assert set(AIS[ai].form.checks) == set(expected.checks), ai
        assert AIS[ai].is_attribute == ("?" in flags), ai


def test_every_key_has_the_qualifiers_that_the_syntax_dictionary_gives_it() -> None:
    keys = {}
    for ai, _, _, rest in dictionary():
        if key := re.search(r"\bdlpkey(?:=(\S+))?", rest):
            keys[ai] = tuple(tuple(sequence.split(",")) for sequence in (key[1] or "").split("|") if sequence)
    assert keys == QUALIFIERS


def test_no_ai_takes_an_empty_endless_or_foreign_value() -> None:
    for ai in AIS:
        for value in ("", "1" * 91, " ", "溯源", "1\n"):
            with pytest.raises(Invalid, match="should be"):
                check_value(ai, value)


# Vectors of a syntax engine


def engine_vectors(test: str) -> list[dict[str, Any]]:
    rows = json.loads(vectors("digital-link", "parse-digital-link.json").read_text())
    return [row for row in rows if row["fn"] == test]


def test_links_are_read_and_refused_as_a_syntax_engine_does() -> None:
    rows = engine_vectors("test_parseDLuri")
    for row in rows:
        if row["should_succeed"] and not row.get("options"):
            elements = parse_digital_link(row["dl_uri"]).elements
            assert "".join(map("".join, elements)) == row["expected_ai_data"].replace("^", ""), row
        else:
            with pytest.raises(Invalid):
                parse_digital_link(row["dl_uri"])
    assert len(rows) >= 40


def test_links_are_built_and_refused_as_a_syntax_engine_does() -> None:
    rows = engine_vectors("test_testGenerateDLuri")
    for row in rows:
        if row["should_succeed"] and not row.get("options"):
            link = link_elements(parse_element_string(row["bracketed_ai"]), row["stem"])
            path, _, query = build(link).partition("?")
            expected_path, _, expected_query = row["expected_uri"].partition("?")
            assert path == expected_path
            # The order of parameters means nothing; the engine puts those of fixed length first.
            assert sorted(query.split("&")) == sorted(expected_query.split("&"))
        else:
            with pytest.raises(Invalid):
                link_elements(parse_element_string(row["bracketed_ai"]))
    assert len(rows) > 5


def test_paths_are_escaped_as_a_syntax_engine_does() -> None:
    for row in engine_vectors("test_URIescape"):
        assert escape(row["input"]) == row["expected_path"]


def test_paths_are_unescaped_as_a_syntax_engine_does_where_they_are_well_formed() -> None:
    for row in engine_vectors("test_URIunescape"):
        uri = f"https://a/01/09506000134352/21/{row['input']}"
        is_malformed = re.search("%(?![0-9A-Fa-f]{2})", row["input"])
        if is_malformed or not AIS["21"].form.matches(row["expected_path"]):
            with pytest.raises(Invalid):
                parse_digital_link(uri)
        else:
            assert parse_digital_link(uri).qualifiers == (Element("21", row["expected_path"]),)
