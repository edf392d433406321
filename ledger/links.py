"""Registering links of identifiers, one by one and from files, and finding those that answer a request.

Whoever speaks for an identifier says where its links lead; nobody else's target is ever redirected to.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from ledger.capture import speaker
from ledger.domain.canonical_json import JsonValue
from ledger.domain.digital_link import DigitalLink, write_element_string
from ledger.domain.errors import Invalid, NotAllowed, NotFound, Problem, TooLarge
from ledger.domain.links import (
    DESCRIBED_BY,
    MEMBERS,
    TRACEABILITY,
    Level,
    Link,
    levels_of,
    read_link,
    write_link,
)
from ledger.domain.linkset import LinkedLevel
from ledger.masterdata import Imported, read_json_file
from ledger.node import Node
from ledger.ports import ApiKey
from ledger.tabular import read_table, write_table

IMPORT_MAX: Final = 100_000
"""Links of one import."""

_PAGE: Final = 1_000
_ANCHORS: Final = 500
_TITLE: Final = "溯源 · Traceability"


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link as somebody sent it; `pointer` names a member of it in messages: `row 3, href`."""

    pointer: str
    cells: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Found:
    """One level of a Digital Link, with the links that are registered for it."""

    level: Level
    links: tuple[Link, ...]


# --- registering


def read_link_file(path: Path) -> Iterator[LinkRow]:
    """The rows of a CSV or XLSX table, or the objects of a JSON list. Raises Invalid for anything else."""
    if path.suffix.lower() == ".json":
        yield from link_rows(read_json_file(path))
        return
    for row in read_table(path):
        yield LinkRow(f"row {row.number}, ", dict(row.cells))


def link_rows(value: JsonValue) -> Iterator[LinkRow]:
    """The links in JSON: one object, or a list of them; their pointers are JSON pointers."""
    for index, cells in enumerate(value if isinstance(value, list) else [value]):
        if not isinstance(cells, dict):
            raise Invalid(f"/{index}: should be an object with {', '.join(MEMBERS[:4])}")
        yield LinkRow(f"/{index}/" if isinstance(value, list) else "/", cells)


def put_links(node: Node, key: ApiKey, rows: Iterable[LinkRow], *, dry_run: bool = False) -> Imported:
    """Register the links for the party of `key`: all of them, or with any fault none.

    A link takes the place of one with the same identifier, type and target. Raises Invalid with
    a problem for each faulty member, NotAllowed for identifiers that the party does not speak for, Conflict
    when an identifier would have too many.
    """
    links = _read_rows(node, key, rows)
    known = _known(node, links)
    if not dry_run:
        node.store.put_links(links, key.party_id, node.clock())
    changed = sum(1 for link in links if known.get(link.link_id, link) != link)
    added = sum(1 for link in links if link.link_id not in known)
    return Imported(added, changed, len(links) - added - changed)


def remove_link(node: Node, key: ApiKey, link_id: str) -> None:
    """Take a link away. Raises NotFound when there is none, NotAllowed when it is another's."""
    link = node.store.link(link_id)
    if link is None:
        raise NotFound(f"link {link_id[:40]}: there is none with this id")
    if not speaker(node, key)(link.anchor):
        raise NotAllowed(_not_theirs(key, link.anchor))
    node.store.remove_link(link_id)


def export_links(node: Node, key: ApiKey, path: Path) -> int:
    """Write the links of a party as a table that `read_link_file` reads; how many there are."""
    rows = [_to_row(link) for link in _all_links(node, key.party_id)]
    write_table(path, MEMBERS, rows)
    return len(rows)


def _all_links(node: Node, party_id: str) -> Iterator[Link]:
    after = ""
    while page := node.store.links_of(party_id, after=after, limit=_PAGE):
        yield from page
        after = page[-1].link_id


def _to_row(link: Link) -> dict[str, str]:
    cells = write_link(link).items()
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value) for name, value in cells
    }


def _read_rows(node: Node, key: ApiKey, rows: Iterable[LinkRow]) -> list[Link]:
    speaks_for = speaker(node, key)
    links: dict[str, Link] = {}
    defaults: dict[str, str] = {}
    problems: list[Problem] = []
    strangers: list[Problem] = []
    for count, row in enumerate(rows, 1):
        if count > IMPORT_MAX:
            raise TooLarge(f"more than {IMPORT_MAX:,} links at once: split them")
        try:
            link = read_link(row.cells)
        except Invalid as error:
            problems += (Problem(f"{row.pointer}{p.pointer}", p.message) for p in error.problems)
            continue
        if link.link_id in links:
            problems.append(
                Problem(f"{row.pointer}href", "is there twice for this id and linkType: keep one")
            )
        if link.is_default and defaults.setdefault(link.anchor, link.link_id) != link.link_id:
            problems.append(
                Problem(f"{row.pointer}default", f"{link.anchor} has two default links: keep one")
            )
        if not speaks_for(link.anchor):
            strangers.append(Problem(f"{row.pointer}id", _not_theirs(key, link.anchor)))
        links[link.link_id] = link
    if problems:
        raise Invalid(f"{len(problems)} faults, no link was registered: {problems[0]}", problems)
    if strangers:
        raise NotAllowed(f"{len(strangers)} links, none was registered: {strangers[0].message}", strangers)
    return list(links.values())


def _known(node: Node, links: Sequence[Link]) -> dict[str, Link]:
    anchors = list(dict.fromkeys(link.anchor for link in links))
    chunks = (anchors[start : start + _ANCHORS] for start in range(0, len(anchors), _ANCHORS))
    return {link.link_id: link for chunk in chunks for link in node.store.links_at(chunk)}


def _not_theirs(key: ApiKey, anchor: str) -> str:
    return f"{key.party_id} does not speak for {anchor}: use a prefix of its own"


# --- resolving


def find_links(node: Node, digital_link: DigitalLink, item_page: str) -> list[Found]:
    """The links of each level that a Digital Link names, the finest first.

    `item_page` is the URL of our own page of the item. It stands at the key, and is the default where the
    owner registered none.
    """
    levels = levels_of(digital_link)
    return found_links(levels, node.store.links_at([level.anchor for level in levels]), item_page)


def found_links(levels: Sequence[Level], links: Sequence[Link], item_page: str) -> list[Found]:
    """As `find_links`, of the links that are registered for these levels."""
    own = _own_link(levels[-1].anchor, item_page, links)
    return [
        Found(level, tuple(link for link in (*links, own) if link.anchor == level.anchor)) for level in levels
    ]


def _own_link(anchor: str, item_page: str, links: Sequence[Link]) -> Link:
    # Where the owner says where the traceability is, ours must not compete.
    is_taken = any(link.link_type == TRACEABILITY for link in links)
    return Link(
        anchor,
        DESCRIBED_BY if is_taken else TRACEABILITY,
        item_page,
        _TITLE,
        ("zh", "en"),
        "text/html",
        is_default=not any(link.is_default for link in links),
    )


def describe_links(node: Node, found: Sequence[Found], root: str) -> list[LinkedLevel]:
    """The levels as a linkset tells them: by the Digital Link below `root`, and in words."""
    known = node.store.master_data([found[-1].level.anchor])
    entry = next(iter(known.values()), None)
    name = " · ".join(filter(None, (entry.name_zh, entry.name))) if entry else ""
    return [
        LinkedLevel(f"{root}{one.level.path}", f"{name} {_element_string(one.level)}".strip(), one.links)
        for one in found
    ]


def _element_string(level: Level) -> str:
    steps = [unquote(step) for step in level.path.split("/")[1:]]
    return write_element_string(zip(steps[::2], steps[1::2], strict=True))
