"""Identifiers: one thing has one canonical URI, however it is spelled; a wrong key passes as no other thing.

Of other people's EPC URN vectors two groups are left out, by rule: words of vocabularies, and URNs that hold
raw what TDS 2.0 appendix A wants escaped. Where we are stricter than their makers, the test says in what.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.digital_link import Element, escape, write_element_string
from ledger.domain.errors import Invalid
from ledger.domain.identifiers import (
    Identifier,
    Kind,
    check_digit,
    company_digits,
    normalise_uri,
    parse_identifier,
)
from tests.vectors import vectors

# Kind, length of the company prefix (9506000 is GS1's for examples), EPC URN, canonical URI, element string.
# fmt: off
SPELLINGS = [
    ("sgtin", 7, "id:sgtin:9506000.013435.S1", "/01/09506000134352/21/S1", "(01)09506000134352(21)S1"),
    ("sgtin", 12, "id:sgtin:950600013435.1.a%2F%22b%22(c)", "/01/19506000134359/21/a%2F%22b%22%28c%29",
     r'(01)19506000134359(21)a/"b"\(c)'),
    ("lgtin", 7, "class:lgtin:9506000.013435.L-1", "/01/09506000134352/10/L-1", "(01)09506000134352(10)L-1"),
    ("upui", 7, "id:upui:9506000.013435.T%25P", "/01/09506000134352/235/T%25P", "(01)09506000134352(235)T%P"),
    ("gtin", 7, "idpat:sgtin:9506000.013435.*", "/01/09506000134352", "(01)09506000134352"),
    ("itip", 7, "id:itip:9506000.013435.01.02.S1", "/8006/095060001343520102/21/S1",
     "(8006)095060001343520102(21)S1"),
    ("itip-class", 7, "idpat:itip:9506000.013435.01.02.*", "/8006/095060001343520102",
     "(8006)095060001343520102"),
    ("sscc", 7, "id:sscc:9506000.3000000017", "/00/395060000000000177", "(00)395060000000000177"),
    ("sgln", 7, "id:sgln:9506000.11111.dock-4", "/414/9506000111117/254/dock-4",
     "(414)9506000111117(254)dock-4"),
    ("gln", 7, "id:sgln:9506000.11111.0", "/414/9506000111117", "(414)9506000111117"),
    ("gln", 12, "id:sgln:950600011111..0", "/414/9506000111117", "(414)9506000111117"),
    ("pgln", 7, "id:pgln:9506000.11111", "/417/9506000111117", "(417)9506000111117"),
    ("grai", 7, "id:grai:9506000.11111.R7", "/8003/09506000111117R7", "(8003)09506000111117R7"),
    ("grai-class", 7, "idpat:grai:9506000.11111.*", "/8003/09506000111117", "(8003)09506000111117"),
    ("gdti", 7, "id:gdti:9506000.11111.PO-1", "/253/9506000111117PO-1", "(253)9506000111117PO-1"),
    ("gdti-class", 7, "idpat:gdti:9506000.11111.*", "/253/9506000111117", "(253)9506000111117"),
    ("gcn", 7, "id:sgcn:9506000.11111.0042", "/255/95060001111170042", "(255)95060001111170042"),
    ("gcn-class", 7, "idpat:sgcn:9506000.11111.*", "/255/9506000111117", "(255)9506000111117"),
    ("cpi", 7, "id:cpi:9506000.A%23%2F1.12", "/8010/9506000A%23%2F1/8011/12", "(8010)9506000A#/1(8011)12"),
    ("cpi-class", 7, "idpat:cpi:9506000.A1.*", "/8010/9506000A1", "(8010)9506000A1"),
    ("giai", 7, "id:giai:9506000.w.2", "/8004/9506000w.2", "(8004)9506000w.2"),
    ("gsrn", 7, "id:gsrn:9506000.0000000017", "/8018/950600000000000170", "(8018)950600000000000170"),
    ("gsrnp", 7, "id:gsrnp:9506000.0000000017", "/8017/950600000000000170", "(8017)950600000000000170"),
    ("ginc", 7, "id:ginc:9506000.x%2F1", "/401/9506000x%2F1", "(401)9506000x/1"),
    ("gsin", 7, "id:gsin:9506000.000000017", "/402/95060000000000176", "(402)95060000000000176"),
]
# fmt: on


@pytest.mark.parametrize(("kind", "length", "urn", "path", "elements"), SPELLINGS)
def test_every_spelling_of_a_key_is_the_same_identifier(
    kind: Kind, length: int, urn: str, path: str, elements: str
) -> None:
    identifier = parse_identifier(f"urn:epc:{urn}")
    assert identifier == Identifier(f"https://id.gs1.org{path}", kind)
    assert parse_identifier(identifier.uri) == identifier
    assert parse_identifier(elements) == identifier
    assert (
        parse_identifier(f"HTTP://example.com:8080/shop/01/a{path}?17=271231&linkType=all#top") == identifier
    )
    assert identifier.element_string == elements
    assert identifier.urn(length) == f"urn:epc:{urn}"
    assert normalise_uri(f"urn:epc:{urn}") == normalise_uri(identifier.uri) == identifier.uri


# Check digits


def slow_check_digit(digits: str) -> int:
    """GS1 General Specifications 7.9: weights 3, 1 from the right, then up to the next multiple of ten."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits), start=1))
    return next(digit for digit in range(10) if (total + digit) % 10 == 0)


