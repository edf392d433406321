"""How one field of an event is read: text, time, number, URI, identifier, vocabulary word, list, object.

A reader takes the JSON value and its pointer, reports what is wrong, and goes on, so that one pass finds
every problem. `event_parser` says which field is read by which.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from ledger.domain.canonical_json import JsonValue, pointer_step
from ledger.domain.epc_urn import company_prefix
from ledger.domain.errors import Invalid, Problem
from ledger.domain.events import prefixes_in
from ledger.domain.identifiers import parse_identifier
from ledger.domain.vocabulary import STANDARD_PREFIXES, Vocabulary

ENTRIES_MAX: Final = 100_000
"""Entries in all lists of one event together."""

PREFIXES_MAX: Final = 200
URI_LENGTH_MAX: Final = 2_048
TEXT_LENGTH_MAX: Final = 65_536

EXTENSION_DEPTH_MAX: Final = 32
"""Half of what `canonical_json.parse` reads, so that a proof can wrap any event that was captured."""

Prefixes: TypeAlias = Mapping[str, str]
"""Prefix -> namespace as the document declares them; those of the standard hold as well."""


class Known(NamedTuple):
    """What was read in a field, and what a Reading was told of it."""

    value: Any
    used: set[str]
    company_prefixes: set[str]
    entry_count: int


Remembered: TypeAlias = dict[tuple[str, str], Known]
"""By name of a field and its value as text."""


class Reading:
    """What is known while one event is read: its prefixes, which of them it used, and the problems.

    `remembered` is shared by the events of a document that are read under the same prefixes.
    """

    __slots__ = ("company_prefixes", "entry_count", "prefixes", "problems", "remembered", "used")

    def __init__(
        self, prefixes: Prefixes, problems: list[Problem], remembered: Remembered | None = None
    ) -> None:
        self.prefixes = prefixes
        self.problems = problems
        self.remembered: Remembered = {} if remembered is None else remembered
        self.used: set[str] = set()
        self.company_prefixes: set[str] = set()  # GS1 company prefixes, as EPC URNs part them off
        self.entry_count = 0

    def fault(self, at: str, message: str) -> None:
        self.problems.append(Problem(at, message))


REMEMBERED_MAX: Final = 1_024
"""Fields remembered in one document."""

_REMEMBERED_ENTRIES_MAX: Final = 8
"""Longer lists and objects are hardly ever repeated."""

Read: TypeAlias = Callable[[Reading, JsonValue, str], Any]
"""Reads the value at a pointer. What it returns after a fault does not matter: the event is dropped."""

Fields: TypeAlias = Mapping[str, tuple[str, Read]]
"""JSON name -> attribute and how to read it."""


def read_context(context: JsonValue, at: str, outer: Prefixes, problems: list[Problem]) -> Prefixes:
    """The prefixes in force under `context`, which is inside a document where `outer` are."""
    prefixes = dict(outer)
    listed = context if isinstance(context, list) else [context]
    for index, entry in enumerate(listed):
        entry_at = f"{at}/{index}" if listed is context else at
        if isinstance(entry, dict):
            for name, definition in entry.items():
                try:
                    _declare(name, definition, prefixes)
                except Invalid as error:
                    problems.append(Problem(entry_at + pointer_step(name), str(error)))
        elif entry is not None and not isinstance(entry, str):
            problems.append(Problem(entry_at, f"expected a URL or an object, found {kind_of(entry)}"))
    if len(prefixes) > PREFIXES_MAX:
        problems.append(Problem(at, f"declares {len(prefixes)} prefixes, more than {PREFIXES_MAX}"))
        return outer
    return prefixes


def _declare(name: str, definition: JsonValue, prefixes: dict[str, str]) -> None:
    if isinstance(definition, dict):
        definition = definition.get("@id")
    # Keywords, and types given to single fields, declare no prefix.
    if name.startswith("@") or ":" in name or definition is None:
        return
    namespace = check_uri(_expand(_expect_text(definition), prefixes))
    if f"{name}:" in _NEVER_PREFIXES:
        raise Invalid(f"{name!r} cannot be a prefix, because URIs begin with it: choose another name")
    if name in ("epcis", "cbv") and namespace != STANDARD_PREFIXES[name]:
        raise Invalid(f"prefix {name!r} is the standard's own: choose another name")
    prefixes[name] = namespace


def read_members(
    reading: Reading,
    value: Mapping[str, JsonValue],
    at: str,
    fields: Fields,
    required: Sequence[str] = (),
    *,
    extensible: bool = False,
) -> dict[str, Any]:
    """Attribute -> value for what is present; extensions, where allowed, under `extensions`."""
    members: dict[str, Any] = {}
    extensions: dict[str, JsonValue] = {}
    for name, member in value.items():
        field = fields.get(name)
        if field is not None:
            attribute, read = field
            members[attribute] = read(reading, member, f"{at}/{name}")
        elif extensible and ":" in name:
            extensions[name] = member
        else:
            reading.fault(
                at + pointer_step(name), "no such field here: correct it, or give it your own prefix"
            )
    for name in required:
        if name not in value:
            reading.fault(at, f"{name} is missing")
    if extensions:
        members["extensions"] = read_extensions(reading, extensions, at)
    return members


def once(name: str, read: Read) -> Read:
    """Reads as `read` does, but a value that stood in this field of an earlier event not again.

    The events of a document say the same of place, step and parties again and again. What is read is shared
    by those events, and nobody changes it.
    """

    def read_once(reading: Reading, value: JsonValue, at: str) -> Any:
        if isinstance(value, (list, dict)) and len(value) > _REMEMBERED_ENTRIES_MAX:
            return read(reading, value, at)
        key = (name, repr(value))  # tells true from 1 and 1 from 1.0, as equality does not
        known = reading.remembered.get(key)
        if known is None or reading.entry_count + known.entry_count > ENTRIES_MAX:
            known = _read_alone(reading, read, value, at)
            if known is None:
                return None
            if len(reading.remembered) < REMEMBERED_MAX:
                reading.remembered[key] = known
        reading.entry_count += known.entry_count
        if known.used:
            reading.used |= known.used
        if known.company_prefixes:
            reading.company_prefixes |= known.company_prefixes
        return known.value

    return read_once


def _read_alone(reading: Reading, read: Read, value: JsonValue, at: str) -> Known | None:
    """What `read` finds, and what it notes in a Reading; None after a fault."""
    problem_count = len(reading.problems)
    alone = Reading(reading.prefixes, reading.problems)
    alone.entry_count = reading.entry_count
    found = read(alone, value, at)
    if len(reading.problems) > problem_count:
        return None
    return Known(found, alone.used, alone.company_prefixes, alone.entry_count - reading.entry_count)


def read_extensions(reading: Reading, value: JsonValue, at: str) -> Mapping[str, JsonValue]:
    """Fields of the user's own, kept as they are; each name has a declared prefix or is a URI."""
    if not isinstance(value, dict):
        reading.fault(at, f"expected an object, found {kind_of(value)}")
        return {}
    for name in value:
        if ":" not in name:
            reading.fault(
                at + pointer_step(name), "no such field here: correct it, or give it your own prefix"
            )
    _check_extension(reading, value, at, 1)
    reading.used.update(prefixes_in(value))
    return value


