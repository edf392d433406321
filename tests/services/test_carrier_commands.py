"""`suyuan carriers`, run as a person runs it."""

import json
from pathlib import Path

import pytest

from ledger.cli import main
from tests.carriers import LOGGER, public_of
from tests.services.world import SSCC, World


@pytest.fixture(autouse=True)
def node_of_this_folder(world: World, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUYUAN_DATA_DIR", str(world.node.settings.data_dir))
    monkeypatch.setenv("SUYUAN_DATABASE_URL", store_url)


def test_a_device_is_enrolled_bound_shown_rotated_revoked_and_given_away(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "device.json"
    file.write_text(json.dumps({"id": LOGGER, "key": public_of("one"), "model": "TL-1"}))

    def run(*arguments: str, party: str = "factory") -> str:
        assert main(["carriers", *arguments, "--key", world.texts[party]]) == 0
        return capsys.readouterr().out

    assert "is enrolled" in run("enrol", str(file))
    assert run("list") == f"{LOGGER}  TL-1  no_key never_seen\n"
    assert SSCC in run("bind", LOGGER, SSCC, "--profile", "frozen")
    assert f"bears {SSCC} once" in run("carry", LOGGER, SSCC)
    assert "new key counts once" in run("rotate", LOGGER, public_of("two"))
    assert "no key counts any more" in run("revoke", LOGGER)
    shown = json.loads(run("show", LOGGER))
    assert [key["retired_ms"] is None for key in shown["keys"]] == [False, False]
    assert [(b["to"], b["profile"]) for b in shown["bindings"]] == [(SSCC, "frozen")]
    assert "belongs to carrier now" in run("give", LOGGER, "carrier")
    assert run("list") == ""
    assert LOGGER in run("list", party="carrier")


@pytest.mark.parametrize(("content", "said"), [(None, "No such file"), ("{", "not JSON"), ("{}", "/model")])
def test_what_is_wrong_with_an_enrolment_is_said_and_nothing_is_kept(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    file = tmp_path / "device.json"
    if content is not None:
        file.write_text(content)
    assert main(["carriers", "enrol", str(file), "--key", world.texts["factory"]]) == 1
    assert said in capsys.readouterr().err
    assert world.node.store.carriers(party_id=None, after="", limit=10) == []
