"""Identifier records: what an identifier leads to, as a set of indexed values, and how such a set may change.

The data model, its JSON and its limits are those of the Handle System, which the industrial internet uses as
well: index, type, data, permissions, ttl, timestamp, references.

Units: ttl in seconds, or a moment (absolute). Source: RFC 3651, section 3; the handle.net JSON API.
Not here: metadata templates (`record_templates`), who may change a record (`access`), and where its changes
stand (the log).
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias, get_args

from ledger.domain import canonical_json
from ledger.domain.commitment import SALT_BYTES
from ledger.domain.errors import Conflict, Invalid, NotFound, Problem
from ledger.domain.schemes.handle import LENGTH_MAX as HANDLE_LENGTH_MAX

RECORD_CHANGE: Final = "RecordChange"
"""Type of the log's entries about records. They are no EPCIS events: nothing happened to goods."""

RECORD_ROLE: Final = "record"
"""The part that an identifier plays in the change of its own record."""

BATCH_MAX: Final = 2_000
VALUES_MAX: Final = 1_000
INDEX_MAX: Final = 2**31 - 1
TYPE_LENGTH_MAX: Final = 200
DATA_LENGTH_MAX: Final = 65_536  # characters of one value's data
RECORD_LENGTH_MAX: Final = 1_000_000  # characters of all data of a record
TTL_SECONDS: Final = 86_400
PERMISSIONS: Final = "1110"
"""Admin read, admin write, public read, public write; admin is who may speak for the identifier."""


class ValuesNotFound(NotFound):
    """The record has no values at these indices: read it again."""


class ValuesExist(Conflict):
    """The record has values at these indices already: choose others, or overwrite them."""


class Immutable(Conflict):
    """The value was registered so that nobody can change it: register another one."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A value of another record, or of this one."""

    index: int
    handle: str


@dataclass(frozen=True, slots=True)
class Admin:
    """An administrator as HS_ADMIN names one. It is kept and shown; the rights come from `PrefixRegistry`."""

    handle: str
    index: int
    permissions: str  # 12 bits


@dataclass(frozen=True, slots=True)
class Data:
    format: Literal["string", "base64", "hex", "admin", "vlist"]
    value: str | Admin | tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Value:
    index: int
    type: str
    data: Data
    permissions: str = PERMISSIONS
    ttl: int | str = TTL_SECONDS
    references: tuple[Reference, ...] = ()
    timestamp: str = ""  # when it was last changed, as 2026-11-29T05:55:26Z; the node sets it

    @property
    def is_public(self) -> bool:
        return self.permissions[2] == "1"

    @property
    def is_immutable(self) -> bool:
        return self.permissions[1] == "0"

    def to_json(self) -> dict[str, Any]:
        """As the handle.net API writes it: the default permissions and no references are left out."""
        written: dict[str, Any] = {"index": self.index, "type": self.type, "data": _data_json(self.data)}
        if self.permissions != PERMISSIONS:
            written["permissions"] = self.permissions
        written |= {"ttl": self.ttl, "timestamp": self.timestamp}
        if self.references:
            written["references"] = _references_json(self.references)
        return written


def _data_json(data: Data) -> dict[str, Any]:
    match data.value:
        case Admin(handle, index, permissions):
            value: Any = {"handle": handle, "index": index, "permissions": permissions}
        case str():
            value = data.value
        case _:
            value = _references_json(data.value)
    return {"format": data.format, "value": value}


def _references_json(references: Sequence[Reference]) -> list[dict[str, Any]]:
    return [{"handle": reference.handle, "index": reference.index} for reference in references]


# --------------------------------------------------------------------------- reading


def parse_values(given: object, at: str = "") -> tuple[Value, ...]:
    """The value set that JSON spells, by index. `at` is its JSON pointer.

    Data may be bare text, which is format "string"; ttl and permissions may be left out. Raises Invalid with
    a problem for each fault.
    """
    reader = _Reader(at)
    values = reader.values(given)
    if reader.problems:
        raise Invalid(f"{len(reader.problems)} problems: {reader.problems[0]}", reader.problems)
    return values


