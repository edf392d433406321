"""What one scheme of identifiers is to the others, and what every scheme makes: an identifier."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from ledger.domain.digital_link import CANONICAL_STEM, Element, write_element_string
from ledger.domain.epc_urn import write_urn
from ledger.domain.errors import Invalid

Kind = Literal[
    "sgtin", "lgtin", "upui", "gtin",
    "itip", "itip-lot", "itip-class",
    "sscc", "sgln", "gln", "pgln", "payment",
    "grai", "grai-class", "gdti", "gdti-class", "gcn", "gcn-class",
    "cpi", "cpi-class", "giai", "gsrn", "gsrnp", "ginc", "gsin", "gmn",
    "uri",
]  # fmt: skip
"""What it names. "-class": a type without a serial; "payment": a payment slip; "uri": not a GS1 key."""


@dataclass(frozen=True, slots=True)
class Identifier:
    """One thing's name. Equal identifiers name the same thing; `uri` is what to store, hash and compare."""

    uri: str
    kind: Kind

    @property
    def elements(self) -> tuple[Element, ...]:
        """The key and, where the kind has one, its qualifier; empty for kind "uri"."""
        if self.kind == "uri":
            return ()
        segments = [unquote(segment) for segment in self.uri[len(CANONICAL_STEM) + 1 :].split("/")]
        return tuple(Element(*pair) for pair in zip(segments[::2], segments[1::2], strict=True))

    @property
    def element_string(self) -> str:
        """As in (01)09506000134352(21)S1. Raises Invalid for kind "uri"."""
        return write_element_string(self._require_elements("element string"))

    def urn(self, company_prefix_length: int) -> str:
        """The EPC URN; for a lot urn:epc:class:lgtin, for a class urn:epc:idpat.

        Raises Invalid when the kind has no URN, or its key cannot have a prefix of that many digits.
        """
        key, *qualifiers = self._require_elements("EPC URN")
        return write_urn(
            self.kind, key.value, qualifiers[0].value if qualifiers else "", company_prefix_length
        )

    def _require_elements(self, spelling: str) -> tuple[Element, ...]:
        if self.kind == "uri":
            raise Invalid(f"{self.uri}: is not a GS1 key, so it has no {spelling}")
        return self.elements


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to name things, and where `PrefixRegistry` keeps who may."""

    name: str
    """In the registry, and in what people read."""
    separator: str
    """The character between two levels of a registered prefix; "" when every character is a level."""
    stem: str
    """How its canonical URIs begin, and no other scheme's."""
    parse: Callable[[str], Identifier | None]
    """The identifier that a text spells; None when it is not spelled as one of this scheme.

    Raises Invalid for what claims to be of this scheme and is wrong: that must not pass as another thing.
    """
    write: Callable[[str], str]
    """A canonical URI as people of this scheme write it; `parse` reads it."""
    registered_as: Callable[[str], tuple[str, str]]
    """A canonical URI -> the registry's scheme that has its prefixes, and the text that they begin."""
