"""Master data goes in and out as JSON, CSV and XLSX, wholly or not at all."""

import json
from pathlib import Path

import pytest

from ledger.domain.errors import Invalid, NotFound
from ledger.domain.master_data import MasterData
from ledger.masterdata import Imported, export_master_data, import_master_data
from ledger.ports import Store
from ledger.tabular import write_table
from tests.vectors import vectors

GTIN = "https://id.gs1.org/01/09506000134352"
SITE = "https://id.gs1.org/414/9506000000008"
VACCINE = MasterData(GTIN, "product", "Vaccine", "疫苗", {"celsius_min": "2", "celsius_max": "8"})
DEPOT = MasterData(
    SITE, "place", "Depot", "", {"zone": "Asia/Shanghai", "urn:epcglobal:cbv:mda:sst": "201\n202"}
)


def table(path: Path, *rows: dict[str, str]) -> Path:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    if path.suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    else:
        write_table(path, columns, rows)
    return path


@pytest.fixture(params=[".json", ".csv", ".xlsx"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"goods{request.param}"


def test_what_is_exported_imports_the_same(store: Store, path: Path) -> None:
    store.put_master_data([VACCINE, DEPOT])

    assert export_master_data(store, path) == 2
    assert import_master_data(store, path) == Imported(0, 0, 2)

    store.put_master_data([MasterData(GTIN, "product", "Other", "", {}), DEPOT])
    assert import_master_data(store, path) == Imported(0, 1, 1)
    assert store.master_data([GTIN, SITE]) == {GTIN: VACCINE, SITE: DEPOT}


def test_an_export_of_nothing_is_a_table_with_its_header(store: Store, path: Path) -> None:
    assert export_master_data(store, path) == 0
    assert import_master_data(store, path) == Imported(0, 0, 0)


def test_a_dry_run_counts_and_changes_nothing(store: Store, path: Path) -> None:
    table(path, {"gtin": "9506000134352", "name": "Vaccine"})

    assert import_master_data(store, path, dry_run=True) == Imported(1, 0, 0)
    assert store.master_data([GTIN]) == {}


def test_with_one_faulty_row_nothing_is_imported_and_every_fault_is_told(store: Store, path: Path) -> None:
    table(
        path,
        {"id": GTIN, "name": "Vaccine", "zone": ""},
        {"id": SITE, "name": "", "zone": "Mars/Olympus"},
        {"id": SITE, "name": "Depot", "zone": "Mars/Olympus"},
        {"id": GTIN, "name": "Again", "zone": ""},
    )
    first = 1 if path.suffix == ".json" else 2

    with pytest.raises(Invalid) as refused:
        import_master_data(store, path)

    assert [problem.pointer for problem in refused.value.problems] == [
        f"row {first + 1}, name",
        f"row {first + 2}, zone",
        f"row {first + 3}, id",
    ]
    assert store.master_data([GTIN, SITE]) == {}


def test_all_pages_of_an_export_are_there_once(store: Store, tmp_path: Path) -> None:
    entries = [MasterData(f"urn:x:{n}", "place", f"P{n}", "", {}) for n in range(2_500)]
    store.put_master_data(entries)

    assert export_master_data(store, tmp_path / "all.json") == 2_500
    rows = json.loads((tmp_path / "all.json").read_text())
    assert len({row["id"] for row in rows}) == 2_500


def test_the_header_of_a_document_adds_to_what_is_known(store: Store, tmp_path: Path) -> None:
    store.put_master_data([DEPOT])
    path = tmp_path / "sites.jsonld"
    attribute = {"id": "cbvmda:city", "attribute": "Wuhan"}
    element = {"id": SITE, "attributes": [attribute]}
    vocabulary = {"type": "urn:epcglobal:epcis:vtype:ReadPoint", "vocabularyElementList": [element]}
    document = {
        "@context": [],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-11-02T08:00:00Z",
        "epcisHeader": {"epcisMasterData": {"vocabularyList": [vocabulary]}},
        "epcisBody": {"eventList": []},
    }
    path.write_text(json.dumps(document))

    assert import_master_data(store, path) == Imported(0, 1, 0)
    assert store.master_data([SITE])[SITE].details == {**DEPOT.details, "city": "Wuhan"}


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", "[1]"), ("a.json", "1"), ("a.json", "{"), ("a.txt", "")]
)
def test_what_is_no_list_of_entries_is_refused(store: Store, tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)

    with pytest.raises(Invalid):
        import_master_data(store, tmp_path / name)


def test_a_file_that_is_not_there_is_not_found(store: Store, path: Path) -> None:
    with pytest.raises(NotFound):
        import_master_data(store, path)


def test_the_master_data_of_gs1s_examples_is_imported(store: Store) -> None:
    path = vectors("gs1-epcis", "XML", "CBV", "CBV-11.4-2020-06-16a.xml")

    assert import_master_data(store, path).added > 0
