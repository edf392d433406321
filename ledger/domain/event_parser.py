"""From an EPCIS 2.0 JSON document to typed events, with every problem at its JSON pointer.

What is accepted follows the standard's JSON schema, and beyond it the other spellings of one value: EPC
URN or any Digital Link, CBV words as URI or URN, prefixed values. CBV compliance is not enforced: private
URIs are allowed, and words that nobody defined are not.

`@context` is never fetched. The standard context is always in force; inline contexts add prefixes; contexts
that are only named by URL add nothing, so a field that needs one is reported as undeclared.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ledger.domain import canonical_json
from ledger.domain.canonical_json import JsonValue
from ledger.domain.errors import Invalid, Problem
from ledger.domain.event_fields import (
    Prefixes,
    Reading,
    Remembered,
    kind_of,
    parse_time,
    read_context,
    read_members,
    show,
)
from ledger.domain.event_shapes import SHAPES
from ledger.domain.events import Event
from ledger.domain.master_data import MasterData, read_header


@dataclass(frozen=True, slots=True)
class Document:
    """The events that can be captured, each with its JSON pointer, and all that is wrong."""

    events: tuple[tuple[str, Event], ...]
    problems: tuple[Problem, ...]
    company_prefixes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Pointer of each event that spells identifiers as EPC URNs -> the GS1 company prefixes in them."""
    master_data: tuple[MasterData, ...] = ()
    """What the header tells of products, places and parties, each identifier once."""


def parse_document(raw: bytes, parse: Callable[[bytes], JsonValue] = canonical_json.parse) -> Document:
    """The events in `raw`: an EPCISDocument, an EPCISQueryDocument, one event, or a list of events.

    `parse` reads JSON as `canonical_json.parse` does.

    Does not raise: what is wrong is in `problems`, and an event with a problem is not in `events`. A
    problem of the document around the events leaves the events as they are.
    """
    try:
        value = parse(raw)
    except Invalid as error:
        return Document((), error.problems)
    problems: list[Problem] = []
    prefixes, entries = _open_document(value, problems)
    events: list[tuple[str, Event]] = []
    company_prefixes: dict[str, frozenset[str]] = {}
    remembered: Remembered = {}
    for at, entry in entries:
        reading = Reading(prefixes, problems, remembered)
        event = read_event(reading, entry, at)
        if event is not None:
            events.append((at, event))
            if reading.company_prefixes:
                company_prefixes[at] = frozenset(reading.company_prefixes)
    master_data = _read_master_data(value, prefixes, problems)
    return Document(tuple(events), tuple(problems), company_prefixes, master_data)


def parse_event(value: JsonValue) -> Event:
    """The event that `value` says, for instance its stored form. Raises Invalid with all problems."""
    problems: list[Problem] = []
    event = read_event(Reading({}, problems), value, "")
    if event is None:
        raise Invalid(f"not an EPCIS event: {problems[0]}", problems)
    return event


_EVENT_LISTS: Final = {
    "EPCISDocument": ("epcisBody", "eventList"),
    "EPCISQueryDocument": ("epcisBody", "queryResults", "resultsBody", "eventList"),
}
_DOCUMENT_REQUIRED: Final = {
    "EPCISDocument": ("@context", "schemaVersion", "creationDate"),
    "EPCISQueryDocument": ("@context",),
}


def _open_document(
    value: JsonValue, problems: list[Problem]
) -> tuple[Prefixes, Sequence[tuple[str, JsonValue]]]:
    """The prefixes of the document, and its events with their pointers."""
    if isinstance(value, list):
        return {}, [(f"/{index}", entry) for index, entry in enumerate(value)]
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(kind, str) or kind not in _EVENT_LISTS:
        return {}, [("", value)]

    problems += check_document(value, _DOCUMENT_REQUIRED[kind], "2")
    prefixes = read_context(value.get("@context"), "/@context", {}, problems)
    at = ""
    found: JsonValue = value
    for name in _EVENT_LISTS[kind]:
        at, found = f"{at}/{name}", found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, list):
        problems.append(Problem(at, f"expected the list of events, found {kind_of(found)}"))
        return prefixes, []
    return prefixes, [(f"{at}/{index}", entry) for index, entry in enumerate(found)]


def _read_master_data(
    value: JsonValue, prefixes: Prefixes, problems: list[Problem]
) -> tuple[MasterData, ...]:
    if not isinstance(value, dict):
        return ()
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in _EVENT_LISTS:
        return ()
    return read_header(Reading(prefixes, problems), value.get("epcisHeader"), "/epcisHeader")


def check_document(
    document: Mapping[str, JsonValue], required: Sequence[str], versions: str
) -> Iterator[Problem]:
    """What is wrong with the frame around the events; `versions` are the major schema versions allowed."""
    for name in required:
        if name not in document:
            yield Problem("", f"{name} is missing")
    version = document.get("schemaVersion", "2.0")
    if not (isinstance(version, str) and re.fullmatch(rf"[{versions}](\.[0-9]+)*", version)):
        yield Problem("/schemaVersion", f"expected '2.0', found {show(version)}")
    if "creationDate" in document:
        try:
            parse_time(document["creationDate"])
        except Invalid as error:
            yield Problem("/creationDate", str(error))


def read_event(reading: Reading, value: JsonValue, at: str) -> Event | None:
    """The event that `value`, at pointer `at`, says; None when `reading` found a problem."""
    if not isinstance(value, dict):
        reading.fault(at, f"expected an event, found {kind_of(value)}")
        return None
    kind = value.get("type")
    shape = SHAPES.get(kind) if isinstance(kind, str) else None
    if shape is None:
        reading.fault(f"{at}/type", f"expected one of {', '.join(SHAPES)}, found {show(kind)}")
        return None

    problem_count = len(reading.problems)
    if "@context" in value:
        context, context_at = value["@context"], f"{at}/@context"
        reading.prefixes = read_context(context, context_at, reading.prefixes, reading.problems)
        reading.remembered = {}  # the others were read under other prefixes
    fields = dict(value)
    for name in _NOT_KEPT:
        fields.pop(name, None)
    members = read_members(reading, fields, at, shape.fields, shape.required, extensible=True)
    for step, message in shape.check(value):
        reading.fault(at + step, message)
    if len(reading.problems) > problem_count:
        return None
    prefixes = reading.prefixes
    members["namespaces"] = {name: prefixes[name] for name in reading.used if name in prefixes}
    return shape.build(**members)


# EPCIS 2.0, section 14.3: recordTime is ignored on capture.
_NOT_KEPT: Final = ("@context", "type", "recordTime")
