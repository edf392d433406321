"""IPP/1.1: a request to a printer and what it answers.

Only what printing a document needs: values that are integers, booleans and texts; others are read over.
Source: RFC 8010 (encoding and transport), RFC 8011 (operations, attributes, states).
"""

import struct
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Final, Literal

from ledger.domain.printer_address import IppAddress

Value = int | str
Tag = Literal["integer", "boolean", "enum", "name", "keyword", "uri", "charset", "language", "media-type"]
Attribute = tuple[Tag, str, Value]

PRINT_JOB: Final = 0x0002
GET_JOB_ATTRIBUTES: Final = 0x0009
GET_PRINTER_ATTRIBUTES: Final = 0x000B

_VERSION: Final = 0x0101
_OPERATION_GROUP, _JOB_GROUP, _END = 0x01, 0x02, 0x03
_DELIMITER_MAX: Final = 0x0F
_TAGS: Final[Mapping[Tag, int]] = {
    "integer": 0x21,
    "boolean": 0x22,
    "enum": 0x23,
    "name": 0x42,
    "keyword": 0x44,
    "uri": 0x45,
    "charset": 0x47,
    "language": 0x48,
    "media-type": 0x49,
}
_NUMBERS: Final = {0x21: ">i", 0x22: ">?", 0x23: ">i"}
_TEXTS: Final = frozenset({0x41, 0x42, 0x44, 0x45, 0x47, 0x48, 0x49})
_OK_MAX: Final = 0x00FF
_ANSWER_BYTES_MAX: Final = 200_000
_TEXT_SHOWN_MAX: Final = 200


class NoAnswer(Exception):
    """The printer did not answer, or not in IPP."""


class NotReached(NoAnswer):
    """There was no connection to the printer: nothing was sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A printer's answer; the attributes of all its groups by name."""

    status: int
    attributes: Mapping[str, tuple[Value, ...]]

    @property
    def is_ok(self) -> bool:
        return self.status <= _OK_MAX

    @property
    def refusal(self) -> str:
        """Why it is not ok, in the printer's words."""
        message = "".join(self.texts("status-message"))[:_TEXT_SHOWN_MAX]
        return f"status {self.status:#06x} {message}".rstrip()

    def texts(self, name: str) -> tuple[str, ...]:
        return tuple(value for value in self.attributes.get(name, ()) if isinstance(value, str))

    def number(self, name: str) -> int | None:
        """The number, or 1 or 0 for true or false; None when it is not there."""
        return next((value for value in self.attributes.get(name, ()) if isinstance(value, int)), None)


def ask(
    address: IppAddress,
    operation: int,
    attributes: Iterable[Attribute],
    seconds: float,
    *,
    job_attributes: Iterable[Attribute] = (),
    document: bytes = b"",
) -> Answer:
    """What the printer answers to a request. Raises NoAnswer, and NotReached before anything was sent."""
    target: tuple[Attribute, ...] = (
        ("charset", "attributes-charset", "utf-8"),
        ("language", "attributes-natural-language", "en"),
        ("uri", "printer-uri", address.uri),
        ("name", "requesting-user-name", "suyuan"),
    )
    request = encode_request(operation, (*target, *attributes), job_attributes) + document
    connection = HTTPConnection(address.host, address.port, timeout=seconds)
    try:
        connection.connect()
    except OSError as error:
        raise NotReached(f"{address.uri}: {error}") from error
    try:
        connection.request("POST", address.path, request, {"Content-Type": "application/ipp"})
        return decode_answer(_read(connection, time.monotonic() + seconds))
    except (OSError, HTTPException) as error:
        raise NoAnswer(f"{address.uri}: {type(error).__name__} {error}") from error
    finally:
        connection.close()


def _read(connection: HTTPConnection, until: float) -> bytes:
    with connection.getresponse() as response:
        if response.status != 200:
            raise NoAnswer(f"HTTP status {response.status} {response.reason[:_TEXT_SHOWN_MAX]}")
        content = b""
        while received := response.read1(_ANSWER_BYTES_MAX):
            content += received
            if len(content) > _ANSWER_BYTES_MAX or time.monotonic() > until:
                raise NoAnswer("answers too much, or too slowly")
        return content


def encode_request(
    operation: int, attributes: Iterable[Attribute], job_attributes: Iterable[Attribute] = ()
) -> bytes:
    """A request without its document. Of values that follow one another under one name, all but the first
    come without it: they are one attribute (RFC 8010, 3.1.5)."""
    job = b"".join(_encode(job_attributes))
    return b"".join(
        (
            struct.pack(">HHIB", _VERSION, operation, 1, _OPERATION_GROUP),
            *_encode(attributes),
            bytes([_JOB_GROUP]) + job if job else b"",
            bytes([_END]),
        )
    )


def _encode(attributes: Iterable[Attribute]) -> Iterable[bytes]:
    before = ""
    for tag, name, value in attributes:
        shown = b"" if name == before else name.encode("ascii")
        code = _TAGS[tag]
        content = struct.pack(_NUMBERS[code], value) if isinstance(value, int) else value.encode()
        yield struct.pack(">BH", code, len(shown)) + shown + struct.pack(">H", len(content)) + content
        before = name


def decode_answer(raw: bytes) -> Answer:
    """Raises NoAnswer for what is no IPP answer, or breaks off."""
    attributes: dict[str, list[Value]] = {}
    try:
        major, status = struct.unpack_from(">BxH", raw)
        if major not in (1, 2):
            raise NoAnswer(f"answers in IPP version {major}, should be 1 or 2")
        place, name = 8, ""
        while (tag := raw[place]) != _END:
            place += 1
            if tag <= _DELIMITER_MAX:
                continue
            own_name, place = _take(raw, place)
            content, place = _take(raw, place)
            name = own_name.decode("ascii", "replace") or name
            if tag in _NUMBERS:
                attributes.setdefault(name, []).append(struct.unpack(_NUMBERS[tag], content)[0])
            elif tag in _TEXTS:
                attributes.setdefault(name, []).append(content.decode("utf-8", "replace"))
    except (struct.error, IndexError) as error:
        raise NoAnswer(f"what it answers is no IPP: {raw[:20]!r}") from error
    return Answer(status, {name: tuple(values) for name, values in attributes.items()})


def _take(raw: bytes, place: int) -> tuple[bytes, int]:
    """A text behind its length, and the place after it."""
    (length,) = struct.unpack_from(">H", raw, place)
    end = place + 2 + length
    if end > len(raw):
        raise IndexError
    return raw[place + 2 : end], end
