"""From stored events to EPCIS 2.0 XML, valid against GS1's schema; capture jobs and problems as XML too.

What is written reads back as the same event, but for three things in extensions: a list of one entry becomes
the entry, what is an attribute in XML (on sensor data) becomes text, and what XML has no sign for is
replaced, in a name by _xHHHH_, in a text by U+FFFD. One thing is not valid: the schema has one
certificationInfo, and we write all.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import quote

from lxml import etree

from ledger.domain import canonical_json, vocabulary
from ledger.domain.canonical_json import JsonValue
from ledger.domain.vocabulary import Vocabulary
from ledger.xml.names import ENTRY_NAMES, EPCIS, EPCIS_QUERY, NIL, XML_NAMESPACES, XSD, XSI, is_xml_name

CbvFormat: TypeAlias = Literal["No_Preference", "Always_Web_URI", "Always_URN", "Never_Translates"]
"""How CBV values are written. How they arrived is not kept, so that `Never_Translates` gives what
`No_Preference` gives: web URIs, which EPCIS 2.0 prefers."""

_Json: TypeAlias = Mapping[str, Any]
_Element: TypeAlias = etree._Element

_XSI_TYPE: Final = f"{{{XSI}}}type"

NODE_NAMESPACE: Final = "urn:suyuan:xml"
"""Of what we add to the elements of the standard: receipts, and the list of problems in a problem."""


def write_xml(
    events: Iterable[_Json],
    kind: Literal["EPCISDocument", "EPCISQueryDocument"],
    creation_date: str,
    cbv_format: CbvFormat = "No_Preference",
    *,
    query_name: str = "SimpleEventQuery",
    subscription_id: str | None = None,
) -> bytes:
    """The document of `events`, which are in stored form and may have a recordTime, in the order given.

    Identifiers are written as they are: see `epc_format.translate`. The names of query and subscription are
    for an EPCISQueryDocument.
    """
    write = _Writer(cbv_format == "Always_URN")
    is_query = kind == "EPCISQueryDocument"
    own = {"epcisq": EPCIS_QUERY} if is_query else {"epcis": EPCIS}
    nsmap = {**own, "xsi": XSI, "xsd": XSD, "cbvmda": XML_NAMESPACES["cbvmda"]}
    root = etree.Element(_tag(EPCIS_QUERY if is_query else EPCIS, kind), nsmap=nsmap)
    root.set("schemaVersion", "2.0")
    root.set("creationDate", creation_date)
    holder = etree.SubElement(root, "EPCISBody")
    if is_query:
        results = etree.SubElement(holder, _tag(EPCIS_QUERY, "QueryResults"))
        _add_text(results, "queryName", query_name)
        _add_text(results, "subscriptionID", subscription_id)
        holder = etree.SubElement(results, "resultsBody")
    event_list = etree.SubElement(holder, "EventList")
    for event in events:
        write.event(event_list, event)
    return _to_bytes(root)


def write_problem(problem: _Json) -> bytes:
    """A problem document (RFC 9457), given as in JSON, as the element EPCISException."""
    root = etree.Element(_tag(EPCIS, "EPCISException"), nsmap={"epcis": EPCIS, "suyuan": NODE_NAMESPACE})
    _add_problem(root, problem)
    return _to_bytes(root)


def write_capture_job(job: _Json) -> bytes:
    """A capture job, given as in JSON, as the element EPCISCaptureJob."""
    root = etree.Element(_tag(EPCIS, "EPCISCaptureJob"), nsmap={"epcis": EPCIS, "suyuan": NODE_NAMESPACE})
    for name in ("running", "success", "captureID"):
        root.set(name, _to_text(job[name]))
    for name in ("captureErrorBehaviour", "createdAt", "finishedAt"):
        _add_text(root, name, job.get(name))
    if job.get("errors"):
        errors = etree.SubElement(root, "errors")
        for error in job["errors"]:
            _add_problem(etree.SubElement(errors, "error"), error)
    standard = {
        "running",
        "success",
        "captureID",
        "captureErrorBehaviour",
        "createdAt",
        "finishedAt",
        "errors",
    }
    _add_own(root, job, standard)
    return _to_bytes(root)


_PROBLEM: Final = ("type", "title", "status", "detail", "instance")


def _add_problem(holder: _Element, problem: _Json) -> None:
    for name in _PROBLEM:
        _add_text(holder, name, problem.get(name))
    _add_own(holder, problem, _PROBLEM)


def _add_own(holder: _Element, members: _Json, standard: Iterable[str]) -> None:
    for name in members.keys() - set(standard):
        _add_extension(holder, _tag(NODE_NAMESPACE, name), members[name], {})


def _to_bytes(root: _Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


# --------------------------------------------------------------------------------------------- events

_HEAD: Final = "eventTime recordTime eventTimeZoneOffset eventID errorDeclaration certificationInfo"
_WHERE: Final = "action bizStep disposition readPoint bizLocation"
_TAIL: Final = "sourceList destinationList sensorElementList persistentDisposition ilmd"
_ORDER: Final = {
    "ObjectEvent": f"{_HEAD} epcList {_WHERE} bizTransactionList quantityList {_TAIL}",
    "AggregationEvent": f"{_HEAD} parentID childEPCs {_WHERE} bizTransactionList childQuantityList {_TAIL}",
    "TransactionEvent": f"{_HEAD} bizTransactionList parentID epcList {_WHERE} quantityList {_TAIL}",
    "TransformationEvent": (
        f"{_HEAD} inputEPCList inputQuantityList outputEPCList outputQuantityList transformationID"
        f" {_WHERE} bizTransactionList {_TAIL}"
    ),
    "AssociationEvent": f"{_HEAD} parentID childEPCs childQuantityList {_WHERE} bizTransactionList {_TAIL}",
}
"""Type -> its fields in the order that the schema asks for."""

_FIELDS: Final = {kind: order.split() for kind, order in _ORDER.items()}
_NOT_FIELDS: Final = frozenset({"@context", "type"})

_WORDS: Final[Mapping[str, Vocabulary]] = {
    "bizStep": vocabulary.BIZ_STEP,
    "disposition": vocabulary.DISPOSITION,
    "set": vocabulary.DISPOSITION,
    "unset": vocabulary.DISPOSITION,
    "reason": vocabulary.ERROR_REASON,
    "bizTransaction": vocabulary.BIZ_TRANSACTION_TYPE,
    "source": vocabulary.SOURCE_DESTINATION_TYPE,
    "destination": vocabulary.SOURCE_DESTINATION_TYPE,
}
"""Element -> what its word is of: its text, or for the last three its attribute `type`."""

_SENSOR_WORDS: Final[Mapping[str, Vocabulary]] = {
    "type": vocabulary.MEASUREMENT_TYPE,
    "exception": vocabulary.ALERT_TYPE,
    "component": vocabulary.COMPONENT,
}


class _Writer:
    """Writes events with their words in one spelling."""

    def __init__(self, as_urn: bool) -> None:
        self._spell: Callable[[Vocabulary, str], str] = Vocabulary.urn if as_urn else Vocabulary.expand
        self._namespaces: Mapping[str, str] = {}

    def event(self, holder: _Element, event: _Json) -> None:
        self._namespaces = _namespaces_of(event)
        nsmap = {prefix: _namespace(uri) for prefix, uri in self._namespaces.items() if _may_declare(prefix)}
        element = etree.SubElement(holder, event["type"], nsmap=nsmap)
        fields = _FIELDS[event["type"]]
        for name in fields:
            if name in event:
                self._field(element, name, event[name])
        self._extensions(element, event, _NOT_FIELDS.union(fields))

    def _field(self, holder: _Element, name: str, value: Any) -> None:
        if isinstance(value, str):
            _add_text(holder, name, self._word(name, value))
        elif name in ENTRY_NAMES:
            self._list(etree.SubElement(holder, name), ENTRY_NAMES[name], value)
        elif isinstance(value, list):
            for entry in value:
                self._field(holder, name, entry)
        else:
            self._object(etree.SubElement(holder, name), name, value)

    def _word(self, name: str, value: str) -> str:
        words = _WORDS.get(name)
        return value if words is None else self._spell(words, value)

    def _list(self, holder: _Element, entry_name: str, entries: Sequence[Any]) -> None:
        for entry in entries:
            element = etree.SubElement(holder, entry_name)
            if isinstance(entry, str):
                element.text = _clean(entry)
            elif entry_name in _WORDS:
                if "type" in entry:
                    element.set("type", _clean(self._word(entry_name, entry["type"])))
                element.text = _clean(entry[entry_name])
            else:
                self._object(element, entry_name, entry)

    def _object(self, element: _Element, name: str, members: _Json) -> None:
        if name in ("sensorMetadata", "sensorReport"):
            self._attributes(element, members)
            return
        order = _MEMBERS.get(name, ())
        for member in order:
            if member in members:
                self._member(element, member, members[member])
        self._extensions(element, members, order)

    def _member(self, element: _Element, name: str, value: Any) -> None:
        if isinstance(value, int | float):
            _add_text(element, name, _to_text(value))
        else:
            self._field(element, name, value)

    def _attributes(self, element: _Element, members: _Json) -> None:
        for name, value in members.items():
            words = _SENSOR_WORDS.get(name)
            text = _to_text(value) if words is None else self._spell(words, value)
            element.set(self._tag(name), _clean(text))

    def _extensions(self, element: _Element, members: _Json, standard: Iterable[str]) -> None:
        for name, value in members.items():
            if name not in standard:
                _add_extension(element, self._tag(name), value, self._namespaces)

    def _tag(self, name: str) -> str:
        return _qualify(name, self._namespaces)


_MEMBERS: Final[Mapping[str, Sequence[str]]] = {
    "errorDeclaration": ("declarationTime", "reason", "correctiveEventIDs"),
    "persistentDisposition": ("unset", "set"),
    "readPoint": ("id",),
    "bizLocation": ("id",),
    "quantityElement": ("epcClass", "quantity", "uom"),
    "sensorElement": ("sensorMetadata", "sensorReport"),
}


def _add_extension(holder: _Element, tag: str, value: JsonValue, namespaces: Mapping[str, str]) -> None:
    if isinstance(value, list):
        for entry in value:
            _add_extension(holder, tag, entry, namespaces)
        return
    element = etree.SubElement(holder, tag)
    if value is None:
        element.set(NIL, "true")
    elif not isinstance(value, dict):
        _set_value(element, value)
    elif "@value" in value and not any(isinstance(member, dict | list) for member in value.values()):
        for name, member in value.items():
            if name == "@value":
                _set_value(element, member)
            else:
                element.set(_qualify(name, namespaces), _clean(_to_text(member)))
    else:
        for name, member in value.items():
            _add_extension(element, _qualify(name, namespaces), member, namespaces)


def _set_value(element: _Element, value: JsonValue) -> None:
    element.text = _clean(_to_text(value))
    if isinstance(value, bool | int | float):
        kind = "boolean" if isinstance(value, bool) else "integer" if isinstance(value, int) else "double"
        element.set(_XSI_TYPE, f"xsd:{kind}")


def _add_text(holder: _Element, name: str, value: Any) -> None:
    if value is not None:
        etree.SubElement(holder, name).text = _clean(_to_text(value))


def _to_text(value: Any) -> str:
    """A value of JSON as XML writes it; what has parts, as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return format(Decimal(repr(value)), "f")  # xsd:decimal has no exponent
    return "" if value is None else canonical_json.encode(value).decode()


