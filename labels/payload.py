"""What one symbol says: chosen from a label's content, checked, and as a scanner will send it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from labels.content import Content
from ledger.domain.digital_link import Element, write_element_string
from ledger.domain.errors import Invalid
from ledger.domain.fnc1 import join_elements

Carrier = Literal["qr", "gs1-datamatrix", "gs1-128"]
CARRIERS: Final = get_args(Carrier)
GS1_128_LENGTH_MAX: Final = 48  # characters of AIs and values (GS1 General Specifications, 5.4.2)


@dataclass(frozen=True, slots=True)
class Payload:
    """What is in a symbol. `text` is the link or identifier of a QR code, the element string of another."""

    carrier: Carrier
    text: str
    elements: tuple[Element, ...] = ()

    @property
    def sent(self) -> bytes:
        """What a scanner sends for it."""
        return (self.text if self.carrier == "qr" else join_elements(self.elements)).encode()

    @property
    def interpretation(self) -> tuple[str, ...]:
        """The elements as people read them, (01) 0950..., one text each; for other schemes the identifier."""
        return tuple(f"({ai}) {value}" for ai, value in self.elements) or (self.text,)


def choose_payload(content: Content, carrier: Carrier, wanted: Sequence[str]) -> Payload:
    """The payload of a symbol that a template describes.

    `wanted` are AIs in their order, "17?" when it may be missing. A QR code holds the Digital Link of key and
    qualifiers, and `wanted` as attributes. Raises Invalid for an AI that is not there, for an identifier
    that is not GS1's in a GS1 carrier, and for more than a GS1-128 may hold.
    """
    if not content.elements:
        if carrier != "qr":
            raise Invalid(f"{content.identifier} is no GS1 identifier, so it cannot be in a {carrier} symbol")
        return Payload(carrier, content.identifier)
    if missing := missing_elements(content, wanted):
        raise Invalid(f"needs ({missing[0]}), which is not given")
    values = dict(content.elements)
    codes = (wish.removesuffix("?") for wish in wanted)
    chosen = tuple(Element(code, values[code]) for code in codes if code in values)
    if carrier == "qr":
        return Payload(carrier, content.link_with(chosen), (*content.path, *chosen))
    payload = Payload(carrier, write_element_string(chosen), chosen)
    length = sum(len(ai) + len(value) for ai, value in chosen)
    if carrier == "gs1-128" and length > GS1_128_LENGTH_MAX:
        raise Invalid(f"{payload.text}: {length} characters, a GS1-128 holds at most {GS1_128_LENGTH_MAX}")
    return payload


def missing_elements(content: Content, wanted: Sequence[str]) -> tuple[str, ...]:
    """The AIs among `wanted` that must be there and are not."""
    given = dict(content.elements)
    return tuple(code for code in wanted if not code.endswith("?") and code not in given)
