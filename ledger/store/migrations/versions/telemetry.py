"""Signed messages of carriers."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

OrderedText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def carrier_id() -> sa.Column[str]:
    return sa.Column("carrier_id", OrderedText, sa.ForeignKey("carrier.carrier_id"), primary_key=True)


def upgrade() -> None:
    op.create_table(
        "telemetry",
        carrier_id(),
        sa.Column("sequence", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
    )
    op.create_index("telemetry_by_time", "telemetry", ["carrier_id", "last_ms", "sequence"])
    op.create_table(
        "telemetry_refusal",
        carrier_id(),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "carrier_heard",
        carrier_id(),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("battery_percent", sa.Integer()),
        sa.Column("newest_ms", sa.BigInteger(), nullable=False),
        sa.Column("sequence_min", sa.BigInteger(), nullable=False),
        sa.Column("sequence_max", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
    )
