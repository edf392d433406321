"""Alembic runs this file: the caller hands in the connection, inside its own transaction."""

from alembic import context

from ledger.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
