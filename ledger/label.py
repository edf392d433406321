"""What to print on the label of an item: its Digital Link on this node, its name and storage range."""

from labels.layout import ProductLabel
from ledger.domain.digital_link import (
    DigitalLink,
    build,
    link_elements,
    parse_digital_link,
    parse_element_string,
)
from ledger.domain.errors import Invalid
from ledger.domain.identifiers import class_uri, identifier_of, parse_identifier
from ledger.domain.temperature import parse_range
from ledger.node import Node


def item_label(node: Node, text: str) -> ProductLabel:
    """The label for a GS1 identifier in any spelling. A lot beside a serial is kept, attributes are not.

    Raises Invalid for what is no GS1 identifier.
    """
    link = _read_link(text)
    uri = identifier_of(link).uri
    printed = build(link_elements((link.key, *link.qualifiers), node.settings.label_url))
    names = node.store.master_data(sorted({uri, class_uri(uri)}))
    product = names.get(uri) or names.get(class_uri(uri))
    if product is None:
        return ProductLabel(printed)
    return ProductLabel(printed, product.name, product.name_zh, parse_range(product.details))


def _read_link(text: str) -> DigitalLink:
    if text.startswith("("):
        return link_elements(parse_element_string(text))
    if text.lower().startswith("http"):
        return parse_digital_link(text)
    identifier = parse_identifier(text)
    if identifier.kind == "uri":
        raise Invalid(f"{text}: a label needs a GS1 identifier, such as (01)...(21)...")
    return link_elements(identifier.elements)
