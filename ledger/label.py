"""What to print on the label of an item: its Digital Link here, its master data and what was given."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from labels.content import Content, gs1_content, other_content
from ledger.authenticity import label_signer
from ledger.domain.errors import Invalid
from ledger.domain.identifiers import class_uri, parse_identifier, scheme_of
from ledger.domain.keys import Algorithm
from ledger.domain.scan import normalise_scan
from ledger.node import Node

DEFAULT_TEMPLATE: Final = "product-50x30"


def item_label(node: Node, text: str, given: Mapping[str, str] | None = None) -> Content:
    """The label's content for an identifier in any spelling.

    A lot beside a serial is kept. `given` are fields by name, which win over master data; one that is a GS1
    element (`expiry`, `lot`) goes into the symbols of templates that have it. An identifier of another scheme
    is printed as people of that scheme write it. Raises Invalid for what is no identifier and for a field
    that is wrong.
    """
    scan = normalise_scan(text)
    if scan.identifier is None:
        raise Invalid(f"{text}: holds no key that names an item, such as (00), (01) or (8004)")
    fields = _master_data(node, scan.identifier.uri) | dict(given or {})
    if not scan.elements:
        return other_content(scheme_of(scan.identifier.uri).write(scan.identifier.uri), fields)
    return gs1_content(scan.elements, node.settings.label_url, fields)


def sign_label(node: Node, content: Content, party_id: str, algorithm: Algorithm = "Ed25519") -> Content:
    """The content with its Digital Link signed by the party.

    Raises Invalid for an identifier of another scheme, and as `label_signer` does.
    """
    if not content.elements:
        raise Invalid(f"{content.identifier}: only a GS1 Digital Link can be signed")
    uri = parse_identifier(content.link).uri
    return replace(content, signer=label_signer(node, party_id, uri, algorithm))


def parse_fields(texts: Iterable[str]) -> dict[str, str]:
    """The fields in texts like `importer=Haiwei Co.`. Raises Invalid for a text of another form."""
    fields: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not ((equals and name.isidentifier()) or name.isdecimal()):
            raise Invalid(f"{text!r}: write a field as name=text, such as importer=Haiwei Co.")
        fields[name] = value.strip()
    return fields


def _master_data(node: Node, uri: str) -> dict[str, str]:
    known = node.store.master_data(sorted({uri, class_uri(uri)}))
    product = known.get(uri) or known.get(class_uri(uri))
    if product is None:
        return {}
    return {**product.details, "name": product.name, "name_zh": product.name_zh}
