"""Capture jobs are listed, the newest first."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("capture_job_by_time", "capture_job", ["created_ms", "capture_id"])
    op.create_index("capture_job_by_party", "capture_job", ["party_id", "created_ms", "capture_id"])
