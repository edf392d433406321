"""CBV-Compatible and CBV-Compliant: what keeps an event from being either."""

from typing import Any

import pytest

from ledger.domain.cbv import Level, check_cbv
from ledger.domain.event_parser import parse_document, parse_event
from tests.vectors import vectors

ITEM = "https://id.gs1.org/01/09506000134352/21/S1"
LOT = "https://id.gs1.org/01/09506000134352/10/L1"
SSCC = "https://id.gs1.org/00/095060000000000015"
PLACE = "https://id.gs1.org/414/9506000000008"
PARTY = "https://id.gs1.org/417/9506000000008"


def event(**fields: Any) -> dict[str, Any]:
    return {
        "type": "ObjectEvent",
        "action": "OBSERVE",
        "bizStep": "receiving",
        "eventTime": "2026-11-02T08:00:00.000Z",
        "eventTimeZoneOffset": "+08:00",
        "epcList": [ITEM],
        **fields,
    }


def found(level: Level, **fields: Any) -> list[str]:
    """The pointers of what is wrong."""
    value = {name: member for name, member in event(**fields).items() if member is not None}
    return [problem.pointer for problem in check_cbv(parse_event(value), level)]


def test_an_event_of_standard_words_and_gs1_keys_is_compliant() -> None:
    assert (
        found("compliant", readPoint={"id": PLACE}, sourceList=[{"type": "owning_party", "source": PARTY}])
        == []
    )


def test_only_a_compliant_event_needs_a_business_step() -> None:
    assert found("compatible", bizStep=None) == []
    assert found("compliant", bizStep=None) == [""]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"bizStep": "https://x.example/step/polishing"}, "/bizStep"),
        ({"disposition": "https://x.example/disp/shiny"}, "/disposition"),
        ({"persistentDisposition": {"set": ["recalled", "urn:x:disp"]}}, "/persistentDisposition/set/1"),
        ({"persistentDisposition": {"unset": ["urn:x:disp"]}}, "/persistentDisposition/unset/0"),
        (
            {"bizTransactionList": [{"type": "urn:x:t", "bizTransaction": "urn:x:1"}]},
            "/bizTransactionList/0/type",
        ),
        ({"sourceList": [{"type": "urn:x:t", "source": PARTY}]}, "/sourceList/0/type"),
        ({"destinationList": [{"type": "urn:x:t", "destination": PARTY}]}, "/destinationList/0/type"),
        (
            {"errorDeclaration": {"declarationTime": "2026-11-03T08:00:00Z", "reason": "urn:x:r"}},
            "/errorDeclaration/reason",
        ),
        (
            {"sensorElementList": [{"sensorReport": [{"type": "Temperature"}, {"type": "urn:x:mood"}]}]},
            "/sensorElementList/0/sensorReport/1/type",
        ),
        ({"eventID": "https://x.example/event/1"}, "/eventID"),
        ({"epcList": [ITEM, "tag:x.example,2026:1"]}, "/epcList/1"),
    ],
)
def test_private_words_and_unusual_identifiers_are_compatible_but_not_compliant(
    fields: dict[str, Any], pointer: str
) -> None:
    assert found("compatible", **fields) == []
    assert found("compliant", **fields) == [pointer]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"epcList": [ITEM, LOT]}, "/epcList/1"),
        ({"epcList": [PLACE]}, "/epcList/0"),
        ({"quantityList": [{"epcClass": ITEM}]}, "/quantityList/0/epcClass"),
        ({"readPoint": {"id": SSCC}}, "/readPoint/id"),
        ({"bizLocation": {"id": ITEM}}, "/bizLocation/id"),
        ({"sourceList": [{"type": "location", "source": PARTY}]}, "/sourceList/0/source"),
        (
            {"destinationList": [{"type": "owning_party", "destination": SSCC}]},
            "/destinationList/0/destination",
        ),
        (
            {"sensorElementList": [{"sensorReport": [{"type": "Temperature", "deviceID": LOT}]}]},
            "/sensorElementList/0/sensorReport/0/deviceID",
        ),
    ],
)
def test_a_gs1_key_in_the_place_of_another_is_not_even_compatible(
    fields: dict[str, Any], pointer: str
) -> None:
    assert found("compatible", **fields) == [pointer]
    assert found("compliant", **fields) == [pointer]


def test_a_logger_may_be_fixed_to_a_place_but_goods_are_not_packed_into_one() -> None:
    fields = {"action": "ADD", "epcList": None, "parentID": PLACE, "childEPCs": [ITEM]}

    assert found("compatible", type="AssociationEvent", **fields) == []
    assert found("compatible", type="AggregationEvent", **fields) == ["/parentID"]


@pytest.mark.parametrize(
    "event_id",
    [
        "urn:uuid:404d95fc-9457-4a51-bd6a-0bba133845a8",
        "ni:///sha-256;" + "0" * 64 + "?ver=CBV2.0",
        None,
    ],
)
def test_standard_event_ids_are_compliant(event_id: str | None) -> None:
    assert found("compliant", eventID=event_id) == []


def test_all_json_examples_of_gs1_are_compatible() -> None:
    checked = 0
    for path in sorted(vectors("gs1-epcis/JSON").rglob("*.json*")):
        for at, parsed in parse_document(path.read_bytes()).events:
            assert check_cbv(parsed, "compatible") == [], f"{path.name} {at}"
            checked += 1
    assert checked > 50
