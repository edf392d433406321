"""Links of identifiers: put, read by anchor, listed by party."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update

from ledger.domain.errors import Conflict, NotFound
from ledger.domain.links import LINKS_MAX, Link
from ledger.store import tables
from ledger.store.answer_revision import count_change
from ledger.store.bulk import chunks, insert_rows
from ledger.store.database import Database

_LINK = tables.link.c
_READ = select(
    _LINK.anchor,
    _LINK.link_type,
    _LINK.href,
    _LINK.title,
    _LINK.languages,
    _LINK.media_type,
    _LINK.contexts,
    _LINK.is_default,
    _LINK.is_default_multi,
)
# Made once, because making a statement takes longer than running it.
_READ_AT = (
    _READ.where(_LINK.anchor.in_(bindparam("anchors", expanding=True)))
    .order_by(_LINK.changed_ms, _LINK.link_id)
    .limit(bindparam("most"))
)
_CHUNK = 500


def read_links(connection: Connection, anchors: Sequence[str]) -> list[Link]:
    given = {"anchors": anchors, "most": len(anchors) * LINKS_MAX}
    return [_to_link(row) for row in connection.execute(_READ_AT, given)]


class Links(Database):
    """The part of `Store` about links of identifiers."""

    def put_links(self, links: Sequence[Link], party_id: str, changed_ms: int) -> None:
        with self.writing() as connection:
            # On PostgreSQL two defaults of one anchor could else be put side by side.
            connection.execute(select(tables.log_head.c.id).with_for_update())
            for chunk in chunks(links, _CHUNK):
                _end_defaults(connection, [link.anchor for link in chunk if link.is_default])
                rows = {link.link_id: _from_link(link, party_id, changed_ms) for link in chunk}
                insert_rows(connection, tables.link, list(rows.values()), "replace")
                _check_counts(connection, [link.anchor for link in chunk])
            count_change(connection)

    def links_at(self, anchors: Sequence[str]) -> list[Link]:
        with self.reading() as connection:
            return read_links(connection, anchors)

    def links_of(self, party_id: str, *, after: str, limit: int) -> list[Link]:
        query = _READ.where(_LINK.party_id == party_id).order_by(_LINK.anchor, _LINK.link_id).limit(limit)
        with self.reading() as connection:
            if after:
                anchor = connection.scalar(select(_LINK.anchor).where(_LINK.link_id == after))
                behind = (_LINK.anchor > anchor) | ((_LINK.anchor == anchor) & (_LINK.link_id > after))
                query = query.where(behind)
            return [_to_link(row) for row in connection.execute(query)]

    def link(self, link_id: str) -> Link | None:
        with self.reading() as connection:
            row = connection.execute(_READ.where(_LINK.link_id == link_id)).one_or_none()
        return _to_link(row) if row else None

    def remove_link(self, link_id: str) -> None:
        with self.writing() as connection:
            if not connection.execute(delete(tables.link).where(_LINK.link_id == link_id)).rowcount:
                raise NotFound(f"link {link_id}: there is none with this id")
            count_change(connection)


def _end_defaults(connection: Connection, anchors: Sequence[str]) -> None:
    connection.execute(update(tables.link).where(_LINK.anchor.in_(anchors)).values(is_default=False))


def _check_counts(connection: Connection, anchors: Sequence[str]) -> None:
    counted = select(_LINK.anchor).where(_LINK.anchor.in_(anchors)).group_by(_LINK.anchor)
    full = connection.scalar(counted.having(func.count() > LINKS_MAX).limit(1))
    if full:
        raise Conflict(f"{full}: has more than {LINKS_MAX} links; remove some first")


def _from_link(link: Link, party_id: str, changed_ms: int) -> tuple[Any, ...]:
    lists = (",".join(link.languages), ",".join(link.contexts))
    flags = (link.is_default, link.is_default_multi)
    head = (link.anchor, link.link_id, party_id, link.link_type, link.media_type)
    return (*head, *lists, *flags, changed_ms, link.title, link.href)


def _to_link(row: Sequence[Any]) -> Link:
    anchor, link_type, href, title, languages, media_type, contexts, *flags = row
    return Link(anchor, link_type, href, title, _split(languages), media_type, _split(contexts), *flags)


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()
