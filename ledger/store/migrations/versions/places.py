"""Master data by kind: places are searched without reading the products."""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("master_data_by_kind", "master_data", ["kind", "uri"])
