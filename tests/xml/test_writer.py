"""What is written is valid by GS1's schema, and reads back as what was stored."""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any, Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ledger.domain.event_hash import event_hashes
from ledger.domain.event_parser import parse_document
from ledger.domain.events import Event, event_to_json, mint_event_id
from ledger.xml import CbvFormat, parse_xml, write_capture_job, write_problem, write_xml
from tests.domain.test_events import MEASURED, PACKED, SAMPLES, Json, read
from tests.vectors import vectors

CREATED = "2026-03-01T00:00:00.000Z"
RECORDED = "2026-03-01T00:00:01.000Z"
Kind = Literal["EPCISDocument", "EPCISQueryDocument"]
KINDS: tuple[Kind, ...] = get_args(Kind)


def keep(event: Event) -> Json:
    """The stored form."""
    return event_to_json(replace(event, event_id=event.event_id or mint_event_id(event)))


def write(stored: list[Json], kind: Kind = "EPCISQueryDocument", cbv: CbvFormat = "No_Preference") -> bytes:
    return write_xml([{**event, "recordTime": RECORDED} for event in stored], kind, CREATED, cbv)


def reread(
    stored: list[Json], kind: Kind = "EPCISQueryDocument", cbv: CbvFormat = "No_Preference"
) -> list[Json]:
    parsed = parse_xml(write(stored, kind, cbv))
    assert not parsed.problems
    return [keep(event) for _, event in parsed.events]


@cache
def schema(file_name: str) -> etree.XMLSchema:
    return etree.XMLSchema(file=str(vectors("gs1-epcis", "XSD", file_name)))


def assert_valid(raw: bytes) -> None:
    root = etree.fromstring(raw)
    is_query = root.tag.endswith("QueryDocument")
    schema(f"EPCglobal-epcis-{'query-' if is_query else ''}2_0.xsd").assertValid(root)


def attributes_as_text(stored: Json) -> Json:
    """Fields of one's own on sensor data, which are attributes in XML, have no types there."""
    stored = json.loads(json.dumps(stored))
    for element in stored.get("sensorElementList", []):
        for record in (element.get("sensorMetadata", {}), *element["sensorReport"]):
            record.update({name: str(value) for name, value in record.items() if ":" in name})
    return stored


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cbv", get_args(CbvFormat))
@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_what_is_written_reads_back_as_what_was_stored(sample: Json, kind: Kind, cbv: CbvFormat) -> None:
    event = read(sample)

    assert reread([keep(event)], kind, cbv) == [attributes_as_text(keep(event))]
    ((_, again),) = parse_xml(write([keep(event)], kind, cbv)).events
    assert event_hashes(again) == event_hashes(event)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_what_is_written_is_valid(sample: Json, kind: Kind) -> None:
    assert_valid(write([keep(read(sample)), keep(read(PACKED))], kind))


def documents() -> Iterator[tuple[str, list[Event]]]:
    for folder in ("gs1-epcis", "event-hash"):
        for path in sorted(vectors(folder).rglob("*")):
            if path.suffix in (".xml", ".jsonld"):
                parsed = (parse_xml if path.suffix == ".xml" else parse_document)(path.read_bytes())
                if parsed.events:
                    yield str(path), [event for _, event in parsed.events]


# It gives one namespace two prefixes, and uses both.
TWO_PREFIXES = "ralfsChaosExample.jsonld"


def test_every_example_goes_through_xml_unharmed() -> None:
    """Where a document declares a prefix of the standard's own, XML does not say so again."""
    count = 0
    for name, events in documents():
        stored = [keep(event) for event in events]
        raw = write(stored)
        again = parse_xml(raw)
        assert not again.problems, name
        assert_valid(raw)
        assert [event_hashes(event) for _, event in again.events] == [event_hashes(e) for e in events], name
        once = [keep(event) for _, event in again.events]
        assert reread(once) == once, name
        if not name.endswith(TWO_PREFIXES):
            assert [without_context(event) for event in once] == [
                without_context(event) for event in stored
            ], name
        count += len(events)
    assert count >= 150


