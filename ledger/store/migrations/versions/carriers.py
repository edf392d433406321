"""Active carriers, and what they were bound to."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OrderedText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "carrier",
        sa.Column("carrier_id", OrderedText, primary_key=True),
        sa.Column("party_id", sa.Text(), sa.ForeignKey("party.party_id"), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_index("carrier_by_party", "carrier", ["party_id", "carrier_id"])
    op.create_table(
        "carrier_binding",
        sa.Column("carrier_id", OrderedText, sa.ForeignKey("carrier.carrier_id"), primary_key=True),
        sa.Column("from_ms", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("uri", sa.Text(), nullable=False),
        sa.Column("until_ms", sa.BigInteger()),
    )
    op.create_index("carrier_binding_by_uri", "carrier_binding", ["uri", "from_ms"])
