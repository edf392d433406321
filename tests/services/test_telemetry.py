"""Messages of carriers, taken in over a real store."""

from collections.abc import Mapping

import pytest

from ledger.carriers import (
    answer_challenge,
    carrier_views,
    challenge_carrier,
    get_carrier,
    revoke_carrier,
    rotate_key,
)
from ledger.domain.canonical_json import JsonValue
from ledger.domain.cold_chain.reading import Reading
from ledger.domain.errors import Invalid, NotFound
from ledger.domain.telemetry import read_messages
from ledger.telemetry import Taken, list_readings, take_messages
from tests.carriers import LOGGER, activate, degrees, public_of, reported, says
from tests.services.world import START_MS, World

HOUR = 3_600_000


@pytest.fixture
def active(world: World) -> World:
    """The factory's logger, its key activated."""
    activate(world)
    return world


def take(world: World, *raw: bytes) -> Taken:
    return take_messages(world.node, read_messages(b"".join(raw)))


def readings(world: World, start_ms: int = 0, stop_ms: int = HOUR) -> list[Reading]:
    told = list_readings(world.node, world.keys["factory"], LOGGER, START_MS + start_ms, START_MS + stop_ms)
    assert not any(each.imported_by for each in told)
    return [each.reading for each in told]


def view(world: World) -> Mapping[str, JsonValue]:
    (shown,) = carrier_views(world.node, [get_carrier(world.node, world.keys["factory"], LOGGER)])
    return shown


def flags_of(world: World) -> list[JsonValue]:
    flags = view(world)["flags"]
    assert isinstance(flags, list)
    return flags


def test_readings_are_kept_in_order_of_time_however_they_come(active: World) -> None:
    active.clock.now_ms += HOUR
    now = active.clock.now_ms
    late = reported("one", 1, now, *degrees(START_MS, 4.1, 4.2))
    early = reported("one", 3, now, *degrees(START_MS + 240_000, 4.5))
    between = reported("one", 2, now, *degrees(START_MS + 120_000, 4.3, 4.4))
    assert take(active, early, late).outcomes == ("accepted", "accepted")
    assert take(active, between).outcomes == ("accepted",)
    assert readings(active) == degrees(START_MS, 4.1, 4.2, 4.3, 4.4, 4.5)
    assert readings(active, 60_000, 120_000) == degrees(START_MS + 60_000, 4.2)


def test_readings_of_several_days_and_hundreds_of_messages_are_read_whole(active: World) -> None:
    active.clock.now_ms += 5 * 24 * HOUR
    expected = [degrees(START_MS + n * 600_000, n / 100)[0] for n in range(700)]
    messages = [reported("one", n, active.clock.now_ms, reading) for n, reading in enumerate(expected)]
    take(active, *messages)
    assert readings(active, 0, 5 * 24 * HOUR) == expected


def test_a_message_sent_again_counts_once_in_one_request_or_in_two(active: World) -> None:
    message = reported("one", 1, START_MS, *degrees(START_MS, 4))
    assert take(active, message, message).outcomes == ("accepted", "repeated")
    assert take(active, message).outcomes == ("repeated",)
    assert readings(active) == degrees(START_MS, 4)
    shown = view(active)
    assert (shown["telemetry"], shown["flags"]) == (
        {"messages": 1, "missing": 0, "newest_ms": START_MS, "refused": {"repeated": 2}},
        [],
    )


def test_forged_retimed_reused_and_revoked_messages_are_counted_shown_and_change_nothing(
    active: World,
) -> None:
    good = reported("one", 1, START_MS, *degrees(START_MS, 4))
    take(active, good)
    before = view(active)
    retimed = bytearray(reported("one", 2, START_MS, *degrees(START_MS, 5)))
    retimed[-70] ^= 1  # in the time of the reading
    bad = (
        reported("thief", 3, START_MS, *degrees(START_MS, 30)),
        bytes(retimed),
        reported("one", 1, START_MS, *degrees(START_MS, 6)),
        reported("one", 4, START_MS + HOUR, *degrees(START_MS + HOUR, 7)),
    )
    taken = take(active, *bad)
    assert taken.outcomes == ("forged", "forged", "reused_sequence", "mistimed")
    assert [problem.pointer for problem in taken.refused] == ["/0", "/1", "/2", "/3"]
    revoke_carrier(active.node, active.keys["factory"], LOGGER)
    assert take(active, reported("one", 5, START_MS, *degrees(START_MS, 8))).outcomes == ("revoked_key",)

    after = view(active)
    assert readings(active) == degrees(START_MS, 4)
    assert after["seen"] == before["seen"]
    telemetry = {"messages": 1, "missing": 0, "newest_ms": START_MS}
    refused = {"forged": 2, "reused_sequence": 1, "mistimed": 1, "revoked_key": 1}
    assert after["telemetry"] == telemetry | {"refused": refused}
    assert after["flags"] == ["no_key", "forged", "revoked_key", "reused_sequence", "mistimed"]


