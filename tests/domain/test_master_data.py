"""Master data from rows and from the headers of EPCIS documents."""

import json
from typing import Any

import pytest

from ledger.domain.errors import Invalid
from ledger.domain.event_parser import Document, parse_document
from ledger.domain.master_data import MasterData, attributes_of, merge, read_row, to_row

GTIN = "https://id.gs1.org/01/09506000134352"
SITE, ROOM = "https://id.gs1.org/414/9506000000008", "https://id.gs1.org/414/9506000000008/254/R1"
PARTY = "https://id.gs1.org/417/9506000000008"
MDA = "urn:epcglobal:cbv:mda:"


def problems_of(**row: str) -> list[str]:
    with pytest.raises(Invalid) as refused:
        read_row(row)
    return [problem.pointer for problem in refused.value.problems]


# --- rows


def test_a_row_says_what_a_product_is_called_and_how_cold_it_is_kept() -> None:
    row = {
        "id": "(01)09506000134352",
        "name": "Vaccine",
        "name_zh": "疫苗",
        "celsius_min": "2",
        "celsius_max": "8",
    }

    assert read_row(row) == MasterData(
        GTIN, "product", "Vaccine", "疫苗", {"celsius_min": "2", "celsius_max": "8"}
    )


@pytest.mark.parametrize(
    ("row", "uri", "kind"),
    [
        ({"gtin": "9506000134352"}, GTIN, "product"),
        ({"gln": "9506000000008"}, SITE, "place"),
        ({"gln": "9506000000008", "kind": "party"}, PARTY, "party"),
        ({"id": PARTY}, PARTY, "party"),
        ({"id": "urn:epc:id:sgln:9506000.00000.R1"}, ROOM, "place"),
        ({"id": "https://x.example/depot", "kind": "place"}, "https://x.example/depot", "place"),
    ],
)
def test_the_identifier_tells_what_a_row_is_about(row: dict[str, str], uri: str, kind: str) -> None:
    entry = read_row(row | {"name": "N"})

    assert (entry.uri, entry.kind) == (uri, kind)


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ({"gtin": "9506000134353", "name": "N"}, ["gtin"]),
        ({"name": "N"}, ["id"]),
        ({"gtin": "9506000134352", "id": GTIN, "name": "N"}, ["id"]),
        ({"id": GTIN}, ["name"]),
        ({"id": GTIN, "kind": "place", "name": "N"}, ["id"]),
        ({"id": "https://x.example/a", "name": "N"}, ["id"]),
        ({"id": GTIN, "kind": "thing", "name": "N"}, ["kind"]),
        ({"id": GTIN, "name": "N", "colour": "red"}, ["colour"]),
        ({"id": GTIN, "name": "N", "city": "Wuhan"}, ["city"]),
        ({"id": GTIN, "name": "N", "celsius_min": "warm"}, ["celsius_min", "celsius_min"]),
        ({"id": GTIN, "name": "N", "celsius_min": "8", "celsius_max": "2"}, ["celsius_min"]),
        ({"id": GTIN, "name": "N", "lifetime_days": "0"}, ["lifetime_days"]),
        ({"id": SITE, "name": "N", "country": "China", "latitude": "91"}, ["country", "latitude"]),
        ({"id": SITE, "name": "N", "part_of": "(414)9506000000009"}, ["part_of"]),
        ({"id": SITE, "name": "N", "http://x y": "1"}, ["http://x y"]),
    ],
)
def test_each_faulty_cell_is_told_by_its_column(row: dict[str, str], columns: list[str]) -> None:
    assert problems_of(**row) == columns


def test_an_entry_written_as_a_row_reads_the_same() -> None:
    details = {"city": "Wuhan", "zone": "Asia/Shanghai", "part_of": SITE, "https://x.example/a": "1"}
    entry = MasterData(ROOM, "place", "Room", "", details)

    assert read_row(to_row(entry)) == entry


# --- headers


def document(*vocabularies: dict[str, Any], **context: str) -> Document:
    return parse_document(
        json.dumps(
            {
                "@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld", context],
                "type": "EPCISDocument",
                "schemaVersion": "2.0",
                "creationDate": "2026-11-02T08:00:00Z",
                "epcisHeader": {"epcisMasterData": {"vocabularyList": list(vocabularies)}},
                "epcisBody": {"eventList": []},
            }
        ).encode()
    )


def vocabulary(name: str, *elements: dict[str, Any]) -> dict[str, Any]:
    return {"type": f"urn:epcglobal:epcis:vtype:{name}", "vocabularyElementList": list(elements)}


def element(uri: str, *children: str, **attributes: Any) -> dict[str, Any]:
    listed = [{"id": name.replace("__", ":"), "attribute": value} for name, value in attributes.items()]
    return {"id": uri, "attributes": listed} | ({"children": list(children)} if children else {})


