"""Named queries, subscriptions, and the deliveries that are on their way."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

OrderedText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "named_query",
        sa.Column("name", OrderedText, primary_key=True),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "subscription",
        sa.Column("subscription_id", sa.Text(), primary_key=True),
        sa.Column("query_name", OrderedText, sa.ForeignKey("named_query.name"), nullable=False),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("dest", sa.Text(), nullable=False),
        sa.Column("signature_token", sa.Text(), nullable=False),
        sa.Column("schedule", sa.Text(), nullable=False),
        sa.Column("report_if_empty", sa.Boolean(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("epc_format", sa.Text(), nullable=False),
        sa.Column("cbv_xml_format", sa.Text(), nullable=False),
        sa.Column("initial_record_ms", sa.BigInteger(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_notified_ms", sa.BigInteger()),
        sa.Column("events_max", sa.Integer(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("running", sa.Boolean(), nullable=False),
        sa.Column("next_run_ms", sa.BigInteger()),
        sa.Column("min_record_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("subscription_by_query", "subscription", ["query_name", "subscription_id"])
    op.create_table(
        "delivery",
        sa.Column("delivery_id", sa.Text(), primary_key=True),
        sa.Column(
            "subscription_id", sa.Text(), sa.ForeignKey("subscription.subscription_id"), nullable=False
        ),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("dead", sa.Boolean(), nullable=False),
    )
    op.create_index("delivery_by_subscription", "delivery", ["subscription_id", "dead", "delivery_id"])
