"""`open_store`: the SQL index at a URL, its tables up to date."""

from contextlib import ExitStack
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection

from ledger.domain.errors import Invalid, StoreUnavailable
from ledger.store.alarms import Alarms
from ledger.store.anchors import Anchors
from ledger.store.answers import AnswerReads
from ledger.store.caches import Caches
from ledger.store.carriers import Carriers
from ledger.store.database import WAIT_SECONDS, connect
from ledger.store.events import Events
from ledger.store.excursions import Excursions
from ledger.store.imports import Imports
from ledger.store.label_scans import LabelScans
from ledger.store.links import Links
from ledger.store.months import Months
from ledger.store.parties import Parties
from ledger.store.print_jobs import PrintJobs
from ledger.store.queries import Queries
from ledger.store.records import Records
from ledger.store.registry import RegistryChanges
from ledger.store.resolution_counts import ResolutionCounts
from ledger.store.subscriptions import Subscriptions
from ledger.store.telemetry import Telemetry
from ledger.store.withheld import Withheld

_MIGRATIONS = Path(__file__).with_name("migrations")


class SqlStore(
    Events,
    Queries,
    Months,
    Caches,
    Anchors,
    Parties,
    Subscriptions,
    PrintJobs,
    LabelScans,
    Records,
    Links,
    Carriers,
    Telemetry,
    Imports,
    Withheld,
    Excursions,
    Alarms,
    RegistryChanges,
    ResolutionCounts,
    AnswerReads,
):
    """`ledger.ports.Store` on SQLite or PostgreSQL. Errors that any method may raise: StoreUnavailable."""


def open_store(url: str) -> SqlStore:
    """The store at "sqlite:///path" or "postgresql://user@host/name", migrated to the newest tables.

    Several processes may open one database at once. Raises Invalid for a URL that is neither,
    StoreUnavailable when the database cannot be reached.
    """
    with ExitStack() as until_open:
        store = SqlStore(connect(url))
        until_open.callback(store.close)
        _bring_up_to_date(store)
        until_open.pop_all()
    return store


def _bring_up_to_date(store: SqlStore) -> None:
    with store.locked("open", wait_seconds=WAIT_SECONDS) as alone:
        if not alone:
            raise StoreUnavailable(f"store: others kept opening it for {WAIT_SECONDS} s; try again")
        store.keep_write_ahead_log()
        with store.writing() as connection:
            migrate(connection)


def migrate(connection: Connection, revision: str = "head") -> None:
    """Run what the database lacks of the migrations, up to `revision`."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, revision)
    except CommandError as error:
        raise Invalid(
            f"the database was made by a newer version of this program ({error}): use that version"
        ) from error
