"""Labels signed by those who speak for the identifier, and checked from what was printed."""

from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from ledger.authenticity import label_keys, label_signer
from ledger.cli import main
from ledger.domain.authenticity import Signed, check_label, write_keys
from ledger.domain.errors import Invalid, NotAllowed, NotFound
from ledger.domain.keys import Algorithm, algorithm_of
from ledger.label import item_label, sign_label
from tests.services.world import SGTIN, World

LINK = "http://localhost:8000/01/09506000134352/21/S1"


@pytest.fixture(autouse=True)
def node_of_this_folder(world: World, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUYUAN_DATA_DIR", str(world.node.settings.data_dir))
    monkeypatch.setenv("SUYUAN_DATABASE_URL", store_url)


@pytest.mark.parametrize("algorithm", ["Ed25519", "SM2"])
def test_a_printed_label_is_read_and_checked_offline(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], algorithm: str
) -> None:
    label, keys = tmp_path / "label.png", tmp_path / "keys.json"
    arguments = ["label", SGTIN + "S1", "--template", "case-100x100", "-o", str(label)]
    kind = [] if algorithm == "Ed25519" else ["--algorithm", algorithm]
    assert main([*arguments, "--sign", "factory", *kind]) == 0
    keys.write_text(write_keys(label_keys(world.node)))
    texts = [code.text for code in zxingcpp.read_barcodes(Image.open(label).convert("L"))]
    (text,) = (text for text in texts if text.startswith("http"))

    assert text.startswith(LINK + "?sig=")
    assert main(["check", text, "--keys", str(keys)]) == 0
    assert capsys.readouterr().out.startswith(f"Signed by Factory ({algorithm} key ")
    assert main(["check", text.replace("/S1", "/S2"), "--keys", str(keys)]) == 1
    assert main(["check", LINK, "--keys", str(keys)]) == 1
    keys.write_text(write_keys([]))
    assert main(["check", text, "--keys", str(keys)]) == 2
    assert main(["check", "not a label", "--keys", str(keys)]) == 2
    assert main(["check", text, "--keys", str(tmp_path / "none.json")]) == 2


def test_a_template_without_room_names_the_box(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label = tmp_path / "label.png"
    arguments = ["label", SGTIN + "S1", "--template", "product-50x30", "-o", str(label), "--dpi", "203"]
    assert main([*arguments, "--sign", "factory"]) == 1
    assert "QR code: a module would be" in capsys.readouterr().err
    assert not label.exists()


def test_a_party_s_key_is_made_once_and_read_by_its_owner_only(world: World) -> None:
    first = label_signer(world.node, "factory", SGTIN + "S1")
    world.clock.now_ms += 5_000
    assert label_signer(world.node, "factory", SGTIN + "S2").key == first.key
    assert label_keys(world.node) == [first.key]
    (path,) = (world.node.settings.data_dir / "keys" / "labels").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_keys_of_both_kinds_are_published_and_each_is_made_once(world: World) -> None:
    kinds: tuple[Algorithm, ...] = ("Ed25519", "SM2")
    signers = [label_signer(world.node, "factory", SGTIN + "S1", kind) for kind in kinds]
    world.clock.now_ms += 5_000
    for signer, kind in zip(signers, kinds, strict=True):
        assert algorithm_of(signer.key.public) == kind
        assert label_signer(world.node, "factory", SGTIN + "S1", kind).key == signer.key
        assert check_label(signer.sign(LINK), label_keys(world.node)) == Signed(signer.key)
    assert label_keys(world.node) == [signer.key for signer in signers]
    for path in (world.node.settings.data_dir / "keys" / "labels").iterdir():
        assert path.stat().st_mode & 0o077 == 0


def test_labels_of_an_older_key_still_check_beside_those_of_a_newer_one(world: World) -> None:
    older = label_signer(world.node, "factory", SGTIN + "S1")
    folder = world.node.settings.data_dir / "keys" / "labels"
    (folder / f"factory.{world.clock.now_ms + 1}.key").write_text("07" * 32)
    newer = label_signer(world.node, "factory", SGTIN + "S1")

    assert newer.key != older.key
    for one in (older, newer):
        assert check_label(one.sign(LINK), label_keys(world.node)) == Signed(one.key)


def test_only_who_speaks_for_an_identifier_signs_its_label(world: World) -> None:
    with pytest.raises(NotAllowed, match="carrier does not speak for"):
        label_signer(world.node, "carrier", SGTIN + "S1")
    with pytest.raises(NotFound, match="no party 'nobody'"):
        label_signer(world.node, "nobody", SGTIN + "S1")
    with pytest.raises(Invalid, match="only a GS1 Digital Link"):
        sign_label(world.node, item_label(world.node, "88.118.1001/abc"), "factory")
    assert label_keys(world.node) == []