# XML 1.0, section 2.2: what is no character there.
_NO_CHARACTER: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def _clean(text: str) -> str:
    return _NO_CHARACTER.sub("\ufffd", text) if _NO_CHARACTER.search(text) else text


# ---------------------------------------------------------------------------------------------- names


def _namespaces_of(event: _Json) -> Mapping[str, str]:
    """The prefixes that a stored event declares beyond the standard's own."""
    *_, declared = event["@context"]
    return declared if isinstance(declared, dict) else {}


def _may_declare(prefix: str) -> bool:
    return is_xml_name(prefix) is not None and not prefix.lower().startswith("xml")


def _tag(namespace: str, local: str) -> str:
    return f"{{{namespace}}}{local}"


def _qualify(name: str, namespaces: Mapping[str, str]) -> str:
    """The tag for a name of JSON: prefixed, a whole URI, or plain inside an extension."""
    prefix, colon, local = name.partition(":")
    if not colon:
        return _escape(name)
    namespace = namespaces.get(prefix) or XML_NAMESPACES.get(prefix)
    if namespace is None:
        namespace, local = _LAST_STEP.fullmatch(name).groups()  # type: ignore[union-attr]
    return _tag(_namespace(namespace), _escape(local))


_LAST_STEP: Final = re.compile(r"(.*[:/#])(.*)", re.DOTALL)


@cache
def _namespace(uri: str) -> str:
    """`uri` as a namespace that XML libraries take: they ask for more than a URI of JSON-LD must be."""
    try:
        etree.QName(uri, "name")
        etree.Element(_tag(uri, "name"))
    except ValueError:
        return quote(uri, safe=":/")
    return uri


def _escape(local: str) -> str:
    """`local` as a name of XML: what cannot stand there as _xHHHH_ (ISO/IEC 9075-14, section 9.1)."""
    if is_xml_name(local):
        return local
    text = "".join(char if _NAME_CHARACTER.fullmatch(char) else f"_x{ord(char):04X}_" for char in local)
    return text if is_xml_name(text) else f"_x{ord(text[0]):04X}_{text[1:]}" if text else "_"


_NAME_CHARACTER: Final = re.compile(r"[A-Za-z0-9_.-]")
