"""Seals over messages: paths that hold, and figures."""

import json
from dataclasses import replace

import pytest

from ledger.domain.cold_chain.reading import Reading
from ledger.domain.cold_chain.seal import prove_message, seal_document, seal_root
from ledger.domain.event_parser import parse_document
from ledger.domain.telemetry import read_messages
from tests.carriers import LOGGER, degrees, reported

NOW = 1_795_363_200_000
RAWS = [reported("one", n, NOW, *degrees(NOW - n * 1000, 4)) for n in range(40)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 33, 40])
def test_each_message_of_a_seal_is_proved_by_its_path(size: int) -> None:
    raws = RAWS[:size]
    for index in range(size):
        proof = prove_message(raws, index)
        assert (proof.raw, proof.root, proof.holds) == (raws[index], seal_root(raws), True)


def test_nothing_else_is_proved_by_it() -> None:
    proof = prove_message(RAWS, 17)
    assert not replace(proof, raw=RAWS[18]).holds
    assert not replace(proof, index=18).holds
    assert not replace(proof, path=proof.path[1:]).holds
    assert not replace(proof, root=seal_root(RAWS[:39])).holds


def test_a_seal_tells_lowest_highest_mean_and_mkt_of_what_it_holds() -> None:
    readings = [*degrees(NOW - 120_000, 20, 25, 30), Reading(NOW, "humidity", 45_000)]
    messages = read_messages(reported("one", 1, NOW, *readings))
    text = seal_document(LOGGER, ["urn:truck:7", LOGGER], messages, "https://n.example/raw", "urn:x:1", NOW)
    document = parse_document(text.encode())
    assert document.problems == ()

    (event,) = json.loads(text)["epcisBody"]["eventList"]
    assert event["epcList"] == [LOGGER, "urn:truck:7"]
    (element,) = event["sensorElementList"]
    assert element["sensorMetadata"]["rawData"] == "https://n.example/raw"
    temperature, mkt, humidity, count = element["sensorReport"]
    assert (temperature["minValue"], temperature["maxValue"], temperature["meanValue"]) == (20, 30, 25)
    assert mkt["value"] == 25.8582  # USP <1160>, computed elsewhere
    assert (humidity["type"], humidity["meanValue"]) == ("RelativeHumidity", 45)
    assert (count["value"], count["hexBinaryValue"]) == (4, seal_root([messages[0].raw]).hex())
