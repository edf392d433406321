"""The commands of `suyuan`, run as a person runs them, on a real store and a real chain."""

import io
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from ledger.cli import main
from ledger.config import Settings
from ledger.domain.month import Month
from ledger.node import now_ms
from ledger.printing import PrintRunner
from tests.services.test_prove import change
from tests.services.world import SGTIN, World, document, made, seen


@pytest.fixture(autouse=True)
def node_of_this_folder(world: World, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUYUAN_DATA_DIR", str(world.node.settings.data_dir))
    monkeypatch.setenv("SUYUAN_DATABASE_URL", store_url)


def write(folder: Path, *events: dict[str, object]) -> str:
    path = folder / "document.jsonld"
    path.write_bytes(document(*events))
    return str(path)


def test_from_a_file_to_a_verified_verdict(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capture", write(tmp_path, made("S1"), seen("S1")), "--key", world.texts["factory"]]) == 0
    assert "suyuan-receipt/1" in capsys.readouterr().out
    world.anchor()
    bundle = str(tmp_path / "bundle.json")
    assert main(["prove", "(01)09506000134352(21)S1", "-o", bundle]) == 0
    trust = ["--trust", str(world.node.settings.trust_path)]
    assert main(["verify", bundle, *trust]) == 0
    assert capsys.readouterr().out.endswith("Verified\n")
    assert main(["verify", bundle, *trust, "--offline"]) == 2
    Path(bundle).write_bytes(Path(bundle).read_bytes().replace(b"receiving", b"Receiving"))
    assert main(["verify", bundle, *trust]) == 1
    assert "Refuted at step 2" in capsys.readouterr().out


def test_what_is_wrong_with_a_document_is_said_line_by_line(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, made("S1", eventTime="yesterday"), made("S2", action="MAYBE"))
    assert main(["capture", path, "--key", world.texts["factory"]]) == 1
    said = capsys.readouterr().err
    assert "/epcisBody/eventList/0/eventTime" in said
    assert "/epcisBody/eventList/1/action" in said
    assert main(["capture", path, "--key", world.texts["factory"], "--proceed"]) == 1
    assert main(["capture", str(tmp_path / "nothing"), "--key", world.texts["factory"]]) == 1
    assert "No such file" in capsys.readouterr().err


def test_a_wrong_or_revoked_key_captures_nothing(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, made("S1"))
    assert main(["capture", path, "--key", "suyuan_no_such"]) == 1
    assert main(["capture", path]) == 1
    assert "suyuan keys add" in capsys.readouterr().err
    assert main(["keys", "add", "factory", "manufacturer"]) == 0
    key = capsys.readouterr().out.strip()
    assert main(["keys", "revoke", key]) == 0
    assert main(["capture", path, "--key", key]) == 1
    assert "revoked" in capsys.readouterr().err
    assert world.node.store.log_size() == 0


def test_a_new_party_gets_a_key(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "add", "hospital", "coldchain"]) == 1
    assert "--name and --account" in capsys.readouterr().err
    new = ["keys", "add", "hospital", "coldchain", "--name", "Hospital", "--account"]
    assert main([*new, "0x12"]) == 1
    assert main([*new, "0x" + "12" * 20]) == 0
    party = world.node.store.party("hospital")
    assert party is not None
    assert party.account == b"\x12" * 20


def test_an_event_is_proved_by_its_id(world: World, tmp_path: Path) -> None:
    event_id = "urn:uuid:5f0a1b2c-0000-4000-8000-000000000001"
    world.capture(made("S1", eventID=event_id))
    world.anchor()
    assert main(["prove", event_id, "--event", "-o", str(tmp_path / "b")]) == 0
    assert main(["verify", str(tmp_path / "b"), "--trust", str(world.node.settings.trust_path)]) == 0
    assert main(["prove", "urn:uuid:none", "--event", "-o", str(tmp_path / "b")]) == 1


def test_the_audit_finds_what_was_changed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.capture(made("S1"), seen("S1"))
    world.anchor()
    assert main(["audit", "--offline"]) == 0
    assert "2 events checked, 0 findings" in capsys.readouterr().out
    change(world, "UPDATE event SET salt = commitment WHERE log_index = 1")
    assert main(["audit", "--offline"]) == 1
    assert "event 1 (" in capsys.readouterr().out


def test_a_month_is_archived_and_comes_back(
    world: World, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Month.of(world.clock.now_ms)
    world.capture(made("S1"))
    world.clock.now_ms = first.next.start_ms
    world.capture(seen("S1"))
    assert main(["archive", "detach", "2026"]) == 1
    assert main(["archive", "detach", str(first.next)]) == 1
    capsys.readouterr()
    is_postgres = store_url.startswith("postgresql")
    assert main(["archive", "detach", str(first)]) == (0 if is_postgres else 1)
    assert main(["archive", "list"]) == 0
    state = "archived" if is_postgres else "here    "
    assert f"{first}  {state}  events 0 to 0\n{first.next}  here " in capsys.readouterr().out
    assert main(["audit", "--offline"]) == 0
    assert (
        f"{first} is archived: bodies of events 0 to 0 not checked" in capsys.readouterr().out
    ) == is_postgres
    assert main(["archive", "attach", str(first)]) == (0 if is_postgres else 1)


def test_a_label_is_written_and_reads_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    png = tmp_path / "label.png"
    assert main(["label", SGTIN + "S1", "-o", str(png)]) == 0
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png.read_bytes())))
    assert found.text == "http://localhost:8000/01/09506000134352/21/S1"
    assert main(["label", SGTIN + "S1", "-o", str(tmp_path / "label.svg")]) == 0
    assert main(["label", SGTIN + "S1"]) == 0
    assert "█" in capsys.readouterr().out
    assert main(["label", SGTIN + "S1", "-o", str(tmp_path / "label.doc")]) == 1
    assert "name a file that ends in .svg, .png, .pdf, .zpl" in capsys.readouterr().err


