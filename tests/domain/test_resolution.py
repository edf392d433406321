"""Resolution, the pure part: who answers, how long an answer holds, and where a question stops."""

from typing import Any

import pytest

from ledger.domain import canonical_json
from ledger.domain.anchor import NO_ANCHOR, Anchor
from ledger.domain.bundle import Bundle, ItemProof, Placement, ProvenEvent
from ledger.domain.checkpoint import LogKey
from ledger.domain.commitment import LeafEntry, item_key
from ledger.domain.errors import Invalid
from ledger.domain.item_map import MapProof
from ledger.domain.records import Data, Kept, Value, change_body
from ledger.domain.registry import NO_LOG, NO_NODE, Change, ChangeKind, RegistryState
from ledger.domain.resolution import (
    HISTORY_TTL_SECONDS,
    HOPS_MAX,
    TTL_SECONDS_MAX,
    UNPROVEN_TTL_SECONDS,
    Answer,
    LoopDetected,
    PrefixInactive,
    Route,
    Told,
    compare,
    extend_via,
    find_route,
    read_told,
    ttl_seconds,
    write_told,
)

URI = "hdl:88.118.1001/tea"
LOG, OTHER_LOG = b"\1" * 32, b"\2" * 32
KEY = LogKey("maker.example/log", bytes(32))
NOW_MS = 1_795_363_200_000  # 2026-11-22T16:00:00Z


def url(target: str = "https://maker.example/tea", **fields: Any) -> Value:
    return Value(1, "URL", Data("string", target), **fields)


# --- who answers


def registry(*more: tuple[ChangeKind, str, str, bytes]) -> RegistryState:
    """88, 88.118 and 88.118.1001 below the root of handles, and then: kind, prefix, endpoint, log."""
    texts = ("", "88", "88.118", "88.118.1001")
    allocated = [
        ("allocated", text, text, above.encode().ljust(32, b"-") if text else NO_NODE)
        for text, above in zip(texts, ("", *texts), strict=False)
    ]
    changes = [
        Change(n, 0, b"", b"", 0, kind, node.encode().ljust(32, b"-"), b"o" * 20, other, "handle", text)
        for n, (kind, node, text, other) in enumerate([*allocated, *more])
    ]
    return RegistryState().after(changes)


def test_the_longest_prefix_that_names_a_node_or_a_log_answers() -> None:
    own = ("endpoint_set", "88.118.1001", "https://maker.example", LOG)
    above = ("endpoint_set", "88.118", "https://node.example", OTHER_LOG)
    route = find_route(registry(own, above), URI)
    assert (route.endpoint, route.log_id) == ("https://maker.example", LOG)
    assert find_route(registry(own), URI) == route
    inherited = find_route(registry(above), URI)
    assert (inherited.endpoint, inherited.log_id) == ("https://node.example", OTHER_LOG)
    for found in (route, inherited):
        assert found.prefix
        assert found.prefix.text == "88.118.1001"
    assert find_route(registry(), URI).is_unserved
    assert find_route(RegistryState(), URI) == Route(None, "", NO_LOG)


@pytest.mark.parametrize(("kind", "word"), [("suspended", "suspended"), ("revoked", "revoked")])
@pytest.mark.parametrize("prefix", ["88", "88.118.1001"])
def test_nothing_is_resolved_below_a_prefix_that_is_not_in_force(
    kind: ChangeKind, word: str, prefix: str
) -> None:
    with pytest.raises(PrefixInactive, match=f"handle {prefix} is {word}"):
        find_route(registry((kind, prefix, "", b"")), URI)


# --- where a question stops


def test_a_question_that_comes_back_is_stopped() -> None:
    once = extend_via("1.1 proxy.example (nginx), 1.1", "suyuan-a")
    twice = extend_via(once, "suyuan-b")
    assert twice == "1.1 proxy.example (nginx), 1.1, 1.1 suyuan-a, 1.1 suyuan-b"
    for name in ("suyuan-a", "suyuan-b"):
        with pytest.raises(LoopDetected):
            extend_via(twice, name)


def test_a_question_passes_few_others() -> None:
    via = ""
    for number in range(HOPS_MAX):
        via = extend_via(via, f"suyuan-{number}")
    for long in (via, "x" * 1001):
        with pytest.raises(LoopDetected):
            extend_via(long, "suyuan-last")


# --- what a node tells


@pytest.mark.parametrize(
    "told", [Told(), Told(3, 7, (url(), url(ttl=5, permissions="1010"))[:1]), Told(4, 9)]
)
def test_what_is_told_is_read(told: Told) -> None:
    assert read_told(canonical_json.encode(write_told(URI, KEY, told)), URI) == (KEY, told)


