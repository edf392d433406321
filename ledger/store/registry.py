"""What the registry's notices said, up to which block, and how it is taken back when a block is replaced."""

from collections.abc import Collection, Sequence
from dataclasses import astuple

from sqlalchemy import Connection, delete, select, tuple_, update

from ledger.domain.errors import Conflict
from ledger.domain.registry import Change, ChangeKind
from ledger.ports import NO_PLACE, Block, RegistryHead
from ledger.store import tables
from ledger.store.bulk import insert_rows
from ledger.store.database import Database

_HEAD, _CHANGE = tables.registry_head.c, tables.registry_change.c
_COLUMNS = (
    _CHANGE.block_number,
    _CHANGE.log_index,
    _CHANGE.block_hash,
    _CHANGE.tx_hash,
    _CHANGE.time_s,
    _CHANGE.kind,
    _CHANGE.node,
    _CHANGE.account,
    _CHANGE.other,
    _CHANGE.scheme,
    _CHANGE.text,
    _CHANGE.scope,
    _CHANGE.expires_s,
)
_PLACE = tuple_(_CHANGE.block_number, _CHANGE.log_index)
_IN_ORDER = select(*_COLUMNS).order_by(_CHANGE.block_number, _CHANGE.log_index)
_NO_BLOCK = (-1, b"")


class RegistryChanges(Database):
    """The part of `Store` about what the registry's notices said."""

    def registry_head(self) -> RegistryHead:
        with self.reading() as connection:
            return _read_head(connection)

    def registry_changes(
        self, head: RegistryHead, *, after: tuple[int, int] = NO_PLACE, limit: int
    ) -> list[Change]:
        until = head.block.number if head.block else -1
        page = _IN_ORDER.where(after < _PLACE, _CHANGE.block_number <= until).limit(limit)
        with self.reading() as connection:
            changes = [Change(*row) for row in connection.execute(page)]
            # Asked afterwards: what is read in the revision of `head` never changes while that lasts.
            if _read_head(connection).revision != head.revision:
                raise Conflict("the registry's changes were taken back meanwhile: read them again")
        return changes

    def prefix_changes(
        self,
        node: bytes,
        *,
        kinds: Collection[ChangeKind] = (),
        after: tuple[int, int] = NO_PLACE,
        limit: int,
    ) -> list[Change]:
        page = _IN_ORDER.where(_CHANGE.node == node, after < _PLACE).limit(limit)
        if kinds:
            page = page.where(_CHANGE.kind.in_(sorted(kinds)))
        with self.reading() as connection:
            return [Change(*row) for row in connection.execute(page)]

    def registry_block_before(self, number: int) -> Block | None:
        newest = (
            select(_CHANGE.block_number, _CHANGE.block_hash)
            .where(_CHANGE.block_number < number)
            .order_by(_CHANGE.block_number.desc())
            .limit(1)
        )
        with self.reading() as connection:
            row = connection.execute(newest).one_or_none()
        return Block(*row) if row else None

    def extend_registry(self, head: RegistryHead, changes: Sequence[Change], block: Block) -> RegistryHead:
        with self.writing() as connection:
            moved = _move(connection, head, block, head.revision)
            insert_rows(connection, tables.registry_change, [astuple(change) for change in changes])
        return moved

    def cut_registry(self, head: RegistryHead, block: Block | None) -> RegistryHead:
        number = block.number if block else -1
        with self.writing() as connection:
            moved = _move(connection, head, block, head.revision + 1)
            connection.execute(delete(tables.registry_change).where(_CHANGE.block_number > number))
            # Entries for decisions of an earlier block are taken again from here on.
            connection.execute(update(tables.prefix_head).values(block_number=max(number, 0)))
        return moved


def _read_head(connection: Connection) -> RegistryHead:
    row = connection.execute(select(_HEAD.block_number, _HEAD.block_hash, _HEAD.revision)).one()
    return RegistryHead(Block(row.block_number, row.block_hash) if row.block_hash else None, row.revision)


def _move(connection: Connection, head: RegistryHead, block: Block | None, revision: int) -> RegistryHead:
    number, block_hash = (head.block.number, head.block.hash) if head.block else _NO_BLOCK
    new_number, new_hash = (block.number, block.hash) if block else _NO_BLOCK
    stands = (_HEAD.block_number == number, _HEAD.block_hash == block_hash, _HEAD.revision == head.revision)
    move = update(tables.registry_head).where(*stands)
    move = move.values(block_number=new_number, block_hash=new_hash, revision=revision)
    if not connection.execute(move).rowcount:
        raise Conflict("the copy of the registry was moved on by another process: look again")
    return RegistryHead(block, revision)
