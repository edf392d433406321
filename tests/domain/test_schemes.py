"""Schemes of identifiers: one canonical form for each thing, helpful refusals, the prefix that rules it."""

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ledger.domain import base58
from ledger.domain.access import PrefixEntry, PrefixIndex
from ledger.domain.errors import Invalid
from ledger.domain.identifiers import find_identifier, parse_identifier, scheme_of
from ledger.domain.scan import normalise_scan
from ledger.domain.schemes.table import SCHEME_BY_NAME, SCHEMES
from tests.vectors import vectors

ED25519_KEY = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
SM2_KEY = "did:key:zEPJc1oPo5TnKrv1UsVf11K3g344bZ1vdvB9u6MofbDnMa494"  # the base point of the curve
BID = "did:bid:efNs6DGRwnaWvdBqp6PVLFJQzL5rxYeF"

# What people write, its canonical URI, and where the registry has its prefixes.
# fmt: off
SPELLINGS = [
    ("88.118.1001/abc", "hdl:88.118.1001/abc", ("handle", "88.118.1001")),
    ("86.100.0042/a:b", "hdl:86.100.0042/a:b", ("handle", "86.100.0042")),
    ("hdl:88.118.1001/abc", "hdl:88.118.1001/abc", ("handle", "88.118.1001")),
    ("HDL:88.118.1001/abc", "hdl:88.118.1001/abc", ("handle", "88.118.1001")),
    ("info:hdl/88.118.1001/abc", "hdl:88.118.1001/abc", ("handle", "88.118.1001")),
    ("https://hdl.handle.net/88.118.1001/abc?auth#x", "hdl:88.118.1001/abc", ("handle", "88.118.1001")),
    ("88.118.1001/批次1", "hdl:88.118.1001/%E6%89%B9%E6%AC%A11", ("handle", "88.118.1001")),
    ("hdl:88.118.1001/%e6%89%b91", "hdl:88.118.1001/%E6%89%B91", ("handle", "88.118.1001")),
    ("88.118.1001/100%", "hdl:88.118.1001/100%25", ("handle", "88.118.1001")),
    ("88.118.1001/a#b?c", "hdl:88.118.1001/a%23b%3Fc", ("handle", "88.118.1001")),
    ("21.T11148/Ab", "hdl:21.t11148/Ab", ("handle", "21.t11148")),
    ("hdl:0.NA/88.118.1001", "hdl:0.na/88.118.1001", ("handle", "0.na")),
    ("hdl:loc/x", "hdl:loc/x", ("handle", "loc")),
    ("1.2.156.10197.1", "urn:oid:1.2.156.10197.1", ("oid", "1.2.156.10197.1")),
    ("OID.1.2.156.88", "urn:oid:1.2.156.88", ("oid", "1.2.156.88")),
    ("URN:OID:2.999", "urn:oid:2.999", ("oid", "2.999")),
    ("ecode:1000112345", "ecode:1000112345", ("ecode", "1000112345")),
    ("Ecode:300010AbC", "ecode:300010AbC", ("ecode", "300010AbC")),
    ("ecode:400010%E8%8C%B6", "ecode:400010%E8%8C%B6", ("ecode", "400010茶")),
    ("did:cn:88.118.1001", "did:cn:88.118.1001", ("handle", "88.118.1001")),
    (BID, BID, ("did", BID[4:])),
    ("did:bid:a1b2", "did:bid:a1b2", ("did", "bid:a1b2")),
    ("did:bid:a1b2:zf5EHbHLDDEgY5rA2hnwp5YPhaw9iUPu", "did:bid:a1b2:zf5EHbHLDDEgY5rA2hnwp5YPhaw9iUPu",
     ("did", "bid:a1b2:zf5EHbHLDDEgY5rA2hnwp5YPhaw9iUPu")),
    ("DID:web:Example.COM%3a8443:items:7", "did:web:example.com%3A8443:items:7",
     ("did", "web:example.com%3A8443:items:7")),
    (ED25519_KEY, ED25519_KEY, ("did", ED25519_KEY[4:])),
    (SM2_KEY, SM2_KEY, ("did", SM2_KEY[4:])),
    ("did:example:123", "did:example:123", ("did", "example:123")),
    ("(01)09506000134352(21)S1", "https://id.gs1.org/01/09506000134352/21/S1", ("gs1", "950600013435")),
    ("urn:uuid:5f0a1b2c-0000-4000-8000-000000000001", "urn:uuid:5f0a1b2c-0000-4000-8000-000000000001",
     ("uri", "urn:uuid:5f0a1b2c-0000-4000-8000-000000000001")),
]
# fmt: on


@pytest.mark.parametrize(("text", "uri", "registered"), SPELLINGS)
def test_a_spelling_gives_its_canonical_uri_and_the_prefix_it_is_registered_under(
    text: str, uri: str, registered: tuple[str, str]
) -> None:
    assert parse_identifier(text).uri == uri
    assert parse_identifier(uri).uri == uri
    assert scheme_of(uri).registered_as(uri) == registered


