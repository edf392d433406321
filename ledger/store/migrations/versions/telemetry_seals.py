"""Seals that commit to messages of carriers."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OrderedText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("telemetry", sa.Column("seal_id", sa.Text(), nullable=False, server_default=""))
    op.create_index("telemetry_by_seal", "telemetry", ["seal_id", "received_ms"])
    op.create_table(
        "telemetry_seal",
        sa.Column("seal_id", sa.Text(), primary_key=True),
        sa.Column("carrier_id", OrderedText, sa.ForeignKey("carrier.carrier_id"), nullable=False),
        sa.Column("sealed_ms", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
    )
    op.create_index("telemetry_seal_by_carrier", "telemetry_seal", ["carrier_id", "sealed_ms"])
    op.create_index("telemetry_seal_by_state", "telemetry_seal", ["state", "sealed_ms"])
