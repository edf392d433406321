"""Alarms over HTTP and by `suyuan alarms`: policies, list, acknowledgement."""

import json
from pathlib import Path

import pytest

from ledger.cli import main
from tests.api.conftest import Serve
from tests.services.test_excursions import Shipment
from tests.services.world import SSCC, START_MS, World

POLICY = {
    "steps": [{"webhook": "https://desk.example/", "signature_token": "secret"}],
    "quiet": {"from": "22:00", "until": "06:00", "offset": "+08:00"},
}
WORDS = {"name": "李梅", "reason": "closed the door"}


def test_a_party_says_who_is_told_and_acknowledges(world: World, serve: Serve) -> None:
    client = serve(world.node)
    assert client.get("/alarms").status_code == 401
    client.headers["Authorization"] = f"Bearer {world.texts['factory']}"
    put = client.put("/alarms/policies/desk", json=POLICY)
    assert put.status_code == 200
    (policy,) = client.get("/alarms/policies").json()
    assert policy == put.json()
    assert (policy["name"], policy["steps"]) == (
        "desk",
        [{"after_minutes": 0, "webhook": "https://desk.example/"}],
    )
    wrong = client.put("/alarms/policies/desk", json={"steps": [{"email": "no"}]})
    assert (wrong.status_code, wrong.json()["problems"][0]["pointer"]) == (400, "/steps/0/email")

    shipment = Shipment(world)
    shipment.measure(0, 9, 5)
    world.clock.now_ms += 1
    shipment.measure(2, 9)
    newest, first = client.get("/alarms").json()
    assert (first["state"], newest["state"], newest["to"]) == ("over", "lasting", SSCC)
    place = {"before_ms": newest["raised_ms"], "before": newest["id"]}
    assert [alarm["id"] for alarm in client.get("/alarms", params=place).json()] == [first["id"]]
    assert client.get(f"/alarms/{first['id']}").json()["tellings"] == []
    done = client.post(f"/alarms/{first['id']}/acknowledge", json=WORDS)
    assert (done.status_code, done.json()["acknowledged"]["event"]) == (200, "captured")
    assert client.post(f"/alarms/{first['id']}/acknowledge", json=WORDS).status_code == 409
    assert client.post(f"/alarms/{newest['id']}/acknowledge", json={}).status_code == 400
    assert [alarm["id"] for alarm in client.get("/alarms").json()] == [newest["id"]]
    assert len(client.get("/alarms", params={"open": False}).json()) == 2
    assert client.delete("/alarms/policies/desk").status_code == 204
    assert client.delete("/alarms/policies/desk").status_code == 404


def test_the_same_by_the_command(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SUYUAN_DATA_DIR", str(world.node.settings.data_dir))
    monkeypatch.setenv("SUYUAN_DATABASE_URL", f"sqlite:///{tmp_path / 'suyuan.db'}")

    def run(*arguments: str) -> str:
        assert main(["alarms", *arguments, "--key", world.texts["factory"]]) == 0
        return capsys.readouterr().out

    file = tmp_path / "policy.json"
    file.write_text(json.dumps(POLICY))
    assert "counts for alarms from now on: 1 steps" in run("put", "desk", str(file))
    assert [policy["name"] for policy in json.loads(run("policies"))] == ["desk"]
    Shipment(world).measure(0, 9)
    (line,) = run("list").splitlines()
    alarm_id, rest = line.split("  ", 1)
    assert rest.endswith(f"excursion heat  lasting  {SSCC}")
    assert json.loads(run("show", alarm_id))["opened_ms"] == START_MS
    assert "is captured" in run("acknowledge", alarm_id, "--name", "李梅", "--reason", "closed")
    assert run("list") == ""
    assert "acknowledged by 李梅" in run("list", "--all")
    assert "is removed" in run("remove", "desk")
