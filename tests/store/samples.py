"""Made-up rows, each a pure function of its number."""

from hashlib import sha256

from ledger.domain.anchor import NO_ANCHOR, Anchor
from ledger.ports import CaptureJob, EventIdentity, ItemLink, SignedTx, Store, StoredEvent


def digest(*name: object) -> bytes:
    return sha256(repr(name).encode()).digest()


def event(
    log_index: int,
    event_id: str | None = None,
    declared_ms: int | None = None,
    recorded_at_ms: int | None = None,
) -> StoredEvent:
    return StoredEvent(
        log_index=log_index,
        identity=EventIdentity(event_id or f"urn:uuid:{log_index}", declared_ms),
        event_type="ObjectEvent",
        event_time_ms=1_600_000_000_000 + log_index,
        recorded_at_ms=1_700_000_000_000 + log_index if recorded_at_ms is None else recorded_at_ms,
        action="OBSERVE",
        biz_step="shipping",
        disposition=None,
        read_point="https://id.gs1.org/414/4012345000115",
        biz_location=None,
        party_id="maker",
        submitter_key_id=digest("key"),
        ids_count=1,
        ids_root=digest("ids", log_index),
        commitment=digest("commitment", log_index),
        leaf_hash=digest("leaf", log_index),
        event_hash=f"ni:///sha-256;{digest('hash', log_index).hex()}?ver=CBV2.0",
        event_hash_21=f"ni:///sha-256;{digest('hash', log_index).hex()}?ver=CBV2.1",
        body=f'{{"苗":{log_index}}}'.encode(),
        salt=digest("salt", log_index),
        capture_id="capture-1",
    )


def link(item: str, role: str = "epc") -> ItemLink:
    return ItemLink(digest("item", item), f"https://id.gs1.org/01/09521234543213/21/{item}", role)


def job(capture_id: str, success: bool = True) -> CaptureJob:
    return CaptureJob(capture_id, "maker", 1_000, 1_005, success, "rollback", "[]", "receipt\n")


def capture(store: Store, *items_of_events: str) -> None:
    """Append one event for each argument, about the items that its letters name."""
    with store.append() as append:
        indices = range(append.size, append.size + len(items_of_events))
        events = zip(indices, items_of_events, strict=True)
        append.add([(event(index), [link(item) for item in items]) for index, items in events])


def anchor(number: int, size: int) -> Anchor:
    return Anchor(
        chain_id=1337,
        contract=digest("contract")[:20],
        log_id=digest("log"),
        number=number,
        previous=digest("anchor", number - 1) if number > 1 else NO_ANCHOR,
        size=size,
        log_root=digest("log root", number),
        map_root=digest("map root", number),
    )


def tx(number: int, bump: int = 0) -> SignedTx:
    return SignedTx(digest("tx", number, bump), b"\x02raw" + bytes([number, bump]), number - 1, 10**9 + bump)
