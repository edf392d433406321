"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

RowNumber = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "log_head",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name="log_head_is_one_row"),
    )
    op.create_table(
        "event",
        sa.Column("log_index", RowNumber, primary_key=True, autoincrement=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("declared_ms", sa.BigInteger(), nullable=False),
        sa.Column("event_type", sa.Text(), nullable=False),
        sa.Column("event_time_ms", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.Text()),
        sa.Column("biz_step", sa.Text()),
        sa.Column("disposition", sa.Text()),
        sa.Column("read_point", sa.Text()),
        sa.Column("biz_location", sa.Text()),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("submitter_key_id", sa.LargeBinary(), nullable=False),
        sa.Column("ids_count", sa.Integer(), nullable=False),
        sa.Column("ids_root", sa.LargeBinary(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("event_hash", sa.Text(), nullable=False),
        sa.Column("event_hash_21", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("salt", sa.LargeBinary()),
        sa.Column("capture_id", sa.Text(), nullable=False),
        sa.UniqueConstraint("event_id", "declared_ms", name="event_identity"),
    )
    op.create_table(
        "item",
        sa.Column("item_key", sa.LargeBinary(), primary_key=True),
        sa.Column("uri", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_item",
        sa.Column("item_key", sa.LargeBinary(), sa.ForeignKey("item.item_key"), primary_key=True),
        sa.Column("log_index", sa.BigInteger(), sa.ForeignKey("event.log_index"), primary_key=True),
        sa.Column("role", sa.Text(), primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("event_item_by_event", "event_item", ["log_index"])
    op.create_table(
        "capture_job",
        sa.Column("capture_id", sa.Text(), primary_key=True),
        sa.Column("party_id", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("finished_ms", sa.BigInteger(), nullable=False),
        sa.Column("success", sa.Boolean(), nullable=False),
        sa.Column("error_behaviour", sa.Text(), nullable=False),
        sa.Column("errors", sa.Text(), nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
    )
    op.create_table(
        "anchor",
        sa.Column("number", RowNumber, primary_key=True, autoincrement=False),
        sa.Column("chain_id", sa.BigInteger(), nullable=False),
        sa.Column("contract", sa.LargeBinary(), nullable=False),
        sa.Column("log_id", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("log_root", sa.LargeBinary(), nullable=False),
        sa.Column("map_root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tx_hash", sa.LargeBinary()),
        sa.Column("block_number", sa.BigInteger()),
        sa.Column("block_hash", sa.LargeBinary()),
        sa.Column("prepared_ms", sa.BigInteger(), nullable=False),
    )
    op.create_index("anchor_by_size", "anchor", ["state", "size"])
    op.create_index("anchor_by_state", "anchor", ["state", "number"])
    op.create_table(
        "anchor_tx",
        sa.Column("tx_hash", sa.LargeBinary(), primary_key=True),
        sa.Column("number", sa.BigInteger(), sa.ForeignKey("anchor.number"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("gas_price_wei", sa.BigInteger(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("number", "position", name="anchor_tx_order"),
    )
    op.create_table(
        "log_node",
        sa.Column("level", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("node_index", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "map_tile",
        sa.Column("prefix", sa.Text(), primary_key=True),
        sa.Column("tile", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "item_frontier",
        sa.Column("item_key", sa.LargeBinary(), primary_key=True),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "party",
        sa.Column("party_id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("account", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "api_key",
        sa.Column("key_id", sa.LargeBinary(), primary_key=True),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("party_id", sa.Text(), sa.ForeignKey("party.party_id"), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger()),
    )
    op.create_table(
        "prefix_head",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("block_number", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name="prefix_head_is_one_row"),
    )
    op.create_table(
        "prefix",
        sa.Column("node", sa.LargeBinary(), primary_key=True),
        sa.Column("scheme", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("owner", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("delegates", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "pinned",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_table(
        "master_data",
        sa.Column("uri", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
    )
    op.execute("INSERT INTO log_head (id, size, recorded_at_ms) VALUES (1, 0, 0)")
    op.execute("INSERT INTO prefix_head (id, block_number) VALUES (1, 0)")
