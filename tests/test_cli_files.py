"""The commands that take files, on a node in a folder."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.cli import main
from ledger.commands import node as commands
from ledger.store import open_store
from tests.api.conftest import serving
from tests.chain.nodes import Anvil
from tests.services.world import SGTIN, World, document, made, open_world

DOCS = Path(__file__).resolve().parents[1] / "docs"
GTIN = "https://id.gs1.org/01/09506000134352"


@pytest.fixture
def world(anvil: Anvil, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    url = f"sqlite:///{tmp_path / 'suyuan.db'}"
    store = open_store(url)
    world = open_world(store, anvil, tmp_path / "node")
    monkeypatch.setenv("SUYUAN_DATA_DIR", str(tmp_path / "node"))
    monkeypatch.setenv("SUYUAN_DATABASE_URL", url)
    monkeypatch.setattr(commands, "WATCH_SECONDS", 0.01)
    yield world
    store.close()


def test_a_table_is_captured_by_its_mapping(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "goods.csv"
    table.write_bytes((DOCS / "mapping.csv").read_bytes())
    arguments = [
        "capture",
        str(table),
        "--mapping",
        str(DOCS / "mapping.toml"),
        "--key",
        world.texts["factory"],
    ]

    assert main(arguments) == 0
    assert capsys.readouterr().out == f"{table}: 2 events captured, 0 failed, 0 warnings\n"
    assert world.node.store.log_size() == 2


def test_rows_that_fail_make_the_command_fail(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "day.ndjson"
    path.write_text(json.dumps(made("S1")) + "\n" + json.dumps(made("S2", action="LOOK")) + "\n")

    assert main(["capture", str(path), "--key", world.texts["factory"]]) == 1
    told = capsys.readouterr()
    assert told.out == f"{path}: 1 events captured, 1 failed, 0 warnings\n"
    assert f"{path}.errors.csv says why" in told.err


def test_files_are_captured_on_a_node_elsewhere(world: World, tmp_path: Path) -> None:
    path = tmp_path / "doc.json"
    path.write_bytes(document(made("S1")))
    with serving(world.node) as client:
        url = str(client.base_url)
        assert main(["capture", str(path), "--url", url, "--key", world.texts["factory"]]) == 0

    assert world.node.store.log_size() == 1


def test_a_folder_is_watched_once(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "doc.json").write_bytes(document(made("S1")))

    assert main(["watch", str(tmp_path / "in"), "--once", "--key", world.texts["factory"]]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/in/done/doc.json: 1 events captured, 0 warnings\n"


def test_master_data_goes_in_and_out_and_onto_the_label(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, copy = tmp_path / "products.csv", tmp_path / "copy.xlsx"
    table.write_text("gtin,name,celsius_min\n9506000134352,Vaccine,2\n")

    assert main(["masterdata", "import", str(table), "--dry-run"]) == 0
    assert main(["masterdata", "import", str(table)]) == 0
    assert main(["masterdata", "export", str(copy)]) == 0
    assert main(["masterdata", "import", str(copy)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "1 would be added, 0 would be changed, 0 the same",
        "1 added, 0 changed, 0 the same",
        f"{copy}: 1 entries",
        "0 added, 0 changed, 1 the same",
    ]
    assert main(["label", SGTIN + "S1", "-o", str(tmp_path / "label.svg")]) == 0
    assert "Vaccine" in (tmp_path / "label.svg").read_text()


def test_a_faulty_table_is_told_cell_by_cell(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "products.csv"
    table.write_text("gtin,name\n9506000134353,\n")

    assert main(["masterdata", "import", str(table)]) == 1
    told = capsys.readouterr().err
    assert "  row 2, gtin: " in told
    assert "  row 2, name: is missing" in told
    assert world.node.store.master_data([GTIN]) == {}


def test_a_wrong_rule_is_told_at_the_start(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUYUAN_RULES", "one_parent=loud")

    assert main(["masterdata", "export", "x.csv"]) == 1
    assert "SUYUAN_RULES: rule one_parent is 'loud'" in capsys.readouterr().err
