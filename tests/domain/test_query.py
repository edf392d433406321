"""Queries: each family of parameters by name, what it finds and what not, and every fault by name."""

from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.errors import Invalid, QueryTooComplex
from ledger.domain.event_parser import parse_event
from ledger.domain.event_query import Order, sort_key
from ledger.domain.events import Event, event_to_json
from ledger.domain.query import matches, parse_query, parse_query_string
from tests.querying import (
    DOCK,
    GATE,
    GTIN,
    MASTER_FACTS,
    PREFIXES,
    SHOP,
    SITE,
    SSCC,
    recorded_ms,
    trade,
)

TRADE = trade()


def found(**parameters: Any) -> list[int]:
    """Which events of the trade match; `__` stands for a colon in a name."""
    asked = {name.replace("__", ":"): value for name, value in parameters.items()}
    query = parse_query(asked, PREFIXES)
    assert parse_query(query.to_json()) == query
    return [n for n, event in enumerate(TRADE) if matches(query, event, recorded_ms(n), MASTER_FACTS)]


def test_a_query_without_parameters_finds_everything() -> None:
    assert found() == list(range(len(TRADE)))


def test_several_values_are_alternatives_and_several_parameters_must_all_hold() -> None:
    assert found(EQ_bizStep=["packing", "unpacking"]) == [4, 5]
    assert found(EQ_bizStep="packing|unpacking", EQ_action="ADD") == [4]
    assert found(EQ_bizStep="packing", EQ_action="DELETE") == []