def test_labels_go_to_a_printer_with_fields_and_templates(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vial = ["--template", "vaccine-vial-40x20", "--data", "lot=L1", "--data", "expiry=2027-12-31"]
    vial += ["--data", "name=Vaccine", "--data", "name_zh=疫苗", "--data", "celsius_max=8"]
    zpl, pdf = tmp_path / "vials.zpl", tmp_path / "vials.pdf"
    assert main(["label", SGTIN + "S1", SGTIN + "S2", "-o", str(zpl), *vial, "--dpi", "203"]) == 0
    assert zpl.read_bytes().count(b"^XA") == 2
    sheet = ["--sheet", "a4-24", "--start", "24", "--offset", "0.5,-0.5"]
    assert main(["label", SGTIN + "S1", SGTIN + "S2", "-o", str(pdf), *vial, *sheet]) == 0
    assert pdf.read_bytes().count(b"/Type/Page/") == 2


def test_a_label_that_fails_leaves_no_file(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pdf = tmp_path / "labels.pdf"
    name = ["--data", "name=" + "much too long " * 20]
    assert main(["label", SGTIN + "S1", "-o", str(pdf), *name]) == 1
    assert "name (en): 'much too long" in capsys.readouterr().err
    assert list(tmp_path.glob("labels*")) == []
    assert main(["label", SGTIN + "S1", "-o", str(tmp_path / "nowhere" / "label.pdf")]) == 1
    assert "No such file or directory" in capsys.readouterr().err


def test_a_template_of_the_node_is_found_in_its_folder(world: World, tmp_path: Path) -> None:
    folder = world.node.settings.templates_path
    folder.mkdir()
    (folder / "own.toml").write_text(
        'name = "own"\ntitle = "Own"\nwidth_mm = 30\nheight_mm = 30\n'
        '[[symbol]]\nname = "code"\ncarrier = "qr"\n'
        "x_mm = 0\ny_mm = 0\nwidth_mm = 30\nheight_mm = 30\n"
    )
    png = tmp_path / "own.png"
    assert main(["label", SGTIN + "S1", "-o", str(png), "--template", "own"]) == 0
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png.read_bytes())))
    assert found.text == "http://localhost:8000/01/09506000134352/21/S1"


def test_a_folder_without_a_node_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SUYUAN_DATA_DIR", str(tmp_path / "empty"))
    assert main(["audit"]) == 1
    assert "start it once with `suyuan serve`" in capsys.readouterr().err


