"""Anchors and their way to the chain: PREPARED -> SIGNED -> MINED -> FINAL, and MINED -> SIGNED.

Each step names the states it may start from inside its own UPDATE, so two workers that both
believe to be alone cannot take it twice: the second gets Conflict and has to look again.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, func, insert, select, update

from ledger.domain.anchor import Anchor
from ledger.domain.errors import Conflict, NotFound
from ledger.ports import AnchorRecord, AnchorState, Block, SignedTx, TreeGrowth
from ledger.store import tables
from ledger.store.caches import grow_caches
from ledger.store.database import Database

_ANCHOR, _TX = tables.anchor.c, tables.anchor_tx.c
_ANCHOR_WIDTH = len(tables.anchor.columns)


class Anchors(Database):
    """The part of `Store` about anchors."""

    def hold_anchor_lock(self) -> AbstractContextManager[bool]:
        return self.locked("anchor")

    def newest_anchor(self, state: AnchorState | None = None) -> AnchorRecord | None:
        query = select(tables.anchor).order_by(_ANCHOR.number.desc()).limit(1)
        if state is not None:
            query = query.where(_ANCHOR.state == state.value)
        return self._one(query)

    def anchor(self, number: int) -> AnchorRecord | None:
        return self._one(select(tables.anchor).where(_ANCHOR.number == number))

    def anchors(self, *, start: int = 1, limit: int) -> list[AnchorRecord]:
        return self._all(
            select(tables.anchor).where(_ANCHOR.number >= start).order_by(_ANCHOR.number).limit(limit)
        )

    def first_final_anchor_over(self, log_index: int) -> AnchorRecord | None:
        return self._one(
            select(tables.anchor)
            .where(_ANCHOR.size > log_index, _ANCHOR.state == AnchorState.FINAL.value)
            .order_by(_ANCHOR.size)
            .limit(1)
        )

    def prepare_anchor(self, anchor: Anchor, note: str, prepared_ms: int) -> None:
        with self.writing() as connection:
            newest = connection.execute(
                select(_ANCHOR.number, _ANCHOR.state).order_by(_ANCHOR.number.desc()).limit(1)
            ).one_or_none()
            _assert_follows(anchor, newest)
            # Should another worker prepare the same number now, the primary key refuses one of us.
            connection.execute(
                insert(tables.anchor).values(
                    number=anchor.number,
                    chain_id=anchor.chain_id,
                    contract=anchor.contract,
                    log_id=anchor.log_id,
                    previous=anchor.previous,
                    size=anchor.size,
                    log_root=anchor.log_root,
                    map_root=anchor.map_root,
                    note=note,
                    state=AnchorState.PREPARED.value,
                    prepared_ms=prepared_ms,
                )
            )

    def add_anchor_tx(self, number: int, tx: SignedTx) -> None:
        with self.writing() as connection:
            origins = (AnchorState.PREPARED, AnchorState.SIGNED)
            _move(connection, number, origins, state=AnchorState.SIGNED.value)
            position = connection.execute(
                select(func.count()).select_from(tables.anchor_tx).where(_TX.number == number)
            ).scalar_one()
            connection.execute(
                insert(tables.anchor_tx).values(
                    tx_hash=tx.tx_hash,
                    number=number,
                    position=position,
                    nonce=tx.nonce,
                    gas_price_wei=tx.gas_price_wei,
                    raw=tx.raw,
                )
            )

    def mark_mined(self, number: int, tx_hash: bytes, block: Block) -> None:
        with self.writing() as connection:
            candidate = select(_TX.tx_hash).where(_TX.number == number, _TX.tx_hash == tx_hash)
            if connection.execute(candidate).one_or_none() is None:
                raise Conflict(f"anchor {number}: tx {tx_hash.hex()} is none of those saved for it")
            _move(
                connection,
                number,
                (AnchorState.SIGNED,),
                state=AnchorState.MINED.value,
                tx_hash=tx_hash,
                block_number=block.number,
                block_hash=block.hash,
            )

    def mark_unmined(self, number: int) -> None:
        with self.writing() as connection:
            _move(
                connection,
                number,
                (AnchorState.MINED,),
                state=AnchorState.SIGNED.value,
                tx_hash=None,
                block_number=None,
                block_hash=None,
            )

    def finish_anchor(self, number: int, growth: TreeGrowth) -> None:
        with self.writing() as connection:
            _move(connection, number, (AnchorState.MINED,), state=AnchorState.FINAL.value)
            grow_caches(connection, growth)

    def _one(self, query: Select[Any]) -> AnchorRecord | None:
        return next(iter(self._all(query)), None)

    def _all(self, query: Select[Any]) -> list[AnchorRecord]:
        """The anchors of `query` with their txs, as of one moment."""
        found = query.subquery()
        with_txs = (
            select(found, *tables.anchor_tx.c)
            .outerjoin(tables.anchor_tx, _TX.number == found.c.number)
            .order_by(found.c.number, _TX.position)
        )
        with self.reading() as connection:
            rows = connection.execute(with_txs).all()
        return [_to_record(list(group)) for _, group in groupby(rows, key=lambda row: row[0])]


def _assert_follows(anchor: Anchor, newest: Row[*tuple[Any, ...]] | None) -> None:
    if newest is not None and newest.state != AnchorState.FINAL.value:
        raise Conflict(f"anchor {anchor.number}: anchor {newest.number} is {newest.state}; finish it first")
    expected = newest.number + 1 if newest else 1
    if anchor.number != expected:
        raise Conflict(f"anchor {anchor.number}: the next one is {expected}")


def _move(connection: Connection, number: int, origins: Sequence[AnchorState], **values: Any) -> None:
    """Set `values` on an anchor that is in one of the states `origins`; Conflict when it is not."""
    states = [state.value for state in origins]
    moved = update(tables.anchor).where(_ANCHOR.number == number, _ANCHOR.state.in_(states)).values(**values)
    if connection.execute(moved).rowcount:
        return
    state = connection.execute(select(_ANCHOR.state).where(_ANCHOR.number == number)).scalar_one_or_none()
    if state is None:
        raise NotFound(f"anchor {number}: there is none with this number")
    expected = " or ".join(states)
    raise Conflict(f"anchor {number}: is {state}, should be {expected} to become {values['state']}")


def _to_record(rows: Sequence[Sequence[Any]]) -> AnchorRecord:
    """One anchor from its rows in the join: the same anchor columns each time, then those of one tx."""
    number, chain_id, contract, log_id, previous, size, log_root, map_root, *way = rows[0][:_ANCHOR_WIDTH]
    note, state, tx_hash, block_number, block_hash, prepared_ms = way
    return AnchorRecord(
        Anchor(chain_id, contract, log_id, number, previous, size, log_root, map_root),
        note,
        AnchorState(state),
        tuple(tx for row in rows if (tx := _to_tx(row[_ANCHOR_WIDTH:])) is not None),
        tx_hash,
        None if block_hash is None else Block(block_number, block_hash),
        prepared_ms,
    )


def _to_tx(columns: Sequence[Any]) -> SignedTx | None:
    tx_hash, _, _, nonce, gas_price_wei, raw = columns
    return None if tx_hash is None else SignedTx(tx_hash, raw, nonce, gas_price_wei)
