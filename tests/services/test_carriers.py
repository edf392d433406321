"""The platform of carriers, over a real store: who may do what, and what a device has to prove."""

import pytest

from ledger.carriers import (
    Refused,
    answer_challenge,
    bind_carrier,
    carrier_view,
    challenge_carrier,
    confirm_identifier,
    enrol_carrier,
    get_carrier,
    give_carrier,
    list_bindings,
    list_carriers,
    order_carrier,
    revoke_carrier,
    rotate_key,
    unbind_carrier,
)
from ledger.domain.carriers import Carrier, active_key
from ledger.domain.errors import Conflict, Invalid, NotAllowed, NotFound
from tests.carriers import LOGGER, confirms, public_of, says
from tests.services.world import SSCC, World

ENROLMENT = {"id": LOGGER, "key": public_of("one"), "model": "TL-1"}


def enrolled(world: World) -> Carrier:
    return enrol_carrier(world.node, world.keys["factory"], ENROLMENT)


def challenge(world: World) -> str:
    carrier = challenge_carrier(world.node, world.keys["factory"], LOGGER)
    assert carrier.challenge
    return carrier.challenge.value_hex


def answered(world: World, name: str) -> Carrier:
    answer = says(name, challenge(world), world.clock.now_ms)
    return answer_challenge(world.node, world.keys["factory"], LOGGER, answer)


def test_a_device_is_enrolled_activated_rotated_and_revoked(world: World) -> None:
    factory = world.keys["factory"]
    enrolled(world)
    assert active_key(answered(world, "one"))
    rotate_key(world.node, factory, LOGGER, public_of("two"))
    rotated = active_key(answered(world, "two"))
    assert rotated
    assert rotated.public_hex == public_of("two")
    with pytest.raises(Refused, match="was revoked or replaced"):
        answered(world, "one")
    revoke_carrier(world.node, factory, LOGGER)
    with pytest.raises(Refused, match="was revoked or replaced"):
        answered(world, "two")


def test_each_challenge_is_another_one(world: World) -> None:
    enrolled(world)
    assert challenge(world) != challenge(world)


def test_a_refused_answer_is_counted_and_shown_and_changes_nothing_else(world: World) -> None:
    enrolled(world)
    before = answered(world, "one")
    with pytest.raises(Refused, match="signature is not that of a key of this carrier"):
        answered(world, "thief")

    after = get_carrier(world.node, world.keys["factory"], LOGGER)
    assert (after.keys, after.seen) == (before.keys, before.seen)
    view = carrier_view(after, world.clock.now_ms)
    assert (view["refused"], view["flags"]) == ({"forged": 1}, ["forged"])


def test_only_who_may_speak_for_an_identifier_enrols_it(world: World) -> None:
    with pytest.raises(NotAllowed, match="party carrier may not speak for"):
        enrol_carrier(world.node, world.keys["carrier"], ENROLMENT)
    assert world.node.store.carrier(LOGGER) is None


def test_an_identifier_is_enrolled_once(world: World) -> None:
    enrolled(world)
    with pytest.raises(Conflict, match="is enrolled already"):
        enrolled(world)


def test_the_carrier_of_another_party_is_not_there(world: World) -> None:
    enrolled(world)
    stranger = world.keys["carrier"]
    assert list_carriers(world.node, stranger, limit=10) == []
    for call in (get_carrier, challenge_carrier, revoke_carrier, unbind_carrier, list_bindings):
        with pytest.raises(NotFound, match="your party has no carrier"):
            call(world.node, stranger, LOGGER)
    with pytest.raises(NotFound):
        bind_carrier(world.node, stranger, LOGGER, SSCC)
    with pytest.raises(NotFound):
        give_carrier(world.node, stranger, LOGGER, "carrier")
    with pytest.raises(NotFound):
        rotate_key(world.node, stranger, LOGGER, public_of("two"))
    with pytest.raises(NotFound):
        answer_challenge(world.node, stranger, LOGGER, says("one", "00" * 32, 0))
    assert [c.carrier_id for c in list_carriers(world.node, world.keys["node"], limit=10)] == [LOGGER]


def test_a_carrier_that_is_given_away_is_unbound_and_its_new_owner_s_alone(world: World) -> None:
    enrolled(world)
    bind_carrier(world.node, world.keys["factory"], LOGGER, SSCC)
    world.clock.now_ms += 1_000
    give_carrier(world.node, world.keys["factory"], LOGGER, "carrier")

    with pytest.raises(NotFound):
        get_carrier(world.node, world.keys["factory"], LOGGER)
    (binding,) = list_bindings(world.node, world.keys["carrier"], LOGGER)
    assert binding.until_ms == world.clock.now_ms


def test_a_carrier_is_not_given_to_nobody(world: World) -> None:
    enrolled(world)
    with pytest.raises(NotFound, match="there is no party 'nobody'"):
        give_carrier(world.node, world.keys["factory"], LOGGER, "nobody")


def test_a_carrier_is_bound_to_one_thing_at_a_time(world: World) -> None:
    enrolled(world)
    factory, start = world.keys["factory"], world.clock.now_ms
    bind_carrier(world.node, factory, LOGGER, "(00)095060000000000015")
    world.clock.now_ms += 1_000
    bind_carrier(world.node, factory, LOGGER, "urn:truck:7")
    world.clock.now_ms += 1_000
    unbind_carrier(world.node, factory, LOGGER)

    spans = [
        (b.uri, b.from_ms - start, (b.until_ms or 0) - start)
        for b in list_bindings(world.node, factory, LOGGER)
    ]
    assert spans == [("urn:truck:7", 1_000, 2_000), (SSCC, 0, 1_000)]


@pytest.mark.parametrize("to", [LOGGER, "truck seven"])
def test_a_carrier_is_bound_to_another_thing_that_has_an_identifier(world: World, to: str) -> None:
    enrolled(world)
    with pytest.raises(Invalid):
        bind_carrier(world.node, world.keys["factory"], LOGGER, to)


def test_a_carrier_that_is_not_heard_of_is_flagged_as_silent(world: World) -> None:
    enrolled(world)
    carrier = answered(world, "one")
    world.clock.now_ms += 86_400_001
    assert carrier_view(carrier, world.clock.now_ms)["flags"] == ["silent"]


def test_a_device_is_ordered_from_afar_to_bear_an_identifier_of_its_owner(world: World) -> None:
    enrolled(world)
    answered(world, "one")
    factory = world.keys["factory"]
    with pytest.raises(NotAllowed, match="may not speak for"):
        order_carrier(world.node, factory, LOGGER, "(00)095060010000000014")
    with pytest.raises(Invalid):
        order_carrier(world.node, factory, LOGGER, "crate seven")
    order_carrier(world.node, factory, LOGGER, "(00)095060000000000015")
    confirmation = confirms("one", 1, SSCC, world.clock.now_ms)
    with pytest.raises(NotFound):
        confirm_identifier(world.node, world.keys["carrier"], LOGGER, confirmation)
    with pytest.raises(Refused, match="not the newest order"):
        confirm_identifier(world.node, factory, LOGGER, confirms("one", 2, SSCC, world.clock.now_ms))
    confirm_identifier(world.node, factory, LOGGER, confirmation)

    view = carrier_view(get_carrier(world.node, factory, LOGGER), world.clock.now_ms)
    now_ms = world.clock.now_ms
    assert view["carried"] == [
        {"number": 1, "identifier": SSCC, "ordered_ms": now_ms, "confirmed_ms": now_ms}
    ]
    assert (view["refused"], view["flags"]) == ({"no_order": 1}, ["no_order"])
