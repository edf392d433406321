"""The parameters of SimpleEventQuery (section 8.2.7.1), each against one small history."""

from collections.abc import Mapping

import pytest

from tests.conformance.samples import (
    EXTENSIONS,
    document,
    lot,
    moment,
    named,
    names_of,
    new_id,
    observed,
    place,
    sgtin,
    sgtin_urn,
    vocabulary,
)
from tests.conformance.scene import Scene, build_scene
from tests.conformance.server import Server, assert_problem, events_in, ids_of

EVERYTHING = "received shipped packed invoiced fitted mixed assayed declared"


@pytest.fixture(scope="module")
def scene(server: Server) -> Scene:
    """The history, captured and found."""
    scene = build_scene()
    for event in scene.events.values():  # an error declaration comes after its event
        server.capture(event)
    server.wait_for_events({"EQ_readPoint": scene.read_point}, len(scene.events))
    return scene


def found(server: Server, scene: Scene, params: Mapping[str, str]) -> set[str]:
    """Names of the events at our read point that match."""
    events = server.query({"EQ_readPoint": scene.read_point, **params}, GS1_Extensions=EXTENSIONS)
    return {scene.name(event) for event in events}


def assert_found(server: Server, scene: Scene, params: Mapping[str, str], names: str) -> None:
    assert found(server, scene, params) == set(names.split())


# ------------------------------------------------------------------------------ fixed parameters


@pytest.mark.parametrize(
    ("name", "value", "names"),
    [
        ("eventType", "AggregationEvent", "packed"),
        ("eventType", "ObjectEvent|TransactionEvent", "received shipped declared assayed invoiced"),
        ("EQ_action", "OBSERVE", "received shipped packed invoiced fitted assayed declared"),
        ("EQ_action", "ADD|DELETE", ""),
        ("EQ_bizStep", "receiving", "received"),
        ("EQ_bizStep", "receiving|shipping", "received shipped declared"),
        ("EQ_bizStep", "https://ref.gs1.org/cbv/BizStep-receiving", "received"),
        ("EQ_bizStep", "urn:epcglobal:cbv:bizstep:receiving", "received"),
        ("EQ_disposition", "in_transit", "shipped declared"),
        ("EQ_persistentDisposition_set", "completeness_verified", "shipped declared"),
        ("EQ_persistentDisposition_set", "completeness_inferred", ""),
        ("EQ_persistentDisposition_unset", "completeness_inferred", "shipped declared"),
        ("EQ_bizLocation", place("store"), "received"),
        ("EQ_bizLocation", place("nowhere"), ""),
        ("EQ_transformationID", named("processes", "7"), "mixed"),
        ("EQ_bizTransaction_po", named("orders", "7"), "received"),
        ("EQ_bizTransaction_inv", named("orders", "7"), ""),
        ("EQ_bizTransaction_inv", named("invoices", "7"), "invoiced"),
        ("EQ_source_owning_party", named("parties", "seller"), "received"),
        ("EQ_source_possessing_party", named("parties", "seller"), ""),
        ("EQ_destination_possessing_party", named("parties", "buyer"), "shipped declared"),
        ("EXISTS_errorDeclaration", "true", "declared"),
        ("EQ_errorReason", "incorrect_data", "declared"),
        ("EQ_errorReason", "did_not_occur", ""),
        ("GE_errorDeclarationTime", moment(48), "declared"),
        ("LT_errorDeclarationTime", moment(48), ""),
    ],
)
def test_8_2_7_1_a_parameter_selects_its_events(
    server: Server, scene: Scene, name: str, value: str, names: str
) -> None:
    assert_found(server, scene, {name: value}, names)


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"GE_eventTime": moment(3)}, "packed invoiced fitted mixed assayed"),
        ({"LT_eventTime": moment(3)}, "received shipped declared"),
        ({"GE_eventTime": moment(3), "LT_eventTime": moment(5)}, "packed invoiced"),
        ({"GE_recordTime": "2001-01-01T00:00:00Z"}, EVERYTHING),
        ({"LT_recordTime": "2001-01-01T00:00:00Z"}, ""),
    ],
    ids=["from", "before", "between", "recorded_from", "recorded_before"],
)
def test_8_2_7_1_times_are_half_open_ranges(
    server: Server, scene: Scene, params: dict[str, str], names: str
) -> None:
    assert_found(server, scene, params, names)