@pytest.mark.parametrize(("text", "uri"), [row[:2] for row in SPELLINGS])
def test_a_scan_names_the_same_thing(text: str, uri: str) -> None:
    scanned = normalise_scan(f"]Q1{text}").identifier
    assert scanned == parse_identifier(text)
    assert normalise_scan(scheme_of(uri).write(uri)).identifier == scanned


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("88.118.1001", "is a prefix, not a whole identifier; add / and the suffix, as 88.118.1001/abc"),
        ("88.1.1001/abc", "its prefix is 88.1.1001, should be 88.<industry node, 3 to 5 digits>"),
        ("hdl:86.118/abc", "its prefix is 86.118, should be 86."),
        ("hdl:88.118.1001/", "a handle is a prefix, / and a suffix"),
        ("hdl:88.118.1001", "a handle is a prefix, / and a suffix"),
        ("hdl:20..5/abc", "its prefix '20..5' has an empty level between dots"),
        ("88.118.1001/a b", "no spaces and no control characters"),
        ("hdl:88.118.1001/100%", "a % that escapes nothing; write it as %25"),
        ("hdl:88.118.1001/%FF", "its percent-encoded bytes are no UTF-8"),
        ("88.118.1001/" + "x" * 244, "256 characters, a handle has at most 255"),
        ("88.118.1001/" + "\U00020000" * 200, "escaped, it has 2416 characters"),
        ("urn:oid:1.02.3", "none with a 0 in front"),
        ("urn:oid:3.1.2", "an OID begins with 0, 1 or 2, found 3"),
        ("1.40.1", "under 1 the second number is at most 39, found 40"),
        ("1.2.156." + "9" * 93, "101 characters, this OID has at most 100"),
        ("ecode:0123", "version 0 is reserved for GS1 codes"),
        ("ecode:9123", "an Ecode begins with its version, 1 to 4, found '9'"),
        ("ecode:1000A1", "version 1 is a code system of 4 digits and a main code of 1 to 20 digits"),
        ("did:cn:88.1.1", "expected did:cn:<country, 2 digits>"),
        (BID[:-2], "its hash has 21 bytes, should have 22: was a character lost?"),
        (BID.replace("w", "0"), "'0' is no character of base58"),
        ("did:bid:xfabc", "expected did:bid:<chain code of 4>"),
        ("did:web:10.0.0.1", "expected a host name"),
        ("did:web:example.com%3A99999", "a port up to 65535"),
        ("did:web:example.com::x", "its path has an empty part between colons"),
        (f"did:key:z{base58.encode(bytes([0xED, 1, *range(31)]))}", "an Ed25519 key has 32 bytes, found 31"),
        (f"did:key:z{base58.encode(bytes([0x86, 36, 2, *range(31)]))}", "an SM2 key has 33 bytes, found 32"),
        (f"did:key:z{base58.encode(bytes([0x86, 36, 4, *range(64)]))}", "an SM2 key has 33 bytes, found 65"),
        ("did:key:abc", "expected did:key:z<base58>"),
        ("did:web:example.com#key-1", "names a part of what the DID leads to; leave off what begins with"),
        ("did:WEB:example.com", "a DID is did:<method in small letters>"),
        ("did:web:", "a DID is did:<method in small letters>:<text>"),
    ],
)
def test_what_claims_a_scheme_and_is_wrong_is_refused_with_the_way_to_mend_it(text: str, said: str) -> None:
    for read in (parse_identifier, normalise_scan):
        with pytest.raises(Invalid, match=re.escape(said)):
            read(text)


# --- other people's identifiers


def cn_vectors() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(vectors("cn", "vectors.json").read_text())
    return loaded


def test_published_bids_are_read_and_say_22_bytes() -> None:
    published = cn_vectors()["bid"]
    assert published["alphabet"] == base58.BID
    for entry in (*published["ed25519"], *published["sm2"]):
        assert parse_identifier(entry["bid"]).uri == entry["bid"]
        assert len(base58.decode(entry["bid"].removeprefix("did:bid:")[2:], base58.BID)) == 22


@pytest.mark.parametrize(
    ("name", "text", "escaped"),
    [
        ("vaa_identifier", "88.118.1001/abc", "88.118.1001/abc"),
        ("did_cn", "did:cn:88.100.1", "did:cn:88.100.1"),
        ("did_bid", BID, BID),
        ("oid_cn", "1.2.156.10197.1", "1.2.156.10197.1"),
    ],
)
def test_the_published_forms_are_ours(name: str, text: str, escaped: str) -> None:
    published = re.compile(cn_vectors()["regex"][name])
    assert published.fullmatch(text)
    assert parse_identifier(text).uri.endswith(escaped)
    for place in range(len(text)):
        shorter = text[:place] + text[place + 1 :]
        found = None
        with suppress(Invalid):
            found = find_identifier(shorter)
        if found is not None and scheme_of(found.uri).name == scheme_of(parse_identifier(text).uri).name:
            generic = scheme_of(found.uri).name == "handle" and not shorter.startswith(("86.", "88."))
            other_method = name.startswith("did_") and not shorter.startswith(text[:8])
            other_arc = name == "oid_cn" and not shorter.startswith("1.2.156.")
            assert published.fullmatch(shorter) or generic or other_method or other_arc, shorter