@given(st.text("0123456789", min_size=1, max_size=40))
def test_the_check_digit_is_that_of_the_general_specifications(digits: str) -> None:
    assert check_digit(digits) == slow_check_digit(digits)


@pytest.mark.parametrize("text", ["", "12a", "1 2", "-1", "١٢", "²"])
def test_only_digits_have_a_check_digit(text: str) -> None:
    with pytest.raises(Invalid, match="digits only"):
        check_digit(text)


# Round trips

digits = st.text("0123456789", min_size=1)
gs1_text = st.text("!\"%&'()*+,-./0123456789:;<=>?ABCXYZ_abcxyz", min_size=1, max_size=20)


def numbers(length: int) -> st.SearchStrategy[str]:
    """Keys of digits with their check digit at the end, `length` in all."""
    exact = st.text("0123456789", min_size=length - 1, max_size=length - 1)
    return exact.map(lambda number: number + str(slow_check_digit(number)))


def pieces() -> st.SearchStrategy[str]:
    totals = st.integers(1, 99)
    return totals.flatmap(lambda total: st.integers(1, total).map(lambda piece: f"{piece:02}{total:02}"))


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


gtins = numbers(14)
glns = numbers(13)
prefixed = joined(
    st.text("0123456789", min_size=12, max_size=12), st.text("!%(/.9Aa", min_size=1, max_size=18)
)
parts = joined(st.text("0123456789", min_size=12, max_size=12), st.text("#-/0AZ", max_size=18))
MAKERS: dict[str, dict[str, st.SearchStrategy[str]]] = {
    "sgtin": {"01": gtins, "21": gs1_text},
    "lgtin": {"01": gtins, "10": gs1_text},
    "upui": {"01": gtins, "235": gs1_text},
    "gtin": {"01": gtins},
    "itip": {"8006": joined(gtins, pieces()), "21": gs1_text},
    "itip-class": {"8006": joined(gtins, pieces())},
    "sscc": {"00": numbers(18)},
    "sgln": {"414": glns, "254": gs1_text.filter(lambda extension: extension != "0")},
    "gln": {"414": glns},
    "pgln": {"417": glns},
    "grai": {"8003": joined(st.just("0"), glns, gs1_text.map(lambda serial: serial[:16]))},
    "grai-class": {"8003": joined(st.just("0"), glns)},
    "gdti": {"253": joined(glns, gs1_text.map(lambda serial: serial[:17]))},
    "gdti-class": {"253": glns},
    "gcn": {"255": joined(glns, digits.map(lambda serial: serial[:12]))},
    "gcn-class": {"255": glns},
    "cpi": {"8010": parts, "8011": st.integers(0, 10**12 - 1).map(str)},
    "cpi-class": {"8010": parts},
    "giai": {"8004": prefixed},
    "gsrn": {"8018": numbers(18)},
    "gsrnp": {"8017": numbers(18)},
    "ginc": {"401": prefixed},
    "gsin": {"402": numbers(17)},
}
keys = st.sampled_from(sorted(MAKERS)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.fixed_dictionaries(MAKERS[kind]))
)


