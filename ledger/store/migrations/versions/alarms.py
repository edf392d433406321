"""Alarms, who is told of them, and who acknowledged them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

OrderedText = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def number(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), nullable=False)


def text(name: str, *, primary_key: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=False, primary_key=primary_key)


def flag(name: str) -> "sa.Column[bool]":
    return sa.Column(name, sa.Boolean(), nullable=False)


def key_number(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.Integer(), primary_key=True, autoincrement=False)


def of_alarm() -> "sa.Column[str]":
    return sa.Column("alarm_id", sa.Text(), sa.ForeignKey("alarm.alarm_id"), primary_key=True)


def upgrade() -> None:
    # What is watched already has none until its next reading comes.
    op.add_column("cold_watch", sa.Column("silent_ms", sa.BigInteger()))
    op.create_index("cold_watch_by_silence", "cold_watch", ["until_ms", "silent_ms"])
    op.create_table(
        "alarm_policy",
        sa.Column("party_id", sa.Text(), sa.ForeignKey("party.party_id"), primary_key=True),
        sa.Column("name", OrderedText, primary_key=True),
        text("body"),
    )
    op.create_table(
        "alarm",
        text("alarm_id", primary_key=True),
        text("party_id"),
        sa.Column("carrier_id", OrderedText, nullable=False),
        number("from_ms"),
        text("uri"),
        text("profile"),
        text("kind"),
        text("rule"),
        sa.Column("quantity", sa.Text()),
        number("began_ms"),
        number("opened_ms"),
        number("raised_ms"),
        flag("planned"),
        flag("open"),
        sa.ForeignKeyConstraint(["carrier_id", "from_ms"], ["cold_watch.carrier_id", "cold_watch.from_ms"]),
        sa.UniqueConstraint("carrier_id", "from_ms", "rule", "began_ms", name="alarm_cause"),
    )
    op.create_index("alarm_by_plan", "alarm", ["planned", "raised_ms"])
    op.create_index("alarm_by_party", "alarm", ["party_id", "raised_ms", "alarm_id"])
    op.create_index("alarm_open", "alarm", ["open", "party_id", "raised_ms", "alarm_id"])
    op.create_table(
        "alarm_telling",
        of_alarm(),
        text("policy", primary_key=True),
        key_number("step"),
        text("way"),
        text("address"),
        text("token"),
        number("due_ms"),
        flag("held"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        text("state"),
        text("problem"),
    )
    op.create_index("alarm_telling_by_state", "alarm_telling", ["state", "due_ms"])
    op.create_table(
        "alarm_try",
        text("alarm_id", primary_key=True),
        text("policy", primary_key=True),
        key_number("step"),
        key_number("attempt"),
        number("at_ms"),
        text("problem"),
        sa.ForeignKeyConstraint(
            ["alarm_id", "policy", "step"],
            ["alarm_telling.alarm_id", "alarm_telling.policy", "alarm_telling.step"],
        ),
    )
    op.create_table(
        "alarm_acknowledgement",
        of_alarm(),
        number("at_ms"),
        text("name"),
        text("reason"),
        sa.Column("key_id", sa.LargeBinary(), nullable=False),
        text("event_id"),
        text("document"),
        text("state"),
        text("problem"),
    )
    op.create_index("alarm_acknowledgement_by_state", "alarm_acknowledgement", ["state", "at_ms"])
