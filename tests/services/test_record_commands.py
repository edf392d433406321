"""`suyuan records`, run as a person runs it: one record by hand, many by table, each fault at its row."""

import csv
import json
from pathlib import Path

import pytest

from ledger.cli import main
from ledger.tabular import write_table
from tests.services.world import SGTIN, World, allocate_handles

TEA = "88.118.1001/tea-1"


@pytest.fixture(autouse=True)
def node_of_this_folder(world: World, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUYUAN_DATA_DIR", str(world.node.settings.data_dir))
    monkeypatch.setenv("SUYUAN_DATABASE_URL", store_url)
    allocate_handles(world, factory="88.118.1001", carrier="88.118.1002")


def records(world: World, *arguments: str, party: str = "factory") -> int:
    return main(["records", *arguments, "--key", world.texts[party]])


def test_a_record_is_registered_shown_proved_and_deleted(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = ["1:URL=https://maker.example/?a=b", "7:NOTE:1100=for us alone"]
    assert records(world, "register", TEA, *values) == 0
    assert capsys.readouterr().out == f"hdl:{TEA}: registered, version 1 at log index 0\n"
    assert records(world, "register", TEA, *values) == 1
    assert "registered already" in capsys.readouterr().err
    assert records(world, "register", TEA, *values, "--overwrite") == 0
    assert "unchanged, version 1" in capsys.readouterr().out

    assert main(["records", "show", TEA]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [value["data"]["value"] for value in shown["values"]] == ["https://maker.example/?a=b"]
    assert records(world, "show", TEA) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [value["index"] for value in shown["values"]] == [1, 7]
    assert list(shown["salts"]) == ["7"]

    assert records(world, "delete", TEA) == 0
    assert main(["records", "show", TEA]) == 1
    world.anchor()
    bundle = str(tmp_path / "tea.bundle.json")
    assert main(["prove", TEA, "-o", bundle]) == 0
    assert main(["verify", bundle, "--trust", str(world.node.settings.trust_path)]) == 0


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["1:URL"], "expected INDEX:TYPE=TEXT"),
        (["URL=x"], "expected id, or the index and type of a value as 1:URL"),
        (["0:URL=x"], "expected a whole number from 1"),
        (["1:URL:0110=x"], "the owner reads every value"),
    ],
)
def test_a_wrong_value_is_explained(
    world: World, capsys: pytest.CaptureFixture[str], values: list[str], said: str
) -> None:
    assert records(world, "register", TEA, *values) == 1
    assert said in capsys.readouterr().err
    assert world.node.store.log_size() == 0


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_table_is_put_row_by_row_and_may_be_put_again(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    path = tmp_path / f"tea{suffix}"
    rows = [
        {"id": f"88.118.1001/{n}", "1:URL": f"https://maker.example/{n}", "2:名称": "龙井"} for n in range(3)
    ]
    rows.append({"id": "(01)09506000134352(21)S1", "1:URL": "https://maker.example/S1"})
    write_table(path, ["id", "1:URL", "2:名称"], rows)
    assert records(world, "import", str(path)) == 0
    assert "4 registered, 0 updated, 0 unchanged, 0 failed" in capsys.readouterr().out
    rows[0]["2:名称"] = "毛峰"
    write_table(path, ["id", "1:URL", "2:名称"], rows)
    assert records(world, "import", str(path)) == 0
    assert "0 registered, 1 updated, 3 unchanged, 0 failed" in capsys.readouterr().out
    assert main(["records", "show", SGTIN + "S1"]) == 0
    assert not path.with_name(path.name + ".errors.csv").exists()


def test_each_faulty_row_is_told_with_its_column_and_the_others_are_put(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tea.csv"
    rows = [
        {"id": "88.118.1001/1", "1:URL": "https://maker.example"},
        {"id": "88.118.1002/2", "1:URL": "of the carrier"},
        {"id": "88.118.1001", "1:URL": "a prefix"},
        {"id": "88.118.1001/3"},
        {"id": "88.118.1001/4", "1:URL": "x" * 65_537},
        {"id": "hdl:88.118.1001/1", "1:URL": "again"},
        {"id": "88.118.1001/5", "1:URL": "https://maker.example", "2:HS_SECKEY": "secret"},
    ]
    write_table(path, ["id", "1:URL", "2:HS_SECKEY"], rows)
    assert records(world, "import", str(path)) == 1
    assert "1 registered, 0 updated, 0 unchanged, 6 failed" in capsys.readouterr().out
    with (tmp_path / "tea.csv.errors.csv").open(encoding="utf-8-sig", newline="") as file:
        told = [(row["row"], row["pointer"], row["fault"]) for row in csv.DictReader(file)]
    assert sorted((row, column) for row, column, _ in told) == [
        ("3", ""), ("4", "id"), ("5", ""), ("6", "1:URL"), ("7", "id"), ("8", "2:HS_SECKEY"),
    ]  # fmt: skip
    faults = {row: fault for row, _, fault in told}
    assert "may not speak for" in faults["3"]
    assert "already in row 2" in faults["7"]
    assert "expected a list of 1 to 1000 values" in faults["5"]
    assert "secret" not in faults["8"].replace("secrets", "")


def test_a_table_without_an_id_or_with_a_strange_column_is_refused(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tea.csv"
    write_table(path, ["id", "URL"], [{"id": TEA, "URL": "x"}])
    assert records(world, "import", str(path)) == 1
    assert "column 'URL': expected id, or the index and type" in capsys.readouterr().err
    write_table(path, ["1:URL"], [{"1:URL": "x"}])
    assert records(world, "import", str(path)) == 1
    assert records(world, "import", str(tmp_path / "none.csv")) == 1
    assert "no such file" in capsys.readouterr().err
    assert world.node.store.log_size() == 0
