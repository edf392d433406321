"""Parties, API keys, the copy of the prefix registry, pinned facts, master data."""

from dataclasses import replace

import pytest

from ledger.domain.access import PrefixEntry
from ledger.domain.errors import Conflict, NotFound
from ledger.domain.master_data import MasterData
from ledger.ports import ApiKey, Party
from ledger.store import SqlStore
from tests.store.samples import digest

MAKER = Party("maker", "Vaccine Works", "疫苗厂", digest("maker")[:20])
CARRIER = Party("carrier", "Cold Line", "冷链物流", digest("carrier")[:20])
KEY = ApiKey(digest("key"), digest("secret"), "maker", "manufacturer", 1_000, None)


def entry(text: str, *delegates: str, active: bool = True) -> PrefixEntry:
    accounts = tuple(digest(name)[:20] for name in delegates)
    return PrefixEntry(digest("node", text), "gs1", text, digest("owner")[:20], active, accounts)


def test_a_party_is_kept_and_can_be_changed(store: SqlStore) -> None:
    store.put_party(MAKER)
    store.put_party(CARRIER)
    renamed = replace(MAKER, name="Vaccine Works Ltd")
    store.put_party(renamed)

    assert store.party("maker") == renamed
    assert store.party("nobody") is None
    assert store.parties() == [CARRIER, renamed]


def test_an_api_key_is_kept_until_it_is_revoked(store: SqlStore) -> None:
    store.put_party(MAKER)
    store.put_api_key(KEY)
    assert store.api_key(KEY.key_id) == KEY
    assert store.api_key(digest("another")) is None

    store.revoke_api_key(KEY.key_id, 2_000)
    store.revoke_api_key(KEY.key_id, 3_000)
    assert store.api_key(KEY.key_id) == replace(KEY, revoked_ms=2_000)


def test_an_api_key_is_never_replaced(store: SqlStore) -> None:
    store.put_party(MAKER)
    store.put_api_key(replace(KEY, revoked_ms=2_000))
    with pytest.raises(Conflict):
        store.put_api_key(KEY)

    assert store.api_key(KEY.key_id) == replace(KEY, revoked_ms=2_000)


def test_an_api_key_needs_its_party(store: SqlStore) -> None:
    with pytest.raises(Conflict):
        store.put_api_key(KEY)


def test_an_unknown_api_key_cannot_be_revoked(store: SqlStore) -> None:
    with pytest.raises(NotFound, match=KEY.key_id.hex()):
        store.revoke_api_key(KEY.key_id, 2_000)


def test_prefixes_are_replaced_as_a_whole(store: SqlStore) -> None:
    assert store.prefixes() == []
    store.replace_prefixes([entry("0952123"), entry("4012345", "a", "b")], block_number=5)
    store.replace_prefixes([entry("4012345", "b", active=False), entry("0614141")], block_number=6)

    assert store.prefixes() == [entry("0614141"), entry("4012345", "b", active=False)]
    store.replace_prefixes([], block_number=6)
    assert store.prefixes() == []


def test_prefixes_of_an_older_block_do_not_replace_those_of_a_later_one(store: SqlStore) -> None:
    store.replace_prefixes([entry("4012345")], block_number=6)
    store.replace_prefixes([], block_number=5)

    assert store.prefixes() == [entry("4012345")]


def test_a_pinned_fact_is_written_once(store: SqlStore) -> None:
    assert store.pinned("contract") is None
    store.pin("contract", "0xabc")
    store.pin("contract", "0xabc")
    with pytest.raises(Conflict, match="contract: is pinned to '0xabc', cannot become '0xdef'"):
        store.pin("contract", "0xdef")

    assert store.pinned("contract") == "0xabc"


def test_places_are_found_by_a_part_of_a_name_or_of_the_identifier_in_pages(store: SqlStore) -> None:
    docks = [
        MasterData(f"urn:dock:{number}", "place", f"Dock {number}", f"{number}号月台", {})
        for number in range(1, 5)
    ]
    product = MasterData("urn:dock:0", "product", "Dock crane", "月台吊车", {})
    store.put_master_data([product, *docks, MasterData("urn:e", "place", "100_% cold", "", {})])

    def found(text: str, after: str = "", limit: int = 9) -> list[str]:
        return [place.uri for place in store.places(text, after=after, limit=limit)]

    assert found("dOCK 3") == found("3号月") == found("dock:3") == ["urn:dock:3"]
    assert found("dock", limit=2) == ["urn:dock:1", "urn:dock:2"]
    assert found("dock", after="urn:dock:2", limit=2) == ["urn:dock:3", "urn:dock:4"]
    assert found("dock", after="urn:dock:4") == found("crane") == []
    assert found("0_%") == ["urn:e"]  # what LIKE would take for any text
    assert found("_") == ["urn:e"]
    assert len(found("")) == 5


def test_master_data_is_found_by_identifier(store: SqlStore) -> None:
    vaccine = MasterData("urn:a", "product", "Vaccine", "疫苗", {"celsius_min": "2", "celsius_max": "8"})
    depot = MasterData("urn:b", "place", "Depot", "冷库", {})
    store.put_master_data([vaccine, depot])
    store.put_master_data([replace(vaccine, name="Vaccine, 0.5 ml")])
    store.put_master_data([])

    assert store.master_data(["urn:a", "urn:b", "urn:c"]) == {
        "urn:a": replace(vaccine, name="Vaccine, 0.5 ml"),
        "urn:b": depot,
    }
