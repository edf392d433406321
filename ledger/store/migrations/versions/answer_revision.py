"""A count of what changed the answers of resolution."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "answer_revision",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name="answer_revision_is_one_row"),
    )
    op.execute("INSERT INTO answer_revision (id, revision) VALUES (1, 0)")
