"""Readings that parties imported from logger files."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

OrderedText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "logger_import",
        sa.Column("import_id", sa.Text(), primary_key=True),
        sa.Column("carrier_id", OrderedText, sa.ForeignKey("carrier.carrier_id"), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("imported_ms", sa.BigInteger(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("file_hash", sa.LargeBinary(), nullable=False),
        sa.Column("mapping", sa.Text(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
    )
    op.create_index("logger_import_by_carrier", "logger_import", ["carrier_id", "imported_ms"])
    op.create_table(
        "imported_reading",
        sa.Column("carrier_id", OrderedText, sa.ForeignKey("carrier.carrier_id"), primary_key=True),
        sa.Column("at_ms", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("quantity", sa.Text(), primary_key=True),
        sa.Column("milli", sa.BigInteger(), nullable=False),
        sa.Column("import_id", sa.Text(), sa.ForeignKey("logger_import.import_id"), nullable=False),
    )
