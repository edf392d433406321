"""From query parameters to an `EventQuery`, with every unknown or malformed parameter named.

Names and values are those of EPCIS 2.0, section 8.2.7.1, as the REST binding writes them: in a query string,
where values are parted by "|", or in the JSON body of a named query. Values are read like those of an event,
so any spelling of an identifier or CBV word asks for the same. Fields of extensions are named by prefix
(`EQ_ex:colour`) or by namespace (`EQ_https://ex.org/epcis#colour`, as EPCIS 1.x did).

Not here: units are not converted, so `GE_value_CEL` finds what was captured in CEL.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from ledger.domain import canonical_json, vocabulary
from ledger.domain.canonical_json import JsonValue, pointer_step
from ledger.domain.errors import Invalid, Problem, QueryTooComplex
from ledger.domain.event_facts import EXISTS, TIME, field_name, index_text, text_number, text_time, to_ms
from ledger.domain.event_fields import (
    Prefixes,
    Read,
    Reading,
    identifier,
    kind_of,
    leaf,
    one_of,
    read_context,
    show,
    text,
    time,
    uri,
    word_of,
)
from ledger.domain.event_query import (
    CLASS_ROLES,
    Compares,
    Comparison,
    Condition,
    EventQuery,
    HasAttribute,
    HasFact,
    HasItem,
    Within,
    attribute_name,
    in_order,
    matches,
)
from ledger.domain.event_shapes import SHAPES
from ledger.domain.item_pattern import parse_item_patterns

__all__ = ["EventQuery", "matches", "parse_query", "parse_query_string"]

VALUES_MAX: Final = 1_000
"""Values in all conditions of one query together."""

Parameters: TypeAlias = Mapping[str, JsonValue | Sequence[str]]


def parse_query(parameters: Parameters, prefixes: Prefixes | None = None) -> EventQuery:
    """The query that `parameters` ask, `prefixes` being declared beside those in its @context.

    A text holds several values parted by "|", a list holds them one by one. Raises Invalid with a problem for
    each parameter that is unknown or wrong, its pointer being the parameter's name; QueryTooComplex for more
    than 1,000 values.
    """
    problems: list[Problem] = []
    context = cast(JsonValue, parameters.get("@context"))
    declared = read_context(context, "/@context", prefixes or {}, problems)
    reading = Reading(declared, problems)
    conditions: list[Condition] = []
    settings: dict[str, Any] = {}
    for name, value in parameters.items():
        at = pointer_step(name)
        if name == "@context":
            continue
        values = _listed(value)
        if name in _SETTINGS:
            settings[_SETTINGS[name][0]] = _read_setting(reading, name, values, at)
        else:
            conditions += _read_condition(reading, name, values, at)
    _check_settings(settings, problems)
    if problems:
        raise Invalid(f"{len(problems)} problems in the query: {problems[0]}", problems)
    if sum(map(_weight, conditions)) > VALUES_MAX:
        raise QueryTooComplex(f"query asks for more than {VALUES_MAX} values: split it")
    return EventQuery(in_order(conditions), **settings, source=_source(parameters, prefixes or {}))


def parse_query_string(pairs: Iterable[tuple[str, str]], prefixes: Prefixes | None = None) -> EventQuery:
    """The query of a URL's decoded name and value pairs; a name that comes again adds its values."""
    parameters: dict[str, str] = {}
    for name, value in pairs:
        parameters[name] = f"{parameters[name]}|{value}" if name in parameters else value
    return parse_query(parameters, prefixes)


def _listed(value: JsonValue | Sequence[str]) -> list[JsonValue]:
    if isinstance(value, str):
        return list(value.split("|"))
    return list(value) if isinstance(value, list | tuple) else [cast(JsonValue, value)]


def _source(parameters: Parameters, prefixes: Prefixes) -> str:
    """The parameters as JSON, with the prefixes that came from outside."""
    written = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in parameters.items()
        if name != "@context"
    }
    context = parameters.get("@context")
    contexts = list(context) if isinstance(context, list) else [context] if context else []
    if prefixes:
        contexts.insert(0, dict(prefixes))
    if contexts:
        written["@context"] = contexts
    return canonical_json.encode(written).decode()


