"""Messages of carriers in the store."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import text

from ledger.domain.carriers import Binding, Seen
from ledger.domain.month import Month
from ledger.domain.telemetry import Message, Outcome, read_messages
from ledger.ports import Seal
from ledger.store import SqlStore, open_store, tables
from ledger.store.bulk import insert_rows
from ledger.store.database import connect
from ledger.store.message_months import message_table
from ledger.store.sql_store import migrate
from tests.carriers import LOGGER, degrees, reported
from tests.store.test_carriers import ONE, TRUCK, TWO
from tests.store.test_database import statements
from tests.store.test_parties import CARRIER, MAKER
from tests.store.test_queries import explain, rows_looked_at


@pytest.fixture
def filled(store: SqlStore) -> SqlStore:
    store.put_party(MAKER)
    store.put_party(CARRIER)
    store.add_carrier(ONE)
    store.add_carrier(TWO)
    return store


def message(sequence: int, at_ms: int, *celsius: float, of: str = LOGGER) -> Message:
    readings = degrees(at_ms, *celsius, step_ms=10)
    (found,) = read_messages(reported("one", sequence, at_ms, *readings, of=of))
    return found


def test_messages_are_found_by_the_time_of_their_readings(filled: SqlStore) -> None:
    early, long, late = message(1, 1_000, 4), message(3, 1_000, *[4] * 60), message(2, 3_000, 4)
    other = message(1, 1_000, 5, of=LOGGER + "2")
    assert filled.add_telemetry([late, long, early, other], {}, 9_000) == ["accepted"] * 4
    assert filled.telemetry_between(LOGGER, 1_000, 3_000, limit=9) == [early, long]
    assert filled.telemetry_between(LOGGER, 1_001, 3_001, limit=9) == [long, late]
    assert filled.telemetry_between(LOGGER, 1_000, 9_000, limit=1) == [early]
    assert filled.telemetry_between(LOGGER, 1_000, 9_000, after=(1_590, 3), limit=9) == [late]
    assert filled.telemetry_between(LOGGER, 3_001, 9_000, limit=9) == []


def test_refusals_add_up_and_stand_also_where_nothing_was_taken(filled: SqlStore) -> None:
    filled.add_telemetry([], {(LOGGER, "forged"): 2}, 9_000)
    filled.add_telemetry([], {(LOGGER, "forged"): 1, (LOGGER, "mistimed"): 1}, 9_000)
    heard = filled.heard([LOGGER, TWO.carrier_id])[LOGGER]
    assert (heard.refused, heard.seen) == ({"forged": 3, "mistimed": 1}, None)


def test_a_carrier_is_as_its_newest_message_says_whatever_comes_later(filled: SqlStore) -> None:
    newest, older = message(7, 5_000, 4), replace(message(2, 1_000, 4), battery_percent=3)
    filled.add_telemetry([newest], {}, 5_100)
    filled.add_telemetry([older], {}, 6_000)
    heard = filled.heard([LOGGER])[LOGGER]
    assert heard.seen == Seen(5_100, -100, 80)
    assert (heard.messages, heard.missing, heard.newest_ms) == (2, 4, 5_000)


def test_of_two_that_take_the_same_messages_at_once_one_takes_each(filled: SqlStore) -> None:
    messages = [message(n, 1_000 * n, 4, of=c.carrier_id) for n in range(20) for c in (ONE, TWO)]

    def take(order: int) -> list[Outcome]:
        return filled.add_telemetry(messages[::order], {}, 9_000)

    with ThreadPoolExecutor(4) as threads:
        outcomes = Counter(outcome for taken in threads.map(take, [1, -1, 1, -1]) for outcome in taken)
    assert outcomes == {"accepted": 40, "repeated": 120}
    assert [filled.heard([c.carrier_id])[c.carrier_id].messages for c in (ONE, TWO)] == [20, 20]


# --------------------------------------------------------------------------- what waits for a seal


def bind(store: SqlStore, carrier_id: str) -> None:
    carrier = store.carrier(carrier_id)
    assert carrier
    store.save_carrier(carrier, binding=Binding(carrier_id, TRUCK, 0, None))


def seal(store: SqlStore, seal_id: str, *sequences: int) -> None:
    store.add_seal(Seal(seal_id, LOGGER, 0, len(sequences), b"", "", b"", "due", ""), sequences)


def test_a_carrier_is_due_by_its_message_that_waits_longest(filled: SqlStore) -> None:
    bind(filled, LOGGER)
    filled.add_telemetry([message(2, 1_000, 4)], {}, 9_000)
    filled.add_telemetry([message(1, 2_000, 4)], {}, 9_100)
    assert (filled.due_seals(8_999, limit=9), filled.due_seals(9_000, limit=9)) == ([], [LOGGER])
    seal(filled, "a", 2)
    assert (filled.due_seals(9_099, limit=9), filled.due_seals(9_100, limit=9)) == ([], [LOGGER])
    seal(filled, "b", 1)
    assert filled.due_seals(9_999, limit=9) == []
    filled.add_telemetry([message(3, 3_000, 4)], {}, 9_200)
    assert (filled.due_seals(9_199, limit=9), filled.due_seals(9_200, limit=9)) == ([], [LOGGER])


def test_what_a_carrier_sent_before_it_was_first_bound_is_due_when_it_is(filled: SqlStore) -> None:
    filled.add_telemetry([message(1, 1_000, 4)], {}, 9_000)
    assert filled.due_seals(9_999, limit=9) == []
    bind(filled, LOGGER)
    assert (filled.due_seals(8_999, limit=9), filled.due_seals(9_999, limit=9)) == ([], [LOGGER])


def test_asking_what_is_due_looks_at_no_message_of_a_carrier_that_was_never_bound(filled: SqlStore) -> None:
    looked: list[int] = []
    for numbers in (range(10), range(10, 900)):
        filled.add_telemetry([message(n, 1_000, 4) for n in numbers], {}, 9_000)
        with statements() as sent:
            assert filled.due_seals(9_999, limit=9) == []
        with filled.reading() as connection:
            looked.append(sum(rows_looked_at(connection, *statement) for statement in sent))
    assert looked[1] <= looked[0] + 1, looked


def test_the_messages_that_wait_longest_are_sealed_first_and_stand_in_the_order_of_their_numbers(
    filled: SqlStore,
) -> None:
    filled.add_telemetry([message(7, 1_000, 4), message(6, 1_000, 5)], {}, 9_000)
    filled.add_telemetry([message(1, 2_000, 4)], {}, 9_100)
    assert [number for number, _ in filled.sealed_messages(LOGGER, "", limit=2)] == [6, 7]
    assert [number for number, _ in filled.sealed_messages(LOGGER, "", limit=9)] == [1, 6, 7]


# --------------------------------------------------------------------------- months


JANUARY, FEBRUARY, MARCH = (Month(2026, number) for number in (1, 2, 3))
_PARTITIONS = (
    "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid "
    "WHERE inhparent = 'telemetry'::regclass ORDER BY relname"
)


def partitions(store: SqlStore) -> list[str]:
    """The months that PostgreSQL has partitions for; those that a test of SQLite stands for."""
    with store.reading() as connection:
        if connection.dialect.name == "sqlite":
            times = connection.execute(text("SELECT DISTINCT received_ms FROM telemetry")).scalars()
            return sorted({message_table(Month.of(ms)) for ms in times})
        return list(connection.scalars(text(_PARTITIONS)))


def test_messages_stand_in_the_month_in_which_they_came_and_count_once_in_all_months(
    filled: SqlStore,
) -> None:
    first, late = message(7, JANUARY.start_ms, 4), message(3, JANUARY.start_ms, 5)
    filled.add_telemetry([first], {}, JANUARY.start_ms)
    assert filled.add_telemetry([late, first], {}, MARCH.start_ms) == ["accepted", "repeated"]
    assert filled.add_telemetry([message(3, JANUARY.start_ms, 6)], {}, FEBRUARY.start_ms) == [
        "reused_sequence"
    ]
    found = filled.telemetry_between(LOGGER, JANUARY.start_ms, FEBRUARY.start_ms, limit=9)
    assert found == [late, first]
    assert {f"telemetry_2026_0{n}" for n in (1, 3)} <= set(partitions(filled))


def test_several_begin_a_month_at_once(filled: SqlStore, store_url: str) -> None:
    others = [open_store(store_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        taken = threads.map(
            lambda n: others[n].add_telemetry([message(n, 1_000, 4)], {}, JANUARY.start_ms), range(4)
        )
        assert list(taken) == [["accepted"]] * 4
    for other in others:
        other.close()
    assert filled.heard([LOGGER])[LOGGER].messages == 4


def test_messages_of_before_there_were_months_are_all_there_after(
    bare_store_url: str,
) -> None:
    older = SqlStore(connect(bare_store_url))
    sent = [(message(n, month.start_ms, n), month) for n, month in enumerate((JANUARY, MARCH, FEBRUARY))]
    with older.writing() as connection:
        migrate(connection, "0020")
        insert_rows(connection, tables.party, [("maker", "Maker", "", b"m" * 20)])
        insert_rows(connection, tables.carrier, [(LOGGER, "maker", 1, "{}")])
        rows = [
            (m.carrier_id, m.sequence, m.first_ms, m.last_ms, month.next.start_ms - 1, m.raw, "")
            for m, month in sent
        ]
        insert_rows(connection, tables.telemetry, rows)
    older.close()
    store = open_store(bare_store_url)
    assert partitions(store) == [f"telemetry_2026_0{n}" for n in (1, 2, 3)]
    found = store.telemetry_between(LOGGER, 0, MARCH.next.start_ms, limit=9)
    assert found == [m for m, _ in sorted(sent, key=lambda each: each[1])]
    store.close()


def test_a_time_is_looked_for_in_the_months_from_then_on_and_by_index(
    filled: SqlStore, store_url: str
) -> None:
    for n in range(6):
        came_ms = Month(2026, n + 1).start_ms + 600_000  # clocks may differ by half of that
        filled.add_telemetry([message(n, came_ms, 4)], {}, came_ms)
    may = Month(2026, 5).start_ms + 600_000
    with statements() as sent:
        (found,) = filled.telemetry_between(LOGGER, may, may + 1, limit=9)
        filled.seal_of(LOGGER, 3)
    assert found.sequence == 4
    with filled.reading() as connection:
        plans = [" ".join(explain(connection, statement, given)) for statement, given in sent]
    assert not any("Seq Scan on telemetry_2026" in plan for plan in plans)
    if store_url.startswith("postgresql"):
        asked = [{f"{n:02}" for n in range(1, 13) if f"telemetry_2026_{n:02}" in plan} for plan in plans]
        assert asked == [{"05", "06"}, {f"{n:02}" for n in range(1, 7)}]
