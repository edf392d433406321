"""Records for authorities: what is known is told with its source, and what is missing is named."""

import csv
import io
import json
from pathlib import Path

import pytest

from ledger.cli import main
from ledger.domain.cold_chain.export_record import fill_record, parse_record_profile
from ledger.domain.decision import Decision
from ledger.domain.errors import Invalid, NotFound
from ledger.export import export_record, write_csv, write_json
from ledger.exports import find_record_profile, record_profile_names
from ledger.ports import MasterData
from ledger.shipment import record_decision
from tests.services.test_excursions import MINUTE, VIAL, Shipment
from tests.services.world import START_MS, World, seen

CN, EN = "cn-imported-cold-chain-food", "en-12830-gdp"
DOCK, PARTY = "https://id.gs1.org/414/9506000134369", "https://id.gs1.org/417/9506000134376"
PAPER = "urn:paper:{}"


def test_an_item_of_which_little_is_known_has_its_missing_fields_named(world: World) -> None:
    Shipment(world)
    record = export_record(world.node, VIAL, CN)
    missing = {field.name: field.where for field in record.missing}
    assert (
        missing["country_of_origin"] == "ILMD cbvmda:countryOfOrigin of an event that brought it into being"
    )
    assert missing["specification"] == "master data of the product: net_content"
    assert "watched carrier" in missing["temperature_lowest"]
    assert "gtin" in record.values
    assert record.values["recorder"][0] == "legs.carrier"
    assert not {"gtin", "recorder", "transport_document"} & missing.keys()
    with pytest.raises(NotFound, match=EN):
        export_record(world.node, VIAL, "none")


def test_a_record_is_filled_from_master_data_ilmd_events_and_carriers(world: World) -> None:
    shipment = Shipment(world)
    shipment.measure(0, 5, 9, 5)
    details = {"net_content": "10 × 1 kg", "celsius_min": "2", "celsius_max": "8"}
    details |= {"urn:suyuan:mda:producerRegistration": "CN-123", "lifetime_days": "365"}
    product = MasterData("https://id.gs1.org/01/09506000134352", "product", "Shrimp", "虾", details)
    world.node.store.put_master_data([product])
    world.capture(
        seen(
            "V1",
            eventTime="2026-11-22T16:05:00.000Z",
            readPoint={"id": DOCK},
            sourceList=[{"type": "owning_party", "source": PARTY}],
            destinationList=[{"type": "owning_party", "destination": PARTY}],
            bizTransactionList=[
                {"type": kind, "bizTransaction": PAPER.format(kind)} for kind in ("cert", "testres")
            ],
        )
    )
    record_decision(world.node, shipment.key, VIAL, Decision("reject", "9 °C", "Li"))
    record = export_record(world.node, VIAL, CN)
    told = {name: values for name, (_, values) in record.values.items()}
    assert (told["product_name"], told["specification"]) == (("虾",), ("10 × 1 kg",))
    assert told["producer_registration"] == ("CN-123",)
    assert told["quarantine_certificate"] == ("urn:paper:cert",)
    assert told["custody"] == ("2026-11-22T16:05:00.000Z receiving (414) 9506000134369",)
    assert (told["temperature_highest"], told["time_out_of_range"]) == (("9",), ("60 s",))
    assert told["storage_temperature"] == ("2–8 °C",)
    assert {field.name for field in record.missing} == {
        "batch",
        "country_of_origin",
        "production_date",
        "quantity",
        "disinfection_certificate",
    }
    english = export_record(world.node, VIAL, EN)
    assert english.values["decision"][1] == ("reject: 9 °C (Li)",)
    assert {field.name for field in english.missing} == {"batch", "calibration", "calibrated_until"}


def test_json_and_csv_say_the_same(world: World) -> None:
    shipment = Shipment(world)
    shipment.measure(0, 5)
    world.clock.now_ms = START_MS + MINUTE
    record = export_record(world.node, VIAL, EN)
    document = json.loads(write_json(record))
    rows = list(csv.DictReader(io.StringIO(write_csv(record).decode("utf-8-sig"))))
    assert {row["name"]: row["value"] for row in rows if not row["missing"]} == {
        name: field["values"][0] for name, field in document["fields"].items()
    }
    assert {row["name"]: row["missing"] for row in rows if row["missing"]} == {
        field["name"]: field["from"] for field in document["missing"]
    }


def test_a_value_that_a_spreadsheet_would_run_is_text_to_it() -> None:
    profile = find_record_profile(EN)
    record = fill_record(VIAL, profile, {"item.id": ["=1+1"], "legs.min": ["-18.5"]})
    text = write_csv(record).decode("utf-8-sig")
    assert "'=1+1" in text
    assert ",-18.5," in text


def test_every_profile_is_right_and_a_wrong_one_is_refused() -> None:
    assert record_profile_names() == [CN, EN]
    for name in record_profile_names():
        profile = find_record_profile(name)
        assert all(field.title and field.title_zh and field.sources for field in profile.fields)
    field = '[[field]]\nname="a"\ntitle="t"\ntitle_zh="t"\nrequired=true\nfrom=["{}"]\n'
    head = 'title="t"\ntitle_zh="t"\nsource="s"\n'
    for wrong in (field.format("chance.x"), 2 * field.format("item.id"), "", "="):
        with pytest.raises(Invalid, match="mine"):
            parse_record_profile("mine", head + wrong)


def test_the_command_writes_the_file_and_tells_what_is_missing(
    world: World,
    store_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SUYUAN_DATA_DIR", str(world.node.settings.data_dir))
    monkeypatch.setenv("SUYUAN_DATABASE_URL", store_url)
    path = tmp_path / "record.csv"
    assert main(["export", VIAL, "--profile", CN, "-o", str(path)]) == 1
    assert "missing: quantity (Quantity): an event of the item" in capsys.readouterr().err
    assert path.read_bytes()
    assert main(["export", VIAL, "--profile", CN, "-o", str(tmp_path / "record.doc")]) == 1
