"""How often identifiers were resolved, by the hour."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

OrderedText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_NUMBERS = (
    "count",
    "total_us",
    "within_500_us",
    "within_1000_us",
    "within_2500_us",
    "within_5000_us",
    "within_10000_us",
    "within_25000_us",
    "within_100000_us",
    "within_500000_us",
    "within_2500000_us",
    "within_10000000_us",
    "beyond_us",
)


def upgrade() -> None:
    op.create_table(
        "resolution_count",
        sa.Column("hour_s", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("scheme", sa.Text(), primary_key=True),
        sa.Column("prefix", OrderedText, primary_key=True),
        sa.Column("interface", sa.Text(), primary_key=True),
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("outcome", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _NUMBERS),
        sqlite_with_rowid=False,
    )
    op.create_index("resolution_count_by_prefix", "resolution_count", ["scheme", "prefix", "hour_s"])