def _weight(condition: Condition) -> int:
    values = ("texts", "numbers", "times", "uris", "patterns", "attributes", "values")
    return sum(len(getattr(condition, name, ())) for name in values)


# --------------------------------------------------------------------------- settings


def _read_setting(reading: Reading, name: str, values: Sequence[JsonValue], at: str) -> Any:
    if len(values) != 1:
        reading.fault(at, f"takes one value, found {len(values)}")
        return None
    return _SETTINGS[name][1](reading, values[0], at)


def _parse_order_by(value: JsonValue, prefixes: Prefixes) -> str:
    if value in ("eventTime", "recordTime"):
        return str(value)
    name = field_name(value, prefixes) if isinstance(value, str) and _FIELD.fullmatch(value) else None
    if name is None:
        raise Invalid(
            f"expected eventTime, recordTime or an extension field like ex:name, found {show(value)}"
        )
    _check_prefix(str(value), prefixes)
    return name


def _parse_count(value: JsonValue, _: Prefixes) -> int:
    written = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not re.fullmatch("[1-9][0-9]{0,8}", written):
        raise Invalid(f"expected a whole number from 1 to 999999999, found {show(value)}")
    return int(written)


def _parse_direction(value: JsonValue, _: Prefixes) -> bool:
    if value not in ("ASC", "DESC"):
        raise Invalid(f"expected ASC or DESC, found {show(value)}")
    return value == "DESC"


_SETTINGS: Final[Mapping[str, tuple[str, Read]]] = {
    "orderBy": ("order_by", leaf(_parse_order_by)),
    "orderDirection": ("descending", leaf(_parse_direction)),
    "eventCountLimit": ("event_count_limit", leaf(_parse_count)),
    "maxEventCount": ("max_event_count", leaf(_parse_count)),
}


def _check_settings(settings: Mapping[str, Any], problems: list[Problem]) -> None:
    if "event_count_limit" in settings and "max_event_count" in settings:
        problems.append(Problem("/maxEventCount", "excludes eventCountLimit: leave one"))
    if "event_count_limit" in settings and "order_by" not in settings:
        problems.append(Problem("/eventCountLimit", "needs orderBy, which tells the events that are first"))


# --------------------------------------------------------------------------- conditions


def _read_condition(reading: Reading, name: str, values: list[JsonValue], at: str) -> list[Condition]:
    if not values:
        reading.fault(at, "has no value: add one, or leave the parameter out")
        return []
    build = _FIXED.get(name)
    if build is not None:
        return build(reading, values, at)
    for pattern, build_family in _FAMILIES:
        match = pattern.fullmatch(name)
        if match:
            return build_family(reading, match, values, at)
    reading.fault(at, "no such query parameter: correct its name (EPCIS 2.0, section 8.2.7.1)")
    return []


_Build: TypeAlias = Callable[[Reading, list[JsonValue], str], list[Condition]]
_BuildFamily: TypeAlias = Callable[[Reading, re.Match[str], list[JsonValue], str], list[Condition]]


def _read_all(reading: Reading, read: Read, values: Sequence[JsonValue], at: str) -> tuple[Any, ...]:
    """Each value once, in sorted order: the order in which values are written changes nothing."""
    found = {read(reading, value, at) for value in values}
    return tuple(sorted(value for value in found if value is not None))


def _one_of_texts(name: str, read: Read) -> _Build:
    def build(reading: Reading, values: list[JsonValue], at: str) -> list[Condition]:
        return [HasFact(name, texts=tuple(index_text(t) for t in _read_all(reading, read, values, at)))]

    return build


def _one_of_numbers(name: str) -> _Build:
    def build(reading: Reading, values: list[JsonValue], at: str) -> list[Condition]:
        return [HasFact(name, numbers=_read_all(reading, _number, values, at))]

    return build


def _comparison(name: str, comparison: str, read: Read) -> _Build:
    def build(reading: Reading, values: list[JsonValue], at: str) -> list[Condition]:
        if len(values) != 1:
            reading.fault(at, f"takes one value, found {len(values)}")
            return []
        bound = read(reading, values[0], at)
        return [] if bound is None else [Compares(name, cast(Comparison, comparison), bound)]

    return build