FAMILIES: list[tuple[str, Any, list[int]]] = [
    ("eventType", "AggregationEvent|AssociationEvent", [4, 5, 6]),
    ("eventType", ["https://ex.org/MyEvent"], []),
    ("EQ_action", ["ADD"], [0, 4]),
    ("EQ_bizStep", "urn:epcglobal:cbv:bizstep:packing", [4]),
    ("EQ_bizStep", ["https://ref.gs1.org/cbv/BizStep-packing"], [4]),
    ("EQ_bizStep", "https://ex.org/steps/dancing", [3]),
    ("EQ_disposition", "active", [0, 3]),
    ("EQ_persistentDisposition_set", "damaged", [1]),
    ("EQ_persistentDisposition_set", "available", []),
    ("EQ_persistentDisposition_unset", "available", [1]),
    ("EQ_readPoint", "urn:epc:id:sgln:9506000.13435.dock", [0, 4]),
    ("EQ_bizLocation", SITE, [0, 6]),
    ("WD_readPoint", SITE, [0, 1, 3, 4, 10]),
    ("WD_readPoint", DOCK, [0, 1, 4, 10]),
    ("WD_readPoint", GATE, [1, 10]),
    ("WD_bizLocation", SITE, [0, 2, 6]),
    ("EQ_eventID", ["urn:ex:1"], [1, 11]),
    ("EQ_transformationID", "urn:ex:batch", [8]),
    ("EQ_bizTransaction_po", "urn:epcglobal:cbv:bt:9506000134352:1", [1]),
    ("EQ_bizTransaction_inv", "urn:epcglobal:cbv:bt:9506000134352:1", []),
    ("EQ_source_owning_party", "urn:epc:id:pgln:9506000.13435", [1]),
    ("EQ_source_possessing_party", "urn:epc:id:pgln:9506000.13435", []),
    ("EQ_destination_location", SHOP, [1]),
    ("MATCH_epc", "urn:epc:id:sgtin:9506000.013435.S1", [0, 1, 4, 6, 11]),
    ("MATCH_epc", SSCC, [0, 7]),
    ("MATCH_parentID", SSCC, [4, 5]),
    ("MATCH_inputEPC", SSCC, [8]),
    ("MATCH_outputEPC", f"{GTIN}/21/S1", [8]),
    ("MATCH_anyEPC", SSCC, [0, 4, 5, 7, 8]),
    ("MATCH_anyEPC", f"{GTIN}/21/S1/", None),
    ("MATCH_epc", "urn:ex:thing", [2]),
    ("MATCH_epcClass", GTIN, [3]),
    ("MATCH_epcClass", f"{GTIN}/10/L1", [3, 5]),
    ("MATCH_inputEPCClass", "urn:epc:class:lgtin:9506000.013435.L1", [9]),
    ("MATCH_outputEPCClass", f"{GTIN}/10/L1", []),
    ("MATCH_anyEPCClass", f"{GTIN}/10/L1", [3, 5, 9]),
    ("EQ_quantity", "2.5", [3, 9]),
    ("EQ_quantity", [10, 3], [3, 5]),
    ("GT_quantity", "5", [3]),
    ("GE_quantity", 5, [3, 9]),
    ("LT_quantity", "3", [3, 9]),
    ("LE_quantity", 3, [3, 5, 9]),
    ("EQ_quantity_KGM", "2.5", [3, 9]),
    ("GT_quantity_KGM", 2.5, [9]),
    ("GE_quantity_LTR", 0, []),
    ("EXISTS_errorDeclaration", "true", [11]),
    ("GE_errorDeclarationTime", "2026-04-01T08:00:00+08:00", [11]),
    ("GE_errorDeclaration_Time", "2026-04-01T00:00:00.001Z", []),
    ("LT_errorDeclarationTime", "2026-04-02T00:00:00Z", [11]),
    ("EQ_errorReason", "incorrect_data", [11]),
    ("EQ_errorReason", "did_not_occur", []),
    ("EQ_correctiveEventID", ["urn:ex:2"], [11]),
    ("EXISTS_sensorElementList", "", [10]),
    ("GE_time", "2026-03-01T07:10:00Z", [10]),
    ("LT_time", "2026-03-01T07:00:00Z", []),
    ("GE_startTime", "2026-03-01T06:00:00Z", [10]),
    ("LT_startTime", "2026-03-01T06:00:00Z", []),
    ("GE_endTime", "2026-03-01T07:30:00.001Z", []),
    ("LT_endTime", "2026-03-01T07:30:00.001Z", [10]),
    ("EQ_type", "gs1:Temperature", [10]),
    ("EQ_type", "https://ex.org/smell", [10]),
    ("EQ_type", "Pressure", []),
    ("EQ_deviceID", "urn:epc:id:giai:9506000.D1", [10]),
    ("EQ_deviceID", "https://id.gs1.org/8004/9506000D2", [10]),
    ("EQ_dataProcessingMethod", "https://ex.org/method", [10]),
    ("EQ_bizRules", "https://ex.org/rules", [10]),
    ("EQ_microorganism", "https://ex.org/bug", [10]),
    ("EQ_chemicalSubstance", "https://ex.org/acid", [10]),
    ("EQ_stringValue", "sour", [10]),
    ("EQ_booleanValue", "true", [10]),
    ("EQ_booleanValue", False, []),
    ("EQ_hexBinaryValue", "0aff", [10]),
    ("EQ_uriValue", "https://ex.org/v", [10]),
    ("GE_percRank", "95", [10]),
    ("GT_percRank", "95", []),
    ("EQ_value_CEL", "4.5", [10]),
    ("EQ_value_FAH", "4.5", []),
    ("GT_minValue_CEL", "1.5", [10]),
    ("LE_maxValue_CEL", "8.25", [10]),
    ("LT_maxValue_CEL", "8.25", []),
    ("GE_meanValue_CEL", 5, [10]),
    ("LT_sDev_CEL", "0.5", []),
    ("LE_sDev_CEL", "0.5", [10]),
    ("GE_percValue_CEL", "7.5", [10]),
    ("EQ_ex:colour", "red", [1, 2]),
    ("EQ_ex:colour", ["blue", "Red"], [2, 3]),
    ("EQ_https://ex.org/epcis#colour", "blue", [2]),
    ("EQ_https://ex.org/epcis/#colour", "blue", [2]),
    ("EQ_ex:colour", "green", []),
    ("EQ_ex:count", "7", [1]),
    ("EQ_ex:count", 7.5, [2]),
    ("EQ_ex:count", "7.50", [2]),
    ("GT_ex:count", "7", [2]),
    ("LT_ex:count", 7.5, [1, 3]),
    ("EQ_ex:ok", True, [1]),
    ("EQ_ex:when", "2026-01-31T16:00:00Z", [1]),
    ("GE_ex:when", "2026-01-31T16:00:00Z", [1]),
    ("LT_ex:when", "2026-01-31T16:00:00Z", []),
    ("EQ_ex:long", "长" * 300, [2]),
    ("EQ_ex:long", "长" * 299, []),
    ("EXISTS_ex:colour", "", [1, 2, 3]),
    ("EXISTS_other:nested", None, [2]),
    ("EXISTS_ex:deep", "", []),
    ("EQ_INNER_ex:colour", "green", [2]),
    ("EQ_INNER_ex:colour", "red", []),
    ("GE_INNER_ex:count", 12, [2]),
    ("EXISTS_INNER_ex:null", True, [2]),
    ("EQ_ILMD_ex:grade", "A|B", [0, 9]),
    ("GE_ILMD_ex:expires", "2027-06-01T00:00:00Z", [9]),
    ("EQ_ILMD_ex:hand", "left", []),
    ("EQ_INNER_ILMD_ex:hand", "left", [0]),
    ("EXISTS_ILMD_ex:maker", "", [0]),
    ("EXISTS_INNER_ILMD_ex:maker", "", []),
    ("EXISTS_ERROR_DECLARATION_ex:by", "", [11]),
    ("EQ_INNER_ERROR_DECLARATION_ex:name", "Li", [11]),
    ("EXISTS_SENSORELEMENT_ex:element", "", [10]),
    ("EQ_INNER_SENSORELEMENT_ex:inside", "e", [10]),
    ("EQ_SENSORMETADATA_ex:metadata", "m", [10]),
    ("GE_SENSORREPORT_ex:report", 1, [10]),
    ("LT_SENSORREPORT_ex:report", 1, []),
    ("EQ_readPoint_ex:lane", 4, [0]),
    ("EQ_bizLocation_ex:lane", 4, []),
    ("EQ_INNER_bizLocation_ex:shelf", "a", [0]),
    ("HASATTR_readPoint", "urn:epcglobal:cbv:mda:city", [3, 10]),
    ("HASATTR_bizLocation", ["https://ex.org/epcis/floor"], []),
    ("EQATTR_bizLocation_city", "Hefei", [0, 6]),
    ("EQ_ATTR_bizLocation_cbvmda:city", "Linli|Hefei", [0, 2, 6]),
    ("EQATTR_readPoint_https://ex.org/epcis/floor", "2", [0, 4]),
    ("EQATTR_source_city", "Hefei", [1]),
    ("HASATTR_epcClass", "brand", []),
    ("EQATTR_epcClass_name", "Lot", []),
    ("EQATTR_ex:person_countryCode", "CN", [2]),
]


