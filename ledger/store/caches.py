"""What is computed from the log and kept for speed: log nodes, map tiles, mini-log frontiers."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, select

from ledger.domain.item_map import Tile
from ledger.domain.merkle import Frontier
from ledger.ports import TreeGrowth
from ledger.store import tables
from ledger.store.bulk import insert_rows, rows_where_in
from ledger.store.database import Database

_EVENT, _NODE = tables.event.c, tables.log_node.c
_TILE, _FRONTIER = tables.map_tile.c, tables.item_frontier.c
_tiles, _frontiers = select(_TILE.prefix, _TILE.tile), select(_FRONTIER.item_key, _FRONTIER.frontier)


def grow_caches(connection: Connection, growth: TreeGrowth) -> None:
    """Save what an anchor adds; what stood there before is replaced."""
    nodes = [(level, index, node) for (level, index), node in growth.log_nodes.items()]
    tiles = [(prefix, tile.to_bytes()) for prefix, tile in growth.tiles.items()]
    frontiers = [(key, frontier.to_bytes()) for key, frontier in growth.items.items()]
    # In key order neighbours fall on one page of the index.
    insert_rows(connection, tables.log_node, nodes, "replace")
    insert_rows(connection, tables.map_tile, sorted(tiles), "replace")
    insert_rows(connection, tables.item_frontier, sorted(frontiers), "replace")


class Caches(Database):
    """The part of `Store` about the caches of log and item map."""

    def read_hashes(self, level: int, start: int, count: int) -> list[bytes]:
        if level == 0:
            index, query = _EVENT.log_index, select(_EVENT.leaf_hash)
        else:
            index, query = _NODE.node_index, select(_NODE.hash).where(_NODE.level == level)
        query = query.where(index >= start, index < start + count).order_by(index)
        with self.reading() as connection:
            return list(connection.execute(query).scalars())

    def read_tiles(self, prefixes: Sequence[str]) -> Mapping[str, Tile]:
        with self.reading() as connection:
            rows = rows_where_in(connection, _tiles, _TILE.prefix, prefixes)
            return {prefix: Tile.from_bytes(tile) for prefix, tile in rows}

    def item_frontiers(self, keys: Sequence[bytes]) -> Mapping[bytes, Frontier]:
        with self.reading() as connection:
            rows = rows_where_in(connection, _frontiers, _FRONTIER.item_key, keys)
            return {key: Frontier.from_bytes(frontier) for key, frontier in rows}

    def save_caches(self, growth: TreeGrowth) -> None:
        with self.writing() as connection:
            grow_caches(connection, growth)

    def reset_caches(self) -> None:
        with self.writing() as connection:
            for table in (tables.log_node, tables.map_tile, tables.item_frontier):
                connection.execute(delete(table))