def test_8_2_7_1_a_time_may_be_given_in_any_zone(server: Server, scene: Scene) -> None:
    hour = moment(3).replace(".000Z", "")
    params = {"GE_eventTime": f"{hour}.000-03:00"}  # three hours later in UTC
    assert_found(server, scene, params, "mixed assayed")


def test_8_2_7_1_parameters_all_have_to_match(server: Server, scene: Scene) -> None:
    assert_found(server, scene, {"EQ_bizStep": "shipping", "EXISTS_errorDeclaration": "true"}, "declared")
    assert_found(server, scene, {"EQ_bizStep": "shipping", "EQ_disposition": "in_progress"}, "")


def test_8_2_7_1_an_event_is_found_by_its_event_id(server: Server, scene: Scene) -> None:
    ids = [scene.events[name]["eventID"] for name in ("received", "packed")]
    assert_found(server, scene, {"EQ_eventID": names_of(ids)}, "received packed")


def test_8_2_7_1_a_declaration_is_found_by_its_corrective_event(server: Server, scene: Scene) -> None:
    (corrective,) = scene.events["declared"]["errorDeclaration"]["correctiveEventIDs"]
    assert_found(server, scene, {"EQ_correctiveEventID": corrective}, "declared")
    assert_found(server, scene, {"EQ_correctiveEventID": new_id()}, "")


# ------------------------------------------------------------------------------ identifiers


@pytest.mark.parametrize(
    ("name", "value", "names"),
    [
        ("MATCH_epc", sgtin("a"), "received packed"),
        ("MATCH_epc", sgtin_urn("a"), "received packed"),
        ("MATCH_epc", f"{sgtin('a')}|{sgtin('d')}", "received packed fitted"),
        ("MATCH_epc", sgtin("made"), ""),
        ("MATCH_inputEPC", sgtin("c"), "mixed"),
        ("MATCH_outputEPC", sgtin("made"), "mixed"),
        ("MATCH_anyEPC", sgtin("c"), "invoiced mixed"),
        ("MATCH_epcClass", lot("q"), "shipped declared packed"),
        ("MATCH_inputEPCClass", lot("in"), "mixed"),
        ("MATCH_outputEPCClass", lot("out"), "mixed"),
        ("MATCH_outputEPCClass", lot("in"), ""),
        ("MATCH_anyEPCClass", lot("out"), "mixed"),
    ],
)
def test_8_2_7_1_1_identifiers_match(server: Server, scene: Scene, name: str, value: str, names: str) -> None:
    assert_found(server, scene, {name: value}, names)


def test_8_2_7_1_1_parents_match(server: Server, scene: Scene) -> None:
    assert_found(server, scene, {"MATCH_parentID": scene.pallet}, "packed")
    assert_found(server, scene, {"MATCH_parentID": names_of([scene.pallet, scene.asset])}, "packed fitted")
    assert_found(server, scene, {"MATCH_anyEPC": scene.pallet}, "packed")


@pytest.mark.parametrize(
    ("name", "pattern", "names"),
    [
        (
            "MATCH_epc",
            "urn:epc:idpat:sgtin:9506000.013435.*",
            "received shipped declared packed invoiced fitted assayed",
        ),
        ("MATCH_epc", "urn:epc:idpat:sgtin:9506000.013436.*", ""),
        ("MATCH_anyEPC", "urn:epc:idpat:sgtin:9506000.*.*", EVERYTHING),
        ("MATCH_parentID", "urn:epc:idpat:sscc:9506000.*", "packed fitted"),
    ],
)
def test_8_2_7_1_1_patterns_match(server: Server, scene: Scene, name: str, pattern: str, names: str) -> None:
    assert_found(server, scene, {name: pattern}, names)


# ------------------------------------------------------------------------------ quantities and sensors


@pytest.mark.parametrize(
    ("name", "value", "names"),
    [
        ("EQ_quantity", "12.5", "shipped declared"),
        ("GT_quantity", "12.5", "packed mixed"),
        ("GE_quantity", "12.5", "shipped declared packed mixed"),
        ("LT_quantity", "12.5", "mixed"),
        ("LE_quantity", "12.5", "shipped declared mixed"),
        ("GE_quantity_KGM", "1", "shipped declared"),
        ("GE_quantity_LTR", "1", "mixed"),
        ("EQ_quantity_KGM", "12", ""),
    ],
)
def test_8_2_7_1_quantities_are_compared(
    server: Server, scene: Scene, name: str, value: str, names: str
) -> None:
    assert_found(server, scene, {name: value}, names)


