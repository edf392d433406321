"""XML says what JSON says: the same events, the same event hashes, the same faults at paths of the document.

Of GS1's examples, those are refused that use measurement types which GS1 does not have, or leave the type
out: in JSON its own schema refuses them too.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger.domain.event_hash import event_hash, event_hashes
from ledger.domain.event_parser import Document, parse_document
from ledger.domain.events import Event
from ledger.xml import parse_xml
from tests.domain.test_event_hash import VERSIONS
from tests.domain.test_events import (
    CASE,
    DOCK,
    FITTED,
    LOT,
    MADE,
    MEASURED,
    ORDERED,
    PACKED,
    REFINED,
    VIAL,
    WRONG,
    Json,
    read,
    without,
)
from tests.vectors import vectors
from tests.xml.samples import EPCIS_1, EVENTS, WHEN, document, seen

URN = "urn:epc:id:sgtin:9506000.013435.V1"
EX = 'xmlns:ex="https://ns.example.com/vaccine/"'


def only(parsed: Document) -> Event:
    assert not parsed.problems
    ((_, event),) = parsed.events
    return event


def problems_of(raw: bytes) -> dict[str, str]:
    return {problem.pointer: problem.message for problem in parse_xml(raw).problems}


MADE_XML = f"""
<ObjectEvent {EX} xmlns:cbvmda="urn:epcglobal:cbv:mda" xmlns:xsd="http://www.w3.org/2001/XMLSchema"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  {WHEN}<recordTime>2027-01-01T00:00:00Z</recordTime>
  <eventID>urn:uuid:00000000-0000-4000-8000-000000000001</eventID>
  <certificationInfo>https://example.com/gmp/17</certificationInfo>
  <epcList><epc>
     {URN}
  </epc></epcList>
  <action>ADD</action>
  <bizStep>urn:epcglobal:cbv:bizstep:commissioning</bizStep>
  <disposition>https://ref.gs1.org/cbv/Disp-active</disposition>
  <readPoint><id>urn:epc:id:sgln:9506000.11111.dock-4</id><ex:door xsi:type="xsd:int">4</ex:door></readPoint>
  <bizLocation><id>urn:epc:id:sgln:9506000.11111.0</id></bizLocation>
  <bizTransactionList>
    <bizTransaction type="cbv:BTT-prodorder">urn:epcglobal:cbv:bt:9506000111117:PO-1</bizTransaction>
  </bizTransactionList>
  <quantityList><quantityElement>
    <epcClass>urn:epc:class:lgtin:9506000.013435.L7</epcClass><quantity>+012.50</quantity><uom>KGM</uom>
  </quantityElement></quantityList>
  <sourceList>
    <source type="urn:epcglobal:cbv:sdt:owning_party">urn:epc:id:pgln:9506000.11111</source>
  </sourceList>
  <destinationList><destination type="urn:epcglobal:cbv:sdt:location">{DOCK}</destination></destinationList>
  <persistentDisposition>
    <unset>urn:epcglobal:cbv:disp:completeness_inferred</unset>
    <set>urn:epcglobal:cbv:disp:completeness_verified</set>
  </persistentDisposition>
  <ilmd>
    <cbvmda:lotNumber>L7</cbvmda:lotNumber>
    <ex:strain><ex:name>H5</ex:name>
      <ex:parts xsi:type="xsd:integer">1</ex:parts><ex:parts xsi:type="xsd:double">2.5</ex:parts>
      <ex:parts xsi:nil="true"/><ex:parts xsi:type="xsd:boolean">true</ex:parts></ex:strain>
  </ilmd>
  <ex:note>first run</ex:note>
</ObjectEvent>"""
PACKED_XML = f"""
<AggregationEvent>{WHEN}<parentID>{CASE}</parentID><childEPCs><epc>{VIAL}</epc></childEPCs><action>ADD</action>
  <bizStep>packing</bizStep>
  <childQuantityList><quantityElement><epcClass>{LOT}</epcClass><quantity>40.0</quantity></quantityElement>
  </childQuantityList>