def test_a_header_names_places_products_and_parties() -> None:
    found = document(
        vocabulary(
            "BusinessLocation",
            element(SITE, cbvmda__name="Depot", cbvmda__city="Wuhan", cbvmda__countryCode="CN"),
        ),
        vocabulary(
            "EPCClass", element("urn:epc:idpat:sgtin:9506000.013435.*", cbvmda__descriptionShort="Vaccine")
        ),
        vocabulary("SourceDest", element(PARTY, cbvmda__name="Maker")),
    )

    assert found.problems == ()
    assert found.master_data == (
        MasterData(SITE, "place", "Depot", "", {"city": "Wuhan", "country": "CN"}),
        MasterData(GTIN, "product", "Vaccine", "", {}),
        MasterData(PARTY, "party", "Maker", "", {}),
    )


def test_children_are_part_of_what_names_them() -> None:
    (site, room) = document(
        vocabulary("BusinessLocation", element(SITE, ROOM)),
        vocabulary("ReadPoint", element(ROOM, cbvmda__name="Room")),
    ).master_data

    assert site == MasterData(SITE, "place", "", "", {})
    assert room == MasterData(ROOM, "place", "Room", "", {"part_of": SITE})


def test_attributes_that_we_have_no_name_for_go_by_their_uri_one_value_a_line() -> None:
    attributes = [
        {"id": "https://x.example/ns#dock", "attribute": "1"},
        {"id": "https://x.example/ns#dock", "attribute": 2},
        {"id": "https://x.example/ns#gate", "attribute": {"b": 1, "a": "x"}},
        {"id": "urn:epcglobal:cbv:mda#sst", "attribute": "201"},
        {"id": "cbvmda:countryCode", "attribute": "Chile"},
    ]
    (entry,) = document(vocabulary("ReadPoint", {"id": SITE, "attributes": attributes})).master_data

    assert entry.details == {
        "https://x.example/ns#dock": "1\n2",
        "https://x.example/ns#gate": '{"a":"x","b":1}',
        MDA + "sst": "201",
        MDA + "countryCode": "Chile",
    }
    assert attributes_of(entry)["https://x.example/ns#dock"] == ("1", "2")


def test_an_entry_tells_the_attributes_that_its_header_had() -> None:
    attributes = {"name": "Depot", "city": "Wuhan", "countryCode": "CN", "sst": "201"}
    (entry,) = document(
        vocabulary("BusinessLocation", element(SITE, **{f"cbvmda__{k}": v for k, v in attributes.items()}))
    ).master_data

    assert attributes_of(entry) == {MDA + name: (value,) for name, value in attributes.items()}


@pytest.mark.parametrize(
    ("header", "pointer"),
    [
        ({"epcisMasterData": []}, "/epcisHeader/epcisMasterData"),
        ({"epcisMasterData": {"vocabularyList": {}}}, "/epcisHeader/epcisMasterData/vocabularyList"),
        (
            {
                "epcisMasterData": {
                    "vocabularyList": [vocabulary("EPCClass", {"id": "urn:epc:id:sgtin:1.2.3"})]
                }
            },
            "/epcisHeader/epcisMasterData/vocabularyList/0/vocabularyElementList/0/id",
        ),
        (
            {
                "epcisMasterData": {
                    "vocabularyList": [vocabulary("ReadPoint", {"id": SITE, "attributes": [{}]})]
                }
            },
            "/epcisHeader/epcisMasterData/vocabularyList/0/vocabularyElementList/0/attributes/0/id",
        ),
        (
            {"epcisMasterData": {"vocabularyList": [vocabulary("ReadPoint", {"id": SITE, "children": [1]})]}},
            "/epcisHeader/epcisMasterData/vocabularyList/0/vocabularyElementList/0/children/0",
        ),
    ],
)
def test_a_faulty_header_is_told_by_its_pointer(header: dict[str, Any], pointer: str) -> None:
    raw = {
        "@context": [],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-11-02T08:00:00Z",
        "epcisHeader": header,
        "epcisBody": {"eventList": []},
    }
    assert [problem.pointer for problem in parse_document(json.dumps(raw).encode()).problems] == [pointer]


def test_vocabularies_of_other_things_are_passed_over() -> None:
    assert document(vocabulary("BusinessStep", element("urn:x:step"))).master_data == ()


def test_what_a_new_entry_does_not_speak_of_stays() -> None:
    old = MasterData(SITE, "place", "Depot", "冷库", {"city": "Wuhan", "zone": "Asia/Shanghai"})
    new = MasterData(SITE, "place", "", "", {"city": "Wuchang"})

    assert merge(old, new) == MasterData(
        SITE, "place", "Depot", "冷库", {"city": "Wuchang", "zone": "Asia/Shanghai"}
    )
