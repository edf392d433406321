"""GS1-EPC-Format: Digital Links become EPC URNs where it is known how, and mean the same."""

import json
from functools import partial
from typing import Any, get_args
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.epc_format import EpcFormat, new_company_prefixes, prefix_length, to_urn, translate
from ledger.domain.event_hash import event_hashes
from ledger.domain.event_parser import parse_document, parse_event
from ledger.domain.identifiers import parse_identifier
from tests.domain.test_events import LOT, MADE, PACKED, SAMPLES, VIAL, Json, read, store
from tests.vectors import vectors

PREFIXES = frozenset({"9506000"})


def length_of(digits: str) -> int | None:
    return prefix_length(digits, PREFIXES)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_an_event_with_urns_is_the_same_event(sample: Json) -> None:
    stored = store(sample)

    translated = translate(stored, "Always_EPC_URN", length_of)

    assert parse_event(dict(translated)) == parse_event(stored)
    assert event_hashes(parse_event(dict(translated))) == event_hashes(read(sample))
    links = json.dumps({name: value for name, value in translated.items() if name != "sensorElementList"})
    assert "https://id.gs1.org" not in links


def test_every_identifier_is_translated_and_nothing_else() -> None:
    field = {"ex:link": VIAL}
    stored = store({**MADE, **field, "readPoint": {**MADE["readPoint"], **field}, "eventID": VIAL})

    translated = translate(stored, "Always_EPC_URN", length_of)

    assert translated == {
        **stored,
        "epcList": ["urn:epc:id:sgtin:9506000.013435.V1"],
        "quantityList": [
            {"epcClass": "urn:epc:class:lgtin:9506000.013435.L7", "quantity": 12.5, "uom": "KGM"}
        ],
        "readPoint": {"id": "urn:epc:id:sgln:9506000.11111.dock-4", "ex:door": 4, **field},
        "bizLocation": {"id": "urn:epc:id:sgln:9506000.11111.0"},
        "sourceList": [{"type": "owning_party", "source": "urn:epc:id:pgln:9506000.11111"}],
        "destinationList": [{"type": "location", "destination": "urn:epc:id:sgln:9506000.11111.dock-4"}],
    }


@pytest.mark.parametrize("epc_format", get_args(EpcFormat))
@pytest.mark.parametrize("arrived_as_urn", [False, True])
def test_only_who_asks_gets_urns(epc_format: EpcFormat, arrived_as_urn: bool) -> None:
    stored = store(MADE)
    wants_urns = epc_format == "Always_EPC_URN" or (epc_format == "Never_Translates" and arrived_as_urn)

    translated = translate(stored, epc_format, length_of, arrived_as_urn=arrived_as_urn)

    assert (translated == stored) != wants_urns


@pytest.mark.parametrize(
    "uri",
    [
        "https://id.gs1.org/01/04012345123456/21/1",  # a company that nobody told of
        "https://id.gs1.org/8013/9506000XY3Z",  # a global model number has no URN
        "https://example.com/pallet/7",
        "urn:epc:id:gid:95100000.12345.400",
        "https://id.gs1.org/8004/9506000",  # nothing left to follow the prefix
    ],
)
def test_what_has_no_urn_stays(uri: str) -> None:
    assert to_urn(uri, length_of) == uri


def test_the_longest_known_prefix_counts() -> None:
    known = frozenset({"9506000", "95060001", "12"})

    assert prefix_length("950600013435", known) == 8
    assert prefix_length("950600043435", known) == 7
    assert prefix_length("123456789012", known) is None
    assert prefix_length("9506", known) is None


def test_a_prefix_within_another_is_not_learnt() -> None:
    known = frozenset({"9506000"})

    assert new_company_prefixes({"9506000", "95060001", "950600", "0614141"}, known) == {"0614141"}
    assert new_company_prefixes({"0614141", "061414"}, frozenset()) == {"061414"}
    assert new_company_prefixes((), known) == set()


@given(st.sampled_from([VIAL, LOT]), st.integers(6, 12))
def test_a_urn_of_any_prefix_length_names_the_same(uri: str, length: int) -> None:
    assert parse_identifier(to_urn(uri, lambda _: length)).uri == uri


def test_urns_of_others_come_back_as_they_were() -> None:
    """By their own prefixes, learnt from their own URNs; what may be escaped is."""
    compared = 0
    for urn in urns_in(json.loads(vectors("digital-link", "urn-digital-link.json").read_text())):
        parsed = parse_document(json.dumps([{**PACKED, "parentID": urn, "childEPCs": []}]).encode())
        for at, event in parsed.events:
            ((uri, _), *_) = event.items()
            prefixes = parsed.company_prefixes[at]
            assert unquote(to_urn(uri, partial(prefix_length, known=prefixes))) == unquote(urn)
            compared += 1
    assert compared >= 50


def urns_in(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(urns_in, value.values()))
    if isinstance(value, list):
        return set().union(*map(urns_in, value))
    return {value} if isinstance(value, str) and value.startswith("urn:epc:id:") else set()
