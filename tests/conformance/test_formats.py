"""One event in every format: JSON and XML, URNs and Digital Links."""

import xml.etree.ElementTree as ET
from urllib.parse import urlsplit

import pytest

from tests.conformance.samples import (
    CONTEXT,
    Event,
    document,
    moment,
    new_id,
    observed,
    place,
    serial,
    sgtin,
    sgtin_urn,
    with_context,
)
from tests.conformance.server import JSON, JSON_LD, XML, Server, item_path

EPCIS, QUERY = "urn:epcglobal:epcis:xsd:2", "urn:epcglobal:epcis-query:xsd:2"


@pytest.fixture(scope="module")
def by_urn(server: Server) -> Event:
    """An event whose item was named by an EPC URN."""
    event = observed(sgtin_urn("urn"), readPoint={"id": place("formats")})
    server.capture(event)
    server.event(event["eventID"])
    return event


def epc_of(server: Server, event: Event, **headers: str) -> str:
    (epc,) = server.event(event["eventID"], **headers)["epcList"]
    return str(epc)


def path_of(uri: str) -> str:
    return urlsplit(uri).path


def test_rest_identifiers_are_digital_links_unless_asked_otherwise(server: Server, by_urn: Event) -> None:
    assert path_of(epc_of(server, by_urn)) == path_of(sgtin("urn"))


def test_rest_identifiers_come_as_digital_links(server: Server, by_urn: Event) -> None:
    found = epc_of(server, by_urn, GS1_EPC_Format="Always_GS1_Digital_Link")
    assert path_of(found) == path_of(sgtin("urn"))


def test_rest_identifiers_come_as_urns(server: Server, by_urn: Event) -> None:
    server.declares("GS1-EPC-Format", "Always_EPC_URN", "No_Preference", path="/events")
    assert epc_of(server, by_urn, GS1_EPC_Format="Always_EPC_URN") == sgtin_urn("urn")


def test_rest_without_a_preference_either_form_may_come(server: Server, by_urn: Event) -> None:
    found = epc_of(server, by_urn, GS1_EPC_Format="No_Preference")
    assert found == sgtin_urn("urn") or path_of(found) == path_of(sgtin("urn"))


@pytest.mark.parametrize("spelling", [sgtin("kept"), sgtin_urn("kept2")], ids=["digital_link", "urn"])
def test_rest_identifiers_are_not_translated_when_asked(server: Server, spelling: str) -> None:
    server.declares("GS1-EPC-Format", "Never_Translates", "No_Preference", path="/events")
    event = observed(spelling)
    server.capture(event)
    assert epc_of(server, event, GS1_EPC_Format="Never_Translates") == spelling


def test_rest_an_unknown_epc_format_is_refused(server: Server) -> None:
    assert server.get("/events", GS1_EPC_Format="Sometimes").status_code in (400, 406)


@pytest.mark.parametrize("media_type", [JSON, JSON_LD])
def test_rest_events_come_as_json_and_json_ld(server: Server, by_urn: Event, media_type: str) -> None:
    answer = server.get(item_path("events", by_urn["eventID"]), Accept=media_type)
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == media_type
    assert answer.json()["type"] == "EPCISQueryDocument"
    assert "@context" in answer.json()


# ------------------------------------------------------------------------------ XML


def xml_event(event_id: str, biz_step: str, epc: str) -> str:
    return (
        f"<ObjectEvent><eventTime>{moment(1)}</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>"
        f"<eventID>{event_id}</eventID><epcList><epc>{epc}</epc></epcList><action>OBSERVE</action>"
        f"<bizStep>{biz_step}</bizStep></ObjectEvent>"
    )


def xml_document(body: str) -> bytes:
    return (
        f'<epcis:EPCISDocument xmlns:epcis="{EPCIS}" schemaVersion="2.0" creationDate="{moment(0)}">'
        f"<EPCISBody><EventList>{body}</EventList></EPCISBody></epcis:EPCISDocument>"
    ).encode()


def needs_xml(server: Server) -> None:
    answer = server.post("/capture", xml_document(""), Content_Type=XML)
    if answer.status_code == 415:
        pytest.skip(f"the server does not read XML: {answer.text}")