@pytest.mark.parametrize(("name", "value", "expected"), FAMILIES, ids=lambda value: str(value)[:60])
def test_each_family_of_parameters_finds_what_it_should(
    name: str, value: Any, expected: list[int] | None
) -> None:
    if expected is None:
        with pytest.raises(Invalid):
            found(**{name: value})
    else:
        assert found(**{name: value}) == expected


def test_time_bounds_are_at_least_and_before() -> None:
    times = [event.event_time for event in TRADE]
    for moment in sorted(set(times)):
        written = moment.isoformat()
        assert found(GE_eventTime=written) == [n for n, time in enumerate(times) if time >= moment]
        assert found(LT_eventTime=written) == [n for n, time in enumerate(times) if time < moment]


def test_record_time_is_the_nodes_and_not_the_events() -> None:
    assert found(GE_recordTime="2027-01-15T08:00:00.001Z") == list(range(3, len(TRADE)))
    assert found(LT_recordTime="2027-01-15T08:00:00.001Z") == [0, 1, 2]


# --------------------------------------------------------------------------- patterns

PATTERNS = [
    ("MATCH_epc", "urn:epc:idpat:sgtin:9506000.013435.*", [0, 1, 4, 6, 11]),
    ("MATCH_epc", GTIN, [0, 1, 4, 6, 11]),
    ("MATCH_epc", f"https://shop.example/x/01/{GTIN[-14:]}", [0, 1, 4, 6, 11]),
    ("MATCH_epc", f"{GTIN}/21/*", [0, 1, 4, 6, 11]),
    ("MATCH_epc", "urn:epc:idpat:sgtin:9506000.113435.*", [0]),
    ("MATCH_epc", "urn:epc:idpat:sgtin:9506000.*.*", [0, 1, 4, 6, 11]),
    ("MATCH_epc", "urn:epc:idpat:sgtin:*.*.*", [0, 1, 2, 4, 6, 11]),
    ("MATCH_epc", "urn:epc:idpat:sscc:9506000.*", [0, 7]),
    ("MATCH_epc", "urn:epc:idpat:sscc:950600.*", [0, 7]),
    ("MATCH_epc", "urn:epc:idpat:sscc:9506001.*", []),
    ("MATCH_anyEPC", "urn:epc:idpat:grai:9506000.12345.*", [7]),
    ("MATCH_anyEPC", "urn:epc:idpat:grai:9506000.*.*", [7]),
    ("MATCH_anyEPC", "urn:epc:idpat:giai:9506000.*", [6]),
    ("MATCH_epcClass", "urn:epc:idpat:sgtin:9506000.013435.*", [3]),
    ("MATCH_epcClass", "urn:epc:idpat:sgtin:9506000.*.*", [3]),
    ("MATCH_epcClass", "urn:epc:class:lgtin:9506000.013435.*", [3, 5]),
    ("MATCH_epcClass", f"{GTIN}/10/*", [3, 5]),
    ("MATCH_anyEPCClass", "urn:epc:idpat:lgtin:9521234.*.*", [9]),
]


