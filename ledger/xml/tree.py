"""From bytes to an XML tree, with nothing in it that reaches out or swells.

A document type that declares something is refused before the XML parser sees it, so there are no entities,
and nothing is ever loaded. `<!DOCTYPE name>` alone declares nothing and is passed over: GS1's own examples
have it.
"""

import codecs
import re
from typing import Final

from lxml import etree

from ledger.domain.errors import Invalid, Problem

ELEMENTS_MAX: Final = 1_000_000
"""Elements of one document: what bounds the memory that its tree takes."""

PROLOG_BYTES_MAX: Final = 65_536
"""Comments and processing instructions before the root element."""


def parse_tree(raw: bytes) -> etree._Element:
    """The root of the document `raw`, without comments and processing instructions.

    In UTF-8, UTF-16 with its byte order mark, US-ASCII or ISO-8859-1. Raises Invalid, also for trees deeper
    than 256, of more than a million elements, or with a text or attribute beyond 10 MB.
    """
    raw = _to_utf8(raw)
    _check_document_type(raw)
    # Each element has one tag that opens it and one that closes it, or one tag that does both.
    if raw.count(b"<") > 2 * ELEMENTS_MAX:
        raise _invalid(f"more than {ELEMENTS_MAX} elements: split the document")
    try:
        return etree.fromstring(raw, _new_parser())
    except etree.XMLSyntaxError as error:
        # The parser's own advice is for those who run it.
        message = re.split(r",? *(?:use|try) XML_PARSE_HUGE", str(error.msg))[0]
        raise _invalid(f"not XML: {message}") from error


def _new_parser() -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",  # whatever the document says: it has been decoded
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
    )


_BYTE_ORDER_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_ENCODINGS: Final = frozenset({"utf-8", "utf-16", "us-ascii", "ascii", "iso-8859-1"})
_declared_encoding: Final = re.compile(
    rb"<\?xml\s[^<>]{0,200}?\sencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']"
).match


def _to_utf8(raw: bytes) -> bytes:
    mark = next((mark for mark in _BYTE_ORDER_MARKS if raw.startswith(mark)), b"")
    declared = _declared_encoding(raw)
    encoding = declared[1].decode().lower() if declared else "utf-8"
    if encoding not in _ENCODINGS:
        raise _invalid(f"encoding {encoding} is not read here: send UTF-8")
    try:
        if mark or encoding != "utf-8":
            return raw.decode(_BYTE_ORDER_MARKS.get(mark, encoding)).encode()
        raw.decode()
        return raw
    except UnicodeError as error:
        raise _invalid(f"not {encoding}: {error}") from error


# Possessive, so that a long wrong prolog fails in linear time.
_skip_prolog: Final = re.compile(rb"(?:\s++|<\?(?:(?!\?>).)*+\?>|<!--(?:(?!-->).)*+-->)*+", re.DOTALL).match
_begins_harmlessly: Final = re.compile(rb"<[^!?\s]|<!DOCTYPE\s+[^\s<>\[\"']+\s*>").match


def _check_document_type(raw: bytes) -> None:
    head = raw[:PROLOG_BYTES_MAX]
    prolog = _skip_prolog(head)
    start = prolog.end() if prolog else 0
    if _begins_harmlessly(head, start):
        return
    if head.startswith(b"<!DOCTYPE", start):
        raise _invalid("has a document type with declarations: leave the DTD out")
    raise _invalid(f"not XML: no element begins within the first {PROLOG_BYTES_MAX} bytes")


def _invalid(message: str) -> Invalid:
    return Invalid(message, [Problem("", message)])
