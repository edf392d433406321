"""What began, ended, packed or unpacked items: read for the business rules, and for nothing else."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, exists, or_, select

from ledger.domain.commitment import item_key
from ledger.domain.rules import ENDED, ENDING_STEPS, Part
from ledger.store import tables
from ledger.store.bulk import rows_where_in

_EVENT, _LINK, _ITEM = tables.event.c, tables.event_item.c, tables.item.c
_OTHER = tables.event_item.alias("other")
_DECLARATION = tables.event.alias("declaration")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_parent = (
    select(_ITEM.uri)
    .join(_OTHER, _OTHER.c.item_key == _ITEM.item_key)
    .where(_OTHER.c.log_index == _EVENT.log_index, _OTHER.c.role == "parent")
    .limit(1)
    .correlate(tables.event)
    .scalar_subquery()
)
_has_children = exists(
    select(_OTHER.c.log_index)
    .where(_OTHER.c.log_index == _EVENT.log_index, _OTHER.c.role.in_(("child", "child_class")))
    .correlate(tables.event)
)
_declared_wrong = exists(
    select(_DECLARATION.c.log_index)
    .where(
        _DECLARATION.c.event_id == _EVENT.event_id,
        _DECLARATION.c.declared_ms != tables.NOT_DECLARED,
    )
    .correlate(tables.event)
)
# Sightings, which are most of an item's events, change nothing about it.
_matters = or_(
    _EVENT.action.in_(("ADD", "DELETE")),
    _EVENT.event_type == "TransformationEvent",
    _EVENT.biz_step.in_(sorted(ENDING_STEPS)),
    _EVENT.disposition.in_(sorted(ENDED)),
)
_PARTS = (
    select(
        _LINK.item_key,
        _LINK.role,
        _EVENT.event_id,
        _EVENT.event_type,
        _EVENT.action,
        _EVENT.biz_step,
        _EVENT.disposition,
        _EVENT.event_time_ms,
        _parent,
        _has_children,
    )
    .join(tables.event, _EVENT.log_index == _LINK.log_index)
    .where(_matters, ~_declared_wrong)
    .order_by(_LINK.log_index)
)


def read_parts(connection: Connection, uris: Sequence[str]) -> list[Part]:
    """As `Append.parts`."""
    known = {item_key(uri): uri for uri in uris}
    parts = []
    for row in rows_where_in(connection, _PARTS, _LINK.item_key, sorted(known)):
        key, role, event_id, event_type, action, biz_step, disposition, time_ms, parent, has_children = row
        time = _EPOCH + timedelta(milliseconds=time_ms)
        what = (event_id, event_type, action, biz_step, disposition)
        parts.append(Part(known[key], role, *what, time, parent, bool(has_children)))
    return parts