def _check_extension(reading: Reading, value: JsonValue, at: str, depth: int) -> None:
    if depth > EXTENSION_DEPTH_MAX:
        reading.fault(at, f"nested deeper than {EXTENSION_DEPTH_MAX} in an extension")
    elif isinstance(value, dict):
        for name, member in value.items():
            member_at = at + pointer_step(name)
            try:
                _check_name(name, reading.prefixes)
            except Invalid as error:
                reading.fault(member_at, str(error))
            _check_extension(reading, member, member_at, depth + 1)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            _check_extension(reading, element, f"{at}/{index}", depth + 1)
    elif isinstance(value, str) and len(value) > TEXT_LENGTH_MAX:
        reading.fault(at, f"text has {len(value)} characters, more than {TEXT_LENGTH_MAX}")


def _check_name(name: str, prefixes: Prefixes) -> None:
    if name == "@context":
        raise Invalid("prefixes are declared on the event or the document, not inside")
    prefix, colon, local = name.partition(":")
    if not colon:
        return
    if _namespace(prefix, prefixes) is None and not name.startswith(_NEVER_PREFIXES):
        raise Invalid(f"prefix {prefix!r} is not declared: add it to @context")
    if not local:
        raise Invalid(f"{name!r} is a prefix without a name")
    # Another spelling of a standard field would hide what happened from whoever looks for the field.
    if _expand(name, prefixes).startswith(STANDARD_PREFIXES["epcis"]):
        raise Invalid("a field of the standard is written without prefix")


