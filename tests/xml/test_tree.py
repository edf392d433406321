"""What is made to hurt is refused, in bounded time; what only looks unusual is read."""

import gzip
import time

import pytest

from ledger.xml import parse_xml
from ledger.xml.elements import ATTRIBUTES_MAX
from ledger.xml.reader import PROBLEMS_MAX
from ledger.xml.tree import ELEMENTS_MAX, PROLOG_BYTES_MAX
from tests.domain.test_events import VIAL
from tests.xml.samples import document, seen

EVENT = document(seen(VIAL)).decode()
LAUGHS = (
    '<!DOCTYPE d [<!ENTITY e0 "lol">'
    + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    + "]>"
)


def with_extension(inner: str) -> str:
    return document(seen(VIAL, more=f'<a:x xmlns:a="urn:a:">{inner}</a:x>')).decode()


def attributes(count: int) -> str:
    return " ".join(f'y{n}="1"' for n in range(count))


POISON = {
    "billion laughs": LAUGHS + document(seen("&e9;")).decode(),
    "billion laughs in an attribute": LAUGHS + with_extension('<y z="&e9;"/>'),
    "laughs behind comments": f"<?xml version='1.0'?><!-- < --><?x ?>\n{LAUGHS}{EVENT}",
    "a file": '<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/hostname">]>' + document(seen("&e;")).decode(),
    "a DTD elsewhere": f'<!DOCTYPE d SYSTEM "http://127.0.0.1:1/d.dtd">{EVENT}',
    "a public DTD": f'<!DOCTYPE d PUBLIC "-//X//Y" "http://127.0.0.1:1/d.dtd">{EVENT}',
    "parameter entities": f'<!DOCTYPE d [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]>{EVENT}',
    "an empty DTD": f"<!DOCTYPE d []>{EVENT}",
    "two document types": f"<!DOCTYPE d>{LAUGHS}{EVENT}",
    "an entity of nobody": document(seen("&e;")).decode(),
    "a document type far off": " " * PROLOG_BYTES_MAX + LAUGHS + EVENT,
    "a comment without end": "<!--" + "- " * 1_000_000,
    "depth": with_extension("<y>" * 10_000),
    "too many elements": with_extension("<y/>" * (2 * ELEMENTS_MAX + 1)),
    "a huge text": with_extension("y" * 11_000_000),
    "a huge attribute": with_extension(f'<y z="{"y" * 11_000_000}"/>'),
    "many attributes": with_extension(f"<y {attributes(50_000)}/>"),
    "many prefixes": EVENT.replace(
        " schema", " ".join(f'xmlns:y{n}="urn:{n}"' for n in range(50_000)) + " schema"
    ),
    "many prefixes on an event": EVENT.replace(
        "<ObjectEvent", "<ObjectEvent " + " ".join(f'xmlns:y{n}="urn:{n}"' for n in range(50_000))
    ),
    "many namespaces": with_extension("".join(f'<y xmlns="urn:{n}"/>' for n in range(50_000))),
    "an attribute twice": with_extension('<y z="1" z="2"/>'),
    "no XML": "",
    "zeros": "\0" * 100,
}


@pytest.mark.parametrize("text", POISON.values(), ids=POISON)
def test_poison_is_refused_in_bounded_time(text: str) -> None:
    started = time.process_time()

    parsed = parse_xml(text.encode())

    assert parsed.problems
    assert not parsed.events
    assert time.process_time() - started < 5  # measured: below half a second each


def test_a_refusal_quotes_nothing_that_was_read_from_elsewhere() -> None:
    (problem,) = parse_xml(POISON["a file"].encode()).problems

    assert problem.message == "has a document type with declarations: leave the DTD out"


def test_problems_end_somewhere() -> None:
    for raw in (document("<x/>" * 3 * PROBLEMS_MAX), document(seen(VIAL).replace("<epc>", "<x/>" * 30_000))):
        assert len(parse_xml(raw).problems) <= PROBLEMS_MAX + 2


def test_an_element_may_have_many_attributes() -> None:
    raw = with_extension(f"<y {attributes(ATTRIBUTES_MAX)}/>")

    assert not parse_xml(raw.encode()).problems


@pytest.mark.parametrize(
    "raw",
    [
        f"<!DOCTYPE project>{EVENT}".encode(),  # as in GS1's own examples
        f"<?xml version='1.0' encoding='UTF-8'?>\n<!-- a --><?b?> <!DOCTYPE d>\n{EVENT}".encode(),
        b"\xef\xbb\xbf" + EVENT.encode(),
        f"<?xml version='1.0' encoding='UTF-16'?>{EVENT}".encode("utf-16"),
        EVENT.encode("utf-16"),
        f"<?xml version='1.0' encoding='us-ascii'?>{EVENT}".encode(),
        f'<?xml version="1.0" encoding = "ISO-8859-1" ?>{with_extension("Käse")}'.encode("iso-8859-1"),
    ],
    ids=["bare document type", "prolog", "UTF-8 mark", "UTF-16", "UTF-16 undeclared", "ASCII", "Latin-1"],
)
def test_what_only_looks_unusual_is_read(raw: bytes) -> None:
    assert [problem.message for problem in parse_xml(raw).problems] == []
    assert len(parse_xml(raw).events) == 1


@pytest.mark.parametrize(
    "raw",
    [
        EVENT.encode() + b"\xff",
        f"<?xml version='1.0' encoding='utf-7'?>{EVENT}".encode(),
        f"<?xml version='1.0' encoding='UTF-16'?>{EVENT}".encode(),
        f"<?xml version='1.0' encoding='us-ascii'?>{with_extension('Käse')}".encode(),
        b"\xff\xfe" + EVENT.encode("utf-16-le")[:-1],
        EVENT.encode("utf-32"),
        gzip.compress(EVENT.encode()),
    ],
    ids=["stray byte", "UTF-7", "no UTF-16", "no ASCII", "half a character", "UTF-32", "gzip"],
)
def test_a_wrong_encoding_is_refused(raw: bytes) -> None:
    assert parse_xml(raw).problems
    assert not parse_xml(raw).events


def test_utf16_does_not_hide_a_document_type() -> None:
    (problem,) = parse_xml((LAUGHS + EVENT).encode("utf-16")).problems

    assert "leave the DTD out" in problem.message
