"""Messages of carriers by the month in which they came: on PostgreSQL each month is a partition.

So a month that nobody keeps is dropped, at once and whole. SQLite has one table. Times are ours: by those of
the carriers, a device with a wrong clock would ask for partitions of any year.
"""

from sqlalchemy import Connection, text

from ledger.domain.month import Month

_PARTITIONS = text(
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
    "WHERE inhparent = 'telemetry'::regclass"
)


def add_message_month(connection: Connection, month: Month) -> None:
    """Make room for the messages of a month, if it has none yet; several may do so at once.

    Readers do not wait. Who changes carriers does, for a moment: hold no lock on one.
    """
    if connection.dialect.name != "postgresql":
        return
    table = message_table(month)
    connection.execute(text("LOCK TABLE telemetry IN SHARE UPDATE EXCLUSIVE MODE"))  # as ATTACH does
    if connection.scalar(text("SELECT to_regclass(:name)"), {"name": table}) is None:
        bounds = f"FROM ({month.start_ms}) TO ({month.next.start_ms})"
        connection.execute(text(f"CREATE TABLE {table} (LIKE telemetry INCLUDING DEFAULTS)"))
        connection.execute(text(f"ALTER TABLE telemetry ATTACH PARTITION {table} FOR VALUES {bounds}"))


def message_months(connection: Connection) -> list[Month]:
    """The months of PostgreSQL that have room, the oldest first."""
    names = connection.scalars(_PARTITIONS)
    return sorted(Month.parse(name.removeprefix("telemetry_").replace("_", "-")) for name in names)


def message_table(month: Month) -> str:
    return f"telemetry_{month.year:04}_{month.number:02}"