@given(keys, st.integers(6, 12))
def test_a_key_survives_the_way_through_all_its_spellings(
    key: tuple[str, dict[str, str]], length: int
) -> None:
    kind, values = key
    elements = [Element(ai, values[ai]) for ai in MAKERS[kind]]
    identifier = parse_identifier(write_element_string(elements))
    assert identifier.kind == kind
    assert identifier.uri == "https://id.gs1.org" + "".join(
        f"/{ai}/{escape(value)}" for ai, value in elements
    )
    assert identifier.elements == tuple(elements)
    assert parse_identifier(identifier.uri) == identifier
    assert parse_identifier(identifier.element_string) == identifier
    assert parse_identifier(identifier.urn(length)) == identifier
    assert normalise_uri(identifier.urn(length)) == identifier.uri


@given(gs1_text, st.data())
def test_how_a_character_is_escaped_makes_no_difference(serial: str, data: st.DataObject) -> None:
    def spell(character: str) -> str:
        escapes = [f"%{ord(character):02X}", f"%{ord(character):02x}"]
        return data.draw(st.sampled_from(escapes if character in '"%/<>?' else [*escapes, character]))

    spelled = "".join(map(spell, serial))
    expected = parse_identifier(f"https://id.gs1.org/01/09506000134352/21/{escape(serial)}")
    assert parse_identifier(f"https://id.gs1.org/01/09506000134352/21/{spelled}") == expected
    assert parse_identifier(f"urn:epc:id:sgtin:9506000.013435.{spelled}") == expected


spellings = st.sampled_from([f"urn:epc:{row[2]}" for row in SPELLINGS] + [row[4] for row in SPELLINGS]) | (
    st.sampled_from([f"https://id.gs1.org{row[3]}" for row in SPELLINGS])
)


@given(st.text() | st.builds(lambda a, b, c: a[: len(b)] + b + a[len(c) :], spellings, st.text(), st.text()))
def test_no_text_causes_anything_but_an_identifier_or_a_refusal(text: str) -> None:
    normalised = normalise_uri(text)
    assert normalise_uri(normalised) == normalised
    try:
        identifier = parse_identifier(text)
    except Invalid as refusal:
        str(refusal).encode()  # a message can be logged and sent: no lone surrogate is in it
    else:
        assert parse_identifier(identifier.uri) == identifier


# What an identifier names


@pytest.mark.parametrize(
    ("path", "kind", "canonical"),
    [
        ("/01/09506000134352/22/V/10/L/21/S", "sgtin", "/01/09506000134352/21/S"),
        ("/01/09506000134352/22/V/10/L", "lgtin", "/01/09506000134352/10/L"),
        ("/01/09506000134352/22/V", "gtin", "/01/09506000134352"),
        ("/8006/095060001343520102/10/L/21/S", "itip", "/8006/095060001343520102/21/S"),
        ("/8006/095060001343520102/10/L", "itip-lot", "/8006/095060001343520102/10/L"),
        ("/414/9506000111117/254/0", "gln", "/414/9506000111117"),
        ("/414/9506000111117/7040/1ABC", "gln", "/414/9506000111117"),
        ("/8018/950600000000000170/8019/7", "gsrn", "/8018/950600000000000170"),
        ("/415/9506000111117/8020/R1", "payment", "/415/9506000111117/8020/R1"),
        ("/8013/1987654Ad4X4bL5ttr2310c2K", "gmn", "/8013/1987654Ad4X4bL5ttr2310c2K"),
    ],
)
def test_a_link_names_a_thing_at_the_finest_level_that_epcis_knows(
    path: str, kind: Kind, canonical: str
) -> None:
    assert parse_identifier(f"https://example.com{path}") == Identifier(
        f"https://id.gs1.org{canonical}", kind
    )


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("(01)39506000134353(21)S1", "950600013435"),
        ("(8006)395060001343530102", "950600013435"),
        ("(00)395060000000000177", "950600000000"),
        ("(8003)09506000111117R7", "950600011111"),
        ("(414)9506000111117", "950600011111"),
        ("(253)9506000111117PO-1", "950600011111"),
        ("(8018)950600000000000170", "950600000000"),
        ("(8004)9506000w2", "9506000"),
        ("(8004)950600012345678", "950600012345"),
        ("(8010)9506000-1", "9506000"),
        ("urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", None),
    ],
)
def test_company_digits_begin_where_the_company_prefix_does(text: str, digits: str | None) -> None:
    assert company_digits(parse_identifier(text).uri) == digits


