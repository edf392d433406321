"""Identifiers of two schemes that name one thing, because both owners registered it."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.equivalence import nearest_prefix, same_identifiers
from ledger.domain.errors import Invalid
from ledger.domain.identifiers import parse_identifier
from ledger.domain.registry import Change, RegistryState
from tests.domain.test_registry import ANN, BO, allocated, change, declared

ITEM = "https://id.gs1.org/01/09506000134352/21/S1"
HANDLE = "hdl:88.118.1001/(01)09506000134352(21)S1"
TREE = [
    allocated("", ANN, None),
    allocated("88.118.1001", BO),
    allocated("", ANN, None, "gs1"),
    allocated("9506000", BO, "", "gs1"),
    allocated("", ANN, None, "oid"),
    allocated("1.2.156.7", BO, "", "oid"),
]
HANDLE_PREFIX, GS1_PREFIX, ARC = ("handle", "88.118.1001"), ("gs1", "9506000"), ("oid", "1.2.156.7")
SAME = [declared(HANDLE_PREFIX, GS1_PREFIX), declared(GS1_PREFIX, HANDLE_PREFIX)]


def same(text: str, *changes: Change) -> list[str]:
    return same_identifiers(RegistryState().after([*TREE, *changes]), parse_identifier(text).uri)


def test_a_handle_that_carries_a_gs1_key_is_that_item_and_the_other_way_round() -> None:
    assert same(HANDLE, *SAME) == [ITEM]
    assert same(ITEM, *SAME) == [HANDLE]


@pytest.mark.parametrize(
    "spelling",
    [
        "88.118.1001/(01)09506000134352(21)S1",
        "88.118.1001/(01)09506000134352(10)LOT(21)S1",
        "88.118.1001/https://id.gs1.org/01/09506000134352/21/S1",
        "88.118.1001/urn:epc:id:sgtin:9506000.013435.S1",
    ],
)
def test_the_key_may_be_spelled_as_anywhere_else(spelling: str) -> None:
    assert same(spelling, *SAME) == [ITEM]


def test_nothing_is_the_same_until_both_owners_say_so() -> None:
    assert same(HANDLE) == same(HANDLE, SAME[0]) == same(HANDLE, SAME[1]) == []
    assert same(ITEM) == same(ITEM, SAME[0]) == same(ITEM, SAME[1]) == []


@pytest.mark.parametrize(
    "text",
    [
        "88.118.1001/abc",
        "88.118.1001/(01)09506000134353(21)S1",  # its check digit is wrong
        "88.118.1001/(01)04012345123456(21)S1",  # under another company
        "88.118.1002/(01)09506000134352(21)S1",  # another enterprise
        "88.118.1001/1.2.156.7.1",  # of a scheme that was not declared
        "did:cn:88.118.1001",
        "https://id.gs1.org/01/04012345123456/21/S1",
    ],
)
def test_what_the_owners_did_not_register_is_not_the_same(text: str) -> None:
    assert same(text, *SAME) == []


def test_a_longer_prefix_speaks_for_itself() -> None:
    below = allocated("950600013", ANN, "9506000", "gs1")
    beside = allocated("950600099", ANN, "9506000", "gs1")
    assert same(ITEM, *SAME, below) == same(HANDLE, *SAME, below) == []
    assert same(ITEM, *SAME, beside) == [HANDLE]


def test_a_suspended_prefix_is_the_same_as_nothing() -> None:
    assert same(HANDLE, *SAME, change("suspended", "9506000", scheme="gs1", account=ANN)) == []


def test_other_schemes_are_carried_in_the_same_way() -> None:
    both = [declared(HANDLE_PREFIX, ARC), declared(ARC, HANDLE_PREFIX)]
    assert same("88.118.1001/1.2.156.7.1", *both) == ["urn:oid:1.2.156.7.1"]
    assert same("1.2.156.7.1", *both) == ["hdl:88.118.1001/1.2.156.7.1"]
    assert same(HANDLE, *both, *SAME) == [ITEM]
    two = [declared(ARC, GS1_PREFIX), declared(GS1_PREFIX, ARC)]
    assert same("1.2.156.7.1", *two) == []  # neither carries the other


def test_a_handle_that_would_be_too_long_does_not_exist() -> None:
    arc = ("oid", "2.5.7")
    both = [allocated("2.5.7", BO, "", "oid"), declared(HANDLE_PREFIX, arc), declared(arc, HANDLE_PREFIX)]
    assert len(same(f"2.5.7.{'1' * 230}", *both)) == 1
    assert same(f"2.5.7.{'1' * 240}", *both) == []


SERIALS = st.text("!\"%&'()*+,-./0123456789:;<=>?ABCXYZ_abcxyz", min_size=1, max_size=20)
SUFFIXES = st.text(max_size=40) | SERIALS.map(lambda serial: f"(01)09506000134352(21){serial}")
STATE = RegistryState().after([*TREE, *SAME])


@given(serial=SERIALS)
def test_a_handle_made_of_an_item_leads_back_to_that_item_and_to_no_other(serial: str) -> None:
    uri = parse_identifier(f"urn:epc:id:sgtin:9506000.013435.{quote(serial, safe='')}").uri
    for handle in same_identifiers(STATE, uri):
        assert same_identifiers(STATE, handle) == [uri]


@given(suffix=SUFFIXES)
def test_whatever_stands_behind_the_slash_is_an_item_of_the_prefix_or_nothing(suffix: str) -> None:
    try:
        uri = parse_identifier(f"hdl:88.118.1001/{quote(suffix, safe='')}").uri
    except Invalid:
        return
    for found in same_identifiers(STATE, uri):
        nearest = nearest_prefix(STATE, found)
        assert nearest is not None
        assert (nearest.scheme, nearest.text) == GS1_PREFIX
        assert parse_identifier(found).uri == found
