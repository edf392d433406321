"""Links of items are not checked row by row when they are written: the audit finds those that lead nowhere.

The two foreign keys took an eighth of PostgreSQL's time for a capture. Links are only ever written with their
event and items, in one transaction, and none of the three is deleted.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for column in ("item_key", "log_index"):
            op.drop_constraint(f"event_item_{column}_fkey", "event_item")
        return
    # SQLite drops no constraint of a table that is there.
    op.drop_index("event_item_by_event")
    op.rename_table("event_item", "old_event_item")
    op.create_table(
        "event_item",
        sa.Column("item_key", sa.LargeBinary(), primary_key=True),
        sa.Column("log_index", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("role", sa.Text(), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO event_item (item_key, log_index, role) "
        "SELECT item_key, log_index, role FROM old_event_item ORDER BY item_key, log_index, role"
    )
    op.drop_table("old_event_item")
    op.create_index("event_item_by_event", "event_item", ["log_index"])
