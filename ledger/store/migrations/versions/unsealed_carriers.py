"""Which carriers have messages that wait for a seal, by the one that waits longest."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("telemetry_by_seal", "telemetry")
    op.create_index("telemetry_by_seal", "telemetry", ["carrier_id", "seal_id", "received_ms"])
    op.add_column("carrier_heard", sa.Column("unsealed_ms", sa.BigInteger()))
    op.execute("""
        UPDATE carrier_heard SET unsealed_ms = (
            SELECT min(received_ms) FROM telemetry
            WHERE telemetry.carrier_id = carrier_heard.carrier_id AND telemetry.seal_id = ''
        ) WHERE carrier_id IN (SELECT carrier_id FROM carrier_binding)
    """)
    op.create_index("carrier_heard_by_unsealed", "carrier_heard", ["unsealed_ms"])