@pytest.mark.parametrize(("name", "value", "expected"), PATTERNS)
def test_a_pattern_finds_what_fits_it(name: str, value: str, expected: list[int]) -> None:
    assert found(**{name: value}) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "urn:epc:*",
        "urn:epc:idpat:sgtin:*",
        "urn:epc:idpat:sgtin:9506000.*.S1",
        "urn:epc:idpat:sgtin:9506*.*.*",
        "urn:epc:idpat:sgtin:9506000.01343*.*",
        "urn:epc:idpat:sgtin:9506.*.*",
        "urn:epc:idpat:sgtin:9506000.013435.*.*",
        "urn:epc:idpat:sgtin:9506000.0134350.*",
        "urn:epc:idpat:nothing:9506000.*",
        "urn:epc:id:sgtin:9506000.013435.*",
        f"{GTIN}/21/S*",
        f"{GTIN}/22/*",
        f"{GTIN}/*",
        "https://*/01/09506000134352",
        "https://id.gs1.org/01/09506000134353",
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_query({"MATCH_epc": [pattern]})

    assert [problem.pointer for problem in refusal.value.problems] == ["/MATCH_epc"]


# --------------------------------------------------------------------------- faults

FAULTS: list[tuple[str, Any, str]] = [
    ("EQ_bizstep", "shipping", "no such query parameter"),
    ("perPage", "30", "no such query parameter"),
    ("EQ_value_cel", "1", "no such query parameter"),
    ("MATCH_class", GTIN, "no such query parameter"),
    ("GE_bizStep", "a", "no such query parameter"),
    ("EQ_bizStep", "dancing", "no bizStep of CBV"),
    ("EQ_bizStep", [], "has no value"),
    ("EQ_bizStep", [1], "expected text"),
    ("EQ_disposition", "urn:epcglobal:cbv:disp:sad", "no disposition of CBV"),
    ("EQ_action", "ADD|add", "expected one of ADD"),
    ("eventType", "QuantityEvent", "expected one of ObjectEvent"),
    ("GE_eventTime", "2026-01-01", "expected a time with its zone"),
    ("GE_eventTime", "2026-01-01T00:00:00 08:00", "expected a time with its zone"),
    ("GE_eventTime", "2026-01-01T00:00:00Z|2026-01-02T00:00:00Z", "takes one value, found 2"),
    ("LT_eventTime", 5, "expected text"),
    ("EQ_readPoint", "dock", "expected a URI"),
    ("MATCH_epc", "S1", "not an identifier"),
    ("MATCH_epc", {"a": 1}, "expected text"),
    ("GT_quantity", "many", "expected a number"),
    ("GT_quantity", "NaN", "expected a number"),
    ("GT_quantity", "1|2", "takes one value"),
    ("EQ_quantity", True, "expected a number"),
    ("EQ_quantity", "12345678901234567891", "expected a number"),
    ("EXISTS_errorDeclaration", "maybe", "takes true, false"),
    ("EQ_booleanValue", "yes", "expected true or false"),
    ("EQ_source_owner", SSCC, "no source or destination type"),
    ("EQ_bizTransaction_bill", SSCC, "no business transaction type"),
    ("EQ_nope:colour", "red", "prefix 'nope' is not declared"),
    ("GE_ex:colour", "red", "expected a number"),
    ("EQ_ex:colour", {}, "expected text, a number or a time"),
    ("HASATTR_nope:x", "a", "prefix 'nope' is not declared"),
    ("orderBy", "bizStep", "expected eventTime, recordTime"),
    ("orderBy", "nope:x", "prefix 'nope' is not declared"),
    ("orderDirection", "UP", "expected ASC or DESC"),
    ("maxEventCount", "0", "expected a whole number"),
    ("maxEventCount", True, "expected a whole number"),
    ("@context", 7, "expected a URL or an object"),
]