@pytest.mark.parametrize(
    "uri",
    [
        "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        "urn:oid:1.2.156.88",
        "did:web:example.com",
        "geo:42.698334,23.319941",
        "urn:epcglobal:cbv:bt:9506000111117:PO-1",
        "urn:epc:id:gid:95100000.12345.400",
        "urn:epc:id:bic:CSQU3054383",
        "https://example.com/places/dock%204?floor=2#gate",
        "https://example.com/2026/01/report",
        "https://example.com/blog/2026/01/12/thaw",
        "https://example.com/?go=https://id.gs1.org/01/09506000134353",
        "http://www.w3.org/2000/01/rdf-schema#",
    ],
)
def test_another_uri_is_an_identifier_as_it_stands(uri: str) -> None:
    identifier = parse_identifier(uri)
    assert identifier == Identifier(uri, "uri")
    assert identifier.elements == ()
    with pytest.raises(Invalid, match="not a GS1 key"):
        identifier.urn(7)
    with pytest.raises(Invalid, match="not a GS1 key"):
        _ = identifier.element_string


def test_the_namespace_of_a_urn_is_the_same_in_capitals() -> None:
    assert parse_identifier("URN:EPC:id:sscc:9506000.3000000017") == parse_identifier(
        "(00)395060000000000177"
    )
    assert parse_identifier("Urn:Epc:id:bic:CSQU3054383").uri == "urn:epc:id:bic:CSQU3054383"


def test_a_pattern_of_upuis_names_the_gtin() -> None:
    assert parse_identifier("urn:epc:idpat:upui:9506000.013435.*") == parse_identifier("(01)09506000134352")


@pytest.mark.parametrize("text", ["(8006)095060001343520102(10)L", "(8013)1987654Ad4X4bL5ttr2310c2K"])
def test_a_kind_that_epc_does_not_know_has_no_urn(text: str) -> None:
    with pytest.raises(Invalid, match="has no EPC URN"):
        parse_identifier(text).urn(7)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("(01)09506000134352", 5),
        ("(01)09506000134352", 13),
        ("(8004)9506000w2", 8),
        ("(8004)9506000", 7),
        ("(8004)950600012345678", -1),
        ("(00)395060000000000177", 0),
    ],
)
def test_no_urn_is_written_with_a_prefix_that_the_key_cannot_have(text: str, length: int) -> None:
    with pytest.raises(Invalid, match=f"cannot have a company prefix of {length} digits"):
        parse_identifier(text).urn(length)