class _Wrong(Exception):
    """One fault: below which pointer, and what to change."""


_FIELDS: Final = frozenset({"index", "type", "data", "permissions", "ttl", "references", "timestamp"})
is_type: Final = re.compile(rf"[^\x00-\x20\x7f\ud800-\udfff]{{1,{TYPE_LENGTH_MAX}}}").fullmatch
"""Whether a text can be the type of a value."""
_is_handle: Final = re.compile(
    rf"[^\x00-\x20/\ud800-\udfff]+/[^\ud800-\udfff]{{1,{HANDLE_LENGTH_MAX}}}"
).fullmatch
_is_moment: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z").fullmatch
_has_surrogate: Final = re.compile("[\ud800-\udfff]").search


class _Reader:
    def __init__(self, at: str) -> None:
        self._at = at
        self.problems: list[Problem] = []

    def values(self, given: object) -> tuple[Value, ...]:
        if not isinstance(given, list) or not 1 <= len(given) <= VALUES_MAX:
            self.problems.append(Problem(self._at, f"expected a list of 1 to {VALUES_MAX} values"))
            return ()
        values: dict[int, Value] = {}
        for number, entry in enumerate(given):
            try:
                value = _read_value(entry)
                if value.index in values:
                    raise _Wrong("/index", f"index {value.index} stands twice: give each value its own")
                values[value.index] = value
            except _Wrong as wrong:
                below, message = wrong.args
                self.problems.append(Problem(f"{self._at}/{number}{below}", message))
        if sum(_length(value.data) for value in values.values()) > RECORD_LENGTH_MAX:
            self.problems.append(Problem(self._at, f"more than {RECORD_LENGTH_MAX} characters of data"))
        return tuple(values[index] for index in sorted(values))


def _read_value(given: object) -> Value:
    if not isinstance(given, dict):
        raise _Wrong("", f"expected a value with index, type and data, found {shown(given)}")
    for name in given.keys() - _FIELDS:
        raise _Wrong(
            canonical_json.pointer_step(str(name)[:80]), f"unknown; a value has {', '.join(sorted(_FIELDS))}"
        )
    kind = given.get("type")
    if not isinstance(kind, str) or not is_type(kind):
        raise _Wrong("/type", f"expected text without spaces such as URL, found {shown(kind)}")
    if kind == "HS_SECKEY":
        raise _Wrong("/type", "secrets are not kept in records; writing takes an API key as the password")
    return Value(
        index=_read_index(given.get("index"), "/index"),
        type=kind,
        data=_read_data(given.get("data")),
        permissions=_read_permissions(given.get("permissions", PERMISSIONS)),
        ttl=_read_ttl(given.get("ttl", TTL_SECONDS)),
        references=_read_references(given.get("references", []), "/references"),
        timestamp=_read_timestamp(given.get("timestamp", "")),
    )


def _read_index(given: object, at: str) -> int:
    # pyhandle writes the index of an administrator as text.
    number = int(given) if isinstance(given, str) and re.fullmatch("[0-9]{1,10}", given) else given
    if not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= INDEX_MAX:
        raise _Wrong(at, f"expected a whole number from 1 to {INDEX_MAX}, found {shown(given)}")
    return number


def _read_data(given: object) -> Data:
    if isinstance(given, str):
        given = {"format": "string", "value": given}
    if not isinstance(given, dict) or given.keys() != {"format", "value"}:
        raise _Wrong("/data", f"expected text, or an object of format and value, found {shown(given)}")
    read = _DATA.get(given["format"]) if isinstance(given["format"], str) else None
    if read is None:
        raise _Wrong("/data/format", f"expected {', '.join(_DATA)}, found {shown(given['format'])}")
    data = read(given["value"])
    if _length(data) > DATA_LENGTH_MAX:
        raise _Wrong("/data/value", f"{_length(data)} characters, at most {DATA_LENGTH_MAX} are kept")
    return data


def _read_text(given: object) -> Data:
    if not isinstance(given, str) or _has_surrogate(given):
        raise _Wrong("/data/value", f"expected text, found {shown(given)}")
    return Data("string", given)