def leaf(parse: Callable[[JsonValue, Prefixes], Any]) -> Read:
    """Reads what has no parts."""

    def read(reading: Reading, value: JsonValue, at: str) -> Any:
        try:
            return parse(value, reading.prefixes)
        except Invalid as error:
            reading.fault(at, str(error))
            return None

    return read


def list_of(read_entry: Read, *, minimum: int = 0, distinct: bool = False) -> Read:
    """Reads an array into a tuple."""

    def read(reading: Reading, value: JsonValue, at: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            reading.fault(at, f"expected a list, found {kind_of(value)}")
            return ()
        reading.entry_count += len(value)
        if reading.entry_count > ENTRIES_MAX:
            reading.fault(at, f"event has more than {ENTRIES_MAX} entries: split it")
            return ()
        if len(value) < minimum:
            reading.fault(at, "is empty: add an entry, or leave the field out")
        entries = tuple([read_entry(reading, entry, f"{at}/{index}") for index, entry in enumerate(value)])
        if distinct and len(set(entries)) < len(entries):
            _fault_repeated(reading, entries, at)
        return entries

    return read


def _fault_repeated(reading: Reading, entries: Sequence[Any], at: str) -> None:
    first_seen: dict[Any, int] = {}
    for index, entry in enumerate(entries):
        first = first_seen.setdefault(entry, index)
        if first != index and entry is not None:
            reading.fault(f"{at}/{index}", f"{entry} is already entry {first}: keep one")


def object_of(fields: Fields, build: Callable[..., Any], *required: str, extensible: bool = False) -> Read:
    """Reads an object and builds a record from it."""

    def read(reading: Reading, value: JsonValue, at: str) -> Any:
        if not isinstance(value, dict):
            reading.fault(at, f"expected an object, found {kind_of(value)}")
            return None
        problem_count = len(reading.problems)
        members = read_members(reading, value, at, fields, required, extensible=extensible)
        return build(**members) if len(reading.problems) == problem_count else None

    return read


def word_of(words: Vocabulary) -> Read:
    """Reads a value of the CBV, in any spelling, or a private URI."""

    def parse(value: JsonValue, prefixes: Prefixes) -> str:
        word = words.shorten(_expand(_expect_text(value), prefixes))
        return word if word in words.words else check_uri(word)

    return leaf(parse)


def one_of(*allowed: str) -> Read:
    def parse(value: JsonValue, _: Prefixes) -> str:
        if value in allowed and isinstance(value, str):
            return value
        raise Invalid(f"expected one of {', '.join(allowed)}, found {show(value)}")

    return leaf(parse)


def text_like(pattern: str, expected: str) -> Read:
    compiled = re.compile(pattern)

    def parse(value: JsonValue, _: Prefixes) -> str:
        text = _expect_text(value)
        if compiled.fullmatch(text):
            return text
        raise Invalid(f"expected {expected}, found {show(text)}")

    return leaf(parse)


def parse_time(value: JsonValue) -> datetime:
    """The moment in UTC, rounded to milliseconds, half up as CBV 2.1 has it. Raises Invalid."""
    text = _expect_text(value)
    match = _TIME.fullmatch(text)
    if match is None:
        raise Invalid(
            f"expected a time with its zone, like 2026-01-31T08:30:00.000+08:00, found {show(text)}"
        )
    seconds, fraction, zone = match.groups(default="")
    try:
        if len(fraction) <= 3:  # nothing to round
            return datetime.fromisoformat(text).astimezone(UTC)
        milliseconds = int(fraction[:3]) + (fraction[3] >= "5")
        return datetime.fromisoformat(seconds + zone).astimezone(UTC) + timedelta(milliseconds=milliseconds)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"no such time: {text} ({error})") from error