</AggregationEvent>"""
ORDERED_XML = f"""
<TransactionEvent>{WHEN}
  <bizTransactionList><bizTransaction>urn:epcglobal:cbv:bt:9506000111117:PO-1</bizTransaction></bizTransactionList>
  <parentID>urn:epc:id:sscc:9506000.0000000002</parentID>
  <epcList><epc>urn:epc:id:sscc:9506000.0000000001</epc></epcList>
  <action>ADD</action>
  <quantityList><quantityElement><epcClass>{LOT}</epcClass>
    <quantity xsi:nil="true" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"/></quantityElement></quantityList>
</TransactionEvent>"""
REFINED_XML = f"""
<TransformationEvent>{WHEN}<inputEPCList><epc>{VIAL}</epc></inputEPCList>
  <inputQuantityList><quantityElement><epcClass>{LOT}</epcClass><quantity>1</quantity></quantityElement>
  </inputQuantityList>
  <outputEPCList><epc>{CASE}</epc></outputEPCList>
  <outputQuantityList><quantityElement><epcClass>urn:epc:class:lgtin:9506000.013435.L8</epcClass>
    <quantity>.75</quantity></quantityElement></outputQuantityList>
  <transformationID>urn:uuid:00000000-0000-4000-8000-0000000000aa</transformationID>
</TransformationEvent>"""
FITTED_XML = f"""
<AssociationEvent>{WHEN}<parentID>urn:epc:id:grai:9506000.11111.R7</parentID>
  <childEPCs><epc>urn:epc:id:giai:9506000.w.2</epc></childEPCs><action>ADD</action></AssociationEvent>"""
MEASURED_XML = f"""
<ObjectEvent xmlns:ex="https://ns.example.com/cold/">{WHEN}<action>OBSERVE</action>
  <readPoint><id>{DOCK}</id></readPoint>
  <sensorElementList><sensorElement>
    <sensorMetadata startTime="2026-03-01T01:00:00+01:00" endTime="2026-03-01T00:30:00Z"
      deviceID="urn:epc:id:giai:9506000.w.2" ex:firmware="1.2"
      rawData="https://example.com/raw/8004/9506000w.2"/>
    <sensorReport type="gs1:Temperature" minValue="2.0" maxValue="8.5" uom="CEL" ex:n="30"/>
    <sensorReport type="https://gs1.org/voc/Temperature" exception="gs1:ALARM_CONDITION"
      time="2026-03-01T00:12:00Z" value="85e-1" uom="CEL"/>
    <sensorReport type="https://example.com/voc/Shock" booleanValue="false" component="cbv:Comp-x"/>
    <sensorReport type="gs1:Length" stringValue="a" hexBinaryValue="F0" uriValue="ex:shape"/>
    <ex:calibrated>true</ex:calibrated>
  </sensorElement></sensorElementList>
