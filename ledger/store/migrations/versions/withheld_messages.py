"""Messages removed by policy: since when, their numbers, and from where bindings are folded again."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

OrderedText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("telemetry_seal", sa.Column("withheld_ms", sa.BigInteger()))
    op.create_table(
        "withheld_numbers",
        sa.Column("carrier_id", OrderedText, sa.ForeignKey("carrier.carrier_id"), primary_key=True),
        sa.Column("first", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
    )
    op.add_column("cold_watch", sa.Column("base_ms", sa.BigInteger()))
    op.add_column("cold_watch", sa.Column("base", sa.Text(), nullable=False, server_default=""))
