"""From an EPCIS document in XML to typed events: EPCIS 2.0, and 1.0 to 1.2.

An event is brought into the form of the JSON binding and then read by `ledger.domain.event_parser`, whose
problems come back with paths of the XML document; and so are master data.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from ledger.domain.canonical_json import find_faults
from ledger.domain.errors import Invalid, Problem
from ledger.domain.event_fields import PREFIXES_MAX, Reading, Remembered
from ledger.domain.event_parser import Document, check_document
from ledger.domain.event_parser import read_event as read_json_event
from ledger.domain.event_shapes import SHAPES
from ledger.domain.events import Event
from ledger.domain.master_data import MasterData, read_header
from ledger.xml.elements import (
    Element,
    find_child,
    local_name,
    own_name,
    read_event,
    read_vocabularies,
    unwrapped,
)
from ledger.xml.names import Names, header_path_of, path_of
from ledger.xml.tree import parse_tree

PROBLEMS_MAX: Final = 10_000
"""Problems that are looked for in one document, or in one event: nobody reads more of them."""


def parse_xml(raw: bytes) -> Document:
    """The events in `raw`: an EPCISDocument, an EPCISQueryDocument, or one event; and its master data.

    Like `event_parser.parse_document` it does not raise; events and problems have paths for pointers, such as
    /EPCISDocument/EPCISBody/EventList/ObjectEvent[2]/epcList/epc[1].
    """
    try:
        root = parse_tree(raw)
    except Invalid as error:
        return Document((), error.problems)
    problems: list[Problem] = []
    frame = _open_document(root, problems)
    events: list[tuple[str, Event]] = []
    company_prefixes: dict[str, frozenset[str]] = {}
    at_root = at_event = _scope(frame.declared, frame.names)
    for at, element in _events_of(frame):
        if len(problems) > PROBLEMS_MAX:
            problems.append(
                Problem(at, f"there are more than {PROBLEMS_MAX} problems: no event from here is read")
            )
            break
        found: list[Problem] = []
        scope = _scope_of(element, at_root, at_event, found)
        if scope is not at_root:
            at_event = scope
        value = read_event(element, scope.names)
        reading = Reading(scope.names.prefixes, found, scope.remembered if scope.is_as_declared else None)
        found += islice(find_faults(value, ""), PROBLEMS_MAX)
        event = None if found else read_json_event(reading, value, "")
        problems += [Problem(at + path_of(problem.pointer), problem.message) for problem in found]
        if event is not None:
            events.append((at, event))
            if reading.company_prefixes:
                company_prefixes[at] = frozenset(reading.company_prefixes)
    master_data = _read_master_data(frame, problems)
    return Document(tuple(events), tuple(problems), company_prefixes, master_data)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where in a document its events are, and its master data."""

    root: Element
    declared: Mapping[str | None, str]  # at the root
    names: Names
    path: str = ""
    events: Element | None = None  # an event, or a list of events
    vocabularies_path: str = ""
    vocabularies: Element | None = None


@dataclass(frozen=True, slots=True)
class _Scope:
    """The names in force at some events, and what has been read under them."""

    declared: Mapping[str | None, str]
    names: Names
    prefix_count: int  # before anything was read
    remembered: Remembered = field(default_factory=dict)

    @property
    def is_as_declared(self) -> bool:
        """Whether no event brought a prefix of its own, under which the same text may say something else."""
        return len(self.names.prefixes) == self.prefix_count


def _scope(declared: Mapping[str | None, str], names: Names) -> _Scope:
    return _Scope(declared, names, len(names.prefixes))


_DOCUMENTS: Final = {
    "EPCISDocument": ("EPCISBody", "EventList"),
    "EPCISQueryDocument": ("EPCISBody", "QueryResults", "resultsBody", "EventList"),
    "EPCISMasterDataDocument": ("EPCISBody",),
}
_HEADER: Final = ("EPCISHeader", "EPCISMasterData", "VocabularyList")
_FRAME_ATTRIBUTES: Final = ("schemaVersion", "creationDate")


def _open_document(root: Element, problems: list[Problem]) -> _Frame:
    kind, path, declared = own_name(root), f"/{local_name(root)}", root.nsmap
    if len(declared) > PREFIXES_MAX:
        problems.append(Problem(path, f"declares {len(declared)} prefixes, more than {PREFIXES_MAX}"))
        return _Frame(root, declared, Names({}))
    names = Names(declared)
    if kind in SHAPES or kind == "QuantityEvent":
        return _Frame(root, declared, names, path, root)
    if kind not in _DOCUMENTS:
        problems.append(
            Problem(path, f"expected one of {', '.join(_DOCUMENTS)}, in a namespace of EPCIS 1 or 2")
        )
        return _Frame(root, declared, names)

    attributes = {name: root.get(name) for name in _FRAME_ATTRIBUTES if name in root.attrib}
    found = check_document(attributes, _FRAME_ATTRIBUTES, "12")
    problems += [Problem(path + problem.pointer.replace("/", "/@"), problem.message) for problem in found]
    events_path, events = _walk(root, path, _DOCUMENTS[kind])
    header_path, header = _walk(root, path, _HEADER)
    if kind == "EPCISMasterDataDocument" and events is not None:
        header_path, header = _walk(events, events_path, ("VocabularyList",))
        events = None
    # The schema allows a body without events, when the document is about master data.
    elif events is None and not (events_path.endswith("EventList") and kind == "EPCISDocument"):
        problems.append(Problem(events_path, "is missing"))
    return _Frame(root, declared, names, events_path, events, header_path, header)


def _walk(element: Element, path: str, steps: tuple[str, ...]) -> tuple[str, Element | None]:
    """What the steps lead to, with its path; None with the path of the first step that leads nowhere."""
    found: Element | None = element
    for step in steps:
        if found is None:
            break
        path, found = f"{path}/{step}", find_child(found, step)
    return path, found


def _scope_of(element: Element, at_root: _Scope, newest: _Scope, problems: list[Problem]) -> _Scope:
    """The names in force at an event: those of the root, or of the newest event with names of its own."""
    declared = element.nsmap
    if declared == at_root.declared:
        return at_root
    if declared == newest.declared and newest.is_as_declared:
        return newest
    if len(declared) > PREFIXES_MAX:
        problems.append(Problem("", f"has {len(declared)} prefixes, more than {PREFIXES_MAX}"))
        return at_root
    return _scope(declared, Names(declared))


def _events_of(frame: _Frame) -> Iterator[tuple[str, Element]]:
    """The events, each with its path."""
    if frame.events is None:
        return
    if frame.events is frame.root:
        yield frame.path, frame.root
        return
    counts: dict[str, int] = {}
    for element in unwrapped(frame.events):
        name = local_name(element)
        counts[name] = counts.get(name, 0) + 1
        yield f"{frame.path}/{name}[{counts[name]}]", element


def _read_master_data(frame: _Frame, problems: list[Problem]) -> tuple[MasterData, ...]:
    header = read_vocabularies(frame.vocabularies, frame.names)
    found: list[Problem] = list(find_faults(header, ""))
    entries = () if found else read_header(Reading(frame.names.prefixes, found), header, "")
    problems += [
        Problem(frame.vocabularies_path + header_path_of(problem.pointer), problem.message)
        for problem in found
    ]
    return entries