@pytest.mark.parametrize(
    "change",
    [
        {"id": "hdl:88.118.1001/other"},
        {"logPublicKey": "maker.example/log"},
        {"logPublicKey": None},
        {"version": -1},
        {"version": True},
        {"logIndex": "1"},
        {"values": None},
        {"values": [{}]},
    ],
)
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        read_told(canonical_json.encode(write_told(URI, KEY, Told(1, 2, (url(),))) | change), URI)


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b"<html>", b"\xff", b"[" * 100_000])
def test_what_is_no_answer_is_refused(raw: bytes) -> None:
    with pytest.raises(Invalid):
        read_told(raw, URI)


# --- how it stands


def bundle(*bodies: dict[str, Any] | None) -> Bundle:
    """Of a log of 100 entries, in which these are the entries 10, 11, ...; None is withheld."""
    entry = LeafEntry(bytes(32), 0, bytes(32), 1, bytes(32))
    events = tuple(
        ProvenEvent(10 + n, entry, body, None if body is None else bytes(32), None, ())
        for n, body in enumerate(bodies)
    )
    anchor = Anchor(1, bytes(20), LOG, 5, NO_ANCHOR, 100, bytes(32), bytes(32))
    item = ItemProof(item_key(URI), len(events), bytes(32), MapProof((), None))
    return Bundle(URI, item, anchor, anchor.hash, Placement(bytes(32), 1, bytes(32)), "", events)


def changed(version: int, *values: Value) -> dict[str, Any]:
    body = change_body("urn:uuid:1", URI, version, [Kept(value, None) for value in values])
    read: dict[str, Any] = canonical_json.parse(body)  # type: ignore[assignment]
    return read


SEEN = {"type": "ObjectEvent", "epcList": [URI]}
FIRST, SECOND = Told(1, 10, (url(),)), Told(2, 11, (url("https://maker.example/new"),))
LOGGED = bundle(changed(1, *FIRST.values), changed(2, *SECOND.values), SEEN)


def test_what_the_log_holds_is_proven() -> None:
    assert compare(SECOND, LOGGED) == Answer("proven", "", SECOND, 1, 5, 100)
    assert compare(Told(), bundle()) == Answer("proven", "", Told(), 0, 5, 100)
    assert not compare(Told(), bundle()).is_known
    deleted = bundle(changed(1, url()), changed(2))
    assert compare(Told(2, 11), deleted) == Answer("proven", "", Told(2, 11), 0, 5, 100)


def test_what_is_not_in_the_log_yet_is_unproven() -> None:
    answer = compare(Told(3, 100, (url(),)), LOGGED)
    assert (answer.standing, answer.told.version) == ("unproven", 3)
    assert "waits for the next anchor" in answer.reason


@pytest.mark.parametrize(
    "told",
    [
        Told(2, 11, (url("https://evil.example"),)),
        Told(2, 11),
        Told(2, 12, SECOND.values),
        Told(3, 99, (url(),)),  # the log holds no third version up to its anchor
    ],
)
def test_what_the_log_holds_otherwise_is_refuted(told: Told) -> None:
    answer = compare(told, LOGGED)
    assert (answer.standing, answer.told) == ("refuted", told)


def test_a_record_that_was_changed_after_it_was_told_is_that_of_the_log() -> None:
    assert compare(FIRST, LOGGED) == compare(SECOND, LOGGED)
    assert compare(Told(), LOGGED) == compare(SECOND, LOGGED)


def test_a_withheld_entry_may_be_a_change() -> None:
    assert compare(FIRST, bundle(changed(1, *FIRST.values), None)).standing == "unproven"
    assert compare(SECOND, bundle(None, changed(2, *SECOND.values))).standing == "proven"


@pytest.mark.parametrize("body", [{"version": "1"}, {"values": None}, {"values": [1]}, {"values": [{}]}])
def test_an_entry_of_a_log_that_is_no_record_proves_nothing(body: dict[str, Any]) -> None:
    answer = compare(Told(1, 10, (url(),)), bundle(changed(1, url()) | body))
    assert answer.standing == "unproven"


# --- how long it holds


@pytest.mark.parametrize(
    ("ttls", "expected"),
    [
        ((86_400,), 86_400),
        ((600, 30), 30),
        ((0,), 0),
        ((2**31 - 1,), TTL_SECONDS_MAX),
        (("2026-11-22T16:05:00Z",), 300),
        (("2026-11-22T15:00:00Z",), 0),
        (("2027-13-41T99:00:00Z",), 0),
    ],
)
def test_a_proven_record_holds_as_long_as_its_shortest_value(
    ttls: tuple[int | str, ...], expected: int
) -> None:
    values = tuple(url(ttl=ttl) for ttl in ttls)
    assert ttl_seconds(Answer("proven", "", Told(1, 1, values)), NOW_MS) == expected


def test_what_may_change_soon_is_asked_again_soon() -> None:
    assert ttl_seconds(Answer("proven"), NOW_MS) == HISTORY_TTL_SECONDS
    assert ttl_seconds(Answer("unproven", "", Told(1, 1, (url(),))), NOW_MS) == UNPROVEN_TTL_SECONDS
    assert ttl_seconds(Answer("refuted", "", Told(1, 1, (url(),))), NOW_MS) == UNPROVEN_TTL_SECONDS