def _one_of_items(*roles: str) -> _Build:
    classes = roles[0] in CLASS_ROLES

    def build(reading: Reading, values: list[JsonValue], at: str) -> list[Condition]:
        uris, patterns = set(), set()
        for value in values:
            parsed = read(reading, value, at)
            if parsed:
                uris.update([parsed[0]] if parsed[0] else [])
                patterns.update(parsed[1])
        return [HasItem(roles, tuple(sorted(uris)), tuple(sorted(patterns)))]

    read = leaf(lambda value, _: parse_item_patterns(_expect_text(value), classes=classes))
    return build


def _within(name: str) -> _Build:
    def build(reading: Reading, values: list[JsonValue], at: str) -> list[Condition]:
        return [Within(name, _read_all(reading, identifier, values, at))]

    return build


def _exists(name: str) -> _Build:
    def build(reading: Reading, values: list[JsonValue], at: str) -> list[Condition]:
        value = values[0]
        if len(values) > 1 or not (value in (None, "", "true", "false") or isinstance(value, int)):
            reading.fault(at, f"takes true, false or no value, found {show(value)}")
        asked = value is not False and value != "false"
        return [HasFact(EXISTS, texts=(index_text(name),))] if asked else []

    return build


def _expect_text(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise Invalid(f"expected text, found {kind_of(value)}")
    return value


def _parse_number(value: JsonValue, _: Prefixes) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    number = text_number(value) if isinstance(value, str) else None
    if number is None:
        raise Invalid(f"expected a number that a double holds exactly, found {show(value)}")
    return number


def _parse_boolean(value: JsonValue, _: Prefixes) -> str:
    if value is True or value == "true":
        return "true"
    if value is False or value == "false":
        return "false"
    raise Invalid(f"expected true or false, found {show(value)}")


def _parse_event_type(value: JsonValue, prefixes: Prefixes) -> str:
    if isinstance(value, str) and (value in SHAPES or ":" in value):
        return value
    raise Invalid(f"expected one of {', '.join(SHAPES)}, or the URI of a type, found {show(value)}")


def _parse_bound(value: JsonValue, prefixes: Prefixes) -> tuple[str, float]:
    """What a value of an extension is compared with: ("", number) or (TIME, milliseconds)."""
    moment = text_time(value) if isinstance(value, str) else None
    if moment is not None:
        return TIME, moment
    return "", _parse_number(value, prefixes)


def _read_ms(reading: Reading, value: JsonValue, at: str) -> float | None:
    moment = time(reading, value, at)
    return None if moment is None else float(to_ms(moment))


_number: Final = leaf(_parse_number)
_boolean: Final = leaf(_parse_boolean)
_event_type: Final = leaf(_parse_event_type)
_bound: Final = leaf(_parse_bound)
_disposition: Final = word_of(vocabulary.DISPOSITION)

_FIXED: Final[Mapping[str, _Build]] = {
    "eventType": _one_of_texts("eventType", _event_type),
    "EQ_action": _one_of_texts("action", one_of("ADD", "OBSERVE", "DELETE")),
    "EQ_bizStep": _one_of_texts("bizStep", word_of(vocabulary.BIZ_STEP)),
    "EQ_disposition": _one_of_texts("disposition", _disposition),
    "EQ_persistentDisposition_set": _one_of_texts("persistentDisposition_set", _disposition),
    "EQ_persistentDisposition_unset": _one_of_texts("persistentDisposition_unset", _disposition),
    "EQ_readPoint": _one_of_texts("readPoint", identifier),
    "WD_readPoint": _within("readPoint"),
    "EQ_bizLocation": _one_of_texts("bizLocation", identifier),
    "WD_bizLocation": _within("bizLocation"),
    "EQ_transformationID": _one_of_texts("transformationID", identifier),
    "EQ_eventID": _one_of_texts("eventID", uri),
    "EXISTS_errorDeclaration": _exists("errorDeclaration"),
    "EQ_errorReason": _one_of_texts("errorReason", word_of(vocabulary.ERROR_REASON)),
    "EQ_correctiveEventID": _one_of_texts("correctiveEventID", uri),
    "EXISTS_sensorElementList": _exists("sensorElementList"),
    "EQ_type": _one_of_texts("type", word_of(vocabulary.MEASUREMENT_TYPE)),
    "EQ_deviceID": _one_of_texts("deviceID", identifier),
    "EQ_dataProcessingMethod": _one_of_texts("dataProcessingMethod", uri),
    "EQ_microorganism": _one_of_texts("microorganism", uri),
    "EQ_chemicalSubstance": _one_of_texts("chemicalSubstance", uri),
    "EQ_bizRules": _one_of_texts("bizRules", uri),
    "EQ_stringValue": _one_of_texts("stringValue", text),
    "EQ_booleanValue": _one_of_texts("booleanValue", _boolean),
    "EQ_hexBinaryValue": _one_of_texts("hexBinaryValue", text),
    "EQ_uriValue": _one_of_texts("uriValue", uri),
    "MATCH_epc": _one_of_items("epc", "child"),
    "MATCH_parentID": _one_of_items("parent"),
    "MATCH_inputEPC": _one_of_items("input"),
    "MATCH_outputEPC": _one_of_items("output"),
    "MATCH_anyEPC": _one_of_items("epc", "child", "parent", "input", "output"),
    "MATCH_epcClass": _one_of_items("class", "child_class"),
    "MATCH_inputEPCClass": _one_of_items("input_class"),
    "MATCH_outputEPCClass": _one_of_items("output_class"),
    "MATCH_anyEPCClass": _one_of_items(*CLASS_ROLES),
    **{
        f"{comparison}_{name}": _comparison(name, comparison, _read_ms)
        for name in ("eventTime", "recordTime", "errorDeclarationTime", "time", "startTime", "endTime")
        for comparison in ("GE", "LT")
    },
    # The OpenAPI document says errorDeclarationTime, the JSON schema errorDeclaration_Time.
    **{
        f"{comparison}_errorDeclaration_Time": _comparison("errorDeclarationTime", comparison, _read_ms)
        for comparison in ("GE", "LT")
    },
    **{
        f"{comparison}_{name}": _comparison(name, comparison, _number)
        for name in ("quantity", "percRank")
        for comparison in ("GT", "GE", "LT", "LE")
    },
    "EQ_quantity": _one_of_numbers("quantity"),
    "EQ_percRank": _one_of_numbers("percRank"),
}


PARAMETERS: Final = (*_FIXED, *_SETTINGS)
"""The parameters that have a name of their own; those of the families below are made up by the asker."""


# --------------------------------------------------------------------------- families


def _build_typed(reading: Reading, match: re.Match[str], values: list[JsonValue], at: str) -> list[Condition]:
    """EQ_bizTransaction_po, EQ_source_owning_party, ..."""
    kind, type_name = match.groups()
    words = (
        vocabulary.BIZ_TRANSACTION_TYPE if kind == "bizTransaction" else vocabulary.SOURCE_DESTINATION_TYPE
    )
    word = word_of(words)(reading, type_name, at)
    return _one_of_texts(f"{kind}_{word}", identifier)(reading, values, at)


def _build_measure(
    reading: Reading, match: re.Match[str], values: list[JsonValue], at: str
) -> list[Condition]:
    """EQ_value_CEL, GE_quantity_KGM, ..."""
    comparison, name = match.groups()
    build = _one_of_numbers(name) if comparison == "EQ" else _comparison(name, comparison, _number)
    return build(reading, values, at)


def _build_field(reading: Reading, match: re.Match[str], values: list[JsonValue], at: str) -> list[Condition]:
    """EQ_ex:colour, GE_INNER_ILMD_ex:date, EXISTS_SENSORREPORT_ex:note, ..."""
    comparison, area, written = match.groups()
    field = _extension_field(reading, written, at)
    if field is None:
        return []
    name = (area or "") + field
    if comparison == "EXISTS":
        return _exists(name)(reading, values, at)
    if comparison == "EQ":
        return [_equals(reading, name, values, at)]
    if len(values) != 1:
        reading.fault(at, f"takes one value, found {len(values)}")
        return []
    bound = _bound(reading, values[0], at)
    return [] if bound is None else [Compares(name + bound[0], cast(Comparison, comparison), bound[1])]


def _equals(reading: Reading, name: str, values: Sequence[JsonValue], at: str) -> HasFact:
    """An extension has no type that we know: a value is asked for as all that it can be."""
    texts, numbers, times = set(), set(), set()
    for value in values:
        if isinstance(value, bool):
            texts.add("true" if value else "false")
        elif isinstance(value, int | float):
            numbers.add(float(value))
        elif isinstance(value, str):
            number, moment = text_number(value), text_time(value)
            texts.add(index_text(value))
            numbers.update([] if number is None else [number])
            times.update([] if moment is None else [moment])
        else:
            reading.fault(at, f"expected text, a number or a time, found {kind_of(value)}")
    return HasFact(name, tuple(sorted(texts)), tuple(sorted(numbers)), tuple(sorted(times)))


def _build_has_attribute(
    reading: Reading, match: re.Match[str], values: list[JsonValue], at: str
) -> list[Condition]:
    names = _names_with_master_data(reading, match[1], at)
    attributes = {attribute_name(word) for word in _read_all(reading, text, values, at)}
    return [HasAttribute(names, tuple(sorted(attributes)))]


def _build_attribute_is(
    reading: Reading, match: re.Match[str], values: list[JsonValue], at: str
) -> list[Condition]:
    names = _names_with_master_data(reading, match[1], at)
    texts = tuple(index_text(value) for value in _read_all(reading, text, values, at))
    return [HasAttribute(names, (attribute_name(match[2]),), texts)]


_TYPES: Final = sorted(vocabulary.SOURCE_DESTINATION_TYPE.words)
_WITH_MASTER_DATA: Final[Mapping[str, tuple[str, ...]]] = {
    "readPoint": ("readPoint",),
    "bizLocation": ("bizLocation",),
    "epcClass": ("epcClass",),
    "source": tuple(f"source_{word}" for word in _TYPES),
    "destination": tuple(f"destination_{word}" for word in _TYPES),
}


def _names_with_master_data(reading: Reading, written: str, at: str) -> tuple[str, ...]:
    names = _WITH_MASTER_DATA.get(written)
    if names is not None:
        return names
    field = _extension_field(reading, written, at)
    return () if field is None else (field,)


def _extension_field(reading: Reading, written: str, at: str) -> str | None:
    try:
        _check_prefix(written, reading.prefixes)
    except Invalid as error:
        reading.fault(at, str(error))
        return None
    return field_name(written, reading.prefixes)


def _check_prefix(name: str, prefixes: Prefixes) -> None:
    prefix = name.partition(":")[0]
    known = prefix in prefixes or prefix in vocabulary.STANDARD_PREFIXES
    if not known and not name.startswith(("http:", "https:", "urn:")):
        raise Invalid(f"prefix {prefix!r} is not declared: add it to GS1-Extensions or @context")


_COMPARISONS: Final = "EQ|GT|GE|LT|LE"
_FIELD: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20|]+")
_AREAS: Final = (
    "(?:INNER_)?(?:ILMD_|ERROR_DECLARATION_|SENSORELEMENT_|SENSORMETADATA_|SENSORREPORT_"
    "|readPoint_|bizLocation_)?"
)
_MASTER_FIELD: Final = rf"{'|'.join(_WITH_MASTER_DATA)}|{_FIELD.pattern}?"
_FAMILIES: Final[Sequence[tuple[re.Pattern[str], _BuildFamily]]] = (
    (re.compile(r"EQ_(bizTransaction|source|destination)_(.+)"), _build_typed),
    (
        re.compile(
            rf"({_COMPARISONS})_((?:value|minValue|maxValue|meanValue|sDev|percValue|quantity)_[A-Z0-9]{{2,4}})"
        ),
        _build_measure,
    ),
    (re.compile(rf"HASATTR_({_MASTER_FIELD})"), _build_has_attribute),
    # The standard's text writes EQATTR_, the JSON schema EQ_ATTR_.
    (re.compile(rf"EQ_?ATTR_({_MASTER_FIELD})_(.+)"), _build_attribute_is),
    (re.compile(rf"({_COMPARISONS}|EXISTS)_({_AREAS})({_FIELD.pattern})"), _build_field),
)
