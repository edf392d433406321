"""Watched bindings, their excursions, and what is captured of them."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

OrderedText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def number(name: str, *, nullable: bool = False, primary_key: bool = False) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=nullable, primary_key=primary_key, autoincrement=False)


def text(name: str, *, primary_key: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, primary_key=primary_key)


def in_table(name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["carrier_id", "from_ms"], [f"{name}.carrier_id", f"{name}.from_ms"])


def upgrade() -> None:
    for column in (
        sa.Column("profile", sa.Text(), nullable=False, server_default=""),
        sa.Column("key_id", sa.LargeBinary(), nullable=False, server_default=""),
    ):
        op.add_column("carrier_binding", column)
    op.create_table(
        "cold_watch",
        sa.Column("carrier_id", OrderedText, primary_key=True),
        number("from_ms", primary_key=True),
        number("until_ms", nullable=True),
        number("revision"),
        number("dirty_ms", nullable=True),
        text("profile"),
        text("watch"),
        in_table("carrier_binding"),
    )
    op.create_index("cold_watch_by_dirty", "cold_watch", ["dirty_ms"])
    op.create_table(
        "excursion",
        sa.Column("carrier_id", OrderedText, primary_key=True),
        number("from_ms", primary_key=True),
        text("rule", primary_key=True),
        number("began_ms", primary_key=True),
        number("opened_ms"),
        number("closed_ms", nullable=True),
        number("peak_milli"),
        number("peak_ms"),
        number("out_ms"),
        number("gap_ms"),
        in_table("cold_watch"),
    )
    op.create_table(
        "excursion_event",
        sa.Column("number", RowNumber, primary_key=True),
        sa.Column("carrier_id", OrderedText, nullable=False),
        number("from_ms"),
        text("kind"),
        sa.Column("declares", sa.Boolean(), nullable=False),
        text("rule"),
        number("began_ms"),
        number("at_ms"),
        number("peak_milli"),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        text("state"),
        text("problem"),
        text("document"),
        in_table("cold_watch"),
    )
    op.create_index("excursion_event_by_binding", "excursion_event", ["carrier_id", "from_ms", "number"])
    op.create_index("excursion_event_by_state", "excursion_event", ["state", "number"])
