"""GS1 Digital Links, web addresses that hold GS1 elements, and element strings, which hold them in brackets.

`https://example.com/shop/01/09506000134352/10/L1?17=271231` has the stem `https://example.com/shop`, the key
(01), the qualifier (10) and the attribute (17). Percent-encoding is that of RFC 3986: everything but letters,
digits and `-._~` is escaped, in capitals. Not here: compressed links, and the words (`gtin`, `ser`) that GS1
withdrew.

Source: GS1 Digital Link, URI syntax 1.4; the AIs are in `ai_table`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from urllib.parse import quote, unquote

from ledger.domain.ai_table import AIS, QUALIFIER_PATHS, QUALIFIERS, check_value
from ledger.domain.errors import Invalid

CANONICAL_STEM: Final = "https://id.gs1.org"
URI_LENGTH_MAX: Final = 2048  # characters

_QUALIFIER_CODES: Final = frozenset(
    code for sequences in QUALIFIERS.values() for sequence in sequences for code in sequence
)
# RFC 3986: pchar or "/"; possessive, so that a long wrong text fails in linear time.
_PCHAR: Final = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:@/]|%[0-9A-Fa-f]{2})"
_web_address: Final = re.compile(
    r"((?:https?|HTTPS?)://(?:[A-Za-z0-9._\-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?)"
    rf"(/{_PCHAR}*+)(?:\?((?:{_PCHAR}|\?)*+))?(?:\#(?:{_PCHAR}|\?)*+)?"
).fullmatch
_is_unreserved: Final = re.compile(r"[A-Za-z0-9\-._~]*").fullmatch
_ELEMENT: Final = re.compile(r"\(([0-9]{2,4})\)((?:[^(\\]|\\\()++)")


class Element(NamedTuple):
    """One AI with its value, as in (10)ABC. The value is plain text, not percent-encoded."""

    ai: str
    value: str


@dataclass(frozen=True, slots=True)
class DigitalLink:
    """What a Digital Link says. Made by `parse_digital_link` or `link_elements`, its values are checked."""

    stem: str
    key: Element
    qualifiers: tuple[Element, ...] = ()
    attributes: tuple[Element, ...] = ()

    @property
    def elements(self) -> tuple[Element, ...]:
        return self.key, *self.qualifiers, *self.attributes


def parse_digital_link(uri: str) -> DigitalLink:
    """The checked elements of an uncompressed Digital Link on any host.

    Parameters that are not AIs are passed over, a fragment is dropped. Raises Invalid when the path or an
    attribute is wrong.
    """
    stem, path, query = split_web_address(uri)
    key, *qualifiers = path
    attributes = _parse_query(query)
    check_path(path)
    _check_attributes(path, attributes)
    return DigitalLink(stem, key, tuple(qualifiers), attributes)


def split_web_address(uri: str, words: Mapping[str, str] | None = None) -> tuple[str, list[Element], str]:
    """Stem, elements of the path (key first, not yet checked) and raw query of `uri`.

    `words` are further names for AIs in the path. Raises Invalid when `uri` is no web address or has no key.
    """
    match = _web_address(uri) if len(uri) <= URI_LENGTH_MAX else None
    if match is None:
        raise Invalid(f"{uri[:80]!r}: not an http or https URI of at most {URI_LENGTH_MAX} characters")
    origin, path, query = match.groups(default="")
    segments = path.split("/")
    plain = [unquote(segment) for segment in segments] if "%" in path else segments
    elements: list[Element] = []
    # From the right, because the stem may hold anything and the key with its qualifiers ends the path.
    for place in range(len(segments) - 2, 0, -2):
        code = plain[place] if words is None else words.get(plain[place], plain[place])
        elements.append(Element(code, plain[place + 1]))
        if code in QUALIFIER_PATHS:
            return origin + "/".join(segments[:place]), elements[::-1], query
        if code not in _QUALIFIER_CODES:
            break
    raise Invalid(
        f"{uri}: the path does not end in a GS1 key and its qualifiers, like /01/09506000134352/21/S1"
    )


def check_path(path: Sequence[Element]) -> None:
    """Raise Invalid unless the key and its qualifiers belong together and each value is right."""
    codes = tuple([code for code, _ in path])
    if codes[1:] not in QUALIFIER_PATHS[codes[0]]:
        raise Invalid(f"{write_element_string(path)!r}: {_allowed_after(codes[0])}")
    for code, value in path:
        check_value(code, value)


def link_elements(elements: Iterable[Element], stem: str = CANONICAL_STEM) -> DigitalLink:
    """The link that says `elements`: the first key among them, its qualifiers in order, attributes.

    Raises Invalid for a wrong value, two values of one AI, no key, or an element that cannot stand beside the
    key.
    """
    values: dict[str, str] = {}
    for code, value in elements:
        if values.setdefault(code, value) != value:
            raise Invalid(f"({code}) has two values, {values[code]!r} and {value!r}; leave one")
    key = next((code for code in values if code in QUALIFIER_PATHS), None)
    if key is None:
        raise Invalid(
            f"{write_element_string(values.items())!r}: holds no GS1 key such as (00), (01) or (8004)"
        )
    chosen = next((order for order in QUALIFIERS[key] if not values.keys().isdisjoint(order)), ())
    path = [Element(code, values.pop(code)) for code in (key, *chosen) if code in values]
    attributes = tuple(Element(code, value) for code, value in values.items())
    check_path(path)
    _check_attributes(path, attributes)
    return DigitalLink(stem, path[0], tuple(path[1:]), attributes)


def build(link: DigitalLink) -> str:
    """The URI of `link`; parse_digital_link(build(link)) == link."""
    path = "".join([f"/{code}/{escape(value)}" for code, value in (link.key, *link.qualifiers)])
    query = "&".join([f"{code}={escape(value)}" for code, value in link.attributes])
    return f"{link.stem}{path}{'?' if query else ''}{query}"


def escape(value: str) -> str:
    """`value` for use in a path or query: all but the unreserved characters of RFC 3986 percent-encoded."""
    return value if _is_unreserved(value) else quote(value, safe="")


def parse_element_string(text: str) -> list[Element]:
    r"""The elements of `(01)09506000134352(21)S1`, values not yet checked; `\(` is a bracket inside a value.

    Raises Invalid when the text is anything but bracketed AIs with values.
    """
    pairs = _ELEMENT.findall(text) if len(text) <= URI_LENGTH_MAX else []
    elements = [Element(code, value.replace(r"\(", "(")) for code, value in pairs]
    if not elements or write_element_string(elements) != text:
        raise Invalid(f"{text[:80]!r}: not an element string like (01)09506000134352(21)S1")
    return elements


def write_element_string(elements: Iterable[tuple[str, str]]) -> str:
    r"""The bracketed form, in the given order; a bracket inside a value is written `\(`."""
    return "".join(["(" + code + ")" + value.replace("(", r"\(") for code, value in elements])


def _parse_query(query: str) -> tuple[Element, ...]:
    if not query:
        return ()
    pairs = [pair.partition("=") for pair in query.split("&") if "=" in pair]
    # In a query, and only there, a plus sign is a space.
    named = [(unquote(name), unquote(value.replace("+", " "))) for name, _, value in pairs]
    return tuple(Element(name, value) for name, value in named if name.isdecimal())


def _check_attributes(path: Sequence[Element], attributes: Iterable[Element]) -> None:
    seen = {code for code, _ in path}
    for code, value in attributes:
        check_value(code, value)
        if not AIS[code].is_attribute:
            raise Invalid(
                f"({code}){value}: cannot stand beside ({path[0].ai}); {_allowed_after(path[0].ai)}"
            )
        if code in seen:
            raise Invalid(f"({code}){value}: the AI is there twice; leave one")
        seen.add(code)


def _allowed_after(key: str) -> str:
    sequences = " or ".join(", ".join(f"({code})" for code in order) for order in QUALIFIERS[key])
    return f"({key}) takes {f'the qualifiers {sequences} in this order' if sequences else 'no qualifiers'}"