_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,30}))?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def _parse_number(value: JsonValue, _: Prefixes) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Invalid(f"expected a number, found {kind_of(value)}")
    return Decimal(value) if isinstance(value, int) else Decimal(repr(value))


def _parse_amount(value: JsonValue, prefixes: Prefixes) -> Decimal:
    amount = _parse_number(value, prefixes)
    if amount < 0:
        raise Invalid(f"quantity is {amount}, and cannot be below 0")
    return amount


def _parse_boolean(value: JsonValue, _: Prefixes) -> bool:
    if isinstance(value, bool):
        return value
    raise Invalid(f"expected true or false, found {kind_of(value)}")


def _parse_text(value: JsonValue, _: Prefixes) -> str:
    return _expect_text(value)


def _parse_uri(value: JsonValue, prefixes: Prefixes) -> str:
    return check_uri(_expand(_expect_text(value), prefixes))


def identifier(reading: Reading, value: JsonValue, at: str) -> str | None:
    """Reads an identifier in any spelling into its canonical URI."""
    try:
        found, prefix = _identify(_expand(_expect_text(value), reading.prefixes))
    except Invalid as error:
        reading.fault(at, str(error))
        return None
    if prefix is not None:
        reading.company_prefixes.add(prefix)
    return found


@lru_cache(maxsize=8192)  # the events of a document name the same lots, places and parties again and again
def _identify(text: str) -> tuple[str, str | None]:
    """The canonical URI, and the GS1 company prefix that `text` parts off if it is an EPC URN."""
    found = parse_identifier(check_uri(text))
    is_urn = found.kind != "uri" and text[:4].lower() == "urn:"
    return found.uri, company_prefix(text) if is_urn else None


time = leaf(lambda value, _: parse_time(value))
number = leaf(_parse_number)
amount = leaf(_parse_amount)
boolean = leaf(_parse_boolean)
text = leaf(_parse_text)
uri = leaf(_parse_uri)


def _expect_text(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise Invalid(f"expected text, found {kind_of(value)}")
    if len(value) > TEXT_LENGTH_MAX:
        raise Invalid(f"text has {len(value)} characters, more than {TEXT_LENGTH_MAX}")
    return value


_NEVER_PREFIXES: Final = ("http:", "https:", "urn:")


def _expand(text: str, prefixes: Prefixes) -> str:
    """`text` with its prefix replaced by the namespace, if it is a declared one (JSON-LD compact IRI)."""
    if text.startswith(_NEVER_PREFIXES):
        return text
    prefix, colon, local = text.partition(":")
    namespace = _namespace(prefix, prefixes) if colon else None
    return text if namespace is None or local.startswith("//") else namespace + local


def _namespace(prefix: str, prefixes: Prefixes) -> str | None:
    return prefixes.get(prefix) or STANDARD_PREFIXES.get(prefix)


def check_uri(text: str) -> str:
    """`text`, which is an absolute URI. Raises Invalid when it is not."""
    if len(text) > URI_LENGTH_MAX:
        raise Invalid(f"URI has {len(text)} characters, more than {URI_LENGTH_MAX}")
    if not _URI.fullmatch(text):
        raise Invalid(f"expected a URI with its scheme, in ASCII and without spaces, found {show(text)}")
    return text


# RFC 3986 with a scheme: characters beyond the grammar are those that never stand for themselves.
_URI = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20"<>\\^`{|}\x7f-\U0010ffff]+""")


def kind_of(value: JsonValue) -> str:
    """What JSON calls `value`, for messages."""
    for kinds, name in _KINDS:
        if isinstance(value, kinds):
            return name
    return "null"


_KINDS: Final[Sequence[tuple[type | tuple[type, ...], str]]] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "text"),
    (list, "a list"),
    (dict, "an object"),
)


def show(value: JsonValue) -> str:
    """`value` for messages, cut where it gets long."""
    if not isinstance(value, str):
        return kind_of(value)
    return repr(value if len(value) <= 100 else f"{value[:100]}...")
