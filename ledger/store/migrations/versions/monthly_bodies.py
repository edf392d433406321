"""Bodies of events stand in a table of their own, which PostgreSQL partitions by month of recording."""

import sqlalchemy as sa
from alembic import op

from ledger.domain.month import Month
from ledger.store.months import add_month

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _create_partitioned()
    else:
        op.create_table(
            "event_body",
            sa.Column("log_index", RowNumber, primary_key=True, autoincrement=False),
            sa.Column("recorded_at_ms", sa.BigInteger(), nullable=False),
            sa.Column("body", sa.LargeBinary(), nullable=False),
        )
    op.execute(
        "INSERT INTO event_body (log_index, recorded_at_ms, body) "
        "SELECT log_index, recorded_at_ms, body FROM event WHERE body IS NOT NULL ORDER BY log_index"
    )
    op.drop_column("event", "body")


def _create_partitioned() -> None:
    op.execute(
        "CREATE TABLE event_body (log_index BIGINT NOT NULL, recorded_at_ms BIGINT NOT NULL, "
        "body BYTEA NOT NULL, PRIMARY KEY (log_index, recorded_at_ms)) PARTITION BY RANGE (recorded_at_ms)"
    )
    times = sa.text("SELECT min(recorded_at_ms), max(recorded_at_ms) FROM event")
    first_ms, last_ms = op.get_bind().execute(times).one()
    if first_ms is None:
        return
    month = Month.of(first_ms)
    while month <= Month.of(last_ms):
        add_month(op.get_bind(), month)
        month = month.next
