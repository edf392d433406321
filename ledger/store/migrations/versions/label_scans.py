"""Scans of labels, for finding copies."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OrderedText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "label_scan",
        sa.Column("uri", OrderedText, primary_key=True),
        sa.Column("at_ms", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("nonce", sa.LargeBinary(), primary_key=True),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Double()),
        sa.Column("longitude", sa.Double()),
        sa.Column("scanner", sa.Text(), nullable=False),
        sa.Column("device", sa.LargeBinary(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("label_scan_by_time", "label_scan", ["at_ms"])
