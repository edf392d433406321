"""What XML and JSON call one thing: element names, and namespaces as prefixes."""

import re
from collections.abc import Mapping
from itertools import count
from typing import Final

from ledger.domain.canonical_json import Fault
from ledger.domain.errors import Invalid
from ledger.domain.event_fields import PREFIXES_MAX, Prefixes, check_uri
from ledger.domain.vocabulary import STANDARD_PREFIXES

EPCIS: Final = "urn:epcglobal:epcis:xsd:2"
EPCIS_QUERY: Final = "urn:epcglobal:epcis-query:xsd:2"
OWN_NAMESPACES: Final = frozenset(
    {
        "",
        *(
            f"urn:epcglobal:epcis{part}:xsd:{version}"
            for part in ("", "-query", "-masterdata")
            for version in "12"
        ),
    }
)
"""Those of the standard. Its schema has all but the root element without namespace; some senders do not."""

XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
XSD: Final = "http://www.w3.org/2001/XMLSchema"
XML: Final = "http://www.w3.org/XML/1998/namespace"
NIL: Final = f"{{{XSI}}}nil"

XML_NAMESPACES: Final[Mapping[str, str]] = {
    **STANDARD_PREFIXES,
    "cbvmda": "urn:epcglobal:cbv:mda",
    "xml": XML,
}
"""Prefixes of the standard -> their namespaces in XML. That of master data ends in a colon in JSON-LD."""

ENTRY_NAMES: Final[Mapping[str, str]] = {
    "epcList": "epc",
    "childEPCs": "epc",
    "inputEPCList": "epc",
    "outputEPCList": "epc",
    "quantityList": "quantityElement",
    "childQuantityList": "quantityElement",
    "inputQuantityList": "quantityElement",
    "outputQuantityList": "quantityElement",
    "bizTransactionList": "bizTransaction",
    "sourceList": "source",
    "destinationList": "destination",
    "sensorElementList": "sensorElement",
    "correctiveEventIDs": "correctiveEventID",
}
"""Element that is a list -> the elements in it. Other lists are elements that stand there several times."""

_NEVER_PREFIXES: Final = frozenset({"http", "https", "urn", "xml"})


class Names:
    """The names of JSON for those of XML, and the prefixes that the names then have.

    The prefixes that the document declares are kept; where one is taken or unfit, it is ns1, ns2, ...
    """

    def __init__(self, declared: Mapping[str | None, str]) -> None:
        self._prefixes = {"xml": XML}
        self._by_namespace = dict.fromkeys(OWN_NAMESPACES, "")
        for prefix, namespace in declared.items():
            if prefix and _may_declare(prefix, namespace):
                self._prefixes[prefix] = namespace
        # A namespace of the standard has the prefix of the standard, whatever the document calls it.
        for prefix, namespace in XML_NAMESPACES.items():
            if self._prefixes.get(prefix, namespace) == namespace:
                self._by_namespace[namespace] = prefix
        for prefix, namespace in self._prefixes.items():
            self._by_namespace.setdefault(namespace, prefix)
        self._names: dict[str, str | Fault] = {}
        self._spare = (f"ns{number}" for number in count(1))

    @property
    def prefixes(self) -> Prefixes:
        return self._prefixes

    def of(self, tag: str, prefix: str | None = None) -> str | Fault:
        """`{namespace}local` as `prefix:local`, and names of the standard as they are; Fault when JSON has no
        such name. `prefix` is what an undeclared namespace is called, if that is still free."""
        name = self._names.get(tag)
        if name is None:
            name = self._names[tag] = self._name(tag, prefix)
        return name

    def _name(self, tag: str, wanted: str | None) -> str | Fault:
        namespace, _, local = tag.rpartition("}")
        namespace = namespace[1:]
        prefix = self._by_namespace.get(namespace)
        if prefix is None:
            try:
                prefix = self._declare(namespace, wanted)
            except Invalid as error:
                return Fault(f"namespace of {local}: {error}")
        return f"{prefix}:{local}" if prefix else local

    def _declare(self, namespace: str, wanted: str | None) -> str:
        check_uri(namespace)
        if len(self._prefixes) >= PREFIXES_MAX:
            raise Invalid(f"more than {PREFIXES_MAX} namespaces")
        prefix = wanted or ""
        if not _may_declare(prefix, namespace) or prefix in self._prefixes or prefix in XML_NAMESPACES:
            prefix = next(name for name in self._spare if name not in self._prefixes)
        self._by_namespace[namespace] = prefix
        self._prefixes[prefix] = namespace
        return prefix


def _may_declare(prefix: str, namespace: str) -> bool:
    if (
        not prefix
        or prefix in _NEVER_PREFIXES
        or namespace in OWN_NAMESPACES
        or namespace == XML_NAMESPACES.get(prefix)
    ):
        return False
    if prefix in ("epcis", "cbv"):  # the standard's own, see `event_fields.read_context`
        return False
    try:
        check_uri(namespace)
    except Invalid:
        return False
    return True


def path_of(pointer: str) -> str:
    """The XPath-like path of what JSON has at `pointer` in an event.

    /epcList/1 is /epcList/epc[2], and the wrappers of EPCIS 1 (extension, baseExtension) are left out.
    """
    path, holder = "", ""
    for step in (_unescape(step) for step in pointer.split("/")[1:]):
        if not step.isdigit():
            path += _step(holder, step)
            holder = step
            continue
        entry = ENTRY_NAMES.get(holder)
        path += f"/{entry}[{int(step) + 1}]" if entry else f"[{int(step) + 1}]"
        holder = entry or holder
    return path


def _step(holder: str, name: str) -> str:
    if holder in _LEAVES:  # whose value is the text of the element
        return "/@type" if name == "type" else ""
    if holder in ("sensorMetadata", "sensorReport") and ":" not in name:
        return f"/@{name}"
    return "" if (holder, name) == ("", "type") else f"/{name}"


def header_path_of(pointer: str) -> str:
    """The path, from VocabularyList on, of what JSON has at `pointer` in the header."""
    path, holder = "", ""
    for step in pointer.split("/")[3:]:
        path += (
            f"/{_HEADER_ENTRIES[holder]}[{int(step) + 1}]" if step.isdigit() else _HEADER_STEPS.get(step, "")
        )
        holder = step
    return path


_HEADER_ENTRIES: Final = {
    "": "Vocabulary",
    "vocabularyElementList": "VocabularyElement",
    "attributes": "attribute",
    "children": "id",
}
_HEADER_STEPS: Final = {
    "vocabularyElementList": "/VocabularyElementList",
    "children": "/children",
    "id": "/@id",
    "type": "/@type",
}
_LEAVES: Final = frozenset({"bizTransaction", "source", "destination"})


def _unescape(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


is_xml_name: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*").fullmatch
"""A name, or prefix, that XML can have; XML allows more letters, which we escape all the same."""
