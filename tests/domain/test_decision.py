"""Decisions of receivers: the event that records one, and what counts as one."""

import json
from typing import Any

import pytest

from ledger.domain.cbv import check_cbv
from ledger.domain.decision import NAMESPACE, Decision, decision_document, decision_of, parse_decision
from ledger.domain.errors import Invalid
from ledger.domain.event_parser import parse_document
from ledger.domain.events import Event

VIAL, LOT = "https://id.gs1.org/01/09506000134352/21/V1", "https://id.gs1.org/01/09506000134352/10/L1"
REJECTED = Decision("reject", "9.5 °C for two minutes", "Dr. 李")


def event_of(document: dict[str, Any]) -> Event:
    parsed = parse_document(json.dumps(document).encode())
    assert parsed.problems == ()
    ((_, event),) = parsed.events
    return event


def document(decision: Decision, uri: str = VIAL) -> dict[str, Any]:
    place = "(414)9506000134369"
    text = decision_document(uri, decision, place, "urn:uuid:00000000-0000-4000-8000-000000000001", 0)
    made: dict[str, Any] = json.loads(text)
    return made


@pytest.mark.parametrize(
    ("decision", "step"),
    [
        (Decision("accept", "all in range", "Li"), ("accepting", "conformant")),
        (REJECTED, ("inspecting", "non_conformant")),
    ],
)
def test_a_decision_is_a_cbv_compliant_event_and_read_back(decision: Decision, step: tuple[str, str]) -> None:
    for uri in (VIAL, LOT):
        event = event_of(document(decision, uri))
        assert (event.biz_step, event.disposition) == step
        assert check_cbv(event, "compliant") == []
        assert [item for item, _ in event.items()] == [uri]
        assert decision_of(event) == decision


def test_the_prefix_does_not_matter_and_the_namespace_does() -> None:
    made = json.loads(json.dumps(document(REJECTED)).replace("suyuan:dec", "x:dec"))
    made["@context"][1] = {"x": NAMESPACE}
    assert decision_of(event_of(made)) == REJECTED
    made["@context"][1] = {"x": "urn:other:"}
    assert decision_of(event_of(made)) is None


def test_words_that_contradict_the_decision_are_none() -> None:
    made = document(REJECTED)
    made["epcisBody"]["eventList"][0]["suyuan:decision"] = "accept"
    assert decision_of(event_of(made)) is None


def test_every_fault_is_named() -> None:
    with pytest.raises(Invalid) as raised:
        parse_decision("maybe", " ", "x" * 501)
    assert [problem.pointer for problem in raised.value.problems] == ["/decision", "/reason", "/name"]
    with pytest.raises(Invalid, match="/reason: should be one line"):
        parse_decision("accept", "all\0 well", "Li")