@pytest.mark.parametrize(("name", "value", "message"), FAULTS, ids=lambda value: str(value)[:40])
def test_a_wrong_parameter_is_named_with_its_fault(name: str, value: Any, message: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse_query({name: value}, PREFIXES)

    (problem,) = refusal.value.problems
    assert problem.pointer == f"/{name}"
    assert message in problem.message


def test_every_wrong_parameter_is_named_at_once() -> None:
    wrong = {"EQ_bizStep": "a", "nothing": "b", "GE_eventTime": "c", "MATCH_epc": GTIN}
    with pytest.raises(Invalid, match="3 problems") as refusal:
        parse_query(wrong)

    assert {problem.pointer for problem in refusal.value.problems} == {
        "/EQ_bizStep",
        "/nothing",
        "/GE_eventTime",
    }


def test_a_count_limit_excludes_a_maximum_and_needs_an_order() -> None:
    with pytest.raises(Invalid) as refusal:
        parse_query({"eventCountLimit": "5", "maxEventCount": 5})

    assert {problem.pointer for problem in refusal.value.problems} == {"/eventCountLimit", "/maxEventCount"}
    assert parse_query({"eventCountLimit": "5", "orderBy": "eventTime"}).event_count_limit == 5
    assert parse_query({"maxEventCount": 7}).max_event_count == 7


def test_a_query_of_very_many_values_is_too_complex() -> None:
    def ask(count: int) -> None:
        parse_query({"EQ_eventID": [f"urn:ex:{n}" for n in range(count)]})

    ask(1_000)
    with pytest.raises(QueryTooComplex, match="1000 values"):
        ask(1_001)


# --------------------------------------------------------------------------- one query, many spellings


def test_spellings_and_orders_of_one_query_are_one_query() -> None:
    one = parse_query({"EQ_bizStep": "shipping|packing", "MATCH_epc": "urn:epc:id:sgtin:9506000.013435.S1"})
    other = parse_query(
        {
            "MATCH_epc": [f"{GTIN}/21/S1"],
            "EQ_bizStep": ["packing", "https://ref.gs1.org/cbv/BizStep-shipping"],
        }
    )
    assert one == other
    assert one.fingerprint == other.fingerprint
    assert one.fingerprint != parse_query({"EQ_bizStep": "shipping"}).fingerprint


def test_a_query_string_may_name_a_parameter_twice() -> None:
    pairs = [("EQ_bizStep", "packing"), ("EQ_action", "ADD"), ("EQ_bizStep", "shipping")]
    assert parse_query_string(pairs) == parse_query({"EQ_bizStep": "packing|shipping", "EQ_action": "ADD"})


def test_a_query_is_kept_with_the_prefixes_it_was_asked_with() -> None:
    body = {"@context": {"my": "https://ex.org/epcis/"}, "EQ_my:colour": ["red"], "EXISTS_ex:count": None}
    query = parse_query(body, PREFIXES)

    assert query.to_json() == {**body, "@context": [PREFIXES, body["@context"]]}
    assert (
        parse_query(query.to_json())
        == query
        == parse_query({"EQ_ex:colour": "red", "EXISTS_ex:count": ""}, PREFIXES)
    )


def test_conditions_of_a_resource_are_added_and_never_widen_the_query() -> None:
    shipping = parse_query({"EQ_bizStep": "shipping"})
    both = parse_query({"EQ_bizStep": "packing"}).with_extra(shipping)

    assert [n for n, event in enumerate(TRADE) if matches(both, event, 0)] == []
    assert shipping.with_extra(shipping) == shipping


def test_exists_false_asks_nothing() -> None:
    assert parse_query({"EXISTS_errorDeclaration": "false"}) == parse_query({})


# --------------------------------------------------------------------------- order


def order(event: Event, log_index: int, **parameters: str) -> tuple[float | str, ...]:
    return sort_key(parse_query(parameters, PREFIXES), event, recorded_ms(log_index), log_index)


def test_an_order_that_is_not_asked_for_is_the_one_that_an_index_gives() -> None:
    assert parse_query({}).order == Order("recordTime", False)
    assert parse_query({"MATCH_epc": GTIN, "EQ_bizStep": "packing"}).order == Order("recordTime", False)
    assert parse_query({"EQ_bizStep": "packing"}).order == Order("eventTime", False)
    assert parse_query({"orderDirection": "DESC"}).order == Order("recordTime", False)


def test_an_order_that_is_asked_for_is_descending_unless_told() -> None:
    assert parse_query({"orderBy": "eventTime"}).order == Order("eventTime", True)
    assert parse_query({"orderBy": "recordTime", "orderDirection": "ASC"}).order == Order("recordTime", False)


def test_numbers_stand_before_texts_and_nothing_before_both() -> None:
    keys = [order(event, n, orderBy="ex:count") for n, event in enumerate(TRADE)]
    assert [n for *_, n in sorted(keys)][-3:] == [3, 1, 2]

    keys = [order(event, n, orderBy="ex:colour") for n, event in enumerate(TRADE)]
    assert [n for *_, n in sorted(keys)][-3:] == [3, 2, 1]


# --------------------------------------------------------------------------- one event, many forms


@pytest.mark.parametrize("number", range(len(TRADE)))
def test_an_event_answers_alike_before_and_after_it_is_stored(number: int) -> None:
    stored = parse_event(event_to_json(TRADE[number]))
    for name, value, expected in FAMILIES:
        if expected is not None:
            query = parse_query({name: value}, PREFIXES)
            assert matches(query, stored, recorded_ms(number), MASTER_FACTS) == (number in expected), name


def test_a_number_that_was_captured_as_text_answers_like_a_number() -> None:
    as_number, as_text = (
        parse_event(event_to_json(replace(TRADE[1], extensions={"ex:count": value}))) for value in (7, "7")
    )
    for name, value in [
        ("EQ_ex:count", "7"),
        ("GE_ex:count", 6.5),
        ("EQ_ex:count", "7.0"),
        ("GT_ex:count", 7),
    ]:
        query = parse_query({name: value}, PREFIXES)
        assert matches(query, as_number, 0) == matches(query, as_text, 0) == (not name.startswith("GT"))


def test_a_text_of_digits_is_not_taken_for_another() -> None:
    lot = parse_event(
        event_to_json(replace(TRADE[1], extensions={"ex:lot": "007", "ex:no": "9007199254740993"}))
    )
    for name, value in [
        ("EQ_ex:lot", "7"),
        ("EQ_ex:no", "9007199254740992"),
        ("EQ_ex:no", "9007199254740994"),
    ]:
        assert not matches(parse_query({name: value}, PREFIXES), lot, 0)
    assert matches(parse_query({"EQ_ex:lot": "007", "EQ_ex:no": "9007199254740993"}, PREFIXES), lot, 0)