# Corrupted by name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(text, message, id=name)
        for name, text, message in [
            ("empty", "", "not an identifier"),
            ("bare digits", "9506000134352", "not an identifier"),
            ("relative path", "/01/09506000134352", "not an identifier"),
            ("space", "urn:x: y", "not an identifier"),
            ("unescaped percent", "urn:x:100%", "not an identifier"),
            ("not ASCII", "urn:x:溯源", "not an identifier"),
            ("too long", "urn:x:" + "y" * 2043, "2049 characters, an identifier has at most 2048"),
            ("link too long", "https://id.gs1.org/8004/9506000" + "y" * 2048, "at most 2048 characters"),
            (
                "wrong check digit",
                "(01)09521234543214",
                "^GTIN 09521234543214: check digit is 4, should be 3$",
            ),
            (
                "wrong check digit in link",
                "https://a/01/09506000134353/21/S",
                "check digit is 3, should be 2",
            ),
            ("wrong check digit of GRAI", "(8003)09506000111116", "^GRAI 09506000111116: check digit is 6"),
            (
                "GTIN of 13 digits",
                "https://id.gs1.org/01/9506000134352",
                "GTIN '9506000134352': should be 14 digits",
            ),
            ("GRAI without its zero", "(8003)19506000111117", "begins with 1, should begin with 0"),
            ("GIAI too short for a prefix", "(8004)95A", "at least 4 digits"),
            (
                "serial too long",
                "(01)09506000134352(21)" + "S" * 21,
                "serial 'S+': should be 1 to 20 characters",
            ),
            ("serial of spaces", "https://id.gs1.org/01/09506000134352/21/%20", "serial ' ': should be"),
            ("serial of foreign letters", "(01)09506000134352(21)源", "serial '源': should be"),
            ("serial not UTF-8", "https://id.gs1.org/01/09506000134352/21/%FF", "serial '.': should be"),
            ("empty serial", "https://id.gs1.org/01/09506000134352/21/", "serial '': should be"),
            ("newline after the serial", "https://id.gs1.org/01/09506000134352/21/S1\n", "not an http"),
            ("CPI in small letters", "(8010)9506000a", "CPI '9506000a': should be"),
            ("CPI serial with zero", "(8010)9506000A(8011)01", "leading zero"),
            ("piece beyond total", "(8006)095060001343520302", "piece is 03 of 02"),
            ("piece 0", "(8006)095060001343520002", "piece is 00 of 02"),
            ("qualifiers in wrong order", "https://a/01/09506000134352/21/S/10/L", r"\(22\), \(10\), \(21\)"),
            ("qualifier of another key", "https://a/00/395060000000000177/21/S", "takes no qualifiers"),
            ("qualifiers that exclude each other", "https://a/01/09506000134352/21/S/235/T", r"or \(235\)"),
            ("payment slip without reference", "(415)9506000111117", r"takes the qualifiers \(8020\)"),
            ("unknown AI in the path", "https://a/01/09506000134352/99/X", "does not end in a GS1 key"),
            ("unpaired path", "https://a/01/09506000134352/21", "does not end in a GS1 key"),
            ("trailing slash", "https://a/01/09506000134352/", "does not end in a GS1 key"),
            ("no key on GS1's host", "https://id.gs1.org/shop", "does not end in a GS1 key"),
            ("scheme in mixed case", "HtTp://a/01/09506000134352", "not an http or https URI"),
            ("user before the host", "https://u@a/01/09506000134352", "not an http or https URI"),
            ("escaped and wrong", "https://a/%30%31/0950600013435%33", "check digit is 3, should be 2"),
            ("element string without key", "(21)S1", "holds no GS1 key"),
            ("element string with text before", "x(01)09506000134352", "not an identifier"),
            ("element string with text inside", "()(01)09506000134352", "not an element string"),
            ("two serials", "(01)09506000134352(21)S1(21)S2", r"\(21\) has two values"),
            ("AI that does not exist", "(01)09506000134352(29)S1", "GS1 has none of this number"),
            ("AI that has no place", "(00)395060000000000177(21)S1", "cannot stand beside"),
            ("unknown EPC scheme", "urn:epc:id:sgtim:9506000.013435.S1", "'id:sgtim' names no thing"),
            ("tag URI", "urn:epc:tag:sgtin-96:1.9506000.013435.1", "'tag:sgtin-96' names no thing"),
            ("wide pattern", "urn:epc:idpat:sgtin:9506000.*.*", "should be urn:epc:idpat:sgtin"),
            ("class of locations", "urn:epc:idpat:sgln:9506000.11111.*", "names no thing"),
            ("bare EPC URN", "urn:epc:", "names no thing"),
            ("URN without serial", "urn:epc:id:sgtin:9506000.013435", "should be urn:epc:id:sgtin"),
            ("URN with empty serial", "urn:epc:id:sgtin:9506000.013435.", "should be urn:epc:id:sgtin"),
            ("URN with raw quote", 'urn:epc:id:sgtin:9506000.013435."', "should be urn:epc:id:sgtin"),
            (
                "URN with short reference",
                "urn:epc:id:sgtin:9506000.01343.S1",
                "have 12 digits, should have 13",
            ),
            ("URN with prefix of 5 digits", "urn:epc:id:sgtin:95060.01343512.S1", "prefix of 6 to 12 digits"),
            ("URN with prefix of 13 digits", "urn:epc:id:sgln:9506000111117..0", "prefix of 6 to 12 digits"),
            ("URN with serial too long", "urn:epc:id:sgtin:9506000.013435." + "S" * 21, "1 to 20 characters"),
        ]
    ],
)
def test_it_is_refused_and_the_message_says_why(text: str, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        parse_identifier(text)


@given(st.sampled_from(["(01)09506000134352", "(414)9506000111117", "(00)395060000000000177"]), st.data())
def test_one_mistyped_digit_is_always_noticed(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(text.index(")") + 1, len(text) - 1))
    digit = data.draw(st.sampled_from([digit for digit in "0123456789" if digit != text[place]]))
    with pytest.raises(Invalid, match="check digit is"):
        parse_identifier(text[:place] + digit + text[place + 1 :])


# The lenient way, for the CBV event hash


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("https://id.gs1.org/01/97803111", "https://id.gs1.org/01/00000097803111"),
        ("https://a.example/gtin/9506000134353/lot/L/ser/ser", "https://id.gs1.org/01/09506000134353/21/ser"),
        ("https://a.example/01/09506000134353?17=991399", "https://id.gs1.org/01/09506000134353"),
        ("https://a.example/01/97803", None),
        ("https://a.example/415/9506000111117", None),
        ("urn:epc:id:sgtin:9506000.01343.S1", None),
        ("urn:epc:id:bic:CSQU3054383", None),
        ("receiving", None),
    ],
)
def test_for_the_event_hash_a_wrong_check_digit_or_old_spelling_is_no_obstacle(
    text: str, normalised: str | None
) -> None:
    assert normalise_uri(text) == (normalised or text)


