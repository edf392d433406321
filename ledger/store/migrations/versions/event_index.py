"""What queries for events are answered from, filled from the events that are there."""

import sqlalchemy as sa
from alembic import op

from ledger.store.index import fill_index

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OrderedText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for column in ("biz_step", "disposition", "read_point", "biz_location"):
            op.alter_column("event", column, type_=OrderedText)
    op.create_index("event_by_time", "event", ["event_time_ms", "log_index"])
    op.create_index("event_by_record_time", "event", ["recorded_at_ms", "log_index"])
    op.create_index("event_by_biz_step", "event", ["biz_step", "event_time_ms", "log_index"])
    op.create_index("event_by_disposition", "event", ["disposition", "event_time_ms", "log_index"])
    op.create_index("event_by_read_point", "event", ["read_point", "event_time_ms", "log_index"])
    op.create_index("event_by_biz_location", "event", ["biz_location", "event_time_ms", "log_index"])
    op.create_table(
        "event_class",
        sa.Column("class_uri", OrderedText, primary_key=True),
        sa.Column("level", sa.Text(), primary_key=True),
        sa.Column("log_index", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("role", sa.Text(), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("event_class_by_event", "event_class", ["log_index"])
    op.create_table(
        "event_text",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("text", OrderedText, primary_key=True),
        sa.Column("log_index", sa.BigInteger(), primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_number",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("number", sa.Double(), primary_key=True, autoincrement=False),
        sa.Column("log_index", sa.BigInteger(), primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_index("event_number_by_event", "event_number", ["log_index", "name", "number"])
    op.create_table(
        "master_attribute",
        sa.Column("uri", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("master_attribute_by_value", "master_attribute", ["name", "value"])
    fill_index(op.get_bind())
