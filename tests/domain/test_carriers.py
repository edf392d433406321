import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ledger.domain.carriers import (
    CARRIED_MAX,
    CHALLENGE_MS,
    Answer,
    Carried,
    Carrier,
    Device,
    Refusal,
    active_key,
    answer_text,
    carrier_from_json,
    carrier_to_json,
    carries_text,
    enrol,
    flags,
    issue_challenge,
    offer_key,
    order_identifier,
    parse_answer,
    parse_confirmation,
    parse_enrolment,
    revoke_keys,
    take_answer,
    take_confirmation,
    transfer,
)
from ledger.domain.errors import Conflict, Invalid
from ledger.domain.sm2 import signature_to_der
from tests.carriers import LOGGER, answer_of, confirms, public_of, says

NOW = 1_795_363_200_000
DEVICE = Device("TL-1", "861234567890123", "89860012345678901234", "CAL-7", NOW + 1000, 3600)
SSCC, CRATE = "https://id.gs1.org/00/095060000000000015", "urn:crate:7"
FIRST, SECOND = b"\x01" * 32, b"\x02" * 32


def challenged(value: bytes = FIRST, carrier: Carrier | None = None) -> Carrier:
    return issue_challenge(carrier or enrol(LOGGER, "cold", DEVICE, public_of("one"), NOW), value, NOW)


def activated() -> Carrier:
    carrier, refusal = take_answer(challenged(), answer_of("one", FIRST.hex(), NOW), NOW)
    assert refusal is None
    return carrier


def active_public(carrier: Carrier) -> str | None:
    key = active_key(carrier)
    return key.public_hex if key else None


def test_a_key_counts_once_the_device_has_answered_a_challenge_with_it() -> None:
    assert active_public(challenged()) is None
    carrier = activated()
    assert active_public(carrier) == public_of("one")
    assert carrier.seen is not None
    assert (carrier.seen.at_ms, carrier.seen.battery_percent) == (NOW, 80)


def refused(carrier: Carrier, answer: Answer, now_ms: int = NOW) -> Refusal | None:
    after, refusal = take_answer(carrier, answer, now_ms)
    if refusal:
        # Nothing but the count has changed.
        assert replace(after, refusals=carrier.refusals) == carrier
        assert after.refusals[refusal] == carrier.refusals.get(refusal, 0) + 1
    return refusal


def test_an_answer_by_another_key_is_forged() -> None:
    assert refused(challenged(), answer_of("thief", FIRST.hex(), NOW)) == "forged"