@pytest.mark.parametrize(
    ("name", "value", "names"),
    [
        ("EXISTS_sensorElementList", "true", "received assayed"),
        ("EQ_type", "Temperature", "received"),
        ("EQ_type", "Temperature|Volume", "received assayed"),
        ("EQ_type", "https://ref.gs1.org/voc/Temperature", "received"),
        ("EQ_deviceID", named("devices", "logger"), "received"),
        ("EQ_deviceID", named("devices", "probe"), "received"),
        ("EQ_bizRules", named("rules", "cold"), "received"),
        ("EQ_dataProcessingMethod", named("methods", "mean"), "received"),
        ("GE_startTime", moment(0), "received"),
        ("LT_startTime", moment(0), ""),
        ("LT_endTime", moment(2), "received"),
        ("GE_endTime", moment(2), ""),
        ("EQ_stringValue", "clear", "assayed"),
        ("EQ_booleanValue", "true", "assayed"),
        ("EQ_booleanValue", "false", ""),
        ("EQ_hexBinaryValue", "F0A1", "assayed"),
        ("EQ_uriValue", named("results", "7"), "assayed"),
        ("EQ_microorganism", "https://www.ncbi.nlm.nih.gov/taxonomy/1126011", "assayed"),
        ("EQ_chemicalSubstance", "https://identifiers.org/inchikey:CZMRCDWAGMRECN-UGDNZRGBSA-N", "assayed"),
        ("EQ_value_CEL", "5.5", "received"),
        ("GE_value_CEL", "6", ""),
        ("LE_value_LTR", "2", "assayed"),
        ("GT_maxValue_CEL", "8", "received"),
        ("LT_minValue_CEL", "2", ""),
        ("LT_minValue_CEL", "3", "received"),
        ("GE_meanValue_CEL", "5.25", "received"),
        ("LE_sDev_CEL", "0.5", "received"),
        ("GE_percValue_CEL", "8", "received"),
        ("GE_percRank", "95", "received"),
        ("LT_percRank", "95", ""),
    ],
)
def test_8_2_7_1_sensor_data_is_compared(
    server: Server, scene: Scene, name: str, value: str, names: str
) -> None:
    assert_found(server, scene, {name: value}, names)


# ------------------------------------------------------------------------------ extensions


@pytest.mark.parametrize(
    ("name", "value", "names"),
    [
        ("EQ_ex:colour", "red", "received"),
        ("EQ_ex:colour", "red|blue", "received shipped declared"),
        ("EQ_ex:layers", "3", "received"),
        ("GT_ex:layers", "3", "shipped declared"),
        ("GE_ex:layers", "3", "received shipped declared"),
        ("LT_ex:layers", "5", "received"),
        ("EXISTS_ex:colour", "true", "received shipped declared"),
        ("EXISTS_ex:box", "true", "received"),
        ("EXISTS_ex:smell", "true", ""),
        ("EQ_INNER_ex:depth", "40", "received"),
        ("GE_INNER_ex:depth", "41", ""),
        ("EXISTS_INNER_ex:depth", "true", "received"),
        ("EQ_ILMD_ex:harvest", "2026-03-01", "mixed"),
        ("EXISTS_ILMD_ex:harvest", "true", "mixed"),
        ("EQ_INNER_ILMD_ex:number", "9", "mixed"),
    ],
)
def test_8_2_7_1_extension_fields_are_compared(
    server: Server, scene: Scene, name: str, value: str, names: str
) -> None:
    assert_found(server, scene, {name: value}, names)


# ------------------------------------------------------------------------------ order and number


def test_8_2_7_1_events_are_ordered_by_event_time(server: Server, scene: Scene) -> None:
    params = {"EQ_readPoint": scene.read_point, "orderBy": "eventTime", "orderDirection": "ASC"}
    ascending = [event["eventTime"] for event in server.query(params)]
    descending = [event["eventTime"] for event in server.query({**params, "orderDirection": "DESC"})]

    assert len(ascending) == len(scene.events)
    assert ascending == sorted(ascending)
    assert descending == sorted(descending, reverse=True)