def _read_base64(given: object) -> Data:
    try:
        raw = base64.b64decode(given, validate=True) if isinstance(given, str) else None
    except (ValueError, binascii.Error):
        raw = None
    if raw is None:
        raise _Wrong("/data/value", f"expected base64, found {shown(given)}")
    return Data("base64", base64.b64encode(raw).decode())


def _read_hex(given: object) -> Data:
    if not isinstance(given, str) or not re.fullmatch("(?:[0-9A-Fa-f]{2})*", given):
        raise _Wrong("/data/value", f"expected hex, two digits a byte, found {shown(given)}")
    return Data("hex", given.upper())


def _read_admin(given: object) -> Data:
    if not isinstance(given, dict) or given.keys() != {"handle", "index", "permissions"}:
        raise _Wrong("/data/value", f"expected handle, index and permissions, found {shown(given)}")
    permissions = given["permissions"]
    if not isinstance(permissions, str) or not re.fullmatch("[01]{12}", permissions):
        raise _Wrong("/data/value/permissions", f"expected 12 bits, found {shown(permissions)}")
    handle = _read_handle(given["handle"], "/data/value/handle")
    return Data("admin", Admin(handle, _read_index(given["index"], "/data/value/index"), permissions))


def _read_vlist(given: object) -> Data:
    return Data("vlist", _read_references(given, "/data/value"))


_DATA: Final[Mapping[str, Callable[[object], Data]]] = {
    "string": _read_text,
    "base64": _read_base64,
    "hex": _read_hex,
    "admin": _read_admin,
    "vlist": _read_vlist,
}


def _length(data: Data) -> int:
    match data.value:
        case str():
            return len(data.value)
        case Admin():
            return HANDLE_LENGTH_MAX
        case _:
            return HANDLE_LENGTH_MAX * len(data.value)


def _read_references(given: object, at: str) -> tuple[Reference, ...]:
    if not isinstance(given, list) or len(given) > VALUES_MAX:
        raise _Wrong(at, f"expected a list of references (handle and index), found {shown(given)}")
    references = []
    for number, entry in enumerate(given):
        if not isinstance(entry, dict) or entry.keys() != {"handle", "index"}:
            raise _Wrong(f"{at}/{number}", f"expected handle and index, found {shown(entry)}")
        handle = _read_handle(entry["handle"], f"{at}/{number}/handle")
        references.append(Reference(_read_index(entry["index"], f"{at}/{number}/index"), handle))
    return tuple(references)


def _read_handle(given: object, at: str) -> str:
    if not isinstance(given, str) or not _is_handle(given):
        raise _Wrong(at, f"expected a handle, as 88.118.1001/abc, found {shown(given)}")
    return given


def _read_permissions(given: object) -> str:
    if not isinstance(given, str) or not re.fullmatch("[01]{4}", given):
        raise _Wrong("/permissions", f"expected 4 bits such as {PERMISSIONS}, found {shown(given)}")
    if given[0] == "0" or given[3] == "1":
        raise _Wrong(
            "/permissions",
            f"{given}: the owner reads every value (first bit 1), and nobody else writes one (last bit 0)",
        )
    return given


def _read_ttl(given: object) -> int | str:
    if isinstance(given, str) and _is_moment(given):
        return given
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given <= INDEX_MAX:
        raise _Wrong("/ttl", f"expected seconds, or a moment as 2026-11-29T05:55:26Z, found {shown(given)}")
    return given


def _read_timestamp(given: object) -> str:
    return given if isinstance(given, str) and _is_moment(given) else ""


def shown(given: object) -> str:
    """What was found, short enough and plain enough for a message."""
    text = repr(given)
    return (text if len(text) <= 60 else f"{text[:60]}...").encode("ascii", "backslashreplace").decode()


# --------------------------------------------------------------------------- changing

Action: TypeAlias = Literal["register", "put", "merge", "add", "remove", "delete"]
"""register: a new record. put: the whole set, whether there was one or not. merge: these values, the others
stay. add: the same, but none may be there yet. remove: the values at these indices go. delete: all goes."""

