"""Active carriers, and what they were bound to."""

from dataclasses import replace

import pytest

from ledger.domain.carriers import Binding, Device, enrol, issue_challenge, transfer
from ledger.domain.errors import Conflict
from ledger.store import SqlStore
from tests.carriers import LOGGER, public_of
from tests.store.test_parties import CARRIER, MAKER

ONE = enrol(LOGGER, "maker", Device("TL-1", "模块"), public_of("one"), 1_000)
TWO = enrol(LOGGER + "2", "carrier", Device("TL-1"), public_of("two"), 1_000)
CASE, TRUCK = "https://id.gs1.org/00/095060000000000015", "urn:truck:7"


@pytest.fixture
def filled(store: SqlStore) -> SqlStore:
    store.put_party(MAKER)
    store.put_party(CARRIER)
    store.add_carrier(ONE)
    store.add_carrier(TWO)
    return store


def test_a_carrier_is_kept_and_found_by_its_id(filled: SqlStore) -> None:
    assert filled.carrier(LOGGER) == ONE
    assert filled.carrier("urn:none") is None


def test_carriers_are_listed_by_id_of_one_party_or_of_all(filled: SqlStore) -> None:
    assert filled.carriers(party_id=None, after="", limit=10) == [ONE, TWO]
    assert filled.carriers(party_id=None, after="", limit=1) == [ONE]
    assert filled.carriers(party_id=None, after=LOGGER, limit=10) == [TWO]
    assert filled.carriers(party_id="carrier", after="", limit=10) == [TWO]


def test_an_identifier_is_enrolled_once(filled: SqlStore) -> None:
    with pytest.raises(Conflict):
        filled.add_carrier(replace(ONE, party_id="carrier"))
    assert filled.carrier(LOGGER) == ONE


def test_of_two_changes_to_the_same_version_the_second_is_refused(filled: SqlStore) -> None:
    challenged = issue_challenge(ONE, bytes(32), 2_000)
    filled.save_carrier(challenged)
    with pytest.raises(Conflict, match="was changed meanwhile"):
        filled.save_carrier(transfer(ONE, "carrier"), binding=Binding(LOGGER, TRUCK, 2_000, None))

    assert filled.carrier(LOGGER) == replace(challenged, version=1)
    assert filled.bindings(LOGGER, limit=10) == []


def test_a_carrier_that_was_given_away_is_listed_with_its_new_party(filled: SqlStore) -> None:
    filled.save_carrier(transfer(ONE, "carrier"))
    assert [c.carrier_id for c in filled.carriers(party_id="carrier", after="", limit=10)] == [
        ONE.carrier_id,
        TWO.carrier_id,
    ]


def test_a_new_binding_ends_the_one_before(filled: SqlStore) -> None:
    filled.save_carrier(ONE, unbound_ms=5_000, binding=Binding(LOGGER, CASE, 5_000, None))
    filled.save_carrier(
        replace(ONE, version=1), unbound_ms=7_000, binding=Binding(LOGGER, TRUCK, 7_000, None)
    )

    assert filled.bindings(LOGGER, limit=10) == [
        Binding(LOGGER, TRUCK, 7_000, None),
        Binding(LOGGER, CASE, 5_000, 7_000),
    ]
    assert filled.bindings(LOGGER, limit=1) == [Binding(LOGGER, TRUCK, 7_000, None)]


@pytest.mark.parametrize(("at_ms", "found"), [(4_999, []), (5_000, [LOGGER]), (6_999, [LOGGER]), (7_000, [])])
def test_what_was_bound_at_a_moment_is_found_its_end_not_included(
    filled: SqlStore, at_ms: int, found: list[str]
) -> None:
    filled.save_carrier(ONE, binding=Binding(LOGGER, CASE, 5_000, None))
    filled.save_carrier(replace(ONE, version=1), unbound_ms=7_000)
    assert filled.carriers_bound_to(CASE, at_ms, limit=10) == found
