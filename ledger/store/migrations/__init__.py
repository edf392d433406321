"""How the tables came to be. `open_store` runs what a database still lacks.

A migration is a file in versions/, written by hand, with the next number as `revision` and
the one before as `down_revision`. A test compares where they end with `ledger.store.tables`.
There is no way down: to go back, restore a backup.
"""
