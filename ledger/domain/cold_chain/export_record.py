"""Records that others ask for, as data: their fields, what must be there, and where each value comes from.

title = "Imported cold-chain food"
title_zh = "进口冷链食品"
source = "the standard, and how far it is followed"

[[field]]
name = "batch"
title = "Batch"
title_zh = "批次"
required = true
from = ["item.lot", "ilmd.cbvmda:lotNumber"]     # the first that is known

`from` names item.*, product.* (master data), ilmd.*, event.* or legs.*; `ledger.export` finds them. Nothing
is made up: a field without a value stays empty, and a required one is named with where it would come from.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger.domain.errors import Invalid

_PLACES: Final[Mapping[str, str]] = {
    "item": "the identifier of the item: {name}",
    "product": "master data of the product: {name}",
    "ilmd": "ILMD {name} of an event that brought it into being",
    "event": "an event of the item that says: {name}",
    "legs": "a watched carrier bound to the item, to its case or its pallet: {name}",
}


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    title: str
    title_zh: str
    required: bool
    sources: tuple[str, ...]

    @property
    def where(self) -> str:
        """Where a value would come from."""
        parts = [source.partition(".") for source in self.sources]
        return ", or ".join(_PLACES[place].format(name=name) for place, _, name in parts)


@dataclass(frozen=True, slots=True)
class RecordProfile:
    name: str
    title: str
    title_zh: str
    source: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of an item by the fields of a profile: field -> values, and the source they are from."""

    uri: str
    profile: RecordProfile
    values: Mapping[str, tuple[str, tuple[str, ...]]]

    @property
    def missing(self) -> tuple[Field, ...]:
        """The required fields without a value."""
        return tuple(f for f in self.profile.fields if f.required and f.name not in self.values)


def fill_record(uri: str, profile: RecordProfile, known: Mapping[str, Sequence[str]]) -> Record:
    """The record by what is `known`: source -> values."""
    values = {}
    for field in profile.fields:
        source = next((source for source in field.sources if known.get(source)), None)
        if source is not None:
            values[field.name] = (source, tuple(known[source]))
    return Record(uri, profile, values)


def parse_record_profile(name: str, text: str) -> RecordProfile:
    """Raises Invalid naming the field that is wrong."""
    try:
        document = tomllib.loads(text)
        fields = tuple(_parse_field(name, table) for table in document["field"])
        profile = RecordProfile(name, document["title"], document["title_zh"], document["source"], fields)
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise Invalid(f"{name}: not a record profile: {error}") from error
    names = [field.name for field in fields]
    if twice := sorted({field for field in names if names.count(field) > 1}):
        raise Invalid(f"{name}: two fields are called {', '.join(twice)}")
    return profile


def _parse_field(name: str, table: dict[str, Any]) -> Field:
    sources = tuple(table["from"])
    for source in sources:
        if source.partition(".")[0] not in _PLACES:
            raise Invalid(f"{name}: {table['name']}: from {source!r}: should begin with {', '.join(_PLACES)}")
    return Field(table["name"], table["title"], table["title_zh"], bool(table["required"]), sources)
