"""Records of identifiers; and indexes of the events without the changes of records, which are none."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OrderedText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "identifier_record",
        sa.Column("uri", OrderedText, primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("log_index", sa.BigInteger(), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("kept", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    is_event = sa.text("event_type <> 'RecordChange'")
    op.drop_index("event_by_time", "event")
    op.create_index(
        "event_by_time",
        "event",
        ["event_time_ms", "log_index"],
        sqlite_where=is_event,
        postgresql_where=is_event,
    )
    op.create_index("event_in_log", "event", ["log_index"], sqlite_where=is_event, postgresql_where=is_event)