def test_one_device_s_messages_go_together_in_whatever_order_they_come(active: World) -> None:
    active.clock.now_ms += HOUR
    messages = [reported("one", n, START_MS + n * 1000, *degrees(START_MS, n)) for n in range(8)]
    for order in ((3, 1), (0,), (7, 2), (6, 4, 5)):
        take(active, *(messages[n] for n in order))
    clock_put_right = reported("one", 8, START_MS - 30_000, *degrees(START_MS - 60_000, 4))
    take(active, clock_put_right)
    assert "two_places" not in flags_of(active)


@pytest.mark.parametrize("number", [7, 2000])
def test_two_devices_with_one_key_are_flagged_though_each_keeps_its_numbers(
    active: World, number: int
) -> None:
    active.clock.now_ms += HOUR
    take(active, reported("one", 1000, START_MS + 120_000, *degrees(START_MS, 4)))
    made_ms = START_MS + (150_000 if number < 1000 else 0)
    copy = reported("one", number, made_ms, *degrees(START_MS - 60_000, 4))
    assert take(active, copy).outcomes == ("accepted",)
    assert "two_places" in flags_of(active)


def test_a_carrier_with_an_sm2_key_sends_rotates_and_is_revoked(world: World) -> None:
    factory = world.keys["factory"]
    activate(world, "sm2 one")
    first = reported("sm2 one", 1, START_MS, *degrees(START_MS, 4))
    altered = bytes([*first[:-1], first[-1] ^ 1])
    assert take(world, first, first, altered).outcomes == ("accepted", "repeated", "forged")

    rotate_key(world.node, factory, LOGGER, public_of("sm2 two"))
    second = reported("sm2 two", 2, START_MS, *degrees(START_MS - 60_000, 5))
    assert take(world, second).outcomes == ("inactive_key",)
    challenge = challenge_carrier(world.node, factory, LOGGER).challenge
    assert challenge
    answer_challenge(world.node, factory, LOGGER, says("sm2 two", challenge.value_hex, START_MS))
    assert take(world, second, reported("sm2 one", 3, START_MS, *degrees(START_MS, 6))).outcomes == (
        "accepted",
        "revoked_key",
    )
    assert readings(world, -HOUR) == degrees(START_MS - 60_000, 5, 4)

    revoke_carrier(world.node, factory, LOGGER)
    assert take(world, reported("sm2 two", 4, START_MS, *degrees(START_MS, 7))).outcomes == ("revoked_key",)
    shown = view(world)["keys"]
    assert isinstance(shown, list)
    assert [key["algorithm"] for key in shown if isinstance(key, dict)] == ["SM2", "SM2"]


def test_good_messages_count_beside_bad_ones(active: World) -> None:
    bad = reported("thief", 1, START_MS, *degrees(START_MS, 30))
    good = reported("one", 1, START_MS, *degrees(START_MS, 4))
    assert take(active, bad, good).outcomes == ("forged", "accepted")
    assert readings(active) == degrees(START_MS, 4)


def test_a_message_of_an_unknown_carrier_is_refused_and_kept_nowhere(world: World) -> None:
    taken = take(world, reported("one", 1, START_MS, *degrees(START_MS, 4)))
    assert taken.outcomes == ("unknown_carrier",)
    assert world.node.store.heard([LOGGER]) == {}


def test_a_carrier_is_seen_with_its_newest_message_and_what_never_came_is_missing(active: World) -> None:
    active.clock.now_ms += HOUR
    now = active.clock.now_ms
    take(active, reported("one", 9, now - 500, *degrees(now - 500, 4), battery=12))
    active.clock.now_ms += 1_000
    take(active, reported("one", 5, now - HOUR, *degrees(now - HOUR, 4), battery=99))  # back-filled
    shown = view(active)
    assert shown["seen"] == {"at_ms": now, "drift_ms": -500, "battery": 12}
    assert shown["flags"] == ["battery_low", "missing_messages"]
    telemetry = shown["telemetry"]
    assert isinstance(telemetry, dict)
    assert (telemetry["messages"], telemetry["missing"], telemetry["newest_ms"]) == (2, 3, now - 500)


def test_readings_are_for_the_carrier_s_party(active: World) -> None:
    with pytest.raises(NotFound):
        list_readings(active.node, active.keys["carrier"], LOGGER, 0, 1)
    with pytest.raises(Invalid, match="400 days"):
        list_readings(active.node, active.keys["factory"], LOGGER, 0, START_MS)
