"""One PostgreSQL database for all tests of a run, emptied in a tenth of the time of its migrations."""

import psycopg
from psycopg import sql

_SHAPE = """
    SELECT md5(string_agg(concat_ws(' ', table_name, column_name, data_type, is_nullable), ',' ORDER BY
        table_name, ordinal_position)) FROM information_schema.columns WHERE table_schema = %s
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
_MONTHS = (
    "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class ON oid = inhparent WHERE relkind = 'p'"
)


def keep_pristine(url: str) -> None:
    """Remember how the migrated tables look, and the rows that migrations put into them."""
    with psycopg.connect(url, autocommit=True) as admin:
        names = [name for (name,) in admin.execute(_TABLES)]
        admin.execute("CREATE SCHEMA pristine")
        for name in names:
            admin.execute(
                sql.SQL("CREATE TABLE pristine.{0} AS TABLE public.{0}").format(sql.Identifier(name))
            )
        admin.execute("CREATE SCHEMA shape")
        (shape,) = admin.execute(_SHAPE, ("public",)).fetchone() or ("",)
        admin.execute("CREATE TABLE shape.kept AS SELECT %s::text AS md5", (shape,))


def empty_database(admin: "psycopg.Connection[tuple[str, ...]]") -> None:
    """As it was after the migrations; without any table where a test left others than those."""
    for (month,) in admin.execute(_MONTHS).fetchall():
        admin.execute(f"DROP TABLE {month}")
    kept = admin.execute("SELECT md5 FROM shape.kept").fetchone()
    if admin.execute(_SHAPE, ("public",)).fetchone() != kept:
        drop_tables(admin)
        return
    names = [name for (name,) in admin.execute(_TABLES)]
    sequences = [name for (name,) in admin.execute("SELECT sequencename FROM pg_sequences")]
    statements = [
        "SET session_replication_role = replica",  # foreign keys do not look at the order
        *(f'DELETE FROM public."{name}"' for name in names),
        *(f'INSERT INTO public."{name}" SELECT * FROM pristine."{name}"' for name in names),
        *(f'ALTER SEQUENCE public."{name}" RESTART' for name in sequences),
        "SET session_replication_role = DEFAULT",
    ]
    admin.execute("; ".join(statements))


def drop_tables(admin: "psycopg.Connection[tuple[str, ...]]") -> None:
    admin.execute("DROP SCHEMA public CASCADE")
    admin.execute("CREATE SCHEMA public")
