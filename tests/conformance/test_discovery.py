"""What a server tells about itself, before anything is sent to it."""

import re

import pytest

from tests.conformance.samples import RUN, place, sgtin_urn
from tests.conformance.server import Server, assert_problem, item_path

TOP_LEVEL = {
    "queries",
    "capture",
    "events",
    "eventTypes",
    "epcs",
    "readPoints",
    "bizLocations",
    "dispositions",
    "bizSteps",
}
COLLECTIONS = ["eventTypes", "epcs", "bizSteps", "bizLocations", "readPoints", "dispositions"]
LISTS = ["/capture", "/events", "/queries", *(f"/{name}" for name in COLLECTIONS)]
VALUES = {
    "eventTypes": "ObjectEvent",
    "epcs": sgtin_urn("any"),
    "bizSteps": "shipping",
    "bizLocations": place("any"),
    "readPoints": place("any"),
    "dispositions": "in_transit",
}
MATCHING = [item_path(name, value, "events") for name, value in VALUES.items()]
VERSION = re.compile(r"\d+(\.\d+){0,2}")
VERSIONS = ["EPCIS-Version", "EPCIS-Min", "EPCIS-Max", "CBV-Version", "CBV-Min", "CBV-Max"]


@pytest.mark.parametrize("path", ["/", *LISTS])
def test_rest_options_answers_204_with_the_allowed_methods(server: Server, path: str) -> None:
    server.needs(path)
    answer = server.options(path)

    assert answer.status_code == 204
    allowed = {method.strip() for method in answer.headers["allow"].split(",")}
    writable = {"POST"} if path in ("/capture", "/events", "/queries") else set()
    assert {"OPTIONS", "GET"} | writable <= allowed


@pytest.mark.parametrize("path", ["/", *LISTS])
def test_rest_options_names_the_versions_of_epcis_and_cbv(server: Server, path: str) -> None:
    server.needs(path)
    headers = server.options(path).headers
    versions = {name: headers.get(f"GS1-{name}", "missing") for name in VERSIONS}

    assert all(VERSION.fullmatch(version) for version in versions.values()), versions
    assert versions["EPCIS-Max"].startswith("2.")


@pytest.mark.parametrize("path", MATCHING)
def test_rest_options_is_answered_for_the_events_of_a_collection(server: Server, path: str) -> None:
    assert server.options(path).status_code in (204, 404)


def test_rest_the_top_level_resources_are_listed(server: Server) -> None:
    answer = server.get("/")

    assert answer.status_code == 200
    assert answer.json()["type"] == "Collection"
    assert "@context" in answer.json()
    assert set(answer.json()["member"]) >= TOP_LEVEL


def test_14_8_the_capture_limits_are_announced(server: Server) -> None:
    headers = server.options("/capture").headers

    assert int(headers["GS1-EPCIS-Capture-Limit"]) >= 1
    assert int(headers["GS1-EPCIS-Capture-File-Size-Limit"]) >= 1


def test_12_6_the_error_behaviours_are_announced(server: Server) -> None:
    assert server.options("/capture").headers["GS1-Capture-Error-Behaviour"] in ("rollback", "proceed", "all")


def test_rest_the_epc_formats_are_announced(server: Server) -> None:
    announced = server.options("/events").headers["GS1-EPC-Format"]
    assert announced in ("No_Preference", "Always_GS1_Digital_Link", "Always_EPC_URN", "Never_Translates")


@pytest.mark.parametrize("path", ["/events", "/epcs", "/bizSteps"])
def test_rest_an_answer_names_its_versions(server: Server, path: str) -> None:
    headers = server.get(path, {"perPage": "1"}).headers

    assert VERSION.fullmatch(headers["GS1-EPCIS-Version"])
    assert VERSION.fullmatch(headers["GS1-CBV-Version"])


@pytest.mark.parametrize("path", ["/", "/events", "/eventTypes"])
def test_rest_an_answer_that_nobody_can_give_in_that_format_is_406(server: Server, path: str) -> None:
    assert_problem(server.get(path, Accept="image/png"), 406, "NotAcceptableException")


@pytest.mark.parametrize("header", ["GS1_EPCIS_Min", "GS1_CBV_Min"])
def test_rest_a_client_that_needs_a_later_version_gets_406(server: Server, header: str) -> None:
    assert_problem(server.get("/events", **{header: "99.0.0"}), 406, "NotAcceptableException")


@pytest.mark.parametrize("header", ["GS1_EPCIS_Max", "GS1_CBV_Max"])
def test_rest_a_client_that_knows_only_earlier_versions_gets_406(server: Server, header: str) -> None:
    assert_problem(server.get("/events", **{header: "0.1.0"}), 406, "NotAcceptableException")


def test_rest_a_client_whose_range_holds_this_version_is_served(server: Server) -> None:
    ranged = {"GS1_EPCIS_Min": "2.0.0", "GS1_EPCIS_Max": "2.0.0"}
    assert server.get("/events", {"perPage": "1"}, **ranged).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        item_path("events", f"urn:suyuan-conformance:{RUN}"),
        item_path("capture", "no-such-job"),
        item_path("eventTypes", "PartyEvent"),
    ],
)
def test_rest_what_is_not_there_is_404(server: Server, path: str) -> None:
    assert_problem(server.get(path), 404, "NoSuchResourceException", "NoSuchNameException")


@pytest.mark.parametrize("path", ["/capture", "/events"])
def test_rest_nobody_captures_without_a_key(server: Server, path: str) -> None:
    if not server.has_key:
        pytest.skip("the server is examined without a key")
    answer = server.request("POST", path, json={}, Authorization="")
    assert_problem(answer, 401, "SecurityException")