</ObjectEvent>"""
WRONG_XML = PACKED_XML.replace(
    WHEN,
    WHEN
    + """
  <eventID>urn:uuid:00000000-0000-4000-8000-000000000002</eventID>
  <errorDeclaration xmlns:ex="https://ns.example.com/q/">
    <ex:by>Li</ex:by>
    <declarationTime>2026-03-02T00:00:00.000Z</declarationTime>
    <reason>urn:epcglobal:cbv:er:incorrect_data</reason>
    <correctiveEventIDs>
      <correctiveEventID>urn:uuid:00000000-0000-4000-8000-000000000003</correctiveEventID>
    </correctiveEventIDs>
  </errorDeclaration>""",
)


@pytest.mark.parametrize(
    ("xml", "sample"),
    [
        (MADE_XML, MADE),
        (PACKED_XML, PACKED),
        (ORDERED_XML, ORDERED),
        (REFINED_XML, REFINED),
        (FITTED_XML, FITTED),
        (WRONG_XML, WRONG),
    ],
    ids=["made", "packed", "ordered", "refined", "fitted", "wrong"],
)
def test_an_event_in_xml_is_the_event_in_json(xml: str, sample: Json) -> None:
    assert only(parse_xml(document(xml))) == read(sample)


def test_sensor_data_in_xml_is_that_in_json_but_that_attributes_are_text() -> None:
    expected = json.loads(json.dumps(MEASURED))
    (element,) = expected["sensorElementList"]
    element["sensorReport"][0]["ex:n"] = "30"
    element["ex:calibrated"] = "true"
    event = only(parse_xml(document(MEASURED_XML)))

    assert event == read(expected)
    assert event_hashes(event) == event_hashes(read(MEASURED))


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_wrappers_of_epcis_1_are_opened(version: str) -> None:
    lists = "<quantityList>", "</destinationList>"
    start, end = MADE_XML.index(lists[0]), MADE_XML.index(lists[1]) + len(lists[1])
    identity = "<eventID>urn:uuid:00000000-0000-4000-8000-000000000001</eventID>"
    older = (MADE_XML[:start] + f"<extension>{MADE_XML[start:end]}<extension>" + MADE_XML[end:]).replace(
        identity, f"<baseExtension>{identity}</baseExtension>"
    )
    older = older.replace("</ilmd>", "</ilmd></extension></extension>")
    transformed = f"<extension>{REFINED_XML}</extension>"

    parsed = parse_xml(document(older, transformed, namespace=EPCIS_1, version=version))

    assert [event for _, event in parsed.events] == [read(MADE), read(REFINED)]
    assert not parsed.problems


def test_a_quantity_event_of_epcis_1_is_an_object_event_that_observes() -> None:
    xml = f"""<QuantityEvent>{WHEN}<epcClass>urn:epc:idpat:sgtin:9506000.013435.*</epcClass>
      <quantity>7</quantity><bizStep>urn:epcglobal:cbv:bizstep:storing</bizStep></QuantityEvent>"""

    event = only(parse_xml(document(xml, namespace=EPCIS_1, version="1.0")))

    gtin = "https://id.gs1.org/01/09506000134352"
    assert event == read(
        {
            **without(PACKED, "parentID", "childEPCs", "childQuantityList"),
            "type": "ObjectEvent",
            "action": "OBSERVE",
            "bizStep": "storing",
            "quantityList": [{"epcClass": gtin, "quantity": 7}],
        }
    )


def test_a_query_document_and_a_single_event_are_read_too() -> None:
    query = f"""<q:EPCISQueryDocument xmlns:q="urn:epcglobal:epcis-query:xsd:1" schemaVersion="1.2"
      creationDate="2026-03-01T00:00:00Z"><EPCISBody><q:QueryResults><queryName>x</queryName><resultsBody>
      <EventList>{PACKED_XML}</EventList></resultsBody></q:QueryResults></EPCISBody></q:EPCISQueryDocument>"""

    assert only(parse_xml(query.encode())) == only(parse_xml(PACKED_XML.strip().encode())) == read(PACKED)
    assert parse_xml(PACKED_XML.strip().encode()).events[0][0] == "/AggregationEvent"


def test_elements_in_the_namespace_of_the_standard_are_its_own() -> None:
    raw = document(PACKED_XML).decode().replace("epcis:EPCISDocument", "EPCISDocument")

    assert only(parse_xml(raw.replace("xmlns:epcis", "xmlns").encode())) == read(PACKED)


def test_the_order_of_elements_does_not_matter_and_comments_are_none() -> None:
    turned = f"""<AggregationEvent><childQuantityList><quantityElement><quantity>40</quantity><!-- pieces -->
      <epcClass>{LOT}</epcClass></quantityElement></childQuantityList><action>ADD</action>
      <bizStep>pack<!-- ! -->ing</bizStep><childEPCs><epc><![CDATA[{VIAL}]]></epc></childEPCs>
      <parentID>{CASE}</parentID>{WHEN}</AggregationEvent>"""

    assert only(parse_xml(document(turned))) == read(PACKED)


def extensions_of(xml: str, namespaces: str = "") -> tuple[Json, Json]:
    event = only(parse_xml(document(seen(VIAL, more=xml), namespaces=namespaces)))
    return dict(event.extensions), dict(event.namespaces)


def test_extensions_keep_the_prefixes_that_the_document_declares() -> None:
    xml = '<a:x xmlns:a="urn:a:1"><plain/><a:y> z </a:y></a:x><b:x xmlns:b="urn:b:1" b:n="1" m="2">t</b:x>'

    assert extensions_of(xml) == (
        {"a:x": {"plain": "", "a:y": "z"}, "b:x": {"b:n": "1", "m": "2", "@value": "t"}},
        {"a": "urn:a:1", "b": "urn:b:1"},
    )


@pytest.mark.parametrize(
    ("xml", "name", "namespaces"),
    [
        ('<x xmlns="urn:a:1"/>', "ns1:x", {"ns1": "urn:a:1"}),
        ('<ex:x xmlns:ex="urn:a:2"/>', "ns1:x", {"ns1": "urn:a:2"}),
        ('<epcis:x xmlns:epcis="urn:a:2"/>', "ns1:x", {"ns1": "urn:a:2"}),
        ('<https:x xmlns:https="urn:a:2"/>', "ns1:x", {"ns1": "urn:a:2"}),
        ('<mda:x xmlns:mda="urn:epcglobal:cbv:mda"/>', "cbvmda:x", {}),
        ('<voc:x xmlns:voc="https://ref.gs1.org/voc/"/>', "gs1:x", {}),
        ('<gs1:x xmlns:gs1="https://gs1.org/voc/"/>', "ns1:x", {"ns1": "https://gs1.org/voc/"}),
        ("<ex:x/>", "ex:x", {"ex": "https://ns.example.com/vaccine/"}),
    ],
)
def test_each_namespace_has_one_prefix(xml: str, name: str, namespaces: Json) -> None:
    assert extensions_of(xml, EX) == ({name: ""}, namespaces)


def test_a_prefix_that_means_another_thing_in_another_event_is_read_there_as_it_is_there() -> None:
    uses = "<a:x/><bizStep>a:step</bizStep>"
    events = [seen(VIAL, more=uses).replace("<ObjectEvent", f'<ObjectEvent xmlns:a="urn:{n}:"') for n in "12"]

    parsed = parse_xml(document(*events))

    assert [event.biz_step for _, event in parsed.events] == ["urn:1:step", "urn:2:step"]
    assert [event.namespaces for _, event in parsed.events] == [{"a": "urn:1:"}, {"a": "urn:2:"}]


def test_a_prefix_that_an_extension_brings_counts_from_its_event_on() -> None:
    step, brings = "<bizStep>b:step</bizStep>", '<b:x xmlns:b="urn:b:"/>'

    parsed = parse_xml(document(seen(VIAL, more=step), seen(VIAL, more=brings + step)))

    assert [event.biz_step for _, event in parsed.events] == ["b:step", "urn:b:step"]


def test_company_prefixes_that_urns_spell_are_told_with_their_event() -> None:
    parsed = parse_xml(
        document(seen(VIAL), seen(URN, "urn:epc:id:sscc:0614141.1234567890", "urn:epc:id:gid:9.8.7"))
    )

    assert parsed.company_prefixes == {f"{EVENTS}/ObjectEvent[2]": {"9506000", "0614141"}}
    assert parse_document(json.dumps(PACKED).encode()).company_prefixes == {}
    packed = {**PACKED, "parentID": "urn:epc:id:sscc:9506000.0000000001"}
    assert parse_document(json.dumps([packed]).encode()).company_prefixes == {"/0": {"9506000"}}


# Faults

REPORT = "/sensorElementList/sensorElement[1]/sensorReport[1]"
SENSED = "<sensorElementList><sensorElement><sensorReport {}/></sensorElement></sensorElementList>"


@pytest.mark.parametrize(
    ("more", "step", "message"),
    [
        ("<bizStep>urn:epcglobal:cbv:bizstep:flying</bizStep>", "/bizStep", "no bizStep of CBV 2.0"),
        ("<bizStep/>", "/bizStep", "no bizStep of CBV 2.0"),
        ("<colour>red</colour>", "/colour", "no such field here"),
        ("<bizStep>packing</bizStep><bizStep>packing</bizStep>", "/bizStep", "there twice"),
        ("<bizStep>packing<b/></bizStep>", "/bizStep", "expected text, found element b"),
        ("<readPoint>dock</readPoint>", "/readPoint", "text beside its elements"),
        ("<readPoint/>", "/readPoint", "id is missing"),
        ("<quantityList><epc>x</epc></quantityList>", "/quantityList/quantityElement[1]", "found epc"),
        ("<sourceList><source>urn:x:1</source></sourceList>", "/sourceList/source[1]", "type is missing"),
        ('<sourceList><source type="urn:x:1">x y</source></sourceList>', "/sourceList/source[1]", "a URI"),
        ('<sourceList><source type="x">urn:x:1</source></sourceList>', "/sourceList/source[1]/@type", "is"),
        (SENSED.format('value="a" type="gs1:Time"'), f"{REPORT}/@value", "expected a number"),
        (SENSED.format('value="NaN" type="gs1:Time"'), f"{REPORT}/@value", "expected a number"),
        (SENSED.format('value="1e400" type="gs1:Time"'), f"{REPORT}/@value", "does not fit a double"),
        (SENSED.format('booleanValue="yes" type="gs1:Time"'), f"{REPORT}/@booleanValue", "true or false"),
        (SENSED.format('colour="red" type="gs1:Time"'), f"{REPORT}/@colour", "no such field"),
        ('<x:a xmlns:x="relative"/>', "", "expected a URI"),
        ('<a:x xmlns:a="urn:a:">text<b/></a:x>', "/a:x", "text beside its elements"),
        ("<ilmd/>", "/ilmd", "only action ADD"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_path(more: str, step: str, message: str) -> None:
    (at, found), *others = problems_of(document(seen(VIAL, more=more))).items()

    assert at == f"{EVENTS}/ObjectEvent[1]{step}"
    assert message in found
    assert not others


def test_paths_count_from_one_and_each_type_by_itself() -> None:
    raw = document(
        seen(VIAL), PACKED_XML, seen(VIAL, VIAL), "<FooEvent/>", PACKED_XML.replace(VIAL, "urn:epc:x:1")
    )

    assert list(problems_of(raw)) == [
        f"{EVENTS}/ObjectEvent[2]/epcList/epc[2]",
        f"{EVENTS}/FooEvent[1]",
        f"{EVENTS}/AggregationEvent[2]/childEPCs/epc[1]",
    ]
    assert [at for at, _ in parse_xml(raw).events] == [
        f"{EVENTS}/ObjectEvent[1]",
        f"{EVENTS}/AggregationEvent[1]",
    ]


@pytest.mark.parametrize(
    ("raw", "at", "message"),
    [
        (document(version="3.0"), "/EPCISDocument/@schemaVersion", "found '3.0'"),
        (document().replace(b"creationDate", b"created"), "/EPCISDocument", "creationDate is missing"),
        (document().replace(b"2026-03-01", b"yesterday"), "/EPCISDocument/@creationDate", "a time"),
        (document(namespace="urn:x:1"), "/EPCISDocument", "expected one of EPCISDocument"),
        (b"<html/>", "/html", "expected one of EPCISDocument"),
        (document().replace(b"EPCISBody", b"Body"), "/EPCISDocument/EPCISBody", "is missing"),
    ],
)
def test_a_fault_around_the_events_is_told(raw: bytes, at: str, message: str) -> None:
    assert message in problems_of(raw)[at]


# Master data

VOCABULARY = """<VocabularyList>
  <Vocabulary type="urn:epcglobal:epcis:vtype:BusinessLocation"><VocabularyElementList>
  <VocabularyElement id="urn:epc:id:sgln:9506000.11111.0">
    <attribute id="urn:epcglobal:cbv:mda#name">Works</attribute>
    <attribute id="urn:x:address"><a:b xmlns:a="urn:a:1">c</a:b></attribute>
    <children><id>urn:epc:id:sgln:9506000.11111.dock-4</id></children>
  </VocabularyElement></VocabularyElementList></Vocabulary></VocabularyList>"""


def test_master_data_come_from_the_header_or_a_document_of_their_own() -> None:
    header = (
        f"<EPCISHeader><extension><EPCISMasterData>{VOCABULARY}</EPCISMasterData></extension></EPCISHeader>"
    )
    own = f"""<m:EPCISMasterDataDocument xmlns:m="urn:epcglobal:epcis-masterdata:xsd:1" schemaVersion="1.2"
      creationDate="2026-03-01T00:00:00Z"><EPCISBody>{VOCABULARY}</EPCISBody></m:EPCISMasterDataDocument>"""

    in_header, alone = parse_xml(document(header=header)), parse_xml(own.encode())

    assert in_header == alone
    assert not alone.problems
    works, dock = alone.master_data
    assert (works.uri, works.name) == ("https://id.gs1.org/414/9506000111117", "Works")
    assert works.details == {"urn:x:address": '{"a:b":"c"}'}
    assert (dock.uri, dock.details) == (DOCK, {"part_of": works.uri})


def test_a_fault_in_master_data_is_told_with_its_path() -> None:
    wrong = VOCABULARY.replace("sgln:9506000.11111.dock-4", "sgln:nonsense")
    header = f"<EPCISHeader><extension><EPCISMasterData>{wrong}</EPCISMasterData></extension></EPCISHeader>"

    (at,) = problems_of(document(seen(VIAL), header=header))

    assert at == (
        "/EPCISDocument/EPCISHeader/EPCISMasterData/VocabularyList"
        "/Vocabulary[1]/VocabularyElementList/VocabularyElement[1]/children/id[1]"
    )


# What others wrote

REFUSED = {
    "WithExtension/TransactionEvent.xml": "EffectiveDoseRate",
    "WithSensorData/SensorDataExamples.xml": "Molar_concentration",
}


def examples() -> Iterator[tuple[str, Path]]:
    folder = vectors("gs1-epcis", "XML")
    for path in sorted(folder.rglob("*.xml")):
        if path.parent.name != "CaptureJob":
            yield str(path.relative_to(folder)), path


def test_gs1s_examples_are_read() -> None:
    event_count = 0
    for name, path in examples():
        parsed = parse_xml(path.read_bytes())
        event_count += len(parsed.events)
        if name in REFUSED:
            assert REFUSED[name] in parsed.problems[0].message
        else:
            assert not parsed.problems, name
    assert event_count >= 50


def test_gs1s_twins_in_xml_and_json_are_the_same_events() -> None:
    """They may differ in what the hash leaves out: eventIDs, and how fields of their own are nested."""
    twins = {
        event_hash(event, "2.1"): event
        for path in sorted(vectors("gs1-epcis", "JSON").rglob("*.jsonld"))
        for _, event in parse_document(path.read_bytes()).events
    }
    found = 0
    for _, path in examples():
        for _, event in parse_xml(path.read_bytes()).events:
            twin = twins.get(event_hash(event, "2.1"))
            if twin is not None:
                found += 1
                assert standard_fields(event) == standard_fields(twin)
    assert found >= 20


def standard_fields(event: Event) -> Event:
    return replace(event, event_id=None, error_declaration=None, extensions={}, namespaces={})


@pytest.mark.parametrize("version", VERSIONS)
def test_xml_hashes_as_the_reference_says(version: str) -> None:
    expected = json.loads(vectors("event-hash", "expected-2026-07.json").read_text())[f"CBV{version}"]
    compared = 0
    for name, digests in expected.items():
        path = vectors("event-hash") / "examples" / f"{name}.xml"
        # Its measurement types are those of a draft: gs1:MT-Temperature.
        if not path.exists() or name == "SensorDataExamples":
            continue
        parsed = parse_xml(path.read_bytes())
        hashes = [event_hash(event, version) for _, event in parsed.events]  # type: ignore[arg-type]
        assert hashes == [f"ni:///sha-256;{digest}?ver=CBV{version}" for digest in digests], name
        compared += len(hashes)
    assert compared >= 20


def test_documents_that_the_reference_calls_equal_have_one_hash() -> None:
    compared = 0
    for path in sorted(vectors("event-hash", "expected_equal").glob("*.xml")):
        if path.name == "numberPrecision.xml":  # gs1:Humidity is no measurement type
            continue
        parsed = parse_xml(path.read_bytes())
        assert not parsed.problems
        assert len({event_hashes(event) for _, event in parsed.events}) == 1, path.name
        compared += 1
    assert compared >= 9


def test_gs1s_spellings_of_one_event_have_one_hash() -> None:
    """The second one has another time-zone offset, and so is another event."""
    folder = vectors("gs1-epcis", "XML", "WithEventHashID")
    hashes = {
        path.stem[-1]: event_hashes(
            only((parse_xml if path.suffix == ".xml" else parse_document)(path.read_bytes()))
        )
        for path in folder.iterdir()
    }
    other = hashes.pop("2")

    assert len(set(hashes.values())) == 1
    assert other not in hashes.values()