@pytest.mark.parametrize(
    "biz_step",
    ["receiving", "urn:epcglobal:cbv:bizstep:receiving", "https://ref.gs1.org/cbv/BizStep-receiving"],
)
def test_12_6_documents_come_as_xml(server: Server, biz_step: str) -> None:
    needs_xml(server)
    event_id = new_id()
    answer = server.post(
        "/capture", xml_document(xml_event(event_id, biz_step, sgtin_urn("xml"))), Content_Type=XML
    )
    assert server.job_of(answer)["success"] is True
    found = server.event(event_id)

    assert found["bizStep"] == "receiving"
    assert [path_of(epc) for epc in found["epcList"]] == [path_of(sgtin("xml"))]


def test_12_6_documents_of_epcis_1_2_are_read(server: Server) -> None:
    needs_xml(server)
    event_id = new_id()
    body = (
        f"<ObjectEvent><eventTime>{moment(1)}</eventTime><eventTimeZoneOffset>+00:00</eventTimeZoneOffset>"
        f"<baseExtension><eventID>{event_id}</eventID></baseExtension>"
        f"<epcList><epc>{sgtin_urn('old')}</epc></epcList><action>OBSERVE</action></ObjectEvent>"
    )
    raw = xml_document(body).replace(EPCIS.encode(), b"urn:epcglobal:epcis:xsd:1")
    raw = raw.replace(b'schemaVersion="2.0"', b'schemaVersion="1.2"')
    assert server.job_of(server.post("/capture", raw, Content_Type=XML))["success"] is True
    assert server.event(event_id)


def test_rest_events_come_as_xml(server: Server, by_urn: Event) -> None:
    answer = server.get(item_path("events", by_urn["eventID"]), Accept=XML)
    if answer.status_code == 406:
        pytest.skip(f"the server does not write XML: {answer.text}")

    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] in (XML, "text/xml")
    root = ET.fromstring(answer.content)
    assert root.tag == f"{{{QUERY}}}EPCISQueryDocument"
    assert [element.text for element in root.iter("eventID")] == [by_urn["eventID"]]


@pytest.mark.parametrize(
    ("cbv_format", "written"),
    [
        ("Always_URN", "urn:epcglobal:cbv:bizstep:inspecting"),
        ("Always_Web_URI", "https://ref.gs1.org/cbv/BizStep-inspecting"),
    ],
)
def test_rest_xml_writes_cbv_values_as_asked(
    server: Server, by_urn: Event, cbv_format: str, written: str
) -> None:
    path = item_path("events", by_urn["eventID"])
    answer = server.get(path, Accept=XML, GS1_CBV_XML_Format=cbv_format)
    if answer.status_code == 406:
        pytest.skip(f"the server does not write XML: {answer.text}")
    assert [element.text for element in ET.fromstring(answer.content).iter("bizStep")] == [written]


def test_rest_a_problem_comes_as_xml_where_xml_is_asked_for(server: Server) -> None:
    answer = server.get(item_path("events", new_id()), Accept=XML)
    if answer.status_code == 406:
        pytest.skip(f"the server does not write XML: {answer.text}")
    assert answer.status_code == 404
    assert answer.headers["content-type"].partition(";")[0] == "application/problem+xml"
    assert ET.fromstring(answer.content).findtext("{*}type") in {
        "epcisException:NoSuchResourceException",
        "epcisException:NoSuchNameException",
    }


def test_12_6_xml_with_a_document_type_is_refused(server: Server) -> None:
    needs_xml(server)
    bomb = b'<!DOCTYPE a [<!ENTITY b "b"><!ENTITY c "&b;&b;">]>' + xml_document("&c;")
    assert server.post("/capture", bomb, Content_Type=XML).status_code == 400


# ------------------------------------------------------------------------------ one event, many spellings


def test_7_4_however_an_event_is_spelled_it_is_the_same_event(server: Server) -> None:
    spellings = [
        (sgtin_urn("same"), "https://ref.gs1.org/cbv/BizStep-inspecting"),
        (f"https://shop.conformance.example/01/09506000134352/21/{serial('same')}", "inspecting"),
    ]
    ids = []
    for epc, biz_step in spellings:
        event = observed(epc, bizStep=biz_step)
        assert server.post("/events", with_context(event)).status_code == 201
        server.event(event["eventID"])
        ids.append(event["eventID"])
    found = server.query({"MATCH_epc": sgtin("same"), "EQ_bizStep": "inspecting"})
    assert {event["eventID"] for event in found} == set(ids)


def test_12_6_an_event_may_bring_its_own_context(server: Server) -> None:
    event = observed(**{"my:note": "kept"}) | {"@context": [CONTEXT, {"my": "https://my.example/"}]}
    assert server.job_of(server.post("/capture", document(event)))["success"] is True
    values = server.event(event["eventID"]).items()
    assert "kept" in [value for _, value in values]
