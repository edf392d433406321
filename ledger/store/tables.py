"""The tables, as they are after the newest migration.

Facts: event, event_body, item, event_item, capture_job, anchor, anchor_tx, party, api_key, pinned,
master_data, named_query, subscription, delivery, print_job, label_scan, identifier_record, record_batch,
link, carrier, carrier_binding, telemetry, telemetry_seal, withheld_numbers, telemetry_refusal,
logger_import, imported_reading, excursion_event, alarm_policy, alarm, alarm_telling, alarm_try,
alarm_acknowledgement.
Caches: log_node, map_tile, item_frontier, event_class, event_text, event_number (from events),
master_attribute (from master_data), carrier_heard, cold_watch, excursion (from telemetry), registry_head and
registry_change (from the chain) and prefix (from those). What cold_watch and excursion say of a time whose
messages are withheld is a fact too.
Counters: answer_revision, resolution_count.

Times are milliseconds since 1970 unless their name ends in _s, hashes and keys are raw bytes, texts that
nobody searches stand last in their row.

Items are known by their key and not by a number of ours, and every table of items begins
with it: such tables split by key range when one database is no longer enough.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from ledger.domain.records import RECORD_CHANGE
from ledger.domain.resolution_counts import BOUNDS_US

NOT_DECLARED = -(2**63)
"""Stands in `event.declared_ms` for "no error declaration": no time is that early, and unlike
NULL it takes part in the unique constraint."""

metadata = MetaData()

IS_EVENT = text(f"event_type <> '{RECORD_CHANGE}'")
"""Changes of records are entries of the log like events, and found by none of the queries for events."""

# By code point in every database: ranges of it are found by index, and pages follow its order.
_OrderedText = Text().with_variant(Text(collation="C"), "postgresql")

# SQLite makes a primary key its row number only when it is called INTEGER.
_RowNumber = BigInteger().with_variant(Integer(), "sqlite")

log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("recorded_at_ms", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="log_head_is_one_row"),
)

event = Table(
    "event",
    metadata,
    Column("log_index", _RowNumber, primary_key=True, autoincrement=False),
    Column("event_id", Text, nullable=False),
    Column("declared_ms", BigInteger, nullable=False),
    Column("event_type", Text, nullable=False),
    Column("event_time_ms", BigInteger, nullable=False),
    Column("recorded_at_ms", BigInteger, nullable=False),
    Column("action", Text),
    Column("biz_step", _OrderedText),
    Column("disposition", _OrderedText),
    Column("read_point", _OrderedText),
    Column("biz_location", _OrderedText),
    Column("party_id", Text, nullable=False),
    Column("submitter_key_id", LargeBinary, nullable=False),
    Column("ids_count", Integer, nullable=False),
    Column("ids_root", LargeBinary, nullable=False),
    Column("commitment", LargeBinary, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("event_hash", Text, nullable=False),
    Column("event_hash_21", Text, nullable=False),
    Column("salt", LargeBinary),
    Column("capture_id", Text, nullable=False),
    Column("arrived_as_urn", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("event_id", "declared_ms", name="event_identity"),
    Index(
        "event_by_time",
        "event_time_ms",
        "log_index",
        sqlite_where=IS_EVENT,
        postgresql_where=IS_EVENT,
    ),
    Index("event_in_log", "log_index", sqlite_where=IS_EVENT, postgresql_where=IS_EVENT),
    Index("event_by_record_time", "recorded_at_ms", "log_index"),
    Index("event_by_biz_step", "biz_step", "event_time_ms", "log_index"),
    Index("event_by_disposition", "disposition", "event_time_ms", "log_index"),
    Index("event_by_read_point", "read_point", "event_time_ms", "log_index"),
    Index("event_by_biz_location", "biz_location", "event_time_ms", "log_index"),
)

event_body = Table(  # no row: erased when the event's salt is gone too, else archived (store/months.py)
    "event_body",
    metadata,
    Column("log_index", _RowNumber, primary_key=True, autoincrement=False),
    # On PostgreSQL the table is partitioned by this, and it belongs to the primary key.
    Column("recorded_at_ms", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

item = Table(
    "item",
    metadata,
    Column("item_key", LargeBinary, primary_key=True),
    Column("uri", Text, nullable=False),
    sqlite_with_rowid=False,
)

event_item = Table(
    "event_item",
    metadata,
    # No foreign keys, which are checked row by row: `Store.loose_links` finds what they would have refused.
    Column("item_key", LargeBinary, primary_key=True),
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    Column("role", Text, primary_key=True),
    Index("event_item_by_event", "log_index"),
    sqlite_with_rowid=False,
)

event_class = Table(  # what its items are one of, for patterns: see domain/item_pattern.py
    "event_class",
    metadata,
    Column("class_uri", _OrderedText, primary_key=True),
    Column("level", Text, primary_key=True),
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    Column("role", Text, primary_key=True),
    Index("event_class_by_event", "log_index"),
    sqlite_with_rowid=False,
)

event_text = Table(  # what it says: see domain/event_facts.py
    "event_text",
    metadata,
    Column("name", Text, primary_key=True),
    Column("text", _OrderedText, primary_key=True),
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

event_number = Table(
    "event_number",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", Double, primary_key=True, autoincrement=False),
    Column("log_index", BigInteger, primary_key=True, autoincrement=False),
    Index("event_number_by_event", "log_index", "name", "number"),
    sqlite_with_rowid=False,
)

capture_job = Table(
    "capture_job",
    metadata,
    Column("capture_id", Text, primary_key=True),
    Column("party_id", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("finished_ms", BigInteger, nullable=False),
    Column("success", Boolean, nullable=False),
    Column("error_behaviour", Text, nullable=False),
    Column("errors", Text, nullable=False),
    Column("receipt", Text, nullable=False),
    Index("capture_job_by_time", "created_ms", "capture_id"),
    Index("capture_job_by_party", "party_id", "created_ms", "capture_id"),
)

anchor = Table(
    "anchor",
    metadata,
    Column("number", _RowNumber, primary_key=True, autoincrement=False),
    Column("chain_id", BigInteger, nullable=False),
    Column("contract", LargeBinary, nullable=False),
    Column("log_id", LargeBinary, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("log_root", LargeBinary, nullable=False),
    Column("map_root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tx_hash", LargeBinary),
    Column("block_number", BigInteger),
    Column("block_hash", LargeBinary),
    Column("prepared_ms", BigInteger, nullable=False),
    Index("anchor_by_state", "state", "number"),
    Index("anchor_by_size", "state", "size"),
)

anchor_tx = Table(
    "anchor_tx",
    metadata,
    Column("tx_hash", LargeBinary, primary_key=True),
    Column("number", BigInteger, ForeignKey("anchor.number"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("nonce", BigInteger, nullable=False),
    Column("gas_price_wei", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    UniqueConstraint("number", "position", name="anchor_tx_order"),
)

log_node = Table(
    "log_node",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("node_index", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

map_tile = Table(
    "map_tile",
    metadata,
    Column("prefix", Text, primary_key=True),
    Column("tile", LargeBinary, nullable=False),
)

item_frontier = Table(
    "item_frontier",
    metadata,
    Column("item_key", LargeBinary, primary_key=True),
    Column("frontier", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

party = Table(
    "party",
    metadata,
    Column("party_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("account", LargeBinary, nullable=False),
)

api_key = Table(
    "api_key",
    metadata,
    Column("key_id", LargeBinary, primary_key=True),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("party_id", Text, ForeignKey("party.party_id"), nullable=False),
    Column("role", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
)

prefix_head = Table(
    "prefix_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("block_number", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="prefix_head_is_one_row"),
)

prefix = Table(
    "prefix",
    metadata,
    Column("node", LargeBinary, primary_key=True),
    Column("scheme", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("owner", LargeBinary, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("delegates", LargeBinary, nullable=False),  # accounts of 20 bytes, one after another
)

registry_head = Table(
    "registry_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("block_number", BigInteger, nullable=False),
    Column("block_hash", LargeBinary, nullable=False),
    Column("revision", BigInteger, nullable=False),  # grows whenever changes are taken back
    CheckConstraint("id = 1", name="registry_head_is_one_row"),
)

registry_change = Table(  # see domain/registry.py
    "registry_change",
    metadata,
    Column("block_number", BigInteger, primary_key=True, autoincrement=False),
    Column("log_index", Integer, primary_key=True, autoincrement=False),
    Column("block_hash", LargeBinary, nullable=False),
    Column("tx_hash", LargeBinary, nullable=False),
    Column("time_s", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("node", LargeBinary, nullable=False),
    Column("account", LargeBinary, nullable=False),
    Column("other", LargeBinary, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("expires_s", BigInteger, nullable=False),
    Index("registry_change_by_node", "node", "block_number", "log_index"),
    sqlite_with_rowid=False,
)

company_prefix = Table(
    "company_prefix",
    metadata,
    Column("prefix", Text, primary_key=True),
)

pinned = Table(
    "pinned",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

master_data = Table(
    "master_data",
    metadata,
    Column("uri", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_zh", Text, nullable=False),
    Column("details", Text, nullable=False),  # JSON object of texts
    Index("master_data_by_kind", "kind", "uri"),
)

master_attribute = Table(  # what queries can ask of master data
    "master_attribute",
    metadata,
    Column("uri", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Index("master_attribute_by_value", "name", "value"),
    sqlite_with_rowid=False,
)

named_query = Table(
    "named_query",
    metadata,
    Column("name", _OrderedText, primary_key=True),
    Column("party_id", Text, nullable=False),
    Column("definition", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

subscription = Table(
    "subscription",
    metadata,
    Column("subscription_id", Text, primary_key=True),
    Column("query_name", _OrderedText, ForeignKey("named_query.name"), nullable=False),
    Column("party_id", Text, nullable=False),
    Column("dest", Text, nullable=False),
    Column("signature_token", Text, nullable=False),
    Column("schedule", Text, nullable=False),
    Column("report_if_empty", Boolean, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("epc_format", Text, nullable=False),
    Column("cbv_xml_format", Text, nullable=False),
    Column("initial_record_ms", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("last_notified_ms", BigInteger),
    Column("events_max", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("running", Boolean, nullable=False),
    Column("next_run_ms", BigInteger),
    Column("min_record_ms", BigInteger, nullable=False),
    Index("subscription_by_query", "query_name", "subscription_id"),
)

carrier = Table(
    "carrier",
    metadata,
    Column("carrier_id", _OrderedText, primary_key=True),
    Column("party_id", Text, ForeignKey("party.party_id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", Text, nullable=False),  # JSON, as `domain.carriers` writes it
    Index("carrier_by_party", "party_id", "carrier_id"),
)

carrier_binding = Table(
    "carrier_binding",
    metadata,
    Column("carrier_id", _OrderedText, ForeignKey("carrier.carrier_id"), primary_key=True),
    Column("from_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("uri", Text, nullable=False),
    Column("until_ms", BigInteger),
    Column("profile", Text, nullable=False, server_default=""),
    Column("key_id", LargeBinary, nullable=False, server_default=""),
    Index("carrier_binding_by_uri", "uri", "from_ms"),
)

cold_watch = Table(  # how far the readings of a binding with a profile are folded
    "cold_watch",
    metadata,
    Column("carrier_id", _OrderedText, primary_key=True),
    Column("from_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("until_ms", BigInteger),  # as the binding has it
    Column("revision", BigInteger, nullable=False),  # counts what came
    Column("dirty_ms", BigInteger),  # the oldest reading that came since it was folded
    Column("profile", Text, nullable=False),  # TOML, as it was when the carrier was bound
    Column("watch", Text, nullable=False),  # JSON
    Column("silent_ms", BigInteger),  # without a reading until then, it is an alarm
    # Messages up to then may be withheld, and `base` is what they came to; null, "": none are.
    Column("base_ms", BigInteger),
    Column("base", Text, nullable=False, server_default=""),
    ForeignKeyConstraint(
        ["carrier_id", "from_ms"], ["carrier_binding.carrier_id", "carrier_binding.from_ms"]
    ),
    Index("cold_watch_by_dirty", "dirty_ms"),
    Index("cold_watch_by_silence", "until_ms", "silent_ms"),
)

excursion = Table(
    "excursion",
    metadata,
    Column("carrier_id", _OrderedText, primary_key=True),
    Column("from_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("rule", Text, primary_key=True),
    Column("began_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("closed_ms", BigInteger),
    Column("peak_milli", BigInteger, nullable=False),
    Column("peak_ms", BigInteger, nullable=False),
    Column("out_ms", BigInteger, nullable=False),
    Column("gap_ms", BigInteger, nullable=False),
    ForeignKeyConstraint(["carrier_id", "from_ms"], ["cold_watch.carrier_id", "cold_watch.from_ms"]),
)

excursion_event = Table(  # what is to be captured of excursions, and what was
    "excursion_event",
    metadata,
    Column("number", _RowNumber, primary_key=True),
    Column("carrier_id", _OrderedText, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # opened, closed
    Column("declares", Boolean, nullable=False),  # that the event of this moment was an error
    Column("rule", Text, nullable=False),
    Column("began_ms", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("peak_milli", BigInteger, nullable=False),
    Column("key_id", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),  # due, captured, refused, retracted
    Column("problem", Text, nullable=False),
    Column("document", Text, nullable=False),
    ForeignKeyConstraint(["carrier_id", "from_ms"], ["cold_watch.carrier_id", "cold_watch.from_ms"]),
    Index("excursion_event_by_binding", "carrier_id", "from_ms", "number"),
    Index("excursion_event_by_state", "state", "number"),
)

alarm_policy = Table(  # see domain/alarm_policy.py
    "alarm_policy",
    metadata,
    Column("party_id", Text, ForeignKey("party.party_id"), primary_key=True),
    Column("name", _OrderedText, primary_key=True),
    Column("body", Text, nullable=False),  # JSON
)

alarm = Table(
    "alarm",
    metadata,
    Column("alarm_id", Text, primary_key=True),
    Column("party_id", Text, nullable=False),
    Column("carrier_id", _OrderedText, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("uri", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("kind", Text, nullable=False),  # excursion, no_data
    Column("rule", Text, nullable=False),  # "" of no_data
    Column("quantity", Text),
    Column("began_ms", BigInteger, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("raised_ms", BigInteger, nullable=False),
    Column("planned", Boolean, nullable=False),  # whether it stands in alarm_telling who is to be told
    Column("open", Boolean, nullable=False),  # not acknowledged
    ForeignKeyConstraint(["carrier_id", "from_ms"], ["cold_watch.carrier_id", "cold_watch.from_ms"]),
    UniqueConstraint("carrier_id", "from_ms", "rule", "began_ms", name="alarm_cause"),
    Index("alarm_by_plan", "planned", "raised_ms"),
    Index("alarm_by_party", "party_id", "raised_ms", "alarm_id"),
    Index("alarm_open", "open", "party_id", "raised_ms", "alarm_id"),
)

alarm_telling = Table(
    "alarm_telling",
    metadata,
    Column("alarm_id", Text, ForeignKey("alarm.alarm_id"), primary_key=True),
    Column("policy", Text, primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("way", Text, nullable=False),  # webhook, email
    Column("address", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("state", Text, nullable=False),  # due, told, given_up, dropped
    Column("problem", Text, nullable=False),
    Index("alarm_telling_by_state", "state", "due_ms"),
)

alarm_try = Table(
    "alarm_try",
    metadata,
    Column("alarm_id", Text, primary_key=True),
    Column("policy", Text, primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("problem", Text, nullable=False),  # "": it was taken
    ForeignKeyConstraint(
        ["alarm_id", "policy", "step"],
        ["alarm_telling.alarm_id", "alarm_telling.policy", "alarm_telling.step"],
    ),
)

alarm_acknowledgement = Table(
    "alarm_acknowledgement",
    metadata,
    Column("alarm_id", Text, ForeignKey("alarm.alarm_id"), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("key_id", LargeBinary, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("document", Text, nullable=False),
    Column("state", Text, nullable=False),  # due, captured, refused
    Column("problem", Text, nullable=False),
    Index("alarm_acknowledgement_by_state", "state", "at_ms"),
)

telemetry = Table(  # the signed messages of carriers, up to 60 readings in each
    "telemetry",
    metadata,
    Column("carrier_id", _OrderedText, ForeignKey("carrier.carrier_id"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("first_ms", BigInteger, nullable=False),  # its oldest reading
    Column("last_ms", BigInteger, nullable=False),
    # On PostgreSQL the table is partitioned by this, and it belongs to the primary key.
    Column("received_ms", BigInteger, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("seal_id", Text, nullable=False, server_default=""),  # "" until it is sealed
    Index("telemetry_by_time", "carrier_id", "last_ms", "sequence"),
    Index("telemetry_by_seal", "carrier_id", "seal_id", "received_ms"),
)

telemetry_seal = Table(  # what committed to messages
    "telemetry_seal",
    metadata,
    Column("seal_id", Text, primary_key=True),
    Column("carrier_id", _OrderedText, ForeignKey("carrier.carrier_id"), nullable=False),
    Column("sealed_ms", BigInteger, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("key_id", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),  # due, captured, refused, withheld
    Column("document", Text, nullable=False),
    Column("withheld_ms", BigInteger),  # since when its messages are removed by policy
    Index("telemetry_seal_by_carrier", "carrier_id", "sealed_ms"),
    Index("telemetry_seal_by_state", "state", "sealed_ms"),
)

withheld_numbers = Table(  # of messages removed by policy: each row from one number to another
    "withheld_numbers",
    metadata,
    Column("carrier_id", _OrderedText, ForeignKey("carrier.carrier_id"), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("last", BigInteger, nullable=False),
)

logger_import = Table(  # files of readings that a party took in; not signed by the carrier
    "logger_import",
    metadata,
    Column("import_id", Text, primary_key=True),
    Column("carrier_id", _OrderedText, ForeignKey("carrier.carrier_id"), nullable=False),
    Column("party_id", Text, nullable=False),
    Column("imported_ms", BigInteger, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("file_hash", LargeBinary, nullable=False),
    Column("mapping", Text, nullable=False),
    Column("added", BigInteger, nullable=False),  # readings that were new
    Index("logger_import_by_carrier", "carrier_id", "imported_ms"),
)

imported_reading = Table(
    "imported_reading",
    metadata,
    Column("carrier_id", _OrderedText, ForeignKey("carrier.carrier_id"), primary_key=True),
    Column("at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("quantity", Text, primary_key=True),
    Column("milli", BigInteger, nullable=False),
    Column("import_id", Text, ForeignKey("logger_import.import_id"), nullable=False),
)

telemetry_refusal = Table(
    "telemetry_refusal",
    metadata,
    Column("carrier_id", _OrderedText, ForeignKey("carrier.carrier_id"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

carrier_heard = Table(
    "carrier_heard",
    metadata,
    Column("carrier_id", _OrderedText, ForeignKey("carrier.carrier_id"), primary_key=True),
    Column("received_ms", BigInteger, nullable=False),  # of the message that was made last, as the next two
    Column("made_ms", BigInteger, nullable=False),
    Column("battery_percent", Integer),
    Column("newest_ms", BigInteger, nullable=False),  # the newest reading
    Column("sequence_min", BigInteger, nullable=False),
    Column("sequence_max", BigInteger, nullable=False),
    Column("messages", BigInteger, nullable=False),
    Column("unsealed_ms", BigInteger),  # when its longest waiting message came; null: none, or never bound
    Index("carrier_heard_by_unsealed", "unsealed_ms"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("delivery_id", Text, primary_key=True),
    Column("subscription_id", Text, ForeignKey("subscription.subscription_id"), nullable=False),
    Column("events", Text, nullable=False),  # log indices, parted by commas
    Column("created_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("problem", Text, nullable=False),
    Column("dead", Boolean, nullable=False),
    Index("delivery_by_subscription", "subscription_id", "dead", "delivery_id"),
)

print_job = Table(
    "print_job",
    metadata,
    Column("job_id", Text, primary_key=True),
    Column("party_id", Text, nullable=False),
    Column("key_id", LargeBinary, nullable=False),
    Column("printer", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("dpi", Integer, nullable=False),
    Column("gtin", Text, nullable=False),
    Column("stem", Text, nullable=False),
    Column("digits", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("total", Integer, nullable=False),
    Column("reprint_of", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("position", Integer, nullable=False),
    Column("start", Integer, nullable=False),
    Column("printed_ms", BigInteger, nullable=False),
    Column("reprints", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("quality", Double, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("fields", Text, nullable=False),  # JSON object of texts
    Column("reason", Text, nullable=False),
    Column("problem", Text, nullable=False),
    Index("print_job_by_serial", "gtin", "stem", "digits", "first"),
    Index("print_job_by_state", "state", "created_ms", "job_id"),
    Index("print_job_by_party", "party_id", "created_ms", "job_id"),
    Index("print_job_by_time", "created_ms", "job_id"),
)

label_scan = Table(
    "label_scan",
    metadata,
    Column("uri", _OrderedText, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("nonce", LargeBinary, primary_key=True),  # tells apart what happened in one millisecond
    Column("region", Text, nullable=False),
    Column("latitude", Double),
    Column("longitude", Double),
    Column("scanner", Text, nullable=False),
    Column("device", LargeBinary, nullable=False),
    Index("label_scan_by_time", "at_ms"),
    sqlite_with_rowid=False,
)

identifier_record = Table(
    "identifier_record",
    metadata,
    Column("uri", _OrderedText, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("log_index", BigInteger, nullable=False),  # of the newest change
    Column("party_id", Text, nullable=False),
    Column("kept", Text, nullable=False),  # JSON: values, with the salts of hidden ones; [] when deleted
    sqlite_with_rowid=False,
)

record_batch = Table(  # so that a batch that is sent again is not made again
    "record_batch",
    metadata,
    Column("party_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("outcomes", LargeBinary, nullable=False),
    Column("receipt", Text, nullable=False),
    Index("record_batch_by_time", "made_ms"),
)

link = Table(
    "link",
    metadata,
    Column("anchor", _OrderedText, primary_key=True),
    Column("link_id", _OrderedText, primary_key=True),
    Column("party_id", Text, nullable=False),
    Column("link_type", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("languages", Text, nullable=False),  # parted by commas
    Column("contexts", Text, nullable=False),  # parted by commas
    Column("is_default", Boolean, nullable=False),
    Column("is_default_multi", Boolean, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("href", Text, nullable=False),
    Index("link_by_id", "link_id", unique=True),
    Index("link_by_party", "party_id", "anchor", "link_id"),
    sqlite_with_rowid=False,
)

answer_revision = Table(  # counts the transactions that changed what resolution answers
    "answer_revision",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="answer_revision_is_one_row"),
)

resolution_count = Table(
    "resolution_count",
    metadata,
    Column("hour_s", BigInteger, primary_key=True, autoincrement=False),  # its beginning; 0: since ever
    Column("scheme", Text, primary_key=True),
    Column("prefix", _OrderedText, primary_key=True),
    Column("interface", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("total_us", BigInteger, nullable=False),
    *(Column(f"within_{bound}_us", BigInteger, nullable=False) for bound in BOUNDS_US),
    Column("beyond_us", BigInteger, nullable=False),
    Index("resolution_count_by_prefix", "scheme", "prefix", "hour_s"),
    sqlite_with_rowid=False,
)
