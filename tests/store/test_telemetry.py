"""Messages of carriers in the store."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ledger.domain.carriers import Seen
from ledger.domain.telemetry import Message, Outcome, read_messages
from ledger.store import SqlStore
from tests.carriers import LOGGER, degrees, reported
from tests.store.test_carriers import ONE, TWO
from tests.store.test_parties import CARRIER, MAKER


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