def without_context(stored: Json) -> Json:
    return {name: value for name, value in attributes_as_text(stored).items() if name != "@context"}


NAMES = st.sampled_from(["ex:a", "ex:b", "cbvmda:c", "https://ex.example/d", "plain"])
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e6, 1e6)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]))
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_fields_of_ones_own_keep_their_event_hash(value: Any) -> None:
    event = read({**PACKED, "@context": {"ex": "https://ns.example.com/"}, "ex:x": value})

    ((_, again),) = parse_xml(write([keep(event)])).events

    assert event_hashes(again) == event_hashes(event)


@pytest.mark.parametrize(
    "namespace", ["https://ns.example.com/", "urn:a", "urn:%zz:", "urn:a#b#", "https://[/"]
)
@pytest.mark.parametrize("prefix", ["ex", "ns0", "xmlish", "9", "a b", "epcisq", "xsi", "xml"])
@pytest.mark.parametrize("local", ["a", "9", "a b", "a/b", "用途", "-"])
def test_every_name_that_json_allows_can_be_written(prefix: str, namespace: str, local: str) -> None:
    name = f"{prefix}:{local}"
    event = read({**PACKED, "@context": {prefix: namespace}, name: {"@id": "x", "a b": [1]}})

    assert_valid(write([keep(event)]))
    assert not parse_xml(write([keep(event)])).problems


def test_what_xml_has_no_sign_for_is_replaced() -> None:
    event = read({**PACKED, "@context": {"ex": "https://ns.example.com/"}, "ex:a b": "x\0y\ufffez\t"})

    (stored,) = reread([keep(event)])

    assert stored["ex:a_x0020_b"] == "x\ufffdy\ufffdz"


@pytest.mark.parametrize(
    ("cbv", "words"),
    [
        ("Always_URN", ["urn:epcglobal:cbv:bizstep:packing", "https://ref.gs1.org/voc/Temperature"]),
        (
            "Always_Web_URI",
            ["https://ref.gs1.org/cbv/BizStep-packing", "https://ref.gs1.org/voc/Temperature"],
        ),
        ("No_Preference", ["https://ref.gs1.org/cbv/BizStep-packing"]),
        ("Never_Translates", ["https://ref.gs1.org/cbv/BizStep-packing"]),
    ],
)
def test_words_of_the_cbv_are_spelled_as_asked(cbv: CbvFormat, words: list[str]) -> None:
    raw = write([keep(read(PACKED)), keep(read(MEASURED))], cbv=cbv).decode()

    assert all(word in raw for word in words)


def test_a_query_document_names_its_query_and_subscription() -> None:
    raw = write_xml([], "EPCISQueryDocument", CREATED, query_name="q", subscription_id="s")

    assert_valid(raw)
    assert b"<queryName>q</queryName><subscriptionID>s</subscriptionID>" in raw
    assert parse_xml(raw).events == ()


PROBLEM = {
    "type": "epcisException:ValidationException",
    "title": "Bad Request",
    "status": 400,
    "detail": "a < b",
    "problems": [{"pointer": "/x", "message": "wrong"}, {"pointer": "", "message": "wrong too"}],
}


def test_problems_and_capture_jobs_are_valid() -> None:
    job = {
        "captureID": "1",
        "createdAt": CREATED,
        "finishedAt": CREATED,
        "running": False,
        "success": False,
        "captureErrorBehaviour": "rollback",
        "errors": [PROBLEM],
        "receipt": "note\n",
    }

    for raw in (write_problem(PROBLEM), write_capture_job(job), write_capture_job({**job, "errors": []})):
        assert_valid(raw)
    root = etree.fromstring(write_problem(PROBLEM))
    assert [element.text for element in root.iter("{*}message")] == ["wrong", "wrong too"]
