"""GS1 company prefixes as EPC URNs spell them, and which events arrived with EPC URNs."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "company_prefix",
        sa.Column("prefix", sa.Text(), primary_key=True),
    )
    op.add_column(
        "event", sa.Column("arrived_as_urn", sa.Boolean(), nullable=False, server_default=sa.false())
    )
