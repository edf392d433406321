"""Who may speak for whose identifiers."""

import json

import pytest

from ledger.domain.access import GS1, URI, PrefixEntry, PrefixIndex, claimed_uris
from ledger.domain.event_parser import parse_event

ADMIN, FACTORY, CARRIER, HELPER = (bytes([n]) * 20 for n in range(1, 5))


def entry(scheme: str, text: str, owner: bytes, *, active: bool = True) -> PrefixEntry:
    delegates = (HELPER,) if owner == FACTORY else ()
    return PrefixEntry(f"{scheme}:{text}".encode(), scheme, text, owner, active, delegates)


INDEX = PrefixIndex.of(
    [
        entry(GS1, "", ADMIN),
        entry(GS1, "0614141", FACTORY),
        entry(GS1, "4012345", CARRIER, active=False),
        entry(URI, "", ADMIN),
        entry(URI, "https://factory.example/", FACTORY),
    ]
)

SGTIN = "https://id.gs1.org/01/80614141123458/21/1"
SSCC = "https://id.gs1.org/00/006141411234567890"
CARRIERS = "https://id.gs1.org/00/340123451111111111"


@pytest.mark.parametrize("uri", [SGTIN, SSCC, "https://factory.example/tool/7"])
def test_the_owner_of_the_longest_prefix_and_its_delegate_may_speak(uri: str) -> None:
    assert INDEX.may_speak(FACTORY, uri)
    assert INDEX.may_speak(HELPER, uri)
    assert not INDEX.may_speak(CARRIER, uri)


@pytest.mark.parametrize("uri", [SGTIN, SSCC, CARRIERS, "urn:uuid:5f0a1b2c-0000-4000-8000-000000000001"])
def test_the_owner_of_the_root_may_speak_for_everything(uri: str) -> None:
    assert INDEX.may_speak(ADMIN, uri)


def test_a_suspended_prefix_gives_its_owner_no_voice() -> None:
    assert not INDEX.may_speak(CARRIER, CARRIERS)


def test_an_identifier_under_no_prefix_has_no_speaker() -> None:
    assert not PrefixIndex.of([]).may_speak(ADMIN, SGTIN)


def claims(event: dict[str, object]) -> list[str]:
    common = {
        "@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld"],
        "eventID": "urn:uuid:5f0a1b2c-0000-4000-8000-000000000001",
        "eventTime": "2026-11-02T08:00:00.000Z",
        "eventTimeZoneOffset": "+08:00",
    }
    return claimed_uris(parse_event(json.loads(json.dumps(common | event))))


def test_commissioning_claims_the_epcs_and_seeing_them_claims_nothing() -> None:
    event = {"type": "ObjectEvent", "epcList": [SGTIN], "bizStep": "commissioning"}
    assert claims(event | {"action": "ADD"}) == [SGTIN]
    assert claims(event | {"action": "DELETE"}) == [SGTIN]
    assert claims(event | {"action": "OBSERVE"}) == []


def test_packing_claims_the_container_and_unpacking_nothing() -> None:
    event = {"type": "AggregationEvent", "parentID": SSCC, "childEPCs": [SGTIN], "bizStep": "packing"}
    assert claims(event | {"action": "ADD"}) == [SSCC]
    assert claims(event | {"action": "DELETE"}) == []


def test_a_transformation_claims_what_comes_out() -> None:
    event = {"type": "TransformationEvent", "inputEPCList": [SGTIN], "outputEPCList": [SSCC]}
    assert claims(event) == [SSCC]


def test_prefixes_are_named_the_longest_first_and_none_that_is_longer_than_the_identifier() -> None:
    lines = [
        entry(URI, text, ADMIN) for text in ("", "https://factory.example/", "https://factory.example/line/7")
    ]
    index = PrefixIndex.of(lines)

    assert index.above("https://factory.example/line/7/a") == lines[::-1]
    assert index.above("https://factory.example/line/") == [lines[1], lines[0]]
    assert index.above("urn:x:1") == [lines[0]]