# --- any text at all

spelled = st.sampled_from([row[0] for row in SPELLINGS] + [row[1] for row in SPELLINGS])
near_misses = st.builds(
    lambda text, place, put, cut: text[:place] + put + text[place + cut :],
    spelled,
    st.integers(0, 60),
    st.text(max_size=3),
    st.integers(0, 3),
)
STEMS = (
    "hdl: info:hdl/ https://hdl.handle.net/ 88.118.1/ 88. 21. urn:oid: 1.2. ecode: ecode:1 ecode:4 "
    "did: did:bid:ef did:bid:es did:web: did:key:z did:cn:88."
)
stems = st.sampled_from(STEMS.split())
texts = (
    st.text() | near_misses | st.builds("".join, st.tuples(stems, st.text() | st.text("0123456789.:/%AZaz")))
)


@given(texts)
@example("88.118.1/\ud800")
@example("ecode:4\ud8000000")
@example("hdl:\u0130.x/y")
@example("did:key:z" + "1" * 1025)
def test_every_scheme_gives_a_canonical_identifier_or_refuses(text: str) -> None:
    for scheme in SCHEMES:
        try:
            found = scheme.parse(text)
        except Invalid as refusal:
            str(refusal).encode()  # a message can be logged and sent: no lone surrogate is in it
            continue
        if found is not None:
            assert scheme.parse(found.uri) == found
            assert scheme.parse(scheme.write(found.uri)) == found
            assert found.uri.isascii()


@given(texts)
def test_what_is_read_belongs_to_the_scheme_of_its_uri(text: str) -> None:
    with suppress(Invalid):
        found = parse_identifier(text)
        scheme = scheme_of(found.uri)
        assert scheme.parse(found.uri) == parse_identifier(found.uri) == found
        name, registered = scheme.registered_as(found.uri)
        assert name in SCHEME_BY_NAME
        assert registered


handles = st.builds(
    lambda prefix, suffix: f"{prefix}/{suffix}",
    st.sampled_from(["88.118.1001", "86.10042.7", "20.500.12345", "21.t11148"]),
    st.text("abcABC0189-._~!$&'()*+,;=:@/%?#[]\"<>批次", min_size=1, max_size=60),
)


@given(handles)
def test_a_handle_comes_back_from_its_uri_character_by_character(handle: str) -> None:
    uri = parse_identifier(handle).uri
    assert scheme_of(uri).write(uri) == handle


@given(st.binary(max_size=40), st.sampled_from([base58.BITCOIN, base58.BID]))
def test_base58_gives_the_bytes_back(raw: bytes, alphabet: str) -> None:
    assert base58.decode(base58.encode(raw, alphabet), alphabet) == raw


# --- prefixes


def entry(scheme: str, text: str) -> PrefixEntry:
    return PrefixEntry(f"{scheme}:{text}".encode(), scheme, text, bytes(20), True, ())


INDEX = PrefixIndex.of(
    [
        *(entry("handle", text) for text in ("", "8", "88", "88.1", "88.118", "88.118.1001", "88.118.100")),
        *(entry("oid", text) for text in ("", "1.2", "1.2.15", "1.2.156")),
        *(entry("did", text) for text in ("", "web", "web:example.co", "web:example.com")),
        *(entry("ecode", text) for text in ("", "10001", "10002")),
        *(entry("uri", text) for text in ("", "hdl:", "did:", "urn:oid:1.2.156")),
    ]
)


@pytest.mark.parametrize(
    ("uri", "prefixes"),
    [
        ("hdl:88.118.1001/abc", ["88.118.1001", "88.118", "88", ""]),
        ("hdl:88.118.10012/abc", ["88.118", "88", ""]),
        ("did:cn:88.118.1001", ["88.118.1001", "88.118", "88", ""]),
        ("urn:oid:1.2.156.88", ["1.2.156", "1.2", ""]),
        ("urn:oid:1.2.156", ["1.2.156", "1.2", ""]),
        ("did:web:example.com:items:7", ["web:example.com", "web", ""]),
        ("ecode:1000112345", ["10001", ""]),
    ],
)
def test_the_prefixes_above_an_identifier_end_where_a_level_ends(uri: str, prefixes: list[str]) -> None:
    assert [found.text for found in INDEX.above(uri)] == prefixes
