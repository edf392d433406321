"""Print jobs over HTTP: ordered, seen and steered by their own party, printed by the runner."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from ledger.printing import PrintRunner
from tests.api.conftest import Serve
from tests.labels.fake_printer import FakePrinter, run_printer
from tests.services.world import World

ORDER = {"gtin": "09506000134352", "firstSerial": "SN0001", "count": 3, "printer": "dock"}


@pytest.fixture
def printer() -> Iterator[FakePrinter]:
    with run_printer() as running:
        yield running


@pytest.fixture
def runner(world: World, printer: FakePrinter) -> PrintRunner:
    settings = replace(world.node.settings, printers=f"dock={printer.address}")
    return PrintRunner(replace(world.node, settings=settings))


@pytest.fixture
def client(serve: Serve, runner: PrintRunner) -> httpx.Client:
    return serve(runner._node)


def call(
    client: httpx.Client, world: World, method: str, path: str, body: Any = None, party: str = "factory"
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {world.texts[party]}"}
    return client.request(method, f"/labels/jobs{path}", json=body, headers=headers)


def test_labels_are_ordered_printed_and_their_serials_commissioned(
    client: httpx.Client, world: World, runner: PrintRunner, printer: FakePrinter
) -> None:
    answer = call(client, world, "POST", "", ORDER | {"fields": {"lot": "L1"}})
    job = answer.json()
    assert (answer.status_code, job["state"], job["printed"]) == (201, "waiting", 0)
    assert answer.headers["location"] == f"/labels/jobs/{job['jobID']}"
    while runner.step(job["jobID"]) != "idle":
        pass
    done = call(client, world, "GET", f"/{job['jobID']}").json()
    assert (done["state"], done["printed"], done["lastSerial"]) == ("done", 3, "SN0003")
    assert done["quality"] > 0.8
    assert printer.serials() == ["SN0001", "SN0002", "SN0003"]
    events = client.get("/epcis/events", params={"EQ_bizStep": "commissioning"}).json()
    (event,) = events["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    assert [uri[-6:] for uri in event["epcList"]] == printer.serials()
    assert event["suyuan:printJob"] == job["jobID"]


def test_labels_with_the_next_ssccs_are_ordered(client: httpx.Client, world: World) -> None:
    order = {"companyPrefix": "09506000", "count": 2, "printer": "dock", "firstReference": "7"}
    answer = call(client, world, "POST", "/sscc", order)
    job = answer.json()
    assert (answer.status_code, job["gtin"], job["template"]) == (201, None, "logistic-100x150")
    assert (job["firstSerial"], job["lastSerial"]) == ("095060000000000077", "095060000000000084")
    assert call(client, world, "POST", "/sscc", order).json()["firstSerial"] == "095060000000000091"
    assert call(client, world, "POST", "/sscc", order, "carrier").status_code == 403
    assert call(client, world, "POST", "/sscc", {"count": 2}).status_code == 400
    assert call(client, world, "POST", "/sscc", order | {"companyPrefix": "9"}).status_code == 400


def test_a_job_is_paused_resumed_cancelled_and_printed_again(
    client: httpx.Client, world: World, runner: PrintRunner, printer: FakePrinter
) -> None:
    path = f"/{call(client, world, 'POST', '', ORDER).json()['jobID']}"
    assert call(client, world, "POST", f"{path}/pause").json()["state"] == "paused"
    assert call(client, world, "POST", f"{path}/resume").json()["state"] == "waiting"
    assert call(client, world, "POST", f"{path}/confirm").status_code == 409
    printer.closes_after_labels = 1
    runner.step(path[1:])
    doubtful = call(client, world, "GET", path).json()
    assert (doubtful["state"], doubtful["inHand"]) == ("doubt", ["SN0001", "SN0003"])
    assert call(client, world, "POST", f"{path}/reprint", {"reason": " "}).status_code == 400
    again = call(client, world, "POST", f"{path}/reprint", {"reason": "it broke off"}).json()
    assert (again["state"], again["reason"]) == ("waiting", "it broke off")
    assert call(client, world, "POST", f"{path}/cancel").json()["state"] == "cancelled"
    assert [job["jobID"] for job in call(client, world, "GET", "").json()["jobs"]] == [path[1:]]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"count": "3"}, "/count: should be like 10000"),
        ({"count": True}, "/count: should be like 10000"),
        ({"colour": "red"}, "/colour: is no member here"),
        ({"fields": {"lot": 1}}, "/fields: should be like"),
        ({"printer": "tcp://10.0.0.1:22"}, "no printer 'tcp://10.0.0.1:22'; SUYUAN_PRINTERS names dock"),
    ],
)
def test_a_wrong_order_is_refused_by_member(
    client: httpx.Client, world: World, change: dict[str, Any], says: str
) -> None:
    answer = call(client, world, "POST", "", ORDER | change)
    assert answer.status_code in (400, 404)
    assert says in answer.json()["detail"]


def test_jobs_need_a_key_of_their_own_party(client: httpx.Client, world: World) -> None:
    assert client.post("/labels/jobs", json=ORDER).status_code == 401
    assert call(client, world, "POST", "", ORDER, party="carrier").status_code == 403
    job_id = call(client, world, "POST", "", ORDER).json()["jobID"]
    assert call(client, world, "GET", f"/{job_id}", party="carrier").status_code == 404
    assert call(client, world, "POST", f"/{job_id}/pause", party="carrier").status_code == 404
    assert call(client, world, "GET", f"/{job_id}", party="node").status_code == 200
    assert call(client, world, "POST", "", ORDER).status_code == 409