def test_the_event_hash_normaliser_agrees_with_its_reference() -> None:
    for vector in json.loads(vectors("event-hash", "dl_normaliser_vectors.json").read_text()):
        assert normalise_uri(vector["input"]) == (vector["expected"] or vector["input"])


# EPC URNs and links made by others

UNESCAPED = re.compile(r'["#&/<>?]|%(?![0-9A-Fa-f]{2})')
NUMBER = re.compile(r"/(?:00|01|253|255|402|414|417|8003|8006|8017|8018)/([0-9]+)")
NUMBER_LENGTHS = {"/00/": 18, "/01/": 14, "/402": 17, "/800": 14, "/801": 18}


def stricter_rule(link: str) -> str:
    """What we refuse in `link` and its makers let pass: part of our message, or ""."""
    if number := NUMBER.search(link):
        length = NUMBER_LENGTHS.get(number[0][:4], 13)
        if slow_check_digit(number[1][: length - 1]) != int(number[1][length - 1]):
            return "check digit is"
    if itip := re.search(r"/8006/[0-9]{14}([0-9]{2})([0-9]{2})", link):
        return "piece is" if itip[1] > itip[2] else ""
    giai = re.search("/8004/(.*)", link)
    return "should be 1 to 30" if giai and len(giai[1]) > 30 else ""


def test_urns_and_links_made_by_others_are_read_and_written_as_they_do() -> None:
    checked = 0
    for vector in json.loads(vectors("digital-link", "urn-digital-link.json").read_text())["valid"]:
        given, expected = vector["input"], vector["expected"]
        if "Vocabulary" in vector["file"]:
            continue
        urn, link = (given, expected) if given.startswith("urn:") else (expected, given)
        if UNESCAPED.search(urn):
            continue
        if reason := stricter_rule(link):
            with pytest.raises(Invalid, match=reason):
                parse_identifier(given)
        elif given == urn:
            assert parse_identifier(urn).uri == link
        else:
            company = urn.split(":")[4].partition(".")[0]
            assert parse_identifier(link).urn(len(company)) == urn
        checked += 1
    assert checked > 80


def test_urns_and_links_that_others_refuse_are_refused() -> None:
    for vector in json.loads(vectors("digital-link", "urn-digital-link.json").read_text())["invalid"]:
        try:
            identifier = parse_identifier(vector["input"])
            if vector["gcp_length"]:
                identifier.urn(int(vector["gcp_length"]))
        except Invalid:
            continue
        # Outside of the namespace urn:epc it is another scheme's business.
        assert identifier.kind == "uri"
        assert not vector["input"].startswith(("urn:epc:", "http"))


IDENTIFIER_FIELDS = frozenset(
    (
        "epcList",
        "childEPCs",
        "parentID",
        "inputEPCList",
        "outputEPCList",
        "epcClass",
        "readPoint",
        "bizLocation",
    )
)


def identifiers_in(node: object, field: str = "") -> Iterator[str]:
    """All identifiers of items and places in an EPCIS document, wherever they stand."""
    if isinstance(node, dict):
        for name, child in node.items():
            if name != "@context":
                yield from identifiers_in(child, field if name == "id" else name)
    elif isinstance(node, list):
        for child in node:
            yield from identifiers_in(child, field)
    elif isinstance(node, str) and field in IDENTIFIER_FIELDS:
        yield node


def documents() -> list[Path]:
    return sorted(vectors("gs1-epcis", "JSON").rglob("*.json*"))


def test_every_identifier_in_the_examples_of_epcis_is_read() -> None:
    texts = {text for path in documents() for text in identifiers_in(json.loads(path.read_text()))}
    for text in texts:
        names_a_key = text.startswith(("urn:epc:", "http"))
        assert (parse_identifier(text).kind != "uri") == names_a_key, text
    assert len(texts) > 50
