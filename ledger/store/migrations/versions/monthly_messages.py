"""Messages of carriers stand, on PostgreSQL, in partitions by the month in which they came.

By `received_ms`, which is our clock: it only goes on, so messages come into one partition, the newest, and
there are as many as the node has months. By the time of the readings, one device with a wrong clock would ask
for partitions of any year. The price is that the primary key has to hold `received_ms` too. That a carrier
uses a number once is held, as before, by the lock on its row under which `add_telemetry` looks for the
number; each look for a number, a seal or a time asks an index of each partition. No message is older than
its readings, so those of a time are looked for in the partitions from then on only.
"""

import sqlalchemy as sa
from alembic import op

from ledger.domain.month import Month
from ledger.store.message_months import add_message_month

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _partition()


def _partition() -> None:
    op.rename_table("telemetry", "telemetry_before")
    for name in ("telemetry_pkey", "telemetry_by_time", "telemetry_by_seal"):
        op.execute(f"ALTER INDEX {name} RENAME TO {name}_before")
    op.execute("""
        CREATE TABLE telemetry (
            carrier_id TEXT COLLATE "C" NOT NULL REFERENCES carrier (carrier_id),
            sequence BIGINT NOT NULL, first_ms BIGINT NOT NULL, last_ms BIGINT NOT NULL,
            received_ms BIGINT NOT NULL, raw BYTEA NOT NULL, seal_id TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (carrier_id, sequence, received_ms)
        ) PARTITION BY RANGE (received_ms)
    """)
    times = sa.text("SELECT min(received_ms), max(received_ms) FROM telemetry_before")
    first_ms, last_ms = op.get_bind().execute(times).one()
    if first_ms is not None:
        month = Month.of(first_ms)
        while month <= Month.of(last_ms):
            add_message_month(op.get_bind(), month)
            month = month.next
        op.execute("INSERT INTO telemetry SELECT * FROM telemetry_before")  # the same, in the same order
    op.drop_table("telemetry_before")
    op.create_index("telemetry_by_time", "telemetry", ["carrier_id", "last_ms", "sequence"])
    op.create_index("telemetry_by_seal", "telemetry", ["carrier_id", "seal_id", "received_ms"])
