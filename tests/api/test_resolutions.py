"""Resolutions are counted by prefix, for the prefix's owners, and nothing tells who asked for what."""

import json
import threading
from collections.abc import Callable

import httpx
import pytest

from ledger.domain.errors import StoreUnavailable
from ledger.domain.resolution_counts import OTHER_PREFIX, Counted
from ledger.resolution_counts import PREFIXES_MAX, ResolutionCounter
from tests.api.conftest import Serve
from tests.api.remote import Remote
from tests.services.world import START_MS, World, allocate_handles

ALL = {"from": "2026-11-22T00:00:00Z", "until": "2026-11-23T00:00:00Z"}


@pytest.fixture
def client(world: World, serve: Serve) -> httpx.Client:
    allocate_handles(world, factory="88.118.1001", carrier="88.118.1002")
    return serve(world.node)


def rows(world: World, client: httpx.Client, party: str) -> dict[tuple[str, ...], int]:
    headers = {"Authorization": f"Bearer {world.texts[party]}"}
    told = client.get("/resolution/statistics", params=ALL, headers=headers).json()
    names = ("scheme", "prefix", "interface", "outcome")
    counts = {tuple(row[name] for name in names): row["count"] for row in told["rows"]}
    assert sum(counts.values()) == told["total"]["count"] == sum(hour["count"] for hour in told["hours"])
    return counts


def test_each_interface_is_counted_by_prefix_for_its_owners_alone(world: World, client: httpx.Client) -> None:
    for path in ("/01/09506000134352/21/S1", "/01/09506000134352/21/S2?linkType=linkset"):
        assert client.get(path).status_code < 400
    assert client.head("/00/095060010000000014").status_code == 307
    assert client.get("/01/09506000134353/21/S1").status_code == 400
    assert client.get("/01/09506000134352?linkType=gs1:pip").status_code == 404
    assert client.get("/api/handles/88.118.1002/a").status_code == 404
    assert client.get("/api/handles/10.5/a").status_code == 404
    assert client.get("/records", params={"id": "88.118.1001/a"}).status_code == 404
    assert client.get("/records").status_code == 400
    assert client.get("/resolve", params={"id": "88.118.1001/a"}).status_code == 404
    for other in ("/healthz", "/api/handles?prefix=10.5", "/a-page-that-is-not-here"):
        client.get(other)

    factory = {
        ("gs1", "9506000", "gs1", "found"): 2,
        ("gs1", "9506000", "gs1", "not_found"): 1,
        ("handle", "88.118.1001", "records", "not_found"): 1,
        ("handle", "88.118.1001", "resolve", "not_found"): 1,
    }
    carrier = {
        ("gs1", "9506001", "gs1", "found"): 1,
        ("handle", "88.118.1002", "handles", "not_found"): 1,
    }
    others = {
        ("", "", "gs1", "invalid"): 1,
        ("", "", "records", "invalid"): 1,
        ("handle", "", "handles", "not_found"): 1,
    }
    assert rows(world, client, "factory") == factory
    assert rows(world, client, "carrier") == carrier
    assert rows(world, client, "node") == factory | carrier | others
    assert client.get("/resolution/statistics").status_code == 401

    kept = json.dumps([repr(world.node.store.resolutions(0, START_MS)), client.get("/metrics").text])
    assert not any(word in kept for word in ("S1", "134352", "127.0.0.1", "httpx"))


def test_a_compressed_link_is_counted(world: World, client: httpx.Client) -> None:
    assert client.get("/nothing-is-here").status_code == 404
    assert client.get("/DBFKk4XBoMSWo").status_code == 307
    assert client.get("/DBFKk4XBoMSWo/").status_code == 307
    assert rows(world, client, "factory") == rows(world, client, "node")
    assert rows(world, client, "node") == {("gs1", "9506000", "gs1", "found"): 2}


def test_metrics_tell_prefixes_apart_for_an_admin_alone(world: World, client: httpx.Client) -> None:
    client.get("/01/09506000134352/21/S1")
    rows(world, client, "node")
    told = client.get("/metrics").text
    line = 'suyuan_resolutions_total{scheme="gs1",interface="gs1",source="local",outcome="found"} 1'
    assert line in told.splitlines()
    assert 'suyuan_resolution_seconds_bucket{interface="gs1",source="local",le="+Inf"} 1' in told
    assert "9506000" not in told
    for party, is_told in (("factory", False), ("node", True)):
        key = {"Authorization": f"Bearer {world.texts[party]}"}
        assert ('prefix="9506000"' in client.get("/metrics", headers=key).text) is is_told


def test_a_wrong_time_is_refused(world: World, client: httpx.Client) -> None:
    key = {"Authorization": f"Bearer {world.texts['node']}"}
    for wrong in (
        {"from": "2026-11-23T00:00:00Z", "until": "2026-11-22T00:00:00Z"},
        {"from": "2026-11-22T00:00:00", "until": "2026-11-23T00:00:00Z"},
        {"from": "2020-11-22T00:00:00Z", "until": "2026-11-23T00:00:00Z"},
        {"from": "0001-01-01T00:00:00Z"},
        {"from": "today"},
    ):
        assert client.get("/resolution/statistics", params=wrong, headers=key).status_code == 400


def count(prefix: str) -> Counted:
    return Counted("handle", prefix, "handles", "local", "found")


def test_threads_count_together_and_what_cannot_be_saved_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter, store = ResolutionCounter(world.node), world.node.store
    in_threads(lambda: [counter.add(count("88"), 700) for _ in range(2_000)])

    def break_off(*_: object, **__: object) -> None:
        counter.add(count("88"), 1)  # it is counted while we try to save
        raise StoreUnavailable("gone")

    with monkeypatch.context() as patch:
        patch.setattr(store, "add_resolutions", break_off)
        with pytest.raises(StoreUnavailable):
            counter.save()
    counter.save()
    counter.save()
    (tally,) = store.most_resolved(limit=9).values()
    assert (tally.count, tally.total_us) == (8_001, 8_000 * 700 + 1)
    assert tally.bound_us(0.5) == 1_000


def in_threads(work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_prefixes_beyond_a_limit_are_counted_together_until_the_hour_ends(world: World) -> None:
    counter, store = ResolutionCounter(world.node), world.node.store
    for number in range(PREFIXES_MAX + 3):
        counter.add(count(f"88.{number}"), 1)
    counter.save()
    counter.add(count("88.0"), 1)
    counter.add(count("88.999999"), 1)
    counter.save()
    largest = store.most_resolved(limit=PREFIXES_MAX + 9)
    assert len(largest) == PREFIXES_MAX + 1
    assert largest[count(OTHER_PREFIX)].count == 4
    world.clock.now_ms += 3_600_000
    counter.save()
    counter.add(count("88.999999"), 1)
    counter.save()
    assert store.most_resolved(limit=PREFIXES_MAX + 9)[count("88.999999")].count == 1


def test_processes_on_one_port_count_together_and_save_when_they_are_stopped(world: World) -> None:
    remote = Remote(world, workers=2)
    remote.start()
    for _ in range(40):  # each on a connection of its own
        httpx.get(f"http://127.0.0.1:{remote.port}/01/09506000134352/21/S1")
    remote.stop()
    assert sum(tally.count for tally in world.node.store.most_resolved(limit=9).values()) == 40