ACTIONS: Final[tuple[Action, ...]] = get_args(Action)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of one identifier's record."""

    uri: str
    action: Action
    values: tuple[Value, ...] = ()
    indices: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Kept:
    """A value as it is kept. A hidden one has a salt: the log holds its commitment only."""

    value: Value
    salt: bytes | None

    def to_json(self) -> dict[str, Any]:
        return {"value": self.value.to_json(), "salt": self.salt.hex() if self.salt else None}


def read_kept(text: str) -> tuple[Kept, ...]:
    """What `write_kept` wrote."""
    given = json.loads(text)
    values = parse_values([entry["value"] for entry in given]) if given else ()
    salts = [bytes.fromhex(entry["salt"]) if entry["salt"] else None for entry in given]
    return tuple(map(Kept, values, salts))


def write_kept(kept: Sequence[Kept]) -> str:
    return json.dumps([entry.to_json() for entry in kept], ensure_ascii=False, separators=(",", ":"))


def apply_change(change: Change, before: Sequence[Value], timestamp: str) -> tuple[Value, ...]:
    """The values after the change, by index; empty when the record is gone. Those that are new or different
    get the timestamp. Raises Conflict, NotFound, ValuesNotFound or Invalid, whatever stands in its way."""
    old = {value.index: value for value in before}
    new = {value.index: value for value in change.values}
    match change.action:
        case "register" if old:
            raise Conflict(f"{change.uri} is registered already: change it, or choose another identifier")
        case "merge" | "add" | "remove" | "delete" if not old:
            raise NotFound(f"{change.uri} is not registered here")
        case "add" if taken := new.keys() & old.keys():
            raise ValuesExist(f"{change.uri} has a value at index {min(taken)} already")
        case "merge" | "add":
            new = old | new
        case "remove" if missing := change.indices - old.keys():
            raise ValuesNotFound(f"{change.uri} has no value at index {min(missing)}")
        case "remove":
            new = {index: value for index, value in old.items() if index not in change.indices}
        case "delete":
            new = {}
    if not new and change.action != "delete":
        raise Invalid(f"{change.uri}: no value is left; delete the record instead")
    _check_immutable(change.uri, old, new)
    return tuple(_stamped(new[index], old.get(index), timestamp) for index in sorted(new))


def _check_immutable(uri: str, old: Mapping[int, Value], new: Mapping[int, Value]) -> None:
    for index, value in old.items():
        if value.is_immutable and (index not in new or not _is_same(value, new[index])):
            raise Immutable(
                f"{uri}: value {index} was registered with permissions {value.permissions}, "
                "so it can be neither changed nor removed"
            )


def _is_same(one: Value, other: Value) -> bool:
    return replace(one, timestamp="") == replace(other, timestamp="")


def _stamped(value: Value, old: Value | None, timestamp: str) -> Value:
    same = old is not None and _is_same(value, old)
    return replace(value, timestamp=old.timestamp if same and old else timestamp)


# --------------------------------------------------------------------------- what the log holds


def hidden_commitment(salt: bytes, value: Value) -> bytes:
    """H(0x11 || salt || JCS(value)): stands in the log where a value is not for everybody."""
    assert len(salt) == SALT_BYTES
    return sha256(b"\x11" + salt + canonical_json.encode(value.to_json())).digest()


def change_body(event_id: str, uri: str, version: int, kept: Sequence[Kept]) -> bytes:
    """The log's entry about a change (JCS): the whole record as it is after it, without hidden values.

    It names its identifier in `epcList`, as an event does, so that bundles, audits and every verifier that is
    out there read it. `version` counts the record's changes from 1; no values: the record was deleted.
    """
    return canonical_json.encode(
        {
            "type": RECORD_CHANGE,
            "eventID": event_id,
            "epcList": [uri],
            "version": version,
            "values": [_shown_in_log(entry) for entry in kept],
        }
    )


def _shown_in_log(entry: Kept) -> dict[str, Any]:
    if entry.salt is None:
        return entry.value.to_json()
    return {"index": entry.value.index, "commitment": hidden_commitment(entry.salt, entry.value).hex()}