def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SUYUAN_PORT", "eight")
    assert main(["audit"]) == 1
    assert "SUYUAN_PORT is 'eight', should be a number" in capsys.readouterr().err
    monkeypatch.setenv("SUYUAN_PORT", "8000")
    monkeypatch.setenv("SUYUAN_PROT", "8000")
    assert main(["audit"]) == 1
    assert "SUYUAN_PROT is not a setting" in capsys.readouterr().err


def test_a_print_job_is_ordered_followed_and_steered(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setenv("SUYUAN_PRINTERS", f"file=spool://{spool}")
    key = ["--key", world.texts["factory"]]
    runner = PrintRunner(replace(world.node, settings=Settings.from_env(), clock=now_ms))
    stop = threading.Event()
    thread = threading.Thread(target=runner.run, args=(stop,))
    thread.start()
    try:
        assert main(["print", "new", "09506000134352", "SN01", "2", "--printer", "file", *key]) == 0
        (file,) = spool.iterdir()
        ordered = capsys.readouterr().out
        assert main(["print", "sscc", "09506000", "1", "--first", "5", "--printer", "file", *key]) == 0
        assert re.search(r"file 1 of 1 done, quality", capsys.readouterr().out)
    finally:
        stop.set()
        thread.join()
    job_id = file.name.partition("-")[0]
    done = rf"{job_id} file 2 of 2 done, quality (1\.00|0\.[89]\d)"
    assert re.fullmatch(rf"print job {job_id}\n{done}\n", ordered)
    torn = ["--reason", "torn", "--first", "SN02"]
    assert main(["print", "reprint", job_id, *torn, *key]) == 0
    again = capsys.readouterr().out.partition(" ")[0]
    assert main(["print", "pause", again, *key]) == 0
    assert main(["print", "follow", again, *key]) == 1
    assert main(["print", "resume", again, *key]) == 0
    assert main(["print", "cancel", again, *key]) == 0
    assert main(["print", "confirm", again, *key]) == 1
    assert "is cancelled, should be doubt" in capsys.readouterr().err
    assert main(["print", "list", *key]) == 0
    listed = capsys.readouterr().out
    assert re.fullmatch(rf"{again} file 0 of 1 cancelled\n\w+ file 1 of 1 done.*\n{done}\n", listed)


def test_links_are_put_imported_listed_exported_and_removed(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def links(*arguments: str, keyed: bool = True) -> str:
        assert main(["links", *arguments, *(["--key", world.texts["factory"]] if keyed else [])]) == 0
        return capsys.readouterr().out

    link = ["9506000134352", "gs1:pip", "https://x.example/p", "Rice"]
    assert links("put", *link, "--hreflang", "en", "--default", "defaultLink").startswith("1 added")
    said = links("list", "(01)09506000134352", keyed=False)
    assert "gs1:pip (default) en https://x.example/p Rice" in said
    table = tmp_path / "links.csv"
    assert links("export", str(table)) == f"{table}: 1 links\n"
    table.write_text(table.read_text().replace("Rice", "Brown rice"))
    assert links("import", str(table), "--dry-run") == "0 would be added, 1 would be changed, 0 the same\n"
    assert links("import", str(table)) == "0 added, 1 changed, 0 the same\n"
    assert links("remove", said.split()[0]) == f"link {said.split()[0]} is removed\n"
    assert links("list", "9506000134352", keyed=False) == ""

    table.write_text("id,linkType,href,title\n9506000134352,gs1:pip,ftp://x,\n")
    assert main(["links", "import", str(table), "--key", world.texts["factory"]]) == 1
    said = capsys.readouterr().err
    assert "row 2, href: should be an absolute http or https URL" in said
    assert "row 2, title: should be 1 to 200 printable characters" in said


def test_a_temperature_report_is_written_as_a_pdf(world: World, tmp_path: Path) -> None:
    world.capture(made("S1"))
    path = tmp_path / "report.pdf"
    assert main(["report", "(01)09506000134352(21)S1", "-o", str(path), "--lang", "en"]) == 0
    assert path.read_bytes().startswith(b"%PDF-1.7")
    assert main(["report", "nothing", "-o", str(path)]) == 1