@pytest.mark.parametrize(
    "change",
    [
        {"device_ms": NOW + 1},
        {"battery_percent": 100},
        {"battery_percent": None},
        {"challenge_hex": SECOND.hex()},
        {"public_hex": public_of("thief")},
        {"signature": b""},
        {"signature": bytes(64)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_answer_with_anything_changed_is_forged(change: dict[str, Any]) -> None:
    assert refused(challenged(), replace(answer_of("one", FIRST.hex(), NOW), **change)) == "forged"


def test_an_answer_to_another_carrier_s_challenge_is_forged() -> None:
    elsewhere = parse_answer(says("one", FIRST.hex(), NOW, to=LOGGER + "0"))
    assert refused(challenged(), elsewhere) == "forged"


def test_an_sm2_key_answers_with_r_and_s_or_der_and_replaces_an_ed25519_key() -> None:
    carrier = challenged(SECOND, offer_key(activated(), public_of("sm2 two"), NOW))
    said = says("sm2 two", SECOND.hex(), NOW)
    der = {"signature": signature_to_der(bytes.fromhex(said["signature"])).hex()}
    for answer in (parse_answer(said), parse_answer(said | der)):
        assert refused(carrier, answer) is None
        rotated, _ = take_answer(carrier, answer, NOW)
        assert [(key.algorithm, key.retired_ms) for key in rotated.keys] == [("Ed25519", NOW), ("SM2", None)]
        assert refused(carrier, replace(answer, device_ms=NOW + 1)) == "forged"
        assert refused(carrier, replace(answer, signature=bytes(64))) == "forged"
    assert refused(carrier, answer_of("sm2 thief", SECOND.hex(), NOW)) == "forged"


def test_a_signature_of_an_sm2_key_that_is_neither_of_the_two_is_said_to_be_so() -> None:
    with pytest.raises(Invalid, match=r"neither r \|\| s of 64 bytes nor DER"):
        parse_answer(says("sm2 one", FIRST.hex(), NOW) | {"signature": "00" * 63})


def test_an_answer_counts_once() -> None:
    answer = answer_of("one", FIRST.hex(), NOW)
    assert refused(activated(), answer) == "replayed"
    assert refused(challenged(SECOND, activated()), answer) == "replayed"


def test_an_answer_that_nobody_asked_for_is_refused() -> None:
    assert refused(activated(), answer_of("one", SECOND.hex(), NOW)) == "no_challenge"
    assert refused(challenged(SECOND), answer_of("one", FIRST.hex(), NOW)) == "no_challenge"


def test_a_challenge_can_be_answered_until_it_expires() -> None:
    answer = answer_of("one", FIRST.hex(), NOW)
    assert refused(challenged(), answer, NOW + CHALLENGE_MS) is None
    assert refused(challenged(), answer, NOW + CHALLENGE_MS + 1) == "expired"


def test_the_old_key_works_until_the_new_one_has_answered() -> None:
    carrier = offer_key(activated(), public_of("two"), NOW)
    assert active_public(carrier) == public_of("one")
    assert refused(challenged(SECOND, carrier), answer_of("one", SECOND.hex(), NOW)) is None

    rotated, refusal = take_answer(
        challenged(SECOND, carrier), answer_of("two", SECOND.hex(), NOW + 5), NOW + 5
    )
    assert refusal is None
    assert active_public(rotated) == public_of("two")
    third = b"\x03" * 32
    assert refused(challenged(third, rotated), answer_of("one", third.hex(), NOW)) == "revoked_key"


def test_the_old_key_s_answer_leaves_the_new_one_on_offer() -> None:
    carrier = challenged(SECOND, offer_key(activated(), public_of("two"), NOW))
    carrier, _ = take_answer(carrier, answer_of("one", SECOND.hex(), NOW), NOW)
    third = b"\x03" * 32
    carrier, refusal = take_answer(challenged(third, carrier), answer_of("two", third.hex(), NOW), NOW)
    assert (refusal, active_public(carrier)) == (None, public_of("two"))


def test_a_key_that_was_offered_and_replaced_before_it_answered_never_counts() -> None:
    carrier = challenged(SECOND, offer_key(challenged(), public_of("two"), NOW))
    assert refused(carrier, answer_of("one", SECOND.hex(), NOW)) == "revoked_key"


def test_a_key_is_never_offered_twice() -> None:
    with pytest.raises(Conflict, match="has or had this key already"):
        offer_key(revoke_keys(activated(), NOW), public_of("one"), NOW)


def test_a_carrier_has_a_limit_of_keys() -> None:
    carrier = activated()
    for number in range(49):
        carrier = offer_key(carrier, public_of(str(number)), NOW)
    with pytest.raises(Conflict, match="had 50 keys"):
        offer_key(carrier, public_of("more"), NOW)


def test_after_a_revocation_no_key_counts_and_an_open_challenge_neither() -> None:
    carrier = revoke_keys(challenged(SECOND, activated()), NOW)
    assert active_key(carrier) is None
    assert refused(carrier, answer_of("one", SECOND.hex(), NOW)) == "revoked_key"
    carrier = challenged(SECOND, offer_key(carrier, public_of("two"), NOW))
    assert refused(carrier, answer_of("two", SECOND.hex(), NOW)) is None


def test_a_revoked_key_keeps_the_time_when_it_was_revoked_first() -> None:
    once = revoke_keys(activated(), NOW + 1)
    assert revoke_keys(once, NOW + 2).keys == once.keys


def test_a_carrier_that_was_given_away_keeps_its_key_and_no_challenge() -> None:
    carrier = transfer(challenged(SECOND, activated()), "other")
    assert (carrier.party_id, active_public(carrier)) == ("other", public_of("one"))
    assert refused(carrier, answer_of("one", SECOND.hex(), NOW)) == "no_challenge"


def test_flags_say_what_is_odd_and_from_when_on() -> None:
    assert flags(challenged(), NOW) == ("no_key", "never_seen")
    carrier = activated()
    assert flags(carrier, NOW + 1000) == ()
    assert flags(carrier, NOW + 1001) == ("calibration_expired",)
    later = replace(carrier, device=replace(DEVICE, calibrated_until_ms=None))
    assert flags(later, NOW + 3_600_000) == ()
    assert flags(later, NOW + 3_600_001) == ("silent",)


@pytest.mark.parametrize(("drift_ms", "odd"), [(60_000, False), (60_001, True), (-60_001, True)])
def test_a_clock_that_is_off_is_flagged(drift_ms: int, odd: bool) -> None:
    carrier, _ = take_answer(challenged(), answer_of("one", FIRST.hex(), NOW + drift_ms), NOW)
    assert ("clock_drift" in flags(carrier, NOW)) == odd


@pytest.mark.parametrize(("battery", "low"), [(16, False), (15, True), (0, True), (None, False)])
def test_a_low_battery_is_flagged_and_one_that_was_not_told_is_not(battery: int | None, low: bool) -> None:
    carrier, _ = take_answer(challenged(), answer_of("one", FIRST.hex(), NOW, battery), NOW)
    assert ("battery_low" in flags(carrier, NOW)) == low


def test_forged_and_replayed_answers_and_revoked_keys_stay_flagged() -> None:
    carrier = activated()
    for name in ("one", "thief"):
        carrier, _ = take_answer(carrier, answer_of(name, FIRST.hex(), NOW), NOW)
    carrier, _ = take_answer(revoke_keys(carrier, NOW), answer_of("one", SECOND.hex(), NOW), NOW)
    assert flags(carrier, NOW) == ("no_key", "replayed", "forged", "revoked_key")
    assert carrier.refusals == {"replayed": 1, "forged": 1, "revoked_key": 1}


@pytest.mark.parametrize("carrier", [challenged(), activated(), revoke_keys(activated(), NOW)])
def test_a_carrier_that_was_written_is_read_as_it_was(carrier: Carrier) -> None:
    assert carrier_from_json(carrier_to_json(carrier)) == carrier


def test_an_enrolment_is_read_with_its_identifier_in_canonical_form() -> None:
    enrolment = {"id": "urn:epc:id:giai:9506000.LOGGER1", "key": public_of("one").upper(), "model": "TL-1"}
    assert parse_enrolment(enrolment) == (LOGGER, Device("TL-1"), public_of("one"))


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"id": "logger 1"}, "/id"),
        ({"id": 5}, "/id"),
        ({"id": "https://id.gs1.org/01/09506000134353/21/A"}, "/id"),  # wrong check digit
        ({"key": "ab"}, "/key"),
        ({"key": None}, "/key"),
        ({"model": " "}, "/model"),
        ({"sim": "9" * 201}, "/sim"),
        ({"silent_after_seconds": True}, "/silent_after_seconds"),
        ({"silent_after_seconds": 59}, "/silent_after_seconds"),
        ({"calibrated_until_ms": 1.5}, "/calibrated_until_ms"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_what_is_wrong_with_an_enrolment_is_said_at_its_place(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_enrolment({"id": LOGGER, "key": public_of("one"), "model": "TL-1", **change})
    assert [problem.pointer for problem in caught.value.problems] == [pointer]


@pytest.mark.parametrize(
    "change",
    [
        {"battery": 101},
        {"battery": True},
        {"time": -1},
        {"time": "now"},
        {"challenge": "x"},
        {"signature": 5},
        {"key": "ab"},
        {"place": "here"},
    ],
    ids=str,
)
def test_what_is_no_answer_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        parse_answer(says("one", FIRST.hex(), NOW) | change)


def ordered(*uris: str) -> Carrier:
    carrier = activated()
    for uri in uris:
        carrier = order_identifier(carrier, uri, NOW)
    return carrier


def confirmed(carrier: Carrier, name: str, number: int, uri: str) -> tuple[Carrier, Refusal | None]:
    return take_confirmation(carrier, parse_confirmation(confirms(name, number, uri, NOW + 5)), NOW + 7)


def test_an_identifier_counts_once_the_device_has_confirmed_the_newest_order() -> None:
    carrier = ordered(SSCC)
    assert flags(carrier, NOW) == ("identifier_pending",)
    carrier, refusal = confirmed(carrier, "one", 1, SSCC)
    assert (refusal, flags(carrier, NOW)) == (None, ())
    assert carrier.carried == (Carried(1, SSCC, NOW, NOW + 7),)
    assert carrier.seen
    assert (carrier.seen.drift_ms, carrier.seen.battery_percent) == (-2, 80)

    again, refusal = confirmed(carrier, "one", 1, SSCC)
    assert (again, refusal) == (carrier, None)
    with pytest.raises(Conflict, match=r"bears .* already"):
        order_identifier(carrier, SSCC, NOW)
    assert carrier_from_json(carrier_to_json(carrier)) == carrier


def test_an_order_takes_the_place_of_one_that_was_not_confirmed_under_a_new_number() -> None:
    carrier = ordered(SSCC, CRATE)
    assert carrier.carried == (Carried(2, CRATE, NOW),)
    assert confirmed(carrier, "one", 1, SSCC)[1] == "no_order"
    assert confirmed(carrier, "one", 1, CRATE)[1] == "no_order"
    carrier, refusal = confirmed(carrier, "one", 2, CRATE)
    assert refusal is None
    carrier = order_identifier(carrier, SSCC, NOW)
    assert [(carried.number, carried.uri) for carried in carrier.carried] == [(2, CRATE), (3, SSCC)]


def test_the_newest_identifiers_are_kept() -> None:
    carrier = activated()
    for n in range(1, CARRIED_MAX + 3):
        carrier, _ = confirmed(order_identifier(carrier, f"urn:crate:{n}", NOW), "one", n, f"urn:crate:{n}")
    assert [carried.number for carried in carrier.carried] == list(range(3, CARRIED_MAX + 3))


@pytest.mark.parametrize(
    ("name", "change", "refusal"),
    [
        ("thief", {}, "forged"),
        ("one", {"identifier": "urn:crate:8"}, "forged"),
        ("one", {"number": 2}, "forged"),
        ("one", {"time": NOW}, "forged"),
        ("two", {}, "inactive_key"),
    ],
)
def test_a_confirmation_that_proves_nothing_is_counted_and_changes_nothing_else(
    name: str, change: dict[str, Any], refusal: Refusal
) -> None:
    carrier = offer_key(ordered(SSCC), public_of("two"), NOW)
    confirmation = parse_confirmation(confirms(name, 1, SSCC, NOW + 5) | change)
    after, why = take_confirmation(carrier, confirmation, NOW + 7)
    assert (why, after) == (refusal, replace(carrier, refusals={refusal: 1}))
    revoked = revoke_keys(carrier, NOW)
    assert confirmed(revoked, "one", 1, SSCC)[1] == "revoked_key"


@pytest.mark.parametrize(
    "change",
    [{"number": -1}, {"number": True}, {"time": "1"}, {"identifier": 7}, {"signature": "xy"}, {"more": 1}],
)
def test_what_is_no_confirmation_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        parse_confirmation(confirms("one", 1, SSCC, NOW) | change)


def test_the_confirmation_in_formats_md_is_the_one_that_the_code_signs() -> None:
    text = (Path(__file__).parents[2] / "ledger/FORMATS.md").read_text()
    section = text[text.index("**Another identifier.**") : text.index(" Message of a carrier")]
    (signed,) = re.findall(r"```\n(.*?)```", section, re.S)
    *_, key = signed.splitlines()
    assert signed.encode() == carries_text(LOGGER, 1, SSCC, NOW, key)


def test_the_answer_in_formats_md_is_the_one_that_the_code_signs() -> None:
    text = (Path(__file__).parents[2] / "ledger/FORMATS.md").read_text()
    section = text[text.index(" Answer of a carrier") : text.index(" Message of a carrier")]
    signed, sent, _ = re.findall(r"```\w*\n(.*?)```", section, re.S)
    answer = json.loads(sent)
    expected = answer_text(LOGGER, answer["challenge"], answer["time"], answer["battery"], answer["key"])
    assert signed.encode() == expected
    carrier = challenged(bytes.fromhex(answer["challenge"]))
    assert take_answer(carrier, parse_answer(answer), NOW)[1] is None