def test_8_2_7_1_the_latest_event_comes_first_unless_asked_otherwise(server: Server, scene: Scene) -> None:
    params = {"EQ_readPoint": scene.read_point, "orderBy": "eventTime"}
    times = [event["eventTime"] for event in server.query(params)]
    assert times == sorted(times, reverse=True)


def test_8_2_7_1_event_count_limit_gives_the_first_events(server: Server, scene: Scene) -> None:
    params = {"EQ_readPoint": scene.read_point, "orderBy": "eventTime", "eventCountLimit": "2"}
    assert [scene.name(event) for event in server.query(params)] == ["assayed", "mixed"]


def test_8_2_7_1_more_events_than_max_event_count_are_too_large(server: Server, scene: Scene) -> None:
    params = {"EQ_readPoint": scene.read_point, "maxEventCount": str(len(scene.events))}
    assert len(server.query(params)) == len(scene.events)
    answer = server.get("/events", {**params, "maxEventCount": "2"})
    assert_problem(answer, 413, "QueryTooLargeException")


def test_8_2_7_1_a_query_that_matches_nothing_gives_no_events(server: Server) -> None:
    assert events_in(server.get("/events", {"EQ_eventID": new_id()})) == []


# ------------------------------------------------------------------------------ faults


@pytest.mark.parametrize(
    "params",
    [
        {"EQ_colour": "red"},
        {"EQ_action": "MAYBE"},
        {"GE_eventTime": "noon"},
        {"GE_quantity": "many"},
        {"orderBy": "eventTime", "orderDirection": "UP"},
        {"orderBy": "eventTime", "eventCountLimit": "2", "maxEventCount": "2"},
        {"eventCountLimit": "2"},
        {"orderBy": "eventTime", "eventCountLimit": "few"},
    ],
    ids=lambda params: next(iter(params.items()))[0] + "_" + next(reversed(params.items()))[1],
)
def test_8_2_7_1_a_wrong_parameter_is_refused(server: Server, params: dict[str, str]) -> None:
    answer = server.get("/events", params)
    assert_problem(answer, 400, "QueryParameterException", "QueryValidationException", "ValidationException")


def test_8_2_7_1_the_answer_names_the_wrong_parameter(server: Server) -> None:
    answer = server.get("/events", {"EQ_colour": "red"})
    assert answer.status_code == 400
    assert "EQ_colour" in answer.text


def test_rest_a_very_long_uri_is_414_or_answered(server: Server) -> None:
    answer = server.get("/events", {"EQ_eventID": names_of([new_id() for _ in range(800)])})
    if answer.status_code != 200:
        assert_problem(answer, 414, "URITooLongException")


# ------------------------------------------------------------------------------ master data


@pytest.fixture(scope="module")
def described(server: Server) -> str:
    """A read point inside a site of which the server has been told; its event."""
    gate, site = place("gate"), place("site")
    city = {"attributes": {"cbvmda:city": "Rotterdam"}}
    header = vocabulary("urn:epcglobal:epcis:vtype:ReadPoint", {site: {"children": [gate]}, gate: city})
    event = observed(readPoint={"id": gate})
    answer = server.post("/capture", document(event, header=header))
    if answer.status_code == 400:
        pytest.skip(f"the server takes no master data in the header: {answer.text}")
    assert server.job_of(answer)["success"] is True
    server.event(event["eventID"])
    return str(event["eventID"])


@pytest.mark.parametrize(
    ("params", "matches"),
    [
        ({"WD_readPoint": place("site")}, True),
        ({"WD_readPoint": place("gate")}, True),
        ({"WD_readPoint": place("elsewhere")}, False),
        ({"HASATTR_readPoint": "cbvmda:city"}, True),
        ({"HASATTR_readPoint": "cbvmda:state"}, False),
        ({"EQATTR_readPoint_cbvmda:city": "Rotterdam"}, True),
        ({"EQATTR_readPoint_cbvmda:city": "Delft"}, False),
    ],
    ids=["site", "gate", "elsewhere", "has", "has_not", "equals", "differs"],
)
def test_6_5_queries_use_master_data(
    server: Server, described: str, params: dict[str, str], matches: bool
) -> None:
    found = ids_of(server.query({**params, "EQ_eventID": described}))
    assert found == ([described] if matches else [])
