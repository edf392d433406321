"""The SQL index: facts of the log, and caches of its trees, on SQLite or PostgreSQL."""

from ledger.store.sql_store import SqlStore, open_store

__all__ = ["SqlStore", "open_store"]
