"""GS1's own examples, captured over HTTP and asked back in every format; GS1's schemas are the judge."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from lxml import etree

from ledger.node import Node
from ledger.store import open_store
from tests.api.conftest import serving
from tests.chain.nodes import Anvil
from tests.services.world import open_world
from tests.vectors import vectors

FOLDERS = ("JSON", "JSON-simple-context", "XML")
MEDIA_TYPES = {".xml": "application/xml", ".json": "application/json", ".jsonld": "application/ld+json"}
ALL = {"perPage": "1000"}


@dataclass(frozen=True)
class Examples:
    """A node that took all examples it could, and what became of each file."""

    node: Node
    client: httpx.Client
    statuses: dict[str, int]


@pytest.fixture(scope="module")
def examples(anvil: Anvil, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Examples]:
    folder = tmp_path_factory.mktemp("examples")
    root = vectors("gs1-epcis")
    store = open_store(f"sqlite:///{folder / 'suyuan.db'}")
    world = open_world(store, anvil, folder / "node")
    with serving(world.node) as client:
        client.headers["Authorization"] = f"Bearer {world.texts['node']}"
        statuses = {}
        for path in sorted(path for name in FOLDERS for path in (root / name).rglob("*")):
            if path.suffix in MEDIA_TYPES and "CaptureJob" not in path.parts:
                headers = {"Content-Type": MEDIA_TYPES[path.suffix]}
                answer = client.post("/epcis/capture", content=path.read_bytes(), headers=headers)
                statuses[str(path.relative_to(root))] = answer.status_code
        yield Examples(world.node, client, statuses)
    store.close()


def ask(examples: Examples, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = examples.client.get("/epcis/events", params=ALL, headers=named)
    assert answer.status_code == 200, answer.text
    assert "next" not in answer.links
    return answer


REFUSED = {
    "the key eventID twice": [
        "JSON/AssociationEvent/AssociationEvent-h.jsonld",
        "JSON-simple-context/AssociationEvent/AssociationEvent-h.jsonld",
    ],
    "other content under an eventID of an example before it": [
        "JSON/Example-Type-sourceOrDestination,measurement,bizTransaction.jsonld",
        "JSON/WithSensorData/SensorDataExample17.jsonld",
        "JSON-simple-context/Example-Type-sourceOrDestination,measurement,bizTransaction.jsonld",
        "JSON-simple-context/WithSensorData/SensorDataExample13.jsonld",
        "XML/WithErrorDeclaration/ErrorDeclarationAndCorrectiveEvent.xml",
    ],
    "fields of drafts of the standard: id for eventID, a type in a sensorElement": [
        "JSON-simple-context/PersistentDisposition-example.jsonld",
        "JSON-simple-context/WithFullCombinationOfFields/aggregation_event_all_possible_fields.jsonld",
        "JSON-simple-context/WithFullCombinationOfFields/association_event_all_possible_fields.jsonld",
        "JSON-simple-context/WithFullCombinationOfFields/object_event_all_possible_fields.jsonld",
        "JSON-simple-context/WithFullCombinationOfFields/transaction_event_all_possible_fields.jsonld",
        "JSON-simple-context/WithFullCombinationOfFields/transformation_event_all_possible_fields.jsonld",
        "JSON-simple-context/WithSensorData/SensorDataExample14.jsonld",
        "JSON-simple-context/WithSensorData/SensorDataExample15.jsonld",
    ],
    "not what the JSON schema asks for": [
        "JSON-simple-context/Example-TransactionEvents-2020_07_03y.jsonld",
        "JSON-simple-context/WithSensorData/SensorDataExample12.jsonld",
        "JSON-simple-context/WithSensorData/SensorDataExample17.jsonld",
    ],
    "measurement types that CBV 2.0 does not have": [
        "XML/WithExtension/TransactionEvent.xml",
        "XML/WithSensorData/SensorDataExamples.xml",
    ],
}


def test_all_examples_but_the_faulty_ones_are_captured(examples: Examples) -> None:
    refused = {path for path, status in examples.statuses.items() if status != 202}
    assert set(examples.statuses.values()) == {202, 400, 409}
    assert refused == {path for paths in REFUSED.values() for path in paths}


@pytest.mark.parametrize("epc_format", ["Always_GS1_Digital_Link", "Always_EPC_URN", "Never_Translates"])
def test_answers_are_valid_by_gs1s_json_schema(examples: Examples, epc_format: str) -> None:
    jsonschema_rs = pytest.importorskip("jsonschema_rs")
    schema = json.loads(vectors("gs1-epcis", "EPCIS-JSON-Schema.json").read_text())
    answer = ask(examples, GS1_EPC_Format=epc_format)
    faults = [fault.message for fault in jsonschema_rs.validator_for(schema).iter_errors(answer.json())]

    # EPCIS 2.0.1 allows it on association and transformation events, and the schema is that of 2.0.0.
    assert [fault for fault in faults if not fault.startswith('"persistentDisposition"')] == []


@pytest.mark.parametrize("cbv_format", ["Always_Web_URI", "Always_URN"])
@pytest.mark.parametrize("epc_format", ["Always_GS1_Digital_Link", "Always_EPC_URN"])
def test_answers_are_valid_by_gs1s_xml_schema(examples: Examples, epc_format: str, cbv_format: str) -> None:
    schema = etree.XMLSchema(file=str(vectors("gs1-epcis", "XSD", "EPCglobal-epcis-query-2_0.xsd")))
    answer = ask(examples, Accept="application/xml", GS1_EPC_Format=epc_format, GS1_CBV_XML_Format=cbv_format)
    schema.validate(etree.fromstring(answer.content))
    faults = [fault.message for fault in schema.error_log]

    # There may be several certificates, for which the XML schema has no place.
    assert [fault for fault in faults if "certificationInfo" not in fault] == []


@pytest.mark.parametrize("epc_format", ["Always_GS1_Digital_Link", "Always_EPC_URN", "Never_Translates"])
def test_an_answer_captured_again_is_the_same_events(examples: Examples, epc_format: str) -> None:
    size = examples.node.store.log_size()
    answer = ask(examples, GS1_EPC_Format=epc_format)
    again = examples.client.post(
        "/epcis/capture", content=answer.content, headers={"Content-Type": "application/json"}
    )
    assert (again.status_code, again.json().get("errors")) == (202, [])
    assert examples.node.store.log_size() == size > 50
